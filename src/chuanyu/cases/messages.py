"""What this node takes from the other one about cases. Every event is replayed, none is believed."""

import base64
import hashlib
from datetime import datetime
from typing import Annotated, Any, TypeVar
from uuid import UUID

import msgspec

from chuanyu.cases import actions, declarations, evidence, requests, steps, store
from chuanyu.cases.models import Attachment, Case, CaseDocument, Event, Request
from chuanyu.cases.replay import ACT, NOWHERE, POSTING_REFUSED, Fork, Gap, Invalid, advance, resolve
from chuanyu.cases.replay import Event as Step
from chuanyu.cases.shipping import ATTACHMENT, EVENTS, REQUEST, ship_again
from chuanyu.clearing import queries as clearing
from chuanyu.clearing.actions import ClearingError
from chuanyu.clearing.handlers import settled
from chuanyu.clearing.queries import Transfer
from chuanyu.core import days
from chuanyu.core.canonical import digest
from chuanyu.core.text import Text
from chuanyu.exchange.envelope import Envelope
from chuanyu.exchange.handlers import NotYet, Refused, message
from chuanyu.identity.here import here, peer
from chuanyu.identity.queries import is_agency

FORK = Text(
    "同一办件出现两个互相矛盾的步骤，已停止同步，请两地管理员核对。",
    "Two different steps claim the same place in this case. It no longer synchronises; the officers of both sides must look.",
)
INVALID = Text("收到的步骤不符合办件的流程声明。", "The step received does not fit the case's declared procedure.")
NOT_A_PARTY = Text("发送方不是这个办件的参与方。", "The sender is no party of this case.")
T = TypeVar("T")
Moment = Annotated[datetime, msgspec.Meta(tz=True)]
UNKNOWN_AGENCY = Text(
    "办件的参与方里有本节点没有登记的单位：{agencies}。请先在单位名录里登记，再重新发送。",
    "The case names agencies this node has no record of: {agencies}. Enter them in the list of agencies, then send again.",
)
MALFORMED = Text("消息内容的格式不对。", "The message does not have the shape it should.")


class Filed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a case is, in the first message about it."""

    reference: str
    service: str
    parties: dict[str, str]
    filed_at: str
    filed: Moment


class Carried(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A document that an event of the same message took."""

    name: str
    sequence: int
    body: dict[str, Any]


class Again(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The payer has paid anew, as transfer `id` in the window of `period`, what a step had moved as `of`."""

    id: UUID
    of: UUID
    period: str


class Events(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of case.events."""

    case: UUID
    events: tuple[dict[str, Any], ...]
    documents: tuple[Carried, ...]
    filed: Filed | None = None
    declarations: dict[str, dict[str, Any]] = {}
    again: tuple[Again, ...] = ()


class Asked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of case.request."""

    case: UUID
    id: UUID
    act: str
    by: str
    documents: dict[str, dict[str, Any]]
    note: str
    at: Moment


class File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of case.attachment; `content` is base64."""

    case: UUID
    id: UUID
    filename: str
    media_type: str
    by: str
    at: Moment
    content: str


@message(EVENTS)
def take_events(envelope: Envelope, person: UUID | None) -> None:
    """Replay the events of one case. Those we hold are skipped; a gap waits; a fork stops the case and alarms."""
    body = _body(envelope, Events)
    for hash_, declaration in body.declarations.items():
        try:
            declarations.keep_plain(envelope.service, declaration, hash_)
        except ValueError as error:
            raise Refused("declaration", INVALID) from error
    case = store.lock(body.case)
    first = _step(body.events[0]) if body.events else None
    if case is None:
        case = _new_case(envelope, body, first, person)
    _from_party(envelope, case)
    if person != case.person:
        raise Refused("malformed", MALFORMED)
    for again in body.again:
        _mirror_again(case, again, envelope.from_node)
    documents = {(d.name, d.sequence): d.body for d in body.documents}
    held = case.sequence
    new: list[Step] = []
    for plain in body.events:
        step = _step(plain)
        if step.case != str(case.pk):
            raise Refused("malformed", MALFORMED)
        if step.sequence <= held:
            _same(case, step)
            continue
        if step.node != envelope.from_node:
            raise Refused("not_a_party", NOT_A_PARTY)
        if step.kind == POSTING_REFUSED and step.sequence - 1 <= held:
            raise Refused("fork", FORK)  # that step was told to us as done: its money is posted
        if step.plain() != plain:
            raise Refused("malformed", MALFORMED)  # it would not hash to what the sender stored
        _replay(case, step, documents, last=new[-1] if new else None)
        new.append(step)
    if not new:
        return
    case.shipped = case.sequence
    case.save(force_insert=held == 0)
    _store(case, new, documents)
    _mirror(case, new)
    requests.settle(case)


@message(REQUEST)
def take_request(envelope: Envelope, person: UUID | None) -> None:
    """Someone at the other node asks for a step. It is decided here if we own the state; else it waits for the events to tell."""
    body = _body(envelope, Asked)
    case = store.lock(body.case)
    if case is None:
        raise NotYet("case_missing")
    _from_party(envelope, case)
    if body.by != "applicant" and not case.parties.get(body.by, "").startswith(f"{envelope.from_node}/"):
        raise Refused("not_a_party", NOT_A_PARTY)  # nobody asks in another's name, least of all in the owner's
    Request.objects.get_or_create(
        pk=body.id,
        defaults={
            "case": case,
            "act": body.act,
            "by": body.by,
            "documents": body.documents,
            "note": body.note,
            "node": envelope.from_node,
            "at": body.at,
        },
    )
    requests.settle(case)


@message(ATTACHMENT)
def take_attachment(envelope: Envelope, person: UUID | None) -> None:
    """A file of a case: taken only if an event sealed its hash."""
    body = _body(envelope, File)
    case = store.lock(body.case)
    if case is None:
        raise NotYet("case_missing")
    _from_party(envelope, case)
    try:
        content = base64.b64decode(body.content, validate=True)
    except ValueError as error:
        raise Refused("malformed", MALFORMED) from error
    if evidence.media_type(content) != body.media_type:
        raise Refused("malformed", MALFORMED)
    sha256 = hashlib.sha256(content).hexdigest()
    sealed = [e for e in Event.objects.filter(case=case) if e.body.get("attachments", {}).get(str(body.id)) == sha256]
    if not sealed:
        raise Refused("attachment", INVALID)
    Attachment.objects.get_or_create(
        pk=body.id,
        defaults={
            "case": case,
            "filename": evidence.safe_name(body.filename, body.media_type),
            "media_type": body.media_type,
            "size": len(content),
            "sha256": sha256,
            "content": content,
            "by": body.by[:64],
            "node": envelope.from_node,
            "at": body.at,
            "sequence": sealed[0].sequence,
            "shipped": True,
        },
    )
    case.files = Attachment.objects.filter(case=case, removed=None).count()
    case.save(update_fields=["files"])


@settled
def money_settled(transfer: Transfer) -> None:
    """The ledger answered: let the hand-over leave, or take the case back. The payee's mirror changes nothing more."""
    if transfer.side != "payer" or transfer.kind == "adjust":
        return
    if transfer.kind == "plain" and transfer.of:  # paid anew after an adjustment: the case stands where it stood
        if transfer.status == "posted" and transfer.payee.startswith(f"{peer()}/"):
            case = Case.objects.get(pk=transfer.case)
            ship_again(case, id=transfer.id, of=clearing.first(transfer.of), period=transfer.period)
        return
    if transfer.status == "posted":
        actions.posted(transfer.case, transfer.sequence)
    else:
        actions.posting_refused(transfer.case, transfer.sequence, transfer.reason)


# ---- inside


def _body(envelope: Envelope, kind: type[T]) -> T:
    try:
        return msgspec.convert(envelope.document, kind)
    except msgspec.ValidationError as error:
        raise Refused("malformed", MALFORMED) from error


def _step(plain: dict[str, Any]) -> Step:
    try:
        step = evidence.step_of(plain)
        timed = datetime.fromisoformat(step.at).tzinfo is not None
    except (msgspec.ValidationError, ValueError) as error:
        raise Refused("malformed", MALFORMED) from error
    if not timed:
        raise Refused("malformed", MALFORMED)
    return step


def _new_case(envelope: Envelope, body: Events, first: Step | None, person: UUID | None) -> Case:
    if body.filed is None or first is None or first.sequence != 1:
        raise NotYet("case_missing")
    filed = body.filed
    hash_ = first.declaration
    if not declarations.exists(hash_):
        raise NotYet("declaration_missing")
    if (
        person is None
        or filed.service != envelope.service
        or filed.filed_at != envelope.from_node
        or filed.reference != steps.reference(body.case)
    ):
        raise Refused("malformed", MALFORMED)
    if filed.parties != resolve(declarations.procedure(hash_), filed.filed_at, here()):
        raise Refused("invalid", INVALID)
    if unknown := sorted(key for key in filed.parties.values() if not is_agency(key)):
        raise Refused("unknown_agency", _unknown(unknown))
    many = declarations.procedure(hash_).many
    open_ones = Case.objects.filter(service=filed.service, person=person, filed_at=filed.filed_at, final=False)
    if not many and open_ones.exists():
        raise NotYet(
            "another_open"
        )  # over there it is closed: its end travels in a stream of its own, and may come later
    return Case(
        id=body.case,
        reference=filed.reference,
        service=filed.service,
        declaration_id=hash_,
        person=person,
        parties=filed.parties,
        filed_at=filed.filed_at,
        filed=filed.filed,
        many=many,
        sequence=0,
    )


def _unknown(keys: list[str]) -> Text:
    """Agencies with nobody behind them here: a case of theirs would wait for ever."""
    text = UNKNOWN_AGENCY
    return Text(text.zh.format(agencies="、".join(keys)), text.en.format(agencies=", ".join(keys)))


def _from_party(envelope: Envelope, case: Case) -> None:
    if envelope.from_agency not in case.parties.values() or envelope.service != case.service:
        raise Refused("not_a_party", NOT_A_PARTY)


def _same(case: Case, step: Step) -> None:
    """An event we hold already must be the one we hold."""
    if Event.objects.get(case=case, sequence=step.sequence).hash != digest(step.plain()):
        raise Refused("fork", FORK)


def _replay(case: Case, step: Step, documents: dict[tuple[str, int], Any], *, last: Step | None) -> None:
    """Put `case` (in memory) where `step` leads; `last` is the step before if it came in the same message."""
    stays = _stay(case, step)
    for name, expected in step.documents.items():
        if name not in stays and digest(documents.get((name, step.sequence))) != expected:
            raise Refused("invalid", INVALID)
    if step.declaration and step.sequence > 1:
        if not declarations.exists(step.declaration):
            raise NotYet("declaration_missing")
        case.declaration_id = step.declaration
    before = steps.position(case, last) if case.sequence else NOWHERE
    try:
        after = advance(
            before,
            step,
            procedure=declarations.procedure(case.declaration_id),
            parties=case.parties,
            filed_at=case.filed_at,
        )
    except Gap as error:
        raise NotYet("gap") from error
    except Fork as error:
        raise Refused("fork", FORK) from error
    except Invalid as error:
        raise Refused("invalid", INVALID) from error
    steps.place(case, step, after, received=days.now())


def _stay(case: Case, step: Step) -> set[str]:
    """The documents of a step that its node keeps in its own register: only their digest crosses."""
    declared = declarations.by_hash(case.declaration_id).documents
    return {name for name in step.documents if name in declared and declared[name].stays}


def _store(case: Case, new: list[Step], documents: dict[tuple[str, int], Any]) -> None:
    Event.objects.bulk_create(
        Event(case=case, sequence=s.sequence, hash=digest(s.plain()), body=s.plain()) for s in new
    )
    CaseDocument.objects.bulk_create(
        CaseDocument(
            case=case, sequence=s.sequence, name=name, digest=s.documents[name], body=documents[name, s.sequence]
        )
        for s in new
        for name in s.documents
        if (name, s.sequence) in documents
    )
    for step in new:
        if step.request:
            done = step.kind == ACT
            Request.objects.filter(pk=step.request, case=case).update(
                status=Request.Status.DONE if done else Request.Status.REFUSED,
                reason="" if done or step.outcome is None else step.outcome.reason,
            )


def _mirror_again(case: Case, again: Again, node: str) -> None:
    """The payee's side of what was paid anew: what the step says, under the new id."""
    for event in Event.objects.filter(case=case).order_by("sequence"):
        step = steps.step_of(event)
        for transfer in step.transfers if step.kind == ACT else ():
            mine = transfer.payee.startswith(f"{here()}/") and transfer.payer.startswith(f"{node}/")
            if transfer.id == str(again.of) and mine and transfer.kind in ("plain", "post"):
                paid = msgspec.structs.replace(transfer, id=str(again.id), kind="plain", of="", window=again.period)
                steps.instruct(case, step, paid, side="payee")
                return
    raise Refused("invalid", INVALID)


def _mirror(case: Case, new: list[Step]) -> None:
    """The payee's side of every transfer that was really posted (a refused one is named by the event after it)."""
    refused = {t.id for s in new if s.kind == POSTING_REFUSED for t in s.transfers}
    for step in new:
        for transfer in step.transfers if step.kind == ACT else ():
            if transfer.id not in refused and transfer.payee.startswith(f"{here()}/"):
                try:
                    steps.instruct(case, step, transfer, side="payee")
                except ClearingError as error:  # the peer gave it the id of another transfer
                    raise Refused(error.code, error.text) from None
