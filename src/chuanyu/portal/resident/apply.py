"""Applying: one form from the service's documents, a page to check the answers, a confirmation.

The draft is kept in the session until it is sent. It carries the request id: sending twice, by double click or by
going back, makes one case.
"""

from typing import Any
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from chuanyu.cases import actions, queries
from chuanyu.cases.errors import CaseError
from chuanyu.core.catalogue import catalogue
from chuanyu.core.documents import FieldError
from chuanyu.core.ids import uuid7
from chuanyu.core.service import DocumentSpec, Service
from chuanyu.core.text import Text
from chuanyu.identity.access import actor
from chuanyu.identity.actor import Actor
from chuanyu.portal import forms, papers, river
from chuanyu.portal.errors import problems, refused
from chuanyu.portal.known import Known, known

LIMIT = 200_000  # characters of a draft


def apply(request: HttpRequest, key: str) -> HttpResponse:
    """The form. Adding or removing a row keeps what was typed and comes back here."""
    service = _service(key)
    if request.method == "POST":
        return _typed(request, service)
    return _form(request, service, _draft(request, service))


@require_http_methods(["GET", "POST"])
def check(request: HttpRequest, key: str) -> HttpResponse:
    """Check answers; then send them. The page carries all it sends, so that it can be sent again."""
    service = _service(key)
    if request.method == "POST":
        return _send(request, service)
    draft = _draft(request, service)
    documents, errors = _read(service, draft["typed"])
    if errors or not draft["typed"]:
        return redirect("portal:apply", key)
    who = actor(request)
    sheets = [(papers.title(spec, spec.name), papers.lines(spec.cls, documents[spec.name])) for spec in _asked(service)]
    context = {
        "service": service,
        "crumbs": _crumbs(service, Text("核对并提交", "Check and send")),
        "sheets": sheets,
        "typed": [(name, value) for name, value in draft["typed"].items() if value],
        "request_id": draft["request_id"],
        "known": _known(service, who),
        "problems": [],
    }
    return render(request, "portal/resident/check.html", context)


def sent(request: HttpRequest, case: UUID) -> HttpResponse:
    """Confirmation: the reference, and what happens next."""
    try:
        found = queries.view(case, actor(request))
    except CaseError:
        raise Http404 from None
    service = catalogue().get(found.service)
    context = {"case": found, "service": service, "bends": river.course(found), "crumbs": [("", found.name)]}
    return render(request, "portal/resident/sent.html", context)


# ---- the steps


def _typed(request: HttpRequest, service: Service) -> HttpResponse:
    draft = _draft(request, service)
    typed = _of_documents(service, request)
    if add := request.POST.get("add", ""):
        _keep(request, service, draft, _rows(service, typed, add=add))
        return _back(service, add)
    if remove := request.POST.get("remove", ""):
        _keep(request, service, draft, _rows(service, typed, remove=remove))
        return _back(service, remove.rpartition("-")[0])
    tidy = {key: value for spec in _asked(service) for key, value in forms.tidy(spec.cls, typed, spec.name).items()}
    tidy["sent"] = "1"  # a form may be sent with nothing in it
    _keep(request, service, draft, tidy)
    _, errors = _read(service, tidy)
    if errors:
        return _form(request, service, draft, errors, status=422)
    return redirect("portal:check", service.key)


def _send(request: HttpRequest, service: Service) -> HttpResponse:
    who = actor(request)
    typed = _of_documents(service, request)
    documents, errors = _read(service, typed)
    draft = {"typed": typed, "request_id": request.POST.get("request_id", "")}
    if errors:
        return _form(request, service, draft, errors, status=422)
    try:
        request_id = UUID(draft["request_id"])
    except ValueError:
        return redirect("portal:apply", service.key)
    assert who.person is not None  # the access table lets only residents in
    try:
        done = actions.start(
            service=service.key, actor=who, person=who.person, documents=documents, request_id=request_id
        )
    except CaseError as error:
        if error.fields:
            return _form(request, service, draft, error.fields, status=422)
        return refused(request, error, back=reverse("portal:guide", args=[service.key]))
    request.session.pop(_slot(service), None)
    return redirect("portal:sent", done.case)


def _form(
    request: HttpRequest, service: Service, draft: dict[str, Any], errors: Any = (), *, status: int = 200
) -> HttpResponse:
    context = {
        "service": service,
        "crumbs": _crumbs(service, Text("填写申请", "Fill in")),
        "sheets": [
            (papers.title(spec, spec.name), forms.entries(spec.cls, draft["typed"], spec.name, errors))
            for spec in _asked(service)
        ],
        "request_id": draft["request_id"],
        "problems": problems(errors),
        "known": _known(service, actor(request)),
        "bends": river.planned(service, actor(request).node),
    }
    return render(request, "portal/resident/apply.html", context, status=status)


# ---- the draft


def _slot(service: Service) -> str:
    return f"draft:{service.key}"


def _draft(request: HttpRequest, service: Service) -> dict[str, Any]:
    draft = request.session.get(_slot(service))
    if not draft:
        draft = {"request_id": str(uuid7()), "typed": {}}
        request.session[_slot(service)] = draft
    return dict(draft)


def _keep(request: HttpRequest, service: Service, draft: dict[str, Any], typed: dict[str, str]) -> None:
    draft["typed"] = typed
    if sum(len(key) + len(value) for key, value in typed.items()) <= LIMIT:
        request.session[_slot(service)] = draft


def _back(service: Service, name: str) -> HttpResponse:
    return HttpResponseRedirect(f"{reverse('portal:apply', args=[service.key])}#{name}")


# ---- reading


def _known(service: Service, who: Actor) -> Known | None:
    return known(who.person, service=service.key, who=who, trace="portal.apply") if who.person else None


def _service(key: str) -> Service:
    service = catalogue().get(key)
    if service is None or service.procedure is None:
        raise Http404
    return service


def _asked(service: Service) -> list[DocumentSpec]:
    assert service.procedure is not None
    return [service.documents[name] for name in service.procedure.start_takes]


def _of_documents(service: Service, request: HttpRequest) -> dict[str, str]:
    names = tuple(f"{spec.name}-" for spec in _asked(service))
    return {key: str(value) for key, value in request.POST.items() if key.startswith(names)}


def _rows(service: Service, typed: dict[str, str], *, add: str = "", remove: str = "") -> dict[str, str]:
    changed: dict[str, str] = {}
    for spec in _asked(service):
        changed |= forms.change_rows(spec.cls, typed, spec.name, add=add, remove=remove)
    return changed


def _read(service: Service, typed: dict[str, str]) -> tuple[dict[str, Any], list[FieldError]]:
    documents, errors = {}, list[FieldError]()
    for spec in _asked(service):
        documents[spec.name], found = forms.read(spec.cls, typed, spec.name)
        errors += found
    return documents, errors


def _crumbs(service: Service, here: Text) -> list[tuple[str, Text]]:
    return [
        (reverse("portal:services"), Text("办事", "Services")),
        (reverse("portal:guide", args=[service.key]), service.name),
        ("", here),
    ]
