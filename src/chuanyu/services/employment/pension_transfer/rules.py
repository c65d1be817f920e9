"""Decisions of the pension transfer. The day that counts is the day of the application, unless a rule says otherwise."""

from datetime import date

from chuanyu.core.days import age
from chuanyu.core.documents import Person
from chuanyu.core.money import Amount, Money
from chuanyu.core.outcomes import Outcome, accept, ask, hold, refuse, value
from chuanyu.core.parameters import Parameters
from chuanyu.core.rules import rule
from chuanyu.services.employment.pension_transfer.documents import (
    AccountRecord,
    Application,
    EmploymentPapers,
    InsuranceHistory,
    InsuredPeriod,
)


@rule(outcomes="accept refuse ask hold")
def may_transfer(person: Person, application: Application, p: Parameters, day: date) -> Outcome:
    """The receiving place's review: nobody who draws a pension, and no transfer into a temporary account."""
    drawing = already_drawing(application)
    if drawing.outcome != "accept":
        return drawing
    return temporary_account(person, application, p, day)


@rule(outcomes="accept refuse")
def already_drawing(application: Application, account_record: AccountRecord | None = None) -> Outcome:
    """Whoever draws a basic pension is not transferred any more (gbf-2009-66, art. 2)."""
    if application.drawing or (account_record is not None and account_record.drawing):
        return refuse("already_drawing", "gbf-2009-66#2")
    return accept("gbf-2009-66#2")


@rule(outcomes="accept refuse ask hold")
def temporary_account(person: Person, application: Application, p: Parameters, day: date) -> Outcome:
    """Refused when a temporary account has to be opened instead (gbf-2009-66, art. 5).

    That is: first insured here at 50 or older (men) or 40 or older (women), the birthday itself counting, not
    registered in this province, and not moved by official order.
    """
    insured = application.first_insured_here_on or application.employed_since or day
    if not person.birth <= insured <= day:
        return ask("insured_date", "gbf-2009-66#8")
    limit = p.temporary_age_male if person.sex == "male" else p.temporary_age_female
    if age(person.birth, insured) < limit or application.moved_by_order:
        return accept("gbf-2009-66#5")
    stated = application.household or person.household
    if stated is None:
        return ask("household", "gbf-2009-66#5")
    if not _here(stated, p):
        return refuse("temporary_account", "gbf-2009-66#5")
    if person.household is not None and not _here(person.household, p):
        return hold("household_differs", "gbf-2009-66#5")
    return accept("gbf-2009-66#5")


@rule(outcomes="accept refuse ask hold")
def may_release(
    account_record: AccountRecord, p: Parameters, employment_papers: EmploymentPapers | None = None
) -> Outcome:
    """The sending place's review: a record, no pension drawn, papers for long payments of past months."""
    if account_record.drawing:
        return refuse("already_drawing", "gbf-2009-66#2")
    if not account_record.years and not account_record.personal_balance:
        return refuse("no_record", "gbf-2009-66#3")
    papers = employment_papers.papers if employment_papers is not None else ()
    for payment in account_record.back_payments:
        if payment.months < p.back_payment_months or payment.proved:
            continue
        # a paper made after the payment proves nothing: it could have been made for the payment
        if not any(paper.issued_on <= payment.paid_on for paper in papers):
            return ask("employment_papers", "rsth-2019-94#2")
    if max(_months_by_year(account_record).values(), default=0) > 12:
        return hold("months_over_twelve", "gbf-2009-66#4")
    return accept("gbf-2009-66#8")


@rule(outcomes="value")
def transfer_amount(account_record: AccountRecord, p: Parameters) -> Amount:
    """Personal account plus the pooled share of each year's contribution wages since 1998 (gbf-2009-66, art. 4).

    Exact until the end: Money × ratio gives an Amount, and only `.to_fen()` rounds, half up.
    """
    counted = (year.wages for year in account_record.years if year.year >= p.pooled_since.year)
    return account_record.personal_balance + sum(counted, start=Money(0)) * p.pooled_rate


@rule(outcomes="accept hold")
def may_join(insurance_history: InsuranceHistory | None = None) -> Outcome:
    """The receiving place joins what arrived; months paid at two places are settled first (先转后清)."""
    if insurance_history is not None and _overlap(insurance_history):
        return hold("overlapping_months", "rsbg-2016-5")
    return accept("gbf-2009-66#8")


@rule(outcomes="value", on="event")
def overlapping_months(insurance_history: InsuranceHistory) -> int:
    """How many calendar months were paid at more than one place: one relation is kept, the other's are refunded."""
    return _overlap(insurance_history)


@rule(outcomes="value ask", on="event")
def place_of_entitlement(
    person: Person, insurance_history: InsuranceHistory, p: Parameters, application: Application | None = None
) -> Outcome:
    """Which province will pay the pension, as a province code (gbf-2009-66, art. 6).

    The household's province if the relation is there; else where the relation is, with ten years paid there; else the
    last place before with ten years; else the household's province. 120 months are ten years. Temporary accounts make
    no place of entitlement.
    """
    stated = application.household if application is not None else None
    home = stated or person.household
    if home is None:
        return ask("household", "gbf-2009-66#6")
    home = _province(home)
    last_first = sorted(
        (period for period in insurance_history.periods if not period.temporary), key=_last_month, reverse=True
    )
    places = list(dict.fromkeys(_province(period.place) for period in last_first))
    if not places or places[0] == home:
        return value(home, "gbf-2009-66#6")
    months: dict[str, set[int]] = {place: set() for place in places}
    for period in last_first:
        months[_province(period.place)].update(_calendar_months(period))
    long_enough = (place for place in places if len(months[place]) >= p.entitlement_months)
    return value(next(long_enough, home), "gbf-2009-66#6")


def _here(division: str, p: Parameters) -> bool:
    return _province(division) in p.own_province


def _province(division: str) -> str:
    return division[:2] + "0000"


def _months_by_year(record: AccountRecord) -> dict[int, int]:
    months: dict[int, int] = {}
    for year in record.years:
        months[year.year] = months.get(year.year, 0) + year.months
    return months


def _calendar_months(period: InsuredPeriod) -> range:
    """The period's months, counted from the year 0."""
    first = period.since.year * 12 + period.since.month - 1
    return range(first, first + period.months)


def _last_month(period: InsuredPeriod) -> int:
    return _calendar_months(period)[-1]


def _overlap(history: InsuranceHistory) -> int:
    places: dict[int, set[str]] = {}
    for period in history.periods:
        for month in _calendar_months(period):
            places.setdefault(month, set()).add(_province(period.place))
    return sum(len(at) > 1 for at in places.values())
