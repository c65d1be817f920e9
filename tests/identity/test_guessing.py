"""Guessing passwords is slow wherever it comes from, and shuts nobody else out."""

import re
import time
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client
from someone import PASSWORD

from chuanyu.identity import guessing
from chuanyu.identity.models import User

pytestmark = pytest.mark.django_db

LOGIN, INSIDE = "/accounts/login/", "/accounts/2fa/"
MANY, WAIT = "登录失败次数过多", re.compile(r"请等 (\d+) 秒再试")


@pytest.fixture(autouse=True)
def forgotten() -> None:
    cache.clear()


def attempt(
    name: str, word: str = "wrong", *, at: str = "203.0.113.1", browser: Client | None = None, **headers: str
) -> Any:
    who = browser or Client()
    return who.post(LOGIN, {"login": name, "password": word}, REMOTE_ADDR=at, **headers)


def said(response: Any) -> str:
    return str(response.content.decode())


def guess(name: str, times: int) -> None:
    """Wrong passwords, each from another address."""
    for n in range(times):
        assert "用户名或密码不正确" in said(attempt(name, at=f"198.51.{n // 250}.{n % 250}"))


def test_five_wrong_ones_shut_out_their_own_address_and_nobody_elses(resident: User) -> None:
    for _ in range(5):
        attempt("someone")
    assert MANY in said(attempt("someone", PASSWORD)) and "5分钟" in said(attempt("someone", PASSWORD))
    assert attempt("someone", PASSWORD, at="203.0.113.2").status_code == 302
    assert "用户名或密码不正确" in said(attempt("nobody"))  # another name from there


def test_an_address_that_tries_many_names_is_shut_out(resident: User) -> None:
    for n in range(10):
        attempt(f"name-{n}")
    assert MANY in said(attempt("someone", PASSWORD))
    assert attempt("someone", PASSWORD, at="203.0.113.2").status_code == 302


def test_neighbours_in_one_network_of_ipv6_are_one_address(resident: User) -> None:
    for n in range(5):
        attempt("someone", at=f"2001:db8::{n}")
    assert MANY in said(attempt("someone", PASSWORD, at="2001:db8::ffff"))
    assert attempt("someone", PASSWORD, at="2001:db8:0:1::1").status_code == 302


def test_who_was_told_to_wait_has_tried_nothing(resident: User) -> None:
    guess("someone", guessing.FREE)
    cache.set(guessing._key("turn", "SOMEONE"), time.time() + 60, 60)  # somebody else's
    for _ in range(11):
        assert WAIT.search(said(attempt("someone", PASSWORD, at="192.0.2.2")))
    cache.delete(guessing._key("turn", "SOMEONE"))  # the seconds have gone by
    assert attempt("someone", PASSWORD, at="192.0.2.2").status_code == 302


@pytest.mark.parametrize("name", ["someone", "SomeOne", "nobody"])
def test_many_from_everywhere_slow_the_name_down_known_or_not(resident: User, name: str) -> None:
    guess(name.lower(), guessing.FREE)
    assert "用户名或密码不正确" in said(attempt(name, at="192.0.2.1"))  # the first turn
    waiting = WAIT.search(said(attempt(name, at="192.0.2.2")))
    assert waiting and 1 <= int(waiting[1]) <= 2
    assert "用户名或密码不正确" in said(attempt("anybody-else", at="192.0.2.3"))


def test_when_the_turn_comes_the_right_password_opens(resident: User, monkeypatch: pytest.MonkeyPatch) -> None:
    guess("someone", guessing.FREE + 1)
    attempt("someone", at="192.0.2.1")
    assert WAIT.search(said(attempt("someone", PASSWORD, at="192.0.2.2")))
    cache.delete(guessing._key("turn", "SOMEONE"))  # the seconds have gone by
    assert attempt("someone", PASSWORD, at="192.0.2.2").status_code == 302


def test_the_pause_grows_and_stays_short() -> None:
    assert [guessing.pause(guessing.FREE + n) for n in (-1, 0, 1, 2, 3, 4, 5, 1000)] == [0, 1, 2, 4, 8, 16, 30, 30]


def test_a_browser_that_was_signed_in_before_does_not_wait(resident: User) -> None:
    mine = Client()
    assert attempt("someone", PASSWORD, browser=mine).status_code == 302
    mine.post("/accounts/logout/")
    guess("someone", guessing.FREE + 1)
    attempt("someone", at="192.0.2.1")
    assert WAIT.search(said(attempt("someone", PASSWORD, at="192.0.2.2")))
    forged = Client()
    forged.cookies.load({name: "0" * 64 for name in mine.cookies if name.endswith("_known")})
    assert WAIT.search(said(attempt("someone", PASSWORD, at="192.0.2.2", browser=forged)))
    assert attempt("someone", PASSWORD, browser=mine).status_code == 302
    mark = next(cookie for name, cookie in mine.cookies.items() if name.endswith("_known"))
    assert mark["httponly"] and "someone" not in mark.value


def test_who_is_signed_in_is_not_held_up_by_others(resident: User) -> None:
    mine = Client()
    attempt("someone", PASSWORD, browser=mine)
    mine.cookies = type(mine.cookies)(
        {name: c.value for name, c in mine.cookies.items() if not name.endswith("_known")}
    )
    guess("someone", guessing.FREE + 1)
    attempt("someone", at="192.0.2.1")
    assert mine.post("/accounts/reauthenticate/?next=/", {"password": PASSWORD}).status_code == 302


class TestBehindTheProxy:
    @pytest.fixture(autouse=True)
    def proxied(self, settings: Any) -> None:
        settings.ALLAUTH_TRUSTED_PROXY_COUNT = 1  # as with an https:// portal address

    def test_each_visitor_counts_apart(self, resident: User) -> None:
        for _ in range(5):
            attempt("someone", at="127.0.0.1", HTTP_X_FORWARDED_FOR="203.0.113.1")
        assert MANY in said(attempt("someone", PASSWORD, at="127.0.0.1", HTTP_X_FORWARDED_FOR="203.0.113.1"))
        assert attempt("someone", PASSWORD, at="127.0.0.1", HTTP_X_FORWARDED_FOR="203.0.113.2").status_code == 302

    def test_what_a_visitor_writes_before_it_makes_no_other_address(self, resident: User) -> None:
        for n in range(5):
            attempt("someone", at="127.0.0.1", HTTP_X_FORWARDED_FOR=f"192.0.2.{n}, 203.0.113.1")
        other = "192.0.2.99, 203.0.113.1"
        assert MANY in said(attempt("someone", PASSWORD, at="127.0.0.1", HTTP_X_FORWARDED_FOR=other))


def test_without_a_proxy_the_header_counts_for_nothing(resident: User) -> None:
    for n in range(5):
        attempt("someone", HTTP_X_FORWARDED_FOR=f"192.0.2.{n}")
    assert MANY in said(attempt("someone", PASSWORD, HTTP_X_FORWARDED_FOR="192.0.2.99"))
