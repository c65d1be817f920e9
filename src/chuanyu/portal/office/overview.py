"""The office's first look: what lies with whom, what is late, what did not arrive, how the plan stands."""

from dataclasses import replace

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from chuanyu.cases import figures as standing
from chuanyu.cases import queries as cases
from chuanyu.cases.views import RowView
from chuanyu.core import days
from chuanyu.core.catalogue import catalogue
from chuanyu.core.text import Text
from chuanyu.delivery import queries as delivery
from chuanyu.exchange import queries as exchange
from chuanyu.portal import river, tables, words
from chuanyu.portal.office import figures
from chuanyu.portal.tables import Cell, Column, Table
from chuanyu.portal.templatetags.portal import sign, tag
from chuanyu.watch import queries as watch

MOST = 5000  # rows of the list of late cases, where all are asked for or in another order
FIRST = 100  # rows of it at first


def office(request: HttpRequest) -> HttpResponse:
    """What needs a person first, then the figures."""
    snapshot, clauses = watch.snapshot(), delivery.plan()
    held = standing.holders()
    holders = replace(tables.sorted_as_asked(request, figures.holders(held)), csv="")  # exact: it stays on the page
    plan = tables.sorted_as_asked(request, figures.clauses(clauses, snapshot))
    if file := tables.asked_file(request, (plan,)):
        return file
    late = cases.overdue(limit=5)
    context = {
        "working": sum(clause.working for clause in clauses),
        "total": sum(clause.total for clause in clauses),
        "late": late_table(late) if late else None,
        "late_count": sum(one.late for one in held),
        "open_count": sum(one.open for one in held),
        "letters": len(exchange.dead_letters()),
        "link": exchange.link_state(),
        "holders": holders,
        "plan": plan,
        "snapshot": snapshot,
    }
    return render(request, "portal/office/overview.html", context)


def overdue(request: HttpRequest) -> HttpResponse:
    """Every case past its term that this node holds or filed, the longest first."""
    whole = any(key in request.GET for key in ("sort", "all", "csv"))
    table = tables.sorted_as_asked(request, late_table(cases.overdue(limit=MOST if whole else FIRST + 1)))
    if file := tables.asked_file(request, (table,)):
        return file
    count = sum(one.late for one in standing.holders())
    context = {"table": table, "count": count, "crumbs": [("", Text("逾期", "Overdue"))]}
    return render(request, "portal/office/overdue.html", context)


def late_table(rows: list[RowView]) -> Table:
    """Late cases: whose, since when, by how much."""
    return Table(
        key="overdue",
        caption=_("逾期办件，最久的在前"),
        columns=(
            Column("reference", _("办件"), "reference"),
            Column("service", _("事项")),
            Column("state", _("状态"), "tight"),
            Column("owner", _("由谁办")),
            Column("due", _("期限"), "tight"),
            Column("late", _("超期工作日"), "num"),
        ),
        rows=[_late(row) for row in rows],
        first=FIRST,
        quiet=True,
    )


def _late(row: RowView) -> list[Cell]:
    assert row.due is not None
    owner, state = words.say(row.owner_agency), words.say(row.title)
    return [
        tables.text(row.reference),
        tables.text(row.name),
        Cell(state, state, html=tag(river.tone(catalogue().get(row.service), row.state), state)),
        Cell(owner, owner, html=format_html("{}\u00a0{}", sign(row.owner_node), owner)),
        tables.day(row.due),
        tables.number(-days.working_days_between(days.today(), row.due)),
    ]
