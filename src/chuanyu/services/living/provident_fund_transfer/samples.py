"""Made-up records for sample residents; the same seed gives the same record."""

from datetime import date
from random import Random

from chuanyu.core.documents import Person
from chuanyu.core.money import Money
from chuanyu.services.living.provident_fund_transfer.documents import NewAccount, OldAccount


def new_account(rng: Random, person: Person) -> NewAccount:
    """Opened last year, paid for some months."""
    return NewAccount(opened_on=date(2024, rng.randint(1, 12), 1), months=rng.randint(3, 24))


def old_account(rng: Random, person: Person) -> OldAccount:
    """One to ten years paid, sealed mostly."""
    months = rng.randint(12, 120)
    balance = Money.yuan(months * rng.randrange(600, 2400, 10))
    return OldAccount(
        balance=balance,
        interest=Money(balance.fen * rng.randint(1, 100) // 10_000),
        months=months,
        sealed=rng.random() < 0.9,
        loan=rng.random() < 0.05,
    )
