"""Objections to a result: what the case itself answers is filled in, and a case number is looked up before it is sent."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.urls import reverse
from django.utils import timezone

from chuanyu.cases import queries
from chuanyu.cases.views import CaseView
from chuanyu.core import days
from chuanyu.core.catalogue import catalogue
from chuanyu.core.documents import FieldError
from chuanyu.core.text import Text
from chuanyu.identity.here import here
from chuanyu.portal import words

SERVICE, DOCUMENT = "public_opinion", "opinion"
NOT_YOURS = Text(
    "您名下没有这个编号的办件。请对照进度页核对；对窗口代交的办件，编号在回执上。",
    "You have no case with this number. Compare it with the case's page, or with the slip from the counter.",
)


def form(case: CaseView, *, objection: bool) -> str:
    """The address of the form about one's own case: its number, who decided, and for an objection the day of the result."""
    last = next((step for step in reversed(case.steps) if step.by in ("staff", "system") and step.agency), None)
    given = {"reference": case.reference, "kind": "objection" if objection else "complaint"}
    if last and last.agency:
        given |= {"about": _province(last.node), "agency": words.say(last.agency)}
    if objection and last:
        given["decided_on"] = timezone.localtime(last.at).date().isoformat()
    return f"{reverse('portal:apply', args=[SERVICE])}?{urlencode({f'{DOCUMENT}-{k}': v for k, v in given.items()})}"


def wrong(service: str, person: UUID, documents: Mapping[str, Any]) -> list[FieldError]:
    """The case number where an office of this province is meant and the person has no such case here.

    The same is said of a number nobody has and of somebody else's. A case of the other province may be unknown here.
    """
    told = documents.get(DOCUMENT, {}) if service == SERVICE else {}
    named = str(told.get("reference") or "")
    if not named or told.get("about") != _province(here()) or queries.has(person, named):
        return []
    return [FieldError(f"{DOCUMENT}.reference", NOT_YOURS)]


def _province(node: str) -> str:
    """A province's division code, as the service gives it."""
    value = catalogue()[SERVICE].parameters["own_province"].value_on(days.today(), node)
    return str(value.value[0]) if value else ""
