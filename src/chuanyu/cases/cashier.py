"""The line at a cashier's counter: whose money is at which step, until when it is reserved, what the day came to.

It is read off the procedures. What a step does to money is the verb of the act itself, or of the steps that happen by themselves
after it: at a hospital "settle" posts because the place of insurance pays at once. A party is a cashier where a person of it
can make money move for good or give it back; then all its open cases of the service are in its line.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from functools import lru_cache
from uuid import UUID

import msgspec
from django.db.models import Case as Case_
from django.db.models import Q, QuerySet, When

from chuanyu.cases import bills, declarations, steps
from chuanyu.cases.errors import CaseError
from chuanyu.cases.models import Case, CaseDocument
from chuanyu.clearing import purses
from chuanyu.clearing import queries as clearing
from chuanyu.core import days
from chuanyu.core.catalogue import catalogue
from chuanyu.core.documents import DocumentError
from chuanyu.core.money import Money
from chuanyu.core.movements import VERBS
from chuanyu.core.service import Act, Procedure, Service
from chuanyu.core.text import Text
from chuanyu.identity.actor import Actor
from chuanyu.identity.here import here
from chuanyu.identity.queries import agency_name

LIMIT = 200  # cases of a page of a line
_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
STAGES = ("settle", "open", "flight", "posted")  # in the order of the page


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """A case in the line. Like every list it names nobody. Amounts in the unit; "" where they are not known yet.

    `stage`: settle (money is reserved, or can be paid, and waits for us), open (nothing is reserved yet), flight (others are
    at it), posted (done, and can be taken back). `until`: when `until_title` happens by itself.
    """

    case: UUID
    reference: str
    service: str
    name: Text
    state: str
    title: Text
    stage: str
    since: datetime
    due: date | None
    overdue: bool
    number: str
    total: str
    fund: str
    patient: str
    amount: str
    unit: str
    status: str
    until: datetime | None
    until_title: Text | None


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """A page of a line: `first` is the place of its first case among all `total`, counted from 1."""

    rows: list[Standing]
    total: int
    first: int

    @property
    def more(self) -> bool:
        """Whether there is a next page."""
        return self.first + len(self.rows) <= self.total


class Taking(msgspec.Struct, frozen=True, kw_only=True):
    """What one service moved for us on a day from, or to, one other agency. `patients`: what people paid themselves."""

    service: str
    name: Text
    other: Text
    paid: bool  # by us; else to us
    unit: str
    settled: int
    amount: str
    reversed: int
    returned: str
    net: str
    patients: str


def effect(procedure: Procedure, act: Act) -> str:
    """What comes of an act's accept: reserve, post, void, reverse, or "" where no money is touched."""
    seen: set[str] = set()
    current: Act | None = act
    while current is not None:
        if verb := next((verb for verb in VERBS if getattr(current, verb)), ""):
            return verb
        state = procedure.states.get(current.to.get("accept", ""))
        if state is None or state.name in seen:
            return ""
        seen.add(state.name)
        current = next((each for each in state.does.values() if each.by == "auto" and each.at is None), None)
    return ""


def serves(actor: Actor) -> list[str]:
    """The services this clerk's agency is a cashier of, in the order of the catalogue."""
    return list(_parties(actor.agency)) if actor.agency and actor.node == here() else []


def line(actor: Actor, *, text: str = "", page: int = 1) -> Line:
    """A page of the open cases in the line of the actor's agency: what lies with us first, then the oldest; sorted by stage.

    `text` finds among all of them: a reference or a bill's number, in whole or in part, or what a slip's code holds.
    """
    ours = f"{here()}/{actor.agency}"
    found = _in_line(actor)
    if text:
        found = found.filter(_matching(actor, text))
    found = found.order_by(Case_(When(owner=ours, then=0), default=1), "since", "pk")
    start = (page - 1) * LIMIT
    rows = list(found[start : start + LIMIT + 1])
    total = found.count() if start or len(rows) > LIMIT else len(rows)
    standing = _standings(rows[:LIMIT])
    standing.sort(key=lambda each: (STAGES.index(each.stage), each.since))
    return Line(rows=standing, total=total, first=start + 1)


def standing(actor: Actor, case: UUID) -> Standing | None:
    """One case of the line; None where it is in none of ours."""
    return next(iter(_standings(list(_in_line(actor).filter(pk=case)))), None)


def takings(actor: Actor, since: datetime, until: datetime) -> list[Taking]:
    """What moved for the actor's agency between two moments, by service and by who paid or was paid."""
    if actor.agency is None:
        return []
    ours, known = f"{here()}/{actor.agency}", catalogue()
    moved = purses.movements(actor.agency, since, until)
    told = _told(list(Case.objects.filter(pk__in={row.case for row in moved}).only("pk", "service")))
    groups: dict[tuple[str, str, bool, str], list[purses.Movement]] = {}
    for row in moved:
        paid = row.payer == ours
        groups.setdefault((row.service, row.payee if paid else row.payer, paid, row.unit), []).append(row)
    return [
        _taking(known[key].name if key in known else Text(key, key), key, other, paid, unit, rows, told)
        for (key, other, paid, unit), rows in sorted(groups.items())
    ]


def until(case: Case) -> tuple[datetime, Text] | None:
    """When the case goes on by itself, and what happens then; None where it waits for somebody."""
    state = declarations.procedure(case.declaration_id).states[case.state]
    act = next((each for each in state.does.values() if each.by == "auto" and each.at), None)
    if act is None:
        return None
    try:
        return steps.moment(case, act, days.now()), act.title
    except (CaseError, DocumentError):  # what the moment is counted from is not here
        return None


# ---- inside


def _in_line(actor: Actor) -> QuerySet[Case]:
    ours = f"{here()}/{actor.agency}"
    wanted = Q(pk=None)
    for key, names in (_parties(actor.agency) if actor.agency and actor.node == here() else {}).items():
        for name in names:
            wanted |= Q(service=key, **{f"parties__{name}": ours})
    return Case.objects.filter(wanted, final=False)


def _matching(actor: Actor, text: str) -> Q:
    typed = "".join(text.upper().split())
    matching = Q(reference__contains=typed)
    if scanned := _ID.search(text):
        matching |= Q(pk=UUID(scanned[0]))
    known = catalogue()
    for key in serves(actor):
        for name, spec in known[key].documents.items():
            if spec.explains:
                numbers = Q(name=name, **{f"body__{spec.explains}__icontains": typed})
                matching |= Q(
                    service=key, pk__in=CaseDocument.objects.filter(numbers, case__final=False).values("case")
                )
    return matching


def _standings(rows: list[Case]) -> list[Standing]:
    told, moved = _told(rows), _moved(rows)
    return [_standing(row, told.get(row.pk, {}), moved.get(row.pk)) for row in rows]


@lru_cache(maxsize=64)
def _parties(agency: str | None) -> Mapping[str, tuple[str, ...]]:
    """Service → the parties an agency plays in it as a cashier."""
    found = {key: _cashiers(service, agency) for key, service in catalogue().items() if service.postings}
    return {key: names for key, names in found.items() if names}


def _cashiers(service: Service, agency: str | None) -> tuple[str, ...]:
    procedure = service.procedure
    if procedure is None:
        return ()
    return tuple(
        name
        for name, party in procedure.parties.items()
        if party.agency == agency
        and any(
            act.by == "owner" and effect(procedure, act) in ("post", "void", "reverse")
            for state in procedure.states.values()
            if state.owner == name
            for act in state.does.values()
        )
    )


def _standing(case: Case, told: Mapping[str, str], moved: clearing.Transfer | None) -> Standing:
    declared, procedure = declarations.by_hash(case.declaration_id), declarations.procedure(case.declaration_id)
    state = procedure.states[case.state]
    ours = case.owner.startswith(f"{here()}/") and not case.posting
    verbs = {effect(procedure, act) for act in state.does.values() if act.by == "owner"} if ours else set()
    by_itself = any(act.by == "auto" and act.at is None for act in state.does.values())
    stage = "flight"
    if "post" in verbs and not by_itself:
        stage = "settle"
    elif "reverse" in verbs:
        stage = "posted"
    elif "reserve" in verbs and not by_itself:
        stage = "open"
    ends = until(case)
    return Standing(
        case=case.pk,
        reference=case.reference,
        service=case.service,
        name=declared.name,
        state=case.state,
        title=state.title,
        stage=stage,
        since=case.since,
        due=case.due,
        overdue=case.due is not None and case.due < days.today(),
        number=told.get("number", ""),
        total=told.get("total", ""),
        fund=told.get("fund", ""),
        patient=told.get("patient", ""),
        amount=purses.shown(moved.amount.fen, moved.unit) if moved else "",
        unit=moved.unit if moved else "",
        status=moved.kind if moved else "",
        until=ends[0] if ends else None,
        until_title=ends[1] if ends else None,
    )


def _told(cases: Iterable[Case]) -> dict[UUID, dict[str, str]]:
    """Case → the totals and the number of its newest bill, where a document explains one."""
    known = catalogue()
    named = {
        (case.service, name)
        for case in cases
        for name, spec in (known[case.service].documents.items() if case.service in known else ())
        if spec.explains
    }
    if not named:
        return {}
    rows = CaseDocument.objects.filter(
        case__in=[case.pk for case in cases], name__in={name for _, name in named}
    ).order_by("sequence")
    found: dict[UUID, dict[str, str]] = {}
    for row in rows:
        service = known[next(case.service for case in cases if case.pk == row.case_id)]
        spec = service.documents.get(row.name)
        if spec is not None and spec.explains and all(key in row.body for key in bills.TOTALS):
            number = row.body.get(spec.explains, "")
            found[row.case_id] = {key: row.body[key] for key in bills.TOTALS} | {"number": str(number)}
    return found


def _moved(cases: Iterable[Case]) -> dict[UUID, clearing.Transfer]:
    """Case → the last that was reserved or posted for it and still stands."""
    rows = [row for row in clearing.transfers([case.pk for case in cases]) if row.status == "posted"]
    undone = {row.of for row in rows if row.kind in ("void", "reverse", "adjust")}
    return {row.case: row for row in rows if row.kind in ("plain", "pending", "post") and row.id not in undone}


def _taking(
    name: Text,
    key: str,
    other: str,
    paid: bool,
    unit: str,
    rows: list[purses.Movement],
    told: Mapping[UUID, Mapping[str, str]],
) -> Taking:
    back = [row for row in rows if row.kind == "reverse"]
    forth = [row for row in rows if row.kind != "reverse"]
    own = [Money.parse(told[row.case]["patient"]) for row in forth if row.case in told]
    own += [-Money.parse(told[row.case]["patient"]) for row in back if row.case in told]
    amount, returned = sum(row.amount for row in forth), sum(row.amount for row in back)
    return Taking(
        service=key,
        name=name,
        other=agency_name(other),
        paid=paid,
        unit=unit,
        settled=len(forth),
        amount=purses.shown(amount, unit),
        reversed=len(back),
        returned=purses.shown(returned, unit),
        net=purses.shown(amount - returned, unit),
        patients=str(sum(own, start=Money(0))) if own else "",
    )
