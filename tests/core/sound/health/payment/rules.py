"""Rules of the sample payment."""

from datetime import datetime, timedelta

from chuanyu.core.documents import Moment
from chuanyu.core.money import Money
from chuanyu.core.outcomes import Outcome, accept, hold
from chuanyu.core.parameters import Parameters
from chuanyu.core.rules import rule

from .documents import Account, Quarter, Result, Visit


@rule(outcomes="accept hold", on="event")
def by_day(moment: Moment) -> Outcome:
    """Nothing is done before six."""
    if moment.time < "06:00:00":
        return hold("at_night", "act-2#1")
    return accept("act-2#1")


@rule(outcomes="value")
def result(visit: Visit, p: Parameters) -> Result:
    """What the fund pays."""
    return Result(fund=(visit.bill * p.share).to_fen())


@rule(outcomes="value")
def account(account: Account, result: Result) -> Account:
    """The account with this payment in it."""
    return Account(spent=account.spent + result.fund)


@rule(outcomes="value")
def fund_share(result: Result) -> Money:
    """As computed."""
    return result.fund


@rule(outcomes="value")
def own_share(visit: Visit) -> int:
    """A point for each yuan."""
    return visit.bill.fen // 100


@rule(outcomes="value")
def lapses_at(moment: Moment) -> datetime:
    """Six in the morning of the day after."""
    return datetime(moment.day.year, moment.day.month, moment.day.day, 6) + timedelta(days=1)


@rule(outcomes="value")
def prepayment(quarter: Quarter) -> Money:
    """As much as last year's last quarter."""
    return quarter.total
