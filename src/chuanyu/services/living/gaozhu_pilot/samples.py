"""Made-up records for sample residents; the same seed gives the same record."""

from datetime import date
from random import Random

from chuanyu.core.documents import Person
from chuanyu.services.living.gaozhu_pilot.documents import Payments, Residence


def residence(rng: Random, person: Person) -> Residence:
    """In one of the area's grids for some years, looked at mostly."""
    return Residence(
        grid=f"GZ-{rng.randint(1, 40):03d}",
        since=date(rng.randint(2018, 2024), rng.randint(1, 12), rng.randint(1, 28)),
        verified=rng.random() < 0.9,
    )


def payments(rng: Random, person: Person) -> Payments:
    """Nothing paid by the other province."""
    return Payments()
