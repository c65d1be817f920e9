"""Pages: rows that the other node's agency pays, thousands to one message and one transfer.

The payee sends a page with what it judged and priced. The payer checks every row with the same rules on the same rows
before, in the order of the pages; what it accepts is paid by one transfer in the day's window, under the page's id, and the
answer leaves when its ledger has posted it. Rows it does not accept are named one by one. The payee then mirrors the
transfer. The same page again changes nothing; the same id with other content is refused.
"""

import base64
import hashlib
import zlib
from collections.abc import Sequence
from datetime import date
from typing import TypeVar
from uuid import UUID

import msgspec
import structlog
from django.db import transaction
from django.utils import timezone

from chuanyu.clearing import actions, periods
from chuanyu.clearing.files import setbacks, store, words
from chuanyu.clearing.files.intake import agency_of, service_of
from chuanyu.clearing.files.reading import reader_of, sentence
from chuanyu.clearing.files.store import Note, Stored
from chuanyu.clearing.messages import MALFORMED, NOT_YOURS
from chuanyu.clearing.models import FileRow, Instruction, Page, RowNote, Setback
from chuanyu.core import days
from chuanyu.core.batch import History, Judge, Row
from chuanyu.core.documents import DocumentError
from chuanyu.core.ids import uuid7
from chuanyu.core.parameters import NoParameter
from chuanyu.core.rules import RuleError
from chuanyu.core.service import Posting, Service
from chuanyu.core.text import Text
from chuanyu.exchange import actions as exchange
from chuanyu.exchange.envelope import Envelope
from chuanyu.exchange.handlers import NotYet, Refused, message
from chuanyu.identity.actor import Actor
from chuanyu.identity.here import here, peer

ROWS = 5000  # of a page: some 100 kB on the wire
LARGEST = 8 * 1024 * 1024  # bytes of a page's content, unpacked
PAGE, ANSWER = "clearing.page", "clearing.page_answer"
State, Side = Page.State, Page.Side
T = TypeVar("T")
log = structlog.get_logger("chuanyu.files")

REUSED = Text("这一页已经收到，但内容不同。", "This page was received before with other content.")
UNKNOWN = Text("没有发出过这一页，或已经有答复。", "This page was never sent, or was answered otherwise.")
AMOUNT = Text("接受的金额与这一页不符。", "What was accepted is not what the page comes to.")


class Sent(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body of clearing.page. `content`: base64 of the zlib stream of a JSON array of Item; `fields` names the cells."""

    page: UUID
    day: date
    rows: int
    total: int
    fields: tuple[str, ...]
    content: str


class Item(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """One row of a page: its cells, what it costs, and why it counts after all where it had been held."""

    cells: tuple[str, ...]
    amount: int
    note: str = ""


class Refusal(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A row the payer does not accept, by its place on the page (from 0)."""

    place: int
    code: str
    zh: str
    en: str


class Answer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body of clearing.page_answer. `state`: paid, or unpaid with the ledger's reason. `transfer` is null where nothing is owed."""

    page: UUID
    state: str
    reason: str = ""
    transfer: UUID | None = None
    period: str = ""
    accepted: int
    amount: int
    refused: tuple[Refusal, ...] = ()


# --- the payee sends --------------------------------------------------------------------------------------------------


def send(service: Service, *, day: date, rows: Sequence[tuple[Row, int, str]]) -> dict[str, UUID]:
    """Put rows (with what they cost, and why if they had been held) on pages, in the caller's transaction: key → page."""
    page_of: dict[str, UUID] = {}
    for first in range(0, len(rows), ROWS):
        chunk = rows[first : first + ROWS]
        content = msgspec.json.encode([Item(row.cells, amount, why) for row, amount, why in chunk])
        page = Page.objects.create(
            id=uuid7(), service=service.key, side=Side.PAYEE, own=agency_of(service, here()),
            peer=agency_of(service, peer()), day=day, state=State.SENT, rows=len(chunk),
            total=sum(amount for _, amount, _ in chunk), digest=_digest(content),
        )  # fmt: skip
        body = Sent(
            page=page.id, day=day, rows=page.rows, total=page.total, fields=tuple(reader_of(service).names),
            content=base64.b64encode(zlib.compress(content, 6)).decode(),
        )  # fmt: skip
        letter(service, PAGE, body, fields=(reader_of(service).batch.document,))
        page_of |= {row.key: page.id for row, *_ in chunk}
    return page_of


def letter(service: Service, action: str, body: msgspec.Struct, fields: tuple[str, ...] = ()) -> None:
    """Send to the service's agency at the other node.

    All pages of a service go in one stream, and so do all answers: their order says what counted before what.
    """
    exchange.send(
        to_agency=agency_of(service, peer()), from_agency=agency_of(service, here()), service=service.key, action=action,
        person=None, purpose=service.key, basis=sorted(service.basis), document=msgspec.to_builtins(body), fields=fields,
        stream=f"{action}:{service.key}"[:64],
    )  # fmt: skip


# --- the payer takes it in, checks it and pays ------------------------------------------------------------------------


@message(PAGE)
def take(envelope: Envelope, person: UUID | None) -> None:
    """Keep a page; `work` checks it."""
    service, body = body_of(envelope, Sent)
    content = _unpacked(body.content)
    sha256 = _digest(content)
    known = Page.objects.filter(id=body.page).first()
    if known is not None:
        if (known.side, known.digest, known.day) != (Side.PAYER, sha256, body.day):
            raise Refused("id_reused", REUSED)
        return
    if Instruction.objects.filter(pk=body.page).exists():
        raise Refused("id_reused", REUSED)
    if body.day > days.today():
        raise NotYet("tomorrow")  # the two clocks may differ around midnight
    items = _items(content)
    if list(body.fields) != reader_of(service).names:
        raise Refused("malformed", MALFORMED)
    if (len(items), sum(item.amount for item in items)) != (body.rows, body.total) or not 0 < len(items) <= ROWS:
        raise Refused("malformed", MALFORMED)
    if any(item.amount < 0 for item in items):
        raise Refused("malformed", MALFORMED)
    Page.objects.create(
        id=body.page, service=service.key, side=Side.PAYER, own=envelope.to_agency, peer=envelope.from_agency, day=body.day,
        state=State.RECEIVED, rows=body.rows, total=body.total, digest=sha256, content=zlib.compress(content, 1),
    )  # fmt: skip
    actions.wake()


def work() -> int:
    """Check one page, and answer those whose transfer the ledger has answered. Returns how many moved on."""
    return _answer_paid() + _check_one()


def _check_one() -> int:
    """The oldest page of a service none of whose pages waits to be tried again: they are checked in their order."""
    waiting = Page.objects.filter(state=State.RECEIVED).exclude(service__in=setbacks.waiting())
    first = waiting.order_by("number").first()
    if first is None:
        return 0
    try:
        return _check_alone(first)
    except Exception as error:
        with transaction.atomic():
            setbacks.of_page(Page.objects.select_for_update().get(pk=first.pk), error)
        return 1


def _check_alone(waiting: Page) -> int:
    with transaction.atomic():
        if not store.alone(waiting.service, wait=False):
            return 0
        page = Page.objects.select_for_update().get(pk=waiting.pk)
        if page.state != State.RECEIVED:
            return 0
        service = service_of(page.service)
        refused = _check(service, page, _items(zlib.decompress(bytes(page.content or b""))))
        page.content = None
        _pay(service, page)
        if page.state == State.PAID:  # nothing to pay: all were free, or none was accepted
            _answer(service, page, refused)
        page.save()
        Setback.objects.filter(page=page.id).delete()
        actions.wake()
    return 1


def _check(service: Service, page: Page, items: Sequence[Item]) -> list[Refusal]:
    """Judge every row as of the day the payee judged it; store what is a row; sum what is accepted."""
    reader = reader_of(service)
    refused: list[Refusal] = []

    def refuse(place: int, code: str, text: Text) -> None:
        refused.append(Refusal(place, code, text.zh, text.en))

    rows: list[tuple[int, Item, Row]] = []
    for place, item in enumerate(items):
        try:
            row = reader.read(item.cells)
        except (DocumentError, ValueError) as error:
            refuse(
                place, "malformed", error.errors[0].message if isinstance(error, DocumentError) else words.UNREADABLE
            )
            continue
        if (row.by, row.payer) != (peer(), here()):
            refuse(place, "not_ours", words.NOT_OURS)
            continue
        rows.append((place, item, row))
    there = set(store.known(service.key, [row.key for *_, row in rows]))
    before = store.history(service, reader, [row for *_, row in rows])
    judge = Judge(service, page.day)
    stored: list[Stored] = []
    for place, item, row in rows:
        if row.key in there:
            refuse(place, "duplicate", words.TWICE)
            continue
        there.add(row.key)
        wrong = _wrong(service, judge, before, item, row)
        before.add(row)  # it was ridden, whatever it costs: the payee prices the next one after it too
        if wrong is not None:
            refuse(place, *wrong)
        else:
            page.accepted += 1
            page.amount += item.amount
        state = FileRow.State.COUNTED if wrong is None else FileRow.State.DISPUTED
        stored.append(Stored(row=row, state=state, amount=item.amount, page=page.id, line=place))
    store.put(service.key, stored)
    store.note(
        Note(kind=RowNote.Kind.DISPUTED, page=page.id, line=one.place, code=one.code, zh=one.zh, en=one.en)
        for one in refused
    )
    return refused


def _wrong(service: Service, judge: Judge, before: History, item: Item, row: Row) -> tuple[str, Text] | None:
    earlier = before.before(row)
    try:
        outcome = judge.counts(row, earlier)
        if outcome.outcome == "hold" and not item.note:
            return "not_released", words.NOT_RELEASED
        if outcome.outcome not in ("accept", "hold"):
            return outcome.reason, sentence(service, outcome)
        if judge.amount(row, earlier) != item.amount:
            return "price", words.PRICE
    except NoParameter:
        return "no_parameter", words.NO_PARAMETER
    except RuleError:
        return "rule_failed", words.FAILED
    return None


def _pay(service: Service, page: Page) -> None:
    if not page.amount:
        page.state, page.paid = State.PAID, timezone.now()
        return
    # the first try has the page's own id; a later one, after the ledger has refused, needs another
    page.transfer = page.id if page.transfer is None else uuid7()
    made = instruct(service, id=page.transfer, payer=page.own, payee=page.peer, amount=page.amount, side="payer")
    page.period, page.state, page.reason = made.period, State.PAYING, ""


def instruct(
    service: Service, *, id: UUID, payer: str, payee: str, amount: int, side: str, window: str = "", name: str = ""
) -> Instruction:
    """A transfer as the service's pages are paid, in the current window or the period named."""
    posting = posting_of(service)
    return actions.instruct(
        id=id, case=None, sequence=0, service=service.key, name=name or posting.name, side=side, payer=payer, payee=payee,
        amount=amount, unit=posting.unit, cycle=posting.cycle, window=window or posting.window,
    )  # fmt: skip


def posting_of(service: Service) -> Posting:
    """What its pages are paid by."""
    assert service.batch is not None and service.batch.posts is not None
    return service.postings[service.batch.posts]


def _answer_paid() -> int:
    moved = 0
    for waiting in Page.objects.filter(state=State.PAYING).order_by("number")[:100]:
        try:
            moved += _answer_one(waiting)
        except Exception:  # the others must not wait for it; it is tried again
            log.exception("the answer to a page could not be given", page=str(waiting.id))
    return moved


@transaction.atomic
def _answer_one(waiting: Page) -> int:
    page = Page.objects.select_for_update().get(pk=waiting.pk)
    status, reason = Instruction.objects.values_list("status", "reason").get(pk=page.transfer or page.id)
    if page.state != State.PAYING or status == Instruction.Status.WAITING:
        return 0
    if status == Instruction.Status.POSTED:
        page.state, page.paid = State.PAID, timezone.now()
    else:
        page.state, page.reason = State.UNPAID, reason
    notes = RowNote.objects.filter(page=page.id, kind=RowNote.Kind.DISPUTED).order_by("line")
    _answer(service_of(page.service), page, [Refusal(n.line or 0, n.code, n.zh, n.en) for n in notes])
    page.save()
    return 1


def _answer(service: Service, page: Page, refused: Sequence[Refusal]) -> None:
    paid = page.state == State.PAID
    body = Answer(
        page=page.id, state=page.state, reason=page.reason, transfer=page.transfer if paid else None,
        period=page.period if paid else "", accepted=page.accepted, amount=page.amount, refused=tuple(refused),
    )  # fmt: skip
    letter(service, ANSWER, body)


@transaction.atomic
def pay(*, page: UUID, actor: Actor) -> Page:
    """Pay a page the ledger had refused, now that the fund has the money. Raises ClearingError."""
    found = Page.objects.select_for_update().filter(id=page, side=Side.PAYER, state=State.UNPAID).first()
    if found is None:
        raise words.NOT_UNPAID
    officer = "officer" in actor.roles and actor.serves(found.own.partition("/")[2], here())
    if not (officer or actor.is_system):
        raise words.NOT_OFFICER
    _pay(service_of(found.service), found)
    found.save()
    return found


# --- the payee hears what was accepted --------------------------------------------------------------------------------


@message(ANSWER)
def heard(envelope: Envelope, person: UUID | None) -> None:
    """The payer has paid a page, or could not. It must come to what the page says."""
    service, body = body_of(envelope, Answer)
    page = Page.objects.select_for_update().filter(id=body.page, service=service.key, side=Side.PAYEE).first()
    if page is None or body.state not in (State.PAID, State.UNPAID):
        raise Refused("unknown_page", UNKNOWN)
    if page.state == State.PAID:
        if (page.transfer, page.amount, page.accepted) != (body.transfer, body.amount, body.accepted):
            raise Refused("unknown_page", UNKNOWN)
        return
    _agreed(page, body)
    page.accepted, page.amount, page.state, page.reason = (
        body.accepted,
        body.amount,
        State(body.state),
        body.reason[:32],
    )
    page.transfer, page.period = body.transfer, body.period
    if page.state == State.PAID:
        page.paid = timezone.now()
        if page.transfer is not None:
            mirror(service, page, id=page.transfer, amount=page.amount, period=page.period)
    page.save()


def mirror(service: Service, page: Page, *, id: UUID, amount: int, period: str, name: str = "") -> None:
    """Follow what the other node has paid, about a page. Raises Refused, NotYet."""
    try:
        last = periods.last_day(period)
    except ValueError:
        raise Refused("malformed", MALFORMED) from None
    if periods.kind_of(period) == "day" and last > days.today():
        raise NotYet("tomorrow")  # the two clocks may differ around midnight
    if Instruction.objects.filter(pk=id).exists():
        raise Refused("id_reused", REUSED)
    instruct(service, id=id, payer=page.peer, payee=page.own, amount=amount, side="payee", window=period, name=name)


def _agreed(page: Page, body: Answer) -> None:
    """Mark the rows that were refused; the others must sum to what is paid. Raises Refused."""
    if (body.state == State.PAID and body.amount > 0) != (body.transfer is not None):
        raise Refused("amount", AMOUNT)
    if not body.refused:
        if (page.rows, page.total) != (body.accepted, body.amount):
            raise Refused("amount", AMOUNT)
        return
    reader = reader_of(service_of(page.service))
    rows = [(row, reader.read(store.read(row.cells))) for row in FileRow.objects.filter(page=page.id)]
    rows.sort(key=lambda each: (each[1].chain, each[1].place))  # the order in which they were put on the page
    places = {one.place for one in body.refused}
    left = [row.amount or 0 for place, (row, _) in enumerate(rows) if place not in places]
    if not places <= set(range(len(rows))) or (len(left), sum(left)) != (body.accepted, body.amount):
        raise Refused("amount", AMOUNT)
    if page.state == State.UNPAID:
        return  # they were told when it was
    FileRow.objects.filter(pk__in=[rows[place][0].pk for place in places]).update(state=FileRow.State.DISPUTED)
    store.note(
        Note(
            kind=RowNote.Kind.DISPUTED, page=page.id, upload=rows[one.place][0].upload, line=rows[one.place][0].line,
            key=rows[one.place][0].key, code=one.code[:64], zh=one.zh[:500], en=one.en[:500],
        )
        for one in body.refused
    )  # fmt: skip


# --- reading what came ------------------------------------------------------------------------------------------------


def body_of(envelope: Envelope, kind: type[T]) -> tuple[Service, T]:
    """The service and the body of a message between the two agencies of one that takes files. Raises Refused."""
    try:
        service = service_of(envelope.service)
        body = msgspec.convert(envelope.document, kind)
    except (actions.ClearingError, msgspec.ValidationError) as error:
        raise Refused("malformed", MALFORMED) from error
    between = (agency_of(service, peer()), agency_of(service, here()))
    if (envelope.from_agency, envelope.to_agency) != between or service.batch is None or service.batch.posts is None:
        raise Refused("not_yours", NOT_YOURS)
    return service, body


def _unpacked(content: str) -> bytes:
    try:
        unpacking = zlib.decompressobj()
        found = unpacking.decompress(base64.b64decode(content, validate=True), LARGEST)
    except (ValueError, zlib.error):
        raise Refused("malformed", MALFORMED) from None
    if not unpacking.eof:
        raise Refused("malformed", MALFORMED)
    return found


def _items(content: bytes) -> list[Item]:
    try:
        return msgspec.json.decode(content, type=list[Item])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Refused("malformed", MALFORMED) from None


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
