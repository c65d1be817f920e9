"""A resident's cases: the list, one case as it stands, and the steps that are theirs to take."""

from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext
from django.views.decorators.http import require_POST

from chuanyu.cases import actions, bills, queries
from chuanyu.cases.errors import NO_SUCH_STEP, CaseError
from chuanyu.cases.views import ActView, CaseView
from chuanyu.core.canonical import digest
from chuanyu.core.catalogue import catalogue
from chuanyu.core.text import Text
from chuanyu.delivery import ratings
from chuanyu.exchange import queries as exchange
from chuanyu.identity.access import actor
from chuanyu.identity.here import here
from chuanyu.identity.locking import KEEP
from chuanyu.portal import filing, objecting, river, steps, words
from chuanyu.portal.errors import refused
from chuanyu.portal.resident import apply

MINE = Text("我的办件", "My cases")


def my_cases(request: HttpRequest) -> HttpResponse:
    """Open cases first, then what is done."""
    who = actor(request)
    rows = queries.mine(who)
    context = {
        "open": [row for row in rows if not row.final],
        "closed": [row for row in rows if row.final],
        "crumbs": [("", MINE)],
    }
    return render(request, "portal/resident/cases.html", context)


def tracker(request: HttpRequest, case: UUID) -> HttpResponse:
    """Who holds it, since when, due when; every step so far; what the applicant can do now."""
    found = seen(request, case)
    service = catalogue().get(found.service)
    link = exchange.link_state() if found.queued else None
    files = [str(each.id) for each in found.attachments]
    looks = digest([found.head, found.queued, found.posting, found.overdue, files, bool(link and link.up),
                    [r.status for r in found.requests], [t.status for t in found.transfers]])[:16]  # fmt: skip
    asks_again = bool(request.headers.get("HX-Request"))
    if asks_again and request.GET.get("seen") == looks:
        return HttpResponse(status=204)  # nothing new: what is open on the page stays open
    papers, explained = steps.papers_of(found, service), {*bills.names(found), *bills.told(found)}
    context = {
        "case": found,
        "part": asks_again,
        "service": service,
        "looks": looks,
        "bends": river.course(found),
        "sheets": [paper for paper in papers if paper.view.name not in explained],
        "folded": [paper for paper in papers if paper.view.name in bills.told(found)],
        "bills": bills.bills(found),
        "mine": True,
        "link": link,
        "tone": river.tone(service, found.state),
        "may_object": found.service != "public_opinion" and actor(request).covers("public_opinion"),
        "object": objecting.form(found, objection=river.tone(service, found.state) == "stop"),
        "rating": _rating(found),
        "answered": ratings.answered(found.id),
        "crumbs": [(reverse("portal:my_cases"), MINE), ("", found.name)],
    }
    return render(request, "portal/parts/tracker.html" if asks_again else "portal/resident/tracker.html", context)


def my_act(request: HttpRequest, case: UUID, name: str) -> HttpResponse:
    """A step of the applicant: withdraw (asked once more), or a form for what it takes."""
    try:
        found = queries.view(case, actor(request))
    except CaseError:
        return _of_another(request, case, name)
    act = _act(found, name)
    back = reverse("portal:tracker", args=[case])
    if request.method == "POST" and KEEP in request.GET:
        return steps.keep_by_itself(request, found, name)
    if "drop" in request.POST:
        steps.drop(request, found, name)
        messages.success(request, gettext("草稿已删除。"))
        return redirect(back if act is None else request.path)
    if act is None:
        return _late(request, found, name, CaseError("no_such_step", NO_SUCH_STEP))
    asked = steps.asked(request, found, act)
    if request.method != "POST":
        return _form(request, found, asked)
    if asked.editing or asked.problems:
        return _form(request, found, steps.kept(request, found, asked), status=200 if asked.editing else 422)
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
            return _form(request, found, steps.kept(request, found, asked.with_errors(error)), status=422)
        return _late(request, seen(request, case), name, error)
    steps.drop(request, found)
    if done.request:
        messages.info(request, gettext("已提出。办件现在由对方持有，对方处理后会在这里显示。"))
    else:
        messages.success(request, gettext("“%(act)s”已完成。") % {"act": words.say(act.title)})
    return redirect(back)


def _of_another(request: HttpRequest, case: UUID, name: str) -> HttpResponse:
    """The form of a case of somebody one does not act for now: kept as long as one still may act for them. Raises Http404."""
    then = apply.made_for(request) if request.method == "POST" else None
    if then is None:
        raise Http404
    try:
        found = queries.view(case, then)
    except CaseError:
        raise Http404 from None
    kept = "drop" not in request.POST and steps.keep(request, found, name)
    return filing.answer(kept) if KEEP in request.GET else apply.somebody_else(request, actor(request), kept=kept)


def _form(request: HttpRequest, case: CaseView, asked: steps.Asked, *, status: int = 200) -> HttpResponse:
    context = {
        "case": case,
        "act": asked.act,
        "asked": asked,
        "visit": apply.whom(actor(request)),
        "unsent": steps.unsent(case, steps.written(request, case)),
        "crumbs": [
            (reverse("portal:my_cases"), MINE),
            (reverse("portal:tracker", args=[case.id]), case.name),
            ("", asked.act.title),
        ],
    }
    return render(request, "portal/resident/act.html", context, status=status)


def _late(request: HttpRequest, now: CaseView, name: str, error: CaseError) -> HttpResponse:
    """The step was not taken; what was typed for it is kept, and shown: to be sent again, or to be copied."""
    if request.method == "POST":
        steps.late(request, now, name)
    act, written = _act(now, name), steps.written(request, now)
    asked = steps.begun(now, act, written.get(name)) if act else None
    if asked and asked.kept and error.code == "moved_on":
        messages.warning(request, gettext("办件在您填写时有了变化，刚才的没有提交。您填的还在，请核对后再提交。"))
        return _form(request, now, asked, status=409)
    back, unsent = reverse("portal:tracker", args=[now.id]), steps.unsent(now, written)
    return refused(request, error, back=back, unsent=unsent, case=now, to="portal:my_act")


@require_POST
def my_file(request: HttpRequest, case: UUID) -> HttpResponse:
    """Add a file to an open case, or take one back that nothing rests on yet."""
    return steps.change_files(request, case, back=reverse("portal:tracker", args=[case]))


def seen(request: HttpRequest, case: UUID) -> CaseView:
    """The case, if this person may see it; else there is none."""
    try:
        return queries.view(case, actor(request))
    except CaseError:
        raise Http404 from None


def _rating(case: CaseView) -> str:
    """The token to rate a closed case with; "" where it is not closed, was filed elsewhere, or has been rated."""
    if not case.final or case.filed_at != here() or ratings.is_rated(case.id):
        return ""
    return ratings.token(case.id)


def _act(case: CaseView, name: str) -> ActView | None:
    return next((act for act in case.acts if act.name == name), None)
