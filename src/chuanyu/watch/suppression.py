"""Counts of people as they may be shown: small ones are not, and no subtraction brings them back.

Counts form a tree: a `Cell` may be broken down in several ways (by month, by end, by reason), and each part may be broken
down again. Every count of 10 or more is shown rounded to tens, 1 to 9 as "fewer than 10", 0 as 0. That alone can leak:
four parts shown as 10 each (so 10 to 14) and a total shown as 70 (so 65 to 74) leave at least 9 for a fifth. So the
reader's reasoning is carried out here, exactly (in a tree, bounds passed up and down are all that can be known), and
while it says anything about a small count beyond "1 to 9", the smallest count beside it is withheld too, or, where there
is none, the whole breakdown.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

SMALL = 10  # fewer people than this are not shown
BASE = 10  # what counts are rounded to
ENDLESS = 10**12

Kind = Literal["none", "small", "about", "withheld"]


@dataclass(frozen=True)
class Shown:
    """What a reader gets to see. `value`: 0 of none, the rounded count of about; None of small and withheld.

    `least`: of a count withheld for the sake of a small one beside it, that it is none itself can be told.
    """

    kind: Kind
    value: int | None
    least: int = 0

    @property
    def low(self) -> int:
        """The least it can be, as far as this alone says."""
        match self.kind:
            case "none":
                return 0
            case "small":
                return 1
            case "about":
                assert self.value is not None
                return max(SMALL, self.value - BASE // 2)
            case _:
                return self.least

    @property
    def high(self) -> int:
        """The most it can be, as far as this alone says."""
        match self.kind:
            case "none":
                return 0
            case "small":
                return SMALL - 1
            case "about":
                assert self.value is not None
                return self.value + BASE - BASE // 2 - 1
            case _:
                return ENDLESS


NONE, HIDDEN_SMALL, WITHHELD = Shown("none", 0), Shown("small", None), Shown("withheld", None)


@dataclass
class Cell:
    """A count and how it is broken down: name of the breakdown → its parts, whose counts add up to this one."""

    count: int
    parts: Mapping[str, Sequence["Cell"]] = field(default_factory=dict)
    shown: Shown = WITHHELD

    def __post_init__(self) -> None:
        for name, cells in self.parts.items():
            if sum(cell.count for cell in cells) != self.count:
                raise ValueError(f"the parts of {name!r} add up to {sum(c.count for c in cells)}, not to {self.count}")


def publish(root: Cell) -> None:
    """Fill `shown` of every cell."""
    for cell in walk(root):
        cell.shown = rounded(cell.count)
    while narrowed := _narrowed(root):
        cell, siblings = narrowed
        visible = [each for each in siblings if each.shown.kind == "about"]
        if visible:
            _withhold(min(visible, key=lambda each: each.count), least=SMALL)
        else:  # too few people to be told apart at all
            for each in siblings:
                _withhold(each)


def rounded(count: int) -> Shown:
    """A count by itself, half up to tens."""
    if count == 0:
        return NONE
    if count < SMALL:
        return HIDDEN_SMALL
    return Shown("about", (count + BASE // 2) // BASE * BASE)


def together(several: Sequence[Shown]) -> Shown:
    """What several shown counts come to, worked out from what is shown alone, so that nothing is added to it."""
    kinds = [shown.kind for shown in several]
    values = [shown.value for shown in several if shown.kind == "about" and shown.value]
    if values:
        return Shown("about", sum(values))
    if "withheld" in kinds:
        return WITHHELD
    smalls = kinds.count("small")
    return HIDDEN_SMALL if smalls == 1 else WITHHELD if smalls else NONE


def walk(cell: Cell) -> Iterator[Cell]:
    """The cell and everything below it."""
    yield cell
    for cells in cell.parts.values():
        for part in cells:
            yield from walk(part)


def known(root: Cell) -> dict[int, tuple[int, int]]:
    """What a reader of all that is shown can know: the bounds of every cell, by id()."""
    bounds: dict[int, tuple[int, int]] = {}
    _up(root, bounds)
    _down(root, bounds)
    return bounds


def _up(cell: Cell, bounds: dict[int, tuple[int, int]]) -> None:
    low, high = cell.shown.low, cell.shown.high
    for cells in cell.parts.values():
        for part in cells:
            _up(part, bounds)
        low = max(low, sum(bounds[id(part)][0] for part in cells))
        high = min(high, sum(bounds[id(part)][1] for part in cells))
    bounds[id(cell)] = low, high


def _down(cell: Cell, bounds: dict[int, tuple[int, int]]) -> None:
    low, high = bounds[id(cell)]
    for cells in cell.parts.values():
        lows, highs = (sum(bounds[id(part)][side] for part in cells) for side in (0, 1))
        for part in cells:
            least, most = bounds[id(part)]
            bounds[id(part)] = max(least, low - (highs - most)), min(most, high - (lows - least))
            _down(part, bounds)


def _narrowed(root: Cell) -> tuple[Cell, Sequence[Cell]] | None:
    """A small cell of which more is known than that it is small, with the breakdown it stands in."""
    bounds = known(root)
    full = HIDDEN_SMALL.low, HIDDEN_SMALL.high
    if root.shown.kind == "small" and bounds[id(root)] != full:
        return root, [cell for cells in root.parts.values() for cell in cells]
    for cell in walk(root):
        for cells in cell.parts.values():
            for part in cells:
                if part.shown.kind == "small" and bounds[id(part)] != full:
                    return _culprit(part, cells)
    return None


def _culprit(part: Cell, siblings: Sequence[Cell]) -> tuple[Cell, Sequence[Cell]]:
    """Its own breakdown where that is what gives it away (9 = 4 + 5, each shown as small, says "at least 2")."""
    for cells in part.parts.values():
        if any(cell.shown.kind != "withheld" for cell in cells) and sum(cell.shown.low for cell in cells) > 1:
            return part, cells
    return part, siblings


def _withhold(cell: Cell, *, least: int = 0) -> None:
    for each in walk(cell):
        each.shown = WITHHELD
    cell.shown = Shown("withheld", None, least)
