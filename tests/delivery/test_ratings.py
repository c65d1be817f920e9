"""Ratings: once per case by its token, staff never, anonymous ones without a trace to the case; bad ones looked into by a day."""

from datetime import date
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connection
from world import World

from chuanyu.cases.models import Case
from chuanyu.core.ids import uuid7
from chuanyu.delivery import ratings
from chuanyu.delivery.models import Rating
from chuanyu.delivery.ratings import RatingError
from chuanyu.exchange import installed
from chuanyu.identity.actor import Actor
from chuanyu.identity.here import here

FRIDAY = "2025-09-26"


@pytest.fixture
def closed(two_nodes: Any, monkeypatch: pytest.MonkeyPatch) -> UUID:
    """A case of the node the tests run as, withdrawn."""
    monkeypatch.setenv("CHUANYU_TODAY", FRIDAY)
    installed.establish(two_nodes.places.values())
    world = World(two_nodes)
    case = world.start(here()).case
    world.act(here(), case, "withdraw", by=world.resident(here()))
    return case


def officer(agency: str = "hrss", role: str = "officer") -> Actor:
    return Actor(kind="staff", user=f"{role}-{agency}", node=here(), agency=agency, roles=frozenset({role}))


def rate(case: UUID, level: str = "satisfied", *, actor: Actor | None = None, **more: Any) -> Rating:
    return ratings.rate(ratings.token(case), {"level": level, **more}, actor=actor)


def code(case: UUID, **more: Any) -> str:
    with pytest.raises(RatingError) as caught:
        rate(case, **more)
    return caught.value.code


def test_a_case_is_rated_once(closed: UUID) -> None:
    assert not ratings.rateable(ratings.token(closed)).rated
    assert ratings.unrated([closed]) == {closed}
    rate(closed)
    assert ratings.rateable(ratings.token(closed)).rated and ratings.unrated([closed]) == set()
    assert code(closed, level="very_satisfied") == "already"
    assert Rating.objects.get().level == "satisfied"


def test_not_before_the_end_not_by_staff_not_without_the_token(closed: UUID) -> None:
    assert code(closed, actor=officer()) == "staff"
    Case.objects.update(final=False)
    assert code(closed) == "too_early"
    assert code(uuid7()) == "not_found"
    token = ratings.token(closed)
    for wrong in (
        "",
        "x",
        token[:-1],
        token[:-1] + ("A" if token[-1] != "A" else "B"),
        ratings.token(uuid4())[:22] + token[22:],
    ):
        with pytest.raises(RatingError) as caught:
            ratings.rateable(wrong)
        assert caught.value.code == "not_found"


def test_it_is_rated_where_it_was_filed(closed: UUID) -> None:
    Case.objects.update(filed_at="sichuan")
    assert code(closed) == "not_found"


@pytest.mark.parametrize(
    "given", [{}, {"level": "superb"}, {"level": "satisfied", "comment": "x" * 501}, {"level": "satisfied", "x": 1}]
)
def test_what_is_no_rating_is_refused_with_its_fields(closed: UUID, given: dict[str, Any]) -> None:
    with pytest.raises(RatingError) as caught:
        ratings.rate(ratings.token(closed), given, actor=None)
    assert caught.value.code == "documents" and caught.value.fields


def test_an_anonymous_rating_leads_to_no_case(closed: UUID) -> None:
    rate(closed, "very_dissatisfied", comment="等太久")
    (row,) = ratings.call_backs(officer())
    assert row.case is None and row.reference == ""
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_jsonb(r)::text FROM delivery_rating r")
        stored = cursor.fetchone()[0]
    case = Case.objects.get()
    for trace in (str(closed), closed.hex, case.reference, str(case.person)):
        assert trace not in stored
    assert ratings.answered(closed) is None


def test_a_bad_rating_is_called_back_within_fifteen_working_days(closed: UUID) -> None:
    row = rate(closed, "dissatisfied", named=True)
    assert (row.bad, row.due, row.provisional) == (True, date(2025, 10, 23), False)
    (seen,) = ratings.call_backs(officer())
    assert seen.case == closed and seen.reference.startswith("CY-") and not seen.overdue


def test_a_good_one_is_not(closed: UUID) -> None:
    row = rate(closed, "fairly_satisfied", named=True)
    assert (row.bad, row.due) == (False, None)
    assert ratings.call_backs(officer()) == []


def test_who_answers_for_it_says_what_came_of_it(closed: UUID, monkeypatch: pytest.MonkeyPatch) -> None:
    row = rate(closed, "dissatisfied", named=True)
    assert ratings.call_backs(officer("edu")) == [] and ratings.call_backs(officer(role="clerk")) == []
    assert len(ratings.call_backs(officer("dev", "office"))) == 1
    monkeypatch.setenv("CHUANYU_TODAY", "2025-10-24")
    assert ratings.call_backs(officer())[0].overdue and ratings.overdue(officer()) == 1
    for who, result, text, expected in (
        (officer("edu"), "corrected", "已改", "not_found"),
        (officer(role="clerk"), "corrected", "已改", "not_found"),
        (officer(), "nothing", " ", "documents"),
    ):
        with pytest.raises(RatingError) as caught:
            ratings.answer(row.pk, who, result=result, text=text)
        assert caught.value.code == expected
    ratings.answer(row.pk, officer(), result="corrected", text="已增开一个窗口。")
    result, text = ratings.answered(closed) or (None, "")
    assert result and result.zh == "已整改" and text == "已增开一个窗口。"
    with pytest.raises(RatingError) as caught:
        ratings.answer(row.pk, officer(), result="explained", text="x")
    assert caught.value.code == "done"
    assert ratings.overdue(officer()) == 0


def test_counted_without_those_nobody_gave_and_those_excluded(closed: UUID) -> None:
    assert ratings.verdict().share is None  # nothing known is not zero
    levels = {"very_satisfied": 50, "satisfied": 21, "fairly_satisfied": 10, "dissatisfied": 6, "very_dissatisfied": 3}
    Rating.objects.bulk_create(
        Rating(token=uuid4().hex, service="pension_transfer", agency=f"{here()}/hrss", level=level,
               bad="dissatisfied" in level, on=date(2025, 9, 26))
        for level, count in levels.items() for _ in range(count)
    )  # fmt: skip
    verdict = ratings.verdict("pension_transfer")
    assert (verdict.rated, verdict.share) == (90, "0.900")
    assert [count for _, _, count in verdict.levels] == list(levels.values())
    Rating.objects.filter(level="very_dissatisfied").update(result="excluded")
    assert (ratings.verdict().rated, ratings.verdict().share) == (87, "0.931")
    assert ratings.verdict("unemployment_transfer").rated == 0
    assert ratings.verdict(agency=f"{here()}/edu").rated == 0
