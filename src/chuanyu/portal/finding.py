"""Finding a service by what people type, and by what happens in a life."""

from collections.abc import Iterable
from dataclasses import dataclass

from chuanyu.core.service import Service
from chuanyu.core.text import Text
from chuanyu.portal.words import LIVES


@dataclass(frozen=True)
class Life:
    key: str
    words: Text
    icon: str
    count: int


def lives(services: Iterable[Service]) -> list[Life]:
    """The life events that have a service, in the order of a life."""
    tags = [key for service in services for key in service.life]
    return [Life(key, words, icon, tags.count(key)) for key, (words, icon) in LIVES.items() if key in tags]


def later(services: Iterable[Service]) -> list[Text]:
    """The life events that have none yet: said in words, so that nobody looks for what is not there."""
    tags = {key for service in services for key in service.life}
    return [words for key, (words, _) in LIVES.items() if key not in tags]


def search(services: Iterable[Service], asked: str) -> list[Service]:
    """Every word must occur; a Chinese word also counts when all its characters do (养老转移 finds 养老保险关系转移接续).

    Better matches first: in the name, then elsewhere, then by characters.
    """
    terms = asked.casefold().split()
    ranked = [(rank, service) for service in services if (rank := _rank(service, terms)) is not None]
    return [service for _, service in sorted(ranked, key=lambda pair: (pair[0], pair[1].key))]


def _rank(service: Service, terms: list[str]) -> int | None:
    name = f"{service.name.zh} {service.name.en}".casefold()
    lives_ = [word for key in service.life if key in LIVES for word in (LIVES[key][0].zh, LIVES[key][0].en)]
    rest = " ".join((service.summary.zh, service.summary.en, service.key, *service.leads.values(), *lives_)).casefold()
    worst = 0
    for term in terms:
        if term in name:
            rank = 0
        elif term in rest:
            rank = 1
        elif not term.isascii() and set(term) <= set(name + rest):
            rank = 2
        else:
            return None
        worst = max(worst, rank)
    return worst
