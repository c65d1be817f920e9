"""Moving running cases to a new declaration: planned and shown first, then one event per case, at the node that owns it."""

from uuid import UUID

import msgspec
from django.db.models import Count

from chuanyu.cases import actions, declarations
from chuanyu.cases.models import Case
from chuanyu.core.catalogue import catalogue
from chuanyu.identity.here import here


class Move(msgspec.Struct, frozen=True):
    """What becomes of a state: `target` None when the new declaration has no counterpart and none was given."""

    state: str
    target: str | None
    cases: list[UUID]
    elsewhere: int  # owned by the other node, which moves them itself


def open_cases(service: str) -> list[tuple[str, str, int, bool]]:
    """(declaration, state, how many, whether it is the newest) of the open cases this node knows."""
    newest = catalogue()[service].hash if service in catalogue() else ""
    rows = Case.objects.filter(service=service, final=False).values_list("declaration", "state").annotate(n=Count("pk"))
    return [
        (declaration, state, n, declaration == newest)
        for declaration, state, n in rows.order_by("declaration", "state")
    ]


def plan(service: str, old: str, mapping: dict[str, str]) -> list[Move]:
    """What would happen to each state that has open cases. Raises LookupError for an unknown service or declaration."""
    if service not in catalogue():
        raise LookupError(f"there is no service {service!r}")
    new = catalogue()[service].procedure
    rows = Case.objects.filter(service=service, final=False, declaration__hash__startswith=old)
    hashes = set(rows.values_list("declaration", flat=True))
    if len(old) < 8 or len(hashes) != 1:
        raise LookupError(
            f"{len(hashes)} declarations with open cases begin with {old!r}; give one, by 8 digits or more"
        )
    if new is None:
        raise LookupError(f"{service} has no procedure any more")
    moves = []
    for state in sorted(set(rows.values_list("state", flat=True))):
        target = mapping.get(state, state)
        ours = rows.filter(state=state, owner__startswith=f"{here()}/", posting=False)
        moves.append(
            Move(
                state,
                target if target in new.states else None,
                list(ours.values_list("pk", flat=True)),
                rows.filter(state=state).count() - ours.count(),
            )
        )
    return moves


def carry_out(service: str, moves: list[Move]) -> int:
    """Move every planned case that is still where the plan saw it. Returns how many."""
    target = declarations.keep(catalogue()[service])
    return sum(
        actions.migrate(case=case, target=target, was=move.state, state=move.target)
        for move in moves
        if move.target
        for case in move.cases
    )
