"""Applying, at either door: one form from the service's documents, a page to check the answers, then it is sent.

The draft is kept (identity.drafts) while one types, until it is sent, thrown away or a month old. It carries the request
id: sending twice, by double click or by going back, makes one case. The check page carries all it sends, so that it can be
sent again.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext

from chuanyu.cases import actions, queries
from chuanyu.cases.errors import CaseError
from chuanyu.cases.views import Acted
from chuanyu.core.documents import FieldError, decode, encode, fields
from chuanyu.core.ids import uuid7
from chuanyu.core.service import DocumentSpec, Service
from chuanyu.core.text import Text
from chuanyu.identity import drafts
from chuanyu.identity.actor import Actor
from chuanyu.identity.locking import KEEP
from chuanyu.portal import forms, objecting, papers, words
from chuanyu.portal.errors import problems, refused
from chuanyu.portal.known import Known, elsewhere, known

TOO_LONG = Text(
    "填写的内容太多，请精简，或者作为文件在提交后添加。", "This is too much; shorten it, or add it as a file later."
)


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
    visit: str = ""  # what its forms are made for: the visit at the counter; the delegation a resident acts under

    @property
    def asked(self) -> list[DocumentSpec]:
        assert self.service.procedure is not None
        return [self.service.documents[name] for name in self.service.procedure.start_takes]


def form_page(request: HttpRequest, filing: Filing) -> HttpResponse:
    """The form. Adding or removing a row keeps what was typed and comes back; a whole form goes on to be checked.

    The page keeps what is typed by itself (`?keep=1`, answered with 204); `drop` throws the draft away.
    """
    if request.method != "POST":
        return _form(request, filing, _begun(request, filing))
    if dropped := request.POST.get("drop"):
        drafts.drop(filing.who, person=filing.person, service=filing.service.key)
        messages.success(request, gettext("草稿已删除。"))
        return redirect("portal:me" if dropped == "list" else filing.form)
    add, remove = request.POST.get("add", ""), request.POST.get("remove", "")
    if add or remove:
        changed: dict[str, str] = {}
        for spec in filing.asked:
            changed |= forms.change_rows(spec.cls, _sent(request, filing), spec.name, add=add, remove=remove)
        draft = _draft(request, filing) | {"typed": changed, "ready": False}
        if not _keep(filing, draft):
            return _form(request, filing, draft, [FieldError("", TOO_LONG)])
        return HttpResponseRedirect(f"{filing.form}#{add or remove.rpartition('-')[0]}")
    draft, errors = keep(request, filing)
    if KEEP in request.GET:
        return answer(not _too_long(errors))
    return _form(request, filing, draft, errors) if errors else redirect(filing.check)


def keep(request: HttpRequest, filing: Filing) -> tuple[dict[str, Any], list[FieldError]]:
    """Keep what was sent as the draft of whom it is for. Returns the draft and what is wrong with it."""
    typed = _sent(request, filing)
    tidy = {key: value for spec in filing.asked for key, value in forms.tidy(spec.cls, typed, spec.name).items()}
    _, errors = _read(filing, tidy)
    draft = _draft(request, filing) | {"typed": tidy, "ready": not errors}
    if not _keep(filing, draft):
        errors.append(FieldError("", TOO_LONG))
    return draft, errors


def keep_late(request: HttpRequest, filing: Filing) -> bool:
    """Keep what came for somebody who is not the one here now. True also where nothing was typed."""
    return not _sent(request, filing) or not _too_long(keep(request, filing)[1])


def answer(done: bool) -> HttpResponse:
    """To a page that keeps a form by itself."""
    return HttpResponse(status=204 if done else 409)


def fetch(filing: Filing, request: HttpRequest, facts: Mapping[str, Any], *, source: str) -> None:
    """Keep what came from the other node, and fill it in where nothing was typed."""
    draft = _draft(request, filing)
    typed = dict(draft["typed"])
    for spec in filing.asked:
        plain = {f.name: facts[f.name] for f in fields(spec.cls) if facts.get(f.name) is not None}
        for key, value in forms.typed_of(spec.cls, plain, spec.name).items():
            if not typed.get(key, "").strip():
                typed[key] = value
    fetched = {"facts": dict(facts), "source": source, "at": timezone.now().isoformat()}
    _keep(filing, draft | {"typed": typed, "fetched": fetched})


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
    drafts.drop(filing.who, person=filing.person, service=filing.service.key)
    if not _is_filed(filing, done, documents):  # sent from another tab before, and changed in this one
        _keep(filing, draft | {"request_id": str(uuid7()), "ready": False})
        messages.warning(request, gettext("这份申请先前已经交过，后来改动的内容没有交上去，存为草稿了。"))
    return done


def _is_filed(filing: Filing, done: Acted, documents: Mapping[str, Any]) -> bool:
    """Whether the case holds just what was sent."""
    held = {view.name: view.body for view in queries.view(done.case, filing.who).documents}
    return all(held.get(spec.name) == encode(decode(spec.cls, documents[spec.name])) for spec in filing.asked)


def _form(
    request: HttpRequest, filing: Filing, draft: dict[str, Any], errors: Iterable[FieldError] = ()
) -> HttpResponse:
    found, has = list(errors), _known(filing)
    context = {
        "filing": filing,
        "service": filing.service,
        "crumbs": [*filing.crumbs, ("", Text("填写申请", "Fill in"))],
        "sheets": [(s.title, _entries(s, draft, found)) for s in filing.asked],
        "problems": problems(found),
        "known": has,
        "elsewhere": elsewhere(filing.who, filing.service, has, draft.get("fetched")),
        "kept": kept.changed if (kept := _kept(filing)) else None,
    }
    return render(request, "portal/filing/form.html", context, status=422 if found else 200)


def _entries(spec: DocumentSpec, draft: dict[str, Any], errors: list[FieldError]) -> list[forms.Entry]:
    """The fields of a document; those filled from the other node say so as long as nobody has changed them."""
    entries, fetched = forms.entries(spec.cls, draft["typed"], spec.name, errors), draft.get("fetched")
    for entry in entries:
        if fetched and entry.value and str(fetched["facts"].get(entry.field.name, "")) == entry.value:
            entry.origin = words.say(words.NODES[fetched["source"]])
    return entries


def _known(filing: Filing) -> Known:
    return known(filing.person, service=filing.service.key, who=filing.who, trace="portal.apply")


def _draft(request: HttpRequest, filing: Filing) -> dict[str, Any]:
    """What was kept; else a fresh one, with what the address already says (?opinion-reference=…)."""
    found = _kept(filing)
    return found.content if found else {"request_id": str(uuid7()), "typed": _named(filing, request.GET)}


def _begun(request: HttpRequest, filing: Filing) -> dict[str, Any]:
    """What was kept; else a fresh form with what this node knows of the person. The address may say otherwise."""
    draft = _draft(request, filing)
    if _kept(filing):
        return draft
    facts, typed = _known(filing).facts, dict[str, str]()
    for spec in filing.asked:
        plain = {f.name: facts[f.name] for f in fields(spec.cls) if facts.get(f.name) is not None}
        typed |= forms.typed_of(spec.cls, plain, spec.name)
    return draft | {"typed": typed | draft["typed"]}


def _kept(filing: Filing) -> drafts.Kept | None:
    return drafts.read(filing.who, person=filing.person, service=filing.service.key)


def _too_long(errors: Iterable[FieldError]) -> bool:
    return any(error.message == TOO_LONG for error in errors)


def _keep(filing: Filing, draft: dict[str, Any]) -> bool:
    return drafts.keep(filing.who, person=filing.person, service=filing.service.key, content=draft)


def _sent(request: HttpRequest, filing: Filing) -> dict[str, str]:
    return _named(filing, request.POST)


def _named(filing: Filing, sent: Mapping[str, Any]) -> dict[str, str]:
    """What belongs to the documents asked."""
    names = tuple(f"{spec.name}-" for spec in filing.asked)
    return {key: str(value) for key, value in sent.items() if names and key.startswith(names)}


def _read(filing: Filing, typed: dict[str, str]) -> tuple[dict[str, Any], list[FieldError]]:
    documents, errors = {}, list[FieldError]()
    for spec in filing.asked:
        documents[spec.name], found = forms.read(spec.cls, typed, spec.name)
        errors += found
    return documents, errors or objecting.wrong(filing.service.key, filing.person, documents)
