"""Signing in, through the pages: password, second factor, limits. The lock is in test_locking.py."""

import re
import time
from collections.abc import Callable
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.test import Client
from someone import PASSWORD, SECRET, code

from chuanyu.identity.here import here
from chuanyu.identity.models import User
from chuanyu.identity.roles import STAFF

pytestmark = pytest.mark.django_db

LOGIN, SECOND = "/accounts/login/", "/accounts/2fa/authenticate/"


@pytest.fixture
def inside() -> str:
    """A page for anyone signed in."""
    return "/accounts/2fa/"


def password(client: Client, username: str, word: str = PASSWORD, **more: str) -> Any:
    return client.post(LOGIN, {"login": username, "password": word, **more})


def text(response: Any) -> str:
    return str(response.content.decode())


class TestResident:
    def test_signs_in_with_a_password(self, client: Client, resident: User, inside: str) -> None:
        assert client.get(inside).headers["Location"] == f"{LOGIN}?next=%2Faccounts%2F2fa%2F"
        assert "登录" in text(client.get(LOGIN))
        assert password(client, "someone").status_code == 302
        assert client.get(inside).status_code == 200

    def test_gets_a_new_session_on_signing_in(self, client: Client, resident: User) -> None:
        client.session["planted"] = "x"
        session = client.session
        session.save()
        before = session.session_key
        password(client, "someone")
        assert client.session.session_key != before

    def test_cookies_carry_the_node(self, client: Client, resident: User) -> None:
        client.get(LOGIN)
        password(client, "someone")
        assert set(client.cookies) >= {f"chuanyu_{here()}_session", f"chuanyu_{here()}_csrf"}
        cookie = client.cookies[f"chuanyu_{here()}_session"]
        assert cookie["httponly"]
        assert cookie["samesite"] == "Lax"

    def test_a_wrong_password_and_an_unknown_name_look_the_same(self, client: Client, resident: User) -> None:
        known, unknown = password(client, "someone", "wrong"), password(client, "nobody", "wrong")
        assert known.status_code == unknown.status_code == 200
        said = "您提供的用户名或密码不正确。"
        assert said in text(known)
        assert text(known).replace("someone", "").count(said) == text(unknown).replace("nobody", "").count(said)

    @pytest.mark.parametrize(
        "elsewhere",
        ["https://example.org/", "//example.org/x", "/\\example.org", "http://localhost:9/x", "javascript:alert(1)"],
    )
    def test_is_never_sent_to_another_origin(self, client: Client, resident: User, elsewhere: str) -> None:
        assert password(client, "someone", next=elsewhere).headers["Location"] == "/"

    def test_is_sent_where_they_were_going(self, client: Client, resident: User) -> None:
        assert password(client, "someone", next="/health?a=1").headers["Location"] == "/health?a=1"

    def test_signs_out_only_by_a_form(self, client: Client, resident: User, inside: str) -> None:
        password(client, "someone")
        assert "确定要退出登录吗" in text(client.get("/accounts/logout/"))
        assert client.get(inside).status_code == 200
        client.post("/accounts/logout/")
        assert client.get(inside).status_code == 302

    def test_who_is_blocked_stays_outside(self, client: Client, resident: User, inside: str) -> None:
        password(client, "someone")
        User.objects.filter(pk=resident.pk).update(is_active=False)
        assert client.get(inside).status_code == 302
        password(client, "someone")
        assert client.get(inside).status_code == 302
        assert "停用" in text(client.get("/accounts/inactive/"))

    def test_changes_the_password(self, client: Client, resident: User) -> None:
        password(client, "someone")
        page = "/accounts/password/change/"
        assert "至少8个字符" in text(client.get(page))
        short = client.post(page, {"oldpassword": PASSWORD, "password1": "short", "password2": "short"})
        assert 'href="#id_password1"' in text(short)
        new = "another long sentence"
        assert client.post(page, {"oldpassword": PASSWORD, "password1": new, "password2": new}).status_code == 302
        assert password(Client(), "someone", new).status_code == 302


def test_the_public_can_not_sign_up(client: Client) -> None:
    for where in ("signup", "password/reset", "email", "social/connections"):
        assert client.get(f"/accounts/{where}/").status_code == 404


def test_guessing_is_slowed_down(client: Client, resident: User, inside: str) -> None:
    for _ in range(5):
        password(client, "someone", "wrong")
    assert "登录失败次数过多" in text(password(client, "someone"))
    assert client.get(inside).status_code == 302


class TestStaff:
    @pytest.fixture(autouse=True)
    def clerk(self, staff: Callable[..., User]) -> User:
        return staff("clerk")

    def test_signs_in_with_password_and_code(self, client: Client, inside: str) -> None:
        assert password(client, "clerk-hrss", next=inside).headers["Location"] == SECOND
        assert client.get(inside).status_code == 302  # the password alone is nothing
        assert "6位数字" in text(client.get(SECOND))
        assert client.post(SECOND, {"code": code()}).headers["Location"] == inside
        assert client.get(inside).status_code == 200

    def test_a_wrong_code_says_so_at_the_field(self, client: Client, inside: str) -> None:
        password(client, "clerk-hrss")
        response = client.post(SECOND, {"code": "000000" if code() != "000000" else "000001"})
        assert "验证码不正确" in text(response)
        assert 'aria-invalid="true"' in text(response)
        assert client.get(inside).status_code == 302

    def test_a_code_opens_once_for_as_long_as_it_lives(
        self, client: Client, inside: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        used = code()
        password(client, "clerk-hrss")
        assert client.post(SECOND, {"code": used}).status_code == 302
        later = time.time() + 31  # allauth forgets it now, and with the tolerance it would still be valid
        monkeypatch.setattr(time, "time", lambda: later)
        thief = Client()
        password(thief, "clerk-hrss")
        assert "验证码不正确" in text(thief.post(SECOND, {"code": used[:3] + " " + used[3:]}))
        assert thief.get(inside).status_code == 302

    def test_guessing_codes_is_slowed_down(self, client: Client, inside: str) -> None:
        password(client, "clerk-hrss")
        valid = {code(-1), code(), code(1)}
        wrong = [f"{n:06}" for n in range(10) if f"{n:06}" not in valid]
        for each in wrong[:5]:
            client.post(SECOND, {"code": each})
        assert client.post(SECOND, {"code": code()}).status_code == 200
        assert client.get(inside).status_code == 302

    def test_can_start_again_from_the_second_step(self, client: Client) -> None:
        password(client, "clerk-hrss")
        assert client.post("/accounts/logout/", {"next": LOGIN}).headers["Location"] == LOGIN
        assert client.get(SECOND).headers["Location"] == LOGIN

    def test_the_secret_is_sealed_at_rest(self, clerk: User) -> None:
        assert SECRET not in str(Authenticator.objects.get(user=clerk).data)

    def test_can_not_do_without_the_second_factor(self, client: Client, clerk: User) -> None:
        password(client, "clerk-hrss")
        client.post(SECOND, {"code": code()})
        assert client.get("/accounts/2fa/totp/deactivate/").status_code == 403
        assert client.post("/accounts/2fa/totp/deactivate/").status_code == 403
        assert Authenticator.objects.filter(user=clerk).exists()


def test_new_staff_set_up_their_second_factor_first(client: Client, staff: Callable[..., User], inside: str) -> None:
    """Password, password again, QR code, a code, the recovery codes; then the worklist."""
    user = staff("officer", second_factor=False)
    activate = "/accounts/2fa/totp/activate/"
    assert password(client, "officer-hrss").status_code == 302
    assert client.get(inside).headers["Location"].startswith(activate)
    again = client.get(activate).headers["Location"]
    assert again.startswith("/accounts/reauthenticate/")
    assert "再输入一次密码" in text(client.get(again))
    assert client.post(again, {"password": PASSWORD}).headers["Location"] == activate

    page = text(client.get(activate))
    secret = re.search(r"<code>([A-Z2-7]{32})</code>", page)
    assert secret
    assert "data:image/svg+xml" in page
    done = client.post(activate, {"code": code(0, secret[1])})
    assert done.headers["Location"] == "/accounts/2fa/recovery-codes/"
    assert Authenticator.objects.filter(user=user).count() == 2

    confirm = client.get(inside).headers["Location"]  # having set it up is not having shown it
    assert confirm.startswith("/accounts/2fa/reauthenticate/")
    assert client.post(confirm, {"code": code(0, secret[1])}).headers["Location"] == inside
    assert client.get(inside).status_code == 200

    codes = re.findall(r"<code>(\d{8})</code>", text(client.get("/accounts/2fa/recovery-codes/")))
    assert len(codes) == 10
    other = Client()
    password(other, "officer-hrss")
    assert other.post(SECOND, {"code": codes[0]}).status_code == 302
    assert other.get(inside).status_code == 200
    third = Client()
    password(third, "officer-hrss")
    assert "验证码不正确" in text(third.post(SECOND, {"code": codes[0]}))


def test_residents_may_have_a_second_factor_and_give_it_up(client: Client, resident: User, inside: str) -> None:
    password(client, "someone")
    assert "尚未启用" in text(client.get("/accounts/2fa/"))
    client.post("/accounts/reauthenticate/?next=/", {"password": PASSWORD})
    page = text(client.get("/accounts/2fa/totp/activate/"))
    secret = re.search(r"<code>([A-Z2-7]{32})</code>", page)
    assert secret
    client.post("/accounts/2fa/totp/activate/", {"code": code(0, secret[1])})
    assert client.get(inside).status_code == 200
    assert "已启用" in text(client.get("/accounts/2fa/"))
    assert "作废" in text(client.get("/accounts/2fa/recovery-codes/generate/"))
    assert client.post("/accounts/2fa/recovery-codes/generate/").status_code == 302
    other = Client()
    assert password(other, "someone").headers["Location"] == SECOND
    assert "确定要停用吗" in text(client.get("/accounts/2fa/totp/deactivate/"))
    client.post("/accounts/2fa/totp/deactivate/")
    assert not Authenticator.objects.filter(user=resident).exists()


@pytest.mark.parametrize("role", sorted(STAFF))
def test_every_page_of_ours_speaks_english_too(
    client: Client, staff: Callable[..., User], sign_in: Callable[[Client, User], None], role: str
) -> None:
    sign_in(client, staff(role))
    client.cookies["chuanyu_language"] = "en"
    for where in ("2fa/", "logout/", "password/change/", "reauthenticate/", "2fa/reauthenticate/"):
        page = text(client.get(f"/accounts/{where}"))
        shown = re.sub(r"<[^>]*>", " ", page.split("<h1>", 1)[1].split("</main>")[0])
        assert not re.search(r"[\u4e00-\u9fff]", shown), (where, shown)
    anonymous = Client()
    anonymous.cookies["chuanyu_language"] = "en"
    page = text(password(anonymous, "nobody", "wrong"))
    assert not re.search(r"[\u4e00-\u9fff]", re.sub(r"<[^>]*>", " ", page.split("<h1>", 1)[1].split("</main>")[0]))
