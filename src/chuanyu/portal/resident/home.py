"""The way in: what this is, the search, the four doors, and the list of services."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

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
        "asked": asked,
        "life": life if life in words.LIVES else "",
        "life_words": words.LIVES[life][0] if life in words.LIVES else None,
        "lives": [event for event in finding.lives(everything) if event.count],
    }
    part = request.headers.get("HX-Target") == "found"  # typing refreshes the list alone
    return render(request, f"portal/resident/{'found' if part else 'services'}.html", context)


def _everything() -> list[Service]:
    """What people come for first; what is about the service itself after it."""
    return sorted(catalogue().values(), key=lambda service: (service.chapter == "delivery", service.key))
