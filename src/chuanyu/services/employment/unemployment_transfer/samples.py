"""Made-up records for sample residents; the same seed gives the same record."""

from random import Random

from chuanyu.core.documents import Person
from chuanyu.services.employment.unemployment_transfer.documents import InsuranceRecord


def insurance_record(rng: Random, person: Person) -> InsuranceRecord:
    """Some months to some years paid since the age of 20, sometimes with a little benefit drawn."""
    working_years = max(1, 2024 - person.birth.year - 20)
    paid = rng.randint(3, min(working_years * 12, 300))
    drawn = rng.choice((0, 0, 0, rng.randint(1, 6))) if paid >= 12 else 0
    return InsuranceRecord(paid_months=paid, drawn_months=drawn)
