"""What is read of files: uploads and what became of their rows, rows that wait, pages, how windows compared."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

import msgspec
from django.db.models import QuerySet

from chuanyu.clearing.actions import ClearingError
from chuanyu.clearing.files import intake, reading, store
from chuanyu.clearing.models import FileRow, Page, Reconciliation, RowDifference, RowNote, Setback, Upload
from chuanyu.clearing.statements import shown
from chuanyu.core.catalogue import catalogue
from chuanyu.core.service import Service
from chuanyu.core.text import Text
from chuanyu.identity import sql
from chuanyu.identity.actor import Actor
from chuanyu.identity.here import here

SAID = 200  # notes shown with an upload; the results have them all
STEP = 5000  # lines of the results read at a time
COLUMNS = ("line", "result", "key", "amount", "field", "code", "zh", "en")
NOT_FOUND = ClearingError("not_found", Text("没有这个上传批次。", "There is no such upload."))
Said = tuple[int | None, str, str, str, str, Text, str, datetime]
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # a cell that begins so would be computed by a spreadsheet


class NoteView(msgspec.Struct, frozen=True, kw_only=True):
    """What was said of a line."""

    line: int | None
    kind: str
    key: str
    field: str
    code: str
    text: Text


class SetbackView(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a file that fails: `rows` in it, why for a technician, when it is tried next; null: it was set aside."""

    part: int
    rows: int
    tries: int
    reason: str
    again: datetime | None


class UploadView(msgspec.Struct, frozen=True, kw_only=True):
    """A file and what became of its rows. `total` in the unit's smallest part: fen. `judged` of its `parts` are done.

    `state`: reading, done, or aside where all is done but what fails (`setbacks`).
    """

    id: UUID
    service: str
    agency: str
    name: str
    by: str
    sha256: str
    size: int
    state: str
    parts: int
    judged: int
    rows: int
    counted: int
    duplicates: int
    refused: int
    held: int
    total: int
    received: datetime
    done: datetime | None
    setbacks: list[SetbackView] = []
    notes: list[NoteView] = []


class HeldView(msgspec.Struct, frozen=True, kw_only=True):
    """A row that waits for an officer, and why."""

    id: int
    upload: UUID | None
    line: int | None
    key: str
    day: date
    cells: dict[str, str]
    why: Text


class DecidedView(msgspec.Struct, frozen=True, kw_only=True):
    """What an officer has decided about a row that waited. `by`: "chongqing/officer-transport"."""

    upload: UUID | None
    line: int | None
    key: str
    kind: str  # released | dropped
    reason: str
    by: str
    at: datetime


def services(actor: Actor) -> list[Service]:
    """The services whose files this actor may see, in the order of the catalogue."""
    batched = [(service, service.batch) for service in catalogue().values()]
    return [
        service
        for service, batch in batched
        if batch is not None and (_sees_all(actor) or actor.serves(batch.agency, here()))
    ]


def uploads(
    actor: Actor, *, service: str | None = None, before: UUID | None = None, limit: int = SAID
) -> list[UploadView]:
    """The newest first, of the actor's agency; of all for the office and the node itself. `before`: older than this one."""
    found = Upload.objects.order_by("-pk")
    if service:
        found = found.filter(service=service)
    if not _sees_all(actor):
        found = found.filter(agency=f"{here()}/{actor.agency}")
    if before is not None:
        found = found.filter(pk__lt=before)
    return _views(found[:limit])


def upload(id: UUID, actor: Actor) -> UploadView:
    """One, with the first notes. Raises ClearingError."""
    found = _mine(id, actor)
    notes = RowNote.objects.filter(upload=id).order_by("line", "id")[:SAID]
    (view,) = _views([found])
    return msgspec.structs.replace(view, notes=[_note(note) for note in notes])


def results(id: UUID, actor: Actor) -> Iterator[str]:
    """What became of every line, as lines of CSV with a heading. Raises ClearingError before the first."""
    found = _mine(id, actor)
    return _results(found)


def results_said(id: UUID, actor: Actor) -> Iterator[Said]:
    """(line, kind, key, field, code, why, by, at) of every line something was said of. Raises ClearingError before the first."""
    found = _mine(id, actor)
    return _said(found.pk)


def _said(upload: UUID) -> Iterator[Said]:
    after, last = 0, 0
    while True:
        rows = sql.rows(_NOTES, {"u": upload, "l": after, "i": last, "n": STEP})
        for line, kind, key, field, code, zh, en, by, at, id_ in rows:
            yield line, kind, key, field, code, Text(zh, en), by, at
            after, last = line or 0, id_
        if len(rows) < STEP:
            return


def held(
    service: str, actor: Actor, *, upload: UUID | None = None, after: int = 0, limit: int = STEP
) -> list[HeldView]:
    """The rows of a service, or of one upload, that wait here; those after the row `after`. Raises ClearingError."""
    found = seen(service, actor)
    names = reading.reader_of(found).names
    rows = list(_held(service, upload).filter(pk__gt=after).order_by("pk")[:limit])
    asked = RowNote.objects.filter(
        upload__in={row.upload for row in rows}, line__in=[row.line for row in rows], kind=RowNote.Kind.HELD
    )
    why = {(note.upload, note.line): Text(note.zh, note.en) for note in asked}
    return [
        HeldView(
            id=row.pk, upload=row.upload, line=row.line, key=row.key, day=row.day,
            cells=dict(zip(names, store.read(row.cells), strict=True)), why=why.get((row.upload, row.line), Text("", "")),
        )
        for row in rows
    ]  # fmt: skip


def named(uploads: Iterable[UUID | None]) -> list[Upload]:
    """Uploads with nothing but what they are called."""
    return list(Upload.objects.filter(pk__in=[id_ for id_ in uploads if id_ is not None]).only("name"))


def held_count(service: str, actor: Actor, *, upload: UUID | None = None) -> int:
    """How many rows of a service, or of one upload, wait here. Raises ClearingError."""
    seen(service, actor)
    return _held(service, upload).count()


def decided(service: str, actor: Actor, *, limit: int = SAID) -> list[DecidedView]:
    """What officers have decided about rows of a service that waited, newest first. Raises ClearingError."""
    seen(service, actor)
    uploads = Upload.objects.filter(service=service).values("pk")
    notes = RowNote.objects.filter(kind__in=(RowNote.Kind.RELEASED, RowNote.Kind.DROPPED), upload__in=uploads)
    return [
        DecidedView(upload=n.upload, line=n.line, key=n.key, kind=n.kind, reason=n.zh, by=n.by, at=n.at)
        for n in notes.order_by("-pk")[:limit]
    ]


def _held(service: str, upload: UUID | None) -> QuerySet[FileRow]:
    rows = FileRow.objects.filter(service=service, state=FileRow.State.HELD)
    return rows if upload is None else rows.filter(upload=upload)


def seen(key: str, actor: Actor) -> Service:
    """A service whose files this actor may see. Raises ClearingError."""
    found = intake.service_of(key)
    if key not in {each.key for each in services(actor)}:
        raise NOT_FOUND
    return found


def pages(*, service: str | None = None, unfinished: bool = False, newest: int = 0) -> list[Page]:
    """Pages of both directions in their order; `newest`: that many, the newest first."""
    found = Page.objects.defer("content").order_by("number")
    if service:
        found = found.filter(service=service)
    if unfinished:
        found = found.exclude(state=Page.State.PAID)
    return list(found.order_by("-number")[:newest] if newest else found)


def setbacks() -> dict[UUID, Setback]:
    """Pages that can't be checked: why, and when they are tried next."""
    return {found.page: found for found in Setback.objects.filter(page__isnull=False) if found.page is not None}


def reconciliations(*, service: str | None = None) -> list[Reconciliation]:
    """How closed windows compared row by row, newest first."""
    found = Reconciliation.objects.order_by("-period", "service", "payer")
    return list(found.filter(service=service) if service else found)


def differences(*, unresolved: bool = True, service: str | None = None) -> list[RowDifference]:
    """Rows the two nodes do not have alike."""
    found = RowDifference.objects.order_by("pk")
    if service:
        found = found.filter(page__in=Page.objects.filter(service=service).values("id"))
    return list(found.filter(resolved=None) if unresolved else found)


def disputed(*, service: str | None = None) -> Iterator[tuple[FileRow, str]]:
    """Rows a payer did not accept, with the reason's code, at either node."""
    found = FileRow.objects.filter(state=FileRow.State.DISPUTED)
    rows = list((found.filter(service=service) if service else found).order_by("pk")[:STEP])
    notes = RowNote.objects.filter(kind=RowNote.Kind.DISPUTED, page__in={row.page for row in rows})
    payee, payer = {}, {}
    for note in notes:
        payee[note.page, note.key] = note.code
        payer[note.page, note.line] = note.code
    for row in rows:
        yield row, payee.get((row.page, row.key)) or payer.get((row.page, row.line)) or "-"


def _sees_all(actor: Actor) -> bool:
    return actor.is_system or "office" in actor.roles


def _mine(id: UUID, actor: Actor) -> Upload:
    found = Upload.objects.filter(pk=id).first()
    if found is None or not (_sees_all(actor) or actor.serves(found.agency.partition("/")[2], here())):
        raise NOT_FOUND
    return found


def _views(found: Iterable[Upload]) -> list[UploadView]:
    rows = list(found)
    open_: dict[UUID | None, list[Setback]] = {}
    for one in Setback.objects.filter(upload__in=[row.pk for row in rows]).order_by("part"):
        open_.setdefault(one.upload, []).append(one)
    names = [name for name in UploadView.__struct_fields__ if name not in ("notes", "judged", "setbacks")]
    return [
        UploadView(
            **{name: getattr(row, name) for name in names},
            judged=row.part - len(open_.get(row.pk, ())),
            setbacks=[_setback(row, one) for one in open_.get(row.pk, ())],
        )
        for row in rows
    ]


def _setback(upload: Upload, one: Setback) -> SetbackView:
    part = one.part or 0
    rows = intake.rows_of_part(upload.pk, part)
    return SetbackView(part=part, rows=rows, tries=one.tries, reason=one.reason, again=one.again)


def _note(note: RowNote) -> NoteView:
    return NoteView(
        line=note.line, kind=note.kind, key=note.key, field=note.field, code=note.code, text=Text(note.zh, note.en)
    )


_RESULTS = """
SELECT line, state AS result, key, amount, '' AS field, '' AS code, '' AS zh, '' AS en
  FROM clearing_filerow WHERE upload = %(u)s AND line > %(l)s AND line <= %(m)s
UNION ALL
SELECT line, kind, key, NULL, field, code, zh, en
  FROM clearing_rownote WHERE upload = %(u)s AND line > %(l)s AND line <= %(m)s
ORDER BY 1, 2
"""
_NOTES = """
SELECT line, kind, key, field, code, zh, en, by, at, id FROM clearing_rownote
 WHERE upload = %(u)s AND (line, id) > (%(l)s, %(i)s) ORDER BY line, id LIMIT %(n)s
"""
_LAST = """
SELECT greatest((SELECT max(line) FROM clearing_filerow WHERE upload = %(u)s),
                (SELECT max(line) FROM clearing_rownote WHERE upload = %(u)s))
"""


def _results(found: Upload) -> Iterator[str]:
    unit = _unit(intake.service_of(found.service))
    yield row_of_csv(COLUMNS)
    given: Any = {"u": found.pk}
    last = (sql.row(_LAST, given) or (0,))[0] or 0
    for line in range(0, last, STEP):
        for row in sql.rows(_RESULTS, given | {"l": line, "m": line + STEP}):
            number, result, key, amount, *rest = row
            yield row_of_csv((number, result, key, "" if amount is None else shown(amount, unit), *rest))


def _unit(service: Service) -> str:
    posting = service.postings.get(service.batch.posts or "") if service.batch else None
    return posting.unit if posting else ""


def unit(service: str) -> str:
    """What a service's amounts are in: "CNY" for fen."""
    return _unit(catalogue()[service])


def row_of_csv(cells: Sequence[object]) -> str:
    """One line of CSV. A text that a spreadsheet would compute is marked as text."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerow(
        ["'" + cell if isinstance(cell, str) and cell.startswith(FORMULA) else cell for cell in cells]
    )
    return out.getvalue()
