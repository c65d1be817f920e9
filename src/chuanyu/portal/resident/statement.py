"""The accessibility statement: what these pages promise, what they do not keep yet, and whom to tell."""

from datetime import date

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from chuanyu.core.text import Text

CHECKED = date(2026, 11, 23)  # when the pages were last gone through with the checks named on the page


def accessibility(request: HttpRequest) -> HttpResponse:
    crumbs = [("", Text("无障碍声明", "Accessibility statement"))]
    return render(request, "portal/resident/accessibility.html", {"crumbs": crumbs, "checked": CHECKED})
