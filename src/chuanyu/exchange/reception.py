"""What happens to a message from the peer, from its bytes to its signed answer.

The order is the promise: size, clock, key, digest, signature, envelope, addressee, the compact, the
subject; only then a person is looked up or anything is taken in. The same id gets the same answer. Whatever the outcome, the
message and its answer are two rows of the log, stored in the same commit as the inbox row and the remembered answer,
and the answer leaves after that commit.
"""

import asyncio
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import asyncpg
import structlog
from prometheus_client import Counter, Histogram

from chuanyu.core.numbers import NumberError, person_number
from chuanyu.core.text import Text
from chuanyu.exchange import answers, handlers, log, signing
from chuanyu.exchange import envelope as envelopes
from chuanyu.exchange.appender import Answered, Appender, Known, NotStored, Rows, Taken
from chuanyu.exchange.authorise import authorise
from chuanyu.exchange.envelope import BadEnvelope, BadJson, Envelope
from chuanyu.exchange.errors import CompactError, Refusal, SubjectError, no_answer, refusal
from chuanyu.exchange.signing import Proof, SignatureError
from chuanyu.exchange.trust import METHOD, SKEW, Trust
from chuanyu.exchange.wire import LIMIT

BUSY = 512  # messages in work at once; one more is told to come back
QUERY_SECONDS = 5.0  # a query that takes longer is given up
QUIET = 0.05  # "nothing to give" leaves only at multiples of this many seconds: its time says nothing about the reason

# the database is away, or its connection broke while it was held
_AWAY = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)
_ANSWER = "SELECT digest, status, body FROM exchange_answer WHERE id = $1"
_PERSON = "SELECT id FROM identity_person WHERE lookup = $1"
_RECEIVED = Counter("chuanyu_received", "Messages received, by how they were answered", ["answer"])
_SECONDS = Histogram("chuanyu_received_seconds", "From the whole message to its stored answer")
_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Reply:
    """What goes back over HTTP. `headers` are empty when nothing could be signed."""

    status: int
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()


@dataclass
class _Message:
    """One message as far as it has been understood."""

    trace: str
    trust: Trust
    began: float
    body: bytes | None  # None: too large, never read
    proof: Proof | None = None
    envelope: Envelope | None = None
    verified: bool = False  # the peer did sign this: only then an answer is remembered
    arrived: datetime = field(default_factory=lambda: datetime.now(UTC))


@dataclass(frozen=True)
class _Outcome:
    """How a message is answered. `body` None: a receipt, made when its index is known."""

    status: int
    body: bytes | None
    code: str = ""
    remember: bool = False
    take: bool = False


class _Refused(Exception):
    def __init__(self, refused: Refusal, *, remember: bool = True) -> None:
        super().__init__(refused.code)
        self.refusal = refused
        self.remember = remember


class Reception:
    """Answers the peer's messages. `pool`: read-only connections; `trust` gives the snapshot in force.

    `lookup` turns a number into the vault's blind index of it.
    """

    def __init__(
        self, *, trust: Callable[[], Trust | None], appender: Appender, pool: Any, lookup: Callable[[str], bytes]
    ) -> None:
        self._trust = trust
        self._appender = appender
        self._pool = pool
        self._lookup = lookup
        self._working = 0
        self._under_way: dict[str, asyncio.Event] = {}  # message ids being answered now

    async def receive(self, headers: list[tuple[str, str]], body: bytes | None, *, trace: str) -> Reply:
        """The reply to one HTTP message; `body` is None when it was too large to be read. Never raises."""
        began = time.time()
        trust = self._trust()
        if trust is None:
            return self._unsigned(trace, "no compact is installed")
        message = _Message(trace, trust, began, body)
        if self._working >= BUSY:
            return self._unlogged(message, refusal("busy"))
        self._working += 1
        try:
            reply = await self._answer(message, headers)
        except (NotStored, *_AWAY) as error:
            _log.error("message not stored", trace=trace, exc_info=error)
            return self._unlogged(message, refusal("busy"))
        except Exception as error:
            return await self._failed(message, error)
        finally:
            self._working -= 1
        _SECONDS.observe(time.time() - began)
        return reply

    async def _answer(self, message: _Message, headers: list[tuple[str, str]]) -> Reply:
        try:
            self._read(message, headers)
            envelope = message.envelope
            assert envelope is not None
            if envelope.dry_run:
                outcome = _Outcome(200, answers.granted(_granted(message.trust, envelope)))
            else:
                return await self._once(message, envelope)
        except _Refused as refused:
            # said again by anyone who reads the same bytes, so there is no need to remember it
            outcome = replace(_refused(message, refused), remember=False)
        return await self._store(message, outcome)

    def _read(self, message: _Message, headers: list[tuple[str, str]]) -> None:
        """Everything that can be said without the database: signature, clock, format, addressee."""
        trust = message.trust
        try:
            proof = message.proof = signing.read_request(headers)
            if message.body is None:
                raise _Refused(refusal("too_large", line=f"{LIMIT} bytes"), remember=False)
            if abs(message.began - proof.created) > SKEW:
                raise _Refused(_stale(f"created={proof.created}", message.began), remember=False)
            key = trust.peer_key(proof.key_id, proof.created, message.began)
            if key is None:
                raise _Refused(refusal("unknown_key", line=f"keyid={proof.key_id}"), remember=False)
            signing.verify_request(key, proof, method=METHOD, uri=trust.uri, body=message.body)
        except SignatureError as error:
            if message.body is None:
                raise _Refused(refusal("too_large", line=f"{LIMIT} bytes"), remember=False) from None
            raise _Refused(refusal(error.code, error.text, line="signature"), remember=False) from None
        message.verified = True
        try:
            envelope = message.envelope = envelopes.decode(message.body)
        except BadJson as error:
            raise _Refused(refusal("bad_json", line=str(error))) from None
        except BadEnvelope as error:
            raise _Refused(refusal("bad_envelope", error.text, line=error.path)) from None
        if envelope.from_node != trust.peer:
            raise _Refused(_not_the_peers(envelope, trust))
        if envelope.to_node != trust.node:
            raise _Refused(refusal("not_for_us", line=f"to_agency: {envelope.to_agency}"))
        ahead = envelope.sent.timestamp() - message.began
        # a message may have waited days for the link, a question has not: whoever asked is long gone
        if ahead > SKEW or (ahead < -SKEW and envelope.action in handlers.queries):
            raise _Refused(_stale(f"sent: {envelope.sent.isoformat()}", message.began))

    async def _once(self, message: _Message, envelope: Envelope) -> Reply:
        """Answer an id once; whoever repeats it gets that answer again, signed for their own request.

        Nearly every message is new, so it is decided first, which changes nothing, and the commit itself finds out
        whether its id was answered before: one question to the database less. Only an answer that is not going to be
        remembered has to look.
        """
        while other := self._under_way.get(envelope.id):
            await other.wait()
        done = self._under_way[envelope.id] = asyncio.Event()
        try:
            outcome = await self._decide(message, envelope)
            if not outcome.remember:
                outcome = await self._remembered(message, envelope) or outcome
            try:
                return await self._store(message, outcome)
            except Known:
                again = await self._remembered(message, envelope)
                assert again is not None
                return await self._store(message, again)
        finally:
            del self._under_way[envelope.id]
            done.set()

    async def _remembered(self, message: _Message, envelope: Envelope) -> _Outcome | None:
        assert message.proof is not None
        async with self._pool.acquire() as connection:
            row = await connection.fetchrow(_ANSWER, UUID(envelope.id))
        if row is None:
            return None
        if row["digest"] != message.proof.digest_hex:
            return _refused(message, _Refused(refusal("id_reused", line=f"id: {envelope.id}"), remember=False))
        if not row["body"]:  # answered over an hour ago and forgotten since, see Gateway._forget
            return _refused(
                message, _Refused(_stale(f"sent: {envelope.sent.isoformat()}", message.began), remember=False)
            )
        code = answers.read(row["status"], row["body"]).code
        return _Outcome(row["status"], row["body"], code)

    async def _decide(self, message: _Message, envelope: Envelope) -> _Outcome:
        """By the compact, then by the subject; then take the message in, or answer the question. Changes nothing."""
        try:
            _granted(message.trust, envelope)
            number = _number(message.trust, envelope)
            if envelope.action in handlers.queries:
                return await self._query(message, envelope, number)
            if envelope.action not in handlers.messages:
                # the compact is ahead of this node's version: once it is brought up to date, the message is welcome
                raise _Refused(refusal("not_yet", line=f"action: {envelope.action}"))
        except _Refused as refused:
            return _refused(message, refused)
        return _Outcome(200, None, remember=True, take=True)

    async def _query(self, message: _Message, envelope: Envelope, number: str | None) -> _Outcome:
        """Run the registered handler. Every "no" of its own is the one same answer, at a time that tells nothing."""
        try:
            async with asyncio.timeout(QUERY_SECONDS), self._pool.acquire() as connection:
                person = await connection.fetchval(_PERSON, self._lookup(number)) if number is not None else None
                asked = handlers.Asked(connection, envelope, person, number, message.trust.stamp)
                try:
                    content = await handlers.queries[envelope.action](asked)
                except asyncpg.PostgresConnectionError:
                    raise
                except asyncpg.PostgresError as error:  # a mistake of the handler, not the database being away
                    raise RuntimeError(f"the query {envelope.action} failed") from error
        except handlers.Refused as reason:
            _log.info("nothing given", trace=message.trace, reason=reason.code, message=envelope.id, why=reason.text.en)
            elapsed = time.time() - message.began
            await asyncio.sleep(math.ceil(elapsed / QUIET) * QUIET - elapsed)
            return _refused(message, _Refused(no_answer()))
        except BadEnvelope as error:
            return _refused(message, _Refused(refusal("bad_envelope", error.text, line=error.path)))
        except TimeoutError:
            _log.error("query given up", trace=message.trace, action=envelope.action, seconds=QUERY_SECONDS)
            return _refused(message, _Refused(refusal("busy")))
        return _Outcome(200, answers.document(envelope.id, content), remember=True)

    async def _store(self, message: _Message, outcome: _Outcome) -> Reply:
        """Sign and log: the reply comes back when everything about the message is durable."""
        envelope, body = message.envelope, message.body
        remember = outcome.remember and message.verified and envelope is not None

        def rows(first: int) -> Rows[Reply]:
            content = outcome.body
            if content is None:
                assert envelope is not None
                content = answers.receipt(envelope.id, first)
            reply, proof = _sign(message, outcome.status, content)
            peer = message.trust.peer
            # what is not proven to be the peer's is logged as what it claimed, under no message of anybody
            received = log.entry(log.RECEIVED, at=message.arrived, peer=peer, envelope=envelope, proof=message.proof)
            answered = log.entry(
                log.ANSWER_SENT,
                at=datetime.now(UTC),
                peer=peer,
                envelope=envelope,
                proof=proof,
                status=outcome.status,
                code=outcome.code,
            )
            memory = taken = None
            if remember and envelope is not None and message.proof is not None:
                memory = Answered(envelope.id, message.proof.digest_hex, outcome.status, content)
            if outcome.take and envelope is not None and body is not None:
                taken = Taken(envelope.id, envelope.stream, body)
            return Rows((received, answered), reply, memory, taken)

        reply = await self._appender.store(rows)
        _RECEIVED.labels(outcome.code or "accepted").inc()
        return reply

    async def _failed(self, message: _Message, error: Exception) -> Reply:
        """Our own fault: the asker learns a trace, the log here keeps the rest."""
        _log.error("gateway failed", trace=message.trace, exc_info=error)
        trust = message.trust
        body = answers.failed("error", answers.FAILED, node=trust.node, trace=message.trace)
        try:
            return await self._store(message, _Outcome(500, body, "error"))
        except Exception as again:
            _log.error("failure not logged", trace=message.trace, exc_info=again)
            return Reply(500, body)

    def _unlogged(self, message: _Message, refused: Refusal) -> Reply:
        """A refusal while the log itself cannot take it. Not final, so nothing is lost by not remembering."""
        _RECEIVED.labels(refused.code).inc()
        body = answers.refused(refused, node=message.trust.node, trace=message.trace)
        try:
            return _sign(message, refused.status, body)[0]
        except CompactError:
            return Reply(refused.status, body)

    def _unsigned(self, trace: str, why: str) -> Reply:
        _log.warning("message refused unsigned", trace=trace, reason=why)
        return Reply(503, answers.refused(refusal("busy"), node="", trace=trace))


def _sign(message: _Message, status: int, body: bytes) -> tuple[Reply, Proof]:
    now, trust = time.time(), message.trust
    proof = signing.sign_response(
        trust.signer(now),
        status=status,
        body=body,
        method=METHOD,
        uri=trust.uri,
        request=message.proof,
        created=int(now),
    )
    return Reply(status, body, tuple(proof.headers)), proof


def _refused(message: _Message, refused: _Refused) -> _Outcome:
    one = refused.refusal
    _log.info(
        "message refused",
        trace=message.trace,
        code=one.code,
        line=one.line,
        message=message.envelope.id if message.envelope else "",
    )
    body = answers.refused(one, node=message.trust.node, trace=message.trace)
    return _Outcome(one.status, body, one.code, remember=refused.remember and one.final)


def _granted(trust: Trust, envelope: Envelope) -> str:
    decision = authorise(trust.compact, envelope)
    if isinstance(decision, Refusal):
        raise _Refused(decision, remember=not envelope.dry_run)
    return decision.grant


def _number(trust: Trust, envelope: Envelope) -> str | None:
    if envelope.subject is None:
        return None
    try:
        number = trust.sealer.open(envelope.subject, envelope.purpose)
        person_number(number)
    except (SubjectError, NumberError):
        raise _Refused(
            refusal("bad_subject", line="subject", would_allow=f"a subject sealed for {envelope.purpose}")
        ) from None
    return number


def _stale(line: str, now: float) -> Refusal:
    here = datetime.fromtimestamp(now, UTC).isoformat(timespec="seconds")
    return refusal(
        "stale_date",
        Text(
            f"时间与本节点（{here}）相差超过 {SKEW} 秒。", f"The time is more than {SKEW} seconds from ours ({here})."
        ),
        line=line,
        would_allow=f"a time within {SKEW} seconds",
    )


def _not_the_peers(envelope: Envelope, trust: Trust) -> Refusal:
    return refusal(
        "unknown_agency",
        Text(
            f"签名节点 {trust.peer} 不能代表 {envelope.from_agency}。",
            f"The node {trust.peer}, which signed, does not speak for {envelope.from_agency}.",
        ),
        line=f"from_agency: {envelope.from_agency}",
        would_allow=f"an agency of {trust.peer}",
    )
