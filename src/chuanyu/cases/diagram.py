"""The procedure drawn and tabled from its declaration: the same graph the engine runs, so it can't be out of date.

It is drawn as a line with stations, top to bottom: the granted way is the line; what leaves it branches off to the right,
and what comes back says where to. That fits a phone, and every arrow has its words beside it.
"""

from collections.abc import Iterable, Mapping
from html import escape

import msgspec

from chuanyu.core.service import Procedure, State
from chuanyu.core.text import Text

WIDTH, LANE, LEFT, TEXT = 360, 30, 16, 18  # the drawing, a lane, the line's place, from a station to its words
STATION, EXIT, LINK = 50, 28, 30  # heights of rows
AUTO = "⚙"  # before an act that the owner's system does by itself; the page says so beside the drawing


class Row(msgspec.Struct, frozen=True):
    """One step of the procedure for the plain table. `to`: (outcome, state title) pairs; `term`: the parameter's key.

    `auto`: the system of `by` does it by itself; `timed`: not at once, but when its moment comes.
    """

    state: Text
    act: Text
    by: str
    decide: str | None
    to: tuple[tuple[str, Text], ...]
    owner: str
    term: str | None
    auto: bool = False
    timed: bool = False


def table(procedure: Procedure) -> list[Row]:
    """Every act of every state, in the order a case meets them."""
    return [
        Row(
            state.title,
            act.title,
            state.owner or "" if act.by in ("owner", "auto") else act.by,
            act.decide,
            tuple((outcome, procedure.states[target].title) for outcome, target in act.to.items()),
            state.owner or "",
            state.term,
            act.by == "auto",
            act.at is not None,
        )
        for state in (procedure.states[name] for name in order(procedure))
        for act in state.does.values()
    ]


def order(procedure: Procedure) -> list[str]:
    """States by how soon a case can reach them, the accepted way first."""
    seen, queue = [procedure.start_state], [procedure.start_state]
    while queue:
        for target in _ways(procedure.states[queue.pop(0)], "zh"):
            if target not in seen:
                seen.append(target)
                queue.append(target)
    return seen + [name for name in procedure.states if name not in seen]


def main_path(procedure: Procedure) -> list[str]:
    """The way a case goes when everything is granted: each state's first act, its accept."""
    path, name = [], procedure.start_state
    while name not in path:
        path.append(name)
        acts = list(procedure.states[name].does.values())
        if not acts:
            break
        name = acts[0].to.get("accept") or next(iter(acts[0].to.values()))
    return path


class _Mark(msgspec.Struct, frozen=True):
    """A row of the drawing. kind: station | exit | back | link; `ends` a line that goes no further."""

    kind: str
    lane: int
    title: str
    label: str = ""
    owner: str = ""
    final: bool = False


def svg(procedure: Procedure, language: str, parties: Mapping[str, Text] | None = None) -> str:
    """The graph as SVG, without colours of its own: the page's style sheet has them. `parties`: names for the owners."""
    marks = list(_marks(procedure, language, parties or {}))
    heights = [{"station": STATION, "link": LINK}.get(mark.kind, EXIT) for mark in marks]
    tops = [8 + sum(heights[:i]) for i in range(len(marks))]
    height, width = 8 + sum(heights), max(WIDTH, *map(_width, marks))
    name = "Diagram of the procedure" if language.startswith("en") else "办理流程图"
    lines = "".join(_lines(marks, tops))
    drawn = "".join(_drawn(mark, top) for mark, top in zip(marks, tops, strict=True))
    # 16 units are one rem: the words keep the size the page's text has, however narrow the window
    size = f'width="{width / 16}rem" height="{height / 16}rem" viewBox="0 0 {width} {height}"'
    return f'<svg class="diagram" {size} role="img" aria-label="{name}">{lines}{drawn}</svg>'


def _marks(procedure: Procedure, language: str, parties: Mapping[str, Text]) -> Iterable[_Mark]:
    path = main_path(procedure)
    drawn = set(path)

    def station(name: str, lane: int, label: str) -> _Mark:
        state = procedure.states[name]
        party = parties.get(state.owner or "")
        owner = party.say(language) if party else ""
        return _Mark("station", lane, state.title.say(language), label, owner, state.final)

    def branches(name: str, lane: int, onward: str | None) -> Iterable[_Mark]:
        for target, label in _ways(procedure.states[name], language).items():
            state = procedure.states[target]
            if target in (onward, name):
                continue
            if state.final:
                yield _Mark("exit", lane, state.title.say(language), label, final=True)
            elif target in drawn:
                yield _Mark("back", lane, state.title.say(language), label)
            else:
                drawn.add(target)
                yield station(target, lane, label)
                yield from branches(target, lane + 1, None)

    for name, onward in zip(path, [*path[1:], None], strict=True):
        yield station(name, 0, "")
        yield from branches(name, 1, onward)
        if onward:
            yield _Mark("link", 0, "", _ways(procedure.states[name], language)[onward])


def _ways(state: State, language: str) -> dict[str, str]:
    """Target → the acts that lead there, named once each."""
    ways: dict[str, list[str]] = {}
    for act in state.does.values():
        for target in act.to.values():
            label = act.title.say(language)
            if act.by == "auto":
                label = f"{AUTO} {label}"
            if label not in ways.setdefault(target, []):
                ways[target].append(label)
    return {target: " · ".join(labels) for target, labels in ways.items()}


def _width(mark: _Mark) -> int:
    """About how far to the right a row's words reach: a Chinese character is as wide as two Latin ones."""
    letters = sum(14 if ord(c) > 0x2E80 else 8 for c in mark.title) + sum(
        12 if ord(c) > 0x2E80 else 7 for c in mark.label
    )
    return LEFT + mark.lane * LANE + TEXT + letters + 40


def _middle(mark: _Mark, top: int) -> int:
    return top + (18 if mark.kind == "station" else 14)


def _lines(marks: list[_Mark], tops: list[int]) -> Iterable[str]:
    """The line itself, and a stem from each station down to the last branch that leaves it."""
    spots = [_middle(mark, top) for mark, top in zip(marks, tops, strict=True)]
    stations = [i for i, mark in enumerate(marks) if mark.kind == "station" and mark.lane == 0]
    for i, mark in enumerate(marks):
        if mark.lane == 0:
            continue
        x, y = LEFT + mark.lane * LANE, spots[i]
        stem = LEFT + (mark.lane - 1) * LANE
        parent = max(j for j in range(i) if marks[j].lane == mark.lane - 1 and marks[j].kind == "station")
        yield f'<path class="diagram-branch" d="M{stem} {spots[parent]}V{y - 8}q0 8 8 8H{x - 6}"/>'
    yield f'<path class="diagram-line" d="M{LEFT} {spots[stations[0]]}V{spots[stations[-1]]}"/>'


def _drawn(mark: _Mark, top: int) -> str:
    x, y = LEFT + mark.lane * LANE, _middle(mark, top)
    if mark.kind == "link":
        return f'<text class="diagram-act" x="{x + TEXT}" y="{y + 4}">↓ {escape(mark.label)}</text>'
    label = f'<tspan class="diagram-act">{escape(mark.label)} → </tspan>' if mark.label else ""
    if mark.kind == "station":
        owner = (
            f'<text class="diagram-owner" x="{x + TEXT}" y="{y + 22}">{escape(mark.owner)}</text>' if mark.owner else ""
        )
        shape = (
            f'<rect class="diagram-end" x="{x - 8}" y="{y - 8}" width="16" height="16" rx="3"/>'
            if mark.final
            else f'<circle class="diagram-{"stop" if mark.lane == 0 else "side"}" cx="{x}" cy="{y}" r="{8 if mark.lane == 0 else 6}"/>'
        )
        return (
            f'{shape}<text class="diagram-title" x="{x + TEXT}" y="{y + 5}">{label}{escape(mark.title)}</text>{owner}'
        )
    sign = "■ " if mark.final else "↩ "
    return f'<text class="diagram-exit" x="{x}" y="{y + 5}">{label}{sign}{escape(mark.title)}</text>'
