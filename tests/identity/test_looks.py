"""Whose records somebody opened: how many people for what, and never who."""

from datetime import UTC, date, datetime, timedelta

import pytest

from chuanyu.core.numbers import make_person_number
from chuanyu.identity import queries, vault
from chuanyu.identity.actor import Actor
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
