"""What is read of files: uploads and what became of their rows, rows that wait, pages, how windows compared."""

import csv
import io
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

import msgspec

from chuanyu.clearing.actions import ClearingError
from chuanyu.clearing.files import intake, store
from chuanyu.clearing.models import FileRow, Page, Reconciliation, RowDifference, RowNote, Upload
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
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # a cell that begins so would be computed by a spreadsheet


class NoteView(msgspec.Struct, frozen=True, kw_only=True):
    """What was said of a line."""

    line: int | None
    kind: str
    key: str
    field: str
    code: str
    text: Text


class UploadView(msgspec.Struct, frozen=True, kw_only=True):
    """A file and what became of its rows. `total` in the unit's smallest part: fen."""

    id: UUID
    service: str
    agency: str
    name: str
    by: str
    sha256: str
    size: int
    state: str
    rows: int
    counted: int
    duplicates: int
    refused: int
    held: int
    total: int
    received: datetime
    done: datetime | None
    notes: list[NoteView] = []


class HeldView(msgspec.Struct, frozen=True, kw_only=True):
    """A row that waits for an officer."""

    id: int
    upload: UUID | None
    line: int | None
    key: str
    day: date
    cells: dict[str, str]


def uploads(actor: Actor, *, service: str | None = None) -> list[UploadView]:
    """The newest first, of the actor's agency; of all for the office and the node itself."""
    found = Upload.objects.order_by("-pk")
    if service:
        found = found.filter(service=service)
    if not _sees_all(actor):
        found = found.filter(agency=f"{here()}/{actor.agency}")
    return [_view(upload) for upload in found[:SAID]]


def upload(id: UUID, actor: Actor) -> UploadView:
    """One, with the first notes. Raises ClearingError."""
    found = _mine(id, actor)
    notes = RowNote.objects.filter(upload=id).order_by("line", "id")[:SAID]
    return _view(found, [_note(note) for note in notes])


def results(id: UUID, actor: Actor) -> Iterator[str]:
    """What became of every line, as lines of CSV with a heading. Raises ClearingError before the first."""
    found = _mine(id, actor)
    return _results(found)


def held(service: str, actor: Actor) -> list[HeldView]:
    """The rows of a service that wait here. Raises ClearingError."""
    found = intake.service_of(service)
    assert found.batch is not None
    if not (_sees_all(actor) or actor.serves(found.batch.agency, here())):
        raise NOT_FOUND
    names = found.documents[found.batch.document].cls.__struct_fields__
    rows = FileRow.objects.filter(service=service, state=FileRow.State.HELD).order_by("pk")
    return [
        HeldView(
            id=row.pk, upload=row.upload, line=row.line, key=row.key, day=row.day,
            cells=dict(zip(names, store.read(row.cells), strict=True)),
        )
        for row in rows[:STEP]
    ]  # fmt: skip


def pages(*, service: str | None = None, unfinished: bool = False) -> list[Page]:
    """Pages of both directions in their order."""
    found = Page.objects.order_by("number")
    if service:
        found = found.filter(service=service)
    return list(found.exclude(state=Page.State.PAID) if unfinished else found)


def reconciliations() -> list[Reconciliation]:
    """How closed windows compared row by row, newest first."""
    return list(Reconciliation.objects.order_by("-period", "service", "payer"))


def differences(*, unresolved: bool = True) -> list[RowDifference]:
    """Rows the two nodes do not have alike."""
    found = RowDifference.objects.order_by("pk")
    return list(found.filter(resolved=None) if unresolved else found)


def disputed() -> Iterator[tuple[FileRow, str]]:
    """Rows a payer did not accept, with the reason's code, at either node."""
    rows = list(FileRow.objects.filter(state=FileRow.State.DISPUTED).order_by("pk")[:STEP])
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


def _view(upload: Upload, notes: Sequence[NoteView] = ()) -> UploadView:
    names = [name for name in UploadView.__struct_fields__ if name != "notes"]
    return UploadView(**{name: getattr(upload, name) for name in names}, notes=list(notes))


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
