"""Decisions of direct settlement. The place of care's lists come with the bill; policy is the place of insurance's.

The day that counts is the day of settlement: its parameters hold, and its year's benefits.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

from chuanyu.core.days import add_months, age
from chuanyu.core.documents import Person
from chuanyu.core.money import Amount, Money
from chuanyu.core.outcomes import Outcome, accept, ask, duplicate, elsewhere, hold, refuse, stale
from chuanyu.core.parameters import Parameters
from chuanyu.core.rules import rule
from chuanyu.services.health.medical_settlement.documents import (
    Admission,
    Benefits,
    Bill,
    BillLine,
    Finding,
    Insurance,
    Kind,
    ListClass,
    Order,
    Orders,
    Province,
    Quarter,
    Registration,
    RegistrationRequest,
    Reversal,
    Review,
    Row,
    Scheme,
    Settlement,
    Step,
    Timetable,
    Usage,
    What,
    Why,
    Window,
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


# ---- before the stay is paid


@rule(outcomes="accept refuse ask elsewhere", on="event")
def may_register(
    registration_request: RegistrationRequest, p: Parameters, insurance: Insurance | None = None
) -> Outcome:
    """Whoever is insured here may register for care in another province (ybf-2022-22, 2.2)."""
    if insurance is None or insurance.suspended:
        return refuse("not_insured", "ybf-2022-22#2.2")
    if registration_request.until is not None and registration_request.until < registration_request.since:
        return ask("registration_dates", "ybf-2022-22#2.3")
    if registration_request.place[:2] + "0000" in p.own_province:
        return elsewhere("own_province", "ybf-2022-22#2.2")
    return accept("ybf-2022-22#2.2")


@rule(outcomes="value", on="event")
def registration(registration_request: RegistrationRequest, p: Parameters, day: date) -> Registration:
    """The registration: open-ended for those who live there, for others at least six months (ybf-2022-22, 2.3)."""
    until = None
    if registration_request.kind not in LONG_TERM:
        shortest = add_months(registration_request.since, p.temporary_months)
        until = max(registration_request.until or shortest, shortest)
    return Registration(
        kind=registration_request.kind,
        place=registration_request.place,
        since=registration_request.since,
        until=until,
        registered_on=day,
    )


@rule(outcomes="accept ask elsewhere stale", on="event")
def registered(bill: Bill, day: date, registration: Registration | None = None) -> Outcome:
    """Whether the stay counts as registered (ybf-2022-22, 2.3 and 2.4; handling procedure, art. 34).

    An emergency counts as registered. A registration made before the bill is settled is honoured, even after admission.
    Once the patient has paid the bill, it is reimbursed by hand.
    """
    if bill.self_paid_on is not None:
        return elsewhere("by_hand", "ybf-2022-22#2.4")
    if bill.emergency:
        return accept("jbgc-2022#34")
    if registration is None or registration.registered_on > day:
        return ask("registration", "ybf-2022-22#2.4")
    if not _covers(registration.place, bill.place):
        return ask("registered_elsewhere", "ybf-2022-22#2.4")
    if registration.until is not None and registration.until < bill.admitted_on:
        return stale("registration_expired", "ybf-2022-22#2.3")
    return accept("ybf-2022-22#2.4")


@rule(outcomes="accept refuse ask hold duplicate elsewhere stale", on="event")
def may_settle(
    bill: Bill,
    day: date,
    insurance: Insurance | None = None,
    registration: Registration | None = None,
    benefits: Benefits | None = None,
    review: Review | None = None,
) -> Outcome:
    """The place of insurance's review of a bill: in order, insured, registered, not settled before, not at two places."""
    if not bill.admitted_on <= bill.discharged_on <= day:
        return ask("bill_dates", "jbgc-2022#33")
    if any(line.self_share and line.list_class is not ListClass.b for line in bill.lines):
        return ask("self_share", LISTS)
    admissions = benefits.admissions if benefits is not None else ()
    if any(admission.number == bill.number for admission in admissions):
        return duplicate(bill.number)
    if insurance is None or insurance.suspended:
        return refuse("not_insured", "ybf-2022-22#2.2")
    outcome = registered(bill, day, registration)
    if outcome.outcome != "accept":
        return outcome
    if review is None and any(_at_two_places(bill, admission) for admission in admissions):
        return hold("two_places", "jbgc-2022")
    return accept(POLICY)


@rule(outcomes="accept refuse", on="event")
def after_review(review: Review) -> Outcome:
    """A held bill goes on if the review found it to be as it says."""
    if review.finding is Finding.real:
        return accept("jbgc-2022")
    return refuse("misuse", "jbgc-2022")


# ---- the money


@rule(outcomes="value", on="event")
def settlement(
    bill: Bill,
    person: Person,
    insurance: Insurance,
    p: Parameters,
    day: date,
    registration: Registration | None = None,
    benefits: Benefits | None = None,
) -> Settlement:
    """The bill settled: what the fund pays and what the patient pays, each part of each line with its reason.

    In scope (the place of care's lists) less the deductible, times the ratio (the place of insurance's policy, less the
    percentage points for care away from home), at most what is left of the year's limit.
    """
    parts = tuple(part for number, line in enumerate(bill.lines, start=1) for part in _parts(number, line))
    total = _sum(parts)
    base = _sum(part for part in parts if part.why is Why.shared)
    earlier = _earlier(bill, benefits, day)
    due, deductible_ref = _deductible(bill, insurance, earlier, p)
    deductible = min(base, due)
    kind = _kind(bill, registration)
    ratio, points = _ratio(bill, person, insurance, kind, p, day)
    before_cap = _shared(base - deductible, ratio, p)
    cap, cap_ref = _read(p, f"cap_{insurance.scheme}")
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


@rule(outcomes="value", on="event")
def fund_share(
    bill: Bill,
    person: Person,
    insurance: Insurance,
    p: Parameters,
    day: date,
    registration: Registration | None = None,
    benefits: Benefits | None = None,
    settlement: Settlement | None = None,
) -> Money:
    """What the fund pays: as the settlement says; before there is one, as it would say."""
    if settlement is not None:
        return settlement.fund
    return _settled(bill, person, insurance, p, day, registration, benefits).fund


@rule(outcomes="value", on="event")
def patient_share(
    bill: Bill,
    person: Person,
    insurance: Insurance,
    p: Parameters,
    day: date,
    registration: Registration | None = None,
    benefits: Benefits | None = None,
    settlement: Settlement | None = None,
) -> Money:
    """What the patient pays at the counter: the rest of the bill."""
    if settlement is not None:
        return settlement.patient
    return _settled(bill, person, insurance, p, day, registration, benefits).patient


@rule(outcomes="value", on="event")
def benefits(
    bill: Bill,
    settlement: Settlement,
    day: date,
    benefits: Benefits | None = None,
    reversal: Reversal | None = None,
) -> Benefits:
    """The year's record with this stay in it; without it once it is reversed. A new year begins a new record."""
    kept = tuple(
        one
        for one in (benefits.admissions if _of_year(benefits, day) and benefits else ())
        if one.number != bill.number
    )
    if reversal is not None and reversal.bill == bill.number:
        return Benefits(year=day.year, admissions=kept)
    stay = Admission(
        number=bill.number,
        place=bill.place,
        admitted_on=bill.admitted_on,
        discharged_on=bill.discharged_on,
        deductible=settlement.deductible,
        fund=settlement.fund,
    )
    return Benefits(year=day.year, admissions=(*kept, stay))


@rule(outcomes="accept ask", on="event")
def may_reverse(bill: Bill, reversal: Reversal) -> Outcome:
    """A reversal names the bill that was settled, so that no other is taken back."""
    if reversal.bill != bill.number:
        return ask("other_bill", "jbgc-2022")
    return accept("jbgc-2022")


@rule(outcomes="value", on="event")
def reversible_until(settlement: Settlement, p: Parameters) -> datetime:
    """The moment from which a settlement stands: the end of the day, when the counter's day is reconciled."""
    return datetime.combine(settlement.settled_on + timedelta(days=p.reversal_days), time())


# ---- between the two provinces


@rule(outcomes="value", on="event")
def prepayment(quarter: Quarter, p: Parameters) -> Amount:
    """Two months' mean of last year's last quarter, prepaid (handling procedure)."""
    total = quarter.october + quarter.november + quarter.december
    return Amount(Fraction(total.fen * p.prepayment_months, 3))


@rule(outcomes="value", on="event")
def prepayment_alarm(usage: Usage, p: Parameters) -> str:
    """green, yellow or red by the share of the prepayment that is used; each alarm begins on its own share."""
    if usage.used >= usage.opening * p.prepayment_red:
        return "red"
    return "yellow" if usage.used >= usage.opening * p.prepayment_yellow else "green"


@rule(outcomes="value", on="event")
def orders(window: Window) -> Orders:
    """Gross clearing (全额清算): two orders, each for the whole sum. The difference is shown, and nobody pays it."""
    owed = (
        Order(payer=Province.chongqing, payee=Province.sichuan, amount=window.chongqing_owes),
        Order(payer=Province.sichuan, payee=Province.chongqing, amount=window.sichuan_owes),
    )
    difference = window.chongqing_owes - window.sichuan_owes
    return Orders(orders=tuple(order for order in owed if order.amount), net=max(difference, -difference))


@rule(outcomes="value", on="event")
def timetable(window: Window, p: Parameters) -> Timetable:
    """When a month's bills are declared, paid, and their year closed (handling procedure)."""
    after = add_months(window.month.replace(day=1), 1)
    return Timetable(
        declare_by=after.replace(day=p.declare_day),
        pay_by=add_months(after, p.pay_months) - timedelta(days=1),
        close_by=add_months(date(window.month.year + 1, 1, 1), p.close_months) - timedelta(days=1),
    )


# ---- steps of the computation


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
    """Each part with its piece of the fund's payment, by its share of what is in scope.

    Rounded on the running total, so that the pieces add up to `fund` and none is more than its part.
    """
    seen = paid = 0
    for part in parts:
        piece = 0
        why = part.why
        if why is Why.shared and base:
            seen += part.amount.fen
            piece = (2 * fund.fen * seen + base.fen) // (2 * base.fen) - paid
            paid += piece
            why = Why.capped if capped else why
        yield Row(
            line=part.number,
            name=part.line.name,
            list_class=part.line.list_class,
            amount=part.amount,
            fund=Money(piece),
            patient=part.amount - Money(piece),
            why=why,
            article=POLICY if part.why is Why.shared else LISTS,
        )


def _deductible(bill: Bill, insurance: Insurance, earlier: tuple[Admission, ...], p: Parameters) -> tuple[Money, str]:
    """By scheme and level, lower with each stay of the year; a transfer counts on the stay it continues. With its source."""
    who = "employee" if insurance.scheme is Scheme.employee else "resident"
    full, ref = _read(p, f"deductible_{who}_{bill.level}")
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
    ratio, ref = _read(p, f"ratio_{insurance.scheme}_{bill.level}")
    steps = [Step(what=What.ratio, ratio=ratio, article=ref)]
    if insurance.scheme is Scheme.employee:
        least, ref = _read(p, "ratio_retired")
        if insurance.retired and least > ratio:
            ratio = least
            steps.append(Step(what=What.retired, ratio=ratio, article=ref))
        each, ref = _read(p, "age_points")
        years = age(person.birth, day) - p.age_points_from
        if years >= 0 and each:
            added = min(Decimal(1) - ratio, each * (years // 10 + 1))
            ratio += added
            steps.append(Step(what=What.age, points=added, article=ref))
    if kind not in LONG_TERM:
        cut, ref = _read(p, f"cut_{kind}")
        cut = min(ratio, cut)
        ratio -= cut
        steps.append(Step(what=What.cut, points=-cut, article=ref))
    points, ref = _read(p, "band_points")
    if points:
        steps.append(Step(what=What.band, points=points, amount=p.band_limit, article=ref))
    return ratio, tuple(steps)


def _shared(sum_: Money, ratio: Decimal, p: Parameters) -> Money:
    """The fund's part of what is above the deductible; above the band's limit the ratio is some points higher."""
    above = max(Money(0), sum_ - p.band_limit)
    higher = min(Decimal(1), ratio + p.band_points)
    return ((sum_ - above) * ratio + above * higher).to_fen()


def _kind(bill: Bill, registration: Registration | None) -> Kind:
    """Under which registration the stay is settled: those who live there keep theirs, an emergency is one."""
    valid = (
        registration is not None
        and _covers(registration.place, bill.place)
        and (registration.until is None or registration.until >= bill.admitted_on)
    )
    if valid and registration is not None and (registration.kind in LONG_TERM or not bill.emergency):
        return registration.kind
    return Kind.emergency if bill.emergency else Kind.other


def _earlier(bill: Bill, benefits: Benefits | None, day: date) -> tuple[Admission, ...]:
    """The other stays of the year of settlement."""
    if benefits is None or not _of_year(benefits, day):
        return ()
    return tuple(one for one in benefits.admissions if one.number != bill.number)


def _of_year(benefits: Benefits | None, day: date) -> bool:
    return benefits is not None and benefits.year == day.year


def _at_two_places(bill: Bill, other: Admission) -> bool:
    """Admitted on one day in two cities, or in bed at two places at once. Leaving one for the other is neither."""
    same_day = bill.admitted_on == other.admitted_on and _city(bill.place) != _city(other.place)
    overlap = bill.admitted_on < other.discharged_on and other.admitted_on < bill.discharged_on
    return same_day or overlap


def _covers(registered_place: str, place: str) -> bool:
    """Whether a registration for a province, or for a city, holds at `place`."""
    if registered_place.endswith("0000"):
        return registered_place[:2] == place[:2]
    return _city(registered_place) == _city(place)


def _city(place: str) -> str:
    return place[:2] if place[:2] in MUNICIPALITIES else place[:4]


def _read(p: Parameters, key: str) -> tuple[Any, str]:
    """A parameter by its name, and the paper it stands in: the two provinces' papers differ."""
    found = getattr(p, key)
    return found, p.used[key]["ref"]


def _sum(parts: Iterator[_Part] | tuple[_Part, ...]) -> Money:
    return sum((part.amount for part in parts), start=Money(0))


_settled = settlement  # where an argument is called like the rule
