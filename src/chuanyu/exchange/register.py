"""The front register 前置库: which document fits where, and how a CSV file becomes entries. Pure but for the catalogue.

A document is named "service.document"; its class in the service's folder says what fits. Columns of an import:

    person, person_name (may be left out), valid_from, valid_to (blank = open), then the document's fields.

A list is either one column of JSON (`years` = [{"year": 2021, …}]) or repeated columns counted from 1
(`years.1.year`, `years.1.wages`, `years.2.year`, …).
"""

import csv
import io
import json
import re
from collections.abc import Iterator
from datetime import date
from typing import Any
from uuid import UUID

import msgspec
from django.db.models import Q

from chuanyu.core.catalogue import catalogue
from chuanyu.core.documents import Document, DocumentError, Field, decode, encode, fields, from_form
from chuanyu.core.numbers import NumberError, person_number
from chuanyu.core.text import Text
from chuanyu.exchange.errors import RegisterError, RowError
from chuanyu.exchange.models import RegisterEntry

PERSON, NAME, FROM, TO = "person", "person_name", "valid_from", "valid_to"
REQUIRED = (PERSON, FROM)
ROWS = 50_000  # in one file
ERRORS = 500  # shown at most
_YES, _NO = frozenset({"true", "yes", "1", "是", "on"}), frozenset({"false", "no", "0", "否", "off"})


class Row(msgspec.Struct, frozen=True):
    """One valid line of an import: a person's number and plain data that fits its class."""

    number: str
    name: str
    body: dict[str, Any]
    valid_from: date
    valid_to: date | None


def document_class(document: str) -> type[Document]:
    """The class of "service.document". Raises RegisterError for one that no service declares."""
    service, _, name = document.partition(".")
    declared = catalogue().get(service)
    spec = declared.documents.get(name) if declared else None
    if spec is None:
        raise RegisterError(
            "unknown_document", Text(f"没有服务声明材料 {document}。", f"No service declares the document {document}.")
        )
    return spec.cls


def fitting(document: str, body: dict[str, Any]) -> dict[str, Any]:
    """The body as its class writes it. Raises RegisterError or DocumentError."""
    return encode(decode(document_class(document), body))


def check_period(valid_from: date, valid_to: date | None) -> None:
    """Raises RegisterError for a period that ends before it begins."""
    if valid_to is not None and valid_to < valid_from:
        raise RegisterError("bad_period", _BACKWARDS)


_BACKWARDS = Text("截止日期早于开始日期。", "It ends before it begins.")


def reaches(day: date) -> Q:
    """Entries not ended before `day`."""
    return Q(valid_to__isnull=True) | Q(valid_to__gte=day)


def valid(agency: str, document: str, person: UUID, day: date) -> RegisterEntry | None:
    """The entry valid on that day; of several the one that began last, and of those the one entered last."""
    found = RegisterEntry.objects.filter(agency=agency, document=document, person=person, valid_from__lte=day)
    return found.filter(reaches(day)).order_by("-valid_from", "-id").first()


# --- CSV -------------------------------------------------------------------------------------------------------------


def decode_text(raw: bytes) -> str:
    """A file's text: UTF-8 with or without a mark, else GB 18030, which spreadsheets here write. Raises RegisterError."""
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise RegisterError(
        "bad_encoding", Text("文件不是 UTF-8 或 GB 18030 编码。", "The file is neither UTF-8 nor GB 18030.")
    )


def read_csv(text: str, document: str) -> list[Row]:
    """Every line as a row. Raises RegisterError with one RowError for each wrong line and field."""
    cls = document_class(document)
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    errors: list[RowError] = []
    rows: list[Row] = []
    try:
        header = [name.strip() for name in next(reader, [])]
        errors += _wrong_columns(header, cls)
        if not errors:
            for cells in reader:
                if any(cell.strip() for cell in cells):
                    if len(rows) >= ROWS:
                        raise RegisterError("too_many", Text(f"一次最多 {ROWS} 行。", f"At most {ROWS} rows at once."))
                    row = _row(
                        dict(zip(header, cells, strict=False)), len(header), len(cells), cls, reader.line_num, errors
                    )
                    rows += [row] if row else []
    except csv.Error as error:
        errors.append(RowError(reader.line_num, "", Text(f"不是有效的 CSV：{error}", f"not valid CSV: {error}")))
    if errors:
        raise RegisterError(
            "bad_rows",
            Text(f"文件有 {len(errors)} 处错误，未导入任何内容。", f"{len(errors)} errors; nothing was imported."),
            tuple(errors[:ERRORS]),
        )
    return rows


def _wrong_columns(header: list[str], cls: type[Document]) -> Iterator[RowError]:
    for name in REQUIRED:
        if name not in header:
            yield RowError(1, name, Text("缺少此列。", "This column is missing."))
    for field in fields(cls):  # a column, not a cell: a list without any column would silently be empty
        if field.required and not any(name.split(".")[0] == field.name for name in header):
            yield RowError(1, field.name, Text("缺少此列。", "This column is missing."))
    for name in header:
        if header.count(name) > 1 and name:
            yield RowError(1, name, Text("此列出现了两次。", "This column is there twice."))
        if name not in (PERSON, NAME, FROM, TO) and _field(name, cls) is None:
            yield RowError(1, name, Text("材料没有这一项。", "The document has no such field."))


def _field(column: str, cls: type[Document]) -> Field | None:
    """The field a column fills: "years" (as JSON), "years.1.wages", "address.street"; None when there is none."""
    inside: tuple[Field, ...] = fields(cls)
    found: Field | None = None
    parts = column.split(".")
    while parts:
        name = parts.pop(0)
        found = next((field for field in inside if field.name == name), None)
        if found is None:
            return None
        if found.kind == "list" and parts and not (parts[0].isdecimal() and int(parts.pop(0)) > 0 and parts):
            return None
        if parts and found.kind not in ("list", "group"):
            return None
        inside = found.item
    return found


def _row(
    cells: dict[str, str], expected: int, got: int, cls: type[Document], line: int, errors: list[RowError]
) -> Row | None:
    before = len(errors)
    if got > expected:
        errors.append(RowError(line, "", Text("此行的列比表头多。", "This line has more cells than the header.")))
    number, begin, end = "", None, None
    try:
        number = person_number(cells.get(PERSON, "").strip()).number
    except NumberError as error:
        errors.append(RowError(line, PERSON, error.text))
    begin = _day(cells.get(FROM, ""), FROM, line, errors, required=True)
    end = _day(cells.get(TO, ""), TO, line, errors, required=False)
    if begin and end and end < begin:
        errors.append(RowError(line, TO, _BACKWARDS))
    body = _body(cells, cls, line, errors)
    if len(errors) > before or begin is None:
        return None
    return Row(number, cells.get(NAME, "").strip(), body, begin, end)


def _body(cells: dict[str, str], cls: type[Document], line: int, errors: list[RowError]) -> dict[str, Any]:
    form: dict[str, str] = {}
    whole: dict[str, Any] = {}  # lists and groups given as JSON
    for column, cell in cells.items():
        field = None if column in (PERSON, NAME, FROM, TO) else _field(column, cls)
        if field is None or not cell.strip():
            continue
        if field.kind in ("list", "group"):
            try:
                whole[column] = json.loads(cell)
            except ValueError:
                errors.append(RowError(line, column, Text("不是有效的 JSON。", "This is not valid JSON.")))
        else:
            form[_form_key(column)] = _flag(cell) if field.kind == "flag" else cell
    try:
        return encode(decode(cls, from_form(cls, form) | whole))
    except DocumentError as error:
        errors += [RowError(line, _column(one.path), one.message) for one in error.errors]
        return {}


def _column(path: str) -> str:
    """A document's path as the column is called: `years[0].wages` is `years.1.wages`."""
    return re.sub(r"\[([0-9]+)\]", lambda found: f".{int(found[1]) + 1}", path)


def _form_key(column: str) -> str:
    """`years.1.wages` as forms name it, counted from 0: `years-0-wages`."""
    return "-".join(str(int(part) - 1) if part.isdecimal() else part for part in column.split("."))


def _flag(cell: str) -> str:
    word = cell.strip().lower()
    return "true" if word in _YES else "false" if word in _NO else word


def _day(cell: str, name: str, line: int, errors: list[RowError], *, required: bool) -> date | None:
    if not cell.strip():
        if required:
            errors.append(RowError(line, name, Text("请填写日期。", "Enter a date.")))
        return None
    try:
        return date.fromisoformat(cell.strip())
    except ValueError:
        errors.append(RowError(line, name, Text("日期应为 2025-03-03 的形式。", "Write the date as 2025-03-03.")))
        return None
