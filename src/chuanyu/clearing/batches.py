"""One call of ledger.post: what a batch is made of, and the lock that keeps it to one poster per book."""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from uuid import UUID

import msgspec
from django.db import connection

from chuanyu.clearing import booking
from chuanyu.clearing.legs import Leg
from chuanyu.identity import sql

PLAIN, PENDING, POST, VOID, EXPIRE, REVERSAL, ADJUSTMENT = range(7)
KINDS = {"plain": PLAIN, "pending": PENDING, "post": POST, "void": VOID, "reverse": REVERSAL, "adjust": ADJUSTMENT}


class Posting(msgspec.Struct, frozen=True, kw_only=True):
    """One transfer of a batch. Its accounts are opened on first use. `amount` in the unit's smallest part.

    `chain`: 0 = alone; neighbours with the same number are posted all or none.
    """

    id: UUID
    debit: Leg
    credit: Leg
    amount: int
    unit: str
    code: str
    kind: int = PLAIN
    origin: UUID | None = None
    expires: datetime | None = None
    chain: int = 0


def number(book: str) -> int:
    """A book's number, as ledger.number makes it."""
    return int.from_bytes(hashlib.sha256(book.encode()).digest()[:4]) & 0x7FFFFFFF


def derived(id_: UUID, what: str) -> UUID:
    """An id made from another one, as ledger.derived makes it."""
    digits = hashlib.sha256(id_.bytes + what.encode()).hexdigest()[:32]
    return UUID(digits[:12] + "8" + digits[13:16] + "8" + digits[17:])


def post(book: str, postings: Sequence[Posting], *, window: int = 0, mirror: bool = False) -> list[int]:
    """Statuses in order (0 posted; see reasons.REASONS). The same id twice in a batch raises IntegrityError."""
    if not postings:
        return []
    wanted = [(leg, p.unit) for p in postings for leg in (p.debit, p.credit)]
    book_number, ids = booking.accounts(book, wanted)
    (statuses,) = sql.rows(
        "SELECT ledger.post(%b, %b, %b::uuid[], %b::int[], %b::int[], %b::bigint[], %b::text[], %b::smallint[],"
        " %b::uuid[], %b::timestamptz[], %b::int[], %b)",
        [
            book_number,
            window,
            [p.id for p in postings],
            [ids[p.debit.name] for p in postings],
            [ids[p.credit.name] for p in postings],
            [p.amount for p in postings],
            [p.code for p in postings],
            [p.kind for p in postings],
            [p.origin for p in postings],
            [p.expires for p in postings],
            [p.chain for p in postings],
            mirror,
        ],
    )[0]
    return list(statuses)


@contextmanager
def alone(book: str) -> Iterator[bool]:
    """Whether this connection is the book's one poster, inside the block. Nobody waits: whoever is it will see the work."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(hashtext('chuanyu.poster'), hashtext(%s))", [book])
        (got,) = cursor.fetchone()
        try:
            yield got
        finally:
            if got:
                cursor.execute("SELECT pg_advisory_unlock(hashtext('chuanyu.poster'), hashtext(%s))", [book])
