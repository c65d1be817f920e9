"""The accessibility statement: what these pages promise, what they do not keep yet, and whom to tell."""

from datetime import date

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from chuanyu.core.catalogue import catalogue
from chuanyu.core.text import Text
from chuanyu.identity.here import here
from chuanyu.identity.queries import agency_name

CHECKED = date(2026, 11, 23)  # when the pages were last gone through with the checks named on the page


def accessibility(request: HttpRequest) -> HttpResponse:
    crumbs = [("", Text("无障碍声明", "Accessibility statement"))]
    procedure = catalogue()["public_opinion"].procedure
    assert procedure is not None
    party = procedure.parties[procedure.states[procedure.start_state].owner or ""]
    context = {
        "crumbs": crumbs,
        "checked": CHECKED,
        "hours": settings.SESSION_COOKIE_AGE // 3600,
        "agency": agency_name(f"{here()}/{party.agency}"),  # whose counter takes opinions
    }
    return render(request, "portal/resident/accessibility.html", context)
