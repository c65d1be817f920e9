"""Applying, at either door: one form from the service's documents, a page to check the answers, then it is sent.

The draft is kept in the session until it is sent. It carries the request id: sending twice, by double click or by
going back, makes one case. The check page carries all it sends, so that it can be sent again.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render

from chuanyu.cases import actions
from chuanyu.cases.errors import CaseError
from chuanyu.cases.views import Acted
from chuanyu.core.documents import FieldError
from chuanyu.core.ids import uuid7
from chuanyu.core.service import DocumentSpec, Service
from chuanyu.core.text import Text
from chuanyu.identity.actor import Actor
from chuanyu.portal import forms, papers
from chuanyu.portal.errors import problems, refused
from chuanyu.portal.known import known

LIMIT = 200_000  # characters of a draft; what is longer is not kept, only sent


@dataclass(frozen=True)
class Filing:
    """Who applies for whom, and where the pages of it are."""

    service: Service
    who: Actor
    person: UUID
    form: str  # addresses
    check: str
    leave: str
    crumbs: tuple[tuple[str, Text], ...]

    @property
    def slot(self) -> str:
        """The draft's place in the session; a clerk's drafts are per person."""
        return f"draft:{self.service.key}:{self.person}"

    @property
    def asked(self) -> list[DocumentSpec]:
        assert self.service.procedure is not None
        return [self.service.documents[name] for name in self.service.procedure.start_takes]


def form_page(request: HttpRequest, filing: Filing) -> HttpResponse:
    """The form. Adding or removing a row keeps what was typed and comes back; a whole form goes on to be checked."""
    draft = _draft(request, filing)
    if request.method != "POST":
        return _form(request, filing, draft)
    typed = _sent(request, filing)
    add, remove = request.POST.get("add", ""), request.POST.get("remove", "")
    if add or remove:
        changed: dict[str, str] = {}
        for spec in filing.asked:
            changed |= forms.change_rows(spec.cls, typed, spec.name, add=add, remove=remove)
        _keep(request, filing, draft, changed)
        return HttpResponseRedirect(f"{filing.form}#{add or remove.rpartition('-')[0]}")
    tidy = {key: value for spec in filing.asked for key, value in forms.tidy(spec.cls, typed, spec.name).items()}
    _keep(request, filing, draft, tidy)
    _, errors = _read(filing, tidy)
    if errors:
        return _form(request, filing, draft, errors)
    draft["ready"] = True
    request.session[filing.slot] = draft
    return redirect(filing.check)


def check_page(request: HttpRequest, filing: Filing) -> Acted | HttpResponse:
    """The answers once more; sent, it gives what was done."""
    if request.method == "POST":
        return _send(request, filing)
    draft = _draft(request, filing)
    documents, errors = _read(filing, draft["typed"])
    if errors or not draft.get("ready"):
        return redirect(filing.form)
    context = {
        "filing": filing,
        "service": filing.service,
        "crumbs": [*filing.crumbs, ("", Text("核对并提交", "Check and send"))],
        "sheets": [(spec.title, papers.lines(spec.cls, documents[spec.name])) for spec in filing.asked],
        "typed": [(name, value) for name, value in draft["typed"].items() if value],
        "request_id": draft["request_id"],
        "known": _known(filing),
    }
    return render(request, "portal/filing/check.html", context)


def _send(request: HttpRequest, filing: Filing) -> Acted | HttpResponse:
    typed = _sent(request, filing)
    documents, errors = _read(filing, typed)
    draft: dict[str, Any] = {"typed": typed, "request_id": request.POST.get("request_id", "")}
    if errors:
        return _form(request, filing, draft, errors)
    try:
        done = actions.start(
            service=filing.service.key,
            actor=filing.who,
            person=filing.person,
            documents=documents,
            request_id=UUID(draft["request_id"]),
        )
    except CaseError as error:
        if error.fields:
            return _form(request, filing, draft, error.fields)
        return refused(request, error, back=filing.leave)
    except ValueError:  # the id in the form was tampered with
        return redirect(filing.form)
    request.session.pop(filing.slot, None)
    return done


def _form(
    request: HttpRequest, filing: Filing, draft: dict[str, Any], errors: Iterable[FieldError] = ()
) -> HttpResponse:
    found = list(errors)
    context = {
        "filing": filing,
        "service": filing.service,
        "crumbs": [*filing.crumbs, ("", Text("填写申请", "Fill in"))],
        "sheets": [(s.title, forms.entries(s.cls, draft["typed"], s.name, found)) for s in filing.asked],
        "problems": problems(found),
        "known": _known(filing),
    }
    return render(request, "portal/filing/form.html", context, status=422 if found else 200)


def _known(filing: Filing) -> Any:
    return known(filing.person, service=filing.service.key, who=filing.who, trace="portal.apply")


def _draft(request: HttpRequest, filing: Filing) -> dict[str, Any]:
    draft = request.session.get(filing.slot)
    if not draft:
        draft = {"request_id": str(uuid7()), "typed": {}}
        request.session[filing.slot] = draft
    return dict(draft)


def _keep(request: HttpRequest, filing: Filing, draft: dict[str, Any], typed: dict[str, str]) -> None:
    draft["typed"] = typed
    if sum(len(key) + len(value) for key, value in typed.items()) <= LIMIT:
        request.session[filing.slot] = draft


def _sent(request: HttpRequest, filing: Filing) -> dict[str, str]:
    names = tuple(f"{spec.name}-" for spec in filing.asked)
    return {key: str(value) for key, value in request.POST.items() if names and key.startswith(names)}


def _read(filing: Filing, typed: dict[str, str]) -> tuple[dict[str, Any], list[FieldError]]:
    documents, errors = {}, list[FieldError]()
    for spec in filing.asked:
        documents[spec.name], found = forms.read(spec.cls, typed, spec.name)
        errors += found
    return documents, errors
