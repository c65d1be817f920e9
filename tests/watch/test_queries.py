"""Scorecards and flows: counted right, and shown only as far as they may be."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from fractions import Fraction

import pytest

from chuanyu.cases import figures
from chuanyu.cases.models import Case
from chuanyu.core import days
from chuanyu.core.service import Promise
from chuanyu.delivery.models import Rating
from chuanyu.identity.here import here
from chuanyu.watch import queries
from chuanyu.watch.suppression import rounded

pytestmark = pytest.mark.django_db
Write = Callable[..., None]
PENSION = "pension_transfer"


def test_a_service_that_nobody_used_has_a_scorecard_too(db: None) -> None:
    found = queries.snapshot().scorecard(PENSION)
    assert found is not None and found.filed.value == 0 and found.on_time is None and found.median is None
    assert len(found.months) == queries.MONTHS + 1


def test_what_was_filed_how_it_ended_and_why_not(write: Write) -> None:
    write(40)
    write(12, state="refused", reason="already_drawing")
    write(11, state="refused", reason="no_record")
    write(13, state="withdrawn")
    write(24, state="applied")
    card = queries.snapshot().scorecard(PENSION)
    assert card is not None
    assert (card.filed.value, card.decided.value) == (100, 60)
    assert {end: shown.value for end, shown in card.ends.items()} == {
        "": 20,
        "done": 40,
        "refused": 20,
        "withdrawn": 10,
    }
    assert [(one.key, one.count.value) for one in card.reasons] == [("already_drawing", 10), ("no_record", 10)]
    assert sum(one.count.value or 0 for one in card.months) == 100


def test_a_rare_reason_is_not_shown_and_not_given_away(write: Write) -> None:
    write(60)
    write(30, state="refused", reason="already_drawing")
    write(3, state="refused", reason="no_record")
    card = queries.snapshot().scorecard(PENSION)
    assert card is not None
    shown = {one.key: one.count for one in card.reasons}
    assert shown["no_record"].kind == "small" and shown["no_record"].value is None


def test_each_node_counts_what_was_filed_with_it(write: Write) -> None:
    """So nothing is learnt by taking one province's figures from the other's, and the two may be added up."""
    there = "sichuan" if here() == "chongqing" else "chongqing"
    write(20)
    write(15, state="refused", reason="no_record", at=there)
    found = queries.snapshot()
    card = found.scorecard(PENSION)
    assert card is not None
    assert (found.filed.value, card.filed.value, card.decided.value, card.ends["refused"].value) == (20, 20, 20, 0)
    assert not card.reasons


def test_a_median_is_not_shown_where_it_would_say_that_there_were_ten(write: Write) -> None:
    write(10)
    write(3, state="withdrawn")
    card = queries.snapshot().scorecard(PENSION)
    assert card is not None and (card.median is not None) == (card.decided.low >= 10)
    queries.forget()
    write(30)
    card = queries.snapshot().scorecard(PENSION)
    assert card is not None and card.median is not None


def test_days_are_working_days_and_the_promise_is_measured_by_them(write: Write) -> None:
    # filed on Friday 26 September 2025, decided on Thursday 9 October: the holiday of eight days does not count
    friday = datetime(2025, 9, 26, 9, tzinfo=days.SHANGHAI)
    numbers = figures.calendar(date(2025, 9, 1), date(2025, 10, 31))
    assert numbers[date(2025, 10, 9)] - numbers[date(2025, 9, 26)] == days.working_days_between(
        date(2025, 9, 26), date(2025, 10, 9)
    )
    span = datetime(2025, 9, 1, tzinfo=days.SHANGHAI), datetime(2025, 11, 1, tzinfo=days.SHANGHAI)
    write(2, filed=friday, took=13)
    write(1, filed=friday, took=13, state="withdrawn")
    (row,) = figures.ended(*span)
    assert (row.count, row.end, row.days) == (2, "done", numbers[date(2025, 10, 9)] - numbers[date(2025, 9, 26)])


def test_time_that_is_in_no_agencys_hands_is_not_held_against_them(write: Write) -> None:
    """Three weeks in hospital, then a working day to settle: that day counts, and so does one in which the bill was corrected."""
    monday = datetime(2025, 6, 9, 23, 30, tzinfo=days.SHANGHAI)
    span = datetime(2025, 6, 1, tzinfo=days.SHANGHAI), datetime(2025, 8, 1, tzinfo=days.SHANGHAI)
    stay = ((0, "opened"), (21, "pricing"), (21, "priced"), (21, "settled"), (22, "closed"))
    write(2, service="medical_settlement", filed=monday, took=22, walked=stay)
    again = ((0, "opened"), (7, "pricing"), (8, "opened"), (21, "pricing"), (21, "settled"), (22, "closed"))
    write(3, service="medical_settlement", filed=monday, took=22, walked=again)
    write(4, service="provident_fund_transfer", state="done", filed=monday, took=4, walked=((0, "filed"), (4, "done")))
    found = {(row.service, row.days): row.count for row in figures.ended(*span)}
    assert found == {("medical_settlement", 1): 2, ("medical_settlement", 2): 3, ("provident_fund_transfer", 4): 4}


@pytest.mark.parametrize(
    ("kept", "late", "met"),
    [(100, 0, True), (1000, 20, True), (50, 50, False), (40, 2, None), (5, 2, False), (5, 0, True)],
)
def test_the_share_says_only_what_the_counts_say(kept: int, late: int, met: bool | None) -> None:
    promise = Promise(within=45, unit="working_days", share="0.95", ref="x", certainty="sure")
    found = queries.on_time(rounded(kept), rounded(late), promise)
    assert found is not None
    assert found.low <= Fraction(kept, kept + late) <= found.high
    assert found.met is met or (found.met is None and met is False and kept < 10)


def test_medians() -> None:
    assert queries.median({3: 1}) == 3
    assert queries.median({3: 1, 9: 1}) == 3
    assert queries.median({3: 1, 9: 2}) == 9


def test_flows_join_the_county_of_the_person_with_the_other_province(write: Write) -> None:
    own, other = ("500103", "511602") if here() == "chongqing" else ("511602", "500103")
    areas = queries.AREAS
    there = "sichuan" if here() == "chongqing" else "chongqing"
    write(20, origin=other)  # comes from a county over there
    write(15, origin=own)  # comes home to a county here
    write(12, origin="440000")  # registered elsewhere in China
    write(11)  # not known
    write(30, at=there, origin="")  # filed over there: its origin is known there
    flows = {(one.origin, one.target): one.count.value for one in queries.snapshot().flows}
    assert flows == {
        (other, areas[here()]): 20,
        (areas[there], own): 20,
        (areas[there], areas[here()]): 20,
    }


def test_a_flow_of_few_is_small_and_comes_last(write: Write) -> None:
    write(40, origin="511602")
    write(3, origin="511623")
    flows = queries.snapshot().flows
    assert [one.count.kind for one in flows][-1] in ("small", "withheld")
    assert all(one.count.value is None or one.count.value >= 10 for one in flows)


def test_old_codes_count_as_what_they_became() -> None:
    assert queries.today_code("513425") == "513402"
    assert queries.today_code("500103") == "500103"
    assert queries.today_code("") == ""
    assert queries.today_code("999999") == "999999"


def test_today_does_not_count_yet(write: Write) -> None:
    write(15, filed=datetime.now(days.SHANGHAI) + timedelta(seconds=1), state="applied")
    assert queries.snapshot().filed.value == 0


def test_what_ended_today_was_still_open_at_midnight(write: Write) -> None:
    write(15, filed=datetime.now(days.SHANGHAI) - timedelta(days=30), took=30)
    card = queries.snapshot().scorecard(PENSION)
    assert card is not None and card.ends[""].value == 20 and card.decided.value == 0


def test_a_snapshot_is_kept_for_a_while(write: Write) -> None:
    assert queries.snapshot().filed.value == 0
    write(20)
    assert queries.snapshot().filed.value == 0
    queries.forget()
    assert queries.snapshot().filed.value == 20


def test_who_holds_what(write: Write) -> None:
    write(3, state="applied")
    (holder,) = figures.holders()
    assert (holder.agency, holder.open, holder.late) == (f"{here()}/hrss", 3, 0)
    Case.objects.filter(pk=Case.objects.values("pk")[:1]).update(due=days.today() + timedelta(days=3))
    (holder,) = figures.holders()
    assert holder.late == 0 and holder.first == days.today() + timedelta(days=3)


def test_satisfaction_says_only_what_the_counts_say(db: None) -> None:
    def rate(good: int, bad: int) -> queries.Satisfied | None:
        Rating.objects.all().delete()
        day = days.today() - timedelta(days=40)
        for n in range(good + bad):
            Rating.objects.create(token=f"t{n}", service=PENSION, agency="x", level="x", bad=n >= good, on=day)
        queries.forget()
        card = queries.snapshot().scorecard(PENSION)
        assert card is not None
        return card.satisfied

    assert rate(0, 0) is None
    many = rate(90, 30)
    assert many is not None and many.low <= Fraction(3, 4) <= many.high and many.rated.value == 120
    few = rate(40, 3)
    assert few is None or (few.low <= Fraction(40, 43) <= few.high and few.high - few.low > Fraction(1, 10))
