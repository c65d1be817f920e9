"""Finding a service by what people type, in Chinese, English or pinyin, and by what happens in a life.

What a service says is read once into a sheet (`prime` does it when the portal starts), so that a search compares words
and loads no dictionary. A declaration that changes has another hash and so another sheet.

What fits to the letter comes alone. Only where nothing does, what is nearly so is looked for: a sentence, a typing error.
"""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache

from pypinyin import lazy_pinyin

from chuanyu.core.catalogue import catalogue
from chuanyu.core.service import Service
from chuanyu.core.text import Text
from chuanyu.portal.words import LIVES

SHORTEST = 2  # letters of a term that pinyin is tried for: one letter begins half of all words
SKIPPING = 3  # and of one whose letters may stand apart
ENOUGH = 0.5  # of the pairs of characters asked for: a sentence has other words too
TYPO = 4  # characters of which one may be wrong

# what every sentence has, and the places all services are about: they tell none from another
_IDLE = re.compile(
    "怎么|怎样|如何|哪里|哪儿|在哪|什么|多少|可以|能不能|能否|需要|请问|办理|申请|重庆|四川|成都|[我你要想到去回办的了吗呢吧在把从]"
)
_IDLE_WORDS = frozenset(
    "a an can chongqing do for from get how i in is it me my of on please sichuan the to want where".split()  # noqa: SIM905
)


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
    words: str
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
    """Every term must occur: as words, by pinyin (whole, initials, or mixed), or by its characters; else what is near.

    养老转移 finds 养老保险关系转移接续 by its characters, ylbx by initials, yanglao zhuanyi by pinyin, ylzy by initials that
    stand apart. Better matches first: in the name, in everyday words, elsewhere, by pinyin, by characters, by letters apart.
    Near are 怎么转养老保险 (a sentence), 养老保脸 (one character of four is wrong), 转义 (it sounds the same) and pensoin.
    """
    terms = re.findall(r"\w+", unicodedata.normalize("NFKC", asked).casefold())
    if asked.strip() and not terms:
        return []
    sheets = [(sheet(service), service) for service in services]
    ranked = [(float(rank), service) for found, service in sheets if (rank := _rank(found, terms)) is not None]
    if not ranked:
        pieces = [piece for term in terms for piece in _IDLE.split(term) if piece and piece not in _IDLE_WORDS]
        ranked = [(-near, service) for found, service in sheets if (near := _nearness(found, pieces)) >= ENOUGH]
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
        words=f"|{'|'.join(service.words)}|".casefold(),
        rest=" ".join(rest).casefold(),
        syllables=_syllables(service.name.zh),
        others=tuple(_syllables(text.zh) for text in (service.summary, *events))
        + tuple(_syllables(word) for word in service.words if not word.isascii()),
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
    if f"|{term}|" in found.words:
        return 1
    if term in found.words or term in found.rest:
        return 2
    if not term.isascii():
        return 5 if set(term) <= set(found.name) else None
    if not term.isalpha() or len(term) < SHORTEST:
        return None
    if _spelt(term, found.syllables):
        return 3
    if any(_spelt(term, other) for other in found.others):
        return 4
    return 6 if len(term) >= SKIPPING and _apart(term, found.initials) else None


def _nearness(found: Sheet, pieces: list[str]) -> float:
    """How much of what is asked for is there, 0 to 1. The farthest piece counts; one character tells nothing."""
    told = [piece for piece in pieces if len(piece) > 1]
    nears = [_near(found, piece) for piece in told]
    return min(nears, default=0.0)


def _near(found: Sheet, piece: str) -> float:
    text = f"{found.name} {found.words} {found.rest}"
    if (rank := _of(found, piece)) is not None:
        return 1 - rank / 100
    if piece.isascii():
        known = re.findall(r"[a-z]{4,}", text)
        return 0.8 if len(piece) >= TYPO and get_close_matches(piece, known, 1, 0.8) else 0.0
    if _spelt("".join(lazy_pinyin(piece)), found.syllables) or _mistyped(piece, text):
        return 0.9
    pairs = {piece[at : at + 2] for at in range(len(piece) - 1)}
    return sum(pair in text for pair in pairs) / len(pairs)


def _mistyped(piece: str, text: str) -> bool:
    """Whether the text has the piece with one character of four another."""
    wrong, length = len(piece) // TYPO, len(piece)
    return wrong > 0 and any(
        sum(a != b for a, b in zip(piece, text[at : at + length], strict=True)) <= wrong
        for at in range(len(text) - length + 1)
    )


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
