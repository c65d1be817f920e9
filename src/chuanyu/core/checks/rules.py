"""The rules of a service, against its documents, its procedure, its reasons and its parameters."""

import types
import typing
from collections.abc import Collection, Iterator
from typing import Any

from chuanyu.core.catalogue import OWN_DOCUMENTS, Draft, Problem, shown
from chuanyu.core.declaration import OWN_REASONS
from chuanyu.core.documents import Document
from chuanyu.core.service import Act, Declared, Rule, State
from chuanyu.core.sheet import Finding
from chuanyu.core.soundness import unknown_basis
from chuanyu.core.source import Source


def check(draft: Draft) -> list[Problem]:
    """What rules ask for and give, and what the procedure expects of them."""
    found: list[Problem] = []
    declared = draft.declared
    if declared is None:
        return found
    own = [each for name, each in draft.sources.items() if "/" not in name and each.parsed]
    for source in own:
        found += _named(declared, source)
    if draft.sources.get("rules.py") in own:
        found += draft.located(_unused_reasons(declared, {reason for source in own for reason in source.reasons}))
    if draft.rules is not None:
        found += _arguments(draft, declared, draft.rules)
        found += draft.located(_decisions(declared, draft.rules))
        found += _made(draft, declared, draft.rules)
        found += draft.located(_absent(declared, draft.rules))
        found += _examples(draft, draft.rules)
    return found


def _named(declared: Declared, source: Source) -> Iterator[Problem]:
    """Reasons, refs and parameters that rules.py, or a module beside it, names."""
    file = shown(source.file)
    for reason, line in source.reasons.items():
        if reason not in declared.reasons:
            yield Problem(file, line, f"reason {reason!r} is not declared in service.yaml", "reason_unknown")
    for ref, line in source.refs.items():
        if unknown_basis(declared, ref):
            yield Problem(file, line, f"{ref!r} names no declared basis", "ref")
    for key, line in source.parameters.items():
        if key not in declared.parameters:
            yield Problem(file, line, f"parameter {key!r} is not declared in service.yaml", "parameter_unknown")


def _unused_reasons(declared: Declared, given: Collection[str]) -> Iterator[Finding]:
    for key in declared.reasons:
        if key not in given and key not in OWN_REASONS:
            yield Finding(f"reasons.{key}", "reason_unused", f"reason {key!r} is declared, but no rule gives it")


def _arguments(draft: Draft, declared: Declared, rules: dict[str, Rule]) -> Iterator[Problem]:
    for rule in rules.values():
        source = draft.sources["rules.py"]
        file, line = shown(source.file), source.functions.get(rule.name, 1)
        classes = _annotations(rule)
        for name in rule.documents:
            document = declared.documents.get(name)
            if document is None:
                message = f"rule {rule.name!r} takes {name!r}, which is no declared document, nor 'p' or 'day'"
                yield Problem(file, line, message, "rule_argument")
                continue
            cls = {**OWN_DOCUMENTS, **(draft.classes or {})}.get(document.class_name)
            if cls is not None and name in classes and classes[name] is not cls:
                message = (
                    f"rule {rule.name!r} takes {name!r} as {classes[name].__name__}, service.yaml says {cls.__name__}"
                )
                yield Problem(file, line, message, "rule_argument")
        for outcome, where in source.outcomes.get(rule.name, {}).items():
            if outcome not in rule.outcomes:
                message = f"rule {rule.name!r} gives {outcome!r}, which it does not declare"
                yield Problem(file, where, message, "outcome_undeclared")


def _annotations(rule: Rule) -> dict[str, type[Document]]:
    """The document class each argument is annotated with, `| None` taken off."""
    try:
        hints = typing.get_type_hints(rule.function)
    except (NameError, AttributeError, TypeError):
        return {}
    found: dict[str, Any] = {}
    for name, hint in hints.items():
        parts = typing.get_args(hint) if typing.get_origin(hint) in (typing.Union, types.UnionType) else (hint,)
        kinds = [part for part in parts if part is not types.NoneType]
        if len(kinds) == 1 and isinstance(kinds[0], type):
            found[name] = kinds[0]
    return found


def _decisions(declared: Declared, rules: dict[str, Rule]) -> Iterator[Finding]:
    """Every outcome a decision can have leads somewhere, and only those do."""
    for state, act, at in _acts(declared):
        name = f"act {act.name!r} of state {state.name!r}"
        rule = rules.get(act.decide) if act.decide else None
        if act.decide and rule is None:
            yield Finding(f"{at}.decide", "rule_unknown", f"{name} decides by {act.decide!r}, which is no rule")
        if rule is not None and act.to:
            for outcome in rule.outcomes:
                if outcome not in act.to:
                    message = f"{name} has no target for {outcome!r}, which rule {rule.name!r} can give"
                    yield Finding(f"{at}.to", "outcome_no_target", message)
            for outcome in act.to:
                if outcome not in rule.outcomes:
                    message = f"{name} has a target for {outcome!r}, which rule {rule.name!r} never gives"
                    yield Finding(f"{at}.to.{outcome}", "outcome_impossible", message)
        for key, names, code in (
            ("reserve", act.reserve, "posting"),
            ("post", act.post, "posting"),
            ("makes", act.makes, "made"),
            ("at", (act.at,) if act.at else (), "auto"),
        ):
            known = declared.documents if key == "makes" else declared.postings if key != "at" else names
            for wanted in names:
                if wanted in known:
                    yield from _value(rules, wanted, f"{at}.{key}", code, f"{name} needs")
    for posting in declared.postings.values():
        if "title" not in declared.declaration["clearing"][posting.name]:
            yield Finding(f"clearing.{posting.name}", "text", f"posting {posting.name!r} has no title")
        at, who = f"clearing.{posting.name}", f"posting {posting.name!r} needs"
        if posting.prepayment is not None and posting.prepayment.rule:
            yield from _value(rules, posting.prepayment.rule, f"{at}.prepayment.rule", "prepayment", who)
        if posting.allowance:
            yield from _value(rules, posting.allowance, f"{at}.allowance", "posting", who)
            yield from _allowance(declared, rules.get(posting.allowance), f"{at}.allowance", who)


def _allowance(declared: Declared, rule: Rule | None, at: str, who: str) -> Iterator[Finding]:
    """It is asked before there is a case: nothing is there but the clock and, perhaps, the register."""
    for name in rule.documents if rule else ():
        document = declared.documents.get(name)
        if document is None:
            continue
        held = document.class_name == "Moment" or (document.register and rule is not None and name in rule.optional)
        if not held:
            message = f"{who} {name!r} for its allowance: only the moment, and what a register may hold, is there"
            yield Finding(at, "posting", message)


def _value(rules: dict[str, Rule], wanted: str, at: str, code: str, who: str) -> Iterator[Finding]:
    """The rule whose value is an amount, a document or a moment: there must be one, and it gives nothing else."""
    rule = rules.get(wanted)
    if rule is None:
        yield Finding(at, "rule_unknown", f"{who} {wanted!r}, which is no rule")
    elif rule.outcomes != ("value",):
        yield Finding(at, code, f"{who} what rule {wanted!r} gives: that must be a value and nothing else")


def _made(draft: Draft, declared: Declared, rules: dict[str, Rule]) -> Iterator[Problem]:
    """A rule that makes a document says that it gives one of that document's class."""
    for name, document in declared.documents.items():
        rule, cls = rules.get(name), (draft.classes or {}).get(document.class_name)
        if document.made and rule is not None and cls is not None and _annotations(rule).get("return") is not cls:
            source = draft.sources["rules.py"]
            message = f"rule {name!r} makes document {name!r}, so it returns {cls.__name__}"
            yield Problem(shown(source.file), source.functions.get(name, 1), message, "made")


def _absent(declared: Declared, rules: dict[str, Rule]) -> Iterator[Finding]:
    """What a rule must have is there on every way to the act: taken before, or held by the owner of the state."""
    procedure = declared.procedure
    if procedure is None:
        return
    there: dict[str, frozenset[str]] = {procedure.start_state: frozenset(procedure.start_takes)}
    waiting = [procedure.start_state]
    while waiting:
        state = procedure.states.get(waiting.pop())
        for act in state.does.values() if state else ():
            assert state is not None
            for outcome, target in act.to.items():
                after = there[state.name] | set(act.takes) | (set(act.makes) if outcome == "accept" else set())
                surely = after if target not in there else there[target] & after
                if there.get(target) != surely:
                    there[target] = surely
                    waiting.append(target)
    for state, act, at in _acts(declared):
        if state.name not in there:
            continue
        held = {
            name
            for name, document in declared.documents.items()
            if document.by == "node" or (document.register and document.by == state.owner)
        }
        made: set[str] = set()
        for key, wanted in _asked(act):
            rule = rules.get(wanted)
            for name in rule.documents if rule else ():
                known = name in declared.documents and name not in (rule.optional if rule else ())
                if known and name not in there[state.name] | held | set(act.takes) | made:
                    message = (
                        f"document {name!r} may not be there when act {act.name!r} of state {state.name!r} needs it"
                    )
                    yield Finding(f"{at}.{key}", "document_absent", message)
            if key == "makes":
                made.add(wanted)


def _asked(act: Act) -> Iterator[tuple[str, str]]:
    """The rules an act runs, in order, by the key that names them."""
    yield from (("at", name) for name in (act.at,) if name)
    yield from (("decide", name) for name in (act.decide,) if name)
    for key in ("makes", "reserve", "post"):
        yield from ((key, name) for name in getattr(act, key))


def _examples(draft: Draft, rules: dict[str, Rule]) -> Iterator[Problem]:
    """Every rule has an example, and one for each outcome it can have."""
    if draft.examples_sheet is not None and draft.examples_sheet.data is None:
        return  # the file can't be read: that has been said
    shown_outcomes: dict[str, set[str]] = {}
    for example in draft.examples.get("decisions", ()):
        outcome = example["expect"].get("outcome") or "value"
        shown_outcomes.setdefault(example["rule"], set()).add(outcome)
    for rule in rules.values():
        source = draft.sources["rules.py"]
        file, line = shown(source.file), source.functions.get(rule.name, 1)
        if rule.name not in shown_outcomes:
            yield Problem(file, line, f"rule {rule.name!r} has no example", "rule_example")
            continue
        for outcome in rule.outcomes:
            if outcome not in shown_outcomes[rule.name]:
                message = f"rule {rule.name!r} can give {outcome!r}, but no example shows it"
                yield Problem(file, line, message, "outcome_example")


def _acts(declared: Declared) -> Iterator[tuple[State, Act, str]]:
    for state in declared.procedure.states.values() if declared.procedure else ():
        for act in state.does.values():
            yield state, act, f"cases.states.{state.name}.does.{act.name}"
