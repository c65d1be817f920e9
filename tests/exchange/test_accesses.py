"""Who used my data: what both logs say, put together, seen from either node."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chuanyu.exchange import actions, envelope, queries
from chuanyu.exchange import log as logs
from chuanyu.exchange.models import Log, Outbox
from chuanyu.exchange.own_data import Access, merged, of_rows
from chuanyu.identity import actions as actions_of_identity
from chuanyu.identity import vault
from chuanyu.identity.here import here, peer
from chuanyu.identity.models import Reveal
from link import Link, log

NUMBER, OTHER = "500000198506150044", "510000199001010026"


def send(person: UUID | None, fields: tuple[str, ...], **change: Any) -> UUID:
    parts: dict[str, Any] = {
        "to_agency": f"{peer()}/hrss",
        "from_agency": f"{here()}/hrss",
        "service": "pension_transfer",
        "action": "case.events",
        "person": person,
        "purpose": "pension_transfer",
        "basis": ["gbf-2009-66"],
        "document": {},
        "fields": fields,
        "stream": "case-1",
    }
    return actions.send(**(parts | change))


@pytest.fixture
def people(link: Link) -> dict[str, UUID]:
    """The same person at both nodes, under the ids each vault gave."""
    found = {}
    for node in ("chongqing", "sichuan"):
        with link.at(node):
            found[node] = vault.enrol(NUMBER)
    return found


def journey(link: Link, people: dict[str, UUID]) -> tuple[UUID, UUID]:
    """An application goes to Chongqing, the record comes back; a word without documents and another person's papers too."""
    with link.at("sichuan"):
        asked = send(people["sichuan"], ("application",))
        send(people["sichuan"], ())
        send(vault.enrol(OTHER), ("application",))
    link.deliver()
    with link.at("chongqing"):
        answered = send(people["chongqing"], ("account_record",))
    link.deliver()
    return asked, answered


def test_both_sides_show_the_same_two_accesses(link: Link, people: dict[str, UUID]) -> None:
    asked, answered = journey(link, people)
    with link.at("sichuan"):
        ours = queries.used(people["sichuan"]).accesses
    with link.at("chongqing"):
        theirs = queries.used(people["chongqing"]).accesses
    assert [one.message_id for one in ours] == [one.message_id for one in theirs] == [answered, asked]
    assert [(one.direction, one.here, one.there) for one in ours] == [("received", True, True), ("sent", True, True)]
    assert [one.direction for one in theirs] == ["sent", "received"]
    last = ours[0]
    assert (last.from_agency, last.to_agency) == ("chongqing/hrss", "sichuan/hrss")
    assert (last.service, last.purpose, last.basis) == ("pension_transfer", "pension_transfer", ("gbf-2009-66",))
    assert last.fields == ("account_record",)


def test_looking_is_no_access_but_is_written_down(link: Link, people: dict[str, UUID]) -> None:
    journey(link, people)
    with link.at("sichuan"):
        for _ in range(3):
            assert len(queries.used(people["sichuan"]).accesses) == 2
        assert Log.objects.filter(service="own_data").exists()
        assert Reveal.objects.filter(person=people["sichuan"], purpose="own_data", actor="sichuan/portal").count() >= 3


def test_when_the_link_is_down_our_part_is_shown_and_said_to_be_a_part(link: Link, people: dict[str, UUID]) -> None:
    journey(link, people)
    link.up = False
    with link.at("sichuan"):
        found = queries.used(people["sichuan"]).accesses
    assert len(found) == 2 and {one.there for one in found} == {None}


def test_what_only_the_other_side_logged_is_shown_as_such(link: Link, people: dict[str, UUID]) -> None:
    with link.at("sichuan"):
        id = send(people["sichuan"], ("application",))
        link.arrive(bytes(Outbox.objects.get(pk=id).envelope))  # then this node lost its log's last rows
        (one,) = queries.used(people["sichuan"]).accesses
    assert (one.message_id, one.here, one.there, one.direction) == (id, False, True, "sent")


def test_a_refused_message_is_no_access(link: Link, people: dict[str, UUID]) -> None:
    with link.at("sichuan"):
        id = send(people["sichuan"], ("application",))
        message = link_message(id)
        log(logs.SENT, message)
        log(logs.ANSWER_RECEIVED, message, status=403, code="not_granted")
        assert queries.used(people["sichuan"]).accesses == []


def link_message(id: UUID) -> envelope.Envelope:
    return envelope.decode(bytes(Outbox.objects.get(pk=id).envelope))


def test_a_busy_answer_does_not_hide_what_arrived_later(link: Link, people: dict[str, UUID]) -> None:
    with link.at("sichuan"):
        id = send(people["sichuan"], ("application",))
        log(logs.SENT, link_message(id))
        log(logs.ANSWER_RECEIVED, link_message(id), status=503, code="busy")
        link.deliver()
        assert [one.message_id for one in queries.used(people["sichuan"]).accesses] == [id]


def test_nobody_known_and_nothing_logged_are_one_answer(link: Link, people: dict[str, UUID]) -> None:
    with link.at("sichuan"):
        stranger = vault.enrol(OTHER)  # Chongqing has never seen them; the other one it knows
        answers = [
            actions.ask(
                to_agency="chongqing/portal", from_agency="sichuan/portal", service="own_data", action="own_data",
                person=person, purpose="own_data", basis=["pipl-45"], document={},
            )
            for person in (stranger, people["sichuan"])
        ]  # fmt: skip
    assert answers == [{"accesses": [], "looks": []}] * 2


def access(n: int, minute: int) -> Access:
    return Access(
        at=datetime(2026, 1, 1, 0, minute, tzinfo=UTC), message_id=UUID(int=n), direction="sent", from_agency="a/b",
        to_agency="c/d", service="s", action="x", purpose="p", basis=(), fields=("f",),
    )  # fmt: skip


lists = st.lists(st.integers(0, 6), unique=True)


@given(ours=lists, theirs=lists)
def test_merging_keeps_every_message_once(ours: list[int], theirs: list[int]) -> None:
    found = merged([access(n, n) for n in ours], [access(n, n) for n in theirs])
    assert sorted(one.message_id.int for one in found) == sorted({*ours, *theirs})
    assert [one.at for one in found] == sorted((one.at for one in found), reverse=True)
    assert {one.message_id.int for one in found if one.here} == set(ours)
    assert {one.message_id.int for one in found if one.there} == set(theirs)


def test_rows_of_either_driver_read_alike() -> None:
    row = {
        "at": datetime(2026, 1, 1, tzinfo=UTC), "direction": "received", "message": uuid4(), "from_agency": "a/b",
        "to_agency": "c/d", "service": "s", "action": "x", "purpose": "p", "code": "",
    }  # fmt: skip
    decoded = of_rows([{**row, "basis": ["b"], "fields": ["f"]}])
    assert decoded == of_rows([{**row, "basis": '["b"]', "fields": '["f"]'}])
    assert msgspec.to_builtins(decoded)[0]["fields"] in (("f",), ["f"])


def test_the_other_node_tells_who_opened_the_record_there(link: Link, people: dict[str, UUID]) -> None:
    with link.at("chongqing"):
        actions_of_identity.load_agencies()
        actions_of_identity.create_staff(username="clerk-hrss", password="x", agency="hrss", role="clerk")
        vault.reveal(people["chongqing"], purpose="counter.follow", by="chongqing/clerk-hrss", trace="portal.counter")
    with link.at("sichuan"):
        used = queries.used(people["sichuan"])
        assert [(look.node, look.agency, look.purpose) for look in used.looks] == [
            ("chongqing", "chongqing/hrss", "counter.follow")
        ]
        assert used.there
        link.up = False
        used = queries.used(people["sichuan"])
        assert used.looks == [] and not used.there
