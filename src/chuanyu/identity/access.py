"""Who may open which page: the one place. Default deny: an address without a row here is answered with 404.

`ACCESS` names each URL (with its namespace) and the roles that may open it. Adding a page means adding its row; the
system check in checks.py names every address without a row and every row without an address. Whether someone may see
*this* case or person is decided by the action or query behind the page; here only roles count.
"""

import time
from collections.abc import Callable
from typing import Any, Literal
from urllib.parse import urlencode

from allauth.account.authentication import get_authentication_records
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect, JsonResponse
from django.middleware.csrf import CsrfViewMiddleware
from django.urls import reverse
from django.utils.translation import gettext as _

from chuanyu.identity.actor import Actor
from chuanyu.identity.here import here
from chuanyu.identity.models import Staff, User

RESIDENT = frozenset({"resident"})
CLERK = frozenset({"clerk"})
OFFICER = frozenset({"officer"})
OFFICE = frozenset({"office"})
STAFF = CLERK | OFFICER | OFFICE
ANY = RESIDENT | STAFF  # anyone signed in
PUBLIC = ANY | {"public"}
ROLES = ("public", "resident", "clerk", "officer", "office")

ACCESS: dict[str, frozenset[str]] = {
    # node
    "health": PUBLIC,
    "set_language": PUBLIC,
    # sign-in
    "account_login": PUBLIC,
    "account_inactive": PUBLIC,
    "account_logout": PUBLIC,  # also ends a sign-in that is halfway
    "account_reauthenticate": ANY,
    "account_change_password": ANY,
    "mfa_authenticate": PUBLIC,  # between password and second factor nobody is signed in yet
    "mfa_reauthenticate": ANY,
    "mfa_index": ANY,
    "mfa_activate_totp": ANY,
    "mfa_deactivate_totp": RESIDENT,  # staff can't do without
    "mfa_view_recovery_codes": ANY,
    "mfa_generate_recovery_codes": ANY,
    # portal
    "portal:home": PUBLIC,
    "portal:large_text": PUBLIC,
    "portal:design": PUBLIC,
    "portal:services": PUBLIC,
    "portal:guide": PUBLIC,
    "portal:plan": PUBLIC,
    "portal:agency": PUBLIC,
    "portal:apply": RESIDENT,
    "portal:check": RESIDENT,
    "portal:sent": RESIDENT,
    "portal:my_cases": RESIDENT,
    "portal:tracker": RESIDENT,
    "portal:my_act": RESIDENT,
    "portal:my_file": RESIDENT,
    "portal:accesses": RESIDENT,
    "portal:download": RESIDENT | CLERK | OFFICER,
    "portal:worklist": CLERK | OFFICER,
    "portal:workspace": CLERK | OFFICER,
    "portal:act": CLERK,
    "portal:person": CLERK,
    "portal:person_apply": CLERK,
    "portal:person_check": CLERK,
    "portal:file": CLERK,
    "portal:office": OFFICE,
    "portal:overdue": OFFICER | OFFICE,
    "portal:letters": OFFICER | OFFICE,
    # API
    "api:api-root": PUBLIC,
    "api:openapi-json": PUBLIC,
    "api:services": PUBLIC,
    "api:service": PUBLIC,
    "api:cases": RESIDENT | CLERK | OFFICER,
    "api:case": RESIDENT | CLERK | OFFICER,
    "api:act": RESIDENT | CLERK,
    "api:accesses": RESIDENT,
    "api:files": CLERK | OFFICER | OFFICE,
    "api:file_upload": CLERK | OFFICER,
    "api:file": CLERK | OFFICER | OFFICE,
    "api:file_results": CLERK | OFFICER | OFFICE,
    "api:held": CLERK | OFFICER | OFFICE,
    "api:held_decide": OFFICER,
}

# All that a staff session reaches before its second factor was shown
BEFORE_SECOND_FACTOR = frozenset(
    {
        "account_logout",
        "account_reauthenticate",
        "mfa_activate_totp",
        "mfa_reauthenticate",
        "set_language",
        "portal:large_text",
        "health",
    }
)

Answer = Literal["allow", "sign_in", "second_factor", "forbidden", "not_found"]


def answer(name: str, visitor: Actor | None, *, verified: bool) -> Answer:
    """May `visitor` (None: not signed in) open the URL `name`? `verified`: this session showed a second factor."""
    roles = ACCESS.get(name)
    if roles is None:
        return "not_found"
    if visitor and visitor.kind == "staff" and not verified and name not in BEFORE_SECOND_FACTOR:
        return "second_factor"
    if "public" in roles:
        return "allow"
    if visitor is None:
        return "sign_in"
    return "allow" if roles & visitor.roles else "forbidden"


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
        known = (user.pk, _actor(user))
        request._chuanyu_actor = known  # type: ignore[attr-defined]
    return known[1]


def is_verified(request: HttpRequest) -> bool:
    """True if this session showed a second factor."""
    user = request.user
    return isinstance(user, User) and any(
        record.get("method") == "mfa" for record in get_authentication_records(request, user)
    )


class AccessMiddleware:
    """Asks `answer` before every view, ends idle staff sessions, lets no write by cookie pass without a CSRF token."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response
        self.csrf = CsrfViewMiddleware(get_response)

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Callable[..., HttpResponseBase], args: Any, kwargs: Any
    ) -> HttpResponseBase | None:
        """The response that takes the view's place, or None to go on. Raises PermissionDenied, Http404."""
        _end_idle_session(request)
        match answer(
            request.resolver_match.view_name if request.resolver_match else "",
            visitor(request),
            verified=is_verified(request),
        ):
            case "not_found":
                raise Http404
            case "forbidden":
                raise PermissionDenied
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


def _end_idle_session(request: HttpRequest) -> None:
    """Sign staff out after CHUANYU_STAFF_IDLE seconds without a request: a counter's screen stands in the open."""
    user = request.user
    if not isinstance(user, User) or user.kind != User.Kind.STAFF:
        return
    now = int(time.time())
    records = get_authentication_records(request, user)
    seen = request.session.get("seen") or (records[-1]["at"] if records else 0)
    if now - seen > settings.CHUANYU_STAFF_IDLE:
        logout(request)
        messages.info(request, _("您较长时间没有操作，系统已自动退出，请重新登录。"))
    elif now - request.session.get("seen", 0) >= 30:  # not a write on every request
        request.session["seen"] = now


def _second_factor(request: HttpRequest) -> str:
    from allauth.mfa.utils import is_mfa_enabled  # imports models: only once the apps are ready

    return "mfa_reauthenticate" if is_mfa_enabled(request.user) else "mfa_activate_totp"


def _send_to(request: HttpRequest, page: str) -> HttpResponseBase:
    """To a sign-in page and back again; a program gets 401 in words, an htmx fragment the whole page."""
    if request.path.startswith("/api/"):
        text = {"zh": "请先登录。", "en": "Please sign in first."}
        return JsonResponse({"error": 401, "text": text, "trace": getattr(request, "trace", "")}, status=401)
    url = reverse(page)
    if request.headers.get("HX-Request"):
        return HttpResponse(status=401, headers={"HX-Redirect": url})
    if request.method in ("GET", "HEAD"):
        url += "?" + urlencode({"next": request.get_full_path()})
    return HttpResponseRedirect(url)


def _not_exempt(request: HttpRequest) -> HttpResponseBase:
    raise AssertionError("stands for a view in the CSRF check; never called")
