"""Decisions of the pilot in Gaozhu: one rule for neighbours of two provinces.

What counts is the month a benefit is for: mode, amounts, bearer and rule of exit are those of its last day. "Own" is the
province of the household registration; where one lives is the grid address.

HOME: as the own province pays. TAKE_HIGHER: the higher of the two provinces. UNIFY_AT: one amount for all, never less than the own
province's. The own province goes on paying its amount; the pilot fund adds the rest.
"""

from datetime import date, timedelta
from typing import Any

from chuanyu.core.days import add_months
from chuanyu.core.documents import Person
from chuanyu.core.money import Money
from chuanyu.core.outcomes import Outcome, accept, elsewhere, hold, refuse
from chuanyu.core.parameters import NoParameter, Parameters
from chuanyu.core.rules import rule
from chuanyu.services.living.gaozhu_pilot.documents import (
    Application,
    Entitlement,
    Mode,
    Payment,
    Payments,
    Residence,
)

PROVINCES = {"50": "chongqing", "51": "sichuan"}  # by the first two digits of a division


@rule(outcomes="accept refuse hold elsewhere", on="event")
def may_apply(
    application: Application,
    p: Parameters,
    day: date,
    person: Person | None = None,
    residence: Residence | None = None,
    payments: Payments | None = None,
) -> Outcome:
    """Whoever lives in the area in that month, once, on whichever side they apply; an address nobody has looked at is held."""
    if person is not None and person.household is not None and person.household[:2] not in PROVINCES:
        return elsewhere("other_household", "gz-pilot")
    if _first(application) > day:
        return refuse("month_to_come", "gz-pilot")
    try:
        _of_month(application, p, "mode")
    except NoParameter:
        return refuse("no_pilot", "gz-pilot")
    if residence is None or not lives_there(application, residence, p):
        return refuse("not_resident", "gz-pilot")
    if not residence.verified:
        return hold("address", "gz-pilot")
    return paid_nowhere_else(application, payments)


@rule(outcomes="value")
def lives_there(application: Application, residence: Residence, p: Parameters) -> bool:
    """Whether the month counts: from the month of moving in; the month of moving out is kept or not, as agreed."""
    if residence.since > _last(application):
        return False
    kept = _of_month(application, p, "leaving_month_kept")
    return residence.until is None or residence.until >= (_first(application) if kept else _last(application))


@rule(outcomes="accept refuse", on="event")
def paid_nowhere_else(application: Application, payments: Payments | None = None) -> Outcome:
    """One province's ledger of payments, by person, item and month: nobody draws a benefit twice. Each side asks its own."""
    month = _first(application)
    for payment in payments.paid if payments is not None else ():
        if payment.item is application.item and payment.month.replace(day=1) == month:
            return refuse("double_benefit", "gz-pilot")
    return accept("gz-pilot")


@rule(outcomes="value")
def payments(application: Application, payments: Payments | None = None) -> Payments:
    """The ledger of payments with this month in it, once."""
    payment = Payment(item=application.item, month=_first(application))
    kept = tuple(one for one in (payments.paid if payments is not None else ()) if one != payment)
    return Payments(paid=(*kept, payment))


@rule(outcomes="value")
def entitlement(
    application: Application, p: Parameters, person: Person | None = None, residence: Residence | None = None
) -> Entitlement:
    """What is due for the month, and who pays which part. Outside the area, or in HOME, the pilot adds nothing."""
    own, other = _amounts(application, p, person)
    mode, total = next(one for one in Mode if one == _of_month(application, p, "mode")[0]), own
    if residence is not None and lives_there(application, residence, p):
        if mode is Mode.higher:
            total = max(own, other)
        elif mode is Mode.unified:
            total = max(own, _of_month(application, p, "unified"))
    return Entitlement(
        item=application.item,
        month=_first(application),
        mode=mode,
        bearer=_of_month(application, p, "bearer")[0],
        own=own,
        pilot=total - own,
        total=total,
    )


@rule(outcomes="value")
def top_up(
    application: Application,
    p: Parameters,
    person: Person | None = None,
    residence: Residence | None = None,
    entitlement: Entitlement | None = None,
) -> Money:
    """What the pilot fund pays: as determined; before that, as it would be."""
    if entitlement is not None:
        return entitlement.pilot
    return _determined(application, p, person, residence).pilot


@rule(outcomes="value")
def in_all(
    application: Application, p: Parameters, person: Person | None = None, residence: Residence | None = None
) -> Money:
    """The month's benefit in all."""
    return _determined(application, p, person, residence).total


def _amounts(application: Application, p: Parameters, person: Person | None) -> tuple[Money, Money]:
    """What the own province pays for the month, and what the other does. Where no household is known, the node's is the own."""
    chongqing, sichuan = (_of_month(application, p, province) for province in PROVINCES.values())
    household = person.household if person is not None else None
    own = PROVINCES.get(household[:2] if household else "", p.node)
    return (chongqing, sichuan) if own == "chongqing" else (sichuan, chongqing)


def _of_month(application: Application, p: Parameters, what: str) -> Any:
    """A parameter of the item, as it stood on the last day of the month."""
    return getattr(p.on(_last(application)), f"{application.item}_{what}")


def _first(application: Application) -> date:
    return application.month.replace(day=1)


def _last(application: Application) -> date:
    return add_months(_first(application), 1) - timedelta(days=1)


_determined = entitlement  # where an argument is called like the rule
