"""Guessing passwords is slow, and nobody shuts another one out by it.

Wrong passwords are counted three times, whether the name exists or not: of a name at one address (5 in five minutes, then
this pair waits them out) and of an address (10 a minute), both by allauth; and here of a name wherever they come from. After
FREE of these, one try is taken per some seconds, and the page says how many. That holds up neither a screen that is signed
in as this name, nor a browser where this name signed in before: it keeps a mark of it, a cookie nobody else can make.
"""

import time
from math import ceil

from django.conf import settings
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse
from django.utils.crypto import constant_time_compare, salted_hmac

from chuanyu.identity.here import here
from chuanyu.identity.models import User

FREE = 20  # wrong passwords of a name, from anywhere, before it slows down
WITHIN = 60 * 60  # seconds without another one after which they are forgotten
LONGEST = 30  # seconds between two tries, at most
KNOWN = 180 * 24 * 60 * 60  # seconds a browser is remembered


def name_of(typed: str) -> str:
    """A user name as it is counted: what the database takes for the same name is the same."""
    return typed.strip().upper()


def pause(wrong: int) -> int:
    """Seconds between two tries after so many wrong ones: 0, then 1, 2, 4 … LONGEST."""
    return 0 if wrong < FREE else min(2 ** min(wrong - FREE, 10), LONGEST)


def turn(request: HttpRequest, name: str) -> int:
    """0: this try may be made. Else how many seconds to wait for one."""
    seconds = pause(cache.get(_key("wrong", name), 0))
    if not seconds or _is_known(request, name):
        return 0
    until = time.time() + seconds
    if cache.add(_key("turn", name), until, seconds):  # one try at a time, whoever comes first
        return 0
    return max(1, ceil(cache.get(_key("turn", name), until) - time.time()))


def failed(name: str) -> None:
    """The password of this try was wrong."""
    cache.set(_key("wrong", name), cache.get(_key("wrong", name), 0) + 1, WITHIN)


def remember(response: HttpResponse, user: User) -> None:
    """This browser has been signed in as this user."""
    response.set_cookie(
        _cookie(), _mark(name_of(user.username)), max_age=KNOWN, httponly=True, samesite="Lax",
        secure=settings.SESSION_COOKIE_SECURE,
    )  # fmt: skip


def _is_known(request: HttpRequest, name: str) -> bool:
    if isinstance(request.user, User) and name_of(request.user.username) == name:
        return True
    return constant_time_compare(request.COOKIES.get(_cookie(), ""), _mark(name))


def _cookie() -> str:
    return f"chuanyu_{here()}_known"


def _mark(name: str) -> str:
    """Says nothing of the name to whoever reads the cookie."""
    return salted_hmac("chuanyu.identity.guessing", name, algorithm="sha256").hexdigest()


def _key(what: str, name: str) -> str:
    return f"guessing:{what}:{_mark(name)}"
