"""The one shape of what every address of the API answers when it does not do what was asked."""

from typing import Any
from uuid import UUID

import msgspec

from chuanyu.core.text import Text


class Wrong(msgspec.Struct, frozen=True, kw_only=True):
    """One field to mend: where it is, what is wrong with it, and the same as a word for programs."""

    path: str
    message: Text
    code: str = ""


class Problem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`error` is stable and for programs; `text` is for people; `case` is the first one where this is a duplicate."""

    error: str
    text: Text
    fields: tuple[Wrong, ...] = ()
    case: UUID | None = None
    trace: str = ""


def problem(error: str, text: Text, *, fields: Any = (), case: UUID | None = None, trace: str = "") -> Problem:
    """The same from whatever has `path`, `message` and `code`."""
    wrong = tuple(Wrong(path=one.path, message=one.message, code=one.code) for one in fields)
    return Problem(error=error, text=text, fields=wrong, case=case, trace=trace)
