"""A case and its parts as views: what a reader is shown of the rows a node keeps. Who may read is decided in `queries`."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from uuid import UUID

from chuanyu.cases import actions, declarations, evidence
from chuanyu.cases.models import Attachment, Case, CaseDocument, Event, Request
from chuanyu.cases.replay import ACT, MIGRATED, POSTING_REFUSED, REQUEST_REFUSED, START
from chuanyu.cases.replay import Event as Step
from chuanyu.cases.views import (
    ActView,
    AttachmentView,
    CaseView,
    DocumentView,
    RequestView,
    RowView,
    StepView,
    TransferView,
)
from chuanyu.clearing import queries as clearing
from chuanyu.core import days
from chuanyu.core.catalogue import catalogue
from chuanyu.core.service import Act, Declared
from chuanyu.core.text import Text
from chuanyu.exchange import queries as exchange
from chuanyu.identity.actor import FOR, Actor
from chuanyu.identity.here import here
from chuanyu.identity.queries import agency_name

COUNTER = "counter"  # by the applicant, through a clerk

KINDS = {
    START: Text("提交申请", "Filed"),
    POSTING_REFUSED: Text("款项未能划出", "Payment refused"),
    REQUEST_REFUSED: Text("请求未被采纳", "Request not taken"),
    MIGRATED: Text("流程更新", "Procedure updated"),
}


def row(case: Case, waiting: int) -> RowView:
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
        overdue=_is_overdue(case),
        escalated=case.escalated is not None,
        posting=case.posting,
        waiting=waiting,
    )


def _is_overdue(case: Case) -> bool:
    return not case.final and case.due is not None and case.due < days.today()


def whole(case: Case, actor: Actor) -> CaseView:
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
        overdue=_is_overdue(case),
        escalated=case.escalated is not None,
        posting=case.posting,
        filed_at=case.filed_at,
        filed=case.filed,
        person=case.person,
        sequence=case.sequence,
        head=case.head,
        declaration=case.declaration_id,
        documents=_documents(case, declared, taken),
        attachments=tuple(
            _attachment(a, actor)
            for a in Attachment.objects.filter(case=case, removed=None).defer("content").order_by("at")
        )
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


def _attachment(row: Attachment, actor: Actor) -> AttachmentView:
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
        removable=actions.may_detach(actor, row),
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
    after = {row.of: row.kind for row in rows if row.of and row.status == "posted" and row.kind in ENDED}
    return [_transfer_view(row, after.get(row.id, "")) for row in rows]


# what is said of a reservation, and of a posting, by what came after it
ENDED = {"": "reserved", "post": "used", "void": "released", "reverse": "reversed", "adjust": "adjusted"}


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
