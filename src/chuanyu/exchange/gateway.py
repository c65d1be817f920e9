"""The gateway: the only door between nodes, an ASGI program of its own (granian, uvloop, one worker).

    granian --interface asgi --loop uvloop --workers 1 chuanyu.exchange.gateway:app       with CHUANYU_NODE set

POST /exchange/v1/message   from the peer: messages and questions alike (`reception`)
GET  /exchange/v1/health    for supervisors and the peer's courier
POST /local/ask             from this node's own programs, loopback only, with the local token
GET  /metrics               loopback only

One worker, because it is the one writer of the log; Django answers everything else in other processes, so a flood here
does not stop the pages, nor the other way round.
"""

import asyncio
import contextlib
import gc
import hmac
import ipaddress
import secrets
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Protocol
from uuid import UUID

import asyncpg
import msgspec
import structlog
from prometheus_client import generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from chuanyu.core.ids import uuid7
from chuanyu.core.text import Text
from chuanyu.exchange import answers, signing, sm2, trust
from chuanyu.exchange import envelope as envelopes
from chuanyu.exchange.answers import Question
from chuanyu.exchange.appender import Appender, NotStored
from chuanyu.exchange.courier import Courier
from chuanyu.exchange.envelope import Envelope
from chuanyu.exchange.errors import CompactError
from chuanyu.exchange.reception import Reception, Reply
from chuanyu.exchange.trust import PATH, Trust
from chuanyu.exchange.wire import LIMIT, BadAnswer, NotReached, Wire

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

BODY_SECONDS = 30.0  # a body that trickles in more slowly is given up
QUESTION_SECONDS = 6.0  # for the peer's answer, which a person waits for; a little more than the peer gives itself
CHECK_SECONDS = 5.0  # how often the compact and the key files are looked at without a notice
FORGET_SECONDS = 600.0
_FORGET = """
UPDATE exchange_answer SET body = '' WHERE at < now() - interval '1 hour' AND substring(body, 1, 10) = '{"answers"'::bytea
"""
_QUESTION = msgspec.json.Decoder(Question)
_log = structlog.get_logger(__name__)


class Home(Protocol):
    """What the gateway needs of a node's place."""

    @property
    def node(self) -> str: ...
    @property
    def home(self) -> Path: ...
    @property
    def database_url(self) -> str: ...
    @property
    def local_token(self) -> str: ...


class Gateway:
    """One node's gateway: `start`, serve ASGI requests, `stop`. `lookup`: the vault's blind index of a number."""

    def __init__(self, place: Home, *, lookup: Callable[[str], bytes]) -> None:
        self._place = place
        self._lookup = lookup
        self._trust: Trust | None = None
        self._appender = Appender(place.database_url)
        self._wire = Wire(trust=lambda: self._trust, appender=self._appender)
        self._stack = contextlib.AsyncExitStack()
        self._tasks: list[asyncio.Task[None]] = []
        self._news = asyncio.Event()
        self._reader: Any = None
        self._writer: Any = None
        self._reception: Reception
        self._courier: Courier

    # --- life ---------------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Connect, load the compact and the keys, and begin to carry the outbox."""
        _log.info("signature suites", offered=signing.suites(), missing=sm2.problem())  # the known answer is tried here
        url = self._place.database_url
        try:
            await self._appender.start()
            self._stack.push_async_callback(self._appender.stop)
            # its few statements are the same for ever: planning one again costs several times what running it does
            self._reader = await self._pool(
                url, 8, default_transaction_read_only="on", plan_cache_mode="force_generic_plan"
            )
            self._writer = await self._pool(url, 4)
            await self._wire.start()
            self._stack.push_async_callback(self._wire.stop)
            self._reception = Reception(
                trust=lambda: self._trust, appender=self._appender, pool=self._reader, lookup=self._lookup
            )
            self._courier = Courier(wire=self._wire, pool=self._writer, ready=lambda: self._trust is not None)
            await self._reload()
        except BaseException:
            await self._stack.aclose()
            raise
        self._tasks = [asyncio.create_task(work()) for work in (self._listen, self._watch, self._forget)]
        self._courier.start()

    async def stop(self) -> None:
        """Stop carrying, commit what was handed in, disconnect."""
        await self._courier.stop()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._stack.aclose()

    async def _pool(self, url: str, size: int, **settings: str) -> Any:
        pool = await asyncpg.create_pool(
            url, min_size=2, max_size=size, timeout=10, command_timeout=30, server_settings=settings, reset=_as_it_is
        )
        self._stack.push_async_callback(pool.close)
        return pool

    async def _reload(self) -> None:
        async with self._reader.acquire() as connection:
            fresh = await trust.load(connection, node=self._place.node, home=self._place.home, known=self._trust)
        if fresh is not self._trust:
            self._trust = fresh
            _log.info("compact in force", version=fresh.compact.version if fresh else None)
            self._courier.wake()

    async def _watch(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(CHECK_SECONDS):
                    await self._news.wait()
            self._news.clear()
            try:
                await self._reload()
            except Exception as error:  # whatever it is, the next look may find it mended
                _log.error("compact not loaded; the last one stays in force", exc_info=error)

    async def _listen(self) -> None:
        """Hear of new outbox rows and compacts. Without the database the timers still look."""
        while True:
            try:
                connection = await asyncpg.connect(self._place.database_url, timeout=10)
                try:
                    await connection.add_listener("chuanyu_outbox", lambda *_: self._courier.wake())
                    await connection.add_listener("chuanyu_compact", lambda *_: self._news.set())
                    self._courier.wake()  # for what was said before anyone listened
                    self._news.set()
                    while not connection.is_closed():
                        await asyncio.sleep(1)
                finally:
                    await connection.close(timeout=2)
            except Exception as error:  # the database is away: it comes back
                _log.warning("not listening", reason=str(error))
            await asyncio.sleep(1)

    async def _forget(self) -> None:
        """Blank what questions were answered with, an hour after. Their ids and digests stay, so no id is used twice.

        The answers hold personal data and are of no more use: who repeats a question that old is refused as stale.
        """
        while True:
            try:
                async with self._writer.acquire() as connection:
                    await connection.execute(_FORGET, timeout=300)
            except Exception as error:
                _log.error("old answers not forgotten", exc_info=error)
            await asyncio.sleep(FORGET_SECONDS)

    # --- doors --------------------------------------------------------------------------------------------------------

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request."""
        try:
            await self._serve(scope, receive, send)
        except _Gone as gone:
            if gone.status:
                text = "报文传送太慢。", "The message came too slowly."
                await _send(send, _plain_refusal(gone.status, "too_slow", *text), close=True)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        path, method = scope["path"], scope["method"]
        if path == PATH and method == "POST":
            headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]]
            body = await _read(scope, receive)
            reply = await self._reception.receive(headers, body, trace=secrets.token_hex(16))
            await _send(send, reply, close=body is None)
        elif path == "/exchange/v1/health" and method == "GET":
            await _send(send, self._health())
        elif path == "/local/ask" and method == "POST" and _is_loopback(scope):
            await _send(send, await self._ask(scope, await _read(scope, receive)))
        elif path == "/metrics" and method == "GET" and _is_loopback(scope):
            await _send(send, Reply(200, generate_latest()), content_type=CONTENT_TYPE_LATEST)
        else:
            await _send(send, _plain_refusal(404, "not_found", "没有这个地址。", "There is nothing at this address."))

    def _health(self) -> Reply:
        compact = self._trust.compact.version if self._trust else None
        return Reply(
            200, msgspec.json.encode({"node": self._place.node, "compact": compact, "log": self._appender.size})
        )

    async def _ask(self, scope: Scope, body: bytes | None) -> Reply:
        """A question of our own: sealed already, signed here, answered by the peer."""
        given = dict(scope["headers"]).get(b"authorization", b"")
        if not hmac.compare_digest(given, b"Bearer " + self._place.local_token.encode()):
            return _plain_refusal(401, "bad_token", "本机口令不正确。", "The local token is wrong.")
        if body is None:
            return _plain_refusal(413, "too_large", "报文过大。", "The message is too large.")
        try:
            asked = _QUESTION.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            return _plain_refusal(
                400, "bad_envelope", f"问题不符合格式：{error}", f"The question is malformed: {error}"
            )
        envelope = Envelope(
            id=str(uuid7()),
            version=envelopes.VERSION,
            sent=envelopes.now(),
            **{name: getattr(asked, name) for name in Question.__struct_fields__},
        )
        trace = UUID(envelope.id).hex
        if self._courier.down:  # a person waits: not every one of them for the same silence
            return self._failed("unreachable", answers.UNREACHABLE, trace)
        try:
            answer = await self._wire.send(envelope, envelopes.encode(envelope), patience=QUESTION_SECONDS)
        except NotReached as error:
            self._courier.lost(str(error))
            _log.warning("peer not reached", trace=trace, reason=str(error))
            return self._failed("unreachable", answers.UNREACHABLE, trace)
        except BadAnswer:
            return self._failed("bad_answer", answers.BAD_ANSWER, trace)
        except (NotStored, CompactError) as error:
            _log.error("question not sent", trace=trace, exc_info=error)
            return self._failed("error", answers.FAILED, trace)
        return Reply(answer.status, msgspec.json.encode(answer.body))

    def _failed(self, code: str, text: Text, trace: str) -> Reply:
        return Reply(502, answers.failed(code, text, node=self._place.node, trace=trace))


async def _as_it_is(_connection: Any) -> None:
    """Instead of asyncpg's four RESET statements at every release: nobody here changes a session or leaves a lock."""


# --- HTTP -------------------------------------------------------------------------------------------------------------


class _Gone(Exception):
    """The sender hung up (0), or took longer than BODY_SECONDS over a body (408): there is no message to speak of."""

    def __init__(self, status: int) -> None:
        super().__init__()
        self.status = status


async def _read(scope: Scope, receive: Receive) -> bytes | None:
    """The whole body; None when it is larger than LIMIT, and then it is not read to its end. Raises _Gone."""
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit() and int(value) > LIMIT:
            return None
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(BODY_SECONDS):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise _Gone(0)
                part = message.get("body", b"")
                size += len(part)
                if size > LIMIT:
                    return None
                parts.append(part)
                if not message.get("more_body"):
                    return b"".join(parts)
    except TimeoutError:
        raise _Gone(408) from None


async def _send(send: Send, reply: Reply, *, content_type: str = "application/json", close: bool = False) -> None:
    headers = [(b"content-type", content_type.encode()), (b"content-length", str(len(reply.body)).encode())]
    if close:  # what is left of the body must not be taken for the next request
        headers.append((b"connection", b"close"))
    headers += [(name.encode(), value.encode()) for name, value in reply.headers]
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": reply.body})


def _is_loopback(scope: Scope) -> bool:
    """Whether this comes from the same machine, and not through a proxy on it."""
    client = scope.get("client")
    if not client or any(name in (b"forwarded", b"x-forwarded-for") for name, _ in scope["headers"]):
        return False
    try:
        return ipaddress.ip_address(client[0]).is_loopback
    except ValueError:
        return False


def _plain_refusal(status: int, code: str, zh: str, en: str) -> Reply:
    return Reply(status, answers.failed(code, Text(zh=zh, en=en), node="", trace=""))


def _of_this_node() -> Gateway:
    """The gateway of CHUANYU_NODE, once Django is ready and the capabilities have registered what they answer."""
    import os

    import django
    from django.conf import settings

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "chuanyu.node.settings")
    django.setup()
    from chuanyu.identity import vault  # it defines models, which only a ready Django allows

    return Gateway(settings.PLACE, lookup=vault.lookup)


_gateway: Gateway | None = None


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """The ASGI program of the node CHUANYU_NODE."""
    global _gateway
    if scope["type"] == "lifespan":
        await receive()  # startup
        try:
            _gateway = _of_this_node()
            await _gateway.start()
        except Exception as error:
            _log.error("gateway did not start", exc_info=error)
            await send({"type": "lifespan.startup.failed", "message": str(error)})
            return
        gc.collect()
        gc.freeze()  # Django's modules never become garbage: looking through them again is what a slow answer waits for
        await send({"type": "lifespan.startup.complete"})
        await receive()  # shutdown
        await _gateway.stop()
        await send({"type": "lifespan.shutdown.complete"})
    elif scope["type"] == "http" and _gateway is not None:
        try:
            await _gateway.serve(scope, receive, send)
        except Exception as error:  # never a traceback to the other side
            _log.error("request failed", path=scope["path"], exc_info=error)
            await _send(send, _plain_refusal(500, "error", answers.FAILED.zh, answers.FAILED.en))
