"""Rules of the sample service."""

from datetime import date

from chuanyu.core.days import moment  # expect: clock
from chuanyu.core.documents import Person
from chuanyu.core.money import Amount, Money
from chuanyu.core.outcomes import Outcome, accept, refuse
from chuanyu.core.parameters import Parameters
from chuanyu.core.rules import rule

from .documents import Record, Request


@rule(outcomes="accept refuse")
def may_move(request: Request, day: date, person: Person | None = None) -> Outcome:
    """Nobody asks tomorrow."""
    if request.asked_on > day:
        return refuse("too_late", "act-1#1")
    return accept("act-1#1")


@rule(outcomes="value", on="event")
def amount(record: Record, p: Parameters) -> Amount:
    """The share of all wages."""
    return sum((year.wages for year in record.years), start=Money(0)) * p.rate
