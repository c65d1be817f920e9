"""The lock of a staff session: a counter's screen stands in the open.

It locks by hand, or by itself after CHUANYU_STAFF_IDLE seconds without a sign of a person; the password opens it where it
was. Locked, a session reaches nothing but the lock page, and after CHUANYU_STAFF_LOCKED seconds it ends. What a page asks
by itself is no sign of a person. A lock that came by itself also lets the person at the counter go: nobody was there.

A resident's session has no lock: after CHUANYU_RESIDENT_IDLE seconds it ends, for the next one at a shared screen is
somebody else. Drafts stay.
"""

import time

from allauth.account.authentication import get_authentication_records
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.http import HttpRequest
from django.utils.translation import gettext as _

from chuanyu.identity import presence
from chuanyu.identity.models import User

_LOCKED, _SEEN, _TRIES = "locked", "seen", "lock_tries"
TRIES = 5  # wrong passwords at a locked screen, then the session ends

WHILE_LOCKED = frozenset(
    {"account_lock", "account_alive", "account_logout", "set_language", "portal:large_text", "health"}
)
POLL = "poll"  # in the address of all that a page fetches on its own: hx-trigger="every …" goes with `poll=1`
KEEP = "keep"  # in the address a page sends a half-filled form to on its own, to be kept as a draft: `keep=1`


def check(request: HttpRequest, page: str, *, verified: bool) -> None:
    """Before every view: lock what nobody touched, end what was locked too long or never showed a second factor.

    A resident's session that nobody touched ends.
    """
    user = request.user
    if not isinstance(user, User):
        return
    now, since = int(time.time()), request.session.get(_LOCKED)
    if since is not None:
        if now - since > settings.CHUANYU_STAFF_LOCKED:
            _end(request, _("您较长时间没有操作，系统已自动退出，请重新登录。"))
    elif _idle(request, now) >= limit(user):
        if user.kind == User.Kind.RESIDENT:
            _end(request, _("您较长时间没有操作，为了安全已自动退出。填了一半的内容还在，请重新登录。"))
        elif verified:
            lock(request)
        else:
            _end(request, _("您较长时间没有操作，系统已自动退出，请重新登录。"))
    elif not _by_itself(request, page) and now - request.session.get(_SEEN, 0) >= 30:
        request.session[_SEEN] = now  # not a write on every request


def lock(request: HttpRequest, *, by_hand: bool = False) -> None:
    """Lock the signed-in session. By hand, the person at the counter stays: the clerk is coming back."""
    request.session[_LOCKED] = int(time.time())
    if not by_hand:
        presence.let_go(request)


def unlock(request: HttpRequest) -> None:
    """The password was right."""
    request.session.pop(_LOCKED, None)
    request.session.pop(_TRIES, None)
    request.session[_SEEN] = int(time.time())


def failed(request: HttpRequest) -> None:
    """The password was wrong; too often, and the session ends."""
    request.session[_TRIES] = request.session.get(_TRIES, 0) + 1
    if request.session[_TRIES] >= TRIES:
        _end(request, _("解锁时密码输错次数过多，系统已退出，请重新登录。"))


def is_locked(request: HttpRequest) -> bool:
    """Whether this session is locked. A request that never had a session is not."""
    return hasattr(request, "session") and _LOCKED in request.session


def left(request: HttpRequest) -> int:
    """Seconds until this session locks by itself; 0 when it is locked."""
    if is_locked(request):
        return 0
    return max(0, limit(request.user) - _idle(request, int(time.time())))


def limit(user: object) -> int:
    """Seconds without a sign of a person after which this user's session locks, or ends."""
    resident = isinstance(user, User) and user.kind == User.Kind.RESIDENT
    return settings.CHUANYU_RESIDENT_IDLE if resident else settings.CHUANYU_STAFF_IDLE


def _by_itself(request: HttpRequest, page: str) -> bool:
    """What a page asked on its own. `account_alive` counts when posted: a key was pressed, or a finger was there."""
    if request.method == "POST":
        return KEEP in request.GET
    return request.method in ("GET", "HEAD") and (page == "account_alive" or POLL in request.GET)


def _idle(request: HttpRequest, now: int) -> int:
    """Seconds since a person last did something here; since signing in, when nothing was done yet."""
    records = get_authentication_records(request, request.user)
    seen = request.session.get(_SEEN) or (records[-1]["at"] if records else 0)
    return int(now - seen)


def _end(request: HttpRequest, why: str) -> None:
    logout(request)
    messages.info(request, why)
