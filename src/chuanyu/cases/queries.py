"""Cases, read by others: the only place that does. Who may see what is decided here; what cannot be seen does not exist."""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Count, Q, QuerySet

from chuanyu.cases import actions, declarations, errors, evidence, moves, queue, steps
from chuanyu.cases.errors import CaseError
from chuanyu.cases.models import Attachment, Case, CaseDocument, Event, Request
from chuanyu.cases.queue import following as following
from chuanyu.cases.queue import standing as standing
from chuanyu.cases.queue import waits as waits
from chuanyu.cases.replay import ACT, MIGRATED, POSTING_REFUSED, REQUEST_REFUSED, START, target_of
from chuanyu.cases.replay import Event as Step
from chuanyu.cases.shifts import done_by as done_by
from chuanyu.cases.shifts import levels as levels
from chuanyu.cases.views import (
    ActView,
    AttachmentView,
    CaseView,
    DocumentView,
    Foreseen,
    RequestView,
    RowView,
    StepView,
    TransferView,
    Waiting,
)
from chuanyu.clearing import queries as clearing
from chuanyu.core import days
from chuanyu.core.catalogue import catalogue
from chuanyu.core.money import Money
from chuanyu.core.service import Act, Declared
from chuanyu.core.text import Text
from chuanyu.exchange import queries as exchange
from chuanyu.identity.actor import FOR, Actor
from chuanyu.identity.here import here
from chuanyu.identity.queries import agency_name

LIMIT = 200  # rows of a list
COUNTER = "counter"  # by the applicant, through a clerk

KINDS = {
    START: Text("提交申请", "Filed"),
    POSTING_REFUSED: Text("款项未能划出", "Payment refused"),
    REQUEST_REFUSED: Text("请求未被采纳", "Request not taken"),
    MIGRATED: Text("流程更新", "Procedure updated"),
}


def view(case: UUID, actor: Actor) -> CaseView:
    """One case, whole, for someone who may see it: the person, staff of its parties, the node itself."""
    found = Case.objects.filter(pk=case).first()
    if found is None or not actions.may_see(actor, found):
        raise CaseError("not_found", errors.NOT_FOUND)
    return _view(found, actor)


def mine(actor: Actor) -> list[RowView]:
    """A resident's cases at this node, newest first; for a delegate those of the services delegated."""
    if actor.person is None:
        return []
    rows = Case.objects.filter(person=actor.person)
    return _rows((rows if actor.scope is None else rows.filter(service__in=actor.scope)).order_by("-filed"))


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


def overdue(*, limit: int = LIMIT) -> list[RowView]:
    """The cases past their term that this node owns or filed, the oldest first."""
    rows = Case.objects.filter(final=False, due__lt=days.today())
    return _rows(rows.order_by("due", "since")[:limit])


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
    found = Attachment.objects.select_related("case").filter(pk=id_).first()
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
    return [_row(case, waiting.get(case.pk, 0)) for case in found]


def _row(case: Case, waiting: int) -> RowView:
    declared = declarations.by_hash(case.declaration_id)
    return RowView(
        id=case.pk,
        reference=case.reference,
        service=case.service,
        name=declared.name,
        state=case.state,
        title=declarations.procedure(case.declaration_id).states[case.state].title,
        final=case.final,
        owner_node=case.owner.partition("/")[0],
        owner_agency=agency_name(case.owner) if case.owner else None,
        here=case.owner.startswith(f"{here()}/"),
        since=case.since,
        filed=case.filed,
        filed_at=case.filed_at,
        due=case.due,
        provisional=case.provisional,
        overdue=_overdue(case),
        escalated=case.escalated is not None,
        posting=case.posting,
        waiting=waiting,
    )


def _overdue(case: Case) -> bool:
    return not case.final and case.due is not None and case.due < days.today()


def _view(case: Case, actor: Actor) -> CaseView:
    declared = declarations.by_hash(case.declaration_id)
    procedure = declarations.procedure(case.declaration_id)
    state = procedure.states[case.state]
    # up to where the row stood when it was read: a step taken since belongs to the next look
    known = Event.objects.filter(case=case, sequence__lte=case.sequence).order_by("sequence")
    events = list(known.values_list("body", "actor"))
    taken = [evidence.step_of(body) for body, _ in events]
    transfers = {t.id: t for t in transfer_views(clearing.transfers([case.pk]))}
    return CaseView(
        id=case.pk,
        reference=case.reference,
        service=case.service,
        name=declared.name,
        state=case.state,
        title=state.title,
        final=case.final,
        outside=state.outside,
        owner=state.owner or "",
        owner_node=case.owner.partition("/")[0],
        owner_agency=agency_name(case.owner) if case.owner else None,
        here=case.owner.startswith(f"{here()}/"),
        since=case.since,
        due=case.due,
        provisional=case.provisional,
        overdue=_overdue(case),
        escalated=case.escalated is not None,
        posting=case.posting,
        filed_at=case.filed_at,
        filed=case.filed,
        person=case.person,
        sequence=case.sequence,
        head=case.head,
        declaration=case.declaration_id,
        documents=_documents(case, declared, taken),
        attachments=tuple(_attachment(a) for a in Attachment.objects.filter(case=case).defer("content").order_by("at"))
        if case.files
        else (),
        steps=tuple(
            _steps(
                declared,
                taken,
                transfers,
                {s.sequence for s, (_, who) in zip(taken, events, strict=True) if FOR in who},
            )
        ),
        acts=tuple(_acts(case, declared, state.does.values(), actor)),
        requests=tuple(_request(declared, r) for r in Request.objects.filter(case=case).order_by("at")),
        transfers=tuple(transfer for transfer in transfers.values() if transfer.stands),
        queued=exchange.queued([str(case.pk)]).get(str(case.pk), 0),
    )


def _documents(case: Case, declared: Declared, steps: list[Step]) -> tuple[DocumentView, ...]:
    """The newest of each name, in the order they came."""
    rows = CaseDocument.objects.filter(case=case, sequence__lte=case.sequence).order_by("sequence")
    newest = {row.name: row for row in rows}
    by_sequence = {s.sequence: s for s in steps}
    return tuple(
        DocumentView(
            name=name,
            title=declared.documents[name].title if name in declared.documents else Text(name, name),
            body=row.body,
            by=_handed_in(declared, name, by_sequence[row.sequence]),
            node=by_sequence[row.sequence].node,
            at=_moment(by_sequence[row.sequence]),
            digest=row.digest,
        )
        for name, row in newest.items()
    )


def _handed_in(declared: Declared, name: str, step: Step) -> str:
    """Who a document is from: what a clerk entered for the applicant is the applicant's, at the counter."""
    spec = declared.documents.get(name)
    return COUNTER if step.by == "staff" and spec and spec.by == "applicant" else step.by


def _attachment(row: Attachment) -> AttachmentView:
    return AttachmentView(
        id=row.pk,
        filename=row.filename,
        media_type=row.media_type,
        size=row.size,
        sha256=row.sha256,
        by=row.by,
        node=row.node,
        at=row.at,
        here=True,
    )


def _steps(
    declared: Declared, steps: list[Step], transfers: Mapping[UUID, TransferView], delegated: set[int]
) -> Iterable[StepView]:
    procedure = declared.procedure
    assert procedure is not None
    owner = ""
    for step in steps:
        state = procedure.states.get(step.target)
        act = next((s.does[step.act] for s in procedure.states.values() if step.act in s.does), None)
        reason, remedy = declarations.reason(declared, step.outcome.reason if step.outcome else "")
        ref = step.outcome.ref if step.outcome else ""
        basis = declared.basis.get(ref.partition("#")[0])
        new_owner = state.owner if state else None
        yield StepView(
            sequence=step.sequence,
            at=_moment(step),
            act=step.act,
            title=act.title if act and step.kind == ACT else KINDS.get(step.kind, Text(step.act, step.act)),
            state=step.target,
            state_title=state.title if state else Text(step.target, step.target),
            by=COUNTER if step.by == "staff" and (step.kind == START or (act and act.by == "applicant")) else step.by,
            node=step.node,
            agency=agency_name(step.agency) if step.by != "applicant" else None,
            outcome=step.outcome.outcome if step.outcome else "",
            reason=reason,
            remedy=remedy,
            ref=ref,
            ref_title=basis.title if basis else None,
            note=step.note,
            parameters=step.parameters,
            transfer=next((transfers[UUID(t.id)] for t in step.transfers if UUID(t.id) in transfers), None),
            moved=bool(owner) and new_owner is not None and new_owner != owner,
            delegated=step.sequence in delegated,
        )
        owner = new_owner or owner


def _acts(case: Case, declared: Declared, acts: Iterable[Act], actor: Actor) -> Iterable[ActView]:
    if case.final or actor.is_system:
        return
    service = catalogue().get(case.service)
    for act in acts:
        if not actions.may(actor, case, act):
            continue
        rule = service.rules.get(act.decide or "") if service else None
        yield ActView(
            name=act.name,
            title=act.title,
            takes=tuple(t for t in act.takes if not declared.documents[t].register),
            register=tuple(t for t in act.takes if declared.documents[t].register),
            decide=act.decide,
            rule_title=rule.title if rule else "",
            refs=tuple(declared.basis),
            note=act.note,
            moves=act.moves,
            requested=not case.owner.startswith(f"{here()}/") or case.posting,
        )


def _request(declared: Declared, row: Request) -> RequestView:
    procedure = declared.procedure
    assert procedure is not None
    act = next((s.does[row.act] for s in procedure.states.values() if row.act in s.does), None)
    return RequestView(
        id=row.pk,
        act=row.act,
        title=act.title if act else Text(row.act, row.act),
        at=row.at,
        status=row.status,
        reason=declarations.reason(declared, row.reason)[0] if row.reason else None,
    )


def transfer_views(rows: list[clearing.Transfer]) -> list[TransferView]:
    """Transfers as readers of a case see them; `rows` are all of each case, since the later ones resolve the earlier."""
    after = {row.of: row.kind for row in rows if row.of and row.status == "posted"}
    return [_transfer_view(row, after.get(row.id, "")) for row in rows]


# what is said of a reservation, and of a posting, by what came after it
ENDED = {"": "reserved", "post": "used", "void": "released", "reverse": "reversed"}


def _transfer_view(row: clearing.Transfer, after: str) -> TransferView:
    status = {"waiting": "posting"}.get(row.status, row.status)
    if status == "posted" and row.kind == "void":
        status = "released"
    elif status == "posted" and (after or row.kind == "pending"):
        status = ENDED.get(after, status)
    return TransferView(
        id=row.id,
        name=row.name,
        title=row.title,
        amount=str(row.amount),
        unit=row.unit,
        payer=agency_name(row.payer),
        payee=agency_name(row.payee),
        status=status,
        reason=row.reason,
        at=row.settled,
        order=row.order,
        kind=row.kind,
    )


def _moment(step: Step) -> datetime:
    return datetime.fromisoformat(step.at)
