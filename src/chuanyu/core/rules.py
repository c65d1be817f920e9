"""Decisions as named pure functions, and the one way to run them.

    @rule(outcomes="accept refuse", on="application")
    def may_transfer(application: Application, person: Person, p: Parameters, day: date) -> Outcome: ...

A rule takes documents by their names in service.yaml (those with a default may be absent), `p` the parameters of the
day, and `day` itself. It reads no clock, no file, no database: the same input gives the same answer at both nodes.
"""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, TypeVar

from chuanyu.core.documents import Document, DocumentError, FieldError, decode, encode
from chuanyu.core.money import Amount, Money
from chuanyu.core.outcomes import KINDS, Outcome, value
from chuanyu.core.parameters import Parameter, Parameters
from chuanyu.core.service import Rule, Service
from chuanyu.core.text import Text

DATES = ("application", "event", "decision")  # which day a rule counts by

F = TypeVar("F", bound=Callable[..., Any])


class RuleError(Exception):
    """A rule did what it had not declared: a mistake in the service, not in the input."""


class UnknownRule(LookupError):
    """The service has no rule of that name."""


@dataclass(frozen=True)
class Decision:
    """`used`: the parameters that were read, {key: {value, since, ref, certainty}}, all plain data."""

    outcome: Outcome
    used: dict[str, dict[str, Any]]

    def plain(self) -> dict[str, Any]:
        """The outcome as plain data, without what doesn't apply: {"outcome": "value", "value": "21700.37"}."""
        return plain_outcome(self.outcome)


def rule(*, outcomes: str, on: str = "application") -> Callable[[F], F]:
    """Mark a function as a rule. `outcomes`: the kinds it can give, separated by spaces; `on`: the day that counts."""
    kinds = tuple(outcomes.split())
    if not kinds or len(set(kinds)) != len(kinds) or not set(kinds) <= set(KINDS):
        raise TypeError(f"outcomes={outcomes!r}: each once, out of {', '.join(KINDS)}")
    if on not in DATES:
        raise TypeError(f"on={on!r}: one of {', '.join(DATES)}")

    def mark(function: F) -> F:
        function.__rule__ = _read(function, kinds, on)  # type: ignore[attr-defined]
        return function

    return mark


def decide(
    service: Service,
    rule_name: str,
    documents: Mapping[str, Any],
    day: date,
    node: str,
    *,
    parameters: Mapping[str, Parameter] | None = None,
) -> Decision:
    """Run one rule of a service on plain documents by name, with the parameters of `day` at `node`.

    `parameters` are those of the declaration a running case began under; by default the service's of today. Documents
    the rule doesn't take are left unread. Raises DocumentError (paths begin with the document's name), UnknownRule,
    NoParameter, and RuleError where the rule itself is wrong.
    """
    found = service.rules.get(rule_name)
    if found is None:
        raise UnknownRule(f"{service.key} has no rule {rule_name!r}")
    arguments: dict[str, Any] = _decoded(service, found, documents)
    read = Parameters(service.parameters if parameters is None else parameters, day, node)
    if found.wants_parameters:
        arguments["p"] = read
    if found.wants_day:
        arguments["day"] = day
    outcome = outcome_of(found, found.function(**arguments))
    return Decision(outcome, read.used)


def plain_outcome(outcome: Outcome) -> dict[str, Any]:
    """An outcome as plain data; reason, ref and value only where they apply."""
    plain: dict[str, Any] = {"outcome": outcome.outcome}
    if outcome.reason:
        plain["reason"] = outcome.reason
    if outcome.ref:
        plain["ref"] = outcome.ref
    if outcome.value is not None:
        plain["value"] = plain_value(outcome.value)
    return plain


def plain_value(result: Any) -> Any:
    """Money, Decimal and date as strings, documents as objects; str, int and bool stay. TypeError for anything else."""
    if isinstance(result, Document):
        return encode(result)
    if isinstance(result, date):
        return result.isoformat()
    if isinstance(result, Decimal):
        return format(result, "f")
    if isinstance(result, Money | str):
        return str(result)
    if isinstance(result, bool | int):
        return result
    if isinstance(result, list | tuple):
        return [plain_value(item) for item in result]
    raise TypeError(f"{type(result).__name__} is no value a rule can give")


def _read(function: Callable[..., Any], kinds: tuple[str, ...], on: str) -> Rule:
    documents, optional = [], set()
    names = inspect.signature(function).parameters
    for name, parameter in names.items():
        if parameter.kind is not parameter.POSITIONAL_OR_KEYWORD:
            raise TypeError(f"rule {function.__name__}: {parameter} - a rule takes plain arguments only")
        if name in ("p", "day"):
            continue
        documents.append(name)
        if parameter.default is not parameter.empty:
            optional.add(name)
    title = (inspect.getdoc(function) or "").strip()
    return Rule(
        name=function.__name__,
        function=function,
        outcomes=kinds,
        on=on,
        documents=tuple(documents),
        optional=frozenset(optional),
        wants_parameters="p" in names,
        wants_day="day" in names,
        title=title.splitlines()[0] if title else "",
    )


def _decoded(service: Service, found: Rule, documents: Mapping[str, Any]) -> dict[str, Any]:
    decoded: dict[str, Any] = {}
    errors: list[FieldError] = []
    for name in documents:
        if name not in service.documents:
            known = ", ".join(service.documents) or "-"
            message = Text(
                f"这项服务没有“{name[:60]}”这一文书，只有：{known}。",
                f"This service has no document “{name[:60]}”, only: {known}.",
            )
            errors.append(FieldError(name[:60], message, "unknown"))
    for name in found.documents:
        if documents.get(name) is not None:
            try:
                decoded[name] = decode(service.documents[name].cls, documents[name], name)
            except DocumentError as error:
                errors += error.errors
        elif name not in found.optional:
            message = Text(f"缺少文书“{name}”。", f"The document “{name}” is missing.")
            errors.append(FieldError(name, message, "required"))
    if errors:
        raise DocumentError(errors)
    return decoded


def outcome_of(found: Rule, result: Any) -> Outcome:
    """What the function gave, as an Outcome it declared. A bare result is a value; an Amount is rounded here, once."""
    if not isinstance(result, Outcome):
        result = value(result)
    if isinstance(result.value, Amount):
        result = Outcome(outcome=result.outcome, reason=result.reason, ref=result.ref, value=result.value.to_fen())
    if result.outcome not in found.outcomes:
        raise RuleError(f"rule {found.name} gave {result.outcome!r}, which it does not declare")
    if result.outcome == "value":
        try:
            plain_value(result.value)
        except TypeError as error:
            raise RuleError(f"rule {found.name}: {error}") from error
    return result
