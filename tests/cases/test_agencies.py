"""The parties of a case that comes from the other node must be agencies on record here."""

import copy
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from django.db import transaction
from world import World

from chuanyu.cases import messages
from chuanyu.cases.models import Case, Declaration
from chuanyu.core.canonical import digest
from chuanyu.exchange import envelope as envelopes
from chuanyu.exchange import inbox
from chuanyu.exchange.envelope import Envelope
from chuanyu.exchange.handlers import Refused
from chuanyu.exchange.models import Inbox, Outbox


@pytest.fixture
def sent(world: World) -> Envelope:
    """The message by which Sichuan hands a case over to Chongqing; not delivered yet."""
    case = world.start().case
    world.act("sichuan", case, "accept")
    with world.at("sichuan"):
        return envelopes.decode(bytes(Outbox.objects.get().envelope))


def redeclared(sent: Envelope, change: Callable[[dict[str, Any]], None]) -> Envelope:
    """The same hand-over under a declaration changed by its sender, every hash made anew as a real sender's would be."""
    body = copy.deepcopy(sent.document)
    ((_, declaration),) = body["declarations"].items()
    change(declaration)
    body["declarations"] = {digest(declaration): declaration}
    previous = ""
    for event in body["events"]:
        if event.get("declaration"):
            event["declaration"] = digest(declaration)
        event["previous"] = previous
        previous = digest(event)
    nodes = {"filed_at": "sichuan", "other": "chongqing"}
    body["filed"]["parties"] = {
        name: f"{nodes[party['node']]}/{party['agency']}" for name, party in declaration["cases"]["parties"].items()
    }
    return msgspec.structs.replace(sent, document=body)


def test_an_agency_nobody_knows_is_refused_by_name(world: World, sent: Envelope) -> None:
    forged = redeclared(sent, lambda plain: plain["cases"]["parties"]["sending"].update(agency="ghost"))
    with world.at("chongqing"):
        person = world.person("chongqing")
        with pytest.raises(Refused) as refused, transaction.atomic():
            messages.take_events(forged, person)
        assert refused.value.code == "unknown_agency"
        for text in (refused.value.text.zh, refused.value.text.en):
            assert "chongqing/ghost" in text
        assert (
            not Case.objects.exists()
            and not Declaration.objects.filter(pk=forged.document["events"][0]["declaration"]).exists()
        )


def test_the_sender_is_told_and_nothing_is_kept(world: World, sent: Envelope) -> None:
    forged = redeclared(sent, lambda plain: plain["cases"]["parties"]["sending"].update(agency="ghost"))
    with world.at("chongqing"):
        Inbox.objects.create(id=forged.id, stream=forged.stream, envelope=envelopes.encode(forged))
        inbox.work()
        row = Inbox.objects.get()
        assert (row.state, row.error["code"]) == (Inbox.REFUSED, "unknown_agency")
        assert "chongqing/ghost" in row.error["text"]["en"]
        assert not Case.objects.exists() and not Declaration.objects.exists()


def test_agencies_on_record_are_taken(world: World, sent: Envelope) -> None:
    with world.at("chongqing"), transaction.atomic():
        messages.take_events(sent, world.person("chongqing"))
        assert Case.objects.get().parties == {"receiving": "sichuan/hrss", "sending": "chongqing/hrss"}
        messages.take_events(redeclared(sent, lambda plain: None), world.person("chongqing"))  # word for word the same


def test_a_new_declaration_cannot_bring_a_party_the_case_has_not(world: World, sent: Envelope) -> None:
    """A migration keeps the parties the case was filed with; an owner that is none of them fits no case."""
    body = copy.deepcopy(sent.document)
    ((old, declaration),) = body["declarations"].items()
    other = copy.deepcopy(declaration)
    other["cases"]["parties"]["third"] = {"agency": "edu", "node": "other"}
    other["cases"]["states"]["applied"]["owner"] = "third"
    first = body["events"][0]
    moved = first | {
        "sequence": 2, "previous": digest(first), "by": "system", "kind": "migrated", "source": "applied",
        "target": "applied", "declaration": digest(other),
    }  # fmt: skip
    moved.pop("documents")
    body |= {"declarations": {old: declaration, digest(other): other}, "events": [first, moved]}
    with world.at("chongqing"), pytest.raises(Refused) as refused, transaction.atomic():
        messages.take_events(msgspec.structs.replace(sent, document=body), world.person("chongqing"))
    assert refused.value.code == "invalid"
