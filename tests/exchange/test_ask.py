"""A question through our own gateway's loopback door: what the person who asked gets to know."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import SimpleNamespace
from typing import Any

import pytest

from chuanyu.exchange import actions
from chuanyu.exchange.actions import NotGranted
from chuanyu.exchange.errors import AskRefused, Unreachable
from link import Link

REAL_DOOR = actions.at_the_door


def ask(**change: Any) -> dict[str, Any]:
    parts: dict[str, Any] = {
        "to_agency": "sichuan/portal",
        "from_agency": "chongqing/portal",
        "service": "own_data",
        "action": "own_data",
        "person": None,
        "purpose": "own_data",
        "basis": ["pipl-45"],
        "document": {},
    }
    return actions.ask(**(parts | change))


class Door:
    """A stand-in gateway: answers everything with `status` and `body`, and keeps what it was asked."""

    def __init__(self) -> None:
        self.status, self.body = 200, b'{"answers": "x", "document": {"n": 1}}'
        self.headers: list[Any] = []
        self.asked: list[Any] = []


@pytest.fixture
def door(link: Link, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Door]:
    made = Door()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            made.headers.append((self.path, self.headers["authorization"]))
            made.asked.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(made.status)
            self.send_header("content-length", str(len(made.body)))
            self.end_headers()
            self.wfile.write(made.body)

        def log_message(self, *args: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    monkeypatch.setattr(actions, "at_the_door", REAL_DOOR)
    settings.PLACE = SimpleNamespace(
        node="chongqing",
        home=settings.PLACE.home,
        door_url=f"http://127.0.0.1:{server.server_port}",
        local_token="secret",
    )
    yield made
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_question_goes_out_with_the_token_and_its_document_comes_back(door: Door) -> None:
    assert ask(document={"since": "2026-01-01"}) == {"n": 1}
    assert door.headers == [("/local/ask", "Bearer secret")]
    asked = door.asked[0]
    assert asked["document"] == {"since": "2026-01-01"} and asked["basis"] == ["pipl-45"]
    assert "id" not in asked and "sent" not in asked  # the gateway gives both


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (502, b'{"refused": "unreachable", "text": {"zh": "x", "en": "x"}}'),
        (502, b'{"refused": "bad_answer"}'),
        (503, b'{"refused": "busy"}'),
        (500, b"<html>"),
        (401, b"{}"),
    ],
)
def test_no_answer_in_time_is_unreachable(door: Door, status: int, body: bytes) -> None:
    door.status, door.body = status, body
    with pytest.raises(Unreachable) as caught:
        ask()
    assert caught.value.text.zh and caught.value.text.en


def test_a_refusal_keeps_its_code_and_sentence(door: Door) -> None:
    door.status, door.body = 404, json.dumps({"refused": "no_answer", "text": {"zh": "没有", "en": "Nothing"}}).encode()
    with pytest.raises(AskRefused) as caught:
        ask()
    assert (caught.value.code, caught.value.text.zh) == ("no_answer", "没有")


def test_a_gateway_that_is_down_is_unreachable(door: Door, settings: Any) -> None:
    settings.PLACE.door_url = "http://127.0.0.1:1"
    with pytest.raises(Unreachable):
        ask()


def test_what_is_not_granted_is_not_asked(door: Door) -> None:
    with pytest.raises(NotGranted, match="unknown_service"):
        ask(service="alchemy")
    with pytest.raises(NotGranted, match="not_granted"):
        ask(fields=["account_record"])
    assert not door.asked
