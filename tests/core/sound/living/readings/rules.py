"""Rules of the sample that takes files."""

from chuanyu.core.money import Money
from chuanyu.core.outcomes import Outcome, accept, refuse
from chuanyu.core.parameters import Parameters
from chuanyu.core.rules import rule

from .documents import Before, Reading


@rule(outcomes="accept refuse", on="event")
def may_count(reading: Reading, before: Before | None = None) -> Outcome:
    """A meter runs forwards."""
    if before is not None and before.readings and before.readings[-1].value > reading.value:
        return refuse("backwards", "act-3#1")
    return accept()


@rule(outcomes="value", on="event")
def cost(reading: Reading, p: Parameters, before: Before | None = None) -> Money:
    """What was used since the reading before."""
    last = before.readings[-1].value if before is not None and before.readings else 0
    return p.unit_price * (reading.value - last)


@rule(outcomes="value")
def spread(other: Before) -> int:
    """Nothing a file brings."""
    return len(other.readings)
