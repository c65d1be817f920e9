"""Decisions about transfers between relatives' medical accounts.

The limits go by the moment the sender filed; acceptance by the moment it is taken.
"""

from datetime import date, datetime, time, timedelta

from chuanyu.core.documents import Moment
from chuanyu.core.money import Money
from chuanyu.core.outcomes import Outcome, accept, ask, hold, refuse, stale
from chuanyu.core.parameters import Parameters
from chuanyu.core.rules import rule
from chuanyu.services.health.family_wallet.documents import (
    Acceptance,
    Allowance,
    Gift,
    Insurance,
    Kinship,
    Merchant,
    Offer,
    Purchase,
    Review,
    Sent,
    Tally,
    Use,
)


@rule(outcomes="accept refuse hold")
def may_send(
    gift: Gift,
    moment: Moment,
    p: Parameters,
    insurance: Insurance | None = None,
    kinship: Kinship | None = None,
    tally: Tally | None = None,
    review: Review | None = None,
) -> Outcome:
    """Amount, hour and number of the day; an employee's account; a near relative who is insured too (gbf-2024-38)."""
    if not Money(0) < gift.amount <= p.most_each:
        return refuse("limit", "qb-2025")
    if not clock(p.opens_hour) <= moment.time < clock(p.closes_hour):
        return refuse("hours", "qb-2025")
    sent = tally.sent if tally is not None else ()
    if sum(one.day == moment.day for one in sent) >= p.most_a_day:
        return refuse("count", "qb-2025")
    if insurance is None or not insurance.employee or insurance.suspended:
        return refuse("no_account", "gbf-2021-14#5")
    relative = next(
        (one for one in (kinship.relatives if kinship is not None else ()) if one.wallet == gift.wallet), None
    )
    if relative is None or relative.relation not in p.relations:
        return refuse("kinship", "gbf-2024-38")
    if not relative.insured:
        return refuse("receiver_not_insured", "gbf-2024-38")
    if review is None and len(_receivers(sent, moment.day, p) | {gift.wallet}) > p.receivers_most:
        return hold("many_receivers", "gbf-2021-14")
    return accept("gbf-2024-38")


@rule(outcomes="accept refuse", on="event")
def after_review(review: Review) -> Outcome:
    """A sender with many receivers goes on once somebody has looked at it."""
    return accept("gbf-2021-14") if review.cleared else refuse("cash_out", "gbf-2021-14")


@rule(outcomes="value", on="event")
def offer(gift: Gift, moment: Moment, p: Parameters) -> Offer:
    """What the receiver sees: accepted, or back at six in the morning of the next day."""
    return Offer(
        wallet=gift.wallet,
        amount=gift.amount,
        returns_on=moment.day + timedelta(days=1),
        returns_at=clock(p.return_hour),
    )


@rule(outcomes="value")
def tally(gift: Gift, moment: Moment, p: Parameters, tally: Tally | None = None) -> Tally:
    """The record with this transfer in it; what is too old to matter is dropped. One sent back still counts."""
    since = moment.day - timedelta(days=p.receivers_days)
    kept = tuple(one for one in (tally.sent if tally is not None else ()) if one.day > since)
    return Tally(sent=(*kept, Sent(day=moment.day, wallet=gift.wallet)))


@rule(outcomes="value", on="event")
def allowance(moment: Moment, p: Parameters, tally: Tally | None = None) -> Allowance:
    """What may still be sent now: how often today, how much at once, and between which hours."""
    sent = sum(one.day == moment.day for one in (tally.sent if tally is not None else ()))
    return Allowance(
        open=clock(p.opens_hour) <= moment.time < clock(p.closes_hour),
        left_today=max(0, p.most_a_day - sent),
        most_each=p.most_each,
        opens_at=clock(p.opens_hour),
        closes_at=clock(p.closes_hour),
        returns_at=clock(p.return_hour),
    )


@rule(outcomes="value", on="event")
def transfer(gift: Gift) -> Money:
    """The amount, in full: there is no fee."""
    return gift.amount


@rule(outcomes="accept ask stale", on="event")
def may_accept(offer: Offer, acceptance: Acceptance, moment: Moment) -> Outcome:
    """By the wallet it was sent to, and before it goes back."""
    if acceptance.wallet != offer.wallet:
        return ask("other_wallet", "qb-2025")
    if (moment.day, moment.time) >= (offer.returns_on, offer.returns_at):
        return stale("returned", "qb-2025")
    return accept("qb-2025")


@rule(outcomes="accept refuse", on="event")
def may_pay(purchase: Purchase) -> Outcome:
    """What a wallet may pay: care, medicines and devices at designated institutions, or a premium (gbf-2021-14, 5). Never cash or goods."""
    if purchase.use is Use.other or (purchase.merchant is Merchant.other and purchase.use is not Use.premium):
        return refuse("not_medical", "gbf-2021-14#5")
    if not Money(0) < purchase.amount <= purchase.left:
        return refuse("left", "gbf-2021-14#5")
    return accept("gbf-2021-14#5")


@rule(outcomes="value", on="event")
def returns_at(offer: Offer) -> datetime:
    """The moment from which it goes back."""
    return datetime.combine(offer.returns_on, time.fromisoformat(offer.returns_at))


def clock(hour: int) -> str:
    """An hour of the day as a `Time`; 24 is the end of it."""
    return f"{hour:02d}:00:00"


def _receivers(sent: tuple[Sent, ...], day: date, p: Parameters) -> set[str]:
    since = day - timedelta(days=p.receivers_days)
    return {one.wallet for one in sent if one.day > since}
