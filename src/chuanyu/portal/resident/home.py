"""The way in: what this is, the search, the four doors, and the list of services."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext

from chuanyu.core.catalogue import catalogue
from chuanyu.core.service import Service
from chuanyu.portal import finding, words

FIRST = 8  # services on the first page: two rows of four, four of two


def home(request: HttpRequest) -> HttpResponse:
    services = _everything()
    return render(
        request,
        "portal/resident/home.html",
        {
            "services": services[:FIRST],
            "count": len(services),
            "lives": sorted(finding.lives(services), key=lambda life: not life.count),  # what can be done comes first
        },
    )


def services(request: HttpRequest) -> HttpResponse:
    """All services, or those that answer `q` or belong to the life event `life`."""
    everything = _everything()
    asked, life = request.GET.get("q", "").strip()[:80], request.GET.get("life", "")
    found = finding.search(everything, asked) if asked else everything
    if life in words.LIVES:
        found = [service for service in found if life in service.life]
    context = {
        "services": found,
        "title": _title(asked, life),
        "asked": asked,
        "life": life if life in words.LIVES else "",
        "lives": [event for event in finding.lives(everything) if event.count],
    }
    part = request.headers.get("HX-Target") == "found"  # typing refreshes the list, and what the page says it is
    return render(request, f"portal/resident/{'found' if part else 'services'}.html", {**context, "part": part})


def _title(asked: str, life: str) -> str:
    if asked:
        return gettext("搜索“%(asked)s”") % {"asked": asked}
    return words.say(words.LIVES[life][0]) if life in words.LIVES else gettext("全部事项")


def _everything() -> list[Service]:
    """What people come for first; what is about the service itself after it."""
    return sorted(catalogue().values(), key=lambda service: (service.chapter == "delivery", service.key))
