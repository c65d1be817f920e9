"""Family and delegates: let somebody act for me, act for somebody who lets me, and end either."""

from dataclasses import dataclass
from datetime import date
from typing import Annotated
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_POST

from chuanyu.core import days
from chuanyu.core.catalogue import catalogue
from chuanyu.core.documents import Choice, Document, FieldError, Meta, Title
from chuanyu.core.service import Service
from chuanyu.core.text import Text
from chuanyu.identity import delegations
from chuanyu.identity.access import act_for, act_for_oneself, actor
from chuanyu.identity.delegations import DelegationError, DelegationView, Relation
from chuanyu.portal import forms
from chuanyu.portal.errors import problems
from chuanyu.portal.resident.me import ME
from chuanyu.portal.words import CHAPTERS, say

FORM = "offer"
NUMBER = f"{FORM}-number"
DELEGATES = Text("家人与代办", "Family and delegates")


class Extent(Choice):
    """What a delegation covers."""

    some = "some", "只办选定的事项", "Only the services chosen below"
    every = "every", "全部事项", "Every service"


class Offer(Document):
    """Whom I let act for me."""

    number: Annotated[
        str,
        Title(
            "对方的身份证号",
            "Their identity number",
            "18 位，用来确认是本人。",
            "18 characters; it tells who they are.",
        ),
        Meta(max_length=40),
    ]
    name: Annotated[
        str, Title("对方的姓名", "Their name", "与身份证一致。", "As on the identity card."), Meta(max_length=40)
    ]
    relation: Annotated[Relation, Title("对方是您的", "They are your")]
    until: Annotated[date, Title("代办到哪一天", "Until which day", "最长三年。", "Three years at most.")]
    extent: Annotated[Extent, Title("可以代办什么", "What they may do")]


@dataclass(frozen=True)
class Line:
    """A delegation in words. `services`: their names; empty for every service."""

    view: DelegationView
    services: list[Text]


def delegates(request: HttpRequest) -> HttpResponse:
    """What others let me do, what I let others do."""
    who = actor(request)
    alone = who.person is not None and not who.acts_for_another
    context = {
        "given": [_line(view) for view in (delegations.given(who.person) if alone and who.person else [])],
        "received": [
            _line(view) for view in (delegations.received(who.person, by=who.id) if alone and who.person else [])
        ],
        "crumbs": [(reverse("portal:me"), ME), ("", DELEGATES)],
    }
    return render(request, "portal/resident/delegates.html", context)


@require_http_methods(["GET", "POST"])
def offer(request: HttpRequest) -> HttpResponse:
    """The form; sent, the offer waits for the other one's answer."""
    if request.method != "POST":
        return _form(request, {f"{FORM}-until": days.add_months(days.today(), 12).isoformat()}, [], [])
    typed = {key: str(value) for key, value in request.POST.items()}
    typed[NUMBER] = forms.written_number(typed.get(NUMBER, "")).upper()
    chosen = [key for key in request.POST.getlist("services") if key in catalogue()]
    plain, errors = forms.read(Offer, typed, FORM)
    if not errors:
        try:
            delegations.offer(
                actor(request),
                number=plain["number"],
                name=plain["name"],
                relation=plain["relation"],
                services=None if plain["extent"] == "every" else chosen,
                until=date.fromisoformat(plain["until"]),
            )
        except DelegationError as error:
            errors = [_at_field(each) for each in error.errors]
        else:
            messages.success(request, gettext("已发出。对方登录后在“家人与代办”里接受，接受后才生效。"))
            return redirect("portal:delegates")
    return _form(request, typed, chosen, errors)


@require_POST
def delegation(request: HttpRequest, id_: UUID) -> HttpResponse:
    """Accept it, or end it: decline, take back, give up."""
    done = request.POST.get("do", "")
    try:
        if done == "accept":
            delegations.accept(actor(request), id_)
            messages.success(request, gettext("已接受。需要代办时，点“开始代办”。"))
        else:
            delegations.end(actor(request), id_)
            messages.success(request, gettext("委托已结束，立即生效。"))
    except DelegationError as error:
        for each in error.errors:
            messages.error(request, say(each.message))
    return redirect("portal:delegates")


@require_POST
def act(request: HttpRequest) -> HttpResponse:
    """Begin to act for somebody, or stop."""
    wanted = request.POST.get("delegation", "")
    if not wanted:
        act_for_oneself(request)
        messages.success(request, gettext("已结束代办，现在是为您自己办理。"))
        return redirect("portal:delegates")
    try:
        begun = act_for(request, UUID(wanted))
    except ValueError:
        begun = False
    if not begun:
        messages.error(request, say(delegations.GONE))
        return redirect("portal:delegates")
    return redirect("portal:me")


def _form(request: HttpRequest, typed: dict[str, str], chosen: list[str], errors: list[FieldError]) -> HttpResponse:
    context = {
        "entries": forms.entries(Offer, typed, FORM, errors),
        "chapters": _chapters(),
        "chosen": chosen,
        "services_error": next((say(e.message) for e in errors if e.path == "services"), ""),
        "problems": problems(errors),
        "crumbs": [
            (reverse("portal:me"), ME),
            (reverse("portal:delegates"), DELEGATES),
            ("", Text("请人代办", "Let somebody act for me")),
        ],
    }
    return render(request, "portal/resident/offer.html", context, status=422 if errors else 200)


def _chapters() -> list[tuple[Text, list[Service]]]:
    """The services one can let others do, by chapter."""
    services = [service for service in catalogue().values() if service.procedure]
    return [
        (name, found)
        for key, name in CHAPTERS.items()
        if (found := [service for service in services if service.chapter == key])
    ]


def _at_field(error: FieldError) -> FieldError:
    return FieldError(f"{FORM}.{error.path}", error.message) if error.path in Offer.__struct_fields__ else error


def _line(view: DelegationView) -> Line:
    known = catalogue()
    return Line(view, [known[key].name if key in known else Text(key, key) for key in view.services or ()])
