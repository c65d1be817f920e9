"""Numbers of the law: each dated, with a unit, a source and a certainty.

The two provinces differ by values, never by code.
"""

import re
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

import msgspec

from chuanyu.core.money import Money, MoneyError
from chuanyu.core.text import Text

UNITS = ("ratio", "CNY", "months", "years", "days", "working_days", "count", "age", "date", "flag", "codes")
CERTAINTIES = ("sure", "likely", "illustrative")
RESERVED = ("day", "node", "used", "on")  # what `p` itself answers to: no parameter may be called so

_RATIO = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,10})?")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


class Value(msgspec.Struct, frozen=True, kw_only=True):
    """What a parameter is from `since` to `until` (both inclusive; open until the next value begins when None).

    `value` is plain, as declared; `ref` is "basis-key#article"; `at` is the node it holds at, None for both.
    """

    since: date
    until: date | None = None
    value: Any
    ref: str
    certainty: str
    at: str | None = None


class Parameter(msgspec.Struct, frozen=True, kw_only=True):
    """One number (date, yes or no, list of codes) of a service through time; `values` in order of `since` per node."""

    key: str
    title: Text
    unit: str
    values: tuple[Value, ...]

    def value_on(self, day: date, node: str) -> Value | None:
        """The value that holds on `day` at `node`, or None."""
        found = None
        for value in self.values:
            if value.at in (None, node) and value.since <= day:
                found = value
        return None if found is None or (found.until is not None and found.until < day) else found


class UnitError(ValueError):
    """A declared value that does not fit its unit; the message says what would."""


class NoParameter(LookupError):
    """Nothing is declared for that day at that node."""

    def __init__(self, key: str, day: date, node: str):
        super().__init__(f"parameter {key!r} has no value on {day.isoformat()} at {node}")
        self.key, self.day, self.node = key, day, node


class Parameters:
    """The `p` of a rule: `p.pooled_rate` is the value of the day at the node, typed by its unit.

    ratio → Decimal, CNY → Money, months/years/days/working_days/count/age → int, date → date, flag → bool,
    codes → tuple[str, ...]. `used` remembers what was read, so that an event can carry it. Raises NoParameter.
    `p.on(day)` is the same of another day, for what is due for a time that has passed.
    """

    __slots__ = ("_parameters", "day", "node", "used")

    def __init__(self, parameters: Mapping[str, Parameter], day: date, node: str):
        self._parameters = parameters
        self.day = day
        self.node = node
        self.used: dict[str, dict[str, Any]] = {}

    def on(self, day: date) -> "Parameters":
        """The parameters of another day at the same node; what is read of them is remembered here too."""
        other = Parameters(self._parameters, day, self.node)
        other.used = self.used
        return other

    def __getattr__(self, key: str) -> Any:
        parameter = self._parameters.get(key)
        if parameter is None:
            raise AttributeError(f"this service declares no parameter {key!r}")
        value = parameter.value_on(self.day, self.node)
        if value is None:
            raise NoParameter(key, self.day, self.node)
        self.used[key] = {
            "value": value.value,
            "since": value.since.isoformat(),
            "ref": value.ref,
            "certainty": value.certainty,
        }
        return typed(parameter.unit, value.value)


def typed(unit: str, value: Any) -> Any:
    """A declared value as Python type of its unit. Raises UnitError."""
    match unit:
        case "ratio":
            if isinstance(value, str) and _RATIO.fullmatch(value):
                return Decimal(value)
            raise UnitError('a ratio is written in quotes, like "0.12"')
        case "CNY":
            try:
                if not isinstance(value, str) or value.startswith("-"):
                    raise MoneyError
                return Money.parse(value)
            except MoneyError:
                raise UnitError('an amount of yuan is written in quotes, like "1650.00"') from None
        case "date":
            try:
                if isinstance(value, str) and _DATE.fullmatch(value):
                    return date.fromisoformat(value)
            except ValueError:
                pass
            raise UnitError("a date is written like 2025-01-01")
        case "flag":
            if isinstance(value, bool):
                return value
            raise UnitError("a flag is true or false")
        case "codes":
            if isinstance(value, list | tuple) and value and all(isinstance(code, str) and code for code in value):
                return tuple(value)
            raise UnitError("codes are a list of texts")
        case "months" | "years" | "days" | "working_days" | "count" | "age":
            if type(value) is int and 0 <= value < 10**9:
                return value
            raise UnitError(f"{unit} is a whole number, not negative")
        case _:
            raise UnitError(f"unknown unit {unit!r}: one of {', '.join(UNITS)}")
