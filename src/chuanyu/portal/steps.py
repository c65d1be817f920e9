"""Taking a step, as both doors do it: the documents it takes as a form, the sentence, what the person saw.

What is typed for a step is kept while one types (identity.drafts), for that step of that case as it stood. When the case has
moved on it fills no form any more; it is shown as `Unsent`, to be copied, until it is thrown away or a step is taken.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext

from chuanyu.cases import actions
from chuanyu.cases.errors import NEEDS_SENTENCE, TOO_LARGE, CaseError
from chuanyu.cases.views import ActView, CaseView, DocumentView
from chuanyu.core.catalogue import catalogue
from chuanyu.core.documents import FieldError, fields
from chuanyu.core.ids import uuid7
from chuanyu.core.service import Act, DocumentSpec, Service
from chuanyu.core.text import Text
from chuanyu.identity import drafts
from chuanyu.identity.access import actor
from chuanyu.identity.drafts import Kept
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
    kept: datetime | None = None  # when the draft it shows was kept

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


@dataclass(frozen=True)
class Unsent:
    """What was typed for a step that the case has left behind, to be read and copied."""

    act: str
    title: Text
    note: str
    papers: list[tuple[Text, list[papers.Line]]]
    kept: datetime


def asked(request: HttpRequest, case: CaseView, act: ActView) -> Asked:
    """The form of a step: as it stands in the case at first, or as a draft has it; then as typed, read and judged."""
    service = catalogue().get(case.service)
    specs = [service.documents[name] for name in act.takes] if service else []
    if request.method != "POST":
        return begun(case, act, written(request, case).get(act.name))
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


def begun(case: CaseView, act: ActView, draft: Kept | None) -> Asked:
    """The form of a step with what was typed for it while the case stood where it stands."""
    form = blank(case, act)
    if draft is None or draft.content["expects"] != case.sequence:
        return form
    content = draft.content
    return replace(
        form, typed=content["typed"], note=content["note"], wrong=tuple(content["wrong"]), kept=draft.changed
    )


def written(request: HttpRequest, case: CaseView) -> dict[str, Kept]:
    """What who is here has typed for the steps of a case, by act."""
    return drafts.of_case(actor(request), person=case.person, case=case.id)


def unsent(case: CaseView, found: Mapping[str, Kept]) -> list[Unsent]:
    """Of what was written, that for which the case has moved on since; what was ticked is read as the sentence it makes."""
    service = catalogue().get(case.service)
    specs, acts, left = service.documents if service else {}, _acts(service), list[Unsent]()
    for act, draft in found.items():
        title = acts[act].title if act in acts else Text(act, act)
        typed, ticked = draft.content["typed"], tuple(draft.content["wrong"])
        note = "\n".join(filter(None, (to_mend(case, service, ticked), draft.content["note"])))
        if draft.content["expects"] != case.sequence and (note or any(typed.values())):
            left.append(Unsent(act, title, note, _lines(specs, typed), draft.changed))
    return left


def keep(request: HttpRequest, case: CaseView, act: str, *, expects: int | None = None) -> bool:
    """Keep what was sent for a step of the case. `expects`: where the case stands for whom it is to be shown to again.

    False where there is no such step, or it is too long.
    """
    service = catalogue().get(case.service)
    step = _acts(service).get(act)
    if service is None or step is None:
        return False
    content = {
        "typed": _typed(request.POST, [service.documents[name] for name in step.takes]),
        "note": request.POST.get("note", "").strip(),
        "wrong": request.POST.getlist("wrong"),
        "expects": _number(request.POST.get("expects", "")) if expects is None else expects,
    }
    return drafts.keep(actor(request), person=case.person, service=drafts.of_step(case.id, act), content=content)


def keep_by_itself(request: HttpRequest, case: CaseView, act: str) -> HttpResponse:
    """What a page keeps on its own; not what came after the same form had been sent and done."""
    done = _was_taken(request, case, act) or keep(request, case, act)
    return HttpResponse(status=204 if done else 409)


def kept(request: HttpRequest, case: CaseView, form: Asked) -> Asked:
    """The form that is shown again, with what was sent kept as its draft."""
    return replace(form, kept=timezone.now() if keep(request, case, form.act.name) else None)


def drop(request: HttpRequest, case: CaseView, act: str = "") -> None:
    """Throw away what was typed for a step; without `act`, for any of the case: one was taken."""
    if act:
        drafts.drop(actor(request), person=case.person, service=drafts.of_step(case.id, act))
    else:
        drafts.drop_case(actor(request), person=case.person, case=case.id)


def late(request: HttpRequest, case: CaseView, act: str) -> bool:
    """The case has moved on since the form was opened, or its step is none now: what was typed is kept.

    It fills the form anew where the step is still to be taken, else it is `unsent`. Not kept: what was done by the same
    form already. Returns whether the case has moved on; where it has not, it is said that the words are kept.
    """
    sent = _number(request.POST.get("expects", ""))
    offered = act in {each.name for each in case.acts}
    done = _is_empty(request, case) or _was_taken(request, case, act)
    stays = not done and keep(request, case, act, expects=case.sequence if offered else sent)
    if sent == case.sequence and stays:
        messages.info(request, gettext("您填的内容已存为草稿，能办这一步的时候会再显示。"))
    return sent != case.sequence and bool(case.steps)


def papers_of(case: CaseView, service: Service | None) -> list[Paper]:
    """The documents of a case with the words of their class."""
    specs = service.documents if service else {}
    return [
        Paper(view, papers.lines(specs[view.name].cls if view.name in specs else None, view.body, service))
        for view in case.documents
    ]


def change_files(request: HttpRequest, case: UUID, *, back: str) -> HttpResponse:
    """Add what was uploaded to the case, or take the file `remove` back; what is wrong is said on the page it came from."""
    if removed := request.POST.get("remove"):
        try:
            actions.detach(case=case, actor=actor(request), attachment=_uuid(removed))
        except CaseError as error:
            return refused(request, error, back=back)
        messages.success(request, gettext("文件已移除。"))
        return redirect(back)
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


def _is_empty(request: HttpRequest, case: CaseView) -> bool:
    return not (_written(request, case) or request.POST.get("note", "").strip() or request.POST.getlist("wrong"))


def _was_taken(request: HttpRequest, case: CaseView, act: str) -> bool:
    """The same form came before: the step that followed what it saw is this one, with these words and papers."""
    seen, held = _number(request.POST.get("expects", "")), _held(case, _specs(case))
    return any(
        step.sequence == seen + 1 and step.act == act and step.note.endswith(request.POST.get("note", "").strip())
        for step in case.steps
    ) and all(held.get(key) == value for key, value in _written(request, case).items())


def _written(request: HttpRequest, case: CaseView) -> dict[str, str]:
    return {key: value for key, value in _typed(request.POST, _specs(case)).items() if value.strip()}


def _specs(case: CaseView) -> list[DocumentSpec]:
    service = catalogue().get(case.service)
    return list(service.documents.values()) if service else []


def _acts(service: Service | None) -> dict[str, Act]:
    """Every step of a service's procedure by its name."""
    procedure = service.procedure if service else None
    states = procedure.states.values() if procedure else ()
    return {name: act for state in states for name, act in state.does.items()}


def _lines(specs: Mapping[str, DocumentSpec], typed: dict[str, str]) -> list[tuple[Text, list[papers.Line]]]:
    """The papers of a draft as they are read."""
    found = []
    for name, spec in specs.items():
        plain, _ = forms.read(spec.cls, typed, name)
        if any(key.startswith(f"{name}-") for key in typed):
            found.append((papers.title(spec, name), papers.lines(spec.cls, plain)))
    return found


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        return uuid7()
