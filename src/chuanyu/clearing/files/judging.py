"""Part by part: each row counts once, is priced in the order it happened, and goes on a page if the other node pays.

One part is one transaction: rows, notes, pages and the upload's figures commit together, so a worker that is killed has
judged a part or it has not. The result of a part depends on what counted before it; one judges at a time per service.
Cards of the node's own province cost their price too, but nothing is cleared: payer and payee are one agency.
"""

from collections.abc import Iterator, Sequence
from typing import Any
from uuid import UUID

import structlog
from django.db import transaction
from django.db.models import F

from chuanyu.clearing import actions
from chuanyu.clearing.files import intake, pages, setbacks, store, words
from chuanyu.clearing.files.reading import reader_of, sentence
from chuanyu.clearing.files.store import Note, Stored
from chuanyu.clearing.models import FileRow, RowNote, Setback, Upload
from chuanyu.core import days
from chuanyu.core.batch import History, Judge, Reader, Row
from chuanyu.core.documents import DocumentError
from chuanyu.core.parameters import NoParameter
from chuanyu.core.rules import RuleError
from chuanyu.core.service import Service
from chuanyu.core.text import Text
from chuanyu.identity.actor import Actor
from chuanyu.identity.here import here, peer

log = structlog.get_logger("chuanyu.files")
State, Kind = FileRow.State, RowNote.Kind


def work() -> int:
    """Judge one part: one that failed and is due again, else the next of the oldest upload. Returns how many were tried.

    A part that fails is passed over, so that what is behind it goes on; see setbacks.py.
    """
    again = setbacks.due()
    if again is not None:
        assert again.upload is not None and again.part is not None
        return _tried(again.upload, again.part, again=True)
    waiting = Upload.objects.filter(state=Upload.State.READING, part__lt=F("parts")).order_by("pk").first()
    return 0 if waiting is None else _tried(waiting.pk, waiting.part, again=False)


def _tried(id: UUID, part: int, *, again: bool) -> int:
    try:
        return _judge(id, part, again=again)
    except Exception as error:
        with transaction.atomic():
            upload = Upload.objects.select_for_update().get(pk=id)
            if not again:
                upload.part = max(upload.part, part + 1)
            setbacks.of_part(upload, part, error)
            upload.save(update_fields=["part", "state"])
        return 1


def _judge(id: UUID, part: int, *, again: bool) -> int:
    with transaction.atomic():
        upload = Upload.objects.select_for_update().get(pk=id)
        if not store.alone(upload.service, wait=False):
            return 0
        if again:
            if not Setback.objects.filter(upload=id, part=part, again__isnull=False).delete()[0]:
                return 0
        elif upload.state != Upload.State.READING or upload.part != part:
            return 0
        else:
            upload.part += 1
        _part(upload, part)
        setbacks.settle(upload)
        upload.save()
        actions.wake()
    if upload.state == Upload.State.DONE:
        intake.forget_parts(upload.pk)
        log.info("file judged", upload=str(upload.pk), rows=upload.rows, counted=upload.counted)
    return 1


class Said:
    """The rows and notes that come of a part, and what they add up to."""

    def __init__(self, upload: Upload) -> None:
        self.upload = upload
        self.rows: list[Stored] = []
        self.notes: list[Note] = []

    def note(self, kind: str, line: int, code: str, text: Text, *, key: str = "", field: str = "") -> None:
        """Something is said of a line."""
        self.notes.append(
            Note(kind=kind, upload=self.upload.pk, line=line, key=key, field=field, code=code, zh=text.zh, en=text.en)
        )


def _part(upload: Upload, number: int) -> None:
    service = intake.service_of(upload.service)
    reader, said = reader_of(service), Said(upload)
    rows = list(_read(intake.part(upload, number), reader, said))
    rows = list(_new(service, reader, rows, said))
    before, judge = store.history(service, reader, [row for _, row in rows]), Judge(service, days.today())
    to_pay: list[tuple[Row, int, str]] = []
    paid_by = peer() if service.batch and service.batch.posts else None
    places: list[tuple[int, Row, int]] = []
    for line, row in rows:
        amount = _judged(service, judge, before, line, row, said)
        if amount is None:
            continue
        if row.payer == paid_by:
            to_pay.append((row, amount, ""))
        places.append((line, row, amount))
    page_of = pages.send(service, day=judge.today, rows=to_pay)
    said.rows += [
        Stored(row=row, state=State.COUNTED, amount=amount, upload=upload.pk, line=line, page=page_of.get(row.key))
        for line, row, amount in places
    ]
    store.put(service.key, said.rows)
    store.note(said.notes)
    upload.counted += len(places)
    upload.total += sum(amount for *_, amount in places)
    for kind, name in ((Kind.REFUSED, "refused"), (Kind.DUPLICATE, "duplicates"), (Kind.HELD, "held")):
        lines = {note.line for note in said.notes if note.kind == kind}  # a line may have several fields that are wrong
        setattr(upload, name, getattr(upload, name) + len(lines))


def _read(lines: Sequence[intake.Line], reader: Reader, said: Said) -> Iterator[tuple[int, Row]]:
    """The lines that are rows of this node's agency, in the order they happened."""
    found = []
    for line in lines:
        if line.wrong:
            said.note(Kind.REFUSED, line.number, line.wrong, intake.said(line, reader), field=line.field)
            continue
        try:
            row = reader.read(line.cells)
        except DocumentError as error:
            for one in error.errors:
                said.note(Kind.REFUSED, line.number, one.code, one.message, field=one.path)
            continue
        if row.by != here():
            said.note(Kind.REFUSED, line.number, "not_yours", words.NOT_YOUR_ROW, key=row.key, field=reader.batch.by)
            continue
        found.append((line.number, row))
    found.sort(key=lambda each: (each[1].chain, each[1].place, each[0]))
    yield from found


def _new(service: Service, reader: Reader, rows: Sequence[tuple[int, Row]], said: Said) -> Iterator[tuple[int, Row]]:
    """The rows whose key is not there yet, neither in this node's table nor before in this part."""
    there = store.known(service.key, [row.key for _, row in rows])
    for line, row in rows:
        cells = there.get(row.key)
        if cells is None:
            there[row.key] = row.cells
            yield line, row
        elif cells == row.cells or reader.read(cells).document == row.document:
            said.note(Kind.DUPLICATE, line, "duplicate", words.TWICE, key=row.key)
        else:
            said.note(Kind.REFUSED, line, "key_reused", words.REUSED, key=row.key)


def _judged(service: Service, judge: Judge, before: History, line: int, row: Row, said: Said) -> int | None:
    """What a row costs, if it counts; else what is said of it. It is then one of those before."""
    earlier = before.before(row)
    try:
        outcome = judge.counts(row, earlier)
        if outcome.outcome == "accept":
            amount = judge.amount(row, earlier)
            before.add(row)
            return amount
    except NoParameter:
        said.note(Kind.REFUSED, line, "no_parameter", words.NO_PARAMETER, key=row.key)
        return None
    except Exception:  # one row must not stop a file, whatever a rule makes of it
        log.exception("a rule failed on a row of a file", upload=str(said.upload.pk), line=line)
        said.note(Kind.REFUSED, line, "rule_failed", words.FAILED, key=row.key)
        return None
    kind = {"hold": Kind.HELD, "duplicate": Kind.DUPLICATE}.get(outcome.outcome, Kind.REFUSED)
    said.note(kind, line, outcome.reason, sentence(service, outcome), key=row.key)
    if kind == Kind.HELD:
        said.rows.append(Stored(row=row, state=State.HELD, upload=said.upload.pk, line=line))
    return None


# --- what was held ----------------------------------------------------------------------------------------------------


@transaction.atomic
def decide(*, service: str, rows: Sequence[int], release: bool, actor: Actor, reason: str) -> dict[str, Any]:
    """An officer lets held rows count, or drops them. Those released are priced now, and go on a page of their own.

    Returns {"released" or "dropped": how many, "total": what the released cost}. Raises ClearingError.
    """
    found = intake.service_of(service)
    assert found.batch is not None
    if not (actor.is_system or ("officer" in actor.roles and actor.serves(found.batch.agency, here()))):
        raise words.NOT_OFFICER
    if not reason.strip():
        raise words.NO_REASON
    store.alone(service)
    held = list(FileRow.objects.select_for_update().filter(pk__in=rows, service=service, state=State.HELD))
    if not held or len(held) != len(set(rows)):
        raise words.NOT_HELD
    if release:
        total = _release(found, held, reason.strip()[:500])
    else:
        FileRow.objects.filter(pk__in=rows).update(state=State.DROPPED)
        total = 0
    kind = Kind.RELEASED if release else Kind.DROPPED
    said = reason.strip()[:500]
    store.note(
        Note(kind=kind, upload=row.upload, line=row.line, key=row.key, code=kind, zh=said, en=said, by=actor.id)
        for row in held
    )
    actions.wake()
    return {str(kind): len(held), "total": total}


def _release(service: Service, held: Sequence[FileRow], reason: str) -> int:
    reader = reader_of(service)
    rows = [(stored, reader.read(store.read(stored.cells))) for stored in held]
    rows.sort(key=lambda each: (each[1].chain, each[1].place))
    before, judge = store.history(service, reader, [row for _, row in rows]), Judge(service, days.today())
    to_pay = []
    for stored, row in rows:
        try:
            stored.amount, stored.state = judge.amount(row, before.before(row)), State.COUNTED
        except (NoParameter, RuleError):
            raise words.NO_PRICE from None
        before.add(row)
        if row.payer == peer() and reader.batch.posts:
            to_pay.append((row, stored.amount, reason))
    page_of = pages.send(service, day=judge.today, rows=to_pay)
    for stored, row in rows:
        stored.page = page_of.get(row.key)
        stored.save(update_fields=["state", "amount", "page"])
        assert stored.upload is not None  # only what was uploaded here is held
        Upload.objects.filter(pk=stored.upload).update(
            counted=F("counted") + 1, total=F("total") + (stored.amount or 0)
        )
    return sum(stored.amount or 0 for stored, _ in rows)
