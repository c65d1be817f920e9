"""What a document class consists of, read once from its annotations."""

import types
import typing
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from functools import cache
from typing import Annotated, Any, Literal, Self, dataclass_transform

import msgspec

from chuanyu.core.money import Money
from chuanyu.core.text import Text

TEXT_LENGTH = 2_000  # characters, where a field names no limit
LONG_TEXT = 200  # a field that asks for more than this is written on several lines
LIST_LENGTH = 1_000  # entries, where a field names no limit
INTEGER = 2**53 - 1  # what every JSON reader keeps exactly

Kind = Literal["text", "longtext", "money", "integer", "decimal", "date", "choice", "flag", "division", "group", "list"]


class DefinitionError(TypeError):
    """A document class is not written as documents are: `field` says where. `code`: field_type or field_title."""

    def __init__(self, cls: type, field: str, message: str, code: str = "field_type"):
        super().__init__(f"{cls.__name__}.{field}: {message}" if field else f"{cls.__name__}: {message}")
        self.cls = cls
        self.field = field
        self.message = message
        self.code = code


@dataclass(frozen=True)
class Title:
    """What a field is called on every screen, and the sentence below the name that says what to enter."""

    zh: str
    en: str
    hint_zh: str = ""
    hint_en: str = ""


@dataclass(frozen=True)
class _Division:
    pass


Division = Annotated[str, _Division()]
"""A division code of GB/T 2260: six digits. Which place it was on a day is for `core.divisions` to say."""


Share = Annotated[Decimal, msgspec.Meta(ge=0, le=1)]
"""A share between 0 and 1, read as percent: 0.85 is 85 %."""


Points = Annotated[Decimal, msgspec.Meta(ge=-1, le=1)]
"""Percentage points added to a share or taken off it: -0.20 takes twenty points off, whatever they are taken off."""


Time = Annotated[str, msgspec.Meta(pattern="(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]", max_length=8)]
"""A time of day in legal time (Asia/Shanghai), like 21:59:59. Texts of this form compare as the times do."""


class Choice(StrEnum):
    """One of a fixed list, titled. Each member is `value, zh, en`:

    class Sex(Choice):
        male = "male", "男", "Male"
    """

    text: Text

    def __new__(cls, value: str, zh: str, en: str) -> Self:
        member = str.__new__(cls, value)
        member._value_ = value
        member.text = Text(zh, en)
        return member


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(msgspec.field,))
class _DocumentMeta(msgspec.StructMeta):
    """Every document class, not only the first one, is keyword-only: required fields may follow optional ones."""

    def __new__(mcs, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **config: Any) -> type:
        config.setdefault("kw_only", True)
        return super().__new__(mcs, name, bases, namespace, **config)


class Document(msgspec.Struct, metaclass=_DocumentMeta, frozen=True, forbid_unknown_fields=True):
    """Base of everything exchanged. Read it from plain data with `decode`, which checks; write it with `encode`."""


@dataclass(frozen=True)
class Field:
    """One field as a form, a schema or a check needs it.

    `kind` says how it is entered. `ge`/`le`: bounds of integer, decimal, money (Money) and date (date).
    `max_length`/`min_length`: characters of a text, entries of a list. `choices`: (value, title) pairs.
    `item`: the fields inside a group or of each entry of a list. `default`: of an optional field, as Python value.
    """

    name: str
    title: Text
    hint: Text | None
    kind: Kind
    required: bool
    default: Any
    choices: tuple[tuple[str, Text], ...] = ()
    ge: Any = None
    le: Any = None
    min_length: int = 0
    max_length: int | None = None
    pattern: str | None = None
    item: "tuple[Field, ...]" = ()
    cls: type | None = None  # the Choice of a choice, the Document of a group or a list
    nullable: bool = False


@cache
def fields(cls: type[Document]) -> tuple[Field, ...]:
    """The fields of a document class in their order. Raises DefinitionError at the first that is not right."""
    hints = _hints(cls)
    return tuple(_field(cls, info, hints[info.name]) for info in msgspec.structs.fields(cls))


def definition_errors(cls: type[Document]) -> list[DefinitionError]:
    """Every field of the class itself that `fields` would refuse (nested classes report their own)."""
    errors = []
    try:
        hints = _hints(cls)
    except DefinitionError as error:
        return [error]
    for info in msgspec.structs.fields(cls):
        try:
            _field(cls, info, hints[info.name])
        except DefinitionError as error:
            if error.cls is cls:
                errors.append(error)
    return errors


def _hints(cls: type[Document]) -> dict[str, Any]:
    try:
        return typing.get_type_hints(cls, include_extras=True)
    except (NameError, AttributeError, TypeError) as error:
        raise DefinitionError(cls, "", f"its annotations can't be read: {error}") from error


def _field(cls: type[Document], info: Any, hint: Any) -> Field:
    kind_type, notes, nullable = _unwrap(cls, info.name, hint)
    titles = [note for note in notes if isinstance(note, Title)]
    if not titles or not titles[-1].zh.strip() or not titles[-1].en.strip():
        raise DefinitionError(cls, info.name, "a field needs a Title in zh and en", "field_title")
    title = titles[-1]
    if bool(title.hint_zh) != bool(title.hint_en):
        raise DefinitionError(cls, info.name, "a hint is needed in both zh and en, or in neither", "field_title")
    return Field(
        name=info.name,
        title=Text(title.zh, title.en),
        hint=Text(title.hint_zh, title.hint_en) if title.hint_zh else None,
        required=info.required,
        default=None if info.required else info.default,
        nullable=nullable,
        **_kind(cls, info.name, kind_type, notes),
    )


def _unwrap(cls: type, name: str, hint: Any) -> tuple[Any, list[Any], bool]:
    """Take `Annotated` and `| None` off a hint, in whichever order they were put on."""
    notes: list[Any] = []
    nullable = False
    while True:
        origin = typing.get_origin(hint)
        if origin is Annotated:
            hint, *inner = typing.get_args(hint)
            notes = inner + notes
        elif origin in (typing.Union, types.UnionType):
            others = [part for part in typing.get_args(hint) if part is not types.NoneType]
            if len(others) != 1 or len(typing.get_args(hint)) != 2:
                raise DefinitionError(cls, name, "the only union is `| None`")
            hint, nullable = others[0], True
        else:
            return hint, notes, nullable


def _kind(cls: type, name: str, kind_type: Any, notes: list[Any]) -> dict[str, Any]:
    meta = _Meta(notes)
    if any(isinstance(note, _Division) for note in notes):
        return {"kind": "division", "pattern": "[0-9]{6}", "max_length": 6}
    if kind_type is str:
        length = meta.get("max_length") or TEXT_LENGTH
        kind = "longtext" if (meta.get("max_length") or 0) > LONG_TEXT else "text"
        return {
            "kind": kind,
            "max_length": length,
            "min_length": meta.get("min_length") or 0,
            "pattern": meta.get("pattern"),
        }
    if kind_type is bool:
        return {"kind": "flag"}
    if kind_type is int:
        return {"kind": "integer", "ge": meta.least(int, -INTEGER), "le": meta.most(int, INTEGER)}
    if kind_type is Decimal:
        return {"kind": "decimal", "ge": meta.least(Decimal, None), "le": meta.most(Decimal, None)}
    if kind_type is Money:
        return {"kind": "money", "ge": meta.least(Money.yuan, Money(0)), "le": meta.most(Money.yuan, Money(INTEGER))}
    if kind_type is date:
        return {"kind": "date", "ge": date(1850, 1, 1), "le": date(2200, 12, 31)}
    if isinstance(kind_type, type) and issubclass(kind_type, Choice):
        if not all(member.text.zh.strip() and member.text.en.strip() for member in kind_type):
            raise DefinitionError(cls, name, f"each of {kind_type.__name__} needs a title in zh and en", "field_title")
        return {
            "kind": "choice",
            "choices": tuple((str(member.value), member.text) for member in kind_type),
            "cls": kind_type,
        }
    if isinstance(kind_type, type) and issubclass(kind_type, Document):
        return {"kind": "group", "item": fields(kind_type), "cls": kind_type}
    if typing.get_origin(kind_type) is tuple:
        item, *rest = typing.get_args(kind_type)
        if rest == [...] and isinstance(item, type) and issubclass(item, Document):
            return {
                "kind": "list",
                "item": fields(item),
                "cls": item,
                "min_length": meta.get("min_length") or 0,
                "max_length": meta.get("max_length") or LIST_LENGTH,
            }
    raise DefinitionError(cls, name, f"{kind_type!r} is no type a field may have")


class _Meta:
    """The bounds in the `msgspec.Meta` notes of a field; a later note wins."""

    def __init__(self, notes: list[Any]):
        self.metas = [note for note in notes if isinstance(note, msgspec.Meta)]

    def get(self, key: str) -> Any:
        found = None
        for meta in self.metas:
            value = getattr(meta, key)
            found = found if value is None else value
        return found

    def least(self, make: Any, default: Any) -> Any:
        value = self.get("ge")
        return default if value is None else make(value)

    def most(self, make: Any, default: Any) -> Any:
        value = self.get("le")
        return default if value is None else make(value)


class Sex(Choice):
    """As the identity number carries it."""

    male = "male", "男", "Male"
    female = "female", "女", "Female"


class Person(Document):
    """What a rule may know of the applicant beyond what they wrote: facts of the node, never the number."""

    birth: Annotated[date, Title("出生日期", "Date of birth")]
    sex: Annotated[Sex, Title("性别", "Sex")]
    household: Annotated[Division | None, Title("户籍所在地", "Place of household registration")] = None


class Moment(Document):
    """The node's clock, for a rule that goes by the time of day: when the case was filed, or when the act is taken (rule's `on`)."""

    day: Annotated[date, Title("日期", "Day")]
    time: Annotated[Time, Title("时间", "Time")]
