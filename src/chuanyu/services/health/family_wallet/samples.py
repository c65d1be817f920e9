"""Made-up records for sample residents; the same seed gives the same record."""

from random import Random
from string import ascii_uppercase, digits

from chuanyu.core.documents import Person
from chuanyu.services.health.family_wallet.documents import Holder, Insurance, Kinship, Relation, Relative, Tally


def insurance(rng: Random, person: Person) -> Insurance:
    """Two in five have an employee's account."""
    return Insurance(employee=rng.random() < 0.4)


def kinship(rng: Random, person: Person) -> Kinship:
    """One to five relatives with a wallet."""
    return Kinship(
        relatives=tuple(
            Relative(wallet="".join(rng.choices(ascii_uppercase + digits, k=12)), relation=rng.choice(list(Relation)))
            for _ in range(rng.randint(1, 5))
        )
    )


def holder(rng: Random, person: Person) -> Holder:
    """Everybody has a wallet; no two the same."""
    return Holder(wallet="".join(rng.choices(ascii_uppercase + digits, k=16)))


def tally(rng: Random, person: Person) -> Tally:
    """Nothing sent lately."""
    return Tally()
