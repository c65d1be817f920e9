"""Pages: rows that the other node's agency pays, thousands to one message and one transfer. Here the payee's side.

The payee sends a page with what it judged and priced. The payer (`paying`) checks every row with the same rules on the same rows
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
from django.utils import timezone

from chuanyu.clearing import actions, periods
from chuanyu.clearing.files import store
from chuanyu.clearing.files.intake import agency_of, service_of
from chuanyu.clearing.files.reading import reader_of
from chuanyu.clearing.files.store import Note
from chuanyu.clearing.messages import MALFORMED, NOT_YOURS
from chuanyu.clearing.models import FileRow, Instruction, Page, RowNote
from chuanyu.core import days
from chuanyu.core.batch import Row
from chuanyu.core.ids import uuid7
from chuanyu.core.service import Service
from chuanyu.core.text import Text
from chuanyu.exchange import actions as exchange
from chuanyu.exchange.envelope import Envelope
from chuanyu.exchange.handlers import NotYet, Refused, message
from chuanyu.identity.here import here, peer

ROWS = 5000  # of a page: some 100 kB on the wire
PAGE, ANSWER = "clearing.page", "clearing.page_answer"
State, Side = Page.State, Page.Side
T = TypeVar("T")

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
            total=sum(amount for _, amount, _ in chunk), digest=digest_of(content),
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


# --- what both sides do ------------------------------------------------------------------------------------------------


def instruct(
    service: Service, *, id: UUID, payer: str, payee: str, amount: int, side: str, window: str = "", name: str = ""
) -> Instruction:
    """A transfer as the service's pages are paid, in the current window or the period named."""
    assert service.batch is not None and service.batch.posts is not None
    posting = service.postings[service.batch.posts]
    return actions.instruct(
        id=id, case=None, sequence=0, service=service.key, name=name or posting.name, side=side, payer=payer, payee=payee,
        amount=amount, unit=posting.unit, cycle=posting.cycle, window=window or posting.window,
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


def items_of(content: bytes) -> list[Item]:
    try:
        return msgspec.json.decode(content, type=list[Item])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Refused("malformed", MALFORMED) from None


def digest_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
