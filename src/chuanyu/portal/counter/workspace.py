"""A case on the clerk's desk: papers side by side, what the law says at this step, and the step itself."""

from dataclasses import dataclass
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext
from django.views.decorators.http import require_POST

from chuanyu.cases import actions, bills, holding, queries
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
from chuanyu.identity.locking import KEEP
from chuanyu.identity.queries import agency_name
from chuanyu.portal import papers, river, steps, words
from chuanyu.portal.counter import queue
from chuanyu.portal.errors import refused
from chuanyu.portal.known import known

_OPEN = "open_case"  # in the session: the case this clerk has open


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
    stands_in: bool  # the applicant's own step, taken for them while they stand at the counter
    sends_back: bool  # it hands the case back to the applicant with what to mend

    @property
    def turns_down(self) -> bool:
        """The rule will not let it through on the papers at hand: the button says so."""
        return self.foreseen is not None and self.foreseen.outcome not in ("accept", "value")

    @property
    def go(self) -> str:
        """Where a clerk who wants to take the step lands: on its button, or above what is to be filled in first."""
        return f"act-{self.act.name}" if self.asked.sheets or self.act.note else f"go-{self.act.name}"


def workspace(request: HttpRequest, case: UUID) -> HttpResponse:
    return _page(request, _seen(request, case), None)


def act(request: HttpRequest, case: UUID, name: str) -> HttpResponse:
    """Take the step; what was wrong is said on the same page, at its field. Then what came of it, and the next case."""
    found = _seen(request, case)
    back = reverse("portal:workspace", args=[case])
    if request.method != "POST":
        return redirect(back)
    if KEEP in request.GET:
        return steps.keep_by_itself(request, found, name)
    if "drop" in request.POST:
        steps.drop(request, found, name)
        messages.success(request, gettext("草稿已删除。"))
        return redirect(back)
    chosen = next((each for each in found.acts if each.name == name), None)
    if chosen is None:
        return _late(request, found, name, CaseError("no_such_step", NO_SUCH_STEP))
    asked = steps.asked(request, found, chosen)
    if asked.editing or asked.problems:
        asked = steps.kept(request, found, asked)
        return _page(request, found, asked, status=200 if asked.editing else 422)
    after = _following(request, found)
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
            return _page(request, found, steps.kept(request, found, asked.with_errors(error)), status=422)
        return _late(request, _seen(request, case), name, error)
    steps.drop(request, found)
    said = {"act": words.say(chosen.title), "case": found.reference}
    if done.request:
        messages.info(request, gettext("%(case)s：“%(act)s”已提出，由持有办件的一方办理。") % said)
    elif done.outcome in ("", "accept", "value"):
        messages.success(request, gettext("%(case)s：“%(act)s”已完成。") % said)
    else:
        said["reason"] = words.say(done.reason)
        messages.warning(request, gettext("%(case)s：“%(act)s”未通过。%(reason)s") % said)
    return HttpResponseRedirect(f"{back}?next={after}" if after else back)


def _late(request: HttpRequest, now: CaseView, name: str, error: CaseError) -> HttpResponse:
    """The step was not taken; what was typed for it is kept.

    Where somebody took one since this page was opened, or the same form came twice: what was done, and the case as it is.
    """
    if not steps.late(request, now, name):
        unsent = steps.unsent(now, steps.written(request, now))
        back = reverse("portal:workspace", args=[now.id])
        return refused(request, error, back=back, unsent=unsent, case=now, to="portal:act")
    last = now.steps[-1]
    said = {"time": words.moment(last.at), "act": words.say(last.title)}
    messages.warning(
        request, gettext("这个办件在 %(time)s 已经办了“%(act)s”。您这一步没有重复办理，下面是现在的情况。") % said
    )
    return _page(request, now, None, status=409)


@require_POST
def file(request: HttpRequest, case: UUID) -> HttpResponse:
    return steps.change_files(request, case, back=reverse("portal:workspace", args=[case]))


def _page(request: HttpRequest, case: CaseView, typed: steps.Asked | None, *, status: int = 200) -> HttpResponse:
    service = catalogue().get(case.service)
    who, written = actor(request), steps.written(request, case)
    sheets, explained = steps.papers_of(case, service), {*bills.names(case), *bills.told(case)}
    desks = [
        _desk(
            request,
            case,
            service,
            each,
            typed if typed and typed.act.name == each.name else steps.begun(case, each, written.get(each.name)),
        )
        for each in case.acts
    ]
    context = {
        "case": case,
        "service": service,
        "tone": river.tone(service, case.state),
        "bends": river.course(case),
        "sheets": [paper for paper in sheets if paper.view.name not in explained],
        "folded": [paper for paper in sheets if paper.view.name in bills.told(case)],
        "bills": bills.bills(case),
        "known": known(case.person, service=case.service, who=who, trace=str(case.id)),
        "desks": [desk for desk in desks if not desk.stands_in],
        "unsent": steps.unsent(case, written),
        "stand_ins": [desk for desk in desks if desk.stands_in],
        "problems": typed.problems if typed else [],
        "link": exchange.link_state() if case.queued else None,
        "other": _opened(request, case, who),
        "after": _next(request, case),
        "crumbs": [
            (queue.kept(request).url, Text("待办", "Worklist")),
            ("", Text(case.reference, case.reference)),
        ],
    }
    return render(request, "portal/counter/workspace.html", context, status=status)


def _desk(request: HttpRequest, case: CaseView, service: Service | None, act: ActView, asked: steps.Asked) -> Desk:
    procedure = service.procedure if service else None
    declared = procedure.states.get(case.state) if procedure else None
    graph = declared.does.get(act.name) if declared else None
    states = procedure.states if procedure else {}
    foreseen, missing = _foreseen(case, act, actor(request))
    stands_in = graph is not None and graph.by == "applicant"
    return Desk(
        act,
        asked,
        [_fetched(request, case, service, name) for name in act.register],
        [(outcome, states[target].title) for outcome, target in graph.to.items()] if graph else [],
        foreseen,
        missing,
        stands_in=stands_in,
        sends_back=not stands_in
        and act.note
        and graph is not None
        and all(river.tone(service, target) == "ask" for target in graph.to.values()),
    )


def _opened(request: HttpRequest, case: CaseView, who: Actor) -> holding.Held | None:
    """Note that this clerk has the case open and no other; returns the colleague who already has."""
    before = request.session.get(_OPEN)
    if before and before != str(case.id):
        holding.release(UUID(before), who)
    if case.final or not case.here or "clerk" not in who.roles:
        request.session.pop(_OPEN, None)
        return None
    other = holding.hold(case.id, who)
    if other is None and before != str(case.id):
        request.session[_OPEN] = str(case.id)
    return other


def _next(request: HttpRequest, case: CaseView) -> UUID | None:
    """The next case: the one that followed before the step was taken, if it still waits; else what follows now."""
    who = actor(request)
    try:
        named = UUID(request.GET.get("next", ""))
    except ValueError:
        return _following(request, case)
    return named if named != case.id and queries.waits(who, named) else _following(request, case)


def _following(request: HttpRequest, case: CaseView) -> UUID | None:
    """The case after this one in the clerk's queue that the agency can take a step in and no colleague has open."""
    who = actor(request)
    among = [row for row in queue.kept(request).of(queries.standing(who)) if row.ours]
    return queue.first_free(who, queries.following(who, case, among))


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
