"""What is mine: one page that leads everywhere, messages and papers."""

from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse

from chuanyu.cases import own, queries
from chuanyu.cases.views import RowView
from chuanyu.core.catalogue import catalogue
from chuanyu.core.service import Service
from chuanyu.core.text import Text
from chuanyu.delivery import ratings
from chuanyu.identity import actions, delegations, drafts
from chuanyu.identity.access import actor
from chuanyu.identity.here import here
from chuanyu.portal import river
from chuanyu.portal.resident.apply import whom

ME = Text("我的", "Me")


@dataclass(frozen=True)
class Begun:
    """A draft, with its service."""

    draft: drafts.DraftView
    service: Service


def me(request: HttpRequest) -> HttpResponse:
    """What waits for this person first, then every place that is theirs."""
    who = actor(request)
    rows = queries.mine(who)
    context = {
        "crumbs": [("", ME)],
        "turns": [
            row for row in rows if not row.final and river.tone(catalogue().get(row.service), row.state) == "ask"
        ],
        "open": sum(not row.final for row in rows),
        "begun": _begun(request),
        "whom": whom(who),
        "unrated": to_rate(rows),
        "offers": 0 if who.acts_for_another or who.person is None else delegations.waiting(who.person),
    }
    return render(request, "portal/resident/me.html", context)


def messages(request: HttpRequest) -> HttpResponse:
    """What others did in this person's cases, the latest first. Having looked is remembered, by nobody but the reader."""
    who, user = actor(request), request.user
    seen = getattr(user, "messages_seen", None)
    found = own.messages(who, seen=seen)
    if not who.acts_for_another and _opened(request):
        actions.see_messages(who)
    context = {
        "crumbs": [("", Text("消息", "Messages"))],
        "found": found,
        "fresh": 0 if who.acts_for_another else sum(message.unread for message in found),
        "offers": 0 if who.acts_for_another or who.person is None else delegations.waiting(who.person),
        "marks": not who.acts_for_another,
    }
    return render(request, "portal/resident/messages.html", context)


def _opened(request: HttpRequest) -> bool:
    """Whether a person opened this page: no program that fetches ahead, no page of another site that points here."""
    ahead = request.headers.get("Sec-Purpose") or request.headers.get("Purpose") or ""
    elsewhere = request.headers.get("Sec-Fetch-Site") == "cross-site"
    return request.method == "GET" and not ahead.startswith("prefetch") and not elsewhere


def papers(request: HttpRequest) -> HttpResponse:
    """Certificates, levels and credits carried over the border. There are none until the first is issued."""
    return render(
        request,
        "portal/resident/papers.html",
        {"crumbs": [(reverse("portal:me"), ME), ("", Text("我的证照", "My papers"))]},
    )


def to_rate(rows: list[RowView]) -> list[tuple[RowView, str]]:
    """Closed cases nobody has rated, each with the token its rating needs."""
    closed = [row for row in rows if row.final and row.filed_at == here()]
    left = ratings.unrated([row.id for row in closed])
    return [(row, ratings.token(row.id)) for row in closed if row.id in left]


def _begun(request: HttpRequest) -> list[Begun]:
    who = actor(request)
    found = drafts.of(who, person=who.person) if who.person else []
    return [
        Begun(draft, service)
        for draft in found
        if (service := catalogue().get(draft.service)) is not None and who.covers(draft.service)
    ]
