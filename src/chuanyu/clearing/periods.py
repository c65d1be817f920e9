"""The periods windows are counted in: a legal month ("2025-03") or a legal day ("2025-03-05"). Pure."""

import re
from calendar import monthrange
from datetime import date, timedelta
from typing import Literal

Kind = Literal["day", "month"]
KINDS: tuple[Kind, ...] = ("day", "month")
_MONTH, _DAY = re.compile(r"[0-9]{4}-[0-9]{2}"), re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def containing(day: date, kind: Kind) -> str:
    """The period of that kind a day lies in."""
    return day.isoformat() if kind == "day" else day.isoformat()[:7]


def kind_of(period: str) -> Kind:
    """Which kind a period is. ValueError for what is neither."""
    last_day(period)
    return "day" if len(period) == 10 else "month"


def last_day(period: str) -> date:
    """The last legal day of a period. ValueError for what is neither a month nor a day."""
    if _MONTH.fullmatch(period):
        first = date.fromisoformat(f"{period}-01")
        return first.replace(day=monthrange(first.year, first.month)[1])
    if _DAY.fullmatch(period):  # fromisoformat takes weeks too
        return date.fromisoformat(period)
    raise ValueError(f"{period!r} is neither a month (2025-03) nor a day (2025-03-05)")


def following(period: str) -> str:
    """The period after it."""
    return containing(last_day(period) + timedelta(days=1), kind_of(period))
