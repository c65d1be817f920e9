"""A document as it is read: titles from its class, values in words. The writing side is `forms`."""

from dataclasses import dataclass
from datetime import date
from typing import Any

from django.utils.translation import gettext

from chuanyu.core.documents import Document, Field, Moment, Person, fields
from chuanyu.core.service import DocumentSpec, Service
from chuanyu.core.text import Text
from chuanyu.portal import words

TIME = next(f.pattern for f in fields(Moment) if f.name == "time")
OWN: dict[str, type[Document]] = {"person": Person}  # documents every service may use without declaring them
OWN_TITLES = {"person": Text("人口信息", "Personal record")}


@dataclass(frozen=True)
class Line:
    """One field of a document: a sentence of words, or a table for a list (`columns`, `rows`), or the lines of a group."""

    title: Text
    text: str = ""
    columns: tuple[tuple[Text, bool], ...] = ()  # heading, whether its values are numbers
    rows: tuple[tuple[tuple[Text, str, bool], ...], ...] = ()
    inner: tuple["Line", ...] = ()


def title(spec: DocumentSpec | None, name: str) -> Text:
    """What a document is called."""
    if spec is None:
        return OWN_TITLES.get(name, Text(name, name))
    return spec.title


def lines(cls: type[Document] | None, body: dict[str, Any], service: Service | None = None) -> list[Line]:
    """The filled fields in the order of the class. What the class does not know (an older declaration) is shown as it is.

    `service`: whose papers a field `article` names.
    """
    known = fields(cls) if cls is not None else ()
    body = _cited(body, service) if service else body
    shown = [_line(field, body[field.name]) for field in known if body.get(field.name) not in (None, "")]
    names = {field.name for field in known}
    return shown + [Line(Text(name, name), str(value)) for name, value in body.items() if name not in names]


def _cited(body: dict[str, Any], service: Service) -> dict[str, Any]:
    """The articles a document names, in words."""
    cited = dict(body)
    for key, value in body.items():
        if key == "article" and isinstance(value, str):
            cited[key] = words.source(service, value)
        elif isinstance(value, list):
            cited[key] = [_cited(each, service) if isinstance(each, dict) else each for each in value]
    return cited


def _line(field: Field, value: Any) -> Line:
    if field.kind == "group" and isinstance(value, dict):
        return Line(
            field.title, inner=tuple(_line(f, value[f.name]) for f in field.item if value.get(f.name) is not None)
        )
    if field.kind == "list" and isinstance(value, list):
        columns = tuple((f.title, number(f)) for f in field.item)
        rows = tuple(
            tuple((f.title, said(f, row.get(f.name)), number(f)) for f in field.item)
            for row in value
            if isinstance(row, dict)
        )
        return Line(field.title, gettext("无") if not rows else "", columns, rows)
    return Line(field.title, said(field, value))


def number(field: Field) -> bool:
    """Whether the values of a column line up on the right. Years and dates do not: they are names, not amounts."""
    return field.kind in ("money", "decimal") or (field.kind == "integer" and not field.name.endswith("year"))


def said(field: Field, value: Any) -> str:
    """One value in words."""
    if value is None:
        return ""
    if field.kind == "money":
        return words.amount(value, "CNY")
    if field.kind == "flag":
        return gettext("是") if value else gettext("否")
    if field.kind == "choice":
        return next((words.say(title) for key, title in field.choices if key == value), str(value))
    if field.kind == "date":
        try:
            return words.day(date.fromisoformat(str(value)))
        except ValueError:
            return str(value)
    if field.kind == "division":
        return words.place_name(str(value))
    if field.kind == "decimal" and field.ge == 0 and field.le == 1:
        return words.amount(value, "ratio")
    if field.pattern == TIME:
        return str(value).removesuffix(":00")
    return str(value)
