"""How cases end: read off the graph, so that a service need not say it."""

from typing import Literal

from chuanyu.core.service import Procedure

End = Literal["done", "refused", "withdrawn"]

BAD_OUTCOMES = ("refuse", "elsewhere", "stale", "no_basis", "duplicate")


def end(procedure: Procedure, state: str) -> End:
    """What it means to have come to this final state.

    One only reached by being refused is a refusal; one that only the applicant leads to is a withdrawal.
    """
    ways = [
        (act.by, outcome)
        for before in procedure.states.values()
        for act in before.does.values()
        for outcome, target in act.to.items()
        if target == state
    ]
    if all(by == "applicant" for by, _ in ways):
        return "withdrawn"
    return "refused" if all(outcome in BAD_OUTCOMES for _, outcome in ways) else "done"
