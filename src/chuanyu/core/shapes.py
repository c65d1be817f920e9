"""Shapes of plain data: what a key holds, said once and compared with what is there.

`fit` reports everything that differs. What it gives back has the shape in any case (unknown keys dropped, missing values
blank), so that checks of meaning can still run and report the rest.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from difflib import get_close_matches
from typing import Any

from chuanyu.core.sheet import Finding

LONGEST = 10_000  # characters of any one text

_NAME = re.compile(r"[a-z][a-z0-9_]{0,59}")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


@dataclass(frozen=True, kw_only=True)
class Shape:
    """`code` is what a missing or wrong value is reported under."""

    code: str = ""
    empty: Any = ""  # stands in for a missing or wrong value

    def fit(self, value: Any, at: str, where: str, found: list[Finding]) -> Any:
        """`value` in this shape; `where` names the thing in messages ("'term' of state 'applied'")."""
        raise NotImplementedError

    def wrong(self, at: str, message: str, found: list[Finding]) -> Any:
        found.append(Finding(at, self.code or "wrong_value", message))
        return self.empty


@dataclass(frozen=True, kw_only=True)
class Maybe:
    """A key that may be absent."""

    shape: Shape


class Str(Shape):
    """One line or more of text, not blank."""

    def fit(self, value: Any, at: str, where: str, found: list[Finding]) -> Any:
        if not isinstance(value, str) or not value.strip() or len(value) > LONGEST:
            return self.wrong(at, f"{where} must be a text", found)
        return value


@dataclass(frozen=True, kw_only=True)
class Whole(Shape):
    """A whole number between two bounds, both included."""

    empty: Any = 1
    least: int = 0
    most: int = 10**9

    def fit(self, value: Any, at: str, where: str, found: list[Finding]) -> Any:
        if type(value) is not int or not self.least <= value <= self.most:
            return self.wrong(at, f"{where} must be a whole number from {self.least} to {self.most}", found)
        return value


@dataclass(frozen=True, kw_only=True)
class Flag(Shape):
    """true or false."""

    empty: Any = False

    def fit(self, value: Any, at: str, where: str, found: list[Finding]) -> Any:
        return value if isinstance(value, bool) else self.wrong(at, f"{where} must be true or false", found)


@dataclass(frozen=True, kw_only=True)
class Day(Shape):
    """A date; an ISO text in plain data."""

    empty: Any = "1900-01-01"

    def fit(self, value: Any, at: str, where: str, found: list[Finding]) -> Any:
        try:
            if isinstance(value, str) and _DATE.fullmatch(value):
                return date.fromisoformat(value).isoformat()
        except ValueError:
            pass
        return self.wrong(at, f"{where} must be a date like 2025-01-01", found)


@dataclass(frozen=True, kw_only=True)
class OneOf(Shape):
    """One word out of a list."""

    words: tuple[str, ...]

    def fit(self, value: Any, at: str, where: str, found: list[Finding]) -> Any:
        if value in self.words:
            return value
        return self.wrong(at, f"{where} is {value!r}, not one of {', '.join(self.words)}", found)


@dataclass(frozen=True, kw_only=True)
class Anything(Shape):
    """Plain data that someone else checks; `kind` is the Python type it must have."""

    kind: type = object
    empty: Any = None

    def fit(self, value: Any, at: str, where: str, found: list[Finding]) -> Any:
        if isinstance(value, self.kind):
            return value
        return self.wrong(at, f"{where} must be a {'mapping' if self.kind is dict else 'value'}", found)


@dataclass(frozen=True, kw_only=True)
class Listed(Shape):
    """A list. With `single`, one item may stand for a list of one."""

    of: Shape
    single: bool = False
    empty: Any = ()

    def fit(self, value: Any, at: str, where: str, found: list[Finding]) -> Any:
        if self.single and isinstance(value, str):
            value = [value]
        if not isinstance(value, list):
            return self.wrong(at, f"{where} must be a list", found)
        return [
            self.of.fit(item, f"{at}.{index}", f"entry {index + 1} of {where}", found)
            for index, item in enumerate(value)
        ]


@dataclass(frozen=True, kw_only=True)
class Each(Shape):
    """A mapping of free names to things of one shape."""

    word: str
    of: Shape
    names: re.Pattern[str] = _NAME
    reserved: tuple[str, ...] = ()
    empty: Any = field(default_factory=dict)

    def fit(self, value: Any, at: str, where: str, found: list[Finding]) -> Any:
        if not isinstance(value, dict):
            return self.wrong(at, f"{where} must be a mapping of names to {self.word}s", found)
        fitted = {}
        for name, item in value.items():
            here = f"{at}.{name}"
            if not self.names.fullmatch(name):
                found.append(Finding(here, "name", f"{name!r} is no name for a {self.word}: {self.names.pattern}"))
            elif name in self.reserved:
                found.append(Finding(here, "name", f"a {self.word} can't be called {name!r}: the word is taken"))
            fitted[name] = self.of.fit(item, here, f"{self.word} {name!r}", found)
        return fitted


@dataclass(frozen=True, kw_only=True)
class Targets(Shape):
    """`to:` of an act: one state, or a state per outcome. A plain state is the target of "accept"."""

    code: str = "outcome_no_target"
    empty: Any = field(default_factory=dict)

    def fit(self, value: Any, at: str, where: str, found: list[Finding]) -> Any:
        if isinstance(value, str):
            return {"accept": value}
        if not isinstance(value, dict) or not value or not all(isinstance(state, str) for state in value.values()):
            return self.wrong(at, f"{where} must be a state, or a state for each outcome", found)
        return dict(value)


@dataclass(frozen=True, kw_only=True)
class Keys(Shape):
    """A mapping with known keys."""

    keys: Mapping[str, Shape | Maybe]
    empty: Any = None

    def fit(self, value: Any, at: str, where: str, found: list[Finding]) -> Any:
        if not isinstance(value, dict):
            if value is not None:
                self.wrong(at, f"{where} must be a mapping with the keys {', '.join(self.keys)}", found)
                found = []  # said once: its keys need not be reported as missing too
            value = {}
        for key in value:
            if key not in self.keys:
                near = get_close_matches(key, list(self.keys), n=1)
                hint = f" (did you mean {near[0]!r}?)" if near else ""
                found.append(Finding(_join(at, key), "unknown_key", f"unknown key {key!r} in {where}{hint}"))
        fitted: dict[str, Any] = {}
        for key, shape in self.keys.items():
            self._one(key, shape, value, fitted, at, where, found)
        return fitted

    def _one(
        self,
        key: str,
        shape: Shape | Maybe,
        value: dict[str, Any],
        fitted: dict[str, Any],
        at: str,
        where: str,
        found: list[Finding],
    ) -> None:
        here = f"{key!r} of {where}" if at else f"{key!r}"
        inner = shape.shape if isinstance(shape, Maybe) else shape
        if value.get(key) is not None:
            fitted[key] = inner.fit(value[key], _join(at, key), here, found)
        elif not isinstance(shape, Maybe):
            if isinstance(inner, Keys):  # each of its keys is reported as missing
                fitted[key] = inner.fit(None, _join(at, key), here, found)
            else:
                found.append(
                    Finding(_join(at, key), inner.code or self.code or "missing_key", f"{where} has no {key!r}")
                )
                fitted[key] = inner.empty


def _join(at: str, key: str) -> str:
    return f"{at}.{key}" if at else key
