"""Requests that come while a batch is being posted become the next batch: one commit for hundreds, and nobody waits for a timer.

One collector per process, for asyncio. The first request of a book posts at once and alone; what arrives meanwhile is
posted together as soon as it is done, and so on until nothing is left. A lone request thus waits for nothing but its own
posting. For a crowd the collector takes the poster's lock, so that one poster works on a book; a lone transfer does without,
as the locks on its two accounts are enough for it to be right.
"""

import asyncio
from collections import deque
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg
import msgspec
import structlog

BATCH = 500
TOGETHER, KEPT = 16, 4  # connections at most, and how many stay open when nobody needs them
MOST = 10_000  # transfers waiting in one book; more are turned away at once rather than late
RETRY = (asyncpg.UniqueViolationError, asyncpg.DeadlockDetectedError, asyncpg.SerializationError)

# LOCK and UNLOCK are statements of their own, and so is the posting: that is how Citus can send it to the book's shard
_LOCK = "SELECT pg_advisory_lock(hashtext('chuanyu.poster'), hashtext($1))"
_UNLOCK = "SELECT pg_advisory_unlock(hashtext('chuanyu.poster'), hashtext($1))"
_POST = "SELECT ledger.post($1, 0, $2, $3, $4, $5, $6, $7, $8, $9)"

log = structlog.get_logger("chuanyu.clearing")


class Busy(Exception):
    """Too many transfers wait already, or the database is away: nothing is known about this one; send it again."""


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One transfer, its accounts by their numbers in the book."""

    id: UUID
    debit: int
    credit: int
    amount: int
    code: str
    kind: int = 0
    origin: UUID | None = None
    expires: datetime | None = None


Waiting = tuple[Row, "asyncio.Future[int]"]


class Collector:
    """`post` a row and get its status. `connect` gives a connection of one's own."""

    def __init__(self, connect: Any) -> None:
        self._connect = connect
        self._queues: dict[tuple[int, str], deque[Waiting]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self.batches = 0
        self.posted = 0

    async def post(self, number: int, book: str, row: Row) -> int:
        """The ledger's status for one transfer. Raises Busy."""
        queue = self._queues.get((number, book))
        if queue is None:
            queue = self._queues[number, book] = deque()
            task = asyncio.create_task(self._run(number, book, queue))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        elif len(queue) >= MOST:
            raise Busy
        future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        queue.append((row, future))
        return await future

    async def _run(self, number: int, book: str, queue: deque[Waiting]) -> None:
        """Post until the queue is empty. Whatever goes wrong, nobody who waits is forgotten."""
        batch: list[Waiting] = []
        try:
            connection = await self._connect()
            locked = False
            try:
                while queue:
                    if len(queue) > 1 and not locked:
                        await connection.execute(_LOCK, book)
                        locked = True
                    batch = _take(queue)
                    await self._settle(connection, number, batch)
                    batch = []
            finally:
                del self._queues[number, book]  # before anything else is awaited: who comes now starts anew
                await self._release(connection, book, locked=locked)
        except Exception as error:
            log.warning("a batch was not posted", book=book, reason=str(error))
            self._queues.pop((number, book), None)
            for _, future in (*batch, *queue):
                if not future.done():
                    future.set_exception(Busy())

    async def _release(self, connection: Any, book: str, *, locked: bool) -> None:
        try:
            if locked:
                await connection.execute(_UNLOCK, book)
        except Exception:
            await connection.close()
        finally:
            await self._connect.give_back(connection)

    async def _settle(self, connection: Any, number: int, batch: list[Waiting]) -> None:
        """Post a batch and tell everyone. One that collides with another poster's is split until it does not."""
        rows = [row for row, _ in batch]
        try:
            statuses = await connection.fetchval(
                _POST,
                number,
                [r.id for r in rows],
                [r.debit for r in rows],
                [r.credit for r in rows],
                [r.amount for r in rows],
                [r.code for r in rows],
                [r.kind for r in rows],
                [r.origin for r in rows],
                [r.expires for r in rows],
            )
        except RETRY:
            if len(batch) == 1:
                raise
            half = len(batch) // 2
            await self._settle(connection, number, batch[:half])
            await self._settle(connection, number, batch[half:])
            return
        self.batches += 1
        self.posted += len(batch)
        for (_, future), status in zip(batch, statuses, strict=True):
            if not future.done():  # its client may have hung up
                future.set_result(status)


def _take(queue: deque[Waiting]) -> list[Waiting]:
    """The next batch. An id that is in it already stays for the one after, where it gets the first one's answer."""
    taken: list[Waiting] = []
    seen: set[UUID] = set()
    later: list[Waiting] = []
    while queue and len(taken) < BATCH:
        one = queue.popleft()
        (later if one[0].id in seen else taken).append(one)
        seen.add(one[0].id)
    queue.extendleft(reversed(later))
    return taken


class Connections:
    """A few connections for everybody: called, it gives one as soon as there is one; `give_back` keeps it for the next."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._idle: list[Any] = []
        self._room = asyncio.Semaphore(TOGETHER)

    async def __call__(self) -> Any:
        await self._room.acquire()
        try:
            while self._idle:
                connection = self._idle.pop()
                if not connection.is_closed():
                    return connection
            return await asyncpg.connect(self._url, timeout=10, command_timeout=60)
        except BaseException:
            self._room.release()
            raise

    async def give_back(self, connection: Any) -> None:
        """Keep it, or close it when there are enough and nobody waits. One that was closed is given back too."""
        try:
            if self._room.locked() or len(self._idle) < KEPT:
                self._idle.append(connection)
            else:
                await connection.close()
        finally:
            self._room.release()
