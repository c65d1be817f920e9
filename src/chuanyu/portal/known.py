"""What the node already knows about a person: shown with its origin instead of asked. Every look is audited."""

from dataclasses import dataclass
from uuid import UUID

from chuanyu.core.documents import Person, Sex, encode
from chuanyu.identity import vault
from chuanyu.identity.actor import Actor
from chuanyu.portal import papers


@dataclass(frozen=True)
class Known:
    name: str
    number: str  # masked: the first six and the last two
    lines: list[papers.Line]


def known(person: UUID, *, service: str, who: Actor, trace: str) -> Known:
    """A person's record as far as this service uses it. `trace`: the page or the case it was opened for."""
    opened = vault.reveal(person, purpose=service, by=who.id, trace=trace)
    facts = Person(birth=opened.birth, sex=Sex[opened.sex], household=opened.household)
    masked = f"{opened.number[:6]}{'*' * 10}{opened.number[-2:]}"
    return Known(opened.name, masked, papers.lines(Person, encode(facts)))
