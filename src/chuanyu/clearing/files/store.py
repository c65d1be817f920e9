"""Rows in and out of the table: thousands at a time, by COPY."""

from collections.abc import Iterable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec
from django.db import connection

from chuanyu.core.batch import History, Reader, Row
from chuanyu.core.service import Service
from chuanyu.identity import sql

_ROWS = (
    "COPY clearing_filerow (service, key, by, payer, subject, day, cells, state, amount, upload, line, page) FROM STDIN"
)
_NOTES = "COPY clearing_rownote (upload, page, line, key, kind, field, code, zh, en, by) FROM STDIN"
_KNOWN = "SELECT key, cells FROM clearing_filerow WHERE service = %s AND key = ANY(%s)"
_BEFORE = """
SELECT cells FROM clearing_filerow
 WHERE service = %s AND subject = ANY(%s) AND day BETWEEN %s AND %s AND state IN ('counted', 'disputed')
"""
_pack = msgspec.json.Encoder().encode
_unpack = msgspec.json.Decoder(tuple[str, ...]).decode


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """A row as it goes into the table."""

    row: Row
    state: str
    amount: int | None = None
    upload: UUID | None = None
    line: int | None = None
    page: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """What is said of a row."""

    kind: str
    code: str
    zh: str
    en: str
    upload: UUID | None = None
    page: UUID | None = None
    line: int | None = None
    key: str = ""
    field: str = ""
    by: str = ""


def alone(service: str, *, wait: bool = True) -> bool:
    """Be the only one to judge rows of a service, until the transaction ends: what counts before a row is then certain."""
    if wait:
        sql.rows("SELECT pg_advisory_xact_lock(hashtext('chuanyu.files'), hashtext(%s))", [service])
        return True
    found = sql.row("SELECT pg_try_advisory_xact_lock(hashtext('chuanyu.files'), hashtext(%s))", [service])
    return found is not None and bool(found[0])


def put(service: str, rows: Iterable[Stored]) -> None:
    """Add rows. A key that is there already raises IntegrityError."""
    with _copy(_ROWS) as copy:
        for stored in rows:
            row = stored.row
            copy.write_row(
                (
                    service, row.key, row.by, row.payer, row.subject, row.day, _pack(row.cells).decode(),
                    stored.state, stored.amount, stored.upload, stored.line, stored.page,
                )
            )  # fmt: skip


def note(notes: Iterable[Note]) -> None:
    """Add what is said of rows."""
    with _copy(_NOTES) as copy:
        for one in notes:
            copy.write_row(
                (one.upload, one.page, one.line, one.key, one.kind, one.field, one.code, one.zh, one.en, one.by)
            )


@contextmanager
def _copy(statement: str) -> Any:
    connection.ensure_connection()
    with connection.wrap_database_errors, connection.cursor() as cursor, cursor.copy(statement) as copy:
        yield copy


def known(service: str, keys: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """The cells of those of these keys that are there."""
    return {key: _unpack(cells) for key, cells in sql.rows(_KNOWN, [service, list(keys)])}


def history(service: Service, reader: Reader, rows: Sequence[Row]) -> History:
    """What counts so far of the subjects of these rows, in the days that can matter to them."""
    found = History(service)
    if found.wanted is None or not rows:
        return found
    subjects = list({row.subject for row in rows})
    first, last = min(row.day for row in rows), max(row.day for row in rows)
    for (cells,) in sql.rows(_BEFORE, [service.key, subjects, first - timedelta(days=found.wanted.days), last]):
        found.add(reader.read(_unpack(cells)))
    return found


def read(cells: str) -> tuple[str, ...]:
    """The cells of a stored row."""
    return _unpack(cells)
