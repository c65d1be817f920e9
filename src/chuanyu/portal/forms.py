"""The one form renderer: a document class and what was typed become entries that `parts/field.html` draws.

What was typed is kept flat, as the browser sends it: `application-years-0-wages`. Rows are the indices that occur, so
a form without JavaScript adds a row by adding blank keys. `core.documents` alone reads and judges it; an error's path
`application.years[0].wages` finds its entry by the same name.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from dataclasses import field as default
from typing import Any

from chuanyu.core import days, divisions
from chuanyu.core.documents import Document, DocumentError, Field, FieldError, decode, fields, from_form
from chuanyu.core.text import Text
from chuanyu.portal.words import language, place_name

FEW = 6  # up to this many choices are radio buttons, more are a list
SHOWN_ROWS = 1  # rows a blank list starts with
_DATE = re.compile(
    r"(\d{4})\s*[-/.年]\s*(\d{1,2})\s*[-/.月]\s*(\d{1,2})\s*日?|(\d{4})(\d{2})(\d{2})", re.ASCII
)  # as people write it
ROW = "_"  # a key each row sends, so that one with nothing but unchecked boxes is still there


@dataclass
class Entry:
    """One field as a page draws it. `name` and `id` are the same word; `rows` of a list, `inner` of a group."""

    field: Field
    name: str
    value: str = ""
    errors: list[str] = default(default_factory=list)
    rows: list["Row"] = default(default_factory=list)
    inner: list["Entry"] = default(default_factory=list)
    origin: str = ""  # where a value comes from that nobody typed
    in_row: bool = False  # one of several side by side: a list box takes less room than radio buttons

    @property
    def template(self) -> str:
        return f"portal/parts/fields/{KINDS[self.field.kind]}.html"

    @property
    def few(self) -> bool:
        return len(self.field.choices) <= FEW and not self.in_row

    @property
    def described(self) -> str:
        """The ids aria-describedby names: the hint, then the errors."""
        ids = [f"{self.name}-hint"] if self.hinted else []
        ids += [f"{self.name}-origin"] * bool(self.origin)
        return " ".join(ids + [f"{self.name}-error"] * bool(self.errors))

    @property
    def hinted(self) -> bool:
        return self.field.hint is not None or self.field.kind == "date"

    @property
    def width(self) -> str:
        """How much room the answer takes: a box as long as what belongs in it tells what belongs in it."""
        if self.field.kind in ("integer", "decimal"):
            return "w-8"
        if self.field.kind in ("money", "date"):
            return "w-12"
        return "w-20" if self.field.kind == "division" or (self.field.max_length or 100) <= 40 else ""

    @property
    def places(self) -> list[tuple[str, list[tuple[str, str]]]]:
        return places(self.value)


@dataclass
class Row:
    """One entry of a list: its number from 1, the button value that removes it, its fields."""

    number: int
    name: str
    entries: list[Entry]


KINDS = {
    "text": "line", "integer": "line", "decimal": "line", "money": "line", "date": "line", "longtext": "area",
    "choice": "choice", "flag": "flag", "division": "division", "group": "group", "list": "list",
}  # fmt: skip


def entries(
    cls: type[Document], typed: Mapping[str, str], prefix: str, errors: Iterable[FieldError] = ()
) -> list[Entry]:
    """The fields of `cls` as entries. `prefix` is the document's name; errors carry paths that begin with it."""
    sorted_errors: dict[str, list[str]] = {}
    for error in errors:
        sorted_errors.setdefault(name_of(error.path), []).append(error.message.say(language()))
    return [_entry(f, typed, f"{prefix}-{f.name}", sorted_errors) for f in fields(cls)]


def _entry(
    f: Field, typed: Mapping[str, str], name: str, errors: Mapping[str, list[str]], in_row: bool = False
) -> Entry:
    entry = Entry(f, name, str(typed.get(name, "")), errors.get(name, []), in_row=in_row)
    if f.kind == "group":
        entry.inner = [_entry(inner, typed, f"{name}-{inner.name}", errors) for inner in f.item]
    if f.kind == "list":
        wanted = indices(typed, name) or list(range(max(f.min_length, SHOWN_ROWS if f.required else 0)))
        entry.rows = [
            Row(n, f"{name}-{index}", [_entry(i, typed, f"{name}-{index}-{i.name}", errors, True) for i in f.item])
            for n, index in enumerate(wanted, start=1)
        ]
    return entry


def name_of(path: str) -> str:
    """`application.years[2].wages` → `application-years-2-wages`."""
    return re.sub(r"\[(\d+)\]", r"-\1", path).replace(".", "-")


def indices(typed: Mapping[str, str], name: str) -> list[int]:
    """The row numbers that occur in what was typed, in order."""
    pattern = re.compile(re.escape(name) + r"-(\d{1,6})-")
    return sorted({int(found[1]) for key in typed if (found := pattern.match(key))})


def read(cls: type[Document], typed: Mapping[str, str], prefix: str) -> tuple[dict[str, Any], list[FieldError]]:
    """What was typed as plain data, and what is wrong with it. Dates are read as people write them (`written_date`)."""
    plain = _dated(fields(cls), from_form(cls, typed, f"{prefix}-"))
    try:
        decode(cls, plain, at=prefix)
    except DocumentError as error:
        return plain, error.errors
    return plain, []


def written_date(typed: str) -> str:
    """2025年3月3日, 2025/3/3, 2025.3.3 and 20250303 as 2025-03-03; anything else as it was typed."""
    found = _DATE.fullmatch(unicodedata.normalize("NFKC", typed).strip())
    if found is None:
        return typed
    year, month, day = (int(part) for part in found.groups() if part)
    return f"{year:04}-{month:02}-{day:02}"


def written_number(typed: str) -> str:
    """An identity number as read out or copied: without the spaces and hyphens between its groups, in narrow digits."""
    return re.sub(r"[\s·-]", "", unicodedata.normalize("NFKC", typed))


def _dated(known: Iterable[Field], plain: dict[str, Any]) -> dict[str, Any]:
    for f in known:
        value = plain.get(f.name)
        if f.kind == "date" and isinstance(value, str):
            plain[f.name] = written_date(value)
        elif f.kind == "group" and isinstance(value, dict):
            _dated(f.item, value)
        elif f.kind == "list" and isinstance(value, list):
            for row in value:
                _dated(f.item, row)
    return plain


def typed_of(cls: type[Document], plain: Mapping[str, Any], prefix: str) -> dict[str, str]:
    """Plain data as a browser would have sent it: to correct a document, or to carry answers on."""
    return dict(_typed(fields(cls), plain, f"{prefix}-"))


def _typed(known: Iterable[Field], plain: Mapping[str, Any], prefix: str) -> Iterable[tuple[str, str]]:
    for f in known:
        value = plain.get(f.name)
        if value is None:
            continue
        if f.kind == "group":
            yield from _typed(f.item, value, f"{prefix}{f.name}-")
        elif f.kind == "list":
            for index, row in enumerate(value):
                yield from _typed(f.item, row, f"{prefix}{f.name}-{index}-")
        elif f.kind == "flag":
            yield f"{prefix}{f.name}", "true" if value else "false"
        else:
            yield f"{prefix}{f.name}", str(value)


def tidy(cls: type[Document], typed: Mapping[str, str], prefix: str) -> dict[str, str]:
    """What was typed with blank rows dropped and the others renumbered, so that errors find their row."""
    kept: dict[str, str] = {key: value for key, value in typed.items() if key.startswith(f"{prefix}-")}
    # the innermost lists first: renumbering a row moves what is in it
    for name, _ in reversed(list(_lists(fields(cls), prefix, kept))):
        rows = [
            i for i in indices(kept, name) if any(v.strip() for k, v in kept.items() if k.startswith(f"{name}-{i}-"))
        ]
        _renumber(kept, name, rows)
    return kept


def change_rows(
    cls: type[Document], typed: Mapping[str, str], prefix: str, *, add: str = "", remove: str = ""
) -> dict[str, str]:
    """What was typed with a blank row more in the list `add`, or without the row `remove`."""
    kept = {key: value for key, value in typed.items() if key.startswith(f"{prefix}-")}
    for name, f in list(_lists(fields(cls), prefix, kept)):
        rows = indices(kept, name)
        if add == name and len(rows) < (f.max_length or 0):
            kept[f"{name}-{rows[-1] + 1 if rows else 0}-{ROW}"] = ""
        if remove in {f"{name}-{i}" for i in rows}:
            _renumber(kept, name, [i for i in rows if f"{name}-{i}" != remove])
    return kept


def _lists(known: Iterable[Field], name: str, typed: Mapping[str, str]) -> Iterator[tuple[str, Field]]:
    """Every list of a form by its name, the outer ones before those in their rows."""
    for f in known:
        inner = f"{name}-{f.name}"
        if f.kind == "group":
            yield from _lists(f.item, inner, typed)
        elif f.kind == "list":
            yield inner, f
            for index in indices(typed, inner):
                yield from _lists(f.item, f"{inner}-{index}", typed)


def _renumber(kept: dict[str, str], name: str, rows: list[int]) -> None:
    lists = {key: kept.pop(key) for key in list(kept) if re.match(re.escape(name) + r"-\d{1,6}-", key)}
    for fresh, index in enumerate(rows):
        begin = f"{name}-{index}-"
        kept.update({f"{name}-{fresh}-{key[len(begin) :]}": v for key, v in lists.items() if key.startswith(begin)})


def places(value: str = "") -> list[tuple[str, list[tuple[str, str]]]]:
    """The divisions to choose from, grouped: both provinces' counties by prefecture, then the other provinces."""
    today, groups = days.today(), list[tuple[str, list[tuple[str, str]]]]()
    known: set[str] = set()

    def group(title: Text, rows: Iterable[divisions.Division]) -> None:
        options = [(row.code, row.name.say(language())) for row in rows]
        known.update(code for code, _ in options)
        groups.append((title.say(language()), options))

    group(Text("重庆市", "Chongqing"), divisions.divisions("500000", on=today))
    counties = divisions.divisions("510000", on=today)
    for prefecture in divisions.divisions("510000", on=today, level="prefecture"):
        group(prefecture.name, [row for row in counties if row.prefecture == prefecture.code])
    others = [row for row in divisions.provinces() if row.code not in ("500000", "510000")]
    group(Text("其他省份", "Other provinces"), others)
    if value and value not in known:
        groups.insert(0, ("", [(value, place_name(value))]))  # a place that has another name or none today
    return groups
