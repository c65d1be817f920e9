"""Working days by the State Council's calendar, provisional beyond it; months that clamp; inclusive ages."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chuanyu.core.days import (
    Due,
    add_months,
    add_working_days,
    age,
    is_published,
    is_working_day,
    legal_day,
    moment,
    today,
    working_days_between,
)

days = st.dates(min_value=date(2004, 1, 1), max_value=date(2035, 12, 31))


@pytest.mark.parametrize(
    ("received", "count", "due"),
    [
        # National Day 2025: 1-8 October off, Sunday 28 September and Saturday 11 October worked
        (date(2025, 9, 26), 15, date(2025, 10, 23)),
        (date(2025, 9, 26), 10, date(2025, 10, 16)),
        (date(2025, 9, 26), 5, date(2025, 10, 10)),
        # the three steps of a pension transfer filed on 2025-03-03, each taken on its last day
        (date(2025, 3, 3), 15, date(2025, 3, 24)),
        (date(2025, 3, 24), 15, date(2025, 4, 15)),
        (date(2025, 4, 15), 15, date(2025, 5, 8)),
        # wages owed: 60 working days from the opening, 30 more
        (date(2025, 3, 10), 60, date(2025, 6, 6)),
        (date(2025, 6, 6), 30, date(2025, 7, 18)),
        (date(2025, 3, 3), 0, date(2025, 3, 3)),
    ],
)
def test_terms(received: date, count: int, due: date) -> None:
    assert add_working_days(received, count) == Due(due, provisional=False)


def test_national_day_2025() -> None:
    assert not any(is_working_day(date(2025, 10, n)) for n in range(1, 9))
    assert is_working_day(date(2025, 9, 28))
    assert is_working_day(date(2025, 10, 11))
    assert not is_working_day(date(2025, 10, 12))


def test_beyond_the_published_year_a_term_is_provisional() -> None:
    assert add_working_days(date(2026, 12, 30), 1) == Due(date(2026, 12, 31), provisional=False)
    assert add_working_days(date(2026, 12, 31), 1) == Due(date(2027, 1, 4), provisional=True)
    # the statutory days of 2027 are in our own table; the days around them only the notice can add
    assert not is_working_day(date(2027, 2, 5))
    assert not is_working_day(date(2027, 9, 15))
    assert add_working_days(date(2027, 2, 4), 1) == Due(date(2027, 2, 9), provisional=True)
    # and after our table: Monday to Friday
    assert add_working_days(date(2028, 9, 29), 1) == Due(date(2028, 10, 2), provisional=True)
    assert is_published(2026)
    assert not is_published(2027)
    assert not is_published(2028)


@pytest.mark.parametrize("count", [-1, 2001])
def test_terms_have_limits(count: int) -> None:
    with pytest.raises(ValueError, match="working days"):
        add_working_days(date(2025, 3, 3), count)


@given(days, st.integers(min_value=1, max_value=90))
def test_a_term_ends_on_a_working_day_and_counts_back(received: date, count: int) -> None:
    due = add_working_days(received, count).date
    assert is_working_day(due)
    assert working_days_between(received, due) == count
    assert working_days_between(due, received) == -count
    assert add_working_days(received, count + 1).date > due


@pytest.mark.parametrize(
    ("day", "months", "expected"),
    [
        (date(2025, 1, 31), 1, date(2025, 2, 28)),
        (date(2024, 1, 31), 1, date(2024, 2, 29)),
        (date(2025, 1, 10), 6, date(2025, 7, 10)),
        (date(2025, 3, 31), -1, date(2025, 2, 28)),
        (date(2024, 2, 29), 12, date(2025, 2, 28)),
        (date(2025, 12, 15), 1, date(2026, 1, 15)),
    ],
)
def test_months_clamp(day: date, months: int, expected: date) -> None:
    assert add_months(day, months) == expected


@given(days, st.integers(min_value=-600, max_value=600))
def test_months_never_overshoot(day: date, months: int) -> None:
    moved = add_months(day, months)
    assert (moved.year * 12 + moved.month) - (day.year * 12 + day.month) == months
    assert moved.day == day.day or (moved.day < day.day and (moved + timedelta(days=1)).day == 1)


def test_a_birthday_counts() -> None:
    birth = date(1975, 3, 3)
    assert age(birth, date(2025, 3, 2)) == 49
    assert age(birth, date(2025, 3, 3)) == 50
    assert age(date(2004, 2, 29), date(2025, 2, 27)) == 20
    assert age(date(2004, 2, 29), date(2025, 2, 28)) == 21
    assert age(birth, birth) == 0
    with pytest.raises(ValueError, match="birth"):
        age(birth, date(1975, 3, 2))


def test_the_legal_day_is_that_of_shanghai(monkeypatch: pytest.MonkeyPatch) -> None:
    assert legal_day(datetime(2025, 3, 2, 15, 59, tzinfo=UTC)) == date(2025, 3, 2)
    assert legal_day(datetime(2025, 3, 2, 16, 0, tzinfo=UTC)) == date(2025, 3, 3)
    with pytest.raises(ValueError, match="time zone"):
        legal_day(datetime(2025, 3, 2, 16, 0))
    monkeypatch.setenv("CHUANYU_TODAY", "2025-03-03")
    assert today() == date(2025, 3, 3)
    monkeypatch.setenv("CHUANYU_TODAY", "yesterday")
    with pytest.raises(ValueError, match="CHUANYU_TODAY"):
        today()


def test_the_moment_is_legal_time_and_can_be_set(monkeypatch: pytest.MonkeyPatch) -> None:
    assert abs(moment() - datetime.now(UTC).astimezone(timezone(timedelta(hours=8))).replace(tzinfo=None)) < timedelta(
        seconds=5
    )
    assert moment().microsecond == 0
    monkeypatch.setenv("CHUANYU_TODAY", "2025-09-15")
    monkeypatch.setenv("CHUANYU_TIME", "21:59:59")
    assert moment() == datetime(2025, 9, 15, 21, 59, 59)
    monkeypatch.setenv("CHUANYU_TIME", "noon")
    with pytest.raises(ValueError, match="CHUANYU_TIME"):
        moment()
