"""A case on the clerk's desk: papers side by side, what the law says at this step, and the step itself."""

from dataclasses import dataclass
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext
from django.views.decorators.http import require_POST

from chuanyu.cases import actions, queries
from chuanyu.cases.errors import NO_SUCH_STEP, CaseError
from chuanyu.cases.views import ActView, CaseView, Foreseen
from chuanyu.core.catalogue import catalogue
from chuanyu.core.documents import DocumentError
from chuanyu.core.service import Service
from chuanyu.core.text import Text
from chuanyu.exchange import queries as exchange
from chuanyu.identity.access import actor
from chuanyu.identity.actor import Actor
from chuanyu.identity.here import here
from chuanyu.identity.queries import agency_name
from chuanyu.portal import papers, river, steps, words
from chuanyu.portal.errors import refused
from chuanyu.portal.known import known


@dataclass(frozen=True)
class Fetched:
    """A paper the step takes from the agency's own register. `lines` is None when the register has none."""

    title: Text
    origin: Text
    lines: list[papers.Line] | None


@dataclass(frozen=True)
class Desk:
    """One step the clerk can take, with what it rests on."""

    act: ActView
    asked: steps.Asked
    fetched: list[Fetched]
    ends: list[tuple[str, Text]]  # outcome → the state it leads to
    foreseen: Foreseen | None  # what its rule says on the papers at hand
    missing: list[str]  # what the rule still lacks


def workspace(request: HttpRequest, case: UUID) -> HttpResponse:
    return _page(request, _seen(request, case), None)


def act(request: HttpRequest, case: UUID, name: str) -> HttpResponse:
    """Take the step; what was wrong is said on the same page, at its field."""
    found = _seen(request, case)
    back = reverse("portal:workspace", args=[case])
    if request.method != "POST":
        return redirect(back)
    chosen = next((each for each in found.acts if each.name == name), None)
    if chosen is None:
        return refused(request, CaseError("no_such_step", NO_SUCH_STEP), back=back)
    asked = steps.asked(request, found, chosen)
    if asked.editing or asked.problems:
        return _page(request, found, asked, status=200 if asked.editing else 422)
    try:
        done = actions.act(
            case=case,
            act=name,
            actor=actor(request),
            documents=asked.documents,
            note=asked.note,
            expects=asked.expects,
            request_id=asked.request_id,
        )
    except CaseError as error:
        if error.fields:
            return _page(request, found, asked.with_errors(error), status=422)
        return refused(request, error, back=back)
    said = {"act": words.say(chosen.title), "case": found.reference}
    if done.outcome in ("", "accept", "value"):
        messages.success(request, gettext("%(case)s：“%(act)s”已完成。") % said)
    else:
        said["reason"] = words.say(done.reason)
        messages.warning(request, gettext("%(case)s：“%(act)s”未通过。%(reason)s") % said)
    return redirect(back)


@require_POST
def file(request: HttpRequest, case: UUID) -> HttpResponse:
    return steps.add_file(request, case, back=reverse("portal:workspace", args=[case]))


def _page(request: HttpRequest, case: CaseView, typed: steps.Asked | None, *, status: int = 200) -> HttpResponse:
    service = catalogue().get(case.service)
    who = actor(request)
    rows = [row for row in queries.worklist(who) if row.id != case.id]
    context = {
        "case": case,
        "service": service,
        "tone": river.tone(service, case.state),
        "bends": river.course(case),
        "sheets": steps.papers_of(case, service),
        "known": known(case.person, service=case.service, who=who, trace=str(case.id)),
        "desks": [_desk(request, case, service, each, typed) for each in case.acts],
        "problems": typed.problems if typed else [],
        "link": exchange.link_state() if case.queued else None,
        "after": rows[0] if rows else None,
        "crumbs": [(reverse("portal:worklist"), Text("待办", "Worklist")), ("", Text(case.reference, case.reference))],
    }
    return render(request, "portal/counter/workspace.html", context, status=status)


def _desk(
    request: HttpRequest, case: CaseView, service: Service | None, act: ActView, typed: steps.Asked | None
) -> Desk:
    asked = typed if typed and typed.act.name == act.name else steps.blank(case, act)
    declared = service.procedure.states.get(case.state) if service and service.procedure else None
    graph = declared.does.get(act.name) if declared else None
    states = service.procedure.states if service and service.procedure else {}
    foreseen, missing = _foreseen(case, act, actor(request))
    return Desk(
        act,
        asked,
        [_fetched(request, case, service, name) for name in act.register],
        [(outcome, states[target].title) for outcome, target in graph.to.items()] if graph else [],
        foreseen,
        missing,
    )


def _fetched(request: HttpRequest, case: CaseView, service: Service | None, name: str) -> Fetched:
    who = actor(request)
    body = queries.registered(case.id, name, who)
    spec = service.documents.get(name) if service else None
    lines = papers.lines(spec.cls if spec else None, body) if body is not None else None
    return Fetched(papers.title(spec, name), agency_name(f"{here()}/{who.agency}"), lines)


def _foreseen(case: CaseView, act: ActView, who: Actor) -> tuple[Foreseen | None, list[str]]:
    try:
        return queries.foreseen(case.id, act.name, who), []
    except CaseError as error:
        return None, [words.say(field.message) for field in error.fields] or [words.say(error.text)]
    except DocumentError as error:  # a paper that does not fit its class any more
        return None, [words.say(field.message) for field in error.errors]


def _seen(request: HttpRequest, case: UUID) -> CaseView:
    try:
        return queries.view(case, actor(request))
    except CaseError:
        raise Http404 from None
