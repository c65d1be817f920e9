"""The public's verdict, for those who answer for it: ratings counted, and bad ones to look into by a day."""

from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.views.decorators.http import require_POST

from chuanyu.core.text import Text
from chuanyu.delivery import ratings as verdicts
from chuanyu.delivery.ratings import RatingError
from chuanyu.identity.access import actor
from chuanyu.identity.here import here
from chuanyu.portal.errors import Problem
from chuanyu.portal.words import say

RATINGS = Text("群众评价", "Ratings")


def ratings(request: HttpRequest) -> HttpResponse:
    """The share of good ones, and the call backs by their last day."""
    return _page(request)


@require_POST
def rating(request: HttpRequest, id_: UUID) -> HttpResponse:
    """What came of one bad rating."""
    result, text = request.POST.get("result", ""), request.POST.get("answer", "")
    try:
        verdicts.answer(id_, actor(request), result=result, text=text)
    except RatingError as error:
        if error.code == "not_found":
            raise Http404 from None
        if error.fields:
            wrong = {field.path: say(field.message) for field in error.fields}
            return _page(request, wrong=wrong, at=id_, result=result, text=text)
        messages.error(request, say(error.text))
    else:
        messages.success(request, gettext("已记录。"))
    return redirect("portal:ratings")


def _page(
    request: HttpRequest,
    *,
    wrong: dict[str, str] | None = None,
    at: UUID | None = None,
    result: str = "",
    text: str = "",
) -> HttpResponse:
    who = actor(request)
    rows = verdicts.call_backs(who)
    context = {
        "verdict": verdicts.verdict(agency=None if "office" in who.roles else f"{here()}/{who.agency}"),
        "open": [row for row in rows if row.done is None],
        "done": [row for row in rows if row.done is not None],
        "results": verdicts.RESULTS.items(),
        "wrong": wrong or {},
        "problems": [Problem(f"{path}-{at}", message) for path, message in (wrong or {}).items()],
        "at": at,
        "result": result,
        "text": text,
        "crumbs": [("", RATINGS)],
    }
    return render(request, "portal/office/ratings.html", context, status=422 if wrong else 200)
