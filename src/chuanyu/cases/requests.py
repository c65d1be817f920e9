"""Steps asked of the owner by someone who is not: decided where the owner is, once, and told to both sides as events."""

from typing import Any
from uuid import UUID

from django.db import transaction

from chuanyu.cases import declarations, errors, evidence, steps
from chuanyu.cases.errors import CaseError
from chuanyu.cases.models import Case, Request
from chuanyu.cases.replay import REQUEST_REFUSED
from chuanyu.cases.replay import Event as Step
from chuanyu.cases.shipping import ship_request
from chuanyu.cases.views import Acted
from chuanyu.core import days
from chuanyu.core.outcomes import Outcome
from chuanyu.core.service import Act
from chuanyu.identity.actor import SYSTEM, Actor
from chuanyu.identity.here import here


def ask_owner(case: Case, act: Act, actor: Actor, documents: dict[str, Any], note: str, request_id: UUID) -> Acted:
    """Write the request down and send it to the owner; once per step."""
    taken = evidence.Evidence(case, agency=actor.agency or "", actor=actor).take(act.takes, documents)
    if case.asked and Request.objects.filter(case=case, act=act.name, status=Request.Status.WAITING).exists():
        raise CaseError("already_asked", errors.ALREADY_ASKED)
    leaves = not steps.is_ours(case.owner)  # else the ledger has to answer first
    request = Request.objects.create(
        id=request_id,
        case=case,
        act=act.name,
        documents=taken,
        note=note,
        by=act.by,
        node=here(),
        at=days.now(),
        asked=case.owner if leaves else "",
    )
    if leaves:
        ship_request(case, request)
    return Acted(
        case=case.pk,
        reference=case.reference,
        sequence=case.sequence,
        state=case.state,
        outcome="",
        reason=None,
        request=request.pk,
    )


def settle(case: Case) -> None:
    """Decide what was asked of us while we own the state; send on what was asked of another owner; drop what came too late."""
    for request in Request.objects.select_for_update().filter(case=case, status=Request.Status.WAITING).order_by("at"):
        if case.final:
            request.status, request.reason = Request.Status.REFUSED, "closed"
            request.save(update_fields=["status", "reason"])
        elif case.posting:
            continue
        elif steps.is_ours(case.owner):
            _decide(case, request)
        elif request.node == here() and request.asked != case.owner:
            request.asked = case.owner
            request.save(update_fields=["asked"])
            ship_request(case, request)


def _decide(case: Case, request: Request) -> None:
    """The owner's answer: the step itself, or an event that says it came too late. Both travel back as events."""
    procedure = declarations.procedure(case.declaration_id)
    act = procedure.states[case.state].does.get(request.act)
    if act is not None and act.by == request.by:
        request.status = Request.Status.DONE
        request.save(update_fields=["status"])
        try:
            with transaction.atomic():
                steps.take(
                    case, act, SYSTEM(here()), request.documents, request.note, request=str(request.pk), by=request.by
                )
            return
        except CaseError as error:
            request.reason = error.code
            case.refresh_from_db()
    request.status, request.reason = Request.Status.REFUSED, request.reason or "too_late"
    request.save(update_fields=["status", "reason"])
    step = Step(
        case=str(case.pk),
        sequence=case.sequence + 1,
        previous=case.head,
        at=steps.stamp(days.now()),
        node=here(),
        agency=case.owner,
        by="system",
        kind=REQUEST_REFUSED,
        source=case.state,
        target=case.state,
        act=request.act,
        outcome=Outcome(outcome="refuse", reason=request.reason),
        request=str(request.pk),
    )
    steps.append(case, step, steps.position(case), {}, SYSTEM(here()))
