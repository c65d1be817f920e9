"""Every address × every role has its expected answer, and what is not in the table is not there."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import Client, override_settings
from django.urls import URLPattern, URLResolver, get_resolver, path
from django.urls.converters import get_converters

from chuanyu.identity import checks
from chuanyu.identity.access import actor
from chuanyu.identity.actor import SYSTEM, Actor
from chuanyu.identity.here import here
from chuanyu.identity.models import User
from chuanyu.identity.roles import ACCESS, ANY, BEFORE_SECOND_FACTOR, PUBLIC, RESIDENT, ROLES, STAFF, answer

pytestmark = pytest.mark.django_db

SAMPLES = ("x", "1", "0193d0e5-7c00-7000-8000-000000000000")  # one of them fits any converter


def reached(get_response: Callable[[HttpRequest], HttpResponse]) -> Any:
    """A last middleware that stands for every view: whoever gets here was let in, and nothing happens."""

    class Reached:
        def __call__(self, request: HttpRequest) -> HttpResponse:
            return get_response(request)

        def process_view(self, *args: Any) -> HttpResponse:
            return HttpResponse("reached")

    return Reached()


@pytest.fixture
def doors(settings: Any) -> None:
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, f"{__name__}.reached"]


def addresses() -> Iterator[tuple[str, str]]:
    """(name, a path that leads there) for every address of the portal."""

    def walk(patterns: list[Any], namespace: str, prefix: str) -> Iterator[tuple[str, str]]:
        for pattern in patterns:
            route = prefix + str(pattern.pattern)
            if isinstance(pattern, URLResolver):
                inner = f"{namespace}{pattern.namespace}:" if pattern.namespace else namespace
                yield from walk(pattern.url_patterns, inner, route)
            elif isinstance(pattern, URLPattern):
                yield f"{namespace}{pattern.name}", "/" + re.sub(r"<(?:(\w+):)?\w+>", fill, route)

    def fill(found: re.Match[str]) -> str:
        regex = get_converters()[found[1] or "str"].regex
        return next(sample for sample in SAMPLES if re.fullmatch(regex, sample))

    yield from walk(get_resolver().url_patterns, "", "")


def test_every_address_has_a_row_and_every_row_an_address() -> None:
    assert checks.access_is_complete() == []


def test_every_address_for_every_role(
    doors: None, resident: User, staff: Callable[..., User], sign_in: Callable[[Client, User], None]
) -> None:
    users = {"resident": resident} | {role: staff(role) for role in ("clerk", "officer", "office")}
    wrong = []
    for role in ROLES:
        client = Client()
        if role != "public":
            sign_in(client, users[role])
        for name, where in addresses():
            response = client.get(where)
            if role in ACCESS[name]:
                expected = response.status_code == 200 and response.content == b"reached"
            elif role == "public":
                expected = response.status_code == 401 or response.headers.get("Location", "").startswith(
                    "/accounts/login/?next="
                )
            else:
                expected = response.status_code == 403
            if not expected:
                wrong.append(f"{role} at {name} ({where}): {response.status_code}")
    assert not wrong


def test_staff_without_second_factor_reach_only_what_sets_it_up(doors: None, staff: Callable[..., User]) -> None:
    for role, page in (("clerk", "/accounts/2fa/reauthenticate/"), ("officer", "/accounts/2fa/totp/activate/")):
        client = Client()
        user = staff(role, second_factor=role == "clerk")
        client.force_login(user)
        session = client.session
        session["seen"] = 10**12  # not the idle lock that is tested here
        session.save()
        for name, where in addresses():
            response = client.get(where)
            if name in BEFORE_SECOND_FACTOR:
                assert response.content == b"reached", name
            elif where.startswith("/api/"):
                assert response.status_code == 401, name
            else:
                assert response.status_code == 302, name
                assert response.headers["Location"].startswith(page), name


def test_what_is_not_in_the_table_is_not_there(doors: None, monkeypatch: pytest.MonkeyPatch) -> None:
    assert Client().get("/health").status_code == 200
    monkeypatch.delitem(ACCESS, "health")
    assert Client().get("/health").status_code == 404
    assert Client().get("/no-such-page").status_code == 404


def test_a_wrong_role_reads_a_sentence(
    staff: Callable[..., User], sign_in: Callable[[Client, User], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    client = Client()
    sign_in(client, staff("clerk"))
    monkeypatch.setitem(ACCESS, "health", RESIDENT)
    response = client.get("/health")
    assert response.status_code == 403
    assert "权限" in response.content.decode()


def test_a_program_is_told_in_words_and_a_fragment_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ACCESS, "health", ANY)
    fragment = Client().get("/health", headers={"HX-Request": "true"})
    assert (fragment.status_code, fragment.headers["HX-Redirect"]) == (401, "/accounts/login/")
    with override_settings(ROOT_URLCONF=__name__):
        monkeypatch.setitem(ACCESS, "an_api", ANY)
        response = Client().get("/api/something")
        assert response.status_code == 401
        assert response.json()["text"]["zh"] == "请先登录。"


class TestCsrf:
    """A view that exempts itself (ninja's all do) still refuses a write that only a cookie speaks for."""

    @pytest.fixture(autouse=True)
    def api(self, monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
        settings.ROOT_URLCONF = __name__
        monkeypatch.setitem(ACCESS, "an_api", PUBLIC)

    def test_with_a_session_the_token_is_needed(self, resident: User, sign_in: Callable[[Client, User], None]) -> None:
        client = Client(enforce_csrf_checks=True)
        sign_in(client, resident)
        assert client.get("/api/something").status_code == 200
        assert client.post("/api/something").status_code == 403
        token = "a" * 32
        from django.conf import settings

        client.cookies[settings.CSRF_COOKIE_NAME] = token
        assert client.post("/api/something", headers={"X-CSRFToken": token}).status_code == 200

    def test_without_a_session_there_is_nothing_to_forge(self) -> None:
        assert Client(enforce_csrf_checks=True).post("/api/something").status_code == 200


def _view(request: HttpRequest) -> HttpResponse:
    return HttpResponse("reached")


_view.csrf_exempt = True  # type: ignore[attr-defined]
urlpatterns = [path("api/something", _view, name="an_api"), path("unnamed", _view)]


class TestChecks:
    @pytest.fixture(autouse=True)
    def other_addresses(self, settings: Any) -> None:
        settings.ROOT_URLCONF = __name__

    def test_name_what_is_missing_on_either_side(self) -> None:
        found = {(problem.id, problem.msg.split("”")[0].split("“")[-1]) for problem in checks.access_is_complete()}
        assert {("identity.E001", "unnamed"), ("identity.E002", "an_api"), ("identity.E003", "account_login")} <= found

    def test_name_an_unknown_role(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(ACCESS, "an_api", frozenset({"king"}))
        assert any(problem.id == "identity.E004" for problem in checks.access_is_complete())


class TestActor:
    def request(self, user: User) -> HttpRequest:
        request = HttpRequest()
        request.user = user
        return request

    def test_of_a_resident_has_the_person(self, resident: User) -> None:
        found = actor(self.request(resident))
        assert (found.kind, found.person, found.roles, found.agency) == ("resident", resident.person_id, RESIDENT, None)
        assert found.node == here()
        assert found.id == f"{here()}/someone"
        assert resident.person_id and found.is_person(resident.person_id, "pension_transfer")
        assert not found.serves("hrss", here())

    def test_of_staff_has_agency_and_role(self, staff: Callable[..., User]) -> None:
        found = actor(self.request(staff("clerk")))
        assert (found.kind, found.person, found.roles, found.agency) == ("staff", None, {"clerk"}, "hrss")
        assert found.serves("hrss", here())
        assert not found.serves("edu", here())
        assert not found.serves("hrss", "sichuan")

    def test_the_office_serves_no_agency(self, staff: Callable[..., User]) -> None:
        assert not actor(self.request(staff("office"))).serves("hrss", here())

    def test_staff_who_lost_their_job_have_no_role(self, staff: Callable[..., User]) -> None:
        user = staff("clerk")
        user.staff.delete()
        found = actor(self.request(User.objects.get(pk=user.pk)))
        assert found.roles == frozenset()
        assert answer("mfa_index", found, verified=True) == "forbidden"

    def test_the_node_itself(self) -> None:
        system = SYSTEM("sichuan")
        assert system.is_system
        assert system.id == "sichuan/system"
        assert not system.serves("hrss", "sichuan")


def test_public_pages_are_few() -> None:
    """A page that everyone may open shows nothing about anyone: think before adding one to this list."""
    assert {name for name, roles in ACCESS.items() if "public" in roles and ":" not in name} == {
        "health",
        "set_language",
        "account_login",
        "account_logout",
        "account_inactive",
        "mfa_authenticate",
    }
    assert ANY == RESIDENT | STAFF
    assert Actor(kind="resident", user="x", node="sichuan").roles == frozenset()
