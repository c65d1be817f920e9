"""Messages on their way: in the cause's transaction, in order, held, refused, sent again, given up."""

import threading
from typing import Any
from uuid import UUID

import pytest
from django.db import connection, transaction
from msgspec.structs import replace

from chuanyu.exchange import actions, envelope, handlers, installed, queries
from chuanyu.exchange.actions import NotGranted
from chuanyu.exchange.errors import ExchangeError
from chuanyu.exchange.models import Inbox, Outbox
from chuanyu.identity import vault
from chuanyu.identity.actor import SYSTEM, Actor
from chuanyu.identity.here import here as acting
from chuanyu.identity.models import Reveal
from link import Link

NUMBER = "500000198506150044"
OFFICER = Actor(kind="staff", user="officer-hrss", node="sichuan", agency="hrss", roles=frozenset({"officer"}))


def send(stream: str = "case-1", *, person: UUID | None = None, **change: Any) -> UUID:
    """A case message from Sichuan's social security to Chongqing's, with some parts changed."""
    parts: dict[str, Any] = {
        "to_agency": "chongqing/hrss",
        "from_agency": "sichuan/hrss",
        "service": "pension_transfer",
        "action": "case.events",
        "person": person,
        "purpose": "pension_transfer",
        "basis": ["gbf-2009-66"],
        "document": {"n": 1},
        "fields": ["application"],
        "stream": stream,
    }
    return actions.send(**(parts | change))


@pytest.fixture
def sichuan(link: Link) -> Any:
    """Act as Sichuan for the whole test."""
    with link.at("sichuan"):
        yield link


def positions(stream: str) -> list[int]:
    return list(Outbox.objects.filter(stream=stream).order_by("position").values_list("position", flat=True))


def test_it_leaves_only_if_its_cause_commits(sichuan: Link) -> None:
    with pytest.raises(RuntimeError), transaction.atomic():
        send()
        raise RuntimeError
    assert not Outbox.objects.exists()
    send()
    assert positions("case-1") == [1]  # the position of what was undone is free again


def test_the_number_is_sealed_and_the_look_written_down(sichuan: Link) -> None:
    person = vault.enrol(NUMBER, "陈静")
    id = send(person=person)
    body = bytes(Outbox.objects.get(pk=id).envelope)
    assert NUMBER.encode() not in body and "陈静".encode() not in body
    message = envelope.decode(body)
    assert message.subject and installed.sealer().open(message.subject, "pension_transfer") == NUMBER
    look = Reveal.objects.get(trace=str(id))
    assert (look.person_id, look.actor, look.purpose) == (person, "sichuan/hrss", "pension_transfer")


def test_what_the_compact_does_not_grant_is_never_sent(sichuan: Link) -> None:
    with pytest.raises(NotGranted) as caught:
        send(fields=["diagnosis"])
    assert caught.value.refusal.line.endswith("fields")
    with pytest.raises(NotGranted, match="unknown_agency"):
        send(to_agency="chongqing/mint")
    with pytest.raises(ValueError, match="not from sichuan"):
        send(from_agency="chongqing/hrss", to_agency="sichuan/hrss")
    assert not Outbox.objects.exists()


def test_streams_number_their_messages_without_a_gap_under_concurrency(sichuan: Link) -> None:
    failures: list[BaseException] = []

    def many(undo: bool) -> None:
        try:
            with sichuan.at("sichuan"):
                for n in range(8):
                    with transaction.atomic():
                        send("busy")
                        if undo and n % 2:
                            transaction.set_rollback(True)
        except BaseException as error:
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=many, args=(undo,)) for undo in (False, True, False, True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert positions("busy") == list(range(1, 25))


def test_a_commit_wakes_the_courier(sichuan: Link) -> None:
    import psycopg

    with psycopg.connect(sichuan.nodes.places["sichuan"].database_url, autocommit=True) as ear:
        ear.execute("LISTEN chuanyu_outbox")
        send()
        assert [note.channel for note in ear.notifies(timeout=2, stop_after=1)] == ["chuanyu_outbox"]


def test_a_lost_receipt_sends_twice_and_applies_once(sichuan: Link, seen: list[int]) -> None:
    send(document={"n": 7})
    sichuan.lose = 1
    sichuan.settle()
    assert seen == [7]
    with sichuan.at("chongqing"):
        assert Inbox.objects.count() == 1


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """What a stand-in handler of case.events was given, in order."""
    found: list[int] = []

    def take(message: envelope.Envelope, person: UUID | None) -> None:
        found.append(message.document["n"])

    monkeypatch.setitem(handlers.messages, "case.events", take)
    return found


def narrowed(link: Link) -> Any:
    """Chongqing's compact lost the grant, Sichuan's has it still: as while one side has installed and the other has not."""
    real = installed.current

    def current() -> Any:
        from chuanyu.identity.here import here

        compact = real()
        if here() == "chongqing":
            return replace(compact, grants=tuple(g for g in compact.grants if g.service == "own_data"))
        return compact

    return current


def test_a_final_refusal_makes_a_dead_letter_and_tells_the_capability(
    sichuan: Link, monkeypatch: pytest.MonkeyPatch, seen: list[int]
) -> None:
    told: list[tuple[str, str]] = []
    monkeypatch.setitem(handlers.returns, "case.events", lambda sent, answer: told.append((sent.id, answer["refused"])))
    with monkeypatch.context() as patch:
        patch.setattr(installed, "current", narrowed(sichuan))
        id, behind = send(), send(document={"n": 2})
        sichuan.settle()
    assert told == [(str(id), "unknown_service")]
    (letter,) = queries.dead_letters(SYSTEM(acting()))
    assert (letter.id, letter.side, letter.state, letter.code) == (id, "sent", "dead", "unknown_service")
    assert letter.line == "grants: pension_transfer" and letter.trace and letter.text.zh
    office, clerk = frozenset({"office"}), frozenset({"clerk"})
    for who, sees in (
        (OFFICER, 1),
        (replace(OFFICER, agency="edu"), 0),
        (replace(OFFICER, roles=clerk), 0),
        (replace(OFFICER, node="chongqing"), 0),
        (replace(OFFICER, agency="edu", roles=office), 1),
    ):
        assert len(queries.dead_letters(who)) == sees
    sichuan.settle()
    assert Outbox.objects.get(pk=behind).state == Outbox.WAITING  # its stream waits
    assert len(told) == 1

    # the grant is back: the officer sends it again, under a new id, because the old one keeps its old answer
    with pytest.raises(ExchangeError, match="not_allowed"):
        actions.resend(id, Actor(kind="staff", user="c", node="sichuan", agency="hrss", roles=frozenset({"clerk"})))
    with pytest.raises(ExchangeError, match="not_allowed"):
        actions.resend(id, Actor(kind="staff", user="o", node="sichuan", agency="edu", roles=frozenset({"officer"})))
    again = actions.resend(id, OFFICER)
    assert again != id
    row = Outbox.objects.get(pk=again)
    assert (row.closed_by, row.closed_why, row.position) == ("sichuan/officer-hrss", "resend", 1)
    assert envelope.decode(bytes(row.envelope)).id == str(again)
    sichuan.settle()
    assert seen == [1, 2]
    assert queries.dead_letters(SYSTEM(acting())) == []


def test_a_dropped_letter_keeps_who_and_why_and_lets_its_stream_go_on(
    sichuan: Link, monkeypatch: pytest.MonkeyPatch, seen: list[int]
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(installed, "current", narrowed(sichuan))
        id = send()
        sichuan.settle()
    send(document={"n": 2})
    with pytest.raises(ExchangeError, match="no_reason"):
        actions.drop(id, OFFICER, " ")
    actions.drop(id, OFFICER, "办件已撤回")
    row = Outbox.objects.get(pk=id)
    assert (row.state, row.closed_by, row.closed_why) == (Outbox.DROPPED, "sichuan/officer-hrss", "办件已撤回")
    sichuan.settle()
    assert seen == [2]
    with pytest.raises(ExchangeError, match="no_letter"):
        actions.drop(id, SYSTEM("sichuan"), "twice")


def test_the_link_state_says_what_waits(sichuan: Link) -> None:
    assert queries.link_state() == queries.LinkState(up=True, queued=0, oldest=None)
    send()
    state = queries.link_state()
    assert (state.up, state.queued) == (True, 1) and state.oldest
    Outbox.objects.update(tries=2, last_error={"refused": "not_yet"})
    assert queries.link_state().up  # the other side answers
    Outbox.objects.update(last_error={"error": "unreachable"})
    assert not queries.link_state().up
    sichuan.deliver()
    assert queries.link_state().up
