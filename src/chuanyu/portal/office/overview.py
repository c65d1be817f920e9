"""The office's first look: the plan by clause, what is late, what did not arrive, how the link is."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from chuanyu.cases import queries as cases
from chuanyu.core.text import Text
from chuanyu.delivery import queries as delivery
from chuanyu.exchange import queries as exchange


def office(request: HttpRequest) -> HttpResponse:
    clauses = delivery.plan()
    late = cases.overdue()
    context = {
        "clauses": clauses,
        "working": sum(clause.working for clause in clauses),
        "total": sum(clause.total for clause in clauses),
        "late": late[:5],
        "late_count": len(late),
        "letters": len(exchange.dead_letters()),
        "link": exchange.link_state(),
    }
    return render(request, "portal/office/overview.html", context)


def overdue(request: HttpRequest) -> HttpResponse:
    """Every case past its term that this node holds or filed, the longest first."""
    context = {"rows": cases.overdue(), "crumbs": [("", Text("逾期", "Overdue"))]}
    return render(request, "portal/office/overdue.html", context)
