"""What stands before the portal's pages: it reads requests whole, in time, up to a size, and passes on what WSGI promises."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from chuanyu.node import front


class Pages:
    """Instead of Django: keeps what it was asked and says it back."""

    def __init__(self) -> None:
        self.asked: list[tuple[dict[str, Any], bytes]] = []

    def __call__(self, environ: dict[str, Any], start: Callable[..., Any]) -> Any:
        body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
        self.asked.append((environ, body))
        start("200 OK", [("Content-Type", "text/plain"), ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")])
        return self

    def __iter__(self) -> Any:
        return iter((b"well ", b"read"))

    def close(self) -> None:
        self.asked.append(({}, b"closed"))


@pytest.fixture
def pages(monkeypatch: pytest.MonkeyPatch) -> Pages:
    made = Pages()
    monkeypatch.setattr(front, "pages", made)
    return made


def visit(*messages: dict[str, Any], headers: tuple[tuple[bytes, bytes], ...] = (), forever: bool = False) -> list[Any]:
    """One request made of these messages; returns what was sent back."""
    waiting, said = list(messages), []

    async def receive() -> dict[str, Any]:
        if not waiting:
            await asyncio.sleep(60 if forever else 0)
            return {"type": "http.disconnect"}
        return waiting.pop(0)

    async def send(message: dict[str, Any]) -> None:
        said.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/办事/",
        "query_string": b"q=%E5%B7%9D",
        "http_version": "1.1",
        "scheme": "http",
        "server": ("127.0.0.1", 8050),
        "client": ("203.0.113.7", 50000),
        "headers": headers,
    }
    with ThreadPoolExecutor(1) as own:  # the browser of other tests keeps a loop running in this thread
        own.submit(asyncio.run, front.application(scope, receive, send)).result()
    return said


def part(body: bytes, *, more: bool = False) -> dict[str, Any]:
    return {"type": "http.request", "body": body, "more_body": more}


def test_a_request_arrives_whole(pages: Pages) -> None:
    said = visit(
        part(b"one ", more=True),
        part(b"two"),
        headers=((b"content-type", b"text/plain"), (b"cookie", b"a=1"), (b"cookie", b"b=2"), (b"x-trace", b"t")),
    )
    assert [(said[0]["status"], said[1]["body"])] == [(200, b"well read")]
    assert [value for name, value in said[0]["headers"] if name == b"set-cookie"] == [b"a=1", b"b=2"]
    (environ, body), closed = pages.asked
    assert body == b"one two" and closed == ({}, b"closed")
    assert environ["PATH_INFO"].encode("latin-1").decode() == "/办事/"
    assert (environ["REMOTE_ADDR"], environ["HTTP_COOKIE"], environ["HTTP_X_TRACE"]) == ("203.0.113.7", "a=1; b=2", "t")
    assert (environ["CONTENT_TYPE"], environ["QUERY_STRING"]) == ("text/plain", "q=%E5%B7%9D")


def test_a_name_with_an_underscore_does_not_pass_for_another(pages: Pages) -> None:
    visit(part(b""), headers=((b"x_forwarded_for", b"127.0.0.1"), (b"content-length", b"9999")))
    assert "HTTP_X_FORWARDED_FOR" not in pages.asked[0][0]
    assert pages.asked[0][0]["CONTENT_LENGTH"] == "0"


def test_too_much_is_refused_unread(pages: Pages, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(front, "LIMIT", 10)
    said = visit(part(b"x" * 8, more=True), part(b"x" * 8, more=True), part(b"x"))
    assert said[0]["status"] == 413 and (b"connection", b"close") in said[0]["headers"] and not pages.asked


def test_too_slow_is_refused(pages: Pages, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(front, "READ_SECONDS", 0.05)
    said = visit(part(b"x", more=True), forever=True)
    assert said[0]["status"] == 408 and not pages.asked


def test_who_hangs_up_is_not_answered(pages: Pages) -> None:
    assert visit(part(b"x", more=True)) == [] and not pages.asked
