"""The person at the counter: found by number, with a purpose that is written down; applied for; then let go again.

Who stands at the counter is kept in the clerk's session, never in an address. A clerk ends it with one button, and the
idle lock ends it anyway.
"""

from typing import Annotated
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods

from chuanyu.cases import queries
from chuanyu.cases.views import Acted
from chuanyu.core.catalogue import catalogue
from chuanyu.core.documents import Choice, Document, FieldError, Meta, Title
from chuanyu.core.numbers import NumberError, person_number
from chuanyu.core.service import Service
from chuanyu.core.text import Text
from chuanyu.identity import vault
from chuanyu.identity.access import actor
from chuanyu.identity.actor import Actor
from chuanyu.portal import filing, forms
from chuanyu.portal.errors import problems
from chuanyu.portal.known import known

SLOT = "at_the_counter"  # {"person": id, "purpose": text}
FORM = "sought"
COUNTER = Text("窗口受理", "At the counter")


class Purpose(Choice):
    """Why a clerk looks somebody up."""

    apply = "counter.apply", "本人到窗口申请办事", "Applying at the counter"
    follow = "counter.follow", "本人到窗口查询办件", "Asking about a case at the counter"
    correct = "counter.correct", "本人到窗口更正信息", "Having a record corrected at the counter"


class Sought(Document):
    """Whom the clerk looks for."""

    number: Annotated[
        str, Title("身份证号", "Identity number", "18 位，按证件录入。", "18 characters, as on the card.")
    ]
    name: Annotated[
        str,
        Title("姓名", "Name", "新登记的人按证件录入。", "As on the card; kept for somebody new."),
        Meta(max_length=60),
    ]
    purpose: Annotated[
        Purpose,
        Title("为什么查看", "Why you look", "会和您的名字一起记入查看记录。", "It is written down with your name."),
    ]


@require_http_methods(["GET", "POST"])
def person(request: HttpRequest) -> HttpResponse:
    """Find a person; or, with one at the counter, their record, their cases and what can be applied for."""
    if request.method == "POST":
        if request.POST.get("do") == "end":
            request.session.pop(SLOT, None)
            messages.success(request, gettext("已结束，这位申请人的信息不再显示。"))
            return redirect("portal:person")
        return _find(request)
    held = request.session.get(SLOT)
    if not held:
        return _form(request, {}, [])
    who, found = actor(request), UUID(held["person"])
    context = {
        "known": known(found, service=held["purpose"], who=who, trace="portal.counter"),
        "rows": queries.worklist(who, person=found, open_only=False),
        "services": _services(who),
        "crumbs": [("", COUNTER)],
    }
    return render(request, "portal/counter/person.html", context)


@require_http_methods(["GET", "POST"])
def apply(request: HttpRequest, key: str) -> HttpResponse:
    return filing.form_page(request, _filing(request, key))


@require_http_methods(["GET", "POST"])
def check(request: HttpRequest, key: str) -> HttpResponse:
    done = filing.check_page(request, _filing(request, key))
    if not isinstance(done, Acted):
        return done
    messages.success(request, gettext("已提交，办件编号 %(case)s。") % {"case": done.reference})
    return redirect("portal:workspace", done.case)


def _find(request: HttpRequest) -> HttpResponse:
    typed = {key: str(value) for key, value in request.POST.items()}
    plain, errors = forms.read(Sought, typed, FORM)
    number = str(plain.get("number", ""))
    if number:
        try:
            person_number(number)
        except NumberError as error:
            errors.insert(0, FieldError(f"{FORM}.number", error.text))
    if errors:
        return _form(request, typed, errors)
    held = vault.find(number) or vault.enrol(number, plain["name"])
    request.session[SLOT] = {"person": str(held), "purpose": plain["purpose"]}
    return redirect("portal:person")


def _form(request: HttpRequest, typed: dict[str, str], errors: list[FieldError]) -> HttpResponse:
    context = {
        "entries": forms.entries(Sought, typed, FORM, errors),
        "problems": problems(errors),
        "crumbs": [("", COUNTER)],
    }
    return render(request, "portal/counter/find.html", context, status=422 if errors else 200)


def _services(who: Actor) -> list[Service]:
    """What this clerk's agency takes in."""
    return [
        service
        for service in catalogue().values()
        if service.procedure and who.agency in {party.agency for party in service.procedure.parties.values()}
    ]


def _filing(request: HttpRequest, key: str) -> filing.Filing:
    who, held = actor(request), request.session.get(SLOT)
    service = next((service for service in _services(who) if service.key == key), None)
    if service is None or not held:
        raise Http404
    back = reverse("portal:person")
    return filing.Filing(
        service=service,
        who=who,
        person=UUID(held["person"]),
        form=reverse("portal:person_apply", args=[key]),
        check=reverse("portal:person_check", args=[key]),
        leave=back,
        crumbs=((back, COUNTER), (reverse("portal:guide", args=[key]), service.name)),
    )
