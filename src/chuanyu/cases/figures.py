"""Cases as numbers, for `watch` alone: counted where they lie, in the database, and not yet fit to be shown to anyone.

A case counts at the node where it was filed, and nowhere else: what two nodes publish may be added up, and nothing is
learnt by taking one from the other. It counts in the month it was filed; its end counts if it came before `until`. Days
are those of Asia/Shanghai.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from typing import Any

import msgspec
from django.db import connection, transaction
from django.db.models import Count, Min, Q

from chuanyu.cases import declarations
from chuanyu.cases.ends import End, end
from chuanyu.cases.models import Case
from chuanyu.core import days
from chuanyu.identity import sql
from chuanyu.identity.here import here, peer


class Filed(msgspec.Struct, frozen=True, kw_only=True):
    """`count` cases of a service filed in a month, that came to this end; end "" = none yet."""

    service: str
    month: date
    end: End | str
    count: int


class Ended(msgspec.Struct, frozen=True, kw_only=True):
    """`count` cases that took so many working days from filing to their end (done or refused; nobody counts withdrawals).

    Days in a state that waits `outside` are left out: they are not the agencies' own.
    """

    service: str
    end: End | str
    days: int
    count: int


class Refused(msgspec.Struct, frozen=True, kw_only=True):
    """`count` refusals with this reason; "" where a clerk refused without one."""

    service: str
    reason: str
    count: int


class Origin(msgspec.Struct, frozen=True, kw_only=True):
    """`count` cases filed here by people registered in `origin`; `crosses`: an agency of the other node takes part."""

    origin: str
    crosses: bool
    count: int


class Holder(msgspec.Struct, frozen=True, kw_only=True):
    """What lies with an agency now: `open` cases, `late` of them past their term; the first of all is or was due on `first`."""

    agency: str
    open: int
    late: int
    first: date | None


_LOCAL = "({} AT TIME ZONE 'Asia/Shanghai')"
_FILED = f"""
SELECT service, declaration_id, date_trunc('month', {_LOCAL.format("filed")})::date,
       CASE WHEN final AND since < %(until)s THEN state ELSE '' END, count(*)
  FROM cases_case WHERE filed_at = %(here)s AND filed >= %(since)s AND filed < %(until)s GROUP BY 1, 2, 3, 4
"""
# working days are counted by a calendar of running numbers: the difference of two is what lies between
_CASES = "c.filed_at = %(here)s AND c.final AND c.filed >= %(since)s AND c.filed < %(until)s AND c.since < %(until)s"
_AT = _LOCAL.format("(e.body->>'at')::timestamptz")
_ENDED = f"""
WITH calendar AS (SELECT * FROM unnest(%(days)s::date[], %(numbers)s::int[]) AS d(day, n)),
     stay AS (SELECT e.case_id, c.declaration_id, e.body->>'target' AS state, {_AT}::date AS came,
                     lead({_AT}::date) OVER (PARTITION BY e.case_id ORDER BY e.sequence) AS went
                FROM cases_case c JOIN cases_event e ON e.case_id = c.id
               WHERE {_CASES} AND c.declaration_id = ANY(%(outside)s::text[])),
     away AS (SELECT case_id, sum(l.n - f.n) AS n FROM stay
                JOIN calendar f ON f.day = came JOIN calendar l ON l.day = went
               WHERE (declaration_id, state) IN (SELECT * FROM unnest(%(outside)s::text[], %(states)s::text[]))
               GROUP BY 1)
SELECT c.service, c.declaration_id, c.state, l.n - f.n - coalesce(away.n, 0), count(*)
  FROM cases_case c
  JOIN calendar f ON f.day = {_LOCAL.format("c.filed")}::date
  JOIN calendar l ON l.day = {_LOCAL.format("c.since")}::date
  LEFT JOIN away ON away.case_id = c.id
 WHERE {_CASES} GROUP BY 1, 2, 3, 4
"""
_REASONS = """
SELECT c.service, coalesce(e.body->'outcome'->>'reason', ''), count(*)
  FROM cases_case c LEFT JOIN cases_event e ON e.case_id = c.id AND e.sequence = c.sequence
 WHERE c.filed_at = %(here)s AND c.final AND c.filed >= %(since)s AND c.filed < %(until)s AND c.since < %(until)s
   AND (c.declaration_id, c.state) IN (SELECT * FROM unnest(%(declarations)s::text[], %(states)s::text[]))
 GROUP BY 1, 2
"""
_ORIGINS = """
SELECT origin, parties::text LIKE %(theirs)s, count(*) FROM cases_case
 WHERE filed_at = %(here)s AND filed >= %(since)s AND filed < %(until)s GROUP BY 1, 2
"""


@contextmanager
def one_moment() -> Iterator[None]:
    """Everything counted inside is counted at one moment, so that parts add up to their sums while cases go on."""
    if connection.in_atomic_block:
        yield
        return
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield


def filed(since: datetime, until: datetime) -> list[Filed]:
    """All cases filed here in the span."""
    counts: dict[tuple[Any, ...], int] = {}
    for service, declaration, month, state, count in sql.rows(_FILED, _span(since, until)):
        key = service, month, _end(declaration, state) if state else ""
        counts[key] = counts.get(key, 0) + count
    return [Filed(service=s, month=m, end=e, count=c) for (s, m, e), c in counts.items()]


def ended(since: datetime, until: datetime) -> list[Ended]:
    """How long those of them took that were decided."""
    numbers = calendar(days.legal_day(since), days.legal_day(until))
    outside = _outside()
    span = _span(since, until) | {
        "days": list(numbers),
        "numbers": list(numbers.values()),
        "outside": [declaration for declaration, _ in outside],
        "states": [state for _, state in outside],
    }
    counts: dict[tuple[Any, ...], int] = {}
    for service, declaration, state, took, count in sql.rows(_ENDED, span):
        key = service, _end(declaration, state), took
        counts[key] = counts.get(key, 0) + count
    return [Ended(service=s, end=e, days=d, count=c) for (s, e, d), c in counts.items() if e != "withdrawn"]


def refused(since: datetime, until: datetime) -> list[Refused]:
    """Why those of them were refused that were."""
    states = Case.objects.filter(final=True).values_list("declaration", "state").distinct().order_by()
    ends = [(declaration, state) for declaration, state in states if _end(declaration, state) == "refused"]
    span = _span(since, until) | {"declarations": [d for d, _ in ends], "states": [s for _, s in ends]}
    return [Refused(service=s, reason=r, count=c) for s, r, c in sql.rows(_REASONS, span)]


def origins(since: datetime, until: datetime) -> list[Origin]:
    """Where the people who filed here are registered."""
    span = _span(since, until) | {"theirs": f'%"{peer()}/%'}
    return [Origin(origin=o, crosses=x, count=c) for o, x, c in sql.rows(_ORIGINS, span)]


def holders() -> list[Holder]:
    """With whom the open cases lie now, at either node, as far as this one knows; whoever is latest first."""
    late = Q(due__lt=days.today())
    rows = Case.objects.filter(final=False).values_list("owner")
    found = rows.annotate(open=Count("pk"), late=Count("pk", filter=late), first=Min("due"))
    held = [Holder(agency=a, open=n, late=x, first=due) for a, n, x, due in found.order_by()]
    return sorted(held, key=lambda one: (-one.late, -one.open, one.agency))


def calendar(first: date, last: date) -> dict[date, int]:
    """Running numbers of working days: a day's number is how many there were from `first` up to and including it."""
    numbers, count = {}, 0
    for ordinal in range((last - first).days + 1):
        day = first + timedelta(days=ordinal)
        count += days.is_working_day(day)
        numbers[day] = count
    return numbers


def _span(since: datetime, until: datetime) -> dict[str, Any]:
    return {"since": since, "until": until, "here": here()}


def _outside() -> list[tuple[str, str]]:
    """(declaration, state) of those that wait for what is in no agency's hands."""
    known = Case.objects.values_list("declaration", flat=True).distinct().order_by()
    return [
        (declaration, state.name)
        for declaration in known
        for state in declarations.procedure(declaration).states.values()
        if state.outside
    ]


def _end(declaration: str, state: str) -> End:
    return end(declarations.procedure(declaration), state)
