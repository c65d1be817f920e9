"""The office's first look: what lies with whom, what is late, what did not arrive, how the plan stands."""

from dataclasses import replace
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from chuanyu.cases import figures as standing
from chuanyu.cases import queries as cases
from chuanyu.cases.views import RowView
from chuanyu.core import days
from chuanyu.core.catalogue import catalogue
from chuanyu.core.text import Text
from chuanyu.delivery import queries as delivery
from chuanyu.exchange import queries as exchange
from chuanyu.identity.access import actor
from chuanyu.portal import river, tables, words
from chuanyu.portal.office import figures
from chuanyu.portal.tables import Cell, Column, Table
from chuanyu.portal.templatetags.portal import sign, tag
from chuanyu.watch import queries as watch

OVERDUE = Text("逾期", "Overdue")
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
    late = cases.overdue(actor(request), limit=5)
    context = {
        "working": sum(clause.working for clause in clauses),
        "total": sum(clause.total for clause in clauses),
        "late": late_table(late) if late else None,
        "late_count": sum(one.late for one in held),
        "open_count": sum(one.open for one in held),
        "letters": len(exchange.dead_letters(actor(request))),
        "link": exchange.link_state(),
        "holders": holders,
        "plan": plan,
        "snapshot": snapshot,
    }
    return render(request, "portal/office/overview.html", context)


def overdue(request: HttpRequest) -> HttpResponse:
    """Every case past its term at this node, or with an officer's agency in it, the longest first."""
    who = actor(request)
    whole = any(key in request.GET for key in ("sort", "all", "csv"))
    table = tables.sorted_as_asked(request, late_table(cases.overdue(who, limit=MOST if whole else FIRST + 1)))
    if file := tables.asked_file(request, (table,)):
        return file
    context = {"table": table, "count": cases.overdue_count(who), "crumbs": [("", OVERDUE)]}
    return render(request, "portal/office/overdue.html", context)


def late(request: HttpRequest, case: UUID) -> HttpResponse:
    """Where one of them stands, and nothing of the person: enough to ask its owner, not to read its papers."""
    who = actor(request)
    row = cases.overdue_one(case, who)
    if row is None:  # done since, or none of ours: the same answer
        messages.info(request, gettext("这一件已不在逾期名单里。"))
        return redirect("portal:overdue")
    context = {
        "row": row,
        "days": _over(row),
        "tone": river.tone(catalogue().get(row.service), row.state),
        "may_open": "officer" in who.roles,
        "crumbs": [(reverse("portal:overdue"), OVERDUE), ("", Text(row.reference, row.reference))],
    }
    return render(request, "portal/office/late.html", context)


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
    owner, state = words.say(row.owner_agency), words.say(row.title)
    return [
        tables.text(row.reference, href=reverse("portal:late", args=[row.id])),
        tables.text(row.name),
        Cell(state, state, html=tag(river.tone(catalogue().get(row.service), row.state), state)),
        Cell(owner, owner, html=format_html("{}\u00a0{}", sign(row.owner_node), owner)),
        tables.day(row.due),
        tables.number(_over(row)),
    ]


def _over(row: RowView) -> int:
    """Working days past the term."""
    assert row.due is not None
    return -days.working_days_between(days.today(), row.due)
