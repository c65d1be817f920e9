"""A table as data: sorted by a link, taken away as CSV or a workbook, and what a chart is drawn from.

One description serves the page, the file and the chart, so that they can't differ. Sorting is a link with `sort=`, so it
works without JavaScript; a page with several tables names the table in it.
"""

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import xlsxwriter
from django.http import HttpRequest, HttpResponse
from django.utils.html import conditional_escape, escape
from django.utils.safestring import SafeString, mark_safe
from django.utils.timezone import localtime
from django.utils.translation import gettext

from chuanyu.core import days
from chuanyu.identity.here import here
from chuanyu.identity.locking import POLL
from chuanyu.portal import words
from chuanyu.watch.suppression import Shown

CSV, XLSX = "text/csv; charset=utf-8", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@dataclass(frozen=True)
class Cell:
    """`text`: as page and file say it. `value`: what it is sorted by, drawn from and written to a workbook as; None
    sorts last. `html`: how the page shows it where that is more than the text (a tag, a province's sign). `rank`: the
    value only sorts, and files carry the text."""

    text: str
    value: Any = None
    href: str = ""
    html: str = ""
    rank: bool = False

    @property
    def exact(self) -> Any:
        """The value, where it says what the text says."""
        return None if self.rank or isinstance(self.value, bool) else self.value


@dataclass(frozen=True)
class Column:
    """`kind`: text, num (aligned right) or tight (never broken). `sortable` False where an order means nothing."""

    key: str
    words: Any
    kind: str = "text"
    sortable: bool = True


@dataclass(frozen=True)
class Chart:
    """How a table is drawn: a bar per row. `names`, `values`: keys of columns. `lying`: bars grow to the right."""

    names: str
    values: tuple[str, ...]
    lying: bool = False


@dataclass(frozen=True)
class Head:
    """A column as the page shows it: where its link leads, and how the table is sorted by it now."""

    column: Column
    link: str
    sorted: str  # "" | ascending | descending


@dataclass(frozen=True)
class Table:
    """`key` names it in addresses; the first column is the row's heading."""

    key: str
    caption: Any
    columns: tuple[Column, ...]
    rows: Sequence[Sequence[Cell]]
    chart: Chart | None = None
    quiet: bool = False  # the caption is only for those who don't see the heading above
    first: int = 0  # rows shown until all are asked for with `all=key`; 0 = all. Files always have all
    more: str = ""  # where all of them are; "" when they are here
    heads: tuple[Head, ...] = ()
    csv: str = ""  # where the page's file is

    @property
    def slim(self) -> bool:
        """Whether it needs no more room than a phone has."""
        return len(self.columns) <= 3

    @property
    def body(self) -> SafeString:
        """The rows as the page shows them. Made here, because a template takes four times as long for a hundred rows."""
        shown = self.rows[: self.first] if self.more else self.rows
        marks = [f'class="{column.kind}" data-label="{escape(column.words)}"' for column in self.columns]
        kinds = [column.kind for column in self.columns]
        lines = []
        for row in shown:
            head, *others = (f"{mark}>{_shown(cell, kind)}" for cell, mark, kind in zip(row, marks, kinds, strict=True))
            lines.append(f'<tr><th scope="row" {head}</th>' + "".join(f"<td {each}</td>" for each in others) + "</tr>")
        return mark_safe("".join(lines))

    @property
    def drawn(self) -> dict[str, str]:
        """The chart as attributes: columns by number."""
        keys = [column.key for column in self.columns]
        at = [keys.index(key) for key in self.chart.values] if self.chart else []
        if self.chart is None or sum(any(row[x].value for x in at) for row in self.rows) < 2:
            return {}  # one bar compares nothing
        return {
            "names": str(keys.index(self.chart.names)),
            "values": " ".join(map(str, at)),
            "lying": "1" if self.chart.lying else "",
        }


def _shown(cell: Cell, kind: str) -> str:
    said = escape(cell.text)
    if kind == "num" and cell.value is not None:  # what charts.js draws
        return f'<data value="{escape(cell.value)}">{said}</data>'
    if cell.href:
        return f'<a href="{escape(cell.href)}">{said}</a>'
    if cell.html:
        return f"<span>{conditional_escape(cell.html)}</span>"
    return f'<span class="reference">{said}</span>' if kind == "reference" else said


def text(value: Any, *, href: str = "", html: str = "") -> Cell:
    said = words.say(value)
    return Cell(said, said, href, html)


def number(value: int) -> Cell:
    return Cell(f"{value:,}", value)


def day(value: date | None) -> Cell:
    return Cell(words.day(value), value)


def count(shown: Shown) -> Cell:
    """A published count; small ones have no value, so they sort last and are not drawn."""
    return Cell(words.count(shown), shown.value)


def sorted_as_asked(request: HttpRequest, table: Table) -> Table:
    """The table in the order of `sort=table.column` or `sort=table.-column`, with the links of its headings."""
    asked = request.GET.get("sort", "")
    wanted = asked.removeprefix(f"{table.key}.") if asked.startswith(f"{table.key}.") else ""
    backwards, key = wanted.startswith("-"), wanted.removeprefix("-")
    keys = [column.key for column in table.columns if column.sortable]
    rows = table.rows
    if key in keys:
        at = [column.key for column in table.columns].index(key)
        known = [row for row in rows if row[at].value is not None]
        known.sort(key=lambda row: row[at].value, reverse=backwards)
        rows = known + [row for row in rows if row[at].value is None]
    heads = tuple(_head(request, table, column, key, backwards) for column in table.columns)
    cut = bool(table.first) and len(rows) > table.first and request.GET.get("all") != table.key
    more = _address(request, all=table.key) + f"#{table.key}" if cut else ""
    return replace(table, rows=rows, heads=heads, csv=_address(request, csv=table.key), more=more)


def _head(request: HttpRequest, table: Table, column: Column, key: str, backwards: bool) -> Head:
    if not column.sortable:
        return Head(column, "", "")
    now = column.key == key
    # numbers are looked at from the largest, names from the first
    first = "-" if column.kind == "num" else ""
    turned = ("" if backwards else "-") if now else first
    link = _address(request, sort=f"{table.key}.{turned}{column.key}") + f"#{table.key}"
    return Head(column, link, ("descending" if backwards else "ascending") if now else "")


def _address(request: HttpRequest, **changes: str) -> str:
    values = request.GET.copy()
    values.pop(POLL, None)
    for key, value in changes.items():
        values[key] = value
    return f"?{values.urlencode()}"


def asked_file(request: HttpRequest, tables: Iterable[Table]) -> HttpResponse | None:
    """The CSV of the table that `csv=` names; None when the page itself is asked for."""
    wanted = request.GET.get("csv", "")
    table = next((each for each in tables if each.key == wanted), None)
    if table is None:
        return None
    return attachment(as_csv(table), CSV, f"{table.key}.csv")


def as_csv(table: Table) -> bytes:
    """UTF-8 with a mark, so that spreadsheets read Chinese; what looks like a formula is text."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow([harmless(str(column.words)) for column in table.columns])
    for row in table.rows:
        writer.writerow([_plain(cell) for cell in row])
    return ("\ufeff" + out.getvalue()).encode()


def _plain(cell: Cell) -> str:
    """Numbers bare, days as ISO and moments as local time to the second, for programs; everything else as the page says it."""
    if isinstance(cell.exact, datetime):
        return str(_local(cell.exact))
    if isinstance(cell.exact, int | float | Decimal | date):
        return str(cell.exact)
    return harmless(cell.text)


def _local(moment: datetime) -> datetime:
    """The time in Asia/Shanghai, in whole seconds, naive: as a spreadsheet has times."""
    return localtime(moment, days.SHANGHAI).replace(tzinfo=None, microsecond=0)


def harmless(said: str) -> str:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{said}" if said[:1] in ("=", "+", "-", "@", "\t", "\r") else said


def as_workbook(title: str, about: Sequence[str], tables: Sequence[Table]) -> bytes:
    """A sheet that says what this is, and one per table: filters on, headings frozen, numbers as numbers."""
    out = io.BytesIO()
    book = xlsxwriter.Workbook(out, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False})
    bold = book.add_format({"bold": True, "bottom": 1, "text_wrap": True, "valign": "top"})
    heading = book.add_format({"bold": True, "font_size": 16})
    wrapped = book.add_format({"text_wrap": True, "valign": "top"})
    dated = book.add_format({"num_format": "yyyy-mm-dd", "align": "left"})
    timed = book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss", "align": "left"})
    counted, shared = book.add_format({"num_format": "#,##0"}), book.add_format({"num_format": "0%"})
    first = book.add_worksheet(gettext("说明"))
    first.set_column(0, 0, 90)
    first.write_string(0, 0, title, heading)
    for line, said in enumerate(about, 2):
        first.write_string(line, 0, said, wrapped)
    for table in tables:
        sheet = book.add_worksheet(str(table.caption)[:31].translate({ord(c): "·" for c in "[]:*?/\\"}))
        sheet.freeze_panes(1, 1)
        for x, column in enumerate(table.columns):
            sheet.write_string(0, x, str(column.words), bold)
            longest = max([len(row[x].text) for row in table.rows] + [len(str(column.words))])
            sheet.set_column(x, x, min(60, 2 + longest * 1.7))
        for y, row in enumerate(table.rows, 1):
            for x, cell in enumerate(row):
                value = cell.exact
                if isinstance(value, datetime):
                    sheet.write_datetime(y, x, _local(value), timed)
                elif isinstance(value, date):
                    sheet.write_datetime(y, x, datetime(value.year, value.month, value.day), dated)
                elif isinstance(value, int | float | Decimal):
                    sheet.write_number(y, x, value, shared if isinstance(value, float) else counted)
                else:
                    sheet.write_string(y, x, cell.text)
        if table.rows:
            sheet.autofilter(0, 0, len(table.rows), len(table.columns) - 1)
        sheet.set_landscape()
        sheet.fit_to_pages(1, 0)
    book.close()
    return out.getvalue()


def attachment(content: bytes, kind: str, name: str) -> HttpResponse:
    """A file to keep; its name says which province and which day."""
    response = HttpResponse(content, content_type=kind)
    response.headers["Content-Disposition"] = f'attachment; filename="chuanyu-{here()}-{days.today()}-{name}"'
    return response
