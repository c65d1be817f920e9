"""Taking a step, as both doors do it: the documents it takes as a form, the sentence, what the person saw."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext

from chuanyu.cases import actions
from chuanyu.cases.errors import NEEDS_SENTENCE, TOO_LARGE, CaseError
from chuanyu.cases.views import ActView, CaseView, DocumentView
from chuanyu.core.catalogue import catalogue
from chuanyu.core.documents import FieldError, fields
from chuanyu.core.ids import uuid7
from chuanyu.core.service import DocumentSpec, Service
from chuanyu.core.text import Text
from chuanyu.identity.access import actor
from chuanyu.portal import forms, papers
from chuanyu.portal.errors import Problem, problems, refused
from chuanyu.portal.words import say

MOST = 4 * 1024 * 1024  # bytes of an upload that is looked at; what a case takes is less


@dataclass(frozen=True)
class Paper:
    """A document of a case as it is read."""

    view: DocumentView
    lines: list[papers.Line]


@dataclass(frozen=True)
class Asked:
    """A step's form. `editing`: a row was added or removed, nothing is to be done yet."""

    act: ActView
    specs: list[DocumentSpec]
    typed: dict[str, str]
    documents: dict[str, Any] = field(default_factory=dict)
    errors: tuple[FieldError, ...] = ()
    note: str = ""
    expects: int = 0
    request_id: UUID = field(default_factory=uuid7)
    editing: bool = False
    wrong: tuple[str, ...] = ()  # what is ticked as to be mended, where the step sends the case back

    @property
    def sheets(self) -> list[tuple[Text, list[forms.Entry]]]:
        return [
            (papers.title(spec, spec.name), forms.entries(spec.cls, self.typed, spec.name, self.errors))
            for spec in self.specs
        ]

    @property
    def note_id(self) -> str:
        """The sentence's field: two steps of a page may each ask for one."""
        return f"note-{self.act.name}"

    @property
    def problems(self) -> list[Problem]:
        return [
            replace(problem, anchor=self.note_id) if problem.anchor == "note" else problem
            for problem in problems(self.errors)
        ]

    @property
    def note_error(self) -> str:
        return next((say(error.message) for error in self.errors if error.path == "note"), "")

    def with_errors(self, error: CaseError) -> "Asked":
        return replace(self, errors=error.fields)


def asked(request: HttpRequest, case: CaseView, act: ActView) -> Asked:
    """The form of a step: as it stands in the case at first, then as typed, read and judged."""
    service = catalogue().get(case.service)
    specs = [service.documents[name] for name in act.takes] if service else []
    if request.method != "POST":
        return blank(case, act)
    typed = _typed(request.POST, specs)
    add, remove = request.POST.get("add", ""), request.POST.get("remove", "")
    basis = Asked(
        act,
        specs,
        typed,
        note=request.POST.get("note", "").strip(),
        wrong=tuple(request.POST.getlist("wrong")),
        expects=_number(request.POST.get("expects", "")),
        request_id=_uuid(request.POST.get("request_id", "")),
    )
    if add or remove:
        changed: dict[str, str] = {}
        for spec in specs:
            changed |= forms.change_rows(spec.cls, typed, spec.name, add=add, remove=remove)
        return replace(basis, typed=changed, editing=True)
    documents, errors, tidy = {}, list[FieldError](), dict[str, str]()
    for spec in specs:
        tidy |= forms.tidy(spec.cls, typed, spec.name)
        documents[spec.name], found = forms.read(spec.cls, typed, spec.name)
        errors += found
    named = to_mend(case, service, basis.wrong)
    if act.note and not basis.note and not named:
        errors.append(FieldError("note", NEEDS_SENTENCE, "required"))
    if errors:
        return replace(basis, typed=tidy, documents=documents, errors=tuple(errors))
    return replace(basis, typed=tidy, documents=documents, note="\n".join(filter(None, (named, basis.note))))


def mendable(case: CaseView, service: Service | None) -> list[tuple[Text, list[tuple[str, Text]]]]:
    """What of a case's papers the applicant can mend: each paper's title with its fields, "paper.field" and title."""
    found = []
    for view in case.documents:
        spec = service.documents.get(view.name) if service else None
        if spec is not None and spec.by == "applicant":
            found.append((view.title, [(f"{view.name}.{each.name}", each.title) for each in fields(spec.cls)]))
    if case.attachments:
        named = [(f"file.{each.id}", Text(each.filename, each.filename)) for each in case.attachments]
        found.append((Text("文件", "Files"), named))
    return found


def to_mend(case: CaseView, service: Service | None, wrong: tuple[str, ...]) -> str:
    """What was ticked, as the sentence the applicant reads first; "" where nothing was."""
    titles = [say(title) for _, each in mendable(case, service) for key, title in each if key in wrong]
    return gettext("请更正：%(fields)s。") % {"fields": gettext("、").join(titles)} if titles else ""


def blank(case: CaseView, act: ActView) -> Asked:
    """The form of a step before anything was typed."""
    service = catalogue().get(case.service)
    specs = [service.documents[name] for name in act.takes] if service else []
    return Asked(act, specs, _held(case, specs), expects=case.sequence)


def papers_of(case: CaseView, service: Service | None) -> list[Paper]:
    """The documents of a case with the words of their class."""
    specs = service.documents if service else {}
    return [
        Paper(view, papers.lines(specs[view.name].cls if view.name in specs else None, view.body, service))
        for view in case.documents
    ]


def add_file(request: HttpRequest, case: UUID, *, back: str) -> HttpResponse:
    """Add what was uploaded to the case; what is wrong with it is said on the page it came from."""
    upload = request.FILES.get("file")
    if upload is None:
        messages.error(request, gettext("请先选择一个文件。"))
        return redirect(back)
    if (upload.size or 0) > MOST:  # not even read
        messages.error(request, say(TOO_LARGE))
        return redirect(back)
    try:
        actions.attach(case=case, actor=actor(request), filename=upload.name or "", content=upload.read())
    except CaseError as error:
        if error.fields:
            messages.error(request, say(error.text))
            return redirect(back)
        return refused(request, error, back=back)
    messages.success(request, gettext("文件已添加。"))
    return redirect(back)


def _held(case: CaseView, specs: list[DocumentSpec]) -> dict[str, str]:
    """To correct a paper is to change what was said, not to say it all again."""
    bodies = {view.name: view.body for view in case.documents}
    held: dict[str, str] = {}
    for spec in specs:
        held |= forms.typed_of(spec.cls, bodies.get(spec.name, {}), spec.name)
    return held


def _typed(sent: Mapping[str, Any], specs: list[DocumentSpec]) -> dict[str, str]:
    names = tuple(f"{spec.name}-" for spec in specs)
    return {key: str(value) for key, value in sent.items() if names and key.startswith(names)}


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        return uuid7()
