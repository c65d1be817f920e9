"""What waits for this clerk's agency, the nearest deadline first."""

import re
from collections import Counter
from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from chuanyu.cases import queries
from chuanyu.core.catalogue import catalogue
from chuanyu.core.text import Text
from chuanyu.exchange import queries as exchange
from chuanyu.identity.access import actor
from chuanyu.identity.queries import agency_name

WORD = re.compile(r"[\w-]{1,64}")


@dataclass(frozen=True)
class Choice:
    key: str
    words: Text
    count: int
    chosen: bool


def worklist(request: HttpRequest) -> HttpResponse:
    """Filters: service, state, overdue, and a reference read aloud over the counter."""
    who = actor(request)
    service, state = _word(request.GET.get("service", "")), _word(request.GET.get("state", ""))
    late, text = request.GET.get("overdue") == "1", _word(request.GET.get("q", "").strip())
    counts = queries.counts(who)
    rows = queries.worklist(
        who,
        service=service or None,
        state=state or None,
        overdue=True if late else None,
        text=text or None,
        open_only=not text,
    )
    context = {
        "rows": rows,
        "services": _services(counts, service),
        "states": _states(counts, service, state),
        "total": sum(n for *_, n in counts),
        "late": late,
        "late_count": len(queries.worklist(who, overdue=True)),
        "text": text,
        "service": service,
        "state": state,
        "agency": agency_name(f"{who.node}/{who.agency}") if who.agency else None,
        "link": exchange.link_state(),
    }
    part = "portal/counter/rows.html" if request.headers.get("HX-Request") else "portal/counter/worklist.html"
    return render(request, part, context)


def _word(text: str) -> str:
    """A key or a reference as it may occur; anything else in an address is no filter."""
    return text if WORD.fullmatch(text) else ""


def _services(counts: list[tuple[str, str, int]], chosen: str) -> list[Choice]:
    totals = Counter[str]()
    for service, _, n in counts:
        totals[service] += n
    services = catalogue()
    return [
        Choice(key, services[key].name if key in services else Text(key, key), n, key == chosen)
        for key, n in totals.items()
    ]


def _states(counts: list[tuple[str, str, int]], service: str, chosen: str) -> list[Choice]:
    """States of the chosen service; of all services, where two may share a name, those of the only one."""
    totals: dict[tuple[str, str], int] = {(s, state): n for s, state, n in counts if service in ("", s)}
    found = []
    for (key, state), n in totals.items():
        declared = catalogue().get(key)
        states = declared.procedure.states if declared and declared.procedure else {}
        found.append(Choice(state, states[state].title if state in states else Text(state, state), n, state == chosen))
    return found
