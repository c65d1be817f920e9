"""The slip a person takes home: what was handed in, who has it now, until when, and a QR code that leads to the tracker.

The tracker is where the case was filed; so is the page on which it is rated once it is closed.
"""

from uuid import UUID

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone

from chuanyu.cases import queries
from chuanyu.cases.errors import CaseError
from chuanyu.core.catalogue import catalogue
from chuanyu.core.text import Text
from chuanyu.delivery import ratings
from chuanyu.identity.access import actor
from chuanyu.identity.here import here
from chuanyu.portal import river, steps
from chuanyu.portal.known import known

APPLICANTS = ("applicant", "counter")


def slip(request: HttpRequest, case: UUID) -> HttpResponse:
    """On paper by the browser's own printing; on the screen the way on. A relayed case gets the lines the other side signs."""
    who = actor(request)
    try:
        found = queries.view(case, who)
    except CaseError:
        raise Http404 from None
    service = catalogue().get(found.service)
    back = reverse("portal:workspace", args=[case])
    context = {
        "case": found,
        "service": service,
        "tone": river.tone(service, found.state),
        "last": found.steps[-1],
        "known": known(found.person, service=found.service, who=who, trace=str(found.id)),
        "handed_in": [paper for paper in steps.papers_of(found, service) if paper.view.by in APPLICANTS],
        "address": _portal(found.filed_at) and _portal(found.filed_at) + reverse("portal:tracker", args=[case]),
        "rating": settings.PLACE.portal_url + reverse("portal:rate", args=[ratings.token(case)])
        if found.filed_at == here() and not ratings.is_rated(case)
        else "",
        "relayed": found.owner_node not in ("", found.filed_at),
        "present": who.assists(found.person),
        "now": timezone.now(),
        "crumbs": [(back, Text(found.reference, found.reference)), ("", Text("回执", "Slip"))],
    }
    return render(request, "portal/counter/slip.html", context)


def _portal(node: str) -> str:
    """Where the portal of `node` is; "" when this node was never told."""
    return settings.PLACE.portal_url if node == here() else settings.PLACE.peer_portal_url
