"""Made-up records for sample residents; the same seed gives the same record."""

from decimal import Decimal
from random import Random

from chuanyu.core.documents import Person
from chuanyu.core.money import Money
from chuanyu.services.employment.pension_transfer.documents import AccountRecord, ContributionYear

LAST_YEAR = 2024
PERSONAL_SHARE = Decimal("0.08")  # what an employee pays into the own account, for a plausible balance


def account_record(rng: Random, person: Person) -> AccountRecord:
    """One to fifteen years paid up to 2024, wages rising by 2 to 8 % a year; the balance is 8 % of them, no interest."""
    first = max(LAST_YEAR - rng.randint(0, 14), person.birth.year + 20)
    first = min(first, LAST_YEAR)
    monthly = rng.randrange(2800, 5200, 100)
    years = []
    for year in range(first, LAST_YEAR + 1):
        months = 12 if first < year < LAST_YEAR else rng.randint(3, 12)
        years.append(ContributionYear(year=year, months=months, wages=Money.yuan(monthly * months)))
        monthly += monthly * rng.randint(2, 8) // 100 // 10 * 10
    wages = sum((year.wages for year in years), start=Money(0))
    return AccountRecord(personal_balance=(wages * PERSONAL_SHARE).to_fen(), years=tuple(years))
