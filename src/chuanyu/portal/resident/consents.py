"""Consents: who may ask the other node for what, for which service, until when; each can be taken back."""

from dataclasses import dataclass
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext
from django.views.decorators.http import require_POST

from chuanyu.core.catalogue import catalogue
from chuanyu.core.text import Text
from chuanyu.identity import consents
from chuanyu.identity.access import actor
from chuanyu.identity.queries import agency_name
from chuanyu.portal.known import field_titles
from chuanyu.portal.resident.me import ME


@dataclass(frozen=True)
class Line:
    """A consent in words."""

    view: consents.ConsentView
    service: Text
    agency: Text
    fields: list[Text]


def overview(request: HttpRequest) -> HttpResponse:
    """Those that stand first, then those that ended."""
    who = actor(request)
    lines = [_line(view) for view in (consents.of(who.person) if who.person else [])]
    context = {
        "standing": [line for line in lines if line.view.status == "in_force"],
        "ended": [line for line in lines if line.view.status != "in_force"],
        "crumbs": [(reverse("portal:me"), ME), ("", Text("我的同意", "My consents"))],
    }
    return render(request, "portal/resident/consents.html", context)


@require_POST
def withdraw(request: HttpRequest, consent: UUID) -> HttpResponse:
    """Take one back: nothing is asked on it any more."""
    try:
        consents.withdraw(actor(request), consent)
    except consents.NoConsent:
        raise Http404 from None
    messages.success(request, gettext("已撤回。从现在起不会再凭它调取。"))
    return redirect("portal:consents")


def _line(view: consents.ConsentView) -> Line:
    service = catalogue().get(view.service)
    name = service.name if service else Text(view.service, view.service)
    return Line(view, name, agency_name(view.agency), field_titles(view.fields))
