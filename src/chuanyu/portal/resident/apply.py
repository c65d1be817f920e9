"""A resident applies for themselves, or for someone who lets them; then the confirmation."""

from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_POST

from chuanyu.cases import queries
from chuanyu.cases.errors import CaseError
from chuanyu.cases.views import Acted
from chuanyu.core.catalogue import catalogue
from chuanyu.core.service import Service
from chuanyu.core.text import Text
from chuanyu.exchange import known_facts
from chuanyu.exchange.actions import NotGranted
from chuanyu.exchange.errors import AskRefused, Unreachable
from chuanyu.identity import consents
from chuanyu.identity.access import actor, meant
from chuanyu.identity.actor import Actor
from chuanyu.identity.locking import KEEP
from chuanyu.portal import filing
from chuanyu.portal.known import PERIODS, Elsewhere, elsewhere, known, names


@require_http_methods(["GET", "POST"])
def apply(request: HttpRequest, key: str) -> HttpResponse:
    found = _filing(request, key)
    return filing.form_page(request, found) if isinstance(found, filing.Filing) else found


@require_http_methods(["GET", "POST"])
def check(request: HttpRequest, key: str) -> HttpResponse:
    found = _filing(request, key)
    if not isinstance(found, filing.Filing):
        return found
    done = filing.check_page(request, found)
    return redirect("portal:sent", done.case) if isinstance(done, Acted) else done


@require_POST
def facts(request: HttpRequest, key: str) -> HttpResponse:
    """Fetch from the other node what this one does not know: with a consent given now, or one that still stands."""
    found = _filing(request, key)
    if not isinstance(found, filing.Filing):
        return found
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


def whom(who: Actor) -> str:
    """For whom a resident's forms are made: the delegation they act under, "" for themselves. Each form says it back."""
    return who.mandate.hex if who.mandate else ""


def left_over(request: HttpRequest, who: Actor) -> bool:
    """A form made for another person than the one acted for now: it stayed open in another tab, or was gone back to."""
    return request.method == "POST" and request.POST.get("visit", "") != whom(who)


def somebody_else(request: HttpRequest, who: Actor, *, kept: bool = False) -> HttpResponse:
    """Told for whom one acts now, where it can be changed. `kept`: what was typed is now the draft of whom it was for."""
    if who.acts_for_another:
        text = gettext("那一页不是为 %(name)s 填的，没有办。要接着办，请先结束代办，或者换成那位家人，再打开那一页。")
    else:
        text = gettext(
            "那一页是代别人填的，没有办。现在是为您自己办理；要接着代办，请先在这里点“开始代办”，再打开那一页。"
        )
    saved = gettext("填的内容已存为草稿。") if kept else gettext("填的内容没有保存。")
    messages.warning(request, (text % {"name": who.name} if who.acts_for_another else text) + saved)
    return redirect("portal:delegates")


def _late(request: HttpRequest, who: Actor, service: Service) -> HttpResponse:
    """A form for somebody one does not act for now: kept as their draft, as long as one still may act for them."""
    then, kept = made_for(request), False
    if then and then.person and then.covers(service.key) and "drop" not in request.POST:
        kept = filing.keep_late(request, _filing_of(service, then, then.person))
    return filing.answer(kept) if KEEP in request.GET else somebody_else(request, who, kept=kept)


def made_for(request: HttpRequest) -> Actor | None:
    """Whoever is here, as they were when the form that came was made; None under a delegation that has ended."""
    return meant(request, request.POST.get("visit", ""))


def _filing(request: HttpRequest, key: str) -> filing.Filing | HttpResponse:
    """Who applies for what; or the way on for whom that cannot be now. Raises Http404."""
    service, who = catalogue().get(key), actor(request)
    if service is None or service.procedure is None or who.person is None:
        raise Http404
    if left_over(request, who):
        return _late(request, who, service)
    if not who.covers(key):
        return outside(request, who, service)
    return _filing_of(service, who, who.person)


def outside(request: HttpRequest, who: Actor, service: Service) -> HttpResponse:
    """A service the delegation does not cover: for whom one acts, in which services, and how to stop. 403."""
    known = catalogue()
    guide = reverse("portal:guide", args=[service.key])
    context = {
        "service": service,
        "guide": guide,
        "covered": [known[each] for each in sorted(who.scope or ()) if each in known],
        "crumbs": [(reverse("portal:services"), Text("办事", "Services")), (guide, service.name)],
    }
    return render(request, "portal/resident/outside.html", context, status=403)


def _filing_of(service: Service, who: Actor, person: UUID) -> filing.Filing:
    key, guide = service.key, reverse("portal:guide", args=[service.key])
    return filing.Filing(
        service=service,
        who=who,
        person=person,
        form=reverse("portal:apply", args=[key]),
        check=reverse("portal:check", args=[key]),
        leave=guide,
        visit=whom(who),
        crumbs=((reverse("portal:services"), Text("办事", "Services")), (guide, service.name)),
    )
