"""Made-up cases of the past year, so that figures, charts and long lists have something to show. Nothing of it happened.

Both nodes make the same cases from the same numbers, each its own copy, walking each service's own procedure: acts and
outcomes by chance, terms as people keep them. The events are chained and replay as any others do; they are written with
COPY, a hundred thousand in a minute or two. No money moves and no message is sent.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import islice
from random import Random
from typing import Any
from uuid import UUID

import msgspec
from django.db import connection, transaction

from chuanyu.cases import declarations, steps, store
from chuanyu.cases.models import Case
from chuanyu.cases.replay import ACT, NOWHERE, START, Event, Position, advance, resolve
from chuanyu.core import days
from chuanyu.core.canonical import digest
from chuanyu.core.catalogue import catalogue
from chuanyu.core.numbers import Sex, make_person_number
from chuanyu.core.outcomes import Kind, Outcome
from chuanyu.core.parameters import Parameters
from chuanyu.core.rules import decide
from chuanyu.core.service import NODES, Act, Procedure, Service
from chuanyu.delivery import ratings
from chuanyu.delivery.models import Rating
from chuanyu.identity import vault
from chuanyu.identity.here import here
from chuanyu.node.samples import check_allowed
from chuanyu.node.samples.documents import plain
from chuanyu.node.samples.people import AREAS, place_and_age

PAST = 400  # days back that the first of them was filed
AREA = {"chongqing": "500099", "sichuan": "510099"}  # of their numbers: nobody's, and no other sample's
BATCH = 2000
LONGEST = 12  # steps of a case
OUTCOMES: dict[Kind, int] = {  # how likely each is, where the act has it
    "accept": 84,
    "value": 84,
    "refuse": 8,
    "ask": 6,
    "hold": 2,
    "elsewhere": 1,
    "stale": 1,
    "no_basis": 1,
    "duplicate": 1,
}
LEVELS = {"very_satisfied": 52, "satisfied": 30, "fairly_satisfied": 12, "dissatisfied": 4, "very_dissatisfied": 2}
_json = msgspec.json.Encoder()


@dataclass
class Made:
    """One case and what came of it."""

    case: Case
    events: list[tuple[Event, str]]  # with their hashes
    documents: list[tuple[int, str, Any]]
    number: str
    household: str | None
    known_there: bool  # the other node had work with it


def load(count: int) -> int:
    """Put `count` cases (and their people) into this node, less those the other node never heard of. Returns how many.

    Safe to repeat with the same or a larger count: what is there is left alone.
    """
    check_allowed()
    with transaction.atomic():
        for service in _services():
            declarations.keep(service)
    written = 0
    numbers = iter(range(count))
    while batch := [made(index) for index in islice(numbers, BATCH)]:
        ours = [one for one in batch if one.case.filed_at == here() or one.known_there]
        there = set(Case.objects.filter(pk__in=[one.case.pk for one in ours]).values_list("pk", flat=True))
        written += _write([one for one in ours if one.case.pk not in there])
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE cases_case")
    return written


def made(index: int) -> Made:
    """The case with this number, the same at both nodes but for the ids of its person."""
    random = Random(f"chuanyu history {index}")
    service = random.choice(_services())
    assert service.procedure is not None
    filed_at = random.choice(NODES)
    other = NODES[1 - NODES.index(filed_at)]
    home = random.choices((filed_at, other, ""), (55, 40, 5))[0]
    household, sex, birth = place_and_age(random, AREAS[home or filed_at])
    now = midnight()
    # more of them lately than a year ago
    filed = now - timedelta(days=PAST * (1 - random.random() ** 0.8), minutes=1 + random.randrange(600))
    case = Case(
        id=UUID(int=random.getrandbits(128), version=4),
        service=service.key,
        declaration_id=service.hash,
        parties=resolve(service.procedure, filed_at, other),
        filed_at=filed_at,
        origin=household if home and filed_at == here() else "",
        filed=filed,
        sequence=0,
        head="",
    )
    case.reference = steps.reference(case.pk)
    number = _number(index, filed_at, birth, sex)
    return _walk(random, service, case, now, number, household if home else None)


def midnight() -> datetime:
    """Where the made-up past ends: the same moment for both nodes, whenever today they are filled."""
    today = days.today()
    return datetime(today.year, today.month, today.day, tzinfo=days.SHANGHAI).astimezone(UTC)


def _walk(random: Random, service: Service, case: Case, now: datetime, number: str, household: str | None) -> Made:
    procedure, known = service.procedure, _documents(service.key)
    assert procedure is not None
    found = Made(case, [], [], number, household, False)
    at, position = case.filed, NOWHERE
    owner = case.parties[procedure.states[procedure.start_state].owner or ""]
    ours = next(agency for agency in [owner, *case.parties.values()] if agency.startswith(f"{case.filed_at}/"))
    first = Event(
        case=str(case.pk), sequence=1, previous="", at=steps.stamp(at), node=case.filed_at, agency=ours, by="applicant",
        kind=START, source="", target=procedure.start_state, declaration=case.declaration_id,
        documents={name: digest(known[name]) for name in procedure.start_takes},
    )  # fmt: skip
    position = _append(found, first, position, procedure, known)
    while not position.final and position.sequence < LONGEST:
        chosen = _choose(random, service, procedure, position.state, known)
        if chosen is None:
            break
        act, outcome = chosen
        term = procedure.states[position.state].term
        allowed = int(getattr(Parameters(service.parameters, days.legal_day(at), case.filed_at), term)) if term else 10
        at += timedelta(hours=max(2.0, random.lognormvariate(0, 0.7) * allowed * 0.42 * 24 * 7 / 5))
        if at >= now:
            break
        step = Event(
            case=str(case.pk), sequence=position.sequence + 1, previous=position.head, at=steps.stamp(at),
            node=position.writer, agency=position.owner, by="applicant" if act.by == "applicant" else "staff", kind=ACT,
            source=position.state, target=act.to[outcome.outcome if outcome else "accept"], act=act.name,
            outcome=outcome, documents={name: digest(known[name]) for name in act.takes},
            note="（示例）" if act.note else "",
        )  # fmt: skip
        position = _append(found, step, position, procedure, known)
    return found


def _append(found: Made, step: Event, before: Position, procedure: Procedure, known: dict[str, Any]) -> Position:
    case = found.case
    after = advance(before, step, procedure=procedure, parties=case.parties, filed_at=case.filed_at)
    steps.place(case, step, after, received=datetime.fromisoformat(step.at))
    found.events.append((step, after.head))
    found.documents += [(step.sequence, name, known[name]) for name in step.documents]
    if after.owner and not after.owner.startswith(f"{case.filed_at}/"):
        found.known_there = True
    return after


def _choose(
    random: Random, service: Service, procedure: Procedure, state: str, known: dict[str, Any]
) -> tuple[Act, Outcome | None] | None:
    """An act that can be taken with the documents there are, and its outcome; None where there is none."""
    acts = [act for act in procedure.states[state].does.values() if all(name in known for name in act.takes)]
    if not acts:
        return None
    waits = acts[0].by == "applicant"  # then it is for the applicant to go on
    weights = [90, *(4 if act.by == "applicant" and not waits else 8 for act in acts[1:])]
    act = random.choices(acts, weights)[0]
    if not act.decide:
        return act, None
    kinds = [kind for kind in OUTCOMES if kind in act.to]
    kind = random.choices(kinds, [OUTCOMES[kind] for kind in kinds])[0]
    if kind in ("accept", "value"):
        return act, Outcome(outcome=kind)
    reasons = sorted(service.reasons)
    # some reasons are common and some are rare, as in life
    reason = random.choices(reasons, [1 / (n + 1) ** 2 for n in range(len(reasons))])[0] if reasons else ""
    return act, Outcome(outcome=kind, reason=reason)


@cache
def _services() -> tuple[Service, ...]:
    """Those with a procedure whose first papers the examples know."""
    return tuple(
        service
        for service in catalogue().values()
        if service.procedure and all(name in _documents(service.key) for name in service.procedure.start_takes)
    )


@cache
def _documents(service: str) -> dict[str, Any]:
    """A body for each document that the service's journeys use."""
    found: dict[str, Any] = {}
    for journey in catalogue()[service].examples.get("journeys", ()):
        for entry in journey.get("register", ()):
            found.setdefault(entry["document"].rpartition(".")[2], plain(entry["body"]))
        for step in journey["steps"]:
            for name, body in step.get("with", {}).items():
                found.setdefault(name, plain(body))
    return found


def _number(index: int, node: str, birth: date, sex: Sex) -> str:
    """A number of nobody. Unlike the birth it carries, its place in the day follows the index, so two seldom meet."""
    return make_person_number(AREA[node], birth, index % 500, sex)


def _write(batch: Iterable[Made]) -> int:
    """The cases of a batch with everything that belongs to them, in one transaction."""
    rows = list(batch)
    with transaction.atomic():
        people = vault.enrol_all([(one.number, "", one.household) for one in rows])
        busy = set[tuple[UUID, str, str]]()
        kept = []
        for one, person in zip(rows, people, strict=True):
            one.case.person = person
            one.case.shipped = one.case.sequence if one.known_there else 0
            key = person, one.case.service, one.case.filed_at
            if one.case.final or key not in busy:  # nobody has two open cases of a service
                kept.append(one)
                if not one.case.final:
                    busy.add(key)
        _copy("cases_case", store.COLUMNS, ([store.column(one.case, name) for name in store.COLUMNS] for one in kept))
        _copy(
            "cases_event",
            ("case_id", "sequence", "hash", "body", "actor", "stored"),
            (
                [
                    one.case.pk,
                    step.sequence,
                    head,
                    _json.encode(step.plain()).decode(),
                    "",
                    datetime.fromisoformat(step.at),
                ]
                for one in kept
                for step, head in one.events
            ),
        )
        _rate(one.case for one in kept)
        _copy(
            "cases_casedocument",
            ("case_id", "sequence", "name", "digest", "body"),
            (
                [one.case.pk, sequence, name, digest(body), _json.encode(body).decode()]
                for one in kept
                for sequence, name, body in one.documents
            ),
        )
    return len(kept)


def _rate(cases: Iterable[Case]) -> None:
    """One in three whose case was closed here rates it, by its level alone and anonymously; nobody said anything."""
    rows = []
    for case in cases:
        random = Random(f"chuanyu rating {case.pk}")
        if not case.final or case.filed_at != here() or random.random() > 1 / 3:
            continue
        start = catalogue()[case.service].procedure
        assert start is not None
        level = random.choices(list(LEVELS), list(LEVELS.values()))[0]
        given = days.legal_day(case.since)
        bad, due = _judged(level, given)
        row = Rating(
            token=ratings.seal(case.pk), service=case.service, level=level, bad=bad, on=given, due=due,
            agency=case.parties[start.states[start.start_state].owner or ""],
        )  # fmt: skip
        if due and due < days.today():
            row.result, row.answer, row.done = "explained", "（示例）", midnight()
        rows.append(row)
    Rating.objects.bulk_create(rows, ignore_conflicts=True)


@cache
def _judged(level: str, day: date) -> tuple[bool, date | None]:
    """Whether a rating is bad, and until when it is then to be looked into, by the service's own rules."""
    service = catalogue()[ratings.SERVICE]
    bad = bool(decide(service, "is_bad", {ratings.DOCUMENT: {"level": level}}, day, here()).outcome.value)
    if not bad:
        return False, None
    due = decide(service, "call_back_by", {}, day, here()).outcome.value
    return True, due if isinstance(due, date) else date.fromisoformat(str(due))


def _copy(table: str, columns: tuple[str, ...], rows: Iterator[list[Any]]) -> None:
    connection.ensure_connection()
    with (
        connection.cursor() as cursor,
        cursor.copy(f"COPY {table} ({', '.join(columns)}) FROM STDIN") as copy,
    ):
        for row in rows:
            copy.write_row(row)
