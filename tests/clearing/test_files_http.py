"""Files over HTTP: the door for agencies' systems, and the API for staff."""

import asyncio
import gzip
import shutil
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from depot import DAY, SERVICE, Depot, csv_of, tap

from chuanyu.clearing.door import token
from chuanyu.clearing.files import intake
from chuanyu.clearing.files.door import PREFIX, Door
from chuanyu.identity.roles import ACCESS, OFFICER, RESIDENT
from link import Link

SECRET = "secret"


@pytest.fixture
def depot(link: Link, monkeypatch: pytest.MonkeyPatch) -> Iterator[Depot]:
    monkeypatch.setenv("CHUANYU_TODAY", DAY)
    for own in link.nodes.places.values():
        shutil.rmtree(own.home / "uploads", ignore_errors=True)
    yield Depot(link)


def call(
    method: str, path: str, *, agency: str = "transport", parts: tuple[bytes, ...] = (b"",), **more: Any
) -> tuple[int, bytes]:
    """One request to the door of the node that acts, as its gateway would be asked."""
    given = more.get("token", token(SECRET, agency))
    path, _, query = path.partition("?")
    scope = {
        "type": "http", "method": method, "path": PREFIX + path, "query_string": query.encode(),
        "headers": [(b"authorization", f"Bearer {given}".encode())] if given else [],
    }  # fmt: skip
    waiting = [{"type": "http.request", "body": part, "more_body": n < len(parts) - 1} for n, part in enumerate(parts)]
    if more.get("hangs_up"):
        waiting[-1] = {"type": "http.disconnect"}
    said: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return waiting.pop(0)

    async def send(message: dict[str, Any]) -> None:
        said.append(message)

    asyncio.run(Door(secret=SECRET).serve(scope, receive, send))
    return said[0]["status"], b"".join(message.get("body", b"") for message in said[1:])


def test_a_system_uploads_asks_and_fetches_the_results(depot: Depot) -> None:
    body = csv_of([tap(1), tap(2, fare="-1")])
    parts = tuple(body[i : i + 7] for i in range(0, len(body), 7))
    with depot.at("sichuan"):
        status, said = call("POST", f"{SERVICE}?name=1%E8%B7%AF.csv", parts=parts)
        first = msgspec.json.decode(said)
        assert (status, first["state"], first["name"]) == (202, "reading", "1路.csv")
        again = call("POST", SERVICE, parts=(body,))
        assert (again[0], msgspec.json.decode(again[1])["id"]) == (200, first["id"])
    depot.work()
    with depot.at("sichuan"):
        status, said = call("GET", first["id"])
        found = msgspec.json.decode(said)
        assert (status, found["counted"], found["refused"], found["total"]) == (200, 1, 1, 180)
        assert found["notes"][0]["field"] == "fare" and found["notes"][0]["line"] == 3
        status, said = call("GET", f"{first['id']}/results")
        assert (status, len(said.splitlines())) == (200, 3)


@pytest.mark.parametrize(
    ("method", "path", "more", "status", "code"),
    [
        ("POST", SERVICE, {"token": ""}, 401, "bad_token"),
        ("POST", SERVICE, {"token": "transport.forged"}, 401, "bad_token"),
        ("POST", SERVICE, {"agency": "hrss"}, 403, "not_allowed"),
        ("POST", "pension_transfer", {}, 404, "not_found"),
        ("POST", "nothing", {}, 404, "not_found"),
        ("PUT", SERVICE, {}, 404, "not_found"),
        ("GET", "../../x", {}, 404, "not_found"),
        ("GET", "01a20000-0000-7000-8000-000000000000/results", {}, 404, "not_found"),
        ("POST", SERVICE, {"parts": (b"",)}, 422, "empty"),
        ("POST", SERVICE, {"parts": (b"a,b\n",)}, 422, "header"),
        ("POST", SERVICE, {"parts": (gzip.compress(b"x" * 1000)[:-9],)}, 422, None),
        ("POST", SERVICE, {"parts": (b"card,", b"x"), "hangs_up": True}, 400, "malformed"),
    ],
)
def test_what_is_refused_says_why_and_leaves_nothing(
    depot: Depot, method: str, path: str, more: dict[str, Any], status: int, code: str | None
) -> None:
    with depot.at("sichuan"):
        answered, body = call(method, path, **more)
        assert answered == status, body
        said = msgspec.json.decode(body)
        assert said["text"]["zh"] and said["text"]["en"]
        assert code is None or said["error"] == code
        uploads = intake.home() / "uploads"
        assert not uploads.exists() or not list(uploads.iterdir())


def test_more_than_the_limit_is_refused_while_it_still_comes(depot: Depot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "LIMIT", 10_000)
    with depot.at("sichuan"):
        status, body = call("POST", SERVICE, parts=(b"x" * 4096,) * 100)
        assert (status, msgspec.json.decode(body)["error"]) == (413, "too_large")
        assert not list((intake.home() / "uploads").iterdir())


def test_an_agency_sees_its_own_uploads_alone(depot: Depot) -> None:
    upload = depot.upload("sichuan", [tap(1)])
    with depot.at("sichuan"):
        assert call("GET", str(upload.pk), agency="hrss")[0] == 404
        assert call("GET", f"{upload.pk}/results", agency="hrss")[0] == 404


def test_only_officers_decide_and_residents_see_nothing() -> None:
    names = ("api:files", "api:file_upload", "api:file", "api:file_results", "api:held", "api:held_decide")
    assert not any(ACCESS[name] & RESIDENT for name in names)
    assert ACCESS["api:held_decide"] == OFFICER


def test_staff_upload_see_and_fetch_by_session(depot: Depot, client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Through Django's own addresses: the middleware's answer is tested elsewhere, so here it is who we say."""
    from chuanyu.clearing.files import api

    monkeypatch.setattr("chuanyu.identity.access.answer", lambda *a, **k: "allow")
    monkeypatch.setattr(api, "actor", lambda request: depot.clerk("chongqing", "officer"))
    body = csv_of(
        [
            tap(1, operator="chongqing", issuer="sichuan"),
            tap(2, operator="chongqing", issuer="sichuan", day="2025-06-01"),
        ]
    )
    base = "/api/clearing"
    made = client.post(f"{base}/files/{SERVICE}?name=a.csv", body, content_type="text/csv")
    assert (made.status_code, client.post(f"{base}/files/{SERVICE}", body, content_type="text/csv").status_code) == (
        202,
        200,
    )
    id_ = made.json()["id"]
    depot.work()
    assert client.get(f"{base}/files/{id_}").json()["held"] == 1
    assert [each["id"] for each in client.get(f"{base}/files").json()] == [id_]
    lines = b"".join(client.get(f"{base}/files/{id_}/results").streaming_content).decode()
    assert "counted" in lines and "held" in lines
    (held,) = client.get(f"{base}/held/{SERVICE}").json()
    decision = {"rows": [held["id"]], "release": True, "reason": "查过"}
    done = client.post(f"{base}/held/{SERVICE}/decide", decision, content_type="application/json")
    assert done.json() == {"released": 1, "total": 180}
    again = client.post(f"{base}/held/{SERVICE}/decide", decision, content_type="application/json")
    assert (again.status_code, again.json()["error"]) == (409, "not_held")
    header = client.post(f"{base}/files/{SERVICE}", b"a,b\n1,2\n", content_type="text/csv")
    assert header.status_code == 422 and header.json()["fields"][0]["path"] == "a"
