"""The lock of a staff session: by hand, by itself, opened by the password, ended when nobody comes."""

import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings
from django.test import Client
from someone import PASSWORD, code

from chuanyu.identity import locking
from chuanyu.identity.models import User

pytestmark = pytest.mark.django_db

POLLING = re.compile(r"<[^<>]*?(?:{%[^%]*%}[^<>]*?)*hx-trigger=\"[^\"]*every [^>]*>")
INSIDE, LOCK, ALIVE, LOGIN = "/accounts/2fa/", "/accounts/lock/", "/accounts/alive/", "/accounts/login/"


@pytest.fixture
def clerk(staff: Callable[..., User], sign_in: Callable[[Client, User], None]) -> Client:
    client = Client()
    sign_in(client, staff("clerk"))
    assert client.get(INSIDE).status_code == 200
    return client


def was_here(client: Client, ago: float) -> None:
    """The last sign of a person was `ago` seconds ago."""
    session = client.session
    session["seen"] = int(time.time() - ago)
    session.save()


def idle(client: Client) -> None:
    was_here(client, settings.CHUANYU_STAFF_IDLE + 5)


def text(response: Any) -> str:
    return str(response.content.decode())


def test_a_screen_nobody_touches_locks_and_the_password_opens_it_where_it_was(clerk: Client) -> None:
    was_here(clerk, settings.CHUANYU_STAFF_IDLE - 5)
    assert clerk.get(INSIDE).status_code == 200
    idle(clerk)
    sent = clerk.get(f"{INSIDE}?a=1")
    assert sent.headers["Location"] == f"{LOCK}?next=%2Faccounts%2F2fa%2F%3Fa%3D1"
    page = clerk.get(sent.headers["Location"])
    assert "已锁屏" in text(page) and "clerk-hrss" in text(page)
    opened = clerk.post(LOCK, {"password": PASSWORD, "next": f"{INSIDE}?a=1"})
    assert opened.headers["Location"] == f"{INSIDE}?a=1"
    assert clerk.get(INSIDE).status_code == 200


def test_it_locks_by_hand(clerk: Client) -> None:
    sent = clerk.post(LOCK, {"do": "lock", "next": INSIDE})
    assert sent.headers["Location"] == f"{LOCK}?next=%2Faccounts%2F2fa%2F"
    assert clerk.get(INSIDE).status_code == 302
    assert clerk.get(INSIDE).headers["Location"].startswith(LOCK)


def test_locked_it_shows_and_does_nothing(clerk: Client) -> None:
    clerk.post(LOCK, {"do": "lock"})
    for address in ("/", "/plan/", INSIDE, "/accounts/password/change/"):
        assert clerk.get(address).headers["Location"].startswith(LOCK), address
    assert clerk.post(INSIDE, {}).headers["Location"].startswith(LOCK)
    said = clerk.get("/api/cases")
    assert said.status_code == 401 and said.json()["text"]["zh"].startswith("屏幕已锁")
    assert clerk.get("/health").status_code == 200
    assert clerk.post("/language", {"language": "en", "next": LOCK}).status_code == 302
    assert "The screen is locked" in text(clerk.get(LOCK))


def test_a_fragment_is_replaced_by_the_lock_and_leads_back_to_its_page(clerk: Client) -> None:
    clerk.post(LOCK, {"do": "lock"})
    asked = clerk.get(INSIDE, headers={"HX-Request": "true", "HX-Current-URL": "http://testserver/counter/?state=x"})
    assert asked.status_code == 401
    assert asked.headers["HX-Redirect"] == f"{LOCK}?next=%2Fcounter%2F%3Fstate%3Dx"
    elsewhere = clerk.get(INSIDE, headers={"HX-Request": "true", "HX-Current-URL": "https://example.org/counter/"})
    assert elsewhere.headers["HX-Redirect"] == LOCK


def test_a_form_sent_too_late_leads_back_to_its_page(clerk: Client) -> None:
    idle(clerk)
    sent = clerk.post(
        "/accounts/password/change/", {}, headers={"Referer": "http://testserver/accounts/password/change/"}
    )
    assert sent.headers["Location"] == f"{LOCK}?next=%2Faccounts%2Fpassword%2Fchange%2F"


def test_wrong_passwords_are_said_at_the_field_and_end_the_session(clerk: Client) -> None:
    clerk.post(LOCK, {"do": "lock"})
    for _ in range(locking.TRIES - 1):
        wrong = clerk.post(LOCK, {"password": "wrong"})
        assert wrong.status_code == 422 and 'aria-invalid="true"' in text(wrong)
    ended = clerk.post(LOCK, {"password": "wrong", "next": INSIDE})
    assert ended.headers["Location"] == f"{LOGIN}?next=%2Faccounts%2F2fa%2F"
    assert "密码输错次数过多" in text(clerk.get(LOGIN))
    assert clerk.get(INSIDE).headers["Location"].startswith(LOGIN)


def test_a_locked_session_ends_when_nobody_comes(clerk: Client) -> None:
    clerk.post(LOCK, {"do": "lock"})
    session = client_session = clerk.session
    client_session["locked"] = int(time.time()) - settings.CHUANYU_STAFF_LOCKED - 5
    session.save()
    assert clerk.get(INSIDE).headers["Location"].startswith(LOGIN)
    assert "重新登录" in text(clerk.get(LOGIN))


def test_a_session_that_never_showed_its_second_factor_ends(client: Client, staff: Callable[..., User]) -> None:
    client.force_login(staff("clerk"))
    idle(client)
    assert client.get("/accounts/2fa/reauthenticate/").headers["Location"].startswith(LOGIN)


def test_a_session_that_never_opened_a_page_locks_too(client: Client, staff: Callable[..., User]) -> None:
    staff("clerk")
    client.post(LOGIN, {"login": "clerk-hrss", "password": PASSWORD})
    client.post("/accounts/2fa/authenticate/", {"code": code()})
    session = client.session
    assert "seen" not in session
    for record in session["account_authentication_methods"]:
        record["at"] -= 3600
    session.save()
    assert client.get(INSIDE).headers["Location"].startswith(LOCK)


def test_what_a_page_asks_by_itself_keeps_nothing_open(clerk: Client) -> None:
    was_here(clerk, 600)
    assert 295 <= clerk.get(ALIVE).json()["left"] <= 300
    assert 295 <= clerk.get(ALIVE).json()["left"] <= 300
    assert clerk.post(ALIVE).json()["left"] >= settings.CHUANYU_STAFF_IDLE - 2  # a key was pressed
    idle(clerk)
    assert clerk.get(ALIVE).json()["left"] == 0
    assert clerk.get(INSIDE).headers["Location"].startswith(LOCK)
    assert clerk.post(ALIVE).json()["left"] == 0  # a key on a locked screen opens nothing
    assert clerk.get(INSIDE).headers["Location"].startswith(LOCK)


@pytest.mark.parametrize(("by_hand", "stays"), [(True, True), (False, False)])
def test_the_person_at_the_counter_goes_when_nobody_was_there(clerk: Client, by_hand: bool, stays: bool) -> None:
    session = clerk.session
    session["at_the_counter"] = {"person": str(uuid4()), "purpose": "counter.apply"}
    session.save()
    if by_hand:
        clerk.post(LOCK, {"do": "lock"})
    else:
        idle(clerk)
        clerk.get(INSIDE)
    assert "locked" in clerk.session
    clerk.post(LOCK, {"password": PASSWORD})
    assert ("at_the_counter" in clerk.session) == stays


@pytest.mark.parametrize("away", ["https://elsewhere.example/", "//elsewhere.example", "javascript:alert(1)", ""])
def test_the_lock_leads_nowhere_else(clerk: Client, away: str) -> None:
    clerk.post(LOCK, {"do": "lock", "next": away})
    assert clerk.post(LOCK, {"password": PASSWORD, "next": away}).headers["Location"] == "/"
    assert clerk.get(LOCK, {"next": away}).headers["Location"] == "/"  # open: nothing to unlock


def test_a_resident_is_signed_out_where_nobody_is_and_told_why(
    resident: User, sign_in: Callable[[Client, User], None]
) -> None:
    client = Client()
    sign_in(client, resident)
    assert client.get(LOCK).status_code == 403
    was_here(client, settings.CHUANYU_RESIDENT_IDLE - 20)
    assert 0 < client.get(ALIVE).json()["left"] <= 20  # warned, and a key goes on
    assert client.post(ALIVE).json()["left"] > settings.CHUANYU_RESIDENT_IDLE - 5
    assert client.get(INSIDE).status_code == 200
    was_here(client, settings.CHUANYU_RESIDENT_IDLE)
    assert client.get(INSIDE).headers["Location"] == f"{LOGIN}?next=%2Faccounts%2F2fa%2F"
    assert "较长时间没有操作" in text(client.get(LOGIN)) and client.get(ALIVE).status_code == 302


@pytest.mark.parametrize(
    "address", ["/counter/cashier/?part=line&poll=1", "/agency/files/?part=list&poll=1", "/?poll=1"]
)
def test_a_page_that_polls_keeps_no_screen_open(clerk: Client, address: str) -> None:
    was_here(clerk, 600)
    clerk.get(address, headers={"HX-Request": "true"})
    assert clerk.get(ALIVE).json()["left"] <= 300
    clerk.get(address.replace("&poll=1", "").replace("?poll=1", ""))  # opened by a person
    assert clerk.get(ALIVE).json()["left"] > 300


def test_whatever_a_template_asks_on_its_own_says_so() -> None:
    templates = Path(locking.__file__).parents[1].glob("*/templates/**/*.html")
    polling = [tag for file in templates for tag in POLLING.findall(file.read_text("utf-8"))]
    assert len(polling) >= 6
    silent = [tag for tag in polling if not re.search(r"[?;& ]poll=1\b", tag)]
    assert silent == []
