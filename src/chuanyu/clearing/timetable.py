"""When windows close and orders are to be paid, from the service's own parameters where it has them.

`declare_day`: the day of the next month on which a month is declared, that is signed. Without it, and for days, a window
closes the day after its period. `pay_months`: whole months after the period within which its orders must be paid.
`close_months`: months of the next year by whose end a year is closed.
"""

from datetime import date, timedelta
from typing import NamedTuple

from chuanyu.clearing import periods
from chuanyu.core.catalogue import catalogue
from chuanyu.core.days import add_months
from chuanyu.core.parameters import NoParameter, Parameters
from chuanyu.identity.here import here

DECLARE, PAY, YEAR = "declare_day", "pay_months", "close_months"


class Term(NamedTuple):
    """A date of a window. `what`: closes | pay_by | year_closes; `parameter`: what it was counted from, "" for none."""

    what: str
    day: date
    parameter: str


def declared(service: str) -> set[tuple[str, str, str]]:
    """The windows a service declares: (unit, cycle, "day" or "month")."""
    found = catalogue().get(service)
    return {(p.unit, p.cycle, p.window) for p in found.postings.values() if p.window} if found else set()


def terms(service: str, period: str) -> list[Term]:
    """Every date of a window, as it comes."""
    last = periods.last_day(period)
    months = _parameter(service, YEAR, last)
    declared = periods.kind_of(period) == "month" and _parameter(service, DECLARE, last) is not None
    found = [Term("closes", closes(service, period), DECLARE if declared else "")]
    if (paid := pay_by(service, period)) is not None:
        found.append(Term("pay_by", paid, PAY))
    if months is not None:
        end = add_months(date(last.year + 1, 1, 1), months) - timedelta(days=1)
        found.append(Term("year_closes", end, YEAR))
    return found


def closes(service: str, period: str) -> date:
    """The first day on which the window of `period` is to be closed."""
    last = periods.last_day(period)
    day = _parameter(service, DECLARE, last)
    if day is None or periods.kind_of(period) == "day":
        return last + timedelta(days=1)
    following = periods.last_day(periods.following(period))
    return following.replace(day=min(max(day, 1), following.day))


def pay_by(service: str, period: str) -> date | None:
    """The last day on which the orders of `period` may be paid; None when the service sets none."""
    last = periods.last_day(period)
    months = _parameter(service, PAY, last)
    return None if months is None else add_months(last + timedelta(days=1), months) - timedelta(days=1)


def _parameter(service: str, key: str, day: date) -> int | None:
    declared = catalogue().get(service)
    if declared is None or key not in declared.parameters:
        return None
    try:
        return int(getattr(Parameters(declared.parameters, day, here()), key))
    except NoParameter:
        return None
