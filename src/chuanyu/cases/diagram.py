"""The procedure drawn and tabled from its declaration: the same graph the engine runs, so it can't be out of date."""

from collections.abc import Iterable
from html import escape

import msgspec

from chuanyu.core.service import Procedure, State
from chuanyu.core.text import Text

BOX_W, BOX_H, GAP_X, GAP_Y, PAD = 208, 60, 56, 58, 12
CHARACTERS = 24  # widths of a box's line, a Chinese character counting two


class Row(msgspec.Struct, frozen=True):
    """One step of the procedure for the plain table. `to`: (outcome, state title) pairs; `term`: the parameter's key."""

    state: Text
    act: Text
    by: str
    decide: str | None
    to: tuple[tuple[str, Text], ...]
    owner: str
    term: str | None


def table(procedure: Procedure) -> list[Row]:
    """Every act of every state, in the order a case meets them."""
    return [
        Row(
            state.title,
            act.title,
            state.owner or "" if act.by == "owner" else act.by,
            act.decide,
            tuple((outcome, procedure.states[target].title) for outcome, target in act.to.items()),
            state.owner or "",
            state.term,
        )
        for state in (procedure.states[name] for name in order(procedure))
        for act in state.does.values()
    ]


def order(procedure: Procedure) -> list[str]:
    """States by how soon a case can reach them, the accepted way first."""
    seen, queue = [procedure.start_state], [procedure.start_state]
    while queue:
        for target in _targets(procedure.states[queue.pop(0)]):
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


def svg(procedure: Procedure, language: str, parties: dict[str, Text] | None = None) -> str:
    """The graph as SVG: the main path down the left, side states to the right. Colours come from the page's style sheet."""
    path = main_path(procedure)
    side = [name for name in order(procedure) if name not in path]
    place: dict[str, tuple[int, int]] = {name: (0, row) for row, name in enumerate(path)}
    place |= _sides(procedure, path, side)
    rows = max(row for _, row in place.values()) + 1
    columns = max(column for column, _ in place.values()) + 1
    width = PAD * 2 + columns * BOX_W + (columns - 1) * GAP_X + 40
    height = PAD * 2 + rows * BOX_H + (rows - 1) * GAP_Y
    title = "办理流程图" if not language.startswith("en") else "Diagram of the procedure"
    parts = [
        f'<svg class="diagram" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img" aria-label="{title}">',
        '<defs><marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path class="diagram-head" d="M0 0 8 4 0 8z"/></marker></defs>',
    ]
    parts += _edges(procedure, place, language)
    for name, (column, row) in place.items():
        parts.append(
            _box(procedure.states[name], column, row, language, parties or {}, start=name == procedure.start_state)
        )
    return "".join([*parts, "</svg>"])


def _sides(procedure: Procedure, path: list[str], side: list[str]) -> dict[str, tuple[int, int]]:
    """Each side state beside the first state that leads to it, in the next free place to the right."""
    placed: dict[str, tuple[int, int]] = {}
    for name in side:
        row = next((path.index(s) for s in path if name in _targets(procedure.states[s])), len(path) - 1)
        column = 1
        while (column, row) in placed.values():
            column += 1
        if column > 1 and row + 1 < len(path) and (1, row + 1) not in placed.values():
            column, row = 1, row + 1
        placed[name] = (column, row)
    return placed


def _targets(state: State) -> Iterable[str]:
    return dict.fromkeys(target for act in state.does.values() for target in act.to.values())


def _corner(column: int, row: int) -> tuple[int, int]:
    return PAD + column * (BOX_W + GAP_X), PAD + row * (BOX_H + GAP_Y)


def _box(state: State, column: int, row: int, language: str, parties: dict[str, Text], *, start: bool) -> str:
    x, y = _corner(column, row)
    kind = "final" if state.final else "start" if start else "wait"
    lines = _lines(state.title.say(language))
    owner = parties[state.owner].say(language) if state.owner in parties else state.owner or ""
    middle = x + BOX_W // 2
    top = y + BOX_H // 2 - (len(lines) - 1) * 9 - (8 if owner else 0) + 5
    text = "".join(
        f'<text x="{middle}" y="{top + 18 * i}" class="diagram-title">{escape(line)}</text>'
        for i, line in enumerate(lines)
    )
    if owner:
        text += f'<text x="{middle}" y="{y + BOX_H - 9}" class="diagram-owner">{escape(_lines(owner)[0])}</text>'
    radius = 28 if state.final else 8
    return f'<g class="diagram-state diagram-{kind}"><rect x="{x}" y="{y}" width="{BOX_W}" height="{BOX_H}" rx="{radius}"/>{text}</g>'


def _edges(procedure: Procedure, place: dict[str, tuple[int, int]], language: str) -> Iterable[str]:
    """Arrows, with the acts that take them named once per pair of states."""
    for source, spot in place.items():
        names: dict[str, list[str]] = {}
        for act in procedure.states[source].does.values():
            for target in act.to.values():
                if target != source and (label := act.title.say(language)) not in names.setdefault(target, []):
                    names[target].append(label)
        for target, labels in names.items():
            yield _edge(spot, place[target], " · ".join(labels))


def _edge(source: tuple[int, int], target: tuple[int, int], label: str) -> str:
    (c1, r1), (c2, r2) = source, target
    x1, y1 = _corner(c1, r1)
    x2, y2 = _corner(c2, r2)
    if c1 == c2 and r2 == r1 + 1:  # straight down
        x, a, b = x1 + BOX_W // 2, y1 + BOX_H, y2
        return _path(f"M{x} {a}V{b - 2}") + _label(x + 8, (a + b) // 2 + 4, label, "start")
    if r1 == r2 and c2 > c1:  # straight to the right
        y = y1 + BOX_H // 2 - 10
        return _path(f"M{x1 + BOX_W} {y}H{x2 - 2}") + _label((x1 + BOX_W + x2) // 2, y - 6, label, "middle")
    if r1 == r2 and c2 < c1:  # back to the left
        y = y1 + BOX_H // 2 + 14
        return _path(f"M{x1} {y}H{x2 + BOX_W + 2}") + _label((x2 + BOX_W + x1) // 2, y + 15, label, "middle")
    if c2 > c1:  # down or up to a box on the right: out at the right, in at the left
        middle = x2 - GAP_X // 2 + 4 * (r1 - r2)
        a, b = y1 + BOX_H // 2 + 12, y2 + BOX_H // 2 + (14 if r2 < r1 else -14)
        return _path(f"M{x1 + BOX_W} {a}H{middle}V{b}H{x2 - 2}") + _label(x1 + BOX_W + 6, a + 15, label, "start")
    right = max(x1, x2) + BOX_W + 18  # back up, or past other boxes: around the right side
    a, b = y1 + BOX_H // 2, y2 + BOX_H // 2 + 10
    return _path(f"M{x1 + BOX_W} {a}H{right}V{b}H{x2 + BOX_W + 2}") + _label(right - 4, a - 6, label, "end")


def _path(d: str) -> str:
    return f'<path class="diagram-edge" d="{d}" marker-end="url(#arrow)"/>'


def _label(x: int, y: int, text: str, anchor: str) -> str:
    return f'<text class="diagram-label" x="{x}" y="{y}" text-anchor="{anchor}">{escape(text)}</text>'


def _lines(text: str) -> list[str]:
    """At most two lines that fit a box."""
    lines, width = [""], 0
    for word in text.split(" ") if " " in text else list(text):
        size = sum(2 if ord(c) > 0x2E80 else 1 for c in word) + (1 if " " in text else 0)
        if width + size > CHARACTERS and lines[-1]:
            lines.append("")
            width = 0
        lines[-1] += (" " if lines[-1] and " " in text else "") + word
        width += size
    return lines[:2] if len(lines) <= 2 else [lines[0], lines[1][:-1] + "…"]
