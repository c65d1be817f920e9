"""Cases, read by others: the only place that does. Who may see what is decided here; what cannot be seen does not exist."""

from collections.abc import Collection, Iterable
from typing import Any
from uuid import UUID

from django.db.models import Count, Q, QuerySet

from chuanyu.cases import actions, declarations, errors, evidence, moves, queue, shown, steps
from chuanyu.cases.errors import CaseError
from chuanyu.cases.models import Attachment, Case, Request
from chuanyu.cases.queue import following as following
from chuanyu.cases.queue import standing as standing
from chuanyu.cases.queue import waits as waits
from chuanyu.cases.replay import target_of
from chuanyu.cases.shifts import done_by as done_by
from chuanyu.cases.shifts import levels as levels
from chuanyu.cases.views import (
    CaseView,
    Foreseen,
    RowView,
    Waiting,
)
from chuanyu.core import days
from chuanyu.core.money import Money
from chuanyu.core.text import Text
from chuanyu.identity.actor import Actor
from chuanyu.identity.here import here

LIMIT = 200  # rows of a list


def view(case: UUID, actor: Actor) -> CaseView:
    """One case, whole, for someone who may see it: the person, staff of its parties, the node itself."""
    found = Case.objects.filter(pk=case).first()
    if found is None or not actions.may_see(actor, found):
        raise CaseError("not_found", errors.NOT_FOUND)
    return shown.whole(found, actor)


def mine(actor: Actor, *, start: int = 0, limit: int = LIMIT) -> list[RowView]:
    """A resident's cases at this node, newest first; for a delegate those of the services delegated."""
    if actor.person is None:
        return []
    rows = Case.objects.filter(person=actor.person)
    rows = rows if actor.scope is None else rows.filter(service__in=actor.scope)
    return _rows(rows.order_by("-filed", "-pk")[start : start + limit])


def has(person: UUID, reference: str) -> bool:
    """Whether the person has a case with this reference at this node, as people type it."""
    return Case.objects.filter(person=person, reference=queue.reference(reference)).exists()


def worklist(
    actor: Actor,
    *,
    service: str | None = None,
    state: str | None = None,
    overdue: bool | None = None,
    among: Collection[Waiting] | None = None,
    text: str | None = None,
    person: UUID | None = None,
    open_only: bool = True,
    start: int = 0,
    limit: int = LIMIT,
) -> list[RowView]:
    """What waits for this clerk's agency, by deadline. `text`: a reference, or its beginning; `among`: rows of `standing`."""
    ours = Case.objects.filter(final=False, owner=f"{here()}/{actor.agency}")
    rows = ours if open_only else _of_agency(actor)
    if service:
        rows = rows.filter(service=service)
    if state:
        rows = rows.filter(state=state)
    if overdue is not None:
        rows = rows.filter(due__lt=days.today()) if overdue else rows.filter(Q(due=None) | Q(due__gte=days.today()))
    if among is not None:
        rows = rows.filter(queue.counted(among))
    if text:
        rows = rows.filter(reference__startswith=queue.reference(text))
    if person:
        rows = rows.filter(person=person)
    return _rows(rows.order_by(*queue.BY_DEADLINE)[start : start + limit])


def overdue(actor: Actor, *, limit: int = LIMIT) -> list[RowView]:
    """The cases past their term, the oldest first: for the office all that this node knows of, for an officer their agency's."""
    return _rows(_overdue(actor).order_by("due", "since")[:limit])


def overdue_count(actor: Actor) -> int:
    """How many they are."""
    return _overdue(actor).count()


def overdue_one(case: UUID, actor: Actor) -> RowView | None:
    """One of them by its id; None for any other case."""
    return next(iter(_rows(_overdue(actor).filter(pk=case))), None)


def referred(reference: str, actor: Actor) -> UUID | None:
    """The case with this reference, as people type it, among those the actor may see."""
    found = Case.objects.filter(reference=queue.reference(reference)).first()
    return found.pk if found is not None and actions.may_see(actor, found) else None


def taken_in_by(case: UUID) -> str:
    """The agency ("sichuan/hrss") that owned the case's first state: who answers for how it was dealt with."""
    found = Case.objects.get(pk=case)
    procedure = declarations.procedure(found.declaration_id)
    return str(found.parties[procedure.states[procedure.start_state].owner or ""])


def reference_of(case: UUID) -> str:
    """A case's number for people."""
    return steps.reference(case)


def state_title(case: Case) -> Text:
    """What the state of a case is called."""
    return declarations.procedure(case.declaration_id).states[case.state].title


def attachment(id_: UUID, actor: Actor) -> Attachment:
    """A file, for someone who may see its case."""
    found = Attachment.objects.select_related("case").filter(pk=id_, removed=None).first()
    if found is None or not actions.may_see(actor, found.case):
        raise CaseError("not_found", errors.NOT_FOUND)
    return found


def registered(case: UUID, name: str, actor: Actor) -> dict[str, Any] | None:
    """What the agency's front register holds for a document of this case: shown to the clerk before the step takes it."""
    found = Case.objects.filter(pk=case).first()
    if found is None or not actions.may_see(actor, found) or actor.agency is None:
        raise CaseError("not_found", errors.NOT_FOUND)
    body: dict[str, Any] | None = evidence.Evidence(found, agency=actor.agency, actor=actor).registered(name)
    return body


def foreseen(case: UUID, name: str, actor: Actor) -> Foreseen | None:
    """What the rule of a step says on the papers at hand, for the clerk to read before taking it; nothing is written.

    None where no rule decides the step, where it takes papers still to be filled in, or where it is not this actor's.
    Raises CaseError "documents" when a paper the rule needs is missing.
    """
    found = Case.objects.filter(pk=case).first()
    if found is None or not actions.may_see(actor, found):
        raise CaseError("not_found", errors.NOT_FOUND)
    declared, procedure = declarations.by_hash(found.declaration_id), declarations.procedure(found.declaration_id)
    act = procedure.states[found.state].does.get(name)
    if act is None or act.decide is None or not actions.may(actor, found, act):
        return None
    if not found.owner.startswith(f"{here()}/") or any(not declared.documents[t].register for t in act.takes):
        return None
    held = evidence.Evidence(found, agency=found.owner.partition("/")[2], actor=actor)
    held.take(act.takes, {})
    outcome, used = evidence.decide(held, declared, act.decide, days.now(), node=here())
    target = target_of(act, outcome)
    amount, unit = "", ""
    if outcome.outcome == "accept":
        used |= evidence.make(held, declared, act.makes, days.now(), node=here())
        transfers, read = moves.of_act(held, declared, act, days.now())
        used |= read
        if moved := next((transfer for transfer in transfers if transfer.kind != "void"), None):
            amount, unit = str(Money(moved.amount)) if moved.unit == "CNY" else str(moved.amount), moved.unit
    reason, remedy = declarations.reason(declared, outcome.reason)
    return Foreseen(
        outcome=outcome.outcome,
        state_title=procedure.states[target or found.state].title,
        reason=reason,
        remedy=remedy,
        ref=outcome.ref,
        amount=amount,
        unit=unit,
        parameters=used,
    )


# ---- inside


def _overdue(actor: Actor) -> QuerySet[Case]:
    late = {"final": False, "due__lt": days.today()}
    if actor.node != here():
        return Case.objects.none()
    if "office" in actor.roles:
        return Case.objects.filter(**late)
    return _of_agency(actor).filter(**late) if "officer" in actor.roles else Case.objects.none()


def _of_agency(actor: Actor) -> QuerySet[Case]:
    agency = f"{here()}/{actor.agency}"
    return Case.objects.extra(  # any party of the case: a search in a small JSON object, narrowed by the owner where it can be
        where=["EXISTS (SELECT FROM jsonb_each_text(parties) p WHERE p.value = %s)"], params=[agency]
    )


def _rows(cases: Iterable[Case]) -> list[RowView]:
    found = list(cases[:LIMIT]) if isinstance(cases, QuerySet) and not cases.query.is_sliced else list(cases)
    waiting = dict(
        Request.objects.filter(case__in=[c.pk for c in found], status=Request.Status.WAITING)
        .values_list("case")
        .annotate(n=Count("pk"))
    )
    return [shown.row(case, waiting.get(case.pk, 0)) for case in found]
