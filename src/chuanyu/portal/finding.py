"""Finding a service by what people type, in Chinese, English or pinyin, and by what happens in a life.

What a service says is read once into a sheet (`prime` does it when the portal starts), so that a search compares words
and loads no dictionary. A declaration that changes has another hash and so another sheet.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

from pypinyin import lazy_pinyin

from chuanyu.core.catalogue import catalogue
from chuanyu.core.service import Service
from chuanyu.core.text import Text
from chuanyu.portal.words import LIVES

SHORTEST = 2  # letters of a term that pinyin is tried for: one letter begins half of all words
SKIPPING = 3  # and of one whose letters may stand apart


@dataclass(frozen=True)
class Life:
    key: str
    words: Text
    icon: str
    count: int


@dataclass(frozen=True)
class Sheet:
    """One service as the search reads it. Syllables are those of the Chinese, in their order."""

    name: str
    rest: str
    syllables: tuple[str, ...]
    others: tuple[tuple[str, ...], ...]

    @property
    def initials(self) -> str:
        return "".join(syllable[0] for syllable in self.syllables)


_sheets: dict[tuple[str, str], Sheet] = {}


def prime() -> None:
    """Read every service's sheet, so that nobody's first search waits for it."""
    for service in catalogue().values():
        sheet(service)


def lives(services: Iterable[Service]) -> list[Life]:
    """Every life event in the order of a life, with how many services it has."""
    tags = [key for service in services for key in service.life]
    return [Life(key, words, icon, tags.count(key)) for key, (words, icon) in LIVES.items()]


def search(services: Iterable[Service], asked: str) -> list[Service]:
    """Every term must occur: as words, by pinyin (whole, initials, or mixed), or by its characters.

    养老转移 finds 养老保险关系转移接续 by its characters, ylbx by initials, yanglao zhuanyi by pinyin, ylzy by initials that
    stand apart. Better matches first: in the name, elsewhere, by pinyin, by characters, by letters apart.
    """
    terms = asked.casefold().split()
    ranked = [(rank, service) for service in services if (rank := _rank(sheet(service), terms)) is not None]
    return [service for _, service in sorted(ranked, key=lambda pair: (pair[0], pair[1].key))]


def sheet(service: Service) -> Sheet:
    """The service as the search reads it; made once per declaration."""
    key = (service.key, service.hash)
    if key not in _sheets:
        _sheets[key] = _read(service)
    return _sheets[key]


def _read(service: Service) -> Sheet:
    events = [LIVES[key][0] for key in service.life if key in LIVES]
    titles = [spec.title for spec in service.documents.values()]
    said = [service.summary, *events, *titles]
    rest = [service.key, *service.leads.values(), *(word for text in said for word in (text.zh, text.en))]
    return Sheet(
        name=f"{service.name.zh} {service.name.en}".casefold(),
        rest=" ".join(rest).casefold(),
        syllables=_syllables(service.name.zh),
        others=tuple(_syllables(text.zh) for text in (service.summary, *events)),
    )


@cache
def _syllables(text: str) -> tuple[str, ...]:
    chinese = "".join(c if "\u4e00" <= c <= "\u9fff" else " " for c in text)
    return tuple(syllable for syllable in lazy_pinyin(chinese) if syllable.isalpha())


def _rank(found: Sheet, terms: list[str]) -> int | None:
    ranks = [_of(found, term) for term in terms]
    return None if None in ranks else max((rank for rank in ranks if rank is not None), default=0)


def _of(found: Sheet, term: str) -> int | None:
    """How well one term fits; None: not at all."""
    if term in found.name:
        return 0
    if term in found.rest:
        return 1
    if not term.isascii():
        return 4 if set(term) <= set(found.name + found.rest) else None
    if not term.isalpha() or len(term) < SHORTEST:
        return None
    if _spelt(term, found.syllables):
        return 2
    if any(_spelt(term, other) for other in found.others):
        return 3
    return 5 if len(term) >= SKIPPING and _apart(term, found.initials) else None


def _spelt(term: str, syllables: tuple[str, ...]) -> bool:
    """Whether the term spells neighbouring syllables, each whole or by its first letters: yanglbx, ylbx, yanglaobx.

    Letters of one syllable are its beginning, so that a term stops nowhere but at a syllable or within the last one.
    """

    def at(position: int, index: int) -> bool:
        if position == len(term):
            return True
        if index == len(syllables):
            return False
        longest = _common(term, position, syllables[index])
        return any(at(position + length, index + 1) for length in range(longest, 0, -1))

    return any(at(0, start) for start in range(len(syllables)))


def _common(term: str, position: int, syllable: str) -> int:
    length = 0
    while length < len(syllable) and term[position + length : position + length + 1] == syllable[length]:
        length += 1
    return length


def _apart(term: str, initials: str) -> bool:
    """Whether the letters occur in this order, with others between them."""
    left = iter(initials)
    return all(letter in left for letter in term)
