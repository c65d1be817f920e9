"""Carries the outbox to the peer: at least once, in order within a stream, many streams at a time.

A row leaves when it is the first unfinished one of its stream, waiting, not held and due. It is marked `sent` only after
the peer's verified receipt is logged, so whoever is killed in between sends it again, and the peer, who knows the id,
gives the same receipt. What the peer will never take becomes a dead letter and stops its stream until a person decides.

Is nobody there, the whole link rests: the peer's health is asked for now and then, and nothing is signed or logged
meanwhile. Does the peer say "not yet", only that stream rests.
"""

import asyncio
import contextlib
import random
import time
from collections.abc import Callable
from typing import Any

import msgspec
import structlog
from prometheus_client import Counter, Gauge

from chuanyu.exchange import envelope as envelopes
from chuanyu.exchange.answers import Answer
from chuanyu.exchange.errors import CompactError
from chuanyu.exchange.wire import BadAnswer, NotReached, Wire

STREAMS = 32  # carried at the same time, one message of each
POLL = 1.0  # seconds: what no notice told of, such as a pause that has ended
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0
LINK_LONGEST = 10.0  # between two looks whether the peer is back: they cost nothing

_DELIVERED = Counter("chuanyu_delivered", "Outbox messages by what became of a try", ["result"])
_UP = Gauge("chuanyu_link_up", "0 while the peer does not answer")
_log = structlog.get_logger(__name__)

# the first unfinished row of each stream, where that row may leave now
_DUE = """
SELECT id, stream, position, envelope, tries FROM (
  SELECT DISTINCT ON (stream) id, stream, position, envelope, tries, state, next_try
    FROM exchange_outbox
   WHERE state NOT IN ('sent', 'dropped') AND stream <> ALL ($1::text[])
   ORDER BY stream, position) AS head
 WHERE state = 'waiting' AND next_try <= now()
 ORDER BY next_try, id LIMIT $2
"""
_NEXT = """
SELECT id, stream, position, envelope, tries FROM (
  SELECT id, stream, position, envelope, tries, state, next_try
    FROM exchange_outbox
   WHERE state NOT IN ('sent', 'dropped') AND stream = $1
   ORDER BY position LIMIT 1) AS head
 WHERE state = 'waiting' AND next_try <= now()
"""
# only a waiting row: the peer's later "returned" may have overtaken its receipt, and a person may have dropped it
_SENT = """
UPDATE exchange_outbox SET state = 'sent', sent = now(), receipt = $2, last_error = NULL, answered = true, tries = tries + 1
 WHERE id = $1 AND state = 'waiting'
"""
_DEAD = """
UPDATE exchange_outbox SET state = 'dead', last_error = $2, answered = true, told = false, tries = tries + 1
 WHERE id = $1 AND state = 'waiting'
"""
_LATER = """
UPDATE exchange_outbox SET last_error = $2, tries = tries + 1, next_try = now() + make_interval(secs => $3)
 WHERE id = $1 AND state = 'waiting'
"""


def pause(tries: int, longest: float = LONGEST_PAUSE) -> float:
    """Seconds until the next try after `tries` failed ones: doubling, and spread so that streams do not march in step."""
    return min(FIRST_PAUSE * 2.0 ** min(tries, 30), longest) * random.uniform(0.5, 1.0)


class Courier:
    """Runs inside the gateway. `wake` when something was put into the outbox; `pool`: connections that may write."""

    def __init__(self, *, wire: Wire, pool: Any, ready: Callable[[], bool]) -> None:
        self._wire = wire
        self._pool = pool
        self._ready = ready  # whether there is a compact to send under
        self._news = asyncio.Event()
        self._streams: dict[str, asyncio.Task[None]] = {}
        self._task: asyncio.Task[None] | None = None
        self._down = False  # the peer did not answer; only its health is asked for until it does
        self._looks, self._looked = 0, 0.0  # at a peer that is away: how often, and when last (monotonic)

    def start(self) -> None:
        """Begin to carry."""
        _UP.set(1)  # until it is known better
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Stop at once. What was under way is sent again by the next courier."""
        tasks = [task for task in (self._task, *self._streams.values()) if task]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def wake(self) -> None:
        """Something may have become due."""
        self._news.set()

    @property
    def down(self) -> bool:
        """Nobody answered when last somebody was needed, and nobody has been seen there since."""
        return self._down

    def lost(self, why: str) -> None:
        """Nobody answered: the link rests, and is looked at until somebody does."""
        _UP.set(0)
        if not self._down:
            _log.warning("peer not reached; the outbox waits", reason=why)
            self._down, self._looks = True, 0
            self._news.set()

    async def _run(self) -> None:
        while True:
            try:
                await self._round()
            except Exception as error:  # the database is away: it comes back, and the outbox is in it
                _log.error("courier's round failed", exc_info=error)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(POLL):  # not wait_for: before Python 3.12 it can swallow a cancellation
                    await self._news.wait()
            self._news.clear()

    async def _round(self) -> None:
        if not self._ready() or (self._down and not await self._back()):
            return
        free = STREAMS - len(self._streams)
        if free <= 0:
            return
        async with self._pool.acquire() as connection:
            rows = await connection.fetch(_DUE, list(self._streams), free)
        for row in rows:
            task = asyncio.create_task(self._carry(row))
            self._streams[row["stream"]] = task
            task.add_done_callback(lambda _, stream=row["stream"]: self._left(stream))  # type: ignore[misc]

    def _left(self, stream: str) -> None:
        del self._streams[stream]
        self._news.set()  # a place is free, and this stream may have got a new row since it was last looked at

    async def _carry(self, row: Any) -> None:
        """Deliver this row and those after it in its stream, until one has to wait."""
        try:
            while row and not self._down:
                delivered = await self._deliver(row)
                if not delivered:
                    return
                async with self._pool.acquire() as connection:
                    row = await connection.fetchrow(_NEXT, row["stream"])
        except Exception as error:  # the database is away, or a row of ours does not decode: this stream rests
            _log.error("stream not carried", stream=row["stream"], exc_info=error)
            await asyncio.sleep(POLL)

    async def _deliver(self, row: Any) -> bool:
        """One try. True when the row is finished and the next one of its stream may go."""
        body = bytes(row["envelope"])
        envelope = envelopes.decode(body)
        try:
            answer = await self._wire.send(envelope, body)
        except NotReached as error:
            # short: it is the link that rests. Yet a stream that alone gets no answer must not keep the others waiting
            wait = pause(row["tries"], LINK_LONGEST)
            await self._settle(_LATER, row, _json({"error": "unreachable", "detail": str(error)}), wait)
            _DELIVERED.labels("unreachable").inc()
            self.lost(str(error))
            return False
        except (BadAnswer, CompactError) as error:
            _DELIVERED.labels("bad_answer").inc()
            await self._settle(_LATER, row, _json({"error": "bad_answer", "detail": str(error)}), pause(row["tries"]))
            return False
        _UP.set(1)
        if answer.status == 200:
            return await self._sent(row, answer)
        await self._refused(row, answer)
        return False

    async def _sent(self, row: Any, answer: Answer) -> bool:
        _DELIVERED.labels("sent").inc()
        await self._settle(_SENT, row, _json(answer.body))
        return True

    async def _refused(self, row: Any, answer: Answer) -> None:
        said = _json({**answer.body, "status": answer.status})
        if not answer.final:
            _DELIVERED.labels("later").inc()
            await self._settle(_LATER, row, said, pause(row["tries"]))
            return
        _DELIVERED.labels("dead").inc()
        _log.warning("message refused by the peer", message=str(row["id"]), code=answer.code, stream=row["stream"])
        await self._settle(_DEAD, row, said)
        async with self._pool.acquire() as connection:
            await connection.execute("SELECT pg_notify('chuanyu_inbox', '')")  # the worker tells the sender

    async def _settle(self, statement: str, row: Any, *values: Any) -> None:
        async with self._pool.acquire() as connection:
            await connection.execute(statement, row["id"], *values)

    async def _back(self) -> bool:
        """Whether a peer that was away answers again; looks at once, then only as often as the pauses allow."""
        if self._looks and time.monotonic() < self._looked + pause(self._looks, LINK_LONGEST):
            return False
        self._down = not await self._wire.peer_is_up()
        self._looks, self._looked = self._looks + 1, time.monotonic()
        if not self._down:
            _log.warning("peer is back")
        return not self._down


def _json(content: Any) -> str:
    return msgspec.json.encode(content).decode()
