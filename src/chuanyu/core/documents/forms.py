"""From a web form to plain data, so that a page and the API share one validator.

Keys are flat: `years-0-wages` is `years[0].wages`, `address-street` is `address.street`. Nothing is judged here: what
can't be read stays as it was typed, for `decode` to explain.
"""

import re
import unicodedata
from collections.abc import Mapping
from typing import Any

from chuanyu.core.documents.fields import Document, Field, fields

_GROUPED = re.compile(r"-?[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]*)?")
_INTEGER = re.compile(r"-?[0-9]{1,16}")


def from_form(cls: type[Document], form: Mapping[str, str], prefix: str = "") -> dict[str, Any]:
    """Plain data for `decode(cls, …)`. Blank → missing; a checkbox is true when sent; empty rows are dropped.

    Keys that belong to no field are ignored (a form carries tokens and buttons).
    """
    plain: dict[str, Any] = {}
    for field in fields(cls):
        value = _entry(field, form, prefix + field.name)
        if value is not None:
            plain[field.name] = value
    return plain


def _entry(field: Field, form: Mapping[str, str], key: str) -> Any:
    if field.kind == "list":
        return _rows(field, form, key)
    if field.kind == "group":
        inner = from_form(field.cls, form, key + "-")  # type: ignore[arg-type]
        return inner if field.required or _filled(field.item, form, key + "-") else None
    typed = str(form.get(key, "")).strip()
    if field.kind == "flag":
        if field.nullable:  # yes, no, not answered: radio buttons
            return {"on": True, "true": True, "false": False}.get(typed, typed or None)
        return typed not in ("", "off", "false")
    if not typed:
        return None
    if field.kind in ("text", "longtext"):
        return typed.replace("\r\n", "\n")
    typed = unicodedata.normalize("NFKC", typed)  # full-width digits of a Chinese keyboard
    if field.kind in ("money", "decimal", "integer") and _GROUPED.fullmatch(typed):
        typed = typed.replace(",", "")
    return int(typed) if field.kind == "integer" and _INTEGER.fullmatch(typed) else typed


def _rows(field: Field, form: Mapping[str, str], key: str) -> list[Any]:
    index = re.compile(re.escape(key) + r"-([0-9]{1,6})-")
    rows = sorted({int(found[1]) for name in form if (found := index.match(name))})
    return [
        from_form(field.cls, form, f"{key}-{row}-")  # type: ignore[arg-type]
        for row in rows
        if _filled(field.item, form, f"{key}-{row}-")
    ]


def _filled(inside: tuple[Field, ...], form: Mapping[str, str], prefix: str) -> bool:
    names = tuple(prefix + field.name for field in inside)
    return any(
        str(value).strip() and any(name == known or name.startswith(known + "-") for known in names)
        for name, value in form.items()
        if name.startswith(prefix)
    )
