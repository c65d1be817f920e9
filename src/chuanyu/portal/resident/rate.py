"""Rating a case, by whoever holds its token: no sign-in, no name, once."""

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_http_methods

from chuanyu.core.catalogue import catalogue
from chuanyu.core.documents import FieldError
from chuanyu.core.text import Text
from chuanyu.delivery import ratings
from chuanyu.delivery.ratings import DOCUMENT, RatingError
from chuanyu.identity.access import visitor
from chuanyu.portal import forms
from chuanyu.portal.errors import problems
from chuanyu.portal.words import day, say


@cache_control(no_store=True)
@require_http_methods(["GET", "POST"])
def rate(request: HttpRequest, token: str) -> HttpResponse:
    """The five levels; given, thanks, and for a bad one until when somebody looks into it."""
    try:
        case = ratings.rateable(token, actor=visitor(request))
    except RatingError as error:
        if error.code == "not_found":
            raise Http404 from None
        return render(request, "portal/refused.html", {"error": error, "back": "/"}, status=409)
    spec = catalogue()[ratings.SERVICE].documents[DOCUMENT]
    typed: dict[str, str] = {}
    errors: list[FieldError] = []
    if request.method == "POST" and not case.rated:
        typed = {key: str(value) for key, value in request.POST.items() if key.startswith(f"{DOCUMENT}-")}
        plain, errors = forms.read(spec.cls, typed, DOCUMENT)
        if not errors:
            try:
                given = ratings.rate(token, plain, actor=visitor(request))
            except RatingError as error:
                return render(request, "portal/refused.html", {"error": error, "back": "/"}, status=409)
            messages.success(request, gettext("谢谢您的评价。"))
            if given.due:
                text = gettext("我们会在 %(date)s 前核实整改。") % {"date": day(given.due)}
                messages.info(request, text)
            return redirect("portal:rate", token)
    context = {
        "case": case,
        "entries": forms.entries(spec.cls, typed, DOCUMENT, errors),
        "problems": problems(errors),
        "crumbs": [("", Text("评价这次办理", "Rate this case"))],
        "title": say(case.name),
    }
    return render(request, "portal/resident/rate.html", context, status=422 if errors else 200)
