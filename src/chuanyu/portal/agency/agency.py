"""What an agency's own system needs to know to join: the services it is party to, their papers, where the interface is."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from chuanyu.core.catalogue import catalogue
from chuanyu.core.documents import fields
from chuanyu.core.text import Text
from chuanyu.identity.here import here
from chuanyu.portal import river


def agency(request: HttpRequest) -> HttpResponse:
    """The catalogue of documents, by service: who makes each, what is in it."""
    services = [
        (
            service,
            [(spec, owners.get(spec.by), fields(spec.cls)) for spec in service.documents.values()],
        )
        for service in catalogue().values()
        for owners in [river.owners(service.procedure, here()) if service.procedure else {}]
    ]
    context = {"services": services, "crumbs": [("", Text("单位", "Agency"))]}
    return render(request, "portal/agency/agency.html", context)
