"""The queue of an agency's counter: how much waits, in which order, and what comes next."""

from collections.abc import Collection
from functools import reduce
from operator import or_
from uuid import UUID

from django.db.models import Count, F, Max, Q, QuerySet

from chuanyu.cases import declarations
from chuanyu.cases.models import Case
from chuanyu.cases.views import CaseView, Waiting
from chuanyu.core import days
from chuanyu.identity.actor import Actor
from chuanyu.identity.here import here

NEXT = 40  # how far the next case is looked for when colleagues have the nearest ones open
BY_DEADLINE = (F("due").asc(nulls_last=True), "since", "pk")
_MISREAD = str.maketrans("OIL", "011")


def standing(actor: Actor) -> list[Waiting]:
    """How much waits for this clerk's agency, by service, declaration and state, and when the last of it came."""
    rows = Case.objects.filter(final=False, owner=f"{here()}/{actor.agency}").values_list(
        "service", "declaration_id", "state"
    )
    late = Count("pk", filter=Q(due__lt=days.today()))
    return [
        Waiting(
            service=service,
            declaration=declaration,
            state=state,
            title=declarations.procedure(declaration).states[state].title,
            count=n,
            late=late,
            newest=newest,
            ours=any(act.by != "applicant" for act in declarations.procedure(declaration).states[state].does.values()),
        )
        for service, declaration, state, n, late, newest in rows.annotate(
            n=Count("pk"), late=late, newest=Max("since")
        ).order_by("service", "state")
    ]


def following(actor: Actor, case: CaseView | None, among: Collection[Waiting]) -> list[UUID]:
    """The cases after this one by deadline, then those from the first on; `case` None: from the first. At most some dozens.

    `among`: rows of `standing`, so that a queue is worked through as it was chosen.
    """
    ours = Case.objects.filter(final=False, posting=False, owner=f"{here()}/{actor.agency}")
    rows = ours.filter(counted(among)).order_by(*BY_DEADLINE)
    if case is None:
        return _ids(rows)
    same_day = Q(due=case.due) & (Q(since__gt=case.since) | Q(since=case.since, pk__gt=case.id))
    later = same_day if case.due is None else same_day | Q(due__gt=case.due) | Q(due=None)
    found = dict.fromkeys((*_ids(rows.filter(later)), *_ids(rows)))
    return [id_ for id_ in found if id_ != case.id]


def waits(actor: Actor, case: UUID) -> bool:
    """Whether a case waits for this clerk's agency."""
    return Case.objects.filter(pk=case, final=False, posting=False, owner=f"{here()}/{actor.agency}").exists()


def reference(typed: str) -> str:
    """A case's reference, or its beginning, as people type or read it: no dashes, small letters, O for 0, I and L for 1."""
    letters = "".join(c for c in typed.upper() if c.isascii() and c.isalnum()).removeprefix("CY").translate(_MISREAD)
    return "-".join(["CY", *(letters[i : i + 4] for i in range(0, len(letters), 4))])


def counted(waiting: Collection[Waiting]) -> Q:
    """The cases that rows of `standing` count."""
    states: dict[str, list[str]] = {}
    for row in waiting:
        states.setdefault(row.declaration, []).append(row.state)
    return reduce(or_, (Q(declaration=d, state__in=s) for d, s in states.items()), Q(pk__in=()))


def _ids(rows: QuerySet[Case]) -> list[UUID]:
    return list(rows.values_list("pk", flat=True)[:NEXT])
