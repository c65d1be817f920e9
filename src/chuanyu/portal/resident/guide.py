"""The guide to one service (办事指南): every line of it comes from the service's folder."""

from dataclasses import dataclass
from datetime import date
from typing import Any, get_type_hints

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.functional import SimpleLazyObject
from django.utils.safestring import mark_safe

from chuanyu.cases import diagram, eligibility, queries
from chuanyu.cases.diagram import main_path
from chuanyu.cases.views import RowView
from chuanyu.core import days
from chuanyu.core.catalogue import catalogue
from chuanyu.core.documents import Field, fields
from chuanyu.core.money import Amount, Money
from chuanyu.core.parameters import Parameter, Value
from chuanyu.core.service import NODES, DocumentSpec, Reason, Service, State
from chuanyu.core.text import Text
from chuanyu.delivery import queries as delivery
from chuanyu.identity.access import visitor
from chuanyu.identity.here import here
from chuanyu.portal import papers, river, words


@dataclass(frozen=True)
class Sides:
    """A parameter as it stands today: one value for both provinces, or one each."""

    parameter: Parameter
    values: dict[str, Value | None]

    @property
    def same(self) -> bool:
        first, second = self.values.values()
        return first == second or (first is not None and second is not None and first.value == second.value)

    @property
    def shown(self) -> Value | None:
        return next((value for value in self.values.values() if value), None)

    @property
    def columns(self) -> list[tuple[str, Any]]:
        return [(n, v.value if v else None) for n, v in self.values.items()]


@dataclass(frozen=True)
class Sheet:
    """A document of the service: what is asked, and of whom."""

    spec: DocumentSpec
    title: Text
    fields: tuple[Field, ...]
    by: str  # applicant | node | the agency's name


@dataclass(frozen=True)
class Example:
    """A worked example: who decided what from which papers, and why."""

    name: Text
    on: date | None
    node: str
    made: list[papers.Line]  # a document the rule gives, instead of `value`
    papers: list[tuple[Text, list[papers.Line]]]
    outcome: str
    value: str
    reason: Reason | None
    ref: str


@dataclass(frozen=True)
class Step:
    """A row of the procedure's table."""

    row: diagram.Row
    who: Text | str
    term: str


def guide(request: HttpRequest, key: str) -> HttpResponse:
    """Who, what to bring, the steps, how long, the numbers and where they come from, worked examples."""
    service = catalogue().get(key)
    if service is None:
        raise Http404
    # the article is the same for everybody: the template keeps it, and only then what it needs is worked out
    later: Any = SimpleLazyObject
    parties = later(lambda: river.owners(service.procedure, here()) if service.procedure else {})
    sheets = later(lambda: [_sheet(spec, parties) for spec in service.documents.values() if spec.by != "node"])
    asked = later(lambda: [sheet for sheet in sheets if sheet.by == "applicant"])
    context = {
        "service": service,
        "crumbs": [("/services/", Text("办事", "Services")), ("", service.name)],
        "today": days.today(),
        "chapter": words.CHAPTERS.get(service.chapter),
        "bends": later(lambda: river.planned(service, here())),
        "asked": later(lambda: [sheet for sheet in asked if _at_start(service, sheet)]),
        "asked_later": later(lambda: [sheet for sheet in asked if not _at_start(service, sheet)]),
        "fetched": later(lambda: [sheet for sheet in sheets if sheet.by != "applicant"]),
        "drawing": later(lambda: _drawing(service, parties)),
        "table": later(lambda: _table(service, parties)),
        "automatic": later(
            lambda: bool(service.procedure and any(row.auto for row in diagram.table(service.procedure)))
        ),
        "parameters": later(lambda: [_sides(parameter) for parameter in service.parameters.values()]),
        "nodes": list(NODES),
        "examples": later(lambda: examples(service)),
        "reasons": [reason for reason in service.reasons.values() if reason.remedy],
        "length": later(lambda: _length(service)),
        "outside": [state.title for state in _on_the_way(service) if state.outside],
        "leads": _leads(service),
        "mine": _mine(request, service),
        "foreseeable": eligibility.question(service) is not None,
    }
    return render(request, "portal/resident/guide.html", context)


def examples(service: Service) -> list[Example]:
    """The worked examples as the guide shows them: one of each rule first."""
    rows = list(service.examples.get("decisions", ()))
    first = [row for n, row in enumerate(rows) if row["rule"] not in {before["rule"] for before in rows[:n]}]
    return [_example(service, row) for row in first + [row for row in rows if row not in first]]


def _example(service: Service, row: dict[str, Any]) -> Example:
    expect = row.get("expect", {})
    rule = service.rules.get(row["rule"])
    unit = next((posting.unit for posting in service.postings.values() if rule and posting.name == rule.name), "")
    unit = unit or ("CNY" if _given(service, row["rule"]) in (Money, Amount) else "")
    value = expect.get("value")
    made = value if isinstance(value, dict) else None
    return Example(
        name=words.pair(row["name"]),
        on=date.fromisoformat(str(row["as_of"])) if row.get("as_of") else None,
        node=row.get("at", ""),
        papers=[
            (papers.title(service.documents.get(name), name), papers.lines(_class(service, name), body, service))
            for name, body in row.get("given", {}).items()
            if body
        ],
        outcome=expect.get("outcome", ""),
        made=papers.lines(_given(service, row["rule"]), made, service) if made else [],
        value="" if value is None or made is not None else words.amount(value, unit) if unit else _result(value),
        reason=service.reasons.get(expect.get("reason", "")),
        ref=expect.get("ref", ""),
    )


def _given(service: Service, rule: str) -> Any:
    """The class of the document a rule gives."""
    if rule in service.documents:
        return service.documents[rule].cls
    return get_type_hints(service.rules[rule].function).get("return") if rule in service.rules else None


def _result(value: Any) -> str:
    """What a rule gave that has no unit: yes or no, a day, a place, or a figure."""
    if isinstance(value, bool):
        return words.amount(value, "flag")
    try:
        return words.day(date.fromisoformat(str(value)))
    except ValueError:
        return words.place_name(str(value))


def _class(service: Service, name: str) -> Any:
    spec = service.documents.get(name)
    return spec.cls if spec else papers.OWN.get(name)


def _sheet(spec: DocumentSpec, parties: dict[str, Text]) -> Sheet:
    by = spec.by if spec.by not in parties else words.say(parties[spec.by])
    return Sheet(spec, papers.title(spec, spec.name), fields(spec.cls), by)


def _at_start(service: Service, sheet: Sheet) -> bool:
    return service.procedure is None or sheet.spec.name in service.procedure.start_takes


def _drawing(service: Service, parties: dict[str, Text]) -> str:
    if service.procedure is None:
        return ""
    # the engine's own drawing: its texts are escaped where it is made
    return mark_safe(diagram.svg(service.procedure, words.language(), parties))


def _table(service: Service, parties: dict[str, Text]) -> list[Step]:
    if service.procedure is None:
        return []
    applicant = Text("申请人", "Applicant")
    return [
        Step(row, applicant if row.by == "applicant" else _who(row, parties), row.term or "")
        for row in diagram.table(service.procedure)
    ]


def _who(row: diagram.Row, parties: dict[str, Text]) -> Text | str:
    """The agency, or its system where nobody has to do anything."""
    agency = parties.get(row.by, Text(row.by, row.by))
    if not row.auto:
        return agency
    if row.timed:
        return Text(f"{agency.zh}的系统，到时自动", f"The system of {agency.en}, when the time has come")
    return Text(f"{agency.zh}的系统，自动", f"The system of {agency.en}, by itself")


def _sides(parameter: Parameter) -> Sides:
    return Sides(parameter, {node: parameter.value_on(days.today(), node) for node in NODES})


def _mine(request: HttpRequest, service: Service) -> RowView | None:
    """The visitor's own open case of this service: there is no need for a second one."""
    who = visitor(request)
    rows = queries.mine(who) if who and not (service.procedure and service.procedure.many) else []
    return next((row for row in rows if row.service == service.key and not row.final), None)


def _leads(service: Service) -> list[tuple[str, Text]]:
    """The lead units by province, named in both languages by the plan."""
    return [(node, delivery.lead(service, node)) for node in NODES if node in service.leads]


def _on_the_way(service: Service) -> list[State]:
    """The states of the main path."""
    procedure = service.procedure
    return [procedure.states[name] for name in main_path(procedure)] if procedure else []


def _length(service: Service) -> int | None:
    """Working days of the main path, all terms added: what the law allows, not what it takes. What waits outside is no term of theirs."""
    total = 0
    for state in _on_the_way(service):
        if service.procedure is None or state.term is None or state.owner is None or state.outside:
            continue
        node = river.node_of(service.procedure.parties[state.owner], here())
        value = service.parameters[state.term].value_on(days.today(), node)
        total += int(value.value) if value else 0
    return total or None
