"""What others may read of the plan: what it asks for, who leads, what works and what does not yet."""

import msgspec

from chuanyu.core.catalogue import catalogue
from chuanyu.core.service import NODES, Service
from chuanyu.core.text import Text
from chuanyu.delivery.plan import Clause, System, load


class LeadView(msgspec.Struct, frozen=True, kw_only=True):
    """A lead unit as the plan calls it. `node` and `code` name the agency on record: "sichuan", "hrss"."""

    node: str
    code: str
    name: Text


class ServiceView(msgspec.Struct, frozen=True, kw_only=True):
    """A service that runs here. `key` is what its pages are addressed by."""

    key: str
    name: Text


class SystemView(msgspec.Struct, frozen=True, kw_only=True):
    """One of the systems a clause needs. `works`: at least one of its services runs here."""

    id: str
    name: Text
    by: tuple[str, ...]
    services: tuple[ServiceView, ...]
    works: bool


class ClauseView(msgspec.Struct, frozen=True, kw_only=True):
    """`others`: services of the clause that belong to no listed system. `working` of `total` systems work."""

    number: int
    section: str
    section_name: Text
    name: Text
    ask: Text
    leads: tuple[LeadView, ...]  # Chongqing's first
    systems: tuple[SystemView, ...]
    others: tuple[ServiceView, ...]
    working: int
    total: int


def plan() -> list[ClauseView]:
    """All 22 clauses in the plan's order."""
    return [_clause(clause) for clause in load().clauses]


def lead(service: Service, node: str) -> Text:
    """A service's lead unit at a node as the plan calls it, in both languages."""
    name = service.leads[node]
    return next((unit.name for unit in load().units(node) if unit.name.zh == name), Text(name, name))


def about() -> tuple[Text, str]:
    """The plan's title and its 文号."""
    return load().title, load().number


def _clause(clause: Clause) -> ClauseView:
    systems = tuple(_system(system) for system in clause.systems)
    listed = {key for system in clause.systems for key in system.services}
    return ClauseView(
        number=clause.number,
        section=clause.section,
        section_name=load().sections[clause.section],
        name=clause.name,
        ask=clause.ask,
        leads=tuple(
            LeadView(node=unit.node, code=unit.code, name=unit.name) for node in NODES for unit in clause.leads[node]
        ),
        systems=systems,
        others=tuple(
            _service(service)
            for service in catalogue().values()
            if service.clause == clause.number and service.key not in listed
        ),
        working=sum(system.works for system in systems),
        total=len(systems),
    )


def _system(system: System) -> SystemView:
    services = tuple(_service(catalogue()[key]) for key in system.services if key in catalogue())
    return SystemView(id=system.id, name=system.name, by=system.by, services=services, works=bool(services))


def _service(service: Service) -> ServiceView:
    return ServiceView(key=service.key, name=service.name)
