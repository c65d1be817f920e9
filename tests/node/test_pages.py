"""What every answer of the portal carries, and what a person reads when a page can't be shown."""

import gzip
import re
from datetime import date
from typing import Any

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory, override_settings
from django.urls import path

from chuanyu.node import errors
from chuanyu.node.urls import handler400, handler403, handler404, handler500, urlpatterns

__all__ = ["handler400", "handler403", "handler404", "handler500"]

pytestmark = pytest.mark.django_db


def broken(request: HttpRequest) -> HttpResponse:
    raise RuntimeError("a detail nobody outside should read")


urlpatterns = [path("language-of-nobody", broken, name="health"), *urlpatterns]


@pytest.mark.parametrize("address", ["/health", "/accounts/login/", "/nowhere"])
def test_every_answer_has_the_headers(client: Client, address: str) -> None:
    answer = client.get(address)
    assert answer["Content-Security-Policy"].startswith("default-src 'none'; script-src 'self'; style-src 'self'")
    assert answer["X-Frame-Options"] == "DENY"
    assert answer["Referrer-Policy"] == "same-origin"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert re.fullmatch("[0-9a-f]{16}", answer["X-Trace-Id"])


def test_no_page_has_inline_script_or_style(client: Client) -> None:
    for address in ("/accounts/login/", "/nowhere"):
        page = client.get(address).content.decode()
        assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son[a-z]+=", page), address


def test_cookies_are_named_for_the_node_and_kept_from_scripts(client: Client) -> None:
    cookies = client.get("/accounts/login/").cookies
    assert set(cookies) == {"chuanyu_chongqing_csrf"}
    cookie = cookies["chuanyu_chongqing_csrf"]
    assert cookie["httponly"] and cookie["samesite"] == "Lax"


def test_chinese_unless_chosen_otherwise(client: Client) -> None:
    assert client.get("/nowhere", headers={"Accept-Language": "en"})["Content-Language"] == "zh-hans"
    client.cookies["chuanyu_language"] = "en"
    assert client.get("/nowhere")["Content-Language"] == "en"
    client.cookies["chuanyu_language"] = "../../etc"
    assert client.get("/nowhere")["Content-Language"] == "zh-hans"


@pytest.mark.parametrize("status", [400, 403, 404, 500])
@pytest.mark.parametrize("language", ["zh-hans", "en"])
def test_error_pages_are_sentences_with_a_trace_id(status: int, language: str) -> None:
    from django.utils import translation

    request = RequestFactory().get("/x")
    request.trace = "0123456789abcdef"  # type: ignore[attr-defined]
    with translation.override(language):
        answer = errors.page(request, status)
    page = answer.content.decode()
    assert answer.status_code == status
    assert "0123456789abcdef" in page
    assert errors.TITLES[status].say(language) in page and errors.SENTENCES[status].say(language) in page


@override_settings(ROOT_URLCONF=__name__)
def test_a_broken_view_shows_no_traceback(client: Client) -> None:
    client.raise_request_exception = False
    answer = client.get("/language-of-nobody")
    page = answer.content.decode()
    assert answer.status_code == 500
    assert "Traceback" not in page and "nobody outside" not in page and "RuntimeError" not in page
    assert answer["X-Trace-Id"] in page


def test_errors_of_the_api_are_json(client: Client) -> None:
    answer = client.get("/api/nowhere")
    assert answer.status_code == 404
    said = answer.json()
    assert set(said["text"]) == {"zh", "en"} and said["trace"] == answer["X-Trace-Id"]


def test_a_form_without_its_token_says_so() -> None:
    strict = Client(enforce_csrf_checks=True)
    answer = strict.post("/accounts/login/", {"login": "x", "password": "y"})
    assert answer.status_code == 403 and "表单已经过期" in answer.content.decode()


def test_pages_for_someone_signed_in_are_not_kept(client: Client, sign_in: Any) -> None:
    from chuanyu.core.numbers import make_person_number
    from chuanyu.identity import actions, vault

    number = make_person_number("500000", date(1990, 1, 1), 1, "female")
    person = vault.enrol(number, name="测试")
    sign_in(client, actions.create_resident(username="someone", password="x", person=person))
    assert client.get("/accounts/2fa/")["Cache-Control"] == "no-store"


def test_pages_are_compressed_where_a_browser_takes_it(db: None) -> None:
    answer = Client().get("/services/", headers={"Accept-Encoding": "gzip"})
    assert answer.headers["Content-Encoding"] == "gzip"
    assert "全部事项" in gzip.decompress(answer.content).decode()
    assert "Accept-Encoding" in answer.headers["Vary"]
