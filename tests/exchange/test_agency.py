"""What one agency reads of exchange: its grants, the keys that speak for it, its last messages without their content."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest

from chuanyu.core.ids import uuid7
from chuanyu.core.service import NODES
from chuanyu.exchange import agency, installed
from chuanyu.exchange import log as logs
from chuanyu.exchange.envelope import Envelope
from chuanyu.exchange.errors import CODES
from chuanyu.node.place import Place
from link import log

pytestmark = pytest.mark.django_db

US, THEM = "chongqing/hrss", "sichuan/hrss"
NOW = datetime(2026, 3, 3, 8, 0, tzinfo=UTC)


@pytest.fixture
def compact() -> None:
    installed.establish(Place.load(node) for node in NODES)
    installed.adopt()


def test_before_the_first_compact_there_is_nothing_to_read() -> None:
    assert agency.compact_view() is None and agency.grants_of(US) == ([], []) and agency.public_keys(NOW) == []
    assert agency.last_messages(US) == []


def test_grants_are_those_of_the_agency_in_both_directions(compact: None) -> None:
    asks, answers = agency.grants_of(US)
    assert {line.from_ for line in asks} == {US} and {line.to for line in answers} == {US}
    assert {line.service for line in asks} >= {"pension_transfer", "unemployment_transfer"}
    assert agency.grants_of("chongqing/nobody") == ([], [])


def test_the_compact_names_who_signed_and_the_keys_count(compact: None) -> None:
    view = agency.compact_view()
    assert view is not None and view.version == installed.current().version and set(view.signatures) == set(NODES)
    keys = agency.public_keys(datetime.now(UTC))
    assert {(key.node, key.use) for key in keys} == {(node, use) for node in NODES for use in ("sign", "seal")}
    assert {key.state for key in keys} == {"counts"} and all(len(key.fingerprint) == 64 for key in keys)
    assert all(key.id.endswith(key.fingerprint[:12]) for key in keys)
    assert {key.state for key in agency.public_keys(NOW - timedelta(days=4000))} == {"not_yet"}


@pytest.mark.parametrize(("left", "state"), [(None, "counts"), (90, "counts"), (30, "ends_soon"), (-1, "ended")])
def test_a_key_that_ends_says_so_in_time(compact: None, left: int | None, state: str) -> None:
    key = installed.current().nodes["chongqing"].keys[0]
    until = None if left is None else NOW + timedelta(days=left)
    key = msgspec.structs.replace(key, not_before=NOW - timedelta(days=100), not_after=until)
    assert agency._state(key, NOW) == state


def message(**change: Any) -> Envelope:
    parts: dict[str, Any] = {
        "id": str(uuid7()), "from_agency": US, "to_agency": THEM, "service": "pension_transfer", "action": "case.events",
        "subject": "a-sealed-token", "purpose": "pension_transfer", "basis": ("gbf-2009-66",), "sent": NOW,
        "document": {"name": "测试小雪"}, "fields": ("application",),
    }  # fmt: skip
    return Envelope(**(parts | change))


def test_the_last_messages_are_shown_by_their_outside() -> None:
    sent, late, refused, open_ = (message() for _ in range(4))
    theirs = message(from_agency=THEM, to_agency=US, action="case.request")
    strangers = message(from_agency="chongqing/edu", to_agency="sichuan/edu")
    log(logs.SENT, sent)
    log(logs.ANSWER_RECEIVED, sent, status=200)
    log(logs.SENT, late)
    log(logs.ANSWER_RECEIVED, late, status=425, code="not_yet")
    log(logs.SENT, refused)
    log(logs.ANSWER_RECEIVED, refused, status=403, code="not_granted")
    log(logs.RECEIVED, theirs)
    log(logs.ANSWER_SENT, theirs, status=200)
    log(logs.SENT, strangers)
    log(logs.SENT, open_)
    found = agency.last_messages(US)
    assert [str(one.id) for one in found] == [each.id for each in (open_, theirs, refused, late, sent)]
    assert [one.answer for one in found] == ["", "accepted", "refused", "later", "accepted"]
    assert [one.sent for one in found] == [True, False, True, True, True]
    assert found[0].took is None and found[4].took is not None and found[4].took >= 0
    assert found[2].code == "not_granted" and found[2].text == CODES["not_granted"].text
    said = msgspec.json.encode(found).decode()
    assert "a-sealed-token" not in said and "测试小雪" not in said
    assert [one.id for one in agency.last_messages(US, refused=True)] == [UUID(refused.id)]
    assert agency.last_messages(US, service="unemployment_transfer") == []
    assert len(agency.last_messages(US, limit=2)) == 2
    assert [one.from_agency for one in agency.last_messages("chongqing/edu")] == ["chongqing/edu"]


def test_a_message_sent_again_is_one_message() -> None:
    one = message()
    for _ in range(3):
        log(logs.SENT, one)
        log(logs.ANSWER_RECEIVED, one, status=503, code="busy")
    log(logs.SENT, one)
    log(logs.ANSWER_RECEIVED, one, status=200)
    (found,) = agency.last_messages(US)
    assert (found.tries, found.answer, found.code) == (4, "accepted", "")


def test_an_answer_alone_is_no_message() -> None:
    log(logs.ANSWER_SENT, message(), status=400, code="bad_envelope")
    assert agency.last_messages(US) == []
