"""The person at the counter: found by number, with a purpose that is written down; served; then let go again."""

from collections.abc import Mapping
from typing import Annotated, Any
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
from chuanyu.core.documents import Division, Document, FieldError, Meta, Title
from chuanyu.core.numbers import NumberError, person_number
from chuanyu.core.service import Service
from chuanyu.core.text import Text
from chuanyu.identity import drafts, finding, presence, vault
from chuanyu.identity.access import actor
from chuanyu.identity.actor import Actor
from chuanyu.identity.locking import KEEP
from chuanyu.identity.presence import Present
from chuanyu.portal import filing, forms, purposes
from chuanyu.portal.errors import Problem, problems
from chuanyu.portal.known import known
from chuanyu.portal.purposes import Purpose
from chuanyu.portal.words import say

SOUGHT, NEW, RECORD = "sought", "new", "record"  # the page's forms
COUNTER = Text("窗口受理", "At the counter")


class Sought(Document):
    """Whom the clerk looks for."""

    number: Annotated[
        str,
        Title(
            "身份证号", "Identity number", "18 位，按证件录入或刷卡。", "18 characters, typed or read from the card."
        ),
    ]
    purpose: Annotated[
        Purpose,
        Title("为什么查看", "Why you look", "会和您的名字一起记入查看记录。", "It is written down with your name."),
    ]


class Record(Document):
    """What a clerk enters from a person's papers."""

    name: Annotated[str, Title("姓名", "Name", "与证件一致。", "As on the card."), Meta(max_length=60)]
    household: Annotated[
        Division | None,
        Title("户籍所在地", "Place of household registration", "按户口簿录入。", "As in the household booklet."),
    ] = None


@require_http_methods(["GET", "POST"])
def person(request: HttpRequest) -> HttpResponse:
    """Find a person; or, with one at the counter, their record, their cases and what can be done for them."""
    if request.method != "POST":
        held = presence.present(request)
        return _here(request, held) if held else _search(request, {})
    match request.POST.get("do"):
        case "end":
            presence.let_go(request)
            messages.success(request, gettext("已结束，这位申请人的信息不再显示。"))
            return redirect("portal:person")
        case "enrol":
            return _enrol(request)
        case "correct":
            return _correct(request)
        case _:
            return _find(request)


@require_http_methods(["GET", "POST"])
def apply(request: HttpRequest, key: str) -> HttpResponse:
    held = presence.present(request)
    if held is None or _left_over(request, held):
        return _late(request, held, key)
    return filing.form_page(request, _filing(request, key, held.person, held.visit))


@require_http_methods(["GET", "POST"])
def check(request: HttpRequest, key: str) -> HttpResponse:
    held = presence.present(request)
    if held is None or _left_over(request, held):
        return _late(request, held, key)
    done = filing.check_page(request, _filing(request, key, held.person, held.visit))
    if not isinstance(done, Acted):
        return done
    messages.success(request, gettext("已提交，办件编号 %(case)s。请打印回执交给申请人。") % {"case": done.reference})
    return redirect("portal:slip", done.case)


def _find(request: HttpRequest) -> HttpResponse:
    """By number; the look itself is written down when the record is shown. Somebody unknown can be registered."""
    typed = _typed(request.POST)
    plain, errors = _read_sought(typed)
    if errors:
        return _search(request, typed, errors)
    try:
        found = finding.seek(plain["number"], actor=actor(request), purpose=plain["purpose"])
    except finding.TooOften:
        return _too_often(request, typed)
    if found is None:
        return _search(request, typed, unknown=True)
    presence.receive(request, found, purpose=plain["purpose"])
    return redirect("portal:person")


def _enrol(request: HttpRequest) -> HttpResponse:
    """Register somebody this node has never seen, from the card the clerk holds."""
    typed = _typed(request.POST)
    plain, errors = _read_sought(typed)
    record, wrong = forms.read(Record, typed, NEW)
    if errors:
        return _search(request, typed, errors)
    if wrong:
        return _search(request, typed, wrong, unknown=True)
    name, household = record["name"], record.get("household")
    try:
        made = finding.register(
            plain["number"], name=name, household=household, actor=actor(request), purpose=plain["purpose"]
        )
    except finding.TooOften:
        return _too_often(request, typed)
    presence.receive(request, made, purpose=plain["purpose"])
    messages.success(request, gettext("已登记。"))
    return redirect("portal:person")


def _correct(request: HttpRequest) -> HttpResponse:
    """Mend name or household from the papers on the desk; only where that is what the person came for."""
    held, who = presence.present(request), actor(request)
    whose = held.person if held and not _left_over(request, held) else _whose(request)
    typed = {name: value for name, value in _typed(request.POST).items() if name.startswith(f"{RECORD}-")}
    kept = whose is not None and drafts.keep(who, person=whose, service=Purpose.correct, content={"typed": typed})
    if KEEP in request.GET:
        return filing.answer(kept)
    if held is None or held.person != whose or held.purpose != Purpose.correct:
        return _gone(request, held, kept=kept)
    if "drop" in request.POST:
        drafts.drop(who, person=held.person, service=Purpose.correct)
        return redirect("portal:person")
    record, wrong = forms.read(Record, typed, RECORD)
    if wrong:
        return _here(request, held, typed, wrong)
    changed = vault.amend(
        held.person, name=record["name"], household=record.get("household"), by=who.id, purpose=held.purpose
    )
    drafts.drop(who, person=held.person, service=Purpose.correct)
    messages.success(request, gettext("已更正。") if changed else gettext("与登记的一致，没有改动。"))
    return redirect("portal:person")


def _read_sought(typed: Mapping[str, str]) -> tuple[dict[str, Any], list[FieldError]]:
    plain, errors = forms.read(Sought, typed, SOUGHT)
    if number := str(plain.get("number", "")):
        try:
            person_number(number)
        except NumberError as error:
            errors.insert(0, FieldError(f"{SOUGHT}.number", error.text))
    return plain, errors


def _search(
    request: HttpRequest, typed: Mapping[str, str], errors: list[FieldError] | None = None, *, unknown: bool = False
) -> HttpResponse:
    found = errors or []
    context = {
        "entries": forms.entries(Sought, typed, SOUGHT, found),
        "newcomer": forms.entries(Record, typed, NEW, found) if unknown else [],
        "typed": [(name, typed.get(name, "")) for name in (f"{SOUGHT}-number", f"{SOUGHT}-purpose")],
        "problems": problems(found),
        "crumbs": [("", COUNTER)],
    }
    return render(request, "portal/counter/find.html", context, status=422 if found else 200)


def _here(
    request: HttpRequest,
    held: Present,
    typed: Mapping[str, str] | None = None,
    errors: list[FieldError] | None = None,
) -> HttpResponse:
    who = actor(request)
    shown = known(held.person, service=held.purpose, who=who, trace="portal.counter")
    wrong: list[Problem] = problems(errors or [])
    mends = held.purpose == Purpose.correct
    rows = queries.worklist(who, person=held.person, open_only=False)
    kept = drafts.read(who, person=held.person, service=Purpose.correct) if mends else None
    begun = typed or (kept.content["typed"] if kept else {f"{RECORD}-name": shown.name})
    context = {
        "known": shown,
        "visit": held.visit,
        "purpose": purposes.said(held.purpose),
        "rows": rows,
        "total": len(rows),
        "services": _services(who),
        "kept": kept.changed if kept else None,
        "record": forms.entries(Record, begun, RECORD, errors or []) if mends else [],
        "problems": wrong,
        "crumbs": [("", COUNTER)],
    }
    return render(request, "portal/counter/person.html", context, status=422 if wrong else 200)


def _left_over(request: HttpRequest, held: Present) -> bool:
    """A form made for another visit than this one: it stayed open in another tab, or was gone back to."""
    return request.method == "POST" and request.POST.get("visit", "") != held.visit


def _whose(request: HttpRequest) -> UUID | None:
    return presence.whose(request, request.POST.get("visit", ""))


def _late(request: HttpRequest, held: Present | None, key: str) -> HttpResponse:
    """Nobody is there, or not the one the form was made for: what was typed becomes the draft of that one, or it is said."""
    whose = _whose(request)
    kept = whose is not None and "drop" not in request.POST and filing.keep_late(request, _filing(request, key, whose))
    return filing.answer(kept) if KEEP in request.GET else _gone(request, held, kept=kept)


def _gone(request: HttpRequest, held: Present | None, *, kept: bool) -> HttpResponse:
    if held is None and (kept or request.method != "POST"):
        messages.info(request, gettext("窗口前现在没有申请人，请先查找。填了一半的申请还在，找到本人后接着填。"))
    elif held is None:
        messages.warning(request, gettext("窗口前现在没有申请人，那一页填的没有存下来。请先查找，再重新填。"))
    elif kept:
        messages.warning(
            request,
            gettext("那一页是刚才那位申请人的，没有办；填的已存为那位的草稿，找到本人后接着填。现在窗口前的是这位。"),
        )
    else:
        messages.warning(request, gettext("那一页是刚才那位申请人的，没有办，也没有存下来。现在窗口前的是这位。"))
    return redirect("portal:person")


def _too_often(request: HttpRequest, typed: Mapping[str, str]) -> HttpResponse:
    """Nothing is said of the number, known or not."""
    messages.error(request, say(finding.TOO_OFTEN))
    answer = _search(request, {f"{SOUGHT}-purpose": typed.get(f"{SOUGHT}-purpose", "")})
    answer.status_code = 429
    return answer


def _typed(sent: Mapping[str, Any]) -> dict[str, str]:
    typed = {key: str(value) for key, value in sent.items()}
    number = f"{SOUGHT}-number"
    return typed | {number: forms.written_number(typed[number])} if number in typed else typed


def _services(who: Actor) -> list[Service]:
    """What this clerk's agency takes in."""
    return [
        service
        for service in catalogue().values()
        if service.procedure and who.agency in {party.agency for party in service.procedure.parties.values()}
    ]


def _filing(request: HttpRequest, key: str, person: UUID, visit: str = "") -> filing.Filing:
    who = actor(request)
    service = next((service for service in _services(who) if service.key == key), None)
    if service is None:
        raise Http404
    back = reverse("portal:person")
    return filing.Filing(
        service=service,
        who=who,
        person=person,
        form=reverse("portal:person_apply", args=[key]),
        check=reverse("portal:person_check", args=[key]),
        leave=back,
        visit=visit,
        crumbs=((back, COUNTER), (reverse("portal:guide", args=[key]), service.name)),
    )
