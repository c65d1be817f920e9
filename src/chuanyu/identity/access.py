"""Who is signed in, for whom they act, and the middleware that lets them through the doors of `roles`."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode, urlsplit
from uuid import UUID

import msgspec
from allauth.account.authentication import get_authentication_records
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect, JsonResponse
from django.middleware.csrf import CsrfViewMiddleware
from django.urls import reverse
from django.utils.translation import gettext as _

from chuanyu.core.text import Text
from chuanyu.identity import delegations, locking, presence
from chuanyu.identity.actor import Actor
from chuanyu.identity.here import here
from chuanyu.identity.models import Staff, User
from chuanyu.identity.roles import RESIDENT, WITHOUT_MANDATE, answer

ACTING = "acting"  # the session's delegation, while its holder acts for another
SIGN_IN = Text("请先登录。", "Please sign in first.")
ENDED = Text(
    "委托已经结束，刚才提交的没有办。现在是为您自己办理。",
    "The delegation has ended; what was sent was not done. You act for yourself now.",
)
UNLOCK = Text("屏幕已锁，请先解锁。", "The screen is locked; unlock it first.")


def actor(request: HttpRequest) -> Actor:
    """Who is signed in. Raises PermissionDenied (403) when nobody is; for public pages see `visitor`."""
    found = visitor(request)
    if found is None:
        raise PermissionDenied
    return found


def visitor(request: HttpRequest) -> Actor | None:
    """Who is signed in, or None. Read once per request."""
    user = request.user
    if not isinstance(user, User):
        return None
    known: tuple[int, Actor] | None = getattr(request, "_chuanyu_actor", None)
    if known is None or known[0] != user.pk:  # signing in or out changes it within a request
        known = (user.pk, _acting(request, _actor(user)))
        request._chuanyu_actor = known  # type: ignore[attr-defined]
    at_counter = presence.present(request) if "clerk" in known[1].roles else None
    return msgspec.structs.replace(known[1], present=at_counter.person) if at_counter else known[1]


def is_verified(request: HttpRequest) -> bool:
    """True if this session showed a second factor."""
    user = request.user
    return isinstance(user, User) and any(
        record.get("method") == "mfa" for record in get_authentication_records(request, user)
    )


class AccessMiddleware:
    """Asks `answer` before every view, locks idle staff sessions, lets no write by cookie pass without a CSRF token."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response
        self.csrf = CsrfViewMiddleware(get_response)

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Callable[..., HttpResponseBase], args: Any, kwargs: Any
    ) -> HttpResponseBase | None:
        """The response that takes the view's place, or None to go on. Raises PermissionDenied, Http404."""
        name = request.resolver_match.view_name if request.resolver_match else ""
        verified = is_verified(request)
        locking.check(request, name, verified=verified)
        if locking.is_locked(request) and name not in locking.WHILE_LOCKED:
            return _send_to(request, "account_lock")
        who = visitor(request)
        if getattr(request, "_chuanyu_ended", False) and name not in WITHOUT_MANDATE:
            return _ended(request)
        match answer(name, who, verified=verified):
            case "not_found":
                raise Http404
            case "forbidden":
                raise PermissionDenied
            case "oneself":
                return _oneself(request)
            case "sign_in":
                return _send_to(request, "account_login")
            case "second_factor":
                return _send_to(request, _second_factor(request))
            case _:
                # ninja exempts its views from the CSRF check; with a session cookie none may be
                if getattr(view, "csrf_exempt", False) and request.user.is_authenticated:
                    return self.csrf.process_view(request, _not_exempt, args, kwargs)
                return None


def _actor(user: User) -> Actor:
    name = user.display or user.username
    if user.kind == User.Kind.RESIDENT:
        return Actor(kind="resident", user=user.username, node=here(), person=user.person_id, roles=RESIDENT, name=name)
    job = Staff.objects.select_related("agency").filter(user=user, agency__node=here()).first()
    if job is None:  # a staff sign-in without a job may sign in and nothing else
        return Actor(kind="staff", user=user.username, node=here(), name=name)
    roles = frozenset({job.role})
    return Actor(kind="staff", user=user.username, node=here(), agency=job.agency.code, roles=roles, name=name)


def _acting(request: HttpRequest, oneself: Actor) -> Actor:
    """The resident, or who they act for under a delegation still in force. One that has ended ends the acting at once;

    what was sent under it is refused by the middleware.
    """
    session = getattr(request, "session", None)
    held = session.get(ACTING) if session is not None and oneself.person else None
    if not held or oneself.person is None or session is None:
        return oneself
    acting = _under(oneself, UUID(held))
    if acting is None:
        del session[ACTING]
        if request.method in ("GET", "HEAD", "OPTIONS"):
            messages.warning(request, _("委托已经结束，现在是为您自己办理。"))
        else:  # it was meant for the other one, and is not done as one's own
            request._chuanyu_ended = True  # type: ignore[attr-defined]
        return oneself
    return acting


def _under(oneself: Actor, delegation: UUID) -> Actor | None:
    """The resident under a delegation of theirs; None where it is not in force."""
    mandate = delegations.in_force(delegation, delegate=oneself.person) if oneself.person else None
    if mandate is None:
        return None
    return msgspec.structs.replace(
        oneself, person=mandate.principal, mandate=mandate.id, scope=mandate.services, name=mandate.name
    )


def meant(request: HttpRequest, delegation: str) -> Actor | None:
    """Whoever is signed in, as a form was made for them: under this delegation, or for themselves where there is none ("").

    None where the delegation is not in force for them.
    """
    if not isinstance(request.user, User):
        return None
    oneself = _actor(request.user)
    try:
        return _under(oneself, UUID(delegation)) if delegation else oneself
    except ValueError:
        return None


def act_for(request: HttpRequest, delegation: UUID) -> bool:
    """From now on this session acts under the delegation; False when it is not in force for who is signed in."""
    user = request.user
    if not isinstance(user, User) or user.person_id is None:
        return False
    mandate = delegations.in_force(delegation, delegate=user.person_id)
    if mandate is None:
        return False
    request.session[ACTING] = str(mandate.id)
    _forget(request)
    return True


def act_for_oneself(request: HttpRequest) -> None:
    """This session acts for who is signed in again."""
    request.session.pop(ACTING, None)
    _forget(request)


def _forget(request: HttpRequest) -> None:
    request._chuanyu_actor = None  # type: ignore[attr-defined]


def _oneself(request: HttpRequest) -> HttpResponseBase:
    """Told why not, where one can stop acting for another."""
    text = _("您正在代他人办理；这一项只能由本人办理。")
    if request.path.startswith("/api/"):
        zh, en = "您正在代他人办理；这一项只能由本人办理。", "You act for somebody else; only they can do this."
        body = {"error": "oneself", "text": {"zh": zh, "en": en}, "trace": getattr(request, "trace", "")}
        return JsonResponse(body, status=403)
    messages.warning(request, text)
    return HttpResponseRedirect(reverse("portal:delegates"))


def _ended(request: HttpRequest) -> HttpResponseBase:
    """What was sent under a delegation that has ended: not done, and said where one can begin anew."""
    if request.path.startswith("/api/"):
        body = {"error": 403, "text": {"zh": ENDED.zh, "en": ENDED.en}, "trace": getattr(request, "trace", "")}
        return JsonResponse(body, status=403)
    messages.warning(request, _("委托已经结束，刚才提交的没有办。现在是为您自己办理。"))
    if request.headers.get("HX-Request"):
        return HttpResponse(status=403, headers={"HX-Redirect": reverse("portal:delegates")})
    return HttpResponseRedirect(reverse("portal:delegates"))


def _second_factor(request: HttpRequest) -> str:
    from allauth.mfa.utils import is_mfa_enabled  # imports models: only once the apps are ready

    return "mfa_reauthenticate" if is_mfa_enabled(request.user) else "mfa_activate_totp"


def _send_to(request: HttpRequest, page: str) -> HttpResponseBase:
    """To a sign-in page and back again; a program gets 401 in words, an htmx fragment the whole page."""
    if request.path.startswith("/api/"):
        text = SIGN_IN if page != "account_lock" else UNLOCK
        word = "sign_in" if page != "account_lock" else "locked"
        body = {"error": word, "text": {"zh": text.zh, "en": text.en}, "trace": getattr(request, "trace", "")}
        return JsonResponse(body, status=401)
    url, back = reverse(page), _page_of(request)
    if back:
        url += "?" + urlencode({"next": back})
    if request.headers.get("HX-Request"):
        return HttpResponse(status=401, headers={"HX-Redirect": url})
    return HttpResponseRedirect(url)


def _page_of(request: HttpRequest) -> str:
    """The page the person is on: what was asked for, or for a fragment or a form the page that it belongs to."""
    if request.headers.get("HX-Request"):
        asked = urlsplit(request.headers.get("HX-Current-URL", ""))
    elif request.method in ("GET", "HEAD"):
        return request.get_full_path()
    else:
        asked = urlsplit(request.headers.get("Referer", ""))
    if asked.netloc != request.get_host():
        return ""
    return asked.path + (f"?{asked.query}" if asked.query else "")


def _not_exempt(request: HttpRequest) -> HttpResponseBase:
    raise AssertionError("stands for a view in the CSRF check; never called")
