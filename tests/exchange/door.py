"""Chongqing's gateway in this process, and Sichuan's keys to knock with."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import msgspec

from chuanyu.core.ids import uuid7
from chuanyu.exchange import envelope as envelopes
from chuanyu.exchange import installed, keys, signing
from chuanyu.exchange.envelope import Envelope
from chuanyu.exchange.gateway import Gateway
from chuanyu.exchange.log import from_row, verify
from chuanyu.exchange.models import Answer, Inbox, Log
from chuanyu.exchange.trust import METHOD, PATH, uri
from chuanyu.identity import vault

US, THEM = "chongqing", "sichuan"
NUMBER = "500000198506150044"


def envelope(**change: Any) -> Envelope:
    """A case message the real compact grants Sichuan, with some parts changed."""
    parts: dict[str, Any] = {
        "id": str(uuid7()),
        "from_agency": "sichuan/hrss",
        "to_agency": "chongqing/hrss",
        "service": "pension_transfer",
        "action": "case.events",
        "purpose": "pension_transfer",
        "basis": ("gbf-2009-66",),
        "sent": envelopes.now(),
        "fields": ("application",),
        "stream": "case-1",
        "document": {"n": 1},
    }
    return Envelope(**(parts | change))


def question(**change: Any) -> Envelope:
    """A question the real compact grants Sichuan's portal."""
    parts: dict[str, Any] = {
        "from_agency": "sichuan/portal",
        "to_agency": "chongqing/portal",
        "service": "own_data",
        "action": "own_data",
        "purpose": "own_data",
        "basis": ("pipl-45",),
        "fields": (),
        "stream": "",
        "document": {},
    }
    return envelope(**(parts | change))


@dataclass
class Knock:
    """One HTTP request as the gateway sees it. `parts`: the body as it arrives."""

    headers: list[tuple[str, str]]
    parts: list[bytes]
    path: str = PATH
    method: str = METHOD
    client: str = "127.0.0.1"
    read: int = 0  # how many parts were taken
    pause: float = 0.0  # seconds before each part


@dataclass
class Heard:
    """The response."""

    status: int
    headers: list[tuple[str, str]]
    raw: bytes

    @property
    def body(self) -> dict[str, Any]:
        return msgspec.json.decode(self.raw, type=dict[str, Any])


@dataclass
class Door:
    """`nodes`: the two test nodes. Everything happens with the real compact, keys, databases and log."""

    nodes: Any
    heard: list[Heard] = field(default_factory=list)

    def __post_init__(self) -> None:
        with self.nodes.at(US):
            self.compact = installed.current()
        self.keys = keys.load(self.nodes.places[THEM].home, THEM)
        self.uri = uri(self.compact, US)

    @property
    def key(self) -> signing.Key:
        """Sichuan's signing key."""
        return self.keys.signer(self.compact)

    def seal(self, purpose: str, number: str = NUMBER) -> str:
        """A subject as Sichuan seals it for Chongqing."""
        with self.nodes.at(THEM):
            return installed.sealer(self.compact).seal(number, purpose)

    def signed(
        self, body: bytes | Envelope, *, key: signing.Key | None = None, created: float | None = None, uri: str = ""
    ) -> Knock:
        """A message as Sichuan sends it, or nearly."""
        content = envelopes.encode(body) if isinstance(body, Envelope) else body
        proof = signing.sign_request(
            key or self.key, method=METHOD, uri=uri or self.uri, body=content, created=int(created or time.time())
        )
        return Knock([("content-type", "application/json"), *proof.headers], [content])

    def knock(self, *knocks: Knock | bytes | Envelope) -> list[Heard]:
        """Start the gateway, let all these knock at the same time, stop it."""
        ready = [one if isinstance(one, Knock) else self.signed(one) for one in knocks]

        async def visit(gateway: Gateway) -> list[Heard]:
            return list(await asyncio.gather(*(hear(gateway, one) for one in ready)))

        return self.run(visit)

    def run(self, visit: Callable[[Gateway], Awaitable[Any]]) -> Any:
        """Run `visit` with Chongqing's gateway started."""

        async def scene() -> Any:
            gateway = Gateway(self.nodes.places[US], lookup=vault.lookup)
            await gateway.start()
            try:
                return await visit(gateway)
            finally:
                await gateway.stop()

        with self.nodes.at(US):
            return asyncio.run(scene())

    def check(self, knock: Knock, heard: Heard) -> None:
        """The response is Chongqing's own answer to exactly this request."""
        try:
            request: signing.Proof | None = signing.read_request(knock.headers)
        except signing.SignatureError:
            request = None
        proof = signing.read_response(heard.headers, request=request)
        listed = self.compact.signing_key(US, proof.key_id)
        assert listed is not None
        signing.verify_response(
            signing.load_public(listed.id, listed.suite, listed.point),
            proof,
            status=heard.status,
            body=heard.raw,
            method=METHOD,
            uri=self.uri,
            request=request,
        )

    def rows(self) -> list[Log]:
        """Chongqing's log, verified whole."""
        with self.nodes.at(US):
            rows = list(Log.objects.order_by("idx"))
            verify([vars(row) for row in rows], None, now=envelopes.now())
            assert [row.idx for row in rows] == list(range(len(rows)))
            assert all(from_row(vars(row)).leaf == bytes(row.leaf) for row in rows)
            return rows

    def inbox(self) -> list[Inbox]:
        with self.nodes.at(US):
            return list(Inbox.objects.order_by("received", "id"))

    def answers(self) -> list[Answer]:
        with self.nodes.at(US):
            return list(Answer.objects.all())


async def hear(gateway: Gateway, knock: Knock) -> Any:
    """One request through the gateway's ASGI side: what was Heard, None when there was no answer."""
    parts = iter(knock.parts)
    last = len(knock.parts)
    said: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        await asyncio.sleep(knock.pause)
        part = next(parts, None)
        if part is None:
            return {"type": "http.disconnect"}
        knock.read += 1
        return {"type": "http.request", "body": part, "more_body": knock.read < last}

    async def send(message: dict[str, Any]) -> None:
        said.append(message)

    scope = {
        "type": "http",
        "method": knock.method,
        "path": knock.path,
        "headers": [(name.encode("latin-1"), value.encode("latin-1")) for name, value in knock.headers],
        "client": (knock.client, 50000),
    }
    await gateway.serve(scope, receive, send)
    if not said:
        return None
    start, body = said
    headers = [(name.decode(), value.decode()) for name, value in start["headers"]]
    return Heard(start["status"], headers, body["body"])


def without(body: dict[str, Any], *names: str) -> dict[str, Any]:
    """A body less what may differ."""
    return {name: value for name, value in body.items() if name not in names}


def no_more_than(seconds: float) -> contextlib.AbstractAsyncContextManager[Any]:
    """A test that hangs fails."""
    return asyncio.timeout(seconds)


def tamper(text: str, at: int = -10) -> str:
    """One character changed."""
    old = text[at]
    return text[:at] + ("A" if old != "A" else "B") + text[at + 1 :]


def replaced(headers: Iterable[tuple[str, str]], **change: str) -> list[tuple[str, str]]:
    """Headers with some values changed ("content_digest" for content-digest); "" leaves one out."""
    names = {name.replace("_", "-"): value for name, value in change.items()}
    return [(name, names.get(name, value)) for name, value in headers if names.get(name, value)]
