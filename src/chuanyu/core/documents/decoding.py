"""From plain data to a document and back. Decoding reports one readable error per field, never only the first."""

import re
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from difflib import get_close_matches
from functools import cache
from typing import Any, Final, TypeVar

import msgspec

from chuanyu.core.divisions import provinces
from chuanyu.core.documents.fields import INTEGER, Document, Field, fields
from chuanyu.core.money import Money, MoneyError
from chuanyu.core.text import Text

ERRORS = 200  # reported at most: a thousand bad rows need no thousand sentences

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_DECIMAL = re.compile(r"-?[0-9]{1,18}(?:\.[0-9]{1,10})?")
_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")


class FieldError(msgspec.Struct, frozen=True):
    """`path` like `application.years[2].wages`; `code`: required, unknown, type, form, range, length or choice."""

    path: str
    message: Text
    code: str = "form"


class DocumentError(ValueError):
    """Plain data that is no such document: `errors` has one entry per field."""

    def __init__(self, errors: list[FieldError]):
        super().__init__("; ".join(f"{error.path}: {error.message.en}" for error in errors))
        self.errors = errors


D = TypeVar("D", bound=Document)


def decode(cls: type[D], data: Any, at: str = "") -> D:
    """Plain data (as JSON gives it) as a document of class `cls`. `at` begins every path. Raises DocumentError."""
    errors: list[FieldError] = []
    value = _document(cls, data, at, errors)
    if errors:
        raise DocumentError(errors[:ERRORS])
    return value


def encode(document: Document) -> dict[str, Any]:
    """Plain data of a document: money, decimals and dates as strings; what is None is left out."""
    plain: dict[str, Any] = {}
    for field in fields(type(document)):
        value = getattr(document, field.name)
        if value is not None:
            plain[field.name] = _plain(field, value)
    return plain


def _plain(field: Field, value: Any) -> Any:
    match field.kind:
        case "list":
            return [encode(item) for item in value]
        case "group":
            return encode(value)
        case "date":
            return value.isoformat()
        case "money" | "choice":
            return str(value)
        case "decimal":
            return format(value, "f")
        case _:
            return value


_BAD: Final = object()


class _Wrong(Exception):
    """A value that doesn't fit its field: the two sentences begin with the field's title."""

    def __init__(self, code: str, zh: str, en: str):
        self.code, self.zh, self.en = code, zh, en


def _document(cls: type[Document], data: Any, at: str, errors: list[FieldError]) -> Any:
    if not isinstance(data, dict):
        errors.append(FieldError(at, Text("这里应是一组字段。", "This must be an object with fields."), "type"))
        return _BAD
    known = fields(cls)
    names = [field.name for field in known]
    for key in data:
        if key not in names:
            errors.append(FieldError(_join(at, str(key)[:60]), unknown(str(key)[:60], names), "unknown"))
    values: dict[str, Any] = {}
    for field in known:
        if len(errors) >= ERRORS:
            return _BAD
        values[field.name] = _value(field, data.get(field.name), _join(at, field.name), errors)
    return _BAD if errors else cls(**values)


def _value(field: Field, data: Any, at: str, errors: list[FieldError]) -> Any:
    blank = data is None or (isinstance(data, str) and not data.strip())
    if blank and not field.required:
        return field.default
    try:
        if blank:
            raise _Wrong("required", "必须填写。", " is required.")
        if field.kind == "group":
            return _document(field.cls, data, at, errors)  # type: ignore[arg-type]
        if field.kind == "list":
            return _list(field, data, at, errors)
        return _READERS[field.kind](field, data)
    except _Wrong as wrong:
        message = Text(f"“{field.title.zh}”{wrong.zh}", f"“{field.title.en}”{wrong.en}")
        errors.append(FieldError(at, message, wrong.code))
        return _BAD


def _list(field: Field, data: Any, at: str, errors: list[FieldError]) -> Any:
    if not isinstance(data, list):
        raise _Wrong("type", "应是一个列表。", " must be a list.")
    _length(field, len(data), "条", "entries")
    items = []
    for index, item in enumerate(data):
        if len(errors) >= ERRORS:
            break
        items.append(_document(field.cls, item, f"{at}[{index}]", errors))  # type: ignore[arg-type]
    return tuple(items)


def _text(field: Field, data: Any) -> str:
    if not isinstance(data, str):
        raise _Wrong("type", "应是文字。", " must be text.")
    _length(field, len(data), "个字", "characters")
    if _UNPRINTABLE.search(data):
        raise _Wrong("form", "含有不能使用的字符。", " has a character that can't be used.")
    if field.pattern and not re.fullmatch(field.pattern, data):
        raise _bad_form(field, "的格式不对。", " doesn't have the right form.")
    return data


def _division(field: Field, data: Any) -> str:
    if not isinstance(data, str) or not re.fullmatch("[0-9]{6}", data):
        raise _Wrong("form", "应是六位行政区划代码。", " must be a division code of six digits.")
    if data[:2] not in _provinces():
        raise _Wrong("form", f"：没有 {data[:2]} 开头的省份。", f": no province has codes that begin with {data[:2]}.")
    return data


@cache
def _provinces() -> frozenset[str]:
    """First two digits; further down old papers carry codes that no table has any more, so they are not judged here."""
    return frozenset(province.code[:2] for province in provinces())


def _flag(field: Field, data: Any) -> bool:
    if not isinstance(data, bool):
        raise _Wrong("type", "应为是或否。", " must be true or false.")
    return data


def _integer(field: Field, data: Any) -> int:
    if type(data) is not int:
        raise _Wrong("type", "应是整数。", " must be a whole number.")
    _range(field, data, "", "")
    return data


def _decimal(field: Field, data: Any) -> Decimal:
    if type(data) is int and abs(data) <= INTEGER:
        data = str(data)
    if not isinstance(data, str) or not _DECIMAL.fullmatch(data):
        raise _Wrong("form", '应是数字，如 "0.12"（写成文字）。', ' must be a number written as text, like "0.12".')
    value = Decimal(data)
    _range(field, value, "", "")
    return value


def _money(field: Field, data: Any) -> Money:
    try:
        if not isinstance(data, str):
            raise MoneyError
        value = Money.parse(data)
    except MoneyError:
        raise _Wrong(
            "form",
            '应是金额，单位元，最多两位小数，如 "40660.37"。',
            ' must be an amount in yuan with at most two decimals, like "40660.37".',
        ) from None
    if value.fen < 0 and field.ge == Money(0):
        raise _Wrong("range", "不能为负数。", " can't be negative.")
    _range(field, value, "元", " yuan")
    return value


def _date(field: Field, data: Any) -> date:
    if not isinstance(data, str) or not _DATE.fullmatch(data):
        raise _Wrong("form", "应是日期，如 2025-03-03。", " must be a date like 2025-03-03.")
    try:
        value = date.fromisoformat(data)
    except ValueError:
        raise _Wrong("form", f"：没有 {data} 这一天。", f": there is no day {data}.") from None
    _range(field, value, "", "")
    return value


def _choice(field: Field, data: Any) -> Any:
    values = [value for value, _ in field.choices]
    if not isinstance(data, str) or data not in values:
        zh = "、".join(f"{value}（{text.zh}）" for value, text in field.choices)
        en = ", ".join(f"{value} ({text.en})" for value, text in field.choices)
        raise _Wrong("choice", f"只能是：{zh}。", f" must be one of: {en}.")
    return field.cls(data)  # type: ignore[misc]


def _range(field: Field, value: Any, zh: str, en: str) -> None:
    if field.ge is not None and value < field.ge:
        raise _Wrong("range", f"不能小于 {field.ge}{zh}。", f" can't be less than {field.ge}{en}.")
    if field.le is not None and value > field.le:
        raise _Wrong("range", f"不能大于 {field.le}{zh}。", f" can't be more than {field.le}{en}.")


def _length(field: Field, length: int, zh: str, en: str) -> None:
    if field.max_length is not None and length > field.max_length:
        raise _Wrong("length", f"最多 {field.max_length} {zh}。", f" can have at most {field.max_length} {en}.")
    if length < field.min_length:
        raise _Wrong("length", f"至少 {field.min_length} {zh}。", f" needs at least {field.min_length} {en}.")


def _bad_form(field: Field, zh: str, en: str) -> _Wrong:
    """The hint says what the right form is, so it is said again where the form was wrong."""
    if field.hint is None:
        return _Wrong("form", zh, en)
    return _Wrong("form", f"{zh}{field.hint.zh}", f"{en} {field.hint.en}")


def cell(field: Field, data: Any, errors: list[FieldError]) -> Any:
    """The value of one field alone, for readers of long files; what is wrong goes to `errors`."""
    return _value(field, data, field.name, errors)


def unknown(key: str, names: list[str]) -> Text:
    """What is said of a field that isn't there."""
    near = get_close_matches(key, names, n=1)
    zh = f"（是不是“{near[0]}”？）" if near else ""
    en = f" (did you mean “{near[0]}”?)" if near else ""
    return Text(f"没有“{key}”这一项{zh}。", f"There is no field “{key}” here{en}.")


def _join(at: str, name: str) -> str:
    return f"{at}.{name}" if at else name


_READERS: dict[str, Callable[[Field, Any], Any]] = {
    "text": _text,
    "longtext": _text,
    "division": _division,
    "flag": _flag,
    "integer": _integer,
    "decimal": _decimal,
    "money": _money,
    "date": _date,
    "choice": _choice,
}
