"""What was done at a counter: by one clerk on one day, and by an agency measured against its terms."""

from collections import Counter
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from functools import lru_cache

from django.core.cache import cache
from django.db.models import Count, Q

from chuanyu.cases import declarations, evidence
from chuanyu.cases.models import Case, Event
from chuanyu.cases.replay import ACT, MIGRATED, START
from chuanyu.cases.views import DoneView, LevelView
from chuanyu.core import days
from chuanyu.core.parameters import NoParameter
from chuanyu.core.service import Declared, State
from chuanyu.core.text import Text
from chuanyu.identity import sql
from chuanyu.identity.actor import Actor
from chuanyu.identity.here import here

FILED = Text("收件", "Taken in")
MOST = 2000  # steps of one clerk on one day that are read
WINDOW = 30  # days that service levels look back
KEPT = 600  # seconds for which they are kept: they are read by people, and cost a second of the database


def done_by(actor: Actor, since: datetime, until: datetime) -> list[DoneView]:
    """The steps this actor took between two moments, the latest first."""
    rows = Event.objects.filter(stored__gte=since, stored__lt=until, actor=actor.id).select_related("case")
    return [_done(row) for row in rows.order_by("-stored")[:MOST]]


def _done(row: Event) -> DoneView:
    step, case = evidence.step_of(row.body), row.case
    states = declarations.procedure(case.declaration_id).states
    act = states[step.source].does.get(step.act) if step.source in states else None
    return DoneView(
        at=row.stored,
        case=case.pk,
        reference=case.reference,
        service=case.service,
        name=declarations.by_hash(case.declaration_id).name,
        act=step.act,
        title=FILED if step.kind == START else act.title if act else Text(step.act, step.act),
        outcome=step.outcome.outcome if step.outcome else "",
        state=step.target,
        state_title=states[step.target].title if step.target in states else Text(step.target, step.target),
    )


# Every step of an agency's staff that left a state, with the day it left and the day this node came to own that state.
# A hold stays in its state and starts no new term; a request refused is no step.
_LEFT = """
SELECT c.service, c.declaration_id, e.body->>'source' AS state, e.body->>'act' AS act,
       (entered.stored AT TIME ZONE 'Asia/Shanghai')::date AS came, (e.stored AT TIME ZONE 'Asia/Shanghai')::date AS went,
       count(*) AS n
  FROM cases_event e
  JOIN cases_case c ON c.id = e.case_id
  JOIN LATERAL (
    SELECT p.stored FROM cases_event p
     WHERE p.case_id = e.case_id AND p.sequence < e.sequence
       AND p.body->>'target' = e.body->>'source'
       AND (p.body->>'source' <> p.body->>'target' OR p.body->>'kind' = %s)
     ORDER BY p.sequence DESC LIMIT 1
  ) entered ON TRUE
 WHERE e.stored >= %s AND e.stored < %s AND e.body->>'agency' = %s AND e.body->>'kind' = %s
   AND e.body->>'by' <> 'applicant' AND e.body->>'source' <> e.body->>'target'
 GROUP BY 1, 2, 3, 4, 5, 6
"""


def levels(agency: str, today: date) -> list[LevelView]:
    """How the agency ("sichuan/hrss") kept the term of each state it owns over the last WINDOW days, and what is open now.

    Only steps of its staff count: what waits for the applicant, or `outside`, is nobody's delay. Kept for some minutes.
    """
    key = f"cases.levels:{agency}:{today}"
    found: list[LevelView] | None = cache.get(key)
    if found is None:
        found = _levels(agency, today)
        cache.set(key, found, KEPT)
    return found


def _levels(agency: str, today: date) -> list[LevelView]:
    until = datetime.combine(today + timedelta(days=1), datetime.min.time(), days.SHANGHAI)
    took: dict[tuple[str, str], Counter[int]] = {}
    on_time: Counter[tuple[str, str]] = Counter()
    hashes: dict[str, str] = {}
    for service, hash_, name, act, came, went, n in sql.rows(
        _LEFT, [MIGRATED, until - timedelta(days=WINDOW), until, agency, ACT]
    ):
        state = declarations.procedure(hash_).states.get(name)
        if state is None or state.term is None or state.outside or _is_applicants(state, act):
            continue
        took.setdefault((service, name), Counter())[days.working_days_between(came, went)] += n
        on_time[service, name] += n if went <= _due(hash_, state.term, came) else 0
        hashes[service] = max(hashes.get(service, ""), hash_)
    now = _now(agency, today)
    for (service, _), (hash_, *_) in now.items():
        hashes[service] = hash_
    return [
        view
        for service, name in sorted({*took, *now})
        if (view := _level(service, name, hashes[service], today, took, on_time, now)) is not None
    ]


def _level(
    service: str,
    name: str,
    hash_: str,
    today: date,
    took: Mapping[tuple[str, str], Counter[int]],
    on_time: Mapping[tuple[str, str], int],
    now: Mapping[tuple[str, str], tuple[str, int, int]],
) -> LevelView | None:
    declared = declarations.by_hash(hash_)
    state = declarations.procedure(hash_).states.get(name)
    if state is None or state.term is None or state.outside:
        return None
    if all(act.by == "applicant" for act in state.does.values()):
        return None
    counts, (_, waiting, late) = took.get((service, name), Counter[int]()), now.get((service, name), ("", 0, 0))
    return LevelView(
        service=service,
        name=declared.name,
        state=name,
        title=state.title,
        term=_term(declared, state.term, today),
        done=counts.total(),
        on_time=on_time[service, name],
        days=_median(counts),
        open=waiting,
        late=late,
    )


def _now(agency: str, today: date) -> dict[tuple[str, str], tuple[str, int, int]]:
    """(service, state) → a declaration of it, how many are open, how many of those late."""
    rows = Case.objects.filter(final=False, owner=agency).values_list("service", "state", "declaration_id")
    found: dict[tuple[str, str], tuple[str, int, int]] = {}
    for service, state, hash_, n, late in rows.annotate(n=Count("pk"), late=Count("pk", filter=Q(due__lt=today))):
        _, before, late_before = found.get((service, state), ("", 0, 0))
        found[service, state] = hash_, before + n, late_before + late
    return found


def _is_applicants(state: State, act: str) -> bool:
    """The applicant's own step, taken for them at the counter."""
    return act in state.does and state.does[act].by == "applicant"


@lru_cache(maxsize=4096)
def _due(hash_: str, term: str, came: date) -> date:
    return days.add_working_days(came, _term(declarations.by_hash(hash_), term, came)).date


def _term(declared: Declared, term: str, day: date) -> int:
    try:
        return evidence.term(declared, term, day=day, node=here())
    except NoParameter:  # not in force on that day
        return 0


def _median(counts: Mapping[int, int]) -> int | None:
    half = (sum(counts.values()) + 1) // 2
    for took, n in sorted(counts.items()):
        half -= n
        if half <= 0:
            return took
    return None
