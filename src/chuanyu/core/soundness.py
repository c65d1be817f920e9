"""Whether a declaration makes sense in itself: its procedure, its parameters, its references. No folder is needed.

Every function gives findings; none stops at the first. A blank value has been reported by the shape already.
"""

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

from chuanyu.core import filed, movements
from chuanyu.core.outcomes import KINDS
from chuanyu.core.parameters import Parameter, UnitError, Value, typed
from chuanyu.core.service import NODES, Act, Declared, Procedure, State
from chuanyu.core.sheet import Finding


def findings(view: Declared, fitted: Mapping[str, Any]) -> list[Finding]:
    """Everything unsound in a declaration. `fitted` is its plain data in the shape of `grammar.SERVICE`."""
    found = [*_basis(view), *_parameters(view, fitted), *_documents(view), *_promise(view), *movements.findings(view)]
    found += filed.findings(view)
    if view.procedure is not None:
        found += [*_start(view), *_states(view, view.procedure), *_graph(view.procedure), *_by_itself(view.procedure)]
    return found


def unknown_basis(view: Declared, ref: str) -> bool:
    """Whether `ref` ("basis-key#article") names a basis the service doesn't declare."""
    return bool(ref) and ref.partition("#")[0] not in view.basis


def _basis(view: Declared) -> Iterator[Finding]:
    for key, basis in view.basis.items():
        if basis.until and basis.until < basis.since:
            yield Finding(f"basis.{key}.until", "validity", f"basis {key!r} ends before it begins")


def _parameters(view: Declared, fitted: Mapping[str, Any]) -> Iterator[Finding]:
    for key, parameter in view.parameters.items():
        at = f"parameters.{key}"
        lists = fitted["parameters"][key]
        where = [name for name in ("values", *NODES) if name in lists]
        if "values" in where and len(where) > 1:
            yield Finding(at, "provinces", f"parameter {key!r} has both 'values' and values of a province")
        elif len(where) == 1 and where != ["values"]:
            missing = next(node for node in NODES if node not in where)
            yield Finding(at, "provinces", f"parameter {key!r} has {where[0]!r} but no {missing!r}")
        elif not where or not all(lists[name] for name in where):
            yield Finding(at, "no_values", f"parameter {key!r} has no values")
        for name in where:
            values = [value for value in parameter.values if value.at == (None if name == "values" else name)]
            yield from _values(view, parameter, values, f"{at}.{name}")


def _values(view: Declared, parameter: Parameter, values: list[Value], at: str) -> Iterator[Finding]:
    for index, value in enumerate(values):
        if parameter.unit and value.value is not None:
            try:
                typed(parameter.unit, value.value)
            except UnitError as error:
                yield Finding(f"{at}.{index}.value", "value", f"value of parameter {parameter.key!r}: {error}")
        if unknown_basis(view, value.ref):
            yield Finding(f"{at}.{index}.ref", "ref", _no_basis(value.ref))
        if value.until is not None and value.until < value.since:
            yield Finding(f"{at}.{index}.until", "validity", f"a value of {parameter.key!r} ends before it begins")
    for index, (before, after) in enumerate(pairwise(values), start=1):
        if after.since <= before.since:
            yield Finding(f"{at}.{index}.from", "validity", f"values of {parameter.key!r} are not in order of 'from'")
        elif before.until is not None and before.until >= after.since:
            message = f"a value of {parameter.key!r} holds until {before.until}, the next begins {after.since}"
            yield Finding(f"{at}.{index}.from", "validity", message)


def _documents(view: Declared) -> Iterator[Finding]:
    parties = _parties(view)
    for name, document in view.documents.items():
        at = f"documents.{name}"
        if document.by and document.by not in ("applicant", "node", *parties):
            yield Finding(f"{at}.by", "document_by", f"document {name!r} is by {document.by!r}, who is no party")
        elif document.register and document.by in ("applicant", "node"):
            message = f"document {name!r} comes from a register, so it is by the party that keeps it"
            yield Finding(f"{at}.register", "document_by", message)
        elif document.made and document.by in ("applicant", "node"):
            yield Finding(
                f"{at}.made", "made", f"document {name!r} is made by a rule, so it is by the party that makes it"
            )
        if document.explains and (not document.made or document.explains not in view.documents):
            message = (
                f"document {name!r} explains {document.explains!r}: it must be made by a rule, and that be declared"
            )
            yield Finding(f"{at}.explains", "made", message)
        if document.made and name not in {made for _, act in _acts(view) for made in act.makes}:
            yield Finding(f"{at}.made", "made", f"no act makes document {name!r}")


def _promise(view: Declared) -> Iterator[Finding]:
    if view.promise is None:
        return
    if unknown_basis(view, view.promise.ref):
        yield Finding("watch.promise.ref", "ref", _no_basis(view.promise.ref))
    try:
        fits = not view.promise.share or 0 < typed("ratio", view.promise.share) <= 1
    except UnitError:
        fits = False
    if not fits:
        yield Finding("watch.promise.share", "promise", "'share' of the promise is a ratio above 0 and up to \"1\"")
    waiting = [state for state in view.procedure.states.values() if not state.final] if view.procedure else []
    if waiting and all(state.outside for state in waiting):
        yield Finding(
            "watch.promise", "promise", "every state waits outside: there is no time a promise could be about"
        )


def _start(view: Declared) -> Iterator[Finding]:
    assert view.procedure is not None
    start = view.procedure.start_state
    if start and start not in view.procedure.states:
        yield Finding("cases.start.state", "target_unknown", f"start state {start!r} is unknown")
    yield from _takes(view, view.procedure.start_takes, "cases.start.takes", "the start")


def _states(view: Declared, procedure: Procedure) -> Iterator[Finding]:
    for name, state in procedure.states.items():
        at = f"cases.states.{name}"
        if state.final:
            yield from _final(state, at)
            continue
        if state.owner is None:
            yield Finding(at, "state_owner", f"state {name!r} waits without an owner")
        elif state.owner not in procedure.parties:
            yield Finding(f"{at}.owner", "state_owner", f"owner {state.owner!r} of state {name!r} is no party")
        if state.term is None:
            yield Finding(at, "state_term", f"state {name!r} waits without a term")
        else:
            parameter = view.parameters.get(state.term)
            if parameter is None or parameter.unit not in ("working_days", ""):
                message = f"term {state.term!r} of state {name!r} is no parameter in working_days"
                yield Finding(f"{at}.term", "state_term", message)
        for act in state.does.values():
            yield from _act(view, state, act, f"{at}.does.{act.name}")


def _final(state: State, at: str) -> Iterator[Finding]:
    if state.does:
        yield Finding(f"{at}.does", "final_acts", f"state {state.name!r} is final, so nothing can be done in it")
    if state.owner or state.term or state.outside:
        message = f"state {state.name!r} is final, so it has no owner and no term, and waits for nothing outside"
        yield Finding(at, "final_acts", message)


def _act(view: Declared, state: State, act: Act, at: str) -> Iterator[Finding]:
    procedure = view.procedure
    assert procedure is not None
    name = f"act {act.name!r} of state {state.name!r}"
    if act.by and act.by not in ("owner", "applicant", "auto", *procedure.parties):
        yield Finding(
            f"{at}.by", "act_by", f"{name} is by {act.by!r}: neither owner nor applicant nor auto nor a party"
        )
    for outcome, target in act.to.items():
        if outcome not in KINDS or (act.decide is None and outcome != "accept"):
            why = "no decision is made there" if outcome in KINDS else "there is no such outcome"
            yield Finding(f"{at}.to.{outcome}", "outcome_impossible", f"{name} has a target for {outcome!r}: {why}")
        if target not in procedure.states:
            message = f"{name} leads to the unknown state {target!r}"
            yield Finding(f"{at}.to.{outcome}", "target_unknown", message)
    if act.decide is None and act.to and "accept" not in act.to:
        yield Finding(f"{at}.to", "outcome_no_target", f"{name} has no target for 'accept'")
    yield from _takes(view, act.takes, f"{at}.takes", name)
    yield from _makes(view, state, act, at)
    if act.by == "auto":
        for taken in act.takes:
            document = view.documents.get(taken)
            if document is not None and not (document.register and document.by == state.owner):
                message = f"{name} is done by itself, but nobody is there to hand in {taken!r}"
                yield Finding(f"{at}.takes", "auto", message)
        if act.note:
            yield Finding(f"{at}.note", "auto", f"{name} is done by itself, so nobody writes a sentence")
    elif act.at is not None:
        yield Finding(f"{at}.at", "auto", f"{name} has a moment, but only an act by 'auto' is done by itself")


def _takes(view: Declared, takes: tuple[str, ...], at: str, name: str) -> Iterator[Finding]:
    for document in takes:
        if document and document not in view.documents:
            yield Finding(at, "document_unknown", f"{name} takes {document!r}, which is no declared document")
        elif document and view.documents[document].made:
            yield Finding(at, "made", f"{name} takes {document!r}, which a rule makes, not a person")


def _makes(view: Declared, state: State, act: Act, at: str) -> Iterator[Finding]:
    name = f"act {act.name!r} of state {state.name!r}"
    for made in act.makes:
        document = view.documents.get(made)
        if document is None:
            yield Finding(f"{at}.makes", "document_unknown", f"{name} makes {made!r}, which is no declared document")
        elif not document.made:
            yield Finding(f"{at}.makes", "made", f"{name} makes {made!r}, which is not declared as made")
        elif state.owner and document.by != state.owner:
            message = f"{name} makes {made!r}, which is by {document.by!r}, not by the owner of the state"
            yield Finding(f"{at}.makes", "made", message)


def _by_itself(procedure: Procedure) -> Iterator[Finding]:
    """What the node does by itself is clear and comes to an end: one such act at once in a state, and no way round."""
    leads: dict[str, set[str]] = {}
    for name, state in procedure.states.items():
        own = [act for act in state.does.values() if act.by == "auto" and act.at is None]
        leads[name] = {
            target for act in own for outcome, target in act.to.items() if (outcome, target) != ("hold", name)
        }
        if len(own) > 1:
            both = " and ".join(repr(act.name) for act in own)
            yield Finding(
                f"cases.states.{name}.does.{own[1].name}.by", "auto", f"{both} would both be done by themselves"
            )
    for name, targets in leads.items():
        if name in _closure(targets, leads):
            message = f"what is done by itself in state {name!r} leads back to it: that never ends"
            yield Finding(f"cases.states.{name}", "auto", message)


def _graph(procedure: Procedure) -> Iterator[Finding]:
    """Every state is on a way from the start to an end."""
    leads = {
        name: {target for act in state.does.values() for target in act.to.values()}
        for name, state in procedure.states.items()
    }
    reached = _closure({procedure.start_state}, leads)
    comes: dict[str, set[str]] = {}
    for name, targets in leads.items():
        for target in targets:
            comes.setdefault(target, set()).add(name)
    ending = _closure({name for name, state in procedure.states.items() if state.final}, comes)
    for name in procedure.states:
        at = f"cases.states.{name}"
        if procedure.start_state in procedure.states and name not in reached:
            yield Finding(at, "state_unreachable", f"state {name!r} can't be reached from the start")
        if name not in ending:
            yield Finding(at, "state_no_way_out", f"no act leads from state {name!r} to a final state")


def _closure(seeds: set[str], edges: Mapping[str, set[str]]) -> set[str]:
    reached: set[str] = set()
    waiting = list(seeds)
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting += edges.get(name, ())
    return reached


def _acts(view: Declared) -> Iterator[tuple[State, Act]]:
    for state in view.procedure.states.values() if view.procedure else ():
        for act in state.does.values():
            yield state, act


def _parties(view: Declared) -> tuple[str, ...]:
    return tuple(view.procedure.parties) if view.procedure else ()


def _no_basis(ref: str) -> str:
    return f"{ref!r} names no declared basis"
