"""One message to the peer and its answer: signed, logged before it leaves, verified, logged again.

The courier and the loopback door both send through here, so nothing leaves this node by another way.
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime

import aiohttp
import structlog
from prometheus_client import Histogram

from chuanyu.exchange import answers, log, signing
from chuanyu.exchange.answers import Answer
from chuanyu.exchange.appender import Appender, Rows
from chuanyu.exchange.envelope import Envelope
from chuanyu.exchange.log import Entry
from chuanyu.exchange.signing import SignatureError
from chuanyu.exchange.trust import METHOD, SKEW, Trust

LIMIT = 4 * 1024 * 1024  # bytes of a body, either way
PATIENCE, CONNECT_SECONDS = 15.0, 3.0  # for the peer's answer, and for reaching it at all
_SECONDS = Histogram("chuanyu_sent_seconds", "From signing a message to its verified answer")
_log = structlog.get_logger(__name__)


class NotReached(Exception):
    """Nobody answered, or the answer broke off. Nothing is known about what the peer did."""


class BadAnswer(Exception):
    """Something answered, but it is not the peer's answer to this message."""


class Wire:
    """Sends to the peer. `trust` gives the snapshot in force, None before the first compact."""

    def __init__(self, *, trust: Callable[[], Trust | None], appender: Appender) -> None:
        self._trust = trust
        self._appender = appender
        self._session: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        """Open the connections' pool."""
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=64, keepalive_timeout=30),
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
        )

    async def stop(self) -> None:
        """Close every connection."""
        if self._session:
            await self._session.close()

    async def send(self, envelope: Envelope, body: bytes, *, patience: float = PATIENCE) -> Answer:
        """Send `body`, which is `envelope` encoded, and return the peer's verified answer, receipt or refusal.

        Both rows are durable: the message's before it leaves, the answer's before this returns. Raises NotReached,
        BadAnswer, or appender.NotStored.
        """
        trust = self._trust()
        if trust is None:
            raise NotReached("this node has no compact yet")
        began = time.time()
        proof = signing.sign_request(
            trust.signer(began), method=METHOD, uri=trust.peer_uri, body=body, created=int(began)
        )
        await self._store(log.entry(log.SENT, at=_now(), peer=trust.peer, envelope=envelope, proof=proof))
        status, headers, content = await self._post(trust.peer_uri, body, proof, patience)
        try:
            answer, signed = _verified(trust, proof, status, headers, content)
        except (SignatureError, ValueError) as error:
            _log.warning("answer not verified", message=envelope.id, status=status, reason=str(error))
            code = "bad_answer"
            await self._store(
                log.entry(log.ANSWER_RECEIVED, at=_now(), peer=trust.peer, envelope=envelope, status=status, code=code)
            )
            raise BadAnswer(str(error)) from None
        await self._store(
            log.entry(
                log.ANSWER_RECEIVED,
                at=_now(),
                peer=trust.peer,
                envelope=envelope,
                proof=signed,
                status=status,
                code=answer.code,
            )
        )
        _SECONDS.observe(time.time() - began)
        return answer

    async def peer_is_up(self) -> bool:
        """Whether the peer's gateway answers at all. Unsigned and not logged: it is only asked while the link is down."""
        trust = self._trust()
        if trust is None or self._session is None:
            return False
        url = trust.compact.nodes[trust.peer].gateway.rstrip("/") + "/exchange/v1/health"
        try:
            async with self._session.get(
                url, timeout=aiohttp.ClientTimeout(total=5), allow_redirects=False
            ) as response:
                return response.status == 200
        except (aiohttp.ClientError, TimeoutError, OSError):
            return False

    async def _post(
        self, url: str, body: bytes, proof: signing.Proof, patience: float
    ) -> tuple[int, list[tuple[str, str]], bytes]:
        if self._session is None:
            raise NotReached("the gateway is stopping")
        headers = {"content-type": "application/json", "accept-encoding": "identity", **dict(proof.headers)}
        timeout = aiohttp.ClientTimeout(total=patience, sock_connect=CONNECT_SECONDS)
        try:
            async with self._session.post(
                url, data=body, headers=headers, timeout=timeout, allow_redirects=False
            ) as response:
                content = await response.content.read(LIMIT + 1)
                while not response.content.at_eof() and len(content) <= LIMIT:
                    content += await response.content.read(LIMIT + 1 - len(content))
                if len(content) > LIMIT:
                    response.close()
                return response.status, [(name.lower(), value) for name, value in response.headers.items()], content
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise NotReached(f"{type(error).__name__}: {error}".rstrip(": ")) from None

    async def _store(self, entry: Entry) -> None:
        await self._appender.store(lambda _first: Rows((entry,), None))


def _verified(
    trust: Trust, request: signing.Proof, status: int, headers: list[tuple[str, str]], content: bytes
) -> tuple[Answer, signing.Proof]:
    """Read and check an answer. Raises SignatureError or ValueError."""
    if len(content) > LIMIT:
        raise ValueError(f"the answer is larger than {LIMIT} bytes")
    proof = signing.read_response(headers, request=request)
    now = time.time()
    if abs(now - proof.created) > SKEW:
        raise ValueError(f"the answer was signed at {proof.created}, more than {SKEW} seconds away")
    key = trust.peer_key(proof.key_id, proof.created, now)
    if key is None:
        raise ValueError(f"the answer is signed with {proof.key_id}, which does not count under the compact")
    signing.verify_response(key, proof, status=status, body=content, method=METHOD, uri=trust.peer_uri, request=request)
    return answers.read(status, content), proof


def _now() -> datetime:
    return datetime.now(UTC)
