"""What the node already knows about a person: shown with its origin instead of asked. Every look is audited.

What it does not know, the other node may; with the person's consent it is fetched, and shown as coming from there.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from chuanyu.core.documents import Field, Person, Sex, encode, fields
from chuanyu.core.service import Service
from chuanyu.core.text import Text
from chuanyu.exchange import known_facts
from chuanyu.identity import consents, vault
from chuanyu.identity.actor import Actor
from chuanyu.identity.consents import ConsentView
from chuanyu.identity.here import peer
from chuanyu.identity.queries import agency_name
from chuanyu.portal import papers

PERIODS = (30, 180, 365)  # days a consent can be given for


@dataclass(frozen=True)
class Known:
    name: str
    number: str  # masked: the first six and the last two
    lines: list[papers.Line]
    facts: dict[str, Any] = field(default_factory=dict)  # plain data of the document `person`


@dataclass(frozen=True)
class Elsewhere:
    """What this node lacks and the other may have. `lines`: what has been fetched; None before."""

    node: str
    agency: Text
    missing: list[Field]
    consent: ConsentView | None
    lines: list[papers.Line] | None = None
    at: datetime | None = None

    @property
    def periods(self) -> tuple[int, ...]:
        return PERIODS


def known(person: UUID, *, service: str, who: Actor, trace: str) -> Known:
    """A person's record as far as this service uses it. `trace`: the page or the case it was opened for."""
    opened = vault.reveal(person, purpose=service, by=who.id, trace=trace)
    facts = encode(Person(birth=opened.birth, sex=Sex[opened.sex], household=opened.household))
    masked = f"{opened.number[:6]}{'*' * 10}{opened.number[-2:]}"
    return Known(opened.name, masked, papers.lines(Person, facts), facts)


def elsewhere(who: Actor, service: Service, has: Known, fetched: dict[str, Any] | None) -> Elsewhere | None:
    """What could be fetched for this service, or was; None where there is nothing to fetch or nobody to agree to it."""
    missing = [f for f in fields(Person) if has.facts.get(f.name) is None]
    agency = known_facts.asks(service)
    uses = any(spec.by == "node" and spec.name == known_facts.DOCUMENT for spec in service.documents.values())
    if who.person is None or who.acts_for_another or not (missing and agency and uses):
        return None
    return Elsewhere(
        node=peer(),
        agency=agency_name(agency),
        missing=missing,
        consent=consents.standing(who.person, service=service.key, fields=names(missing)),
        lines=papers.lines(Person, fetched["facts"]) if fetched else None,
        at=datetime.fromisoformat(fetched["at"]) if fetched else None,
    )


def names(missing: list[Field]) -> list[str]:
    """Fields as a consent names them: "person.household"."""
    return [f"{known_facts.DOCUMENT}.{f.name}" for f in missing]


def field_titles(named: tuple[str, ...]) -> list[Text]:
    """What a consent names, in words."""
    titles = {f"{known_facts.DOCUMENT}.{f.name}": f.title for f in fields(Person)}
    return [titles.get(name, Text(name, name)) for name in named]
