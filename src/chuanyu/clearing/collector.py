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
# what one row can bring upon a whole batch: it can't be sent, or is out of the range of its column
UNFIT = (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError, ValueError, OverflowError)
RETRY = (asyncpg.UniqueViolationError, asyncpg.DeadlockDetectedError, asyncpg.SerializationError)

# LOCK and UNLOCK are statements of their own, and so is the posting: that is how Citus can send it to the book's shard
_LOCK = "SELECT pg_advisory_lock(hashtext('chuanyu.poster'), hashtext($1))"
_UNLOCK = "SELECT pg_advisory_unlock(hashtext('chuanyu.poster'), hashtext($1))"
_POST = "SELECT ledger.post($1, 0, $2, $3, $4, $5, $6, $7, $8, $9, $10)"

log = structlog.get_logger("chuanyu.clearing")


class Busy(Exception):
    """Too many transfers wait already, or the database is away: nothing is known about this one; send it again."""


class Unfit(Exception):
    """The database can't take this one as it is: nothing was posted, and sending it again changes nothing."""


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


# rows that are posted all or none (mostly one alone), and who waits for their statuses
Waiting = tuple[tuple[Row, ...], "asyncio.Future[list[int]]"]


class Collector:
    """`post` a row, or a chain of them, and get its status. `connect` gives a connection of one's own."""

    def __init__(self, connect: Any) -> None:
        self._connect = connect
        self._queues: dict[tuple[int, str], deque[Waiting]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self.batches = 0
        self.posted = 0

    async def post(self, number: int, book: str, row: Row) -> int:
        """The ledger's status for one transfer. Raises Busy, Unfit."""
        (status,) = await self.chain(number, book, (row,))
        return status

    async def chain(self, number: int, book: str, rows: tuple[Row, ...]) -> list[int]:
        """The statuses of up to BATCH transfers that are posted all or none, each id once. Raises Busy, Unfit."""
        queue = self._queues.get((number, book))
        if queue is None:
            queue = self._queues[number, book] = deque()
            task = asyncio.create_task(self._run(number, book, queue))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        elif len(queue) >= MOST:
            raise Busy
        future: asyncio.Future[list[int]] = asyncio.get_running_loop().create_future()
        queue.append((rows, future))
        return await future

    async def _run(self, number: int, book: str, queue: deque[Waiting]) -> None:
        """Post until the queue is empty. Whatever goes wrong, nobody who waits is forgotten, and the connection is given back."""
        connection, locked = None, False
        batch: list[Waiting] = []
        try:
            connection = await self._connect()
            while queue:
                if len(queue) > 1 and not locked:
                    locked = True  # perhaps: it is unlocked in any case
                    await connection.execute(_LOCK, book)
                batch = _take(queue)
                await self._settle(connection, number, batch)
                batch = []
        except Exception as error:
            log.warning("a batch was not posted", book=book, reason=str(error))
        finally:
            # before anything else is awaited: who comes now starts anew. This queue is this run's, the next is another's.
            del self._queues[number, book]
            for _, future in (*batch, *queue):
                if not future.done():
                    future.set_exception(Busy())
            if connection is not None:
                await self._release(connection, book, locked=locked)

    async def _release(self, connection: Any, book: str, *, locked: bool) -> None:
        """Give it back without the lock. One that can't be unlocked is cut off, which unlocks it too."""
        whole = False
        try:
            if locked:
                await connection.execute(_UNLOCK, book)
            whole = True
        except Exception as error:
            log.warning("a connection was cut off", book=book, reason=str(error))
        finally:
            if not whole:
                connection.terminate()
            await self._connect.give_back(connection)

    async def _settle(self, connection: Any, number: int, batch: list[Waiting]) -> None:
        """Post a batch and tell everyone. One that collides, or holds what the database can't take, is split until it does not."""
        rows = [row for chain, _ in batch for row in chain]
        chains = [place if len(chain) > 1 else 0 for place, (chain, _) in enumerate(batch, start=1) for _ in chain]
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
                chains if any(chains) else None,
            )
        except (*RETRY, *UNFIT) as error:
            if len(batch) > 1:
                half = len(batch) // 2
                await self._settle(connection, number, batch[:half])
                await self._settle(connection, number, batch[half:])
                return
            if isinstance(error, RETRY):
                raise
            log.warning("a transfer does not fit the database", reason=str(error))
            if not batch[0][1].done():
                batch[0][1].set_exception(Unfit(str(error)))
            return
        self.batches += 1
        self.posted += len(rows)
        answers = iter(statuses)
        for chain, future in batch:
            own = [next(answers) for _ in chain]
            if not future.done():  # its client may have hung up
                future.set_result(own)


def _take(queue: deque[Waiting]) -> list[Waiting]:
    """The next batch. What has an id that is in it already stays for the one after, where it gets the first one's answer."""
    taken: list[Waiting] = []
    seen: set[UUID] = set()
    later: list[Waiting] = []
    rows = 0
    while queue and (not rows or rows + len(queue[0][0]) <= BATCH):
        one = queue.popleft()
        if any(row.id in seen for row in one[0]):
            later.append(one)
        else:
            taken.append(one)
            rows += len(one[0])
        seen.update(row.id for row in one[0])
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
