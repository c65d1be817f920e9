"""One step of a case, taken by the node that owns the state: decide, append, place, and what leaves with it."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from chuanyu.cases import declarations, errors, evidence, holders, moves, store
from chuanyu.cases.errors import CaseError
from chuanyu.cases.models import Attachment, Case, Event
from chuanyu.cases.replay import (
    ACT,
    MIGRATED,
    POSTING_REFUSED,
    REQUEST_REFUSED,
    START,
    Position,
    Transfer,
    advance,
    target_of,
)
from chuanyu.cases.replay import Event as Step
from chuanyu.cases.shipping import ship, will_ship
from chuanyu.cases.views import Acted
from chuanyu.clearing import actions as clearing
from chuanyu.core import days
from chuanyu.core.canonical import digest
from chuanyu.core.outcomes import Outcome
from chuanyu.core.service import Act, State
from chuanyu.identity import sql
from chuanyu.identity.actor import SYSTEM, Actor
from chuanyu.identity.here import here

AGAIN = timedelta(minutes=1)  # until a step that failed, or that an account had too little for, is looked at anew
SHORT = "posting_insufficient"  # what a step is refused with when an account had too little
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's: nothing that is read for something else


def take(
    case: Case, act: Act, actor: Actor, given: dict[str, Any], note: str, *, request: str = "", by: str = ""
) -> Acted:
    """Decide and append. The caller holds the case's lock and has checked who acts."""
    declared = declarations.by_hash(case.declaration_id)
    held = evidence.Evidence(case, agency=case.owner.partition("/")[2], actor=actor)
    taken = held.take(act.takes, given)
    now = days.now()
    outcome: Outcome | None = None
    used: dict[str, Any] = {}
    if act.decide:
        outcome, used = evidence.decide(held, declared, act.decide, now, node=here())
        if target_of(act, outcome) is None:
            raise CaseError("no_such_step", errors.NO_SUCH_STEP)
    transfers: tuple[Transfer, ...] = ()
    if outcome is None or outcome.outcome == "accept":
        used |= evidence.make(held, declared, act.makes, now, node=here())
        transfers, read = moves.of_act(held, declared, act, now)
        used |= read
    target = target_of(act, outcome)
    assert target is not None
    loose = list(Attachment.objects.filter(case=case, node=here(), sequence=None, removed=None)) if case.files else []
    step = Step(
        case=str(case.pk),
        sequence=case.sequence + 1,
        previous=case.head,
        at=stamp(now),
        node=here(),
        agency=case.owner,
        by=by or by_of(actor),
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
        note=note,
    )
    append(case, step, position(case), taken, actor)
    if not transfers:  # else once the ledger has accepted
        enter(case, step)
    return acted(case, outcome)


def enter(case: Case, step: Step) -> None:
    """What the step made for the register becomes its new entry: at once, or when the money has moved."""
    declared = declarations.by_hash(case.declaration_id)
    names = [n for n in step.documents if declared.documents[n].made and declared.documents[n].register]
    bodies = {
        name: body for name, sequence, body in store.documents(case.pk, step.sequence - 1) if sequence == step.sequence
    }
    held = evidence.Evidence(case, agency=step.agency.partition("/")[2], actor=SYSTEM(here()))
    for name in names:
        held.enter(name, bodies[name], day=days.legal_day(datetime.fromisoformat(step.at)))


def append(case: Case, step: Step, before: Position, documents: dict[str, Any], actor: Actor) -> None:
    """State, event, deadline, posting instruction and outbox row, in the caller's transaction."""
    procedure = declarations.procedure(case.declaration_id)
    after = advance(before, step, procedure=procedure, parties=case.parties, filed_at=case.filed_at)
    place(case, step, after, received=datetime.fromisoformat(step.at))
    case.posting = bool(step.transfers) and step.kind == ACT
    first_unshipped = case.shipped + 1
    leaves = will_ship(case)
    if leaves:
        case.shipped = case.sequence
    store.write(case, step, documents, head=after.head, actor=actor.id)
    if step.kind == ACT:
        for transfer in step.transfers:
            instruct(case, step, transfer, side="payer")
    if step.attachments:
        Attachment.objects.filter(pk__in=step.attachments).update(sequence=after.sequence)
    if leaves:
        ship(case, first_unshipped)
    if case.acts_at:
        sql.rows("SELECT pg_notify('chuanyu_wake', '')", [])


def place(case: Case, step: Step, after: Position, *, received: datetime) -> None:
    """Put the case where the event leads. A new state starts a new term, counted from its receipt at the owner."""
    entered = step.kind != REQUEST_REFUSED and (step.source != step.target or step.kind in (START, MIGRATED))
    case.state, case.owner, case.final = after.state, after.owner, after.final
    case.sequence, case.head = after.sequence, after.head
    if entered:
        case.since = datetime.fromisoformat(step.at)
        case.received, case.due, case.provisional, case.escalated, case.acts_at = received, None, False, None, None
        declared = declarations.by_hash(case.declaration_id)
        state = declarations.procedure(case.declaration_id).states[after.state]
        if state.term:
            term = evidence.term(declared, state.term, day=days.legal_day(received), node=after.owner.partition("/")[0])
            due = days.add_working_days(days.legal_day(received), term)
            case.due, case.provisional = due.date, due.provisional
        if is_ours(after.owner) and any(act.by == "auto" for act in state.does.values()):
            if step.kind != POSTING_REFUSED:
                case.acts_at = received  # the worker looks then, and finds the moment where the act has one
            elif waits_for_money(step, state):
                case.acts_at = received + AGAIN  # it is tried once the account has enough; else it is left to the clerk


def waits_for_money(step: Step, state: State) -> bool:
    """Whether the ledger refused a step of the node itself because an account had too little."""
    act = state.does.get(step.act)
    short = step.kind == POSTING_REFUSED and step.outcome is not None and step.outcome.reason == SHORT
    return short and act is not None and act.by == "auto" and act.at is None


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
        kind=transfer.kind,
        of=UUID(transfer.of) if transfer.of else None,
        source=_account(case, transfer.origin),
        target=_target(case, transfer, side),
        window=transfer.window,
    )


def _target(case: Case, transfer: Transfer, side: str) -> str:
    """Where it goes at the payee's; whose account that is, the payer need not know."""
    if transfer.target != "holder":
        return _account(case, transfer.target)
    return holders.account(case, transfer.name) if side == "payee" else "fund"


def _account(case: Case, kind: str) -> str:
    """The kind of account; a personal one by this node's id of the person, so that it means nothing elsewhere."""
    return f"person/{case.person}" if kind == "person" else kind


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


def moment(case: Case, act: Act, now: datetime) -> datetime:
    """When an automatic act is due: at once (`now`), or at the moment its rule gives; its day is that of entering the state."""
    if act.at is None:
        return now
    held = evidence.Evidence(case, agency=case.owner.partition("/")[2], actor=SYSTEM(here()))
    entered = case.received or now
    outcome, _ = evidence.decide(held, declarations.by_hash(case.declaration_id), act.at, entered, node=here())
    when: datetime = outcome.value
    return when.replace(tzinfo=days.SHANGHAI) if when.tzinfo is None else when


def acted(case: Case, outcome: Outcome | None) -> Acted:
    """What was done, for whoever did it."""
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


def reference(id_: UUID) -> str:
    """CY-XXXX-XXXX-XXXX: the last 60 bits of a case's id, for people to read aloud."""
    value, letters = id_.int & (1 << 60) - 1, ""
    for _ in range(12):
        value, digit = divmod(value, 32)
        letters = ALPHABET[digit] + letters
    return f"CY-{letters[:4]}-{letters[4:8]}-{letters[8:]}"


def step_of(event: Event) -> Step:
    """An event as replay reads it."""
    return evidence.step_of(event.body)


def is_ours(agency: str) -> bool:
    """True for an agency ("sichuan/hrss") of this node."""
    return agency.startswith(f"{here()}/")


def by_of(actor: Actor) -> str:
    """Who acts, as events say it."""
    return {"resident": "applicant", "staff": "staff", "system": "system"}[actor.kind]


def stamp(moment: datetime) -> str:
    """A moment as events carry it: UTC, to the millisecond."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds")
