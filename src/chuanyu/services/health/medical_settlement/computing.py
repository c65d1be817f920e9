"""How a bill is computed: in scope (the place of care's lists) less the deductible, times the ratio (the place of insurance's
policy, less the percentage points for care away from home), at most what is left of the year's limit.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from chuanyu.core.days import age
from chuanyu.core.documents import Person
from chuanyu.core.money import Money
from chuanyu.core.parameters import Parameters
from chuanyu.services.health.bills import ListClass, read, spread
from chuanyu.services.health.medical_settlement.documents import (
    Admission,
    Benefits,
    Bill,
    BillLine,
    Insurance,
    Kind,
    Registration,
    Row,
    Scheme,
    Settlement,
    Step,
    What,
    Why,
)

LONG_TERM = (Kind.retired, Kind.resident, Kind.posted)
MUNICIPALITIES = ("11", "12", "31", "50")  # one city each, whatever the district

# Who said it. The place of care's lists and the place of insurance's policy: the two are never swapped.
LISTS = "ybf-2022-22#2.1"
POLICY = "ybf-2022-22#2.1"


@dataclass(frozen=True)
class _Part:
    """A part of a bill line with one reason."""

    number: int
    line: BillLine
    amount: Money
    why: Why


def settled(
    bill: Bill,
    person: Person,
    insurance: Insurance,
    p: Parameters,
    day: date,
    registration: Registration | None,
    benefits: Benefits | None,
) -> Settlement:
    """The bill settled, explained step by step and line by line."""
    parts = tuple(part for number, line in enumerate(bill.lines, start=1) for part in _parts(number, line))
    total = _sum(parts)
    base = _sum(part for part in parts if part.why is Why.shared)
    earlier = stays(benefits, day, but=bill.number)
    due, deductible_ref = _deductible(bill, insurance, earlier, p)
    deductible = min(base, due)
    kind = _kind(bill, registration, day)
    ratio, points = _ratio(bill, person, insurance, kind, p, day)
    before_cap = _shared(base - deductible, ratio, p)
    cap, cap_ref = read(p, f"cap_{insurance.scheme}")
    cap_left = max(Money(0), cap - sum((one.fund for one in earlier), start=Money(0)))
    fund = min(before_cap, cap_left)
    steps = (
        Step(what=What.total, amount=total),
        *(
            Step(what=What[why.name], amount=_sum(part for part in parts if part.why is why), article=LISTS)
            for why in (Why.outside, Why.over_limit, Why.advance)
        ),
        Step(what=What.base, amount=base, article=LISTS),
        Step(what=What.deductible, amount=deductible, article=deductible_ref),
        *points,
        Step(what=What.before_cap, amount=before_cap, article=POLICY),
        Step(what=What.cap_left, amount=cap_left, article=cap_ref),
        Step(what=What.fund, amount=fund),
        Step(what=What.patient, amount=total - fund),
    )
    return Settlement(
        bill=bill.number,
        settled_on=day,
        kind=kind,
        total=total,
        base=base,
        deductible=deductible,
        ratio=ratio,
        fund=fund,
        patient=total - fund,
        steps=steps,
        rows=tuple(_rows(parts, base, fund, capped=fund < before_cap)),
        registered_on=registration.registered_on if registration is not None else None,
    )


def in_force(registration: Registration | None, day: date) -> bool:
    """Whether there is a registration that has begun by the day of settlement; one made during the stay is honoured."""
    return registration is not None and max(registration.registered_on, registration.since) <= day


def covers(registered_place: str, place: str) -> bool:
    """Whether a registration for a province, or for a city, holds at `place`."""
    if registered_place.endswith("0000"):
        return registered_place[:2] == place[:2]
    return city(registered_place) == city(place)


def city(place: str) -> str:
    """The city a place of care is in, as the beginning of its code."""
    return place[:2] if place[:2] in MUNICIPALITIES else place[:4]


def stays(benefits: Benefits | None, day: date, *, but: str) -> tuple[Admission, ...]:
    """The stays settled in the year of `day`, but for the one of that number."""
    if benefits is None or benefits.year != day.year:
        return ()
    return tuple(one for one in benefits.admissions if one.number != but)


# ---- steps of it


def _parts(number: int, line: BillLine) -> Iterator[_Part]:
    """A line in parts: outside the list, or above the limit, paid first, in scope. They add up to the line to the fen."""
    amount = (line.price * line.quantity).to_fen()
    if line.list_class is ListClass.c:
        yield _Part(number, line, amount, Why.outside)
        return
    within = amount
    if line.limit_price is not None:
        within = min(amount, (line.limit_price * line.quantity).to_fen())
    advance = (within * line.self_share).to_fen() if line.list_class is ListClass.b else Money(0)
    for part, why in ((amount - within, Why.over_limit), (advance, Why.advance), (within - advance, Why.shared)):
        if part or (why is Why.shared and not amount):
            yield _Part(number, line, part, why)


def _rows(parts: tuple[_Part, ...], base: Money, fund: Money, *, capped: bool) -> Iterator[Row]:
    """Each part with its piece of the fund's payment, by its share of what is in scope."""
    pieces = spread(fund, base, (part.amount for part in parts if part.why is Why.shared))
    for part in parts:
        shared = part.why is Why.shared
        piece = next(pieces) if shared else Money(0)
        yield Row(
            line=part.number,
            name=part.line.name,
            list_class=part.line.list_class,
            amount=part.amount,
            fund=piece,
            patient=part.amount - piece,
            why=Why.capped if shared and base and capped else part.why,
            article=POLICY if shared else LISTS,
        )


def _deductible(bill: Bill, insurance: Insurance, earlier: tuple[Admission, ...], p: Parameters) -> tuple[Money, str]:
    """By scheme and level, lower with each stay of the year; a transfer counts on the stay it continues. With its source."""
    who = "employee" if insurance.scheme is Scheme.employee else "resident"
    full: Money
    full, ref = read(p, f"deductible_{who}_{bill.level}")
    if bill.transferred:
        latest = bill.admitted_on - timedelta(days=p.transfer_days)
        continued = [one for one in earlier if latest <= one.discharged_on <= bill.admitted_on]
        if continued:
            return max(Money(0), full - sum((one.deductible for one in continued), start=Money(0))), ref
    return max(min(full, p.deductible_least), full - p.deductible_step * len(earlier)), ref


def _ratio(
    bill: Bill, person: Person, insurance: Insurance, kind: Kind, p: Parameters, day: date
) -> tuple[Decimal, tuple[Step, ...]]:
    """The ratio after points for age and the cut, with the steps to it. Points are added and taken, never multiplied."""
    ratio, ref = read(p, f"ratio_{insurance.scheme}_{bill.level}")
    steps = [Step(what=What.ratio, ratio=ratio, article=ref)]
    if insurance.scheme is Scheme.employee:
        least, ref = read(p, "ratio_retired")
        if insurance.retired and least > ratio:
            ratio = least
            steps.append(Step(what=What.retired, ratio=ratio, article=ref))
        each, ref = read(p, "age_points")
        years = age(person.birth, day) - p.age_points_from
        if years >= 0 and each:
            added = min(Decimal(1) - ratio, each * (years // 10 + 1))
            ratio += added
            steps.append(Step(what=What.age, points=added, article=ref))
    if kind not in LONG_TERM:
        cut, ref = read(p, f"cut_{kind}")
        cut = min(ratio, cut)
        ratio -= cut
        steps.append(Step(what=What.cut, points=-cut, article=ref))
    points, ref = read(p, "band_points")
    if points:
        steps.append(Step(what=What.band, points=points, amount=p.band_limit, article=ref))
    return ratio, tuple(steps)


def _shared(sum_: Money, ratio: Decimal, p: Parameters) -> Money:
    """The fund's part of what is above the deductible; above the band's limit the ratio is some points higher."""
    above = max(Money(0), sum_ - p.band_limit)
    higher = min(Decimal(1), ratio + p.band_points)
    return ((sum_ - above) * ratio + above * higher).to_fen()


def _kind(bill: Bill, registration: Registration | None, day: date) -> Kind:
    """Under which registration the stay is settled: those who live there keep theirs, an emergency is one."""
    if (
        registration is not None
        and in_force(registration, day)
        and covers(registration.place, bill.place)
        and (registration.until is None or registration.until >= bill.admitted_on)
        and (registration.kind in LONG_TERM or not bill.emergency)
    ):
        return registration.kind
    return Kind.emergency if bill.emergency else Kind.other


def _sum(parts: Iterable[_Part]) -> Money:
    return sum((part.amount for part in parts), start=Money(0))
