"""Decisions of the pilot in Gaozhu: one rule for neighbours of two provinces. Amounts are those of the day of application.

HOME: as the own province pays. TAKE_HIGHER: the higher of the two provinces. UNIFY_AT: one amount for all, never less than the own
province's. The own province goes on paying its amount; the pilot fund adds the rest.
"""

from datetime import date, timedelta

from chuanyu.core.days import add_months
from chuanyu.core.money import Money
from chuanyu.core.outcomes import Outcome, accept, hold, refuse
from chuanyu.core.parameters import Parameters
from chuanyu.core.rules import rule
from chuanyu.services.living.gaozhu_pilot.documents import (
    Application,
    Entitlement,
    Item,
    Mode,
    Payment,
    Payments,
    Residence,
)


@rule(outcomes="accept refuse hold", on="event")
def may_apply(
    application: Application,
    p: Parameters,
    day: date,
    residence: Residence | None = None,
    payments: Payments | None = None,
) -> Outcome:
    """Whoever lives in the area in that month, once; an address nobody has looked at is held."""
    if application.month.replace(day=1) > day:
        return refuse("month_to_come", "gz-pilot")
    if residence is None or not lives_there(application, residence, p):
        return refuse("not_resident", "gz-pilot")
    if not residence.verified:
        return hold("address", "gz-pilot")
    return paid_nowhere_else(application, payments)


@rule(outcomes="value")
def lives_there(application: Application, residence: Residence, p: Parameters) -> bool:
    """Whether the month counts: from the month of moving in; the month of moving out is kept or not, as agreed."""
    first = application.month.replace(day=1)
    last = add_months(first, 1) - timedelta(days=1)
    if residence.since > last:
        return False
    return residence.until is None or residence.until >= (first if p.leaving_month_kept else last)


@rule(outcomes="accept refuse", on="event")
def paid_nowhere_else(application: Application, payments: Payments | None = None) -> Outcome:
    """One province's ledger of payments, by person, item and month: nobody draws a benefit twice. Each side asks its own."""
    month = application.month.replace(day=1)
    for payment in payments.paid if payments is not None else ():
        if payment.item is application.item and payment.month.replace(day=1) == month:
            return refuse("double_benefit", "gz-pilot")
    return accept("gz-pilot")


@rule(outcomes="value")
def payments(application: Application, payments: Payments | None = None) -> Payments:
    """The ledger of payments with this month in it, once."""
    payment = Payment(item=application.item, month=application.month.replace(day=1))
    kept = tuple(one for one in (payments.paid if payments is not None else ()) if one != payment)
    return Payments(paid=(*kept, payment))


@rule(outcomes="value")
def entitlement(application: Application, p: Parameters, residence: Residence | None = None) -> Entitlement:
    """What is due for the month, and who pays which part. Outside the area, or in HOME, the pilot adds nothing."""
    own, other, mode, unified = _amounts(application.item, p)
    total = own
    if residence is not None and lives_there(application, residence, p):
        if mode is Mode.higher:
            total = max(own, other)
        elif mode is Mode.unified:
            total = max(own, unified)
    return Entitlement(
        item=application.item,
        month=application.month.replace(day=1),
        mode=mode,
        bearer=p.cost_bearer[0],
        own=own,
        pilot=total - own,
        total=total,
    )


@rule(outcomes="value")
def top_up(
    application: Application,
    p: Parameters,
    residence: Residence | None = None,
    entitlement: Entitlement | None = None,
) -> Money:
    """What the pilot fund pays: as determined; before that, as it would be."""
    if entitlement is not None:
        return entitlement.pilot
    return _determined(application, p, residence).pilot


@rule(outcomes="value")
def in_all(application: Application, p: Parameters, residence: Residence | None = None) -> Money:
    """The month's benefit in all."""
    return _determined(application, p, residence).total


def _amounts(item: Item, p: Parameters) -> tuple[Money, Money, Mode, Money]:
    """The own province's amount, the other's, the mode, and the unified amount of an item."""
    amounts: tuple[Money, Money] = getattr(p, f"{item}_chongqing"), getattr(p, f"{item}_sichuan")
    own, other = amounts if p.node == "chongqing" else amounts[::-1]
    mode = next(one for one in Mode if one == getattr(p, f"{item}_mode")[0])
    return own, other, mode, getattr(p, f"{item}_unified") if mode is Mode.unified else own


_determined = entitlement  # where an argument is called like the rule
