"""The report: everything the office answers for on paper, ready to print, and as a workbook."""

from dataclasses import replace

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.functional import SimpleLazyObject
from django.utils.translation import gettext as _

from chuanyu.cases import figures as standing
from chuanyu.core.text import Text
from chuanyu.delivery import queries as delivery
from chuanyu.exchange import queries as exchange
from chuanyu.identity.access import actor
from chuanyu.identity.here import here
from chuanyu.portal import tables, words
from chuanyu.portal.office import figures, map
from chuanyu.portal.tables import Table
from chuanyu.watch import queries as watch
from chuanyu.watch.queries import Scorecard, Snapshot

REPORT = Text("报告", "Report")


def report(request: HttpRequest) -> HttpResponse:
    """The page; paper is its first reader."""
    snapshot = watch.snapshot()
    made = [tables.sorted_as_asked(request, table) for table in _tables(snapshot)]
    if file := tables.asked_file(request, made):
        return file
    plan, services, flows, late = made
    reasons = [(figures.service_name(card.service), _reasons(card)) for card in snapshot.scorecards if card.reasons]
    title, number = delivery.about()
    context = {
        "snapshot": snapshot,
        "plan_title": title,
        "plan_number": number,
        "plan": plan,
        "services": services,
        "reasons": reasons,
        "flows": flows,
        "late": late,
        "map": SimpleLazyObject(lambda: map.of_flows(_("两地之间的往来，按县"), snapshot.flows)),
        "letters": len(exchange.dead_letters(actor(request))),
        "notes": figures.NOTES,
        "crumbs": [("", REPORT)],
    }
    return render(request, "portal/office/report.html", context)


def workbook(request: HttpRequest) -> HttpResponse:
    """The same tables as XLSX, with what they mean on the first sheet."""
    snapshot = watch.snapshot()
    made = _tables(snapshot)
    for card in snapshot.scorecards:
        if card.reasons:
            made.append(replace(_reasons(card), caption=figures.service_name(card.service)))
    province = words.say(words.NODES[here()])
    title = _("%(province)s专班报告") % {"province": province}
    content = tables.as_workbook(title, [span(snapshot), "", *map_notes(), *(str(n) for n in figures.NOTES)], made)
    return tables.attachment(content, tables.XLSX, "report.xlsx")


def span(snapshot: Snapshot) -> str:
    """The days the figures cover."""
    return _("%(since)s至%(until)s提交的办件") % {
        "since": words.day(snapshot.since),
        "until": words.day(snapshot.until),
    }


def map_notes() -> list[str]:
    """What a reader of the flows has to know."""
    return [_("“往来”只含在本地提交、两地共同办理的办件；县为申请人户籍所在地，另一端为对方或本地全省（市）。")]


def _reasons(card: Scorecard) -> Table:
    """A table of its own for each service."""
    return replace(figures.reasons(card), key=f"reasons-{card.service}", chart=None)


def _tables(snapshot: Snapshot) -> list[Table]:
    return [
        figures.clauses(delivery.plan(), snapshot),
        figures.scorecards(snapshot.scorecards),
        figures.flows(snapshot.flows),
        figures.late(standing.holders()),
    ]
