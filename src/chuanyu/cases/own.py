"""What a resident reads over all their cases at once: the messages their cases have brought, and the money that moved.

Nothing is stored for it. A message is an event of a case that somebody else wrote; unread is what came after the moment
the reader last looked. Like `queries`, this is read by others and decides who sees what.
"""

from datetime import datetime
from uuid import UUID

import msgspec
from django.db.models import Q, QuerySet

from chuanyu.cases import declarations, evidence, shown
from chuanyu.cases.models import Case, Event
from chuanyu.cases.replay import ACT
from chuanyu.cases.views import TransferView
from chuanyu.clearing import queries as clearing
from chuanyu.core.text import Text
from chuanyu.identity.actor import FOR, Actor
from chuanyu.identity.queries import agency_name

LIMIT = 200  # messages shown, the newest


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """Something that happened to a case of mine. `at`: when this node learned of it; `asks`: it is my turn now."""

    case: UUID
    sequence: int
    reference: str
    service: str
    name: Text
    at: datetime
    title: Text  # what was done
    state: str
    state_title: Text  # where the case stood after it
    node: str
    agency: Text | None
    outcome: str
    reason: Text | None
    remedy: Text | None
    note: str
    delegated: bool
    asks: bool
    final: bool
    unread: bool


class Money(msgspec.Struct, frozen=True, kw_only=True):
    """A transfer of a case of mine."""

    case: UUID
    reference: str
    service: str
    name: Text
    transfer: TransferView


def messages(actor: Actor, *, seen: datetime | None) -> list[Message]:
    """The newest first. `seen`: when the reader last looked; None: never."""
    rows = _events(actor).select_related("case").order_by("-stored", "-sequence")[:LIMIT]
    return [_message(row, seen) for row in rows]


def unread(actor: Actor, *, seen: datetime | None) -> QuerySet[Event]:
    """The messages that came after `seen`, to be counted."""
    rows = _events(actor)
    return rows if seen is None else rows.filter(stored__gt=seen)


def money(actor: Actor) -> list[Money]:
    """Every transfer this node knows of in cases of mine, the newest first."""
    cases = {case.pk: case for case in _cases(actor)}
    rows = clearing.transfers(cases)
    return [
        Money(
            case=row.case,
            reference=cases[row.case].reference,
            service=cases[row.case].service,
            name=declarations.by_hash(cases[row.case].declaration_id).name,
            transfer=transfer,
        )
        for row, transfer in reversed(list(zip(rows, shown.transfer_views(rows), strict=True)))
        if transfer.stands
    ]


# ---- inside


def _cases(actor: Actor) -> QuerySet[Case]:
    """The person's cases; a delegate's end at the services the delegation covers."""
    if actor.person is None:
        return Case.objects.none()
    rows = Case.objects.filter(person=actor.person)
    return rows if actor.scope is None else rows.filter(service__in=actor.scope)


def _events(actor: Actor) -> QuerySet[Event]:
    """What others did in them: agencies, a delegate, and the owner who carried out what was asked."""
    mine = Q(body__by="applicant") & ~Q(actor__contains=FOR) & ~Q(body__has_key="request")
    return Event.objects.filter(case__in=_cases(actor)).exclude(mine)


def _message(row: Event, seen: datetime | None) -> Message:
    case, step = row.case, evidence.step_of(row.body)
    declared = declarations.by_hash(case.declaration_id)
    procedure = declarations.procedure(case.declaration_id)
    state = procedure.states.get(step.target)
    act = next((s.does[step.act] for s in procedure.states.values() if step.act in s.does), None)
    reason, remedy = declarations.reason(declared, step.outcome.reason) if step.outcome else (None, None)
    first = next(iter(state.does.values()), None) if state else None
    return Message(
        case=case.pk,
        sequence=step.sequence,
        reference=case.reference,
        service=case.service,
        name=declared.name,
        at=row.stored,
        title=act.title if act and step.kind == ACT else shown.KINDS.get(step.kind, Text(step.act, step.act)),
        state=step.target,
        state_title=state.title if state else Text(step.target, step.target),
        node=step.node,
        agency=agency_name(step.agency) if step.by != "applicant" else None,
        outcome=step.outcome.outcome if step.outcome else "",
        reason=reason,
        remedy=remedy,
        note=step.note,
        delegated=FOR in row.actor,
        asks=step.sequence == case.sequence and first is not None and first.by == "applicant",
        final=bool(state and state.final),
        unread=seen is None or row.stored > seen,
    )
