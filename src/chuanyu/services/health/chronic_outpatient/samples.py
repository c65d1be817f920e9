"""Made-up records for sample residents; the same seed gives the same record."""

from datetime import date
from random import Random

from chuanyu.core.documents import Person
from chuanyu.core.money import Money
from chuanyu.services.health.chronic_outpatient.documents import Insurance, Qualification, Qualified, Scheme, Spending

YEAR = 2025
COMMON = ("M03900", "M01600", "M04600", "M05300")  # hypertension, diabetes, coronary heart disease, COPD


def insurance(rng: Random, person: Person) -> Insurance:
    """Two in five are insured as employees."""
    return Insurance(scheme=Scheme.employee if rng.random() < 0.4 else Scheme.resident)


def qualification(rng: Random, person: Person) -> Qualification:
    """Up to two of the common diseases from the age of 50; before that rarely any."""
    old = YEAR - person.birth.year >= 50
    diseases = rng.sample(COMMON, rng.choice((0, 1, 1, 2)) if old else rng.choice((0, 0, 0, 1)))
    return Qualification(
        diseases=tuple(
            Qualified(disease=disease, since=date(rng.randint(2019, 2024), rng.randint(1, 12), 1))
            for disease in diseases
        )
    )


def spending(rng: Random, person: Person) -> Spending:
    """Some hundreds of yuan this year."""
    return Spending(
        year=YEAR,
        chronic_deductible=Money.yuan(rng.choice((0, 100, 200))),
        chronic_fund=Money.yuan(rng.randrange(0, 3000, 50)),
        ordinary_deductible=Money.yuan(rng.choice((0, 100, 200))),
        ordinary_fund=Money.yuan(rng.randrange(0, 400, 10)),
    )
