"""Who answers what a resident tells us, and until when a formal remedy is open."""

from datetime import date, timedelta

from chuanyu.core.outcomes import Outcome, accept, ask, elsewhere, refuse, value
from chuanyu.core.parameters import Parameters
from chuanyu.core.rules import rule
from chuanyu.services.delivery.public_opinion.documents import Kind, Opinion


@rule(outcomes="accept elsewhere ask refuse")
def who_answers(opinion: Opinion, p: Parameters) -> Outcome:
    """The province it is about answers; the one where it was lodged passes it on, so that nobody is sent away.

    What a court, an arbitration or a reconsideration has taken up is decided there alone (xinfang-2022). A suggestion or
    a complaint about how one was treated stands beside that.
    """
    if opinion.kind is Kind.objection:
        if opinion.in_court:
            return refuse("in_court", "xinfang-2022")
        if not opinion.reference:
            return ask("which_case", "xinfang-2022")
    if opinion.about.value not in p.own_province:
        return elsewhere("other_side", "xinfang-2022")
    return accept("xinfang-2022")


@rule(outcomes="value ask", on="event")
def reconsideration_until(opinion: Opinion, p: Parameters) -> Outcome:
    """The last day to apply for administrative reconsideration of the result (xzfyf-2023, art. 20).

    An objection lodged here does not stop that term. The day after one learns of the result is its first.
    """
    if opinion.decided_on is None:
        return ask("result_day", "xzfyf-2023#20")
    last: date = opinion.decided_on + timedelta(days=p.reconsideration_days)
    return value(last, "xzfyf-2023#20")
