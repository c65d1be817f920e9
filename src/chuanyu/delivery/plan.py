"""The plan as frozen objects, read from plan.yaml: clauses, lead units, and the systems each clause needs."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

from chuanyu.core import sheet
from chuanyu.core.service import NODES, Service
from chuanyu.core.text import Text

FILE = Path(__file__).with_name("plan.yaml")
CLAUSES = range(1, 23)
CAPABILITIES = ("exchange", "recognition", "cases", "clearing", "pool", "reach", "standards", "watch", "delivery")
WITHOUT_LEADS = (20, 22)  # the plan names none for these two
WITHOUT_SYSTEMS = (20,)  # and there is nothing to build for this one


class PlanError(ValueError):
    """plan.yaml is not whole, or a service contradicts it: `problems` are sentences."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


@dataclass(frozen=True)
class Unit:
    """A lead unit as the plan calls it; `node` and `code` are those of the agency on record."""

    node: str
    code: str
    name: Text


@dataclass(frozen=True)
class System:
    """One thing to build. `by`: the capabilities it stands on. `services`: keys of the service folders it consists of."""

    id: str
    name: Text
    by: tuple[str, ...]
    services: tuple[str, ...]


@dataclass(frozen=True)
class Clause:
    """What one clause asks for. `leads`: node → units, in the plan's order; none for clauses 20 and 22."""

    number: int
    section: str
    name: Text
    ask: Text
    leads: Mapping[str, tuple[Unit, ...]]
    systems: tuple[System, ...]


@dataclass(frozen=True)
class Plan:
    """`number` is the plan's 文号; `sections` in the plan's order."""

    title: Text
    number: str
    issued: date
    until: date
    sections: Mapping[str, Text]
    clauses: tuple[Clause, ...]

    def units(self, node: str) -> tuple[Unit, ...]:
        """Every lead unit the plan names at a node, each once."""
        return tuple(dict.fromkeys(unit for clause in self.clauses for unit in clause.leads[node]))


@cache
def load(file: Path = FILE) -> Plan:
    """Read the plan. Raises PlanError with everything that is wrong with it."""
    data = sheet.facts(file)
    try:
        plan = _plan(data)
    except (KeyError, TypeError) as error:
        raise PlanError([f"{file.name}: missing or misplaced: {error}"]) from error
    problems = list(_problems(plan))
    if problems:
        raise PlanError(problems)
    return plan


def disagreements(plan: Plan, services: Mapping[str, Service]) -> list[str]:
    """Where services and plan contradict each other: one sentence each.

    A service's leads are those of its clause, or any the plan knows where the clause has none. A system works by services of
    its own clause, and no service is two systems.
    """
    problems = []
    clauses = {clause.number: clause for clause in plan.clauses}
    for service in services.values():
        for node in NODES:
            clause = clauses[service.clause]
            leads = clause.leads[node] or (plan.units(node) if clause.systems else ())
            named = [unit.name.zh for unit in leads]
            if service.leads[node] not in named:
                problems.append(
                    f"service {service.key}: {service.leads[node]} ({node}) is no lead unit of clause {service.clause}: "
                    + ("、".join(named) or "it has none")
                )
    for clause in plan.clauses:
        for system in clause.systems:
            for key in system.services:
                if key in services and services[key].clause != clause.number:
                    problems.append(
                        f"system {system.id} names the service {key}, which is of clause {services[key].clause}"
                    )
    named_by = Counter(key for clause in plan.clauses for system in clause.systems for key in system.services)
    problems += [f"the service {key} is named by {count} systems" for key, count in named_by.items() if count > 1]
    return problems


def _plan(data: Any) -> Plan:
    units = {
        node: {code: Unit(node, code, _text(name)) for code, name in data["units"][node].items()} for node in NODES
    }
    return Plan(
        title=_text(data["plan"]["title"]),
        number=data["plan"]["number"],
        issued=data["plan"]["issued"],
        until=data["plan"]["until"],
        sections={key: _text(name) for key, name in data["sections"].items()},
        clauses=tuple(_clause(row, units) for row in data["clauses"]),
    )


def _clause(row: Any, units: Mapping[str, Mapping[str, Unit]]) -> Clause:
    return Clause(
        number=row["number"],
        section=row["section"],
        name=_text(row["name"]),
        ask=_text(row["ask"]),
        leads={node: tuple(units[node][code] for code in row["leads"][node]) for node in NODES},
        systems=tuple(
            System(system["id"], _text(system["name"]), tuple(system["by"]), tuple(system.get("services", ())))
            for system in row["systems"]
        ),
    )


def _text(row: Any) -> Text:
    return Text(zh=row["zh"], en=row["en"])


def _problems(plan: Plan) -> Iterator[str]:
    numbers = [clause.number for clause in plan.clauses]
    if numbers != list(CLAUSES):
        yield f"the clauses must be 1 to {CLAUSES[-1]}, each once and in order, not {numbers}"
    for clause in plan.clauses:
        at = f"clause {clause.number}"
        if clause.section not in plan.sections:
            yield f"{at}: there is no section {clause.section!r}"
        if not (clause.name.zh and clause.name.en and clause.ask.zh and clause.ask.en):
            yield f"{at}: its name and what it asks for are needed in zh and en"
        for node in NODES:
            if bool(clause.leads[node]) == (clause.number in WITHOUT_LEADS):
                yield f"{at}: {'has no' if clause.leads[node] else 'needs a'} lead unit in {node}"
        if bool(clause.systems) == (clause.number in WITHOUT_SYSTEMS):
            yield f"{at}: {'has nothing to build' if clause.systems else 'needs a system'}"
        for position, system in enumerate(clause.systems, start=1):
            if system.id != f"{clause.number}.{position}":
                yield f"{at}: its system {position} is numbered {system.id}"
            if not (system.name.zh and system.name.en):
                yield f"system {system.id}: a name is needed in zh and en"
            for word in system.by:
                if word not in CAPABILITIES:
                    yield f"system {system.id}: there is no capability {word!r}"
            if not system.by:
                yield f"system {system.id}: which capabilities does it stand on?"
