"""What both nodes have of a closed window, row by row: rows, sum and hash; where they differ, which pages; then which rows.

The hash of a page is SHA-256 over its sorted keys with their prices, computed from the rows themselves each time; that of a
direction is over the sorted pages. So a row that was changed at one node shows, though both have signed the transfers.
"""

import hashlib
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec
import structlog
from django.db import transaction
from django.utils import timezone

from chuanyu.clearing import letters
from chuanyu.clearing.files import pages, store, words
from chuanyu.clearing.files.intake import service_of
from chuanyu.clearing.files.store import Note
from chuanyu.clearing.messages import MALFORMED
from chuanyu.clearing.models import FileRow, Instruction, Page, Reconciliation, RowDifference, RowNote, Window
from chuanyu.core.catalogue import catalogue
from chuanyu.core.ids import uuid7
from chuanyu.exchange.envelope import Envelope
from chuanyu.exchange.errors import ExchangeError
from chuanyu.exchange.handlers import Asked, Refused, message, query
from chuanyu.identity import sql
from chuanyu.identity.actor import Actor
from chuanyu.identity.here import here

ROWS, ADJUSTED = "clearing.rows", "clearing.row_adjusted"
ADJUSTMENT = "adjustment"  # the name of such a transfer
WAITING, TOLD, REFUSED = "waiting", "told", "refused"  # of an adjustment: for the ledger; both know; the ledger said no

STEP = 20  # pages asked for at a time: a hundred thousand rows are hashed well within the time an answer may take
FIRST = UUID(int=0)

# Placeholders: {s} service, {d} our side, {p} period, {w} the other agency, {a} after this page, {n} how many, {g} page
_PAGES = """
WITH p AS (
  SELECT id FROM clearing_page
   WHERE service = {s} AND side = {d} AND period = {p} AND peer = {w} AND state = 'paid' AND id > {a} ORDER BY id LIMIT {n})
SELECT p.id, count(r.id), coalesce(sum(r.amount), 0)::bigint,
       encode(sha256(coalesce(string_agg(convert_to(r.key || ' ' || r.amount || chr(10), 'UTF8'), ''::bytea
                                         ORDER BY r.key COLLATE "C"), '')), 'hex')
  FROM p LEFT JOIN clearing_filerow r ON r.page = p.id AND r.state = 'counted' GROUP BY p.id ORDER BY p.id
"""
_ROWS = "SELECT r.key, r.amount FROM clearing_filerow r WHERE r.service = {s} AND r.page = {g} AND r.state = 'counted'"

log = structlog.get_logger("chuanyu.files")


class Question(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body of clearing.rows: the next pages of a period in one direction after `after`, or the rows of one page."""

    period: str
    paid_by_you: bool
    after: UUID = FIRST
    page: UUID | None = None


class Line(msgspec.Struct, frozen=True, array_like=True):
    """A page as one node has it."""

    rows: int
    total: int
    sha256: str


def work() -> int:
    """Compare what has not been compared. Returns how many windows were."""
    services = [key for key, service in catalogue().items() if service.batch is not None and service.batch.posts]
    closed = (Window.State.CLOSED, Window.State.SETTLED, Window.State.RECONCILED)
    done = Reconciliation.objects.values_list("window", flat=True)
    count = 0
    for window in Window.objects.filter(service__in=services, state__in=closed).exclude(pk__in=done).order_by("pk"):
        try:
            compare(window)
        except ExchangeError as error:
            log.warning("the other node could not be asked for a window's rows", window=window.name, code=error.code)
            return count
        count += 1
    return count


def compare(window: Window) -> list[Reconciliation]:
    """Both directions of a window, and the rows that differ. Raises exchange's errors."""
    sides = []
    for side, payer in ((Page.Side.PAYER, window.own), (Page.Side.PAYEE, window.peer)):
        ours = _ours(window, side)
        theirs = _theirs(window, side)
        differing = [page for page in sorted(ours.keys() | theirs.keys()) if ours.get(page) != theirs.get(page)]
        sides.append((payer, ours, theirs, [line for page in differing for line in _rows(window, side, page)]))
    with transaction.atomic():  # both directions or none: half of it would pass for done
        return [_keep(window, *one) for one in sides]


def _ours(window: Window, side: str) -> dict[UUID, Line]:
    statement = _PAGES.format(**{letter: f"%({letter})s" for letter in "sdpwan"})
    given = {"s": window.service, "d": side, "p": window.period, "w": window.peer, "a": FIRST, "n": None}
    return {row[0]: Line(*row[1:]) for row in sql.rows(statement, given)}


def _theirs(window: Window, side: str) -> dict[UUID, Line]:
    found: dict[UUID, Line] = {}
    after = FIRST
    while True:
        question = Question(period=window.period, paid_by_you=side == Page.Side.PAYEE, after=after)
        pages_ = [(UUID(page), Line(*line)) for page, *line in _ask(window, question)["pages"]]
        found.update(pages_)
        if len(pages_) < STEP or pages_[-1][0] <= after:
            return found
        after = pages_[-1][0]


def _rows(window: Window, side: str, page: UUID) -> list[tuple[UUID, str, int | None, int | None]]:
    ours = dict(sql.rows(_ROWS.format(s="%s", g="%s"), [window.service, page]))
    asked = Question(period=window.period, paid_by_you=side == Page.Side.PAYEE, page=page)
    theirs = {str(key): int(amount) for key, amount in _ask(window, asked)["rows"]}
    return [
        (page, key, ours.get(key), theirs.get(key))
        for key in sorted(ours.keys() | theirs.keys())
        if ours.get(key) != theirs.get(key)
    ]


def _ask(window: Window, question: Question) -> dict[str, Any]:
    return letters.ask(
        own=window.own, peer=window.peer, service=window.service, action=ROWS, document=msgspec.to_builtins(question)
    )


def _keep(
    window: Window, payer: str, ours: dict[UUID, Line], theirs: dict[UUID, Line], lines: Sequence[tuple[Any, ...]]
) -> Reconciliation:
    sums = [
        (sum(p.rows for p in side.values()), sum(p.total for p in side.values()), _hash(side))
        for side in (ours, theirs)
    ]
    (rows, total, sha256), (their_rows, their_total, their_sha256) = sums
    kept, _ = Reconciliation.objects.update_or_create(
        window=window.pk, payer=payer,
        defaults={
            "service": window.service, "period": window.period, "rows": rows, "total": total, "sha256": sha256,
            "their_rows": their_rows, "their_total": their_total, "their_sha256": their_sha256,
        },
    )  # fmt: skip
    open_ = {(d.page, d.key): d for d in RowDifference.objects.filter(window=window.pk, payer=payer)}
    for page, key, mine, other in lines:
        known = open_.pop((page, key), None) or RowDifference(window=window.pk, payer=payer, page=page, key=key)
        if known.resolved is None or (known.ours, known.theirs) != (mine, other):
            known.ours, known.theirs, known.resolved = mine, other, None
            known.save()
    for gone in open_.values():
        if gone.resolved is None:
            gone.resolved = timezone.now()
            gone.save(update_fields=["resolved"])
    if not kept.equal:
        log.warning("a closed window differs row by row", window=window.name, payer=payer, lines=len(lines))
    return kept


def _hash(side: dict[UUID, Line]) -> str:
    found = hashlib.sha256()
    for page, line in sorted(side.items()):
        found.update(f"{page} {line.rows} {line.total} {line.sha256}\n".encode())
    return found.hexdigest()


# --- a difference is resolved by an adjustment ------------------------------------------------------------------------


class Adjusted(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body of clearing.row_adjusted: the sender has paid what differed, or was disputed, of one row."""

    page: UUID
    key: str
    transfer: UUID
    period: str
    amount: int
    note: str


@transaction.atomic
def adjust(*, page: UUID, key: str, actor: Actor, note: str) -> Instruction:
    """Pay what one row of a page differs by, or a row this node had disputed, in the current window. Nothing is edited.

    The node that owes does it: the other one is told and mirrors. Raises ClearingError.
    """
    found = Page.objects.select_for_update().filter(id=page).first()
    if found is None:
        raise words.NOTHING_TO_PAY
    agency = found.own.partition("/")[2]
    if not (actor.is_system or ("officer" in actor.roles and actor.serves(agency, here()))):
        raise words.NOT_OFFICER
    if not note.strip():
        raise words.NO_REASON
    service = service_of(found.service)
    amount = _owed(found, key)
    if amount <= 0:
        raise words.NOTHING_TO_PAY
    made: Instruction = pages.instruct(
        service, id=uuid7(), payer=found.own, payee=found.peer, amount=amount, side="payer", name=ADJUSTMENT
    )
    said = note.strip()[:500]
    store.note(
        [
            Note(
                kind=RowNote.Kind.ADJUSTED,
                page=page,
                key=key,
                code=str(made.pk),
                zh=said,
                en=said,
                by=actor.id,
                field=WAITING,
            )
        ]
    )
    return made


def _owed(page: Page, key: str) -> int:
    """A node pays what the other's figure of a row is above its own; and the payer a row it had disputed."""
    if RowNote.objects.filter(page=page.id, key=key, kind=RowNote.Kind.ADJUSTED).exclude(field=REFUSED).exists():
        return 0
    difference = RowDifference.objects.filter(page=page.id, key=key, resolved=None).first()
    if difference is not None:
        return (difference.theirs or 0) - (difference.ours or 0)
    row = FileRow.objects.filter(page=page.id, key=key, state=FileRow.State.DISPUTED).first()
    return (row.amount or 0) if row is not None and page.side == Page.Side.PAYER else 0


def tell() -> int:
    """Tell the other node of adjustments the ledger has posted. Returns how many were settled either way."""
    count = 0
    for note in RowNote.objects.filter(kind=RowNote.Kind.ADJUSTED, field=WAITING).order_by("pk"):
        try:
            count += _tell(note)
        except Exception:  # the others must not wait for it; it is tried again
            log.exception("an adjustment could not be told", transfer=note.code)
    return count


@transaction.atomic
def _tell(note: RowNote) -> int:
    made = Instruction.objects.select_related("window").get(pk=UUID(note.code))
    if made.status == Instruction.Status.WAITING:
        return 0
    note.field = TOLD if made.status == Instruction.Status.POSTED else REFUSED
    note.save(update_fields=["field"])
    if note.field == TOLD:
        assert note.page is not None
        body = Adjusted(
            page=note.page, key=note.key, transfer=made.pk, period=made.period, amount=made.amount, note=note.zh
        )
        pages.letter(service_of(made.service), ADJUSTED, body)
        _resolve(note.page, note.key, made.pk, note.by, note.zh)
    return 1


def _resolve(page: UUID, key: str, transfer: UUID, by: str, note: str) -> None:
    RowDifference.objects.filter(page=page, key=key, resolved=None).update(
        resolved=timezone.now(), transfer=transfer, by=by, note=note
    )


@message(ADJUSTED)
def heard(envelope: Envelope, person: UUID | None) -> None:
    """The other node has paid what differed of one row: our book follows."""
    service, body = pages.body_of(envelope, Adjusted)
    page = Page.objects.select_for_update().filter(id=body.page, service=service.key).first()
    if page is None or body.amount <= 0:
        raise Refused("malformed", MALFORMED)
    if not RowNote.objects.filter(page=body.page, code=str(body.transfer)).exists():
        pages.mirror(service, page, id=body.transfer, amount=body.amount, period=body.period, name=ADJUSTMENT)
        note = Note(
            kind=RowNote.Kind.ADJUSTED, page=body.page, key=body.key, code=str(body.transfer), zh=body.note[:500],
            en=body.note[:500], by=envelope.from_agency, field=TOLD,
        )  # fmt: skip
        store.note([note])
        _resolve(body.page, body.key, body.transfer, envelope.from_agency, body.note[:500])


# --- what the other node may ask, answered inside the gateway ----------------------------------------------------------


@query(ROWS)
async def answer(asked: Asked) -> dict[str, Any]:
    """This node's pages of a period with their hashes, or the rows of one page with their prices."""
    envelope = asked.envelope
    question = msgspec.convert(envelope.document, Question)
    side = Page.Side.PAYER if question.paid_by_you else Page.Side.PAYEE
    if question.page is None:
        given = (envelope.service, str(side), question.period, envelope.from_agency, question.after, STEP)
        rows = await asked.connection.fetch(_PAGES.format(s="$1", d="$2", p="$3", w="$4", a="$5::uuid", n="$6"), *given)
        return {"pages": [[str(row[0]), *list(row)[1:]] for row in rows]}
    known = "SELECT 1 FROM clearing_page WHERE id = $1 AND service = $2 AND peer = $3"
    if not await asked.connection.fetchval(known, question.page, envelope.service, envelope.from_agency):
        return {"rows": []}
    found = await asked.connection.fetch(_ROWS.format(s="$1", g="$2::uuid"), envelope.service, question.page)
    return {"rows": [[row[0], row[1]] for row in found]}
