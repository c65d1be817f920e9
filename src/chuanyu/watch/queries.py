"""Figures for the office, made so that they may leave it: every count of people has been through `suppression`.

They are as of last midnight and cover this month and the twelve before it; one fixed span, because overlapping spans could
be subtracted from each other. What lies with whom at this moment (`cases.figures.holders`) is no figure about people but
the office's own work: it is exact, and stays inside.
"""

import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from fractions import Fraction

import msgspec

from chuanyu.cases import figures
from chuanyu.core import days, divisions
from chuanyu.core.catalogue import catalogue
from chuanyu.core.service import Promise
from chuanyu.delivery import ratings
from chuanyu.delivery.ratings import Tally
from chuanyu.identity.here import here, peer
from chuanyu.watch.suppression import SMALL, Cell, Shown, publish

MONTHS = 12  # whole ones, before the present one
FRESH = 900  # seconds a snapshot is used: it is as of midnight, but what the other node did yesterday may still arrive
AREAS = {"chongqing": "500000", "sichuan": "510000"}  # a province as an end of a flow whose county is not known

ENDS = ("", "done", "refused", "withdrawn")  # "": under way


class OnTime(msgspec.Struct, frozen=True, kw_only=True):
    """The share of decided cases that kept the promise, as far as the published counts tell: between `low` and `high`.

    `met`: the promise is certainly kept (True) or broken (False); None where the counts are too small to tell.
    """

    low: Fraction
    high: Fraction
    promised: Fraction
    within: int  # working days
    met: bool | None


class Satisfied(msgspec.Struct, frozen=True, kw_only=True):
    """Ratings given in the span, and the share of them that are not bad, between `low` and `high` as the counts tell."""

    rated: Shown
    low: Fraction
    high: Fraction


class Reason(msgspec.Struct, frozen=True, kw_only=True):
    """How often a reason led to a refusal; `key` "" where none was given."""

    key: str
    count: Shown


class Month(msgspec.Struct, frozen=True, kw_only=True):
    """Cases filed in the month that begins on `first`."""

    first: date
    count: Shown


class Scorecard(msgspec.Struct, frozen=True, kw_only=True):
    """A service over the span, as filed here. `ends` by "" (under way), "done", "refused", "withdrawn".

    `median`: working days from filing to the decision, correction by the applicant included; None where the shown counts
    do not say that there were ten decisions.
    """

    service: str
    filed: Shown
    decided: Shown
    ends: Mapping[str, Shown]
    months: tuple[Month, ...]
    reasons: tuple[Reason, ...]
    on_time: OnTime | None
    median: int | None
    satisfied: Satisfied | None


class Flow(msgspec.Struct, frozen=True, kw_only=True):
    """Cases filed here that join two places: codes of a county, or of a province where the county is not known."""

    origin: str
    target: str
    count: Shown


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """All figures of one moment. `since` and `until` are days: the first and the last counted."""

    since: date
    until: date
    filed: Shown
    scorecards: tuple[Scorecard, ...]  # by clause of the plan, as the catalogue has them; services without cases too
    flows: tuple[Flow, ...]  # the largest first
    made: datetime

    def scorecard(self, service: str) -> Scorecard | None:
        """One service's."""
        return next((one for one in self.scorecards if one.service == service), None)


_lock = threading.Lock()
_kept: dict[str, tuple[float, Snapshot]] = {}


def snapshot() -> Snapshot:
    """The figures of this node; counted anew every quarter of an hour, by one request while the others use the last ones."""
    node = here()
    kept = _kept.get(node)
    if kept and _is_fresh(*kept):
        return kept[1]
    if not _lock.acquire(blocking=kept is None):
        assert kept is not None
        return kept[1]
    try:
        kept = _kept.get(node)
        if kept is None or not _is_fresh(*kept):
            kept = _kept[node] = (time.monotonic(), _count())
        return kept[1]
    finally:
        _lock.release()


def forget() -> None:
    """Count anew at the next question."""
    _kept.clear()


def _is_fresh(at: float, snapshot: Snapshot) -> bool:
    return snapshot.until == days.today() - timedelta(days=1) and time.monotonic() - at < FRESH


def _count() -> Snapshot:
    today = days.today()
    first = days.add_months(today.replace(day=1), -MONTHS)
    since, until = _midnight(first), _midnight(today)
    with figures.one_moment():
        filed, ended = figures.filed(since, until), figures.ended(since, until)
        refused, origins = figures.refused(since, until), figures.origins(since, until)
    services = [key for key in catalogue() if catalogue()[key].procedure]
    services += sorted({row.service for row in filed} - set(services))
    months = [days.add_months(first, n) for n in range(MONTHS + 1)]
    refusals: dict[str, Counter[str]] = defaultdict(Counter)
    for refusal in refused:
        refusals[refusal.service][refusal.reason] += refusal.count
    drafts = [
        _Draft(key, [row for row in filed if row.service == key], months, refusals[key], ended) for key in services
    ]
    flows, border = _flows(origins)
    root = Cell(sum(row.count for row in filed), {"services": [draft.cell for draft in drafts], "border": border})
    publish(root)
    satisfied = _satisfied(ratings.tallies(first, today))
    return Snapshot(
        since=first,
        until=today - timedelta(days=1),
        filed=root.shown,
        scorecards=tuple(draft.scorecard(satisfied.get(draft.key)) for draft in drafts),
        flows=tuple(
            Flow(origin=a, target=b, count=cell.shown)
            for (a, b), cell in sorted(flows.items(), key=lambda pair: (-(pair[1].shown.value or 0), pair[0]))
        ),
        made=datetime.now(days.SHANGHAI),
    )


class _Draft:
    """A scorecard before publication: its counts as cells of the tree."""

    def __init__(
        self,
        key: str,
        rows: list[figures.Filed],
        months: list[date],
        refusals: Counter[str],
        ended: Iterable[figures.Ended],
    ) -> None:
        self.key = key
        self.months = {month: Cell(sum(r.count for r in rows if r.month == month)) for month in months}
        self.ends = {end: Cell(sum(r.count for r in rows if r.end == end)) for end in ENDS}
        self.reasons = {reason: Cell(count) for reason, count in refusals.items()}
        if self.reasons:
            self.ends["refused"] = Cell(self.ends["refused"].count, {"reasons": list(self.reasons.values())})
        self.took = Counter[int]()
        for row in ended:
            if row.service == key:
                self.took[row.days] += row.count
        self.promise = catalogue()[key].promise if key in catalogue() else None
        within = self.promise.within if self.promise else 0
        self.kept = Cell(sum(n for took, n in self.took.items() if took <= within))
        self.late = Cell(sum(self.took.values()) - self.kept.count)
        # the decided ones are split twice, by end and by promise: a cell of their own keeps it a tree
        splits = {"ends": [self.ends["done"], self.ends["refused"]]}
        if self.promise:
            splits["promise"] = [self.kept, self.late]
        self.decided = Cell(sum(self.took.values()), splits)
        self.cell = Cell(
            sum(r.count for r in rows),
            {
                "months": list(self.months.values()),
                "stages": [self.ends[""], self.decided, self.ends["withdrawn"]],
            },
        )

    def scorecard(self, satisfied: Satisfied | None) -> Scorecard:
        """Once the tree is published. Nothing is ordered by a count that is not shown."""
        reasons = (Reason(key=key, count=cell.shown) for key, cell in self.reasons.items())
        return Scorecard(
            service=self.key,
            filed=self.cell.shown,
            decided=self.decided.shown,
            ends={end: cell.shown for end, cell in self.ends.items()},
            months=tuple(Month(first=month, count=cell.shown) for month, cell in self.months.items()),
            reasons=tuple(sorted(reasons, key=lambda one: (-one.count.low, one.key))),
            on_time=on_time(self.kept.shown, self.late.shown, self.promise) if self.promise else None,
            median=median(self.took) if self.decided.shown.low >= SMALL else None,
            satisfied=satisfied,
        )


def on_time(kept: Shown, late: Shown, promise: Promise) -> OnTime | None:
    """The share that the two published counts leave possible; None where one of them is withheld or nobody was decided."""
    span = share(kept, late)
    if span is None:
        return None
    (low, high), promised = span, Fraction(promise.share)
    met = True if low >= promised else False if high < promised else None
    return OnTime(low=low, high=high, promised=promised, within=promise.within, met=met)


def share(part: Shown, rest: Shown) -> tuple[Fraction, Fraction] | None:
    """Between what and what the share of a part lies, as two shown counts tell; None where they tell nothing."""
    if "withheld" in (part.kind, rest.kind) or part.kind == rest.kind == "none":
        return None
    low = Fraction(part.low, part.low + rest.high) if part.low + rest.high else Fraction(0)
    return low, Fraction(part.high, part.high + rest.low) if part.high + rest.low else Fraction(0)


def _satisfied(tallies: Iterable[Tally]) -> dict[str, Satisfied]:
    """By service; a tree of its own, as ratings are given by others than file in the span."""
    counts: dict[str, Counter[bool]] = defaultdict(Counter)
    for one in tallies:
        counts[one.service][one.bad] += one.count
    services = {key: Cell(n.total(), {"verdict": [Cell(n[False]), Cell(n[True])]}) for key, n in counts.items()}
    publish(
        Cell(sum(cell.count for cell in services.values()), {"services": list(services.values())} if services else {})
    )
    found = {}
    for key, cell in services.items():
        good, bad = cell.parts["verdict"]
        if span := share(good.shown, bad.shown):
            found[key] = Satisfied(rated=cell.shown, low=span[0], high=span[1])
    return found


def median(took: Mapping[int, int]) -> int:
    """The lower median of working days, `took` being days → cases."""
    half, seen = (sum(took.values()) + 1) // 2, 0
    for working_days in sorted(took):
        seen += took[working_days]
        if seen >= half:
            return working_days
    raise ValueError("no case, no median")


def _flows(origins: Iterable[figures.Origin]) -> tuple[dict[tuple[str, str], Cell], list[Cell]]:
    """Pairs of places, and the cells of "cases filed here": those within the province, and those that cross by pair.

    A person registered in the other province brings a matter from that county to this province; one registered here
    brings it home, from the other province to their county.
    """
    within, counts = 0, Counter[tuple[str, str]]()
    for row in origins:
        if not row.crosses:
            within += row.count
            continue
        origin = today_code(row.origin)
        node = divisions.node_of(origin)
        if node == here():
            counts[AREAS[peer()], origin] += row.count
        else:
            counts[origin if node else AREAS[peer()], AREAS[here()]] += row.count
    flows = {pair: Cell(count) for pair, count in counts.items()}
    crossing = Cell(sum(counts.values()), {"pairs": list(flows.values())} if flows else {})
    return flows, [Cell(within), crossing]


def today_code(code: str) -> str:
    """What a county's code has become by today; as it is where nothing is known."""
    for _ in range(5):
        if not code or divisions.division(code, on=days.today()):
            return code
        gone = divisions.last_known(code)
        if gone is None or not gone.became:
            return code
        code = gone.became[0]
    return code


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=days.SHANGHAI)
