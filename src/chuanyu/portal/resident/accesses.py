"""Who used my data: every message about this person that carried documents, by the logs of both nodes; and every look."""

from dataclasses import dataclass
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext

from chuanyu.cases import queries as cases
from chuanyu.core.catalogue import catalogue
from chuanyu.core.service import Service
from chuanyu.core.text import Text
from chuanyu.exchange import queries
from chuanyu.exchange.grants import PORTALS
from chuanyu.exchange.own_data import Access
from chuanyu.identity import delegations
from chuanyu.identity.access import actor
from chuanyu.identity.here import here
from chuanyu.identity.looks import Look
from chuanyu.identity.queries import agency_name
from chuanyu.portal import purposes, words
from chuanyu.portal.resident.me import ME

SHOWN = 100  # lines of looks on the page
PERSON = Text("您的受托人，或您邀请的受托人", "Somebody you asked to act for you")
LEFT = Text("本地工作人员（已离岗）", "Staff here who have since left")


@dataclass(frozen=True)
class Line:
    """One access in words. `logs`: agree, unknown (the other node could not be asked) or differ."""

    access: Access
    from_node: str
    from_agency: Text
    to_node: str
    to_agency: Text
    service: Text
    fields: list[str]
    basis: str
    logs: str


@dataclass(frozen=True)
class Seen:
    """The looks of one agency on one day, in words. `case`: None for one of the other node, whose page is there."""

    look: Look
    who: Text
    purpose: Text
    reference: str
    case: UUID | None


def accesses(request: HttpRequest) -> HttpResponse:
    who = actor(request)
    used = queries.used(who.person) if who.person else queries.Used(accesses=[], looks=[], there=True)
    context = {
        "lines": [_line(access) for access in used.accesses],
        "seen": [_seen(look) for look in used.looks[:SHOWN]],
        "more": len(used.looks) > SHOWN,
        "missing": not used.there,
        "crumbs": [(reverse("portal:me"), ME), ("", Text("谁用过我的数据", "Who used my data"))],
    }
    return render(request, "portal/resident/accesses.html", context)


def _agency(key: str) -> Text:
    """An agency by its key; the portals, which speak for residents, are none of the plan's."""
    return PORTALS.get(key) or agency_name(key)


def _basis(service: Service | None, key: str) -> str:
    """A legal act by its number, or the person's own consent."""
    if key.startswith("consent:"):
        return gettext("您的同意")
    return words.source(service, key) if service else key


def _seen(look: Look) -> Seen:
    case = None if look.purpose == delegations.PURPOSE else _uuid(look.trace)  # a delegation has a number of its own
    who = agency_name(look.agency) if look.agency else PERSON if look.by == "person" else LEFT
    reference = cases.reference_of(case) if case else ""
    return Seen(look, who, purposes.said(look.purpose), reference, case if look.node == here() else None)


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _line(access: Access) -> Line:
    service = catalogue().get(access.service)
    specs = service.documents if service else {}
    here_, there = access.here, access.there
    return Line(
        access=access,
        from_node=access.from_agency.partition("/")[0],
        from_agency=_agency(access.from_agency),
        to_node=access.to_agency.partition("/")[0],
        to_agency=_agency(access.to_agency),
        service=service.name if service else Text(access.service, access.service),
        fields=[words.say(specs[name].title) if name in specs else name for name in access.fields],
        basis=gettext("；").join(_basis(service, key) for key in access.basis),
        logs="unknown" if there is None else "agree" if here_ and there else "differ",
    )
