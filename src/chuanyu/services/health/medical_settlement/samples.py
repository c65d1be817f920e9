"""Made-up records for sample residents; the same seed gives the same record."""

from datetime import date, timedelta
from decimal import Decimal
from random import Random

from chuanyu.core.documents import Person
from chuanyu.core.money import Money
from chuanyu.services.health.medical_settlement.documents import (
    Admission,
    Benefits,
    Insurance,
    Kind,
    Registration,
    Scheme,
)

YEAR = 2025
RETIREMENT = 60  # years of age, for a plausible sample only
RATIO = Decimal("0.8")


def insurance(rng: Random, person: Person) -> Insurance:
    """Two in five are insured as employees, retired from 60; the others as residents."""
    employee = rng.random() < 0.4
    scheme = Scheme.employee if employee else rng.choice((Scheme.resident_first, Scheme.resident_second))
    return Insurance(scheme=scheme, retired=employee and YEAR - person.birth.year >= RETIREMENT)


def registration(rng: Random, person: Person) -> Registration:
    """Registered for the other province since the beginning of the year: the old settled there, the others for work or a visit."""
    old = YEAR - person.birth.year >= RETIREMENT
    kind = rng.choice((Kind.retired, Kind.resident) if old else (Kind.posted, Kind.resident, Kind.other))
    here = "51" if person.household is not None and person.household.startswith("51") else "50"
    place = rng.choice(("500000", "500103") if here == "51" else ("510000", "510100", "511600"))
    since = date(YEAR, 1, 1)
    return Registration(
        kind=kind,
        place=place,
        since=since,
        registered_on=since - timedelta(days=rng.randint(1, 30)),
        until=date(YEAR, 12, 31) if kind is Kind.other else None,
    )


def benefits(rng: Random, person: Person) -> Benefits:
    """None to two stays in the first half of the year, at home."""
    here = "510107" if person.household is not None and person.household.startswith("51") else "500103"
    admissions = []
    for index in range(rng.choice((0, 0, 0, 1, 1, 2))):
        admitted = date(YEAR, 1 + 3 * index, rng.randint(1, 28))
        cost = Money.yuan(rng.randrange(3000, 30000, 10))
        admissions.append(
            Admission(
                number=f"S{YEAR}{index + 1:02d}{rng.randrange(10**6):06d}",
                place=here,
                admitted_on=admitted,
                discharged_on=admitted + timedelta(days=rng.randint(2, 14)),
                deductible=Money.yuan(400),
                fund=((cost - Money.yuan(400)) * RATIO).to_fen(),
            )
        )
    return Benefits(year=YEAR, admissions=tuple(admissions))
