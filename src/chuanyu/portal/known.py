"""What the node already knows about the applicant: shown with its origin instead of asked."""

from dataclasses import dataclass

from chuanyu.core.documents import Person, encode
from chuanyu.core.service import Service
from chuanyu.identity import vault
from chuanyu.identity.actor import Actor
from chuanyu.portal import papers


@dataclass(frozen=True)
class Known:
    name: str
    number: str  # masked: the first six and the last two
    lines: list[papers.Line]


def known(service: Service, who: Actor) -> Known | None:
    """The applicant's record as far as this service uses it; the look is audited like any other."""
    if who.person is None:
        return None
    opened = vault.reveal(who.person, purpose=service.key, by=who.id, trace="portal.apply")
    facts = Person(birth=opened.birth, sex=opened.sex, household=opened.household)
    masked = f"{opened.number[:6]}{'*' * 10}{opened.number[-2:]}"
    return Known(opened.name, masked, papers.lines(Person, encode(facts)))
