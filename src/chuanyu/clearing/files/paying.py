"""The payer takes pages in, checks every row by its own rules and pays what it accepts; see `pages`."""

import base64
import zlib
from collections.abc import Sequence
from uuid import UUID

import structlog
from django.db import transaction
from django.utils import timezone

from chuanyu.clearing import actions
from chuanyu.clearing.files import pages, setbacks, store, words
from chuanyu.clearing.files.intake import service_of
from chuanyu.clearing.files.reading import reader_of, sentence
from chuanyu.clearing.files.store import Note, Stored
from chuanyu.clearing.messages import MALFORMED
from chuanyu.clearing.models import FileRow, Instruction, Page, RowNote, Setback
from chuanyu.core import days
from chuanyu.core.batch import History, Judge, Row
from chuanyu.core.documents import DocumentError
from chuanyu.core.ids import uuid7
from chuanyu.core.parameters import NoParameter
from chuanyu.core.rules import RuleError
from chuanyu.core.service import Service
from chuanyu.core.text import Text
from chuanyu.exchange.envelope import Envelope
from chuanyu.exchange.handlers import NotYet, Refused, message
from chuanyu.identity.actor import Actor
from chuanyu.identity.here import here, peer

LARGEST = 8 * 1024 * 1024  # bytes of a page's content, unpacked
State, Side = Page.State, Page.Side
log = structlog.get_logger("chuanyu.files")


@message(pages.PAGE)
def take(envelope: Envelope, person: UUID | None) -> None:
    """Keep a page; `work` checks it."""
    service, body = pages.body_of(envelope, pages.Sent)
    content = _unpacked(body.content)
    sha256 = pages.digest_of(content)
    known = Page.objects.filter(id=body.page).first()
    if known is not None:
        if (known.side, known.digest, known.day) != (Side.PAYER, sha256, body.day):
            raise Refused("id_reused", pages.REUSED)
        return
    if Instruction.objects.filter(pk=body.page).exists():
        raise Refused("id_reused", pages.REUSED)
    if body.day > days.today():
        raise NotYet("tomorrow")  # the two clocks may differ around midnight
    items = pages.items_of(content)
    if list(body.fields) != reader_of(service).names:
        raise Refused("malformed", MALFORMED)
    if (len(items), sum(item.amount for item in items)) != (body.rows, body.total) or not 0 < len(items) <= pages.ROWS:
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
        refused = _check(service, page, pages.items_of(zlib.decompress(bytes(page.content or b""))))
        page.content = None
        _pay(service, page)
        if page.state == State.PAID:  # nothing to pay: all were free, or none was accepted
            _answer(service, page, refused)
        page.save()
        Setback.objects.filter(page=page.id).delete()
        actions.wake()
    return 1


def _check(service: Service, page: Page, items: Sequence[pages.Item]) -> list[pages.Refusal]:
    """Judge every row as of the day the payee judged it; store what is a row; sum what is accepted."""
    reader = reader_of(service)
    refused: list[pages.Refusal] = []

    def refuse(place: int, code: str, text: Text) -> None:
        refused.append(pages.Refusal(place, code, text.zh, text.en))

    rows: list[tuple[int, pages.Item, Row]] = []
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


def _wrong(service: Service, judge: Judge, before: History, item: pages.Item, row: Row) -> tuple[str, Text] | None:
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
    made = pages.instruct(service, id=page.transfer, payer=page.own, payee=page.peer, amount=page.amount, side="payer")
    page.period, page.state, page.reason = made.period, State.PAYING, ""


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
    _answer(service_of(page.service), page, [pages.Refusal(n.line or 0, n.code, n.zh, n.en) for n in notes])
    page.save()
    return 1


def _answer(service: Service, page: Page, refused: Sequence[pages.Refusal]) -> None:
    paid = page.state == State.PAID
    body = pages.Answer(
        page=page.id, state=page.state, reason=page.reason, transfer=page.transfer if paid else None,
        period=page.period if paid else "", accepted=page.accepted, amount=page.amount, refused=tuple(refused),
    )  # fmt: skip
    pages.letter(service, pages.ANSWER, body)


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


def _unpacked(content: str) -> bytes:
    try:
        unpacking = zlib.decompressobj()
        found = unpacking.decompress(base64.b64decode(content, validate=True), LARGEST)
    except (ValueError, zlib.error):
        raise Refused("malformed", MALFORMED) from None
    if not unpacking.eof:
        raise Refused("malformed", MALFORMED)
    return found
