"""A bill explained, for the patient and for the clerk: totals, the steps of the computation, every line; on paper and as CSV."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from chuanyu.cases import bills, queries
from chuanyu.cases.bills import Bill, Fact, Line
from chuanyu.cases.errors import CaseError
from chuanyu.cases.views import CaseView, TransferView
from chuanyu.core.catalogue import catalogue
from chuanyu.core.money import Money
from chuanyu.core.text import Text
from chuanyu.identity.access import actor
from chuanyu.portal import tables, words
from chuanyu.portal.tables import CSV, Cell, Column, Table
from chuanyu.portal.templatetags import money

MOST = 200  # lines shown until all are asked for; paper and CSV have all that the page has, or all


@dataclass(frozen=True)
class Reason:
    """What of a bill has one reason, over all lines."""

    why: Text
    ref: str
    amount: str
    fund: str
    patient: str


def bill(request: HttpRequest, case: UUID, name: str) -> HttpResponse:
    """One bill of a case that the visitor may see; anything else is not there."""
    who = actor(request)
    try:
        seen = queries.view(case, who)
    except CaseError:
        raise Http404 from None
    found = bills.bill(seen, name)
    if found is None:
        raise Http404
    service = catalogue()[seen.service]
    if request.GET.get("as") == "csv":
        return tables.attachment(tables.as_csv(_table(found, service)), CSV, f"{seen.reference}.csv")
    mine = who.is_person(seen.person, seen.service)
    whole = request.GET.get("all") == "1" or len(found.lines) <= MOST
    back = reverse("portal:tracker" if mine else "portal:workspace", args=[case])
    context = {
        "case": seen,
        "bill": found,
        "service": service,
        "mine": mine,
        "reasons": reasons(found),
        "lines": found.lines if whole else found.lines[:MOST],
        "whole": whole,
        "made": datetime.fromisoformat(found.at),
        "transfer": transfer_of(seen),
        "back": back,
        "address": settings.PLACE.portal_url + reverse("portal:tracker", args=[case]),
        "now": timezone.now(),
        "crumbs": [(back, seen.name if mine else Text(seen.reference, seen.reference)), ("", found.title)],
    }
    return render(request, "portal/bill.html", context)


def reasons(found: Bill) -> list[Reason]:
    """The parts of all lines by their reason, in the order they first come."""
    groups: dict[str, list[Any]] = {}
    for line in found.lines:
        for part in line.parts:
            groups.setdefault(part.why.zh, []).append(part)
    return [
        Reason(
            parts[0].why,
            parts[0].ref,
            *(
                str(sum((Money.parse(getattr(part, key)) for part in parts), start=Money(0)))
                for key in ("amount", "fund", "patient")
            ),
        )
        for parts in groups.values()
    ]


def transfer_of(case: CaseView) -> TransferView | None:
    """How the fund's money stands: the last that still does."""
    return case.transfers[-1] if case.transfers else None


def _table(found: Bill, service: Any) -> Table:
    """Every part of every line, for a file: a column for each thing any line says."""
    of_lines = _columns(each for line in found.lines for each in line.facts)
    of_parts = _columns(each for line in found.lines for part in line.parts for each in part.facts)
    columns = (
        Column("line", _("行号"), "num"),
        Column("name", _("项目名称")),
        *(Column(f"line-{key}", words.say(title)) for key, title in (of_lines | of_parts).items()),
        Column("amount", _("金额"), "num"),
        Column("fund", words.say(found.fund.title), "num"),
        Column("patient", words.say(found.patient.title), "num"),
        Column("why", _("原因")),
        Column("article", _("依据")),
    )
    rows = [
        [
            tables.number(line.number),
            tables.text(line.name),
            *(tables.text(_said(facts.get(key))) for key in of_lines | of_parts),
            *(Cell(value) for value in (part.amount, part.fund, part.patient)),  # as text: every fen is said
            tables.text(part.why),
            tables.text(words.source(service, part.ref)),
        ]
        for line in found.lines
        for part in line.parts
        for facts in [_by_name(line, part.facts)]
    ]
    return Table("bill", found.title, columns, rows)


def _columns(facts: Any) -> dict[str, Text]:
    return {each.name: each.title for each in facts}


def _by_name(line: Line, more: tuple[Fact, ...]) -> dict[str, Fact]:
    return {each.name: each for each in (*line.facts, *more)}


def _said(given: Fact | None) -> str:
    """Bare numbers for programs, words for what is no number."""
    if given is None:
        return ""
    return str(given.value) if given.kind in ("money", "decimal", "integer", "share") else money.fact(given)
