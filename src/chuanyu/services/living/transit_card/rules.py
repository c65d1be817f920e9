"""Decisions about rides with either city's card. The place of the tap has its own fares, whichever card it is.

The day that counts is the day of the tap.
"""

from datetime import date, datetime, time, timedelta

from chuanyu.core.money import Money
from chuanyu.core.outcomes import Outcome, accept, duplicate, hold, refuse
from chuanyu.core.parameters import Parameters
from chuanyu.core.rules import rule
from chuanyu.services.living.transit_card.documents import History, Net, Operator, Price, Ride, Takings, Tap, Why


@rule(outcomes="accept refuse hold duplicate", on="decision")
def may_count(tap: Tap, p: Parameters, day: date, history: History | None = None) -> Outcome:
    """Whether a tap in a file counts: once, not from tomorrow, and not from long ago without a look at it."""
    if tap.day > day:
        return refuse("tomorrow", "jtt-978")
    for ride in history.rides if history is not None else ():
        if (ride.terminal, ride.counter) == (tap.terminal, tap.counter):
            return duplicate(f"{tap.terminal}/{tap.counter}")
    if (day - tap.day).days > p.late_days:
        return hold("late", "jtt-978")
    return accept("jtt-978")


@rule(outcomes="value", on="event")
def price(tap: Tap, p: Parameters, history: History | None = None) -> Price:
    """What the ride costs, and why: a discount, or within the time from the first tap a change."""
    first = _first(tap, history, p)
    if first is None:
        return Price(paid=(tap.fare - tap.fare * p.discount).to_fen(), why=Why.first, article=p.used["discount"]["ref"])
    if tap.fare <= p.free_up_to and tap.fare <= first.fare:
        return Price(paid=Money(0), why=Why.free_change, article=p.used["free_up_to"]["ref"])
    off = max(Money(0), tap.fare - p.change_off)
    return Price(paid=off, why=Why.change, article=p.used["change_off"]["ref"])


@rule(outcomes="value", on="event")
def fare(tap: Tap, p: Parameters, history: History | None = None) -> Money:
    """What the ride costs."""
    return price(tap, p, history).paid


@rule(outcomes="value", on="event")
def net(takings: Takings, p: Parameters) -> Net:
    """Net clearing (轧差): one order for the difference, the day after. Nothing moves where both owe the same."""
    difference = takings.chongqing_cards - takings.sichuan_cards
    if not difference:
        return Net(amount=difference)
    owing, owed = Operator.chongqing, Operator.sichuan
    if difference < Money(0):
        owing, owed = owed, owing
    return Net(
        amount=max(difference, -difference),
        payer=owing,
        payee=owed,
        settles_on=takings.day + timedelta(days=p.clearing_days),
    )


def _first(tap: Tap, history: History | None, p: Parameters) -> Ride | None:
    """The tap that opened the time this one falls in, or None if this one opens one itself."""
    window = timedelta(minutes=p.change_minutes)
    first: Ride | None = None
    before = (ride for ride in (history.rides if history is not None else ()) if _moment(ride) <= _moment(tap))
    for ride in sorted(before, key=lambda ride: (_moment(ride), ride.terminal, ride.counter)):
        same = (ride.terminal, ride.counter) == (tap.terminal, tap.counter)
        if not same and (first is None or _moment(ride) - _moment(first) > window):
            first = ride
    if first is None or _moment(tap) - _moment(first) > window:
        return None
    return first


def _moment(tap: Tap | Ride) -> datetime:
    return datetime.combine(tap.day, time.fromisoformat(tap.time))
