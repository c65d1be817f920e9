"""Legal days: working days by the State Council's calendar, months that clamp, ages that are inclusive.

The package chinesecalendar carries the notices up to its last year; `holidays.yaml` beside this file carries on.
Beyond a published year nothing fails: the date is computed all the same, marked provisional, and screens say so.
"""

import os
from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone
from functools import cache, lru_cache
from pathlib import Path

import chinese_calendar

from chuanyu.core import sheet

SHANGHAI = timezone(timedelta(hours=8), "Asia/Shanghai")  # no summer time since 1991, so no zone database is needed

LONGEST_TERM = 2000  # working days; no statutory term comes near it

# Computed, not asked per day: a notice for year N is known for all of N (chinesecalendar's own table).
_LIBRARY_YEARS = range(min(chinese_calendar.holidays).year, max(chinese_calendar.holidays).year + 1)


@dataclass(frozen=True, slots=True)
class Due:
    """The last day of a term. `provisional`: it rests on a year whose notice was not published when this was built."""

    date: date
    provisional: bool


@dataclass(frozen=True, slots=True)
class _Year:
    published: bool
    off: frozenset[date]
    work: frozenset[date]


def today() -> date:
    """The legal day (Asia/Shanghai). The environment variable CHUANYU_TODAY=YYYY-MM-DD sets it, for tests and tours."""
    fixed = os.environ.get("CHUANYU_TODAY")
    if not fixed:
        return datetime.now(UTC).astimezone(SHANGHAI).date()
    try:
        return date.fromisoformat(fixed)
    except ValueError:
        raise ValueError(f"CHUANYU_TODAY must be a date like 2025-03-03, not {fixed!r}") from None


def moment() -> datetime:
    """The legal time now (Asia/Shanghai), naive, in whole seconds. CHUANYU_TODAY sets the day, CHUANYU_TIME=HH:MM:SS the time."""
    now = datetime.now(UTC).astimezone(SHANGHAI).replace(tzinfo=None, microsecond=0)
    fixed = os.environ.get("CHUANYU_TIME")
    try:
        return datetime.combine(today(), time.fromisoformat(fixed) if fixed else now.time())
    except ValueError:
        raise ValueError(f"CHUANYU_TIME must be a time like 21:59:59, not {fixed!r}") from None


def now() -> datetime:
    """This moment, aware. Where CHUANYU_TODAY or CHUANYU_TIME set the clock, the moment they set."""
    if os.environ.get("CHUANYU_TODAY") or os.environ.get("CHUANYU_TIME"):
        return moment().replace(tzinfo=SHANGHAI)
    return datetime.now(UTC)


def legal_day(moment: datetime) -> date:
    """The day in Asia/Shanghai of an aware moment; a naive one is an error."""
    if moment.tzinfo is None:
        raise ValueError("a moment without a time zone has no legal day")
    return moment.astimezone(SHANGHAI).date()


@lru_cache(maxsize=4096)
def is_working_day(day: date) -> bool:
    """Whether offices work on `day`, as far as is published; beyond that Monday to Friday (see `is_published`)."""
    if day.year in _LIBRARY_YEARS:
        return bool(chinese_calendar.is_workday(day))
    year = _years().get(day.year)
    if year is not None and day in year.work:
        return True
    return day.weekday() < 5 and (year is None or day not in year.off)


def is_published(year: int) -> bool:
    """Whether the State Council's notice for `year` is known here."""
    if year in _LIBRARY_YEARS:
        return True
    own = _years().get(year)
    return own is not None and own.published


def add_working_days(day: date, count: int) -> Due:
    """The last day of a term of `count` working days received on `day`, which itself is not counted.

    >>> add_working_days(date(2025, 9, 26), 15)
    Due(date=datetime.date(2025, 10, 23), provisional=False)
    """
    if not 0 <= count <= LONGEST_TERM:
        raise ValueError(f"a term has 0 to {LONGEST_TERM} working days, not {count}")
    due = day
    for _ in range(count):
        due += timedelta(days=1)
        while not is_working_day(due):
            due += timedelta(days=1)
    return Due(due, not all(is_published(year) for year in range(day.year, due.year + 1)))


@lru_cache(maxsize=4096)  # lists ask it for every row
def working_days_between(start: date, end: date) -> int:
    """Working days after `start` up to and including `end`; negative when `end` lies before `start`."""
    if end < start:
        return -working_days_between(end, start)
    return sum(is_working_day(start + timedelta(days=n)) for n in range(1, (end - start).days + 1))


def add_months(day: date, months: int) -> date:
    """The same day `months` later (earlier if negative), clamped to the month's end: 31 Jan + 1 → 28 Feb."""
    index = day.year * 12 + day.month - 1 + months
    year, month = index // 12, index % 12 + 1
    return date(year, month, min(day.day, monthrange(year, month)[1]))


def age(birth: date, on: date) -> int:
    """Completed years of life on `on`; the birthday itself counts (满50周岁 on the 50th birthday). Not negative."""
    if on < birth:
        raise ValueError(f"{on} lies before the birth on {birth}")
    years = on.year - birth.year
    return years if add_months(birth, years * 12) <= on else years - 1


def _days(texts: list[str]) -> frozenset[date]:
    return frozenset(date.fromisoformat(text) for text in texts)


@cache
def _years() -> dict[int, _Year]:
    rows = sheet.facts(Path(__file__).with_name("holidays.yaml"))
    return {
        int(year): _Year(bool(row["published"]), _days(row["off"]), _days(row["work"])) for year, row in rows.items()
    }
