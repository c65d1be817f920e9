"""How each service does: against its promise, by month, by end, by reason; and the flows between the provinces."""

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.functional import SimpleLazyObject
from django.utils.translation import gettext as _

from chuanyu.core.catalogue import catalogue
from chuanyu.core.text import Text
from chuanyu.portal import tables, words
from chuanyu.portal.office import figures, map
from chuanyu.watch import queries as watch

SCORECARDS = Text("事项成效", "Scorecards")
FLOWS = Text("两地往来", "Flows between the provinces")


def scorecards(request: HttpRequest) -> HttpResponse:
    """All services."""
    snapshot = watch.snapshot()
    table = tables.sorted_as_asked(request, figures.scorecards(snapshot.scorecards))
    if file := tables.asked_file(request, (table,)):
        return file
    context = {"table": table, "snapshot": snapshot, "notes": figures.NOTES, "crumbs": [("", SCORECARDS)]}
    return render(request, "portal/office/scorecards.html", context)


def scorecard(request: HttpRequest, key: str) -> HttpResponse:
    """One service."""
    snapshot = watch.snapshot()
    card = snapshot.scorecard(key)
    if card is None:
        raise Http404
    made = (figures.months(card), figures.ends(card), figures.reasons(card))
    months, ends, reasons = (tables.sorted_as_asked(request, table) for table in made)
    if file := tables.asked_file(request, (months, ends, reasons)):
        return file
    service = catalogue().get(key)
    context = {
        "card": card,
        "name": figures.service_name(key),
        "service": service,
        "promise": service.promise if service else None,
        "share": figures.share(card.on_time),
        "verdict": figures.verdict(card.on_time),
        "satisfied": figures.share(card.satisfied),
        "rated": words.count(card.satisfied.rated) if card.satisfied else "",
        "filed": words.count(card.filed),
        "decided": words.count(card.decided),
        "months": months,
        "ends": ends,
        "reasons": reasons,
        "snapshot": snapshot,
        "notes": figures.NOTES,
        "crumbs": [("/office/services/", SCORECARDS), ("", Text(figures.service_name(key), figures.service_name(key)))],
    }
    return render(request, "portal/office/scorecard.html", context)


def flows(request: HttpRequest) -> HttpResponse:
    """Who comes from where: table first, and the same as a map."""
    snapshot = watch.snapshot()
    table = tables.sorted_as_asked(request, figures.flows(snapshot.flows))
    if file := tables.asked_file(request, (table,)):
        return file
    context = {
        "table": table,
        "map": SimpleLazyObject(lambda: map.of_flows(_("两地之间的往来，按县"), snapshot.flows)),
        "snapshot": snapshot,
        "notes": figures.NOTES[:2],
        "crumbs": [("", FLOWS)],
    }
    return render(request, "portal/office/flows.html", context)
