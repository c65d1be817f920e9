"""Decisions of direct settlement. The place of care's lists come with the bill; policy is the place of insurance's.

The day that counts is the day of settlement: its parameters hold, and its year's benefits.
"""

from datetime import date, datetime, time, timedelta
from fractions import Fraction

from chuanyu.core.days import add_months
from chuanyu.core.documents import Person
from chuanyu.core.money import Amount, Money
from chuanyu.core.outcomes import Outcome, accept, ask, duplicate, elsewhere, hold, refuse, stale
from chuanyu.core.parameters import Parameters
from chuanyu.core.rules import rule
from chuanyu.services.health.bills import ListClass, Reversal
from chuanyu.services.health.medical_settlement.computing import LONG_TERM, city, covers, in_force, settled, stays
from chuanyu.services.health.medical_settlement.documents import (
    Admission,
    Benefits,
    Bill,
    Finding,
    Insurance,
    Kind,
    Order,
    Orders,
    Province,
    Quarter,
    Referral,
    Registration,
    RegistrationRequest,
    Review,
    Settlement,
    Timetable,
    Usage,
    Window,
)

# ---- before the stay is paid


@rule(outcomes="accept refuse ask elsewhere", on="event")
def may_register(
    registration_request: RegistrationRequest,
    p: Parameters,
    insurance: Insurance | None = None,
    referral: Referral | None = None,
) -> Outcome:
    """Whoever is insured here may register for care in another province (ybf-2022-22, 2.2).

    Being referred costs fewer points than going by oneself, so it takes the hospital's referral, not the applicant's word.
    Nor does an emergency rest on it: the hospital marks the bill, and no registration is needed (jbgc-2022, 34).
    """
    if insurance is None or insurance.suspended:
        return refuse("not_insured", "ybf-2022-22#2.2")
    if registration_request.until is not None and registration_request.until < registration_request.since:
        return ask("registration_dates", "ybf-2022-22#2.3")
    if registration_request.place[:2] + "0000" in p.own_province:
        return elsewhere("own_province", "ybf-2022-22#2.2")
    if registration_request.kind is Kind.emergency:
        return elsewhere("no_registration", "jbgc-2022#34")
    if registration_request.kind is Kind.referred and (
        referral is None or not covers(referral.place, registration_request.place)
    ):
        return ask("referral", "ybf-2022-22#2.2")
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
    if registration is None or not in_force(registration, day):
        return ask("registration", "ybf-2022-22#2.4")
    if not covers(registration.place, bill.place):
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
        return ask("self_share", "ybf-2022-22#2.1")
    admissions = (*benefits.before, *benefits.admissions) if benefits is not None else ()
    if any(admission.number == bill.number for admission in admissions):
        return duplicate(bill.number)
    if insurance is None or insurance.suspended:
        return refuse("not_insured", "ybf-2022-22#2.2")
    outcome = registered(bill, day, registration)
    if outcome.outcome != "accept":
        return outcome
    if review is None and any(_at_two_places(bill, admission) for admission in admissions):
        return hold("two_places", "jbgc-2022")
    return accept("ybf-2022-22#2.1")


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
    """The bill settled: what the fund pays and what the patient pays, each part of each line with its reason."""
    return settled(bill, person, insurance, p, day, registration, benefits)


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
    return (settlement or settled(bill, person, insurance, p, day, registration, benefits)).fund


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
    return (settlement or settled(bill, person, insurance, p, day, registration, benefits)).patient


@rule(outcomes="value", on="event")
def benefits(
    bill: Bill,
    settlement: Settlement,
    day: date,
    benefits: Benefits | None = None,
    reversal: Reversal | None = None,
) -> Benefits:
    """The year's record with this stay in it; without it once it is reversed. A new year begins a new record."""
    kept = stays(benefits, day, but=bill.number)
    before = _before(benefits, day)
    if reversal is not None and reversal.bill == bill.number:
        return Benefits(year=day.year, admissions=kept, before=before)
    stay = Admission(
        number=bill.number,
        place=bill.place,
        admitted_on=bill.admitted_on,
        discharged_on=bill.discharged_on,
        deductible=settlement.deductible,
        fund=settlement.fund,
    )
    return Benefits(year=day.year, admissions=(*kept, stay), before=before)


@rule(outcomes="accept ask", on="event")
def may_reverse(bill: Bill, reversal: Reversal) -> Outcome:
    """A reversal names the bill that was settled, so that no other is taken back."""
    if reversal.bill != bill.number:
        return ask("other_bill", "jbgc-2022")
    return accept("jbgc-2022")


@rule(outcomes="value", on="event")
def reversible_until(day: date, p: Parameters) -> datetime:
    """The moment from which a settlement stands: the end of the day it was paid, when the counter's day is reconciled."""
    return datetime.combine(day + timedelta(days=p.reversal_days), time())


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


# ---- what they rest on


def _before(benefits: Benefits | None, day: date) -> tuple[Admission, ...]:
    """The stays settled in the year before that of `day`, as far as the record knows them."""
    if benefits is None or benefits.year not in (day.year - 1, day.year):
        return ()
    return benefits.before if benefits.year == day.year else benefits.admissions


def _at_two_places(bill: Bill, other: Admission) -> bool:
    """Admitted on one day in two cities, or in bed at two places at once. Leaving one for the other is neither."""
    same_day = bill.admitted_on == other.admitted_on and city(bill.place) != city(other.place)
    overlap = bill.admitted_on < other.discharged_on and other.admitted_on < bill.discharged_on
    return same_day or overlap
