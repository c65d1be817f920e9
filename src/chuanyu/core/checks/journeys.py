"""The journeys of a service: each step is one that can be taken in the state the journey has reached."""

from collections.abc import Iterator, Mapping
from datetime import time
from typing import Any

from chuanyu.core.catalogue import Draft, Problem
from chuanyu.core.checks.examples import dotted
from chuanyu.core.documents import Document, DocumentError, Person, decode
from chuanyu.core.service import Act, DeclaredDocument, Procedure, Service, State
from chuanyu.core.sheet import Finding


def check(draft: Draft) -> list[Problem]:
    """Walk every journey through the procedure, and decode every document in it."""
    service = draft.service()
    if service is None or draft.declared is None or draft.examples_sheet is None:
        return []
    found: list[Problem] = []
    for index, journey in enumerate(draft.examples.get("journeys", ())):
        at = f"journeys.{index}"
        if draft.examples_sheet.amiss(at):
            continue
        if service.procedure is None:
            findings = [Finding(at, "journey", "there is no journey through a service without 'cases'")]
            found += draft.located(findings, draft.examples_sheet)
            continue
        walk = _Walk(service, service.procedure, draft.declared.documents)
        found += draft.located(walk.documents(journey, at), draft.examples_sheet)
        found += draft.located(walk.steps(journey["steps"], at), draft.examples_sheet)
    return found


class _Walk:
    """Without running rules: where a step's outcome is not said, all its targets are possible."""

    def __init__(self, service: Service, procedure: Procedure, declared: Mapping[str, DeclaredDocument]):
        self.service = service
        self.declared = declared
        self.procedure = procedure
        self.states: set[str] = set()

    def documents(self, journey: dict[str, Any], at: str) -> Iterator[Finding]:
        yield from self.decoded(Person, journey["resident"], f"{at}.resident")
        for key, hour in journey.get("hours", {}).items():
            try:
                time.fromisoformat(hour)
            except ValueError:
                yield Finding(f"{at}.hours.{key}", "journey", f"{hour!r} is no time of day like 22:00")
        for index, entry in enumerate(journey.get("register", ())):
            owner, _, name = entry["document"].rpartition(".")
            here = f"{at}.register.{index}"
            if owner and owner != self.service.key:
                continue  # another service's document: its own folder knows it
            document = self.declared.get(name)
            if document is None or not document.register:
                message = f"{name!r} is no document of this service that a register holds"
                yield Finding(f"{here}.document", "journey", message)
            elif name in self.service.documents:
                yield from self.decoded(self.service.documents[name].cls, entry["body"], f"{here}.body")

    def steps(self, steps: list[dict[str, Any]], at: str) -> Iterator[Finding]:
        for index, step in enumerate(steps):
            here = f"{at}.steps.{index}"
            before = len(self.states)
            if step["as"] not in ("", "resident", *self.procedure.parties):
                yield Finding(f"{here}.as", "journey", f"{step['as']!r} is neither the resident nor a party")
            if index == 0 or step["do"] == "start":
                if index or step["do"] != "start":
                    yield Finding(f"{here}.do", "journey", "a journey begins with 'start', and starts once")
                    return
                takes, targets = self.procedure.start_takes, {self.procedure.start_state}
            else:
                acts = [
                    (self.procedure.states[name], act)
                    for name in sorted(self.states)
                    for act in self.procedure.states[name].does.values()
                    if act.name == step["do"]
                ]
                if not acts:
                    yield Finding(f"{here}.do", "journey", f"there is no act {step['do']!r} in state {self.reached()}")
                    return
                if not any(self.may(step["as"], state, act) for state, act in acts):
                    yield Finding(f"{here}.as", "journey", f"{step['as']!r} can't do {step['do']!r} there")
                takes = tuple(name for _, act in acts for name in act.takes)
                targets = self.targets(step, acts)
            yield from self.given(step, takes, here)
            self.states = {name for name in self.onward(targets) if name in self.procedure.states}
            seen = (step.get("see") or {}).get("state")
            if seen is not None and self.states:
                if seen not in self.states:
                    message = f"state {seen!r} can't be seen there, only {self.reached()}"
                    yield Finding(f"{here}.see.state", "journey", message)
                    return
                self.states = {seen}
            if not self.states and before:
                return  # it leads to an unknown state: that has been said

    def targets(self, step: dict[str, Any], acts: list[tuple[State, Act]]) -> set[str]:
        """Where the step may lead. A posting may be refused, and a request may come too late: then nothing moves."""
        outcome = str((step.get("see") or {}).get("outcome"))
        targets: set[str] = set()
        for state, act in acts:
            targets |= {act.to[outcome]} if outcome in act.to else set(act.to.values())
            if act.moves or act.by not in ("owner", "auto"):
                targets.add(state.name)
        return targets

    def onward(self, states: set[str]) -> set[str]:
        """These states, and those the nodes go on to by themselves."""
        reached, waiting = set(states), list(states)
        while waiting:
            state = self.procedure.states.get(waiting.pop())
            for act in state.does.values() if state else ():
                new = set(act.to.values()) - reached if act.by == "auto" and act.at is None else set()
                reached |= new
                waiting += new
        return reached

    def given(self, step: dict[str, Any], takes: tuple[str, ...], here: str) -> Iterator[Finding]:
        for name, body in (step.get("with") or {}).items():
            if name not in takes:
                yield Finding(f"{here}.with.{name}", "journey", f"{step['do']!r} doesn't take {name!r}")
            elif name in self.service.documents:
                yield from self.decoded(self.service.documents[name].cls, body, f"{here}.with.{name}")

    def decoded(self, cls: type[Document], body: Any, at: str) -> Iterator[Finding]:
        try:
            decode(cls, body)
        except DocumentError as error:
            for one in error.errors:
                path = f"{at}.{dotted(one.path)}" if one.path else at
                yield Finding(path, "example_decode", f"{one.path}: {one.message.en}" if one.path else one.message.en)
        except TypeError:
            pass  # the class itself is badly written: that has been said

    def may(self, who: str, state: State, act: Act) -> bool:
        """Whether a step's actor is who the act is for; the counter may file what an applicant brings."""
        if who == "resident":
            return act.by == "applicant"
        actor = state.owner if act.by in ("owner", "auto") else act.by
        return actor in ("applicant", who) or actor not in self.procedure.parties  # no party: that has been said

    def reached(self) -> str:
        return " or ".join(repr(name) for name in sorted(self.states))
