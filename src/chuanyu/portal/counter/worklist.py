"""What waits for this clerk's agency, the nearest deadline first."""

import re
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode

from chuanyu.cases import holding, queries
from chuanyu.cases.errors import CaseError
from chuanyu.cases.views import RowView, Waiting
from chuanyu.core.canonical import digest
from chuanyu.exchange import queries as exchange
from chuanyu.identity.access import actor
from chuanyu.identity.actor import Actor
from chuanyu.identity.queries import agency_name
from chuanyu.portal.counter import queue as queues
from chuanyu.portal.counter.queue import Queue

PAGE = 50  # rows on one page
WHOLE = 14  # letters of a whole reference, CY and twelve more
_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


def worklist(request: HttpRequest) -> HttpResponse:
    """Filters: whose turn, service, state, overdue; and a case by its reference, read aloud or scanned from a slip."""
    who, queue = actor(request), queues.chosen(request.GET)
    typed = request.GET.get("q", "").strip()[:300]
    if (case := _scanned(typed, who)) is not None:
        return _to(request, case)
    text, page = queues.word(typed), _page(request)
    if not text:
        queues.keep(request, queue)
    standing = queries.standing(who)
    wanted = queue.of(standing)
    rows = queries.worklist(
        who,
        service=queue.service or None if text else None,
        among=None if text else wanted,
        overdue=True if queue.late else None,
        text=text or None,
        open_only=not text,
        start=(page - 1) * PAGE,
        limit=PAGE + 1,
    )
    if text and len(rows) == 1 and _letters(text) >= WHOLE:
        return _to(request, rows[0].id)
    total = sum(row.late if queue.late else row.count for row in wanted)
    context = {
        "rows": rows[:PAGE],
        "held": holding.holders((row.id for row in rows[:PAGE]), who),
        "services": queues.services(standing),
        "text": typed,
        "first": None if text else _first(who, rows, wanted, page),
        "page": page,
        "pages": None if text else max(1, -(-total // PAGE)),
        "more": len(rows) > PAGE,
        "total": len(rows) if text else total,
        "agency": agency_name(f"{who.node}/{who.agency}") if who.agency else None,
        "link": exchange.link_state(),
        **_live(queue, standing),
    }
    part = bool(request.headers.get("HX-Request"))
    return render(request, f"portal/counter/{'rows' if part else 'worklist'}.html", {**context, "part": part})


def counts(request: HttpRequest) -> HttpResponse:
    """The tabs with the counts of now, asked by an open worklist; nothing (204) when nothing changed.

    The list itself stays as it is under the clerk's hand: a line says that there is something new.
    """
    standing = queries.standing(actor(request))
    live = _live(queues.chosen(request.GET), standing)
    if request.GET.get("seen") == live["looks"]:
        return HttpResponse(status=204)
    before = request.GET.get("was", "")
    live["began"] = queues.word(request.GET.get("began", ""))
    live["was"] = int(before) if before.isascii() and before.isdigit() and len(before) < 8 else 0
    live["fresh"] = max(0, live["waiting"] - live["was"])
    return render(request, "portal/counter/counts.html", live)


def _live(queue: Queue, standing: list[Waiting]) -> dict[str, Any]:
    """What the polled part of the page shows. `looks` changes when anything in it does; `began` is that of the list shown."""
    wanted = queue.of(standing)
    waiting = sum(row.count for row in wanted)
    looks = digest([[row.service, row.state, row.count, row.late, row.newest.isoformat()] for row in standing])[:16]
    return {
        "queue": queue,
        "tabs": queues.tabs(queue, standing),
        "waiting": waiting,
        "was": waiting,
        "looks": looks,
        "began": looks,
        "poll": urlencode(queue.query),
    }


def _first(who: Actor, rows: list[RowView], wanted: list[Waiting], page: int) -> UUID | None:
    """Where to begin: the nearest deadline nobody has open."""
    if page > 1 or not rows or "clerk" not in who.roles:
        return None
    return queues.first_free(who, queries.following(who, None, [row for row in wanted if row.ours]))


def _scanned(typed: str, who: Actor) -> UUID | None:
    """The case whose tracker a slip's QR code leads to, if the clerk may see it."""
    found = _ID.search(typed)
    if found is None:
        return None
    try:
        return queries.view(UUID(found[0]), who).id
    except CaseError:
        return None


def _to(request: HttpRequest, case: UUID) -> HttpResponse:
    if request.headers.get("HX-Request"):
        return HttpResponse(headers={"HX-Redirect": reverse("portal:workspace", args=[case])})
    return redirect("portal:workspace", case)


def _letters(text: str) -> int:
    return sum(c.isalnum() for c in text)


def _page(request: HttpRequest) -> int:
    asked = request.GET.get("page", "1")
    return max(1, int(asked)) if asked.isascii() and asked.isdigit() and len(asked) < 6 else 1
