"""What follows from a rating, and how ratings are counted."""

from datetime import date
from decimal import ROUND_HALF_UP, Decimal

from chuanyu.core.days import add_working_days
from chuanyu.core.outcomes import Outcome, ask, value
from chuanyu.core.parameters import Parameters
from chuanyu.core.rules import rule
from chuanyu.services.delivery.service_rating.documents import Level, Rating, Tally


@rule(outcomes="value", on="event")
def is_bad(rating: Rating) -> bool:
    """The last two of the five levels are bad ratings (gbf-2019-51)."""
    return rating.level in (Level.dissatisfied, Level.very_dissatisfied)


@rule(outcomes="value", on="event")
def call_back_by(p: Parameters, day: date) -> date:
    """The last day for calling back after a bad rating given on `day`, which is not counted itself."""
    return add_working_days(day, p.call_back_term).date


@rule(outcomes="value ask", on="event")
def good_share(tally: Tally, p: Parameters) -> Outcome:
    """The share of good ratings among those given, to a tenth of a per cent. Cases nobody rated don't count.

    Counting them as good would make the figure say nothing: it is a parameter, and it is off.
    """
    good = tally.very_satisfied + tally.satisfied + tally.fairly_satisfied
    given = good + tally.dissatisfied + tally.very_dissatisfied
    if p.default_good:
        good, given = good + tally.unrated, given + tally.unrated
    if given == 0:
        return ask("nothing_rated", "gbf-2019-51")
    return value((Decimal(good) / given).quantize(Decimal("0.001"), ROUND_HALF_UP), "gbf-2019-51")
