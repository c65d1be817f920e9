"""A resident applies for themselves; then the confirmation."""

from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from chuanyu.cases import queries
from chuanyu.cases.errors import CaseError
from chuanyu.cases.views import Acted
from chuanyu.core.catalogue import catalogue
from chuanyu.core.text import Text
from chuanyu.identity.access import actor
from chuanyu.portal import filing


@require_http_methods(["GET", "POST"])
def apply(request: HttpRequest, key: str) -> HttpResponse:
    return filing.form_page(request, _filing(request, key))


@require_http_methods(["GET", "POST"])
def check(request: HttpRequest, key: str) -> HttpResponse:
    done = filing.check_page(request, _filing(request, key))
    return redirect("portal:sent", done.case) if isinstance(done, Acted) else done


def sent(request: HttpRequest, case: UUID) -> HttpResponse:
    """Confirmation: the reference, and what happens next."""
    try:
        found = queries.view(case, actor(request))
    except CaseError:
        raise Http404 from None
    context = {"case": found, "crumbs": [(reverse("portal:my_cases"), Text("我的办件", "My cases")), ("", found.name)]}
    return render(request, "portal/resident/sent.html", context)


def _filing(request: HttpRequest, key: str) -> filing.Filing:
    service, who = catalogue().get(key), actor(request)
    if service is None or service.procedure is None or who.person is None:
        raise Http404
    guide = reverse("portal:guide", args=[key])
    return filing.Filing(
        service=service,
        who=who,
        person=who.person,
        form=reverse("portal:apply", args=[key]),
        check=reverse("portal:check", args=[key]),
        leave=guide,
        crumbs=((reverse("portal:services"), Text("办事", "Services")), (guide, service.name)),
    )
