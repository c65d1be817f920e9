"""Am I eligible: the rule that decides first, on a few answers and what is known, before anybody applies.

Nothing is stored: the answers are in the form that was sent, and with the answer they leave again. Whoever is signed in is
not asked what the node knows of them; whoever is not says it, and stays unknown.
"""

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_http_methods

from chuanyu.cases import eligibility
from chuanyu.cases.errors import CaseError
from chuanyu.cases.views import Foreseen
from chuanyu.core import days
from chuanyu.core.catalogue import catalogue
from chuanyu.core.documents import FieldError, fields
from chuanyu.core.service import DocumentSpec, Service
from chuanyu.core.text import Text
from chuanyu.identity.access import visitor
from chuanyu.identity.actor import Actor
from chuanyu.identity.here import here
from chuanyu.portal import forms
from chuanyu.portal.errors import problems
from chuanyu.portal.known import Known, known
from chuanyu.portal.resident.apply import left_over, somebody_else, whom


@cache_control(no_store=True)  # what visitors say of themselves stays on no shared screen
@require_http_methods(["GET", "POST"])
def eligible(request: HttpRequest, key: str) -> HttpResponse:
    """The questions; answered, what the rule says, with its source and the way on."""
    service = catalogue().get(key)
    question = eligibility.question(service) if service else None
    if service is None or service.procedure is None:
        raise Http404
    if question is None:  # the guide says why
        return redirect(reverse("portal:guide", args=[key]) + "#not-in-advance")
    who = visitor(request)
    if who is not None and left_over(request, who):
        return somebody_else(request, who)
    has = _known(who, service) if question.known else None
    asked = [*(() if has else question.known), *question.asked]
    typed = _typed(request, asked)
    change = {name: request.POST.get(name, "") for name in ("add", "remove")}
    errors: list[FieldError] = []
    verdict: Foreseen | None = None
    if any(change.values()):
        typed = {k: v for spec in asked for k, v in forms.change_rows(spec.cls, typed, spec.name, **change).items()}
    elif request.method == "POST":
        typed = {k: v for spec in asked for k, v in forms.tidy(spec.cls, typed, spec.name).items()}
        verdict, errors = _verdict(service, asked, typed, has)
    context = {
        "service": service,
        "crumbs": [
            ("/services/", Text("办事", "Services")),
            (reverse("portal:guide", args=[key]), service.name),
            ("", Text("我能不能办", "Am I eligible?")),
        ],
        "sheets": [(spec.title, _entries(spec, question, typed, errors)) for spec in asked],
        "problems": problems(errors),
        "known": has,
        "verdict": verdict,
        "today": days.today(),
        "visit": whom(who) if who else "",
        "resident": who is not None and who.person is not None,
        "answers": [(name, value) for name, value in typed.items() if value and _of(question.asked, name)],
    }
    return render(request, "portal/resident/eligible.html", context, status=422 if errors else 200)


def _entries(
    spec: DocumentSpec, question: eligibility.Question, typed: dict[str, str], errors: list[FieldError]
) -> list[forms.Entry]:
    """The fields of a document; of what a node would know, those the applicant is asked anyway are not asked twice."""
    said = {f.name for each in question.asked for f in fields(each.cls)} if spec in question.known else set()
    entries = forms.entries(spec.cls, typed, spec.name, errors)
    return [entry for entry in entries if entry.field.required or entry.field.name not in said]


def _verdict(
    service: Service, asked: list[DocumentSpec], typed: dict[str, str], has: Known | None
) -> tuple[Foreseen | None, list[FieldError]]:
    documents: dict[str, Any] = {"person": has.facts} if has else {}
    errors: list[FieldError] = []
    for spec in asked:
        documents[spec.name], found = forms.read(spec.cls, typed, spec.name)
        errors += found
    if errors:
        return None, errors
    try:
        return eligibility.foresee(service, documents, day=days.today(), node=here()), []
    except CaseError as error:
        return None, list(error.fields) or [FieldError("", error.text)]


def _known(who: Actor | None, service: Service) -> Known | None:
    """What the node knows of a resident; of staff looking at the page nothing is asked for and nothing looked up."""
    if who is None or who.person is None or not who.covers(service.key):
        return None
    return known(who.person, service=service.key, who=who, trace="portal.eligible")


def _typed(request: HttpRequest, asked: list[DocumentSpec]) -> dict[str, str]:
    return {key: str(value) for key, value in request.POST.items() if _of(asked, key)}


def _of(specs: Any, name: str) -> bool:
    return any(name.startswith(f"{spec.name}-") for spec in specs)
