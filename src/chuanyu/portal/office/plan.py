"""The action plan as a public page: what each clause asks for, who leads, what works and what does not yet."""

from itertools import groupby

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from chuanyu.core.text import Text
from chuanyu.delivery import queries


def plan(request: HttpRequest) -> HttpResponse:
    clauses = queries.plan()
    title, number = queries.about()
    sections = [(words, list(inside)) for words, inside in groupby(clauses, key=lambda clause: clause.section_name)]
    context = {
        "plan_title": title,
        "plan_number": number,
        "sections": sections,
        "clauses": len(clauses),
        "working": sum(clause.working for clause in clauses),
        "total": sum(clause.total for clause in clauses),
        "crumbs": [("", Text("行动方案", "The action plan"))],
    }
    return render(request, "portal/office/plan.html", context)
