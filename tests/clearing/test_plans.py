"""However old the statistics are, ledger.post reads what the batch names and no more: a large book costs no more than a small one."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from books import Book
from ledger_model import PENDING, POST, POSTED, REVERSAL, Transfer

from chuanyu.core.ids import uuid7

ACCOUNTS, TRANSFERS = 2000, 2000
READ = "SELECT sum(seq_tup_read + coalesce(idx_tup_fetch, 0))::int FROM pg_stat_xact_all_tables WHERE schemaname = 'ledger'"
STALE = (
    "SELECT pg_restore_relation_stats('schemaname', 'ledger', 'relname', %s::text, 'relpages', 1, 'reltuples', 1::real)"
)


@pytest.fixture
def large(node: psycopg.Connection[Any], owner: psycopg.Connection[Any]) -> Iterator[Book]:
    """A book of some size, of which the planner still thinks what it thought when there was one row in each table."""
    book = Book.open(node, f"large/{uuid7()}", floors=[None] * ACCOUNTS)
    many = [Transfer(id=uuid7(), debit=n + 1, credit=n + 2, amount=3) for n in range(TRANSFERS - 2)]
    assert set(book.post(*many)) == {POSTED}
    for table in ("account", "transfer", "entry"):
        for column in owner.execute(
            "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0", [f"ledger.{table}"]
        ).fetchall():
            owner.execute("SELECT pg_clear_attribute_stats('ledger', %s, %s, false)", [table, column[0]])
        owner.execute(STALE, [table])
    yield book
    owner.execute("ANALYZE ledger.account, ledger.transfer, ledger.entry")


def test_a_large_book_is_not_read_as_a_whole(large: Book) -> None:
    pending = Transfer(id=uuid7(), debit=5, credit=9, amount=4, kind=PENDING)
    plain = Transfer(id=uuid7(), debit=9, credit=5, amount=4)
    for batch in (
        [pending, plain],
        [
            Transfer(id=uuid7(), debit=5, credit=9, amount=4, kind=POST, origin=pending.id),
            Transfer(id=uuid7(), debit=5, credit=9, amount=1, kind=REVERSAL, origin=plain.id),
        ],
        [pending, plain],
    ):
        with large.connection.transaction():
            before = large.one(READ)[0]
            assert set(large.post(*batch)) == {POSTED}
            assert large.one(READ)[0] - before < 50
