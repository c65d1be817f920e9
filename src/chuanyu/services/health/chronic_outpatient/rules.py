"""Decisions about chronic diseases outside hospital. Qualification, deductible, ratio and limit are the place of insurance's.

The day that counts is the day of settlement; whether a disease is recognised counts by the day of the visit.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from chuanyu.core.money import Money
from chuanyu.core.outcomes import Outcome, accept, ask, duplicate, elsewhere, refuse
from chuanyu.core.parameters import Parameters
from chuanyu.core.rules import rule
from chuanyu.services.health.bills import ListClass, Reversal, read, spread
from chuanyu.services.health.chronic_outpatient.documents import (
    Bill,
    BillLine,
    Insurance,
    Qualification,
    Row,
    Settled,
    Settlement,
    Share,
    Spending,
    Track,
    Tracks,
    Why,
)

LISTS = "ybf-2022-22#2.1"  # scope by the place of care


@dataclass(frozen=True)
class _Part:
    """A part of a line with one reason. `shared`: the fund may pay of it."""

    number: int
    line: BillLine
    track: Track
    amount: Money
    why: Why
    shared: bool


@rule(outcomes="accept refuse ask elsewhere duplicate", on="event")
def may_settle(
    bill: Bill,
    p: Parameters,
    day: date,
    insurance: Insurance | None = None,
    qualification: Qualification | None = None,
    spending: Spending | None = None,
) -> Outcome:
    """Insured, and for each disease recognised at home the hospital is opened for it (ybf-2022-22)."""
    if bill.seen_on > day:
        return ask("seen_on", LISTS)
    if any(line.self_share and line.list_class is not ListClass.b for line in bill.lines):
        return ask("self_share", LISTS)
    if spending is not None and Settled(number=bill.number) in (*spending.bills, *spending.before):
        return duplicate(bill.number)
    if insurance is None or insurance.suspended:
        return refuse("not_insured", LISTS)
    wanted = {line.disease for line in bill.lines if _why(line, bill, qualification, p) is Why.qualified}
    if not wanted <= {opened.disease for opened in bill.opened}:
        return elsewhere("hospital_list", "ybf-2022-22#2.1")
    return accept("ybf-2022-22#2.1")


@rule(outcomes="value", on="event")
def tracks(bill: Bill, p: Parameters, qualification: Qualification | None = None) -> Tracks:
    """How much of the bill is settled as a chronic disease, and how much falls to ordinary outpatient care."""
    parts = _parts(bill, qualification, p)
    return Tracks(chronic=_sum(parts, Track.chronic), ordinary=_sum(parts, Track.ordinary))


@rule(outcomes="value", on="event")
def settlement(
    bill: Bill,
    insurance: Insurance,
    p: Parameters,
    day: date,
    qualification: Qualification | None = None,
    spending: Spending | None = None,
) -> Settlement:
    """Each track by its own deductible, ratio and limit; each line with its reason."""
    parts = _parts(bill, qualification, p)
    shares, rows = [], []
    for track in Track:
        on_it = [part for part in parts if part.track is track]
        if on_it:
            share = _share(track, on_it, insurance, _of_year(spending, day), p)
            shares.append(share)
            rows += _rows(on_it, share)
    total = sum((line.amount for line in bill.lines), start=Money(0))
    fund = sum((share.fund for share in shares), start=Money(0))
    return Settlement(
        bill=bill.number,
        settled_on=day,
        total=total,
        fund=fund,
        patient=total - fund,
        shares=tuple(shares),
        rows=tuple(sorted(rows, key=lambda row: row.line)),
    )


@rule(outcomes="value", on="event")
def fund_share(
    bill: Bill,
    insurance: Insurance,
    p: Parameters,
    day: date,
    qualification: Qualification | None = None,
    spending: Spending | None = None,
    settlement: Settlement | None = None,
) -> Money:
    """What the fund pays: as the settlement says; before there is one, as it would say."""
    if settlement is not None:
        return settlement.fund
    return _settled(bill, insurance, p, day, qualification, spending).fund


@rule(outcomes="value", on="event")
def spending(
    settlement: Settlement, day: date, spending: Spending | None = None, reversal: Reversal | None = None
) -> Spending:
    """The year's record with this visit in it; without it once it is reversed. The same bill counts once."""
    known, this = _of_year(spending, day), Settled(number=settlement.bill)
    sign = -1 if reversal is not None and reversal.bill == settlement.bill else 1
    if (this in known.bills) is (sign == 1):
        return known
    others = tuple(one for one in known.bills if one != this)
    shares = {share.track: share for share in settlement.shares}
    chronic, ordinary = shares.get(Track.chronic), shares.get(Track.ordinary)
    return Spending(
        year=day.year,
        chronic_deductible=known.chronic_deductible + (chronic.deductible * sign if chronic else Money(0)),
        chronic_fund=known.chronic_fund + (chronic.fund * sign if chronic else Money(0)),
        ordinary_deductible=known.ordinary_deductible + (ordinary.deductible * sign if ordinary else Money(0)),
        ordinary_fund=known.ordinary_fund + (ordinary.fund * sign if ordinary else Money(0)),
        bills=(*others, this) if sign == 1 else others,
        before=known.before,
    )


@rule(outcomes="accept ask", on="event")
def may_reverse(bill: Bill, reversal: Reversal) -> Outcome:
    """A reversal names the bill that was settled, so that no other is taken back."""
    if reversal.bill != bill.number:
        return ask("other_bill", LISTS)
    return accept(LISTS)


@rule(outcomes="value", on="event")
def reversible_until(day: date, p: Parameters) -> datetime:
    """The moment from which a settlement stands: the end of the day it was paid, when the counter's day is reconciled."""
    return datetime.combine(day + timedelta(days=p.reversal_days), time())


def _parts(bill: Bill, qualification: Qualification | None, p: Parameters) -> tuple[_Part, ...]:
    """Every line in parts that add up to it: outside the list, paid first, shared."""
    parts = []
    for number, line in enumerate(bill.lines, start=1):
        why = _why(line, bill, qualification, p)
        track = Track.chronic if why is Why.qualified else Track.ordinary
        if line.list_class is ListClass.c:
            parts.append(_Part(number, line, track, line.amount, Why.outside, False))
            continue
        advance = (line.amount * line.self_share).to_fen()
        if advance:
            parts.append(_Part(number, line, track, advance, Why.advance, False))
        parts.append(_Part(number, line, track, line.amount - advance, why, True))
    return tuple(parts)


def _why(line: BillLine, bill: Bill, qualification: Qualification | None, p: Parameters) -> Why:
    """Which track a line is on, and why: recognised at home for that very disease on the day of the visit."""
    if line.disease is None:
        return Why.no_disease
    if line.disease not in p.diseases:
        return Why.not_direct
    known = qualification.diseases if qualification is not None else ()
    for one in known:
        if (
            one.disease == line.disease
            and one.since <= bill.seen_on
            and (one.until is None or bill.seen_on <= one.until)
        ):
            return Why.qualified
    return Why.not_qualified


def _share(track: Track, parts: list[_Part], insurance: Insurance, known: Spending, p: Parameters) -> Share:
    base = sum((part.amount for part in parts if part.shared), start=Money(0))
    who = f"{track}_{insurance.scheme}"
    ratio, article = read(p, f"ratio_{who}")
    paid = known.chronic_deductible if track is Track.chronic else known.ordinary_deductible
    spent = known.chronic_fund if track is Track.chronic else known.ordinary_fund
    deductible = min(base, max(Money(0), read(p, f"deductible_{who}")[0] - paid))
    cap_left = max(Money(0), read(p, f"cap_{who}")[0] - spent)
    return Share(
        track=track,
        total=sum((part.amount for part in parts), start=Money(0)),
        base=base,
        deductible=deductible,
        ratio=ratio,
        cap_left=cap_left,
        fund=min(cap_left, ((base - deductible) * ratio).to_fen()),
        article=article,
    )


def _rows(parts: list[_Part], share: Share) -> list[Row]:
    """Each part with its piece of the fund's payment."""
    pieces = spread(share.fund, share.base, (part.amount for part in parts if part.shared))
    rows = []
    for part in parts:
        piece = next(pieces) if part.shared else Money(0)
        rows.append(
            Row(
                line=part.number,
                name=part.line.name,
                track=part.track,
                amount=part.amount,
                fund=piece,
                patient=part.amount - piece,
                why=part.why,
                article=share.article if part.shared else LISTS,
            )
        )
    return rows


def _of_year(spending: Spending | None, day: date) -> Spending:
    """The record of the year of settlement; of the year before only the bills are known, so that none is settled again."""
    if spending is None or spending.year not in (day.year - 1, day.year):
        return Spending(year=day.year)
    return spending if spending.year == day.year else Spending(year=day.year, before=spending.bills)


def _sum(parts: Iterable[_Part], track: Track) -> Money:
    return sum((part.amount for part in parts if part.track is track), start=Money(0))


_settled = settlement  # where an argument is called like the rule
