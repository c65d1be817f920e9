"""A resident applies for themselves, or for someone who lets them; then the confirmation."""

from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_POST

from chuanyu.cases import queries
from chuanyu.cases.errors import CaseError
from chuanyu.cases.views import Acted
from chuanyu.core.catalogue import catalogue
from chuanyu.core.text import Text
from chuanyu.exchange import known_facts
from chuanyu.exchange.actions import NotGranted
from chuanyu.exchange.errors import AskRefused, Unreachable
from chuanyu.identity import consents, drafts
from chuanyu.identity.access import actor
from chuanyu.portal import filing
from chuanyu.portal.known import PERIODS, Elsewhere, elsewhere, known, names


@require_http_methods(["GET", "POST"])
def apply(request: HttpRequest, key: str) -> HttpResponse:
    return filing.form_page(request, _filing(request, key))


@require_http_methods(["GET", "POST"])
def check(request: HttpRequest, key: str) -> HttpResponse:
    done = filing.check_page(request, _filing(request, key))
    return redirect("portal:sent", done.case) if isinstance(done, Acted) else done


@require_POST
def discard(request: HttpRequest, key: str) -> HttpResponse:
    """Throw away what was begun."""
    who = actor(request)
    if who.person is not None:
        drafts.drop(who, person=who.person, service=key)
    messages.success(request, gettext("草稿已删除。"))
    return redirect("portal:me")


@require_POST
def facts(request: HttpRequest, key: str) -> HttpResponse:
    """Fetch from the other node what this one does not know: with a consent given now, or one that still stands."""
    found = _filing(request, key)
    missing = elsewhere(
        found.who, found.service, known(found.person, service=key, who=found.who, trace="portal.facts"), None
    )
    if missing is None:
        return redirect(found.form)
    try:
        consent = missing.consent or _agreed(request, found, missing)
        if consent is None:
            messages.error(request, gettext("没有同意，就不会去调取。您可以自己填写。"))
            return redirect(found.form)
        fetched = known_facts.fetch(found.person, consent=consents.use(consent.id))
    except consents.NoConsent:
        messages.error(request, gettext("这份同意已经撤回或过期，没有调取。"))
    except (Unreachable, NotGranted):
        messages.warning(request, gettext("暂时联系不上对方，没有调取到。您可以稍后再试，或者自己填写。"))
    except AskRefused:
        messages.info(request, gettext("对方没有可以提供的记录，请自己填写。"))
    else:
        if fetched:
            filing.fetch(found, request, fetched, source=missing.node)
            messages.success(request, gettext("已调取并填好，请核对。"))
        else:
            messages.info(request, gettext("对方没有可以提供的记录，请自己填写。"))
    return redirect(found.form)


def _agreed(request: HttpRequest, found: filing.Filing, missing: Elsewhere) -> consents.ConsentView | None:
    """The consent as the form gives it: ticked, and for one of the periods offered."""
    period = request.POST.get("period", "")
    if request.POST.get("agree") != "yes" or period not in {str(days) for days in PERIODS}:
        return None
    agency = known_facts.asks(found.service)
    return consents.give(
        found.who, service=found.service.key, agency=agency, fields=names(missing.missing), period=int(period)
    )


def sent(request: HttpRequest, case: UUID) -> HttpResponse:
    """Confirmation: the reference, and what happens next."""
    try:
        found = queries.view(case, actor(request))
    except CaseError:
        raise Http404 from None
    service = catalogue().get(found.service)
    fetches = service is not None and any(spec.register for spec in service.documents.values())
    context = {
        "case": found,
        "fetches": fetches,
        "crumbs": [(reverse("portal:my_cases"), Text("我的办件", "My cases")), ("", found.name)],
    }
    return render(request, "portal/resident/sent.html", context)


def _filing(request: HttpRequest, key: str) -> filing.Filing:
    service, who = catalogue().get(key), actor(request)
    if service is None or service.procedure is None or who.person is None:
        raise Http404
    if not who.covers(key):
        raise PermissionDenied
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
