"""The worked examples: each is run, and must come out as the lawyer wrote."""

import re
from collections.abc import Iterator
from datetime import date
from typing import Any

from chuanyu.core.catalogue import Draft, Problem
from chuanyu.core.documents import DocumentError
from chuanyu.core.parameters import NoParameter, UnitError
from chuanyu.core.rules import Decision, RuleError, decide
from chuanyu.core.service import NODES, Service
from chuanyu.core.sheet import Finding


def check(draft: Draft) -> list[Problem]:
    """Examples about unknown rules, with documents that don't fit, or with another result than the rule's."""
    service = draft.service()
    if service is None or draft.examples_sheet is None:
        return []
    found: list[Problem] = []
    for index, example in enumerate(draft.examples.get("decisions", ())):
        at = f"decisions.{index}"
        if not draft.examples_sheet.amiss(at):
            found += draft.located(_example(service, example, at), draft.examples_sheet)
    return found


def run(service: Service, example: dict[str, Any]) -> Decision:
    """The decision of one example. Raises as `rules.decide` does."""
    return decide(
        service,
        example["rule"],
        example["given"],
        date.fromisoformat(example["as_of"]),
        example.get("at") or NODES[0],
    )


def _example(service: Service, example: dict[str, Any], at: str) -> Iterator[Finding]:
    rule = service.rules.get(example["rule"])
    if rule is None:
        yield Finding(f"{at}.rule", "example_rule", f"{example['rule']!r} is no rule of this service")
        return
    ignored = [name for name in example["given"] if name in service.documents and name not in rule.documents]
    for name in ignored:
        yield Finding(f"{at}.given.{name}", "example_decode", f"rule {rule.name!r} doesn't take {name!r}")
    if any(name not in service.documents for name in rule.documents):
        return  # the rule itself is reported
    try:
        decision = run(service, example)
    except DocumentError as error:
        for one in error.errors:
            path = f"{at}.given.{dotted(one.path)}"
            yield Finding(path, "example_decode", f"{one.path}: {one.message.en}")
    except UnitError:
        pass  # the parameter itself is reported
    except (NoParameter, RuleError) as error:
        yield Finding(at, "example_differs", str(error))
    except Exception as error:  # a rule may fail in any way on what it was given; that is its example's problem
        message = f"rule {rule.name!r} fails: {type(error).__name__}: {error}"
        yield Finding(at, "example_differs", message)
    else:
        yield from _compare(example["expect"], decision, at)


def _compare(expect: dict[str, Any], decision: Decision, at: str) -> Iterator[Finding]:
    given = decision.plain()
    if "outcome" not in expect and "value" not in expect:
        yield Finding(f"{at}.expect", "missing_key", "an example expects an 'outcome' or a 'value'")
        return
    for key, expected in ({"outcome": "value"} | expect if "value" in expect else expect).items():
        if given.get(key) != expected or type(given.get(key)) is not type(expected):
            message = f"expected {key} {expected!r}, the rule gives {_said(given)}"
            yield Finding(f"{at}.expect.{key}", "example_differs", message)
            return


def _said(given: dict[str, Any]) -> str:
    return ", ".join(f"{key} {value!r}" for key, value in given.items())


def dotted(path: str) -> str:
    """`years[2].wages` as a path of a sheet: `years.2.wages`."""
    return re.sub(r"\[([0-9]+)\]", r".\1", path)
