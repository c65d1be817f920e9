"""Where cases are written: start, act, attach, and what follows from them, each in one transaction.

One node writes at a time: the one whose agency owns the state. A step of anyone else becomes a request to the owner.
"""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from chuanyu.cases import declarations, errors, evidence
from chuanyu.cases.errors import CaseError
from chuanyu.cases.models import Attachment, Case, CaseDocument, Event, Request
from chuanyu.cases.replay import (
    ACT,
    MIGRATED,
    NOWHERE,
    POSTING_REFUSED,
    REQUEST_REFUSED,
    START,
    Position,
    Transfer,
    advance,
    resolve,
    target_of,
)
from chuanyu.cases.replay import Event as Step
from chuanyu.cases.shipping import ship, ship_request
from chuanyu.cases.views import Acted
from chuanyu.clearing import actions as clearing
from chuanyu.core import days
from chuanyu.core.canonical import digest
from chuanyu.core.catalogue import catalogue
from chuanyu.core.ids import uuid7
from chuanyu.core.money import Money
from chuanyu.core.outcomes import Outcome
from chuanyu.core.service import Act
from chuanyu.identity.actor import SYSTEM, Actor
from chuanyu.identity.here import here, peer

MOVING = (
    *("declaration", "state", "final", "owner", "since", "sequence", "head", "shipped", "posting"),
    *("received", "due", "provisional", "escalated"),
)  # the columns of a case that a step can change
FILES = 20  # attachments a case can have
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's: nothing that is read for something else


# ---- what people do


def start(*, service: str, actor: Actor, person: UUID, documents: dict[str, Any], request_id: UUID) -> Acted:
    """File a case for `person` here. The same `request_id` again answers with the same case.

    `documents`: name → plain data. Raises CaseError; code "duplicate" carries the first case.
    """
    try:
        with transaction.atomic():
            return _start(service, actor, person, documents, request_id)
    except IntegrityError:
        first = Case.objects.filter(Q(pk=request_id) | Q(service=service, person=person, final=False)).first()
        if first is None:
            raise
        raise CaseError("duplicate", errors.ALREADY_OPEN, case=first.pk) from None  # two at once: the other was first


def _start(service: str, actor: Actor, person: UUID, documents: dict[str, Any], request_id: UUID) -> Acted:
    if not (actor.is_person(person) or "clerk" in actor.roles or actor.is_system):
        raise CaseError("not_yours", errors.NOT_YOURS)
    declared = catalogue().get(service)
    if declared is None or declared.procedure is None:
        raise CaseError("no_procedure", errors.NO_PROCEDURE)
    procedure = declared.procedure
    parties = resolve(procedure, here(), peer())
    if actor.kind == "staff" and f"{here()}/{actor.agency}" not in parties.values():
        raise CaseError("not_yours", errors.NOT_YOURS)
    known = list(Case.objects.filter(Q(pk=request_id) | Q(service=service, person=person, final=False)))
    if again := next((case for case in known if case.pk == request_id), None):
        if again.person != person or again.service != service:
            raise CaseError("not_yours", errors.NOT_YOURS)
        return _acted(again, None)
    if known:
        raise CaseError("duplicate", errors.ALREADY_OPEN, case=known[0].pk)
    taken = evidence.take(declared.documents, procedure.start_takes, documents)
    now = timezone.now()
    owner = parties[procedure.states[procedure.start_state].owner or ""]
    case = Case(
        id=request_id,
        reference=_reference(request_id),
        service=service,
        declaration_id=declarations.keep(declared),
        person=person,
        parties=parties,
        filed_at=here(),
        filed=now,
    )
    step = Step(
        case=str(case.pk),
        sequence=1,
        previous="",
        at=_stamp(now),
        node=here(),
        agency=owner if _ours(owner) else next(a for a in parties.values() if _ours(a)),
        by="applicant" if actor.kind == "resident" else "staff",
        kind=START,
        source="",
        target=procedure.start_state,
        documents={name: digest(body) for name, body in taken.items()},
        declaration=case.declaration_id,
    )
    _append(case, step, NOWHERE, taken, actor)
    return _acted(case, None)


@transaction.atomic
def act(
    *,
    case: UUID,
    act: str,
    actor: Actor,
    documents: dict[str, Any] | None = None,
    note: str = "",
    expects: int,
    request_id: UUID | None = None,
) -> Acted:
    """Take a step, or ask the owner to. `expects` is the sequence the person saw: if the case moved on since, nothing is done."""
    found = _locked(case)
    procedure = declarations.procedure(found.declaration_id)
    if found.final:
        raise CaseError("closed", errors.CLOSED)
    if found.sequence != expects:
        raise CaseError("moved_on", errors.MOVED_ON)
    step = procedure.states[found.state].does.get(act)
    if step is None:
        raise CaseError("no_such_step", errors.NO_SUCH_STEP)
    if not may(actor, found, step):
        raise CaseError("not_yours", errors.NOT_YOURS)
    if step.note and not note.strip():
        raise CaseError("needs_sentence", errors.NEEDS_SENTENCE)
    if not _ours(found.owner) or found.posting:
        return _ask_owner(found, step, actor, documents or {}, note, request_id or uuid7())
    return _take(found, step, actor, documents or {}, note)


def may(actor: Actor, case: Case, act: Act) -> bool:
    """True if `actor` is who the declaration says takes this step."""
    if act.by == "applicant":
        return actor.is_person(case.person)
    agency = case.owner if act.by == "owner" else case.parties[act.by]
    node, _, code = agency.partition("/")
    return "clerk" in actor.roles and actor.serves(code, node)


@transaction.atomic
def attach(*, case: UUID, actor: Actor, filename: str, content: bytes) -> UUID:
    """Add a file to an open case; its hash is sealed into the next step."""
    found = _locked(case)
    if found.final:
        raise CaseError("closed", errors.CLOSED)
    if not (
        actor.is_person(found.person)
        or any(actor.serves(a.partition("/")[2], a.partition("/")[0]) for a in found.parties.values())
    ):
        raise CaseError("not_yours", errors.NOT_YOURS)
    if found.files >= FILES:
        raise CaseError("too_many", errors.TOO_MANY)
    attachment = evidence.attachment(found, content, filename=filename, by=_by(actor), node=here())
    attachment.save(force_insert=True)
    found.files += 1
    found.save(update_fields=["files"])
    return attachment.pk


# ---- what follows


def posted(case: UUID) -> None:
    """The ledger took the money: the hand-over may leave."""
    found = _locked(case)
    found.posting = False
    ship(found)
    found.save(update_fields=MOVING)
    settle_requests(found)


def posting_refused(case: UUID, sequence: int, reason: str) -> None:
    """The ledger refused: the case goes back to the state before, with the reason, as one more event."""
    found = _locked(case)
    event = Event.objects.get(case=found, sequence=sequence)
    step = Step(
        case=str(found.pk),
        sequence=found.sequence + 1,
        previous=found.head,
        at=_stamp(timezone.now()),
        node=here(),
        agency=event.body["agency"],
        by="system",
        kind=POSTING_REFUSED,
        source=found.state,
        target=event.body["source"],
        act=event.body["act"],
        outcome=Outcome(outcome="refuse", reason=f"posting_{reason}"),
        transfers=_step(event).transfers,
    )
    _append(found, step, position(found, _step(event)), {}, SYSTEM(here()))


def settle_requests(case: Case) -> None:
    """Decide what was asked of us while we own the state; send on what was asked of another owner; drop what came too late."""
    for request in Request.objects.select_for_update().filter(case=case, status=Request.Status.WAITING).order_by("at"):
        if case.final:
            request.status, request.reason = Request.Status.REFUSED, "closed"
            request.save(update_fields=["status", "reason"])
        elif case.posting:
            continue
        elif _ours(case.owner):
            _decide_request(case, request)
        elif request.node == here() and request.asked != case.owner:
            request.asked = case.owner
            request.save(update_fields=["asked"])
            ship_request(case, request)


def escalate() -> int:
    """Mark what passed its term at this node. Silence never approves: it shows the case to the officer, once."""
    today = days.today()
    return Case.objects.filter(final=False, due__lt=today, escalated=None, owner__startswith=f"{here()}/").update(
        escalated=timezone.now()
    )


@transaction.atomic
def migrate(*, case: UUID, target: str, was: str, state: str) -> bool:
    """Move one case, owned here and still in state `was`, to `state` of the declaration `target`. False if it moved on."""
    found = _locked(case)
    if found.final or found.posting or found.state != was or not _ours(found.owner):
        return False
    before = position(found)
    step = Step(
        case=str(found.pk),
        sequence=found.sequence + 1,
        previous=found.head,
        at=_stamp(timezone.now()),
        node=here(),
        agency=found.owner,
        by="system",
        kind=MIGRATED,
        source=was,
        target=state,
        declaration=target,
    )
    found.declaration_id = target
    _append(found, step, before, {}, SYSTEM(here()))
    return True


# ---- one step


def _take(
    case: Case, act: Act, actor: Actor, given: dict[str, Any], note: str, *, request: str = "", by: str = ""
) -> Acted:
    """Decide and append. The caller holds the case's lock and has checked who acts."""
    declared = declarations.by_hash(case.declaration_id)
    held = evidence.Evidence(case, agency=case.owner.partition("/")[2], actor=actor)
    taken = held.take(act.takes, given)
    now = timezone.now()
    outcome: Outcome | None = None
    used: dict[str, Any] = {}
    if act.decide:
        outcome, used = evidence.decide(held, declared, act.decide, now, node=here())
        if target_of(act, outcome) is None:
            raise CaseError("no_such_step", errors.NO_SUCH_STEP)
    transfers: tuple[Transfer, ...] = ()
    if act.post and (outcome is None or outcome.outcome == "accept"):
        amount, read = evidence.decide(held, declared, act.post, now, node=here())
        used = used | read
        transfers = _transfers(case, declared.postings[act.post], amount.value)
    target = target_of(act, outcome)
    assert target is not None
    loose = list(Attachment.objects.filter(case=case, node=here(), sequence=None)) if case.files else []
    step = Step(
        case=str(case.pk),
        sequence=case.sequence + 1,
        previous=case.head,
        at=_stamp(now),
        node=here(),
        agency=case.owner,
        by=by or _by(actor),
        kind=ACT,
        source=case.state,
        target=target,
        act=act.name,
        outcome=outcome,
        documents={name: digest(body) for name, body in taken.items()},
        attachments={str(a.pk): a.sha256 for a in loose},
        parameters=used,
        transfers=transfers,
        request=request,
        note=note.strip(),
    )
    _append(case, step, position(case), taken, actor)
    return _acted(case, outcome)


def _append(case: Case, step: Step, before: Position, documents: dict[str, Any], actor: Actor) -> None:
    """State, event, deadline, posting instruction and outbox row, in the caller's transaction."""
    procedure = declarations.procedure(case.declaration_id)
    after = advance(before, step, procedure=procedure, parties=case.parties, filed_at=case.filed_at)
    place(case, step, after, received=datetime.fromisoformat(step.at))
    case.posting = bool(step.transfers) and step.kind == ACT
    if after.sequence == 1:
        case.save(force_insert=True)
    Event(case=case, sequence=after.sequence, hash=after.head, body=step.plain(), actor=actor.id).save(
        force_insert=True
    )
    for name, body in documents.items():
        row = CaseDocument(case=case, sequence=after.sequence, name=name, digest=step.documents[name], body=body)
        row.save(force_insert=True)
    if step.kind == ACT:
        for transfer in step.transfers:
            instruct(case, step, transfer, side="payer")
    if step.attachments:
        Attachment.objects.filter(pk__in=step.attachments).update(sequence=after.sequence)
    ship(case)
    case.save(update_fields=MOVING)
    if getattr(case, "asked", False):
        settle_requests(case)


def place(case: Case, step: Step, after: Position, *, received: datetime) -> None:
    """Put the case where the event leads. A new state starts a new term, counted from its receipt at the owner."""
    entered = step.kind != REQUEST_REFUSED and (step.source != step.target or step.kind in (START, MIGRATED))
    case.state, case.owner, case.final = after.state, after.owner, after.final
    case.sequence, case.head = after.sequence, after.head
    if entered:
        case.since = datetime.fromisoformat(step.at)
        case.received, case.due, case.provisional, case.escalated = received, None, False, None
        declared = declarations.by_hash(case.declaration_id)
        state = declarations.procedure(case.declaration_id).states[after.state]
        if state.term:
            term = evidence.term(declared, state.term, day=days.legal_day(received), node=after.owner.partition("/")[0])
            due = days.add_working_days(days.legal_day(received), term)
            case.due, case.provisional = due.date, due.provisional


def instruct(case: Case, step: Step, transfer: Transfer, *, side: str) -> None:
    """Hand a transfer to the poster; the payee mirrors the same id."""
    clearing.instruct(
        id=UUID(transfer.id),
        case=case.pk,
        sequence=step.sequence,
        service=case.service,
        name=transfer.name,
        side=side,
        payer=transfer.payer,
        payee=transfer.payee,
        amount=transfer.amount,
        unit=transfer.unit,
        cycle=transfer.cycle,
    )


def position(case: Case, last: Step | None = None) -> Position:
    """Where the case stands, as replay needs it; `last` is its last step, for those who may take it back."""
    return Position(
        sequence=case.sequence,
        head=case.head,
        state=case.state,
        owner=case.owner,
        final=case.final,
        writer=case.owner.partition("/")[0],
        unsettled=tuple(t.id for t in last.transfers) if last and last.kind == ACT else (),
        came_from=last.source if last else "",
    )


# ---- requests to the owner


def _ask_owner(case: Case, act: Act, actor: Actor, documents: dict[str, Any], note: str, request_id: UUID) -> Acted:
    taken = evidence.Evidence(case, agency=actor.agency or "", actor=actor).take(act.takes, documents)
    if Request.objects.filter(case=case, act=act.name, status=Request.Status.WAITING).exists():
        raise CaseError("already_asked", errors.ALREADY_ASKED)
    request = Request.objects.create(
        id=request_id,
        case=case,
        act=act.name,
        documents=taken,
        note=note.strip(),
        by=act.by,
        node=here(),
        at=timezone.now(),
    )
    settle_requests(case)
    return Acted(
        case=case.pk,
        reference=case.reference,
        sequence=case.sequence,
        state=case.state,
        outcome="",
        reason=None,
        request=request.pk,
    )


def _decide_request(case: Case, request: Request) -> None:
    """The owner's answer: the step itself, or an event that says it came too late. Both travel back as events."""
    procedure = declarations.procedure(case.declaration_id)
    act = procedure.states[case.state].does.get(request.act)
    if act is not None and act.by == request.by:
        request.status = Request.Status.DONE
        request.save(update_fields=["status"])
        try:
            with transaction.atomic():
                _take(
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
        at=_stamp(timezone.now()),
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
    _append(case, step, position(case), {}, SYSTEM(here()))


# ---- small things


def _transfers(case: Case, posting: Any, value: Any) -> tuple[Transfer, ...]:
    amount = value.fen if isinstance(value, Money) else int(value)
    if amount == 0:
        return ()
    return (
        Transfer(
            id=str(uuid7()),
            name=posting.name,
            amount=amount,
            unit=posting.unit,
            payer=case.parties[posting.payer],
            payee=case.parties[posting.payee],
            cycle=posting.cycle,
        ),
    )


def _locked(case: UUID) -> Case:
    """The case, locked until the transaction ends; `asked` says whether anyone's request waits to be decided."""
    waiting = Request.objects.filter(case=OuterRef("pk"), status=Request.Status.WAITING)
    found = Case.objects.select_for_update(of=("self",)).annotate(asked=Exists(waiting)).filter(pk=case).first()
    if found is None:
        raise CaseError("not_found", errors.NOT_FOUND)
    return found


def _ours(agency: str) -> bool:
    return agency.startswith(f"{here()}/")


def _acted(case: Case, outcome: Outcome | None) -> Acted:
    reasons = declarations.by_hash(case.declaration_id).reasons
    reason = reasons.get(outcome.reason) if outcome else None
    return Acted(
        case=case.pk,
        reference=case.reference,
        sequence=case.sequence,
        state=case.state,
        outcome=outcome.outcome if outcome else "",
        reason=reason.text if reason else None,
    )


def _step(event: Event) -> Step:
    return evidence.step_of(event.body)


def _by(actor: Actor) -> str:
    return {"resident": "applicant", "staff": "staff", "system": "system"}[actor.kind]


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds")


def _reference(id_: UUID) -> str:
    """CY-XXXX-XXXX-XXXX: the id's last 60 bits, for people to read aloud."""
    value, letters = id_.int & (1 << 60) - 1, ""
    for _ in range(12):
        value, digit = divmod(value, 32)
        letters = ALPHABET[digit] + letters
    return f"CY-{letters[:4]}-{letters[4:8]}-{letters[8:]}"
