"""A life event: what can be done about it now, and what the plan still has to bring."""

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

from chuanyu.core.catalogue import catalogue
from chuanyu.core.text import Text
from chuanyu.delivery import queries as delivery
from chuanyu.portal import words


def life(request: HttpRequest, key: str) -> HttpResponse:
    """The services of the event, then the clauses of the plan about it that have nothing yet."""
    if key not in words.LIVES:
        raise Http404
    name, icon = words.LIVES[key]
    note, numbers = words.LIFE_NOTES[key]
    services = [service for service in catalogue().values() if key in service.life]
    context = {
        "name": name,
        "icon": icon,
        "note": note,
        "services": services,
        "coming": [clause for clause in delivery.plan() if clause.number in numbers and clause.working < clause.total],
        "others": [(other, title, art) for other, (title, art) in words.LIVES.items() if other != key],
        "crumbs": [("/services/", Text("办事", "Services")), ("", name)],
    }
    return render(request, "portal/resident/life.html", context)
