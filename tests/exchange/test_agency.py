"""What one agency reads of the compact: its grants, and the keys that speak for it."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from chuanyu.core.service import NODES
from chuanyu.exchange import agency, installed
from chuanyu.node.place import Place

pytestmark = pytest.mark.django_db

US, THEM = "chongqing/hrss", "sichuan/hrss"
NOW = datetime(2026, 3, 3, 8, 0, tzinfo=UTC)


@pytest.fixture
def compact() -> None:
    installed.establish(Place.load(node) for node in NODES)
    installed.adopt()


def test_before_the_first_compact_there_is_nothing_to_read() -> None:
    assert agency.compact_view() is None and agency.grants_of(US) == ([], []) and agency.public_keys(NOW) == []


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
