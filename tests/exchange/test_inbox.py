"""Messages taken in: applied once, in order, parked when too early, refused for good, kept when they fail."""

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pair
import pytest
from django.db import DatabaseError, connection, transaction

from chuanyu.core.text import Text
from chuanyu.exchange import actions, envelope, handlers, inbox, installed, queries
from chuanyu.exchange.envelope import Envelope
from chuanyu.exchange.errors import ExchangeError
from chuanyu.exchange.handlers import NotYet, Refused
from chuanyu.exchange.models import Inbox, Outbox
from chuanyu.identity import vault
from chuanyu.identity.actor import SYSTEM
from chuanyu.identity.here import here as acting
from chuanyu.identity.models import Person
from link import Link

NUMBER = "500000198506150044"
Handler = Callable[[Envelope, UUID | None], None]


@pytest.fixture
def chongqing(link: Link) -> Any:
    """Act as Chongqing, the receiver, for the whole test."""
    with link.at("chongqing"):
        yield link


@pytest.fixture
def handle(monkeypatch: pytest.MonkeyPatch) -> Callable[[Handler], None]:
    """Put a handler of case.events in place for this test."""
    return lambda handler: monkeypatch.setitem(handlers.messages, "case.events", handler)


def arrived(n: int = 1, *, stream: str = "case-1", person: str = "", **change: Any) -> UUID:
    """A message as the gateway leaves it in the inbox."""
    parts: dict[str, Any] = {
        "service": "pension_transfer",
        "purpose": "pension_transfer",
        "basis": ("gbf-2009-66",),
        "stream": stream,
        "document": {"n": n},
        "subject": installed.sealer().seal(person, "pension_transfer") if person else None,
    }
    message = pair.envelope(**(parts | change))
    Inbox.objects.create(id=message.id, stream=stream, envelope=envelope.encode(message))
    return UUID(message.id)


def states() -> list[str]:
    return list(Inbox.objects.order_by("received", "id").values_list("state", flat=True))


def due() -> None:
    """Let every back-off be over."""
    Inbox.objects.update(next_try=datetime.now(UTC) - timedelta(seconds=1))


def test_a_person_never_seen_is_enrolled(chongqing: Link, handle: Any) -> None:
    people: list[UUID | None] = []
    handle(lambda message, person: people.append(person))
    assert vault.find(NUMBER) is None
    arrived(1, person=NUMBER)
    arrived(2, person=NUMBER)
    arrived(3)
    assert inbox.work() == 3
    assert people == [vault.find(NUMBER), vault.find(NUMBER), None]
    assert Person.objects.count() == 1
    assert vault.reveal(people[0], purpose="test", by="test").number == NUMBER  # type: ignore[arg-type]


def test_a_subject_sealed_for_another_purpose_is_refused(chongqing: Link, handle: Any) -> None:
    handle(lambda message, person: pytest.fail("applied"))
    id = arrived(subject=installed.sealer().seal(NUMBER, "own_data"))
    inbox.work()
    row = Inbox.objects.get(pk=id)
    assert (row.state, row.error["code"]) == (Inbox.REFUSED, "bad_subject")
    assert not Person.objects.exists()


def test_change_and_row_commit_together(chongqing: Link, handle: Any) -> None:
    """A handler that fails after it has written leaves nothing behind."""

    def fail(message: Envelope, person: UUID | None) -> None:
        vault.enrol(NUMBER)
        raise RuntimeError("after writing")

    handle(fail)
    id = arrived()
    inbox.work()
    assert not Person.objects.exists()
    row = Inbox.objects.get(pk=id)
    assert (row.state, row.tries, row.error["code"]) == (Inbox.NEW, 1, "failed") and row.error["trace"]
    assert row.next_try > datetime.now(UTC)
    handle(lambda message, person: None)
    assert inbox.work() == 0  # not before its time
    due()
    assert inbox.work() == 1
    assert Inbox.objects.get(pk=id).state == Inbox.APPLIED
    assert inbox.work() == 0  # once


def test_what_came_too_early_waits_for_what_it_needs(chongqing: Link, handle: Any) -> None:
    applied: list[int] = []

    def in_sequence(message: Envelope, person: UUID | None) -> None:
        if message.document["n"] != len(applied) + 1:
            raise NotYet("gap")
        applied.append(message.document["n"])

    handle(in_sequence)
    arrived(3)
    arrived(2)
    inbox.work()
    assert applied == [] and states() == ["parked", "parked"]
    arrived(1)
    inbox.work()  # the earlier ones are not asked to wait for their timers
    assert applied == [1, 2, 3] and states() == ["applied"] * 3


def test_a_parked_message_backs_off_and_shows_after_a_day(chongqing: Link, handle: Any) -> None:
    def never(message: Envelope, person: UUID | None) -> None:
        raise NotYet("declaration")

    handle(never)
    id = arrived()
    for n in range(1, 12):
        due()
        inbox.work()
        row = Inbox.objects.get(pk=id)
        wait = (row.next_try - datetime.now(UTC)).total_seconds()
        assert row.tries == n and wait <= 60
    assert wait > 50
    assert queries.dead_letters(SYSTEM(acting())) == []
    Inbox.objects.update(received=datetime.now(UTC) - timedelta(days=2))
    (letter,) = queries.dead_letters(SYSTEM(acting()))
    assert (letter.state, letter.code) == ("parked", "declaration")


def test_a_failure_holds_up_its_stream_only_until_a_person_decides(chongqing: Link, handle: Any) -> None:
    applied: list[int] = []

    def fail_on_one(message: Envelope, person: UUID | None) -> None:
        if message.document["n"] == 1:
            raise ZeroDivisionError("bug")
        applied.append(message.document["n"])

    handle(fail_on_one)
    first, _, _ = arrived(1), arrived(2), arrived(9, stream="case-2")
    for _ in range(inbox.TRIES):
        due()
        inbox.work()
    assert applied == [9]
    (letter,) = queries.dead_letters(SYSTEM(acting()))
    assert (letter.id, letter.side, letter.state, letter.code) == (first, "received", "dead", "failed")
    assert letter.trace and letter.tries == inbox.TRIES and "ZeroDivisionError" not in letter.text.en
    due()
    inbox.work()
    assert applied == [9]  # still waiting for a person
    handle(lambda message, person: applied.append(message.document["n"]))
    assert actions.resend(first, SYSTEM("chongqing")) == first
    inbox.work()
    assert applied == [9, 1, 2]


def test_a_refusal_is_kept_and_its_sender_told(link: Link, handle: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[dict[str, Any]] = []
    monkeypatch.setitem(handlers.returns, "case.events", lambda sent, answer: told.append(answer))

    def refuse(message: Envelope, person: UUID | None) -> None:
        raise Refused("fork", Text("办件出现分叉。", "The case forked."))

    handle(refuse)
    with link.at("sichuan"):
        id = actions.send(
            to_agency="chongqing/hrss", from_agency="sichuan/hrss", service="pension_transfer", action="case.events",
            person=vault.enrol(NUMBER), purpose="pension_transfer", basis=["gbf-2009-66"], document={"n": 1},
            stream="case-1",
        )  # fmt: skip
    link.settle()
    with link.at("chongqing"):
        (here,) = queries.dead_letters(SYSTEM(acting()))
        assert (here.id, here.side, here.state, here.code) == (id, "received", "refused", "fork")
    with link.at("sichuan"):
        (there,) = queries.dead_letters(SYSTEM(acting()))
        assert (there.id, there.side, there.code, there.text.zh) == (id, "sent", "fork", "办件出现分叉。")
        assert [answer["refused"] for answer in told] == ["fork"]
        assert there.trace == here.trace
        # sent again it is a new message; the refused one stays at the other side until an officer there drops it
        handle(lambda message, person: None)
        actions.resend(id, SYSTEM("sichuan"))
        link.settle()
        assert queries.dead_letters(SYSTEM(acting())) == []
    with link.at("chongqing"):
        actions.drop(id, SYSTEM("chongqing"), "已另行处理")
        assert queries.dead_letters(SYSTEM(acting())) == []
        link.settle()
    with link.at("sichuan"):
        assert queries.dead_letters(SYSTEM(acting())) == []  # dropping what was refused tells nobody a second time


def test_dropping_what_failed_tells_the_sender(chongqing: Link, handle: Any) -> None:
    handle(lambda message, person: 1 / 0)  # type: ignore[arg-type, return-value]
    id = arrived()
    for _ in range(inbox.TRIES):
        due()
        inbox.work()
    actions.drop(id, SYSTEM("chongqing"), "测试")
    back = envelope.decode(bytes(Outbox.objects.get().envelope))
    assert (back.action, back.to_agency, back.document["id"]) == ("returned", "sichuan/hrss", str(id))
    assert back.document["refused"] == "dropped" and back.subject is None


def test_returns_are_never_returned(chongqing: Link) -> None:
    for document in ({}, {"id": "x"}, None):
        arrived(action="returned", document=document, stream="")
    arrived(action="returned", document={"id": str(uuid4())}, stream="")  # not one of ours: nothing to do
    inbox.work()
    assert states() == ["refused"] * 3 + ["applied"]
    assert not Outbox.objects.exists()


def test_an_action_nobody_handles_is_refused(chongqing: Link, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(handlers.messages, "case.events", raising=False)
    id = arrived()
    inbox.work()
    assert Inbox.objects.get(pk=id).error["code"] == "unknown_action"


def test_the_telling_of_a_return_is_tried_again(link: Link, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []

    def told(sent: Envelope, answer: dict[str, Any]) -> None:
        calls.append(sent.id)
        if len(calls) == 1:
            raise RuntimeError("not now")

    monkeypatch.setitem(handlers.returns, "case.events", told)
    with link.at("sichuan"):
        actions.send(
            to_agency="chongqing/hrss", from_agency="sichuan/hrss", service="pension_transfer", action="case.events",
            person=None, purpose="pension_transfer", basis=["gbf-2009-66"], document={}, stream="s",
        )  # fmt: skip
        Outbox.objects.update(state=Outbox.DEAD, last_error={"refused": "x"})
        inbox.work()
        assert not Outbox.objects.get().told
        Outbox.objects.update(next_try=datetime.now(UTC))
        inbox.work()
        assert Outbox.objects.get().told and len(calls) == 2


def test_two_workers_apply_each_once_and_in_order(chongqing: Link, handle: Any) -> None:
    order: dict[str, list[int]] = {f"case-{n}": [] for n in range(4)}
    lock = threading.Lock()

    def take(message: Envelope, person: UUID | None) -> None:
        time.sleep(0.002)
        with lock:
            order[message.stream].append(message.document["n"])

    handle(take)
    for n in range(12):
        for stream in order:
            arrived(n, stream=stream)
    failures: list[BaseException] = []

    def worker() -> None:
        try:
            with chongqing.at("chongqing"):
                while Inbox.objects.filter(state=Inbox.NEW).exists():
                    inbox.work()
        except BaseException as error:
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=worker) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert order == {stream: list(range(12)) for stream in order}
    assert states() == ["applied"] * 48


def test_a_worker_killed_half_way_has_done_nothing(chongqing: Link, handle: Any) -> None:
    def killed(message: Envelope, person: UUID | None) -> None:
        vault.enrol(NUMBER)
        with connection.cursor() as cursor:  # the server ends this session, as it does when a worker dies
            cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")

    handle(killed)
    arrived()
    with pytest.raises(DatabaseError):
        inbox.work()
    connection.close()
    assert states() == ["new"] and not Person.objects.exists()
    handle(lambda message, person: None)
    assert inbox.work() == 1


def test_a_refusal_stands_even_when_the_sender_cannot_be_told(
    chongqing: Link, handle: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(message: Envelope, person: UUID | None) -> None:
        raise Refused("no", Text("不", "No"))

    def not_granted(*args: Any, **parts: Any) -> None:
        with transaction.atomic():
            raise ExchangeError("not_granted", Text("未授权", "Not granted"))

    handle(refuse)
    monkeypatch.setattr(actions, "send", not_granted)
    arrived()
    inbox.work()
    assert states() == ["refused"]
