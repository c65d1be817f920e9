"""Whose records somebody opened: how many people for what, and never who. And who opened mine: for the person to read."""

from datetime import UTC, date, datetime, timedelta

import pytest

from chuanyu.core.numbers import make_person_number
from chuanyu.identity import actions, looks, queries, vault
from chuanyu.identity.actor import SYSTEM, Actor
from chuanyu.identity.here import here

pytestmark = pytest.mark.django_db


def test_people_are_counted_once_by_purpose_and_by_who_looked() -> None:
    a, b = (vault.enrol(make_person_number("500000", date(1990, 1, 1), n, "female")) for n in (2, 4))
    me = Actor(kind="staff", user="clerk-hrss", node=here(), agency="hrss", roles=frozenset({"clerk"}))
    for person, purpose, by in (
        (a, "counter.apply", me.id), (a, "counter.apply", me.id), (b, "counter.apply", me.id), (a, "pension_transfer", me.id),
        (b, "pension_transfer", f"{here()}/clerk-edu"),
    ):  # fmt: skip
        vault.reveal(person, purpose=purpose, by=by)
    now = datetime.now(UTC)
    assert queries.looks(me, now - timedelta(hours=1), now + timedelta(hours=1)) == [
        ("counter.apply", 2),
        ("pension_transfer", 1),
    ]
    assert queries.looks(me, now + timedelta(hours=1), now + timedelta(hours=2)) == []


def test_a_person_reads_which_agency_looked_what_for_and_how_often(db: None) -> None:
    actions.load_agencies()
    actions.create_staff(username="clerk-hrss", password="x", agency="hrss", role="clerk")
    me, other = (vault.enrol(make_person_number("500000", date(1990, 1, 1), n, "female")) for n in (6, 8))
    actions.create_resident(username="me", password="x", person=me, display="*")
    actions.create_resident(username="other", password="x", person=other, display="*")
    ours, case = f"{here()}/clerk-hrss", "0193d0e5-7c00-7000-8000-000000000000"
    for by, purpose, trace in (
        (ours, "counter.apply", "portal.counter"), (ours, "counter.apply", "portal.counter"),
        (ours, "pension_transfer", case), (f"{here()}/other~0193", "pension_transfer", "portal.apply"),
        # what is no look of somebody else's: oneself, the node, the wire
        (f"{here()}/me", "pension_transfer", "portal.apply"), (SYSTEM(here()).id, "watch.flows", case),
        (f"{here()}/portal", "own_data", ""), ("sichuan/hrss", "pension_transfer", case),
    ):  # fmt: skip
        vault.reveal(me, purpose=purpose, by=by, trace=trace)
    vault.reveal(other, purpose="counter.apply", by=ours)
    seen = looks.at(me)
    assert [(look.by, look.agency, look.purpose, look.times) for look in seen] == [
        ("person", "", "pension_transfer", 1),
        ("staff", f"{here()}/hrss", "pension_transfer", 1),
        ("staff", f"{here()}/hrss", "counter.apply", 2),
    ]
    assert seen[1].trace == case and seen[2].first < seen[2].last
    assert "clerk" not in repr(seen)  # the agency answers for it


@pytest.mark.parametrize("name", ["hrss", "portal", "system"])
def test_nobody_looks_under_the_name_of_an_agency_or_the_node(db: None, name: str) -> None:
    actions.load_agencies()
    actions.create_staff(username=name, password="x", agency="edu", role="clerk")
    me = vault.enrol(make_person_number("500000", date(1990, 1, 1), 10, "female"))
    vault.reveal(me, purpose="counter.apply", by=f"{here()}/{name}")
    assert [look.agency for look in looks.at(me)] == [f"{here()}/edu"]
