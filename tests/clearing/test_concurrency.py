"""Many connections at once: no deadlock, nothing lost, nothing twice. CHUANYU_SECONDS=60 makes the long one long."""

import os
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import Any

import psycopg
import pytest
from books import Book
from ledger_model import CLOSING, FLOOR, PENDING, POST, POSTED, REUSED, REVERSAL, SHUT, WINDOW_SHUT, Transfer

from chuanyu.core.ids import uuid7
from chuanyu.node import place

SECONDS = float(os.environ.get("CHUANYU_SECONDS", "3"))
CLIENTS = 16


@pytest.fixture
def clients(transactional_db: None, own_place: place.Place) -> Iterator[list[psycopg.Connection[Any]]]:
    """Sixteen connections as the node's role."""
    with ExitStack() as stack:
        yield [stack.enter_context(psycopg.connect(own_place.database_url, autocommit=True)) for _ in range(CLIENTS)]


def together(clients: list[psycopg.Connection[Any]], work: Callable[[int, psycopg.Connection[Any]], Any]) -> list[Any]:
    """`work(number, connection)` by all clients at the same moment; their results."""
    barrier = threading.Barrier(len(clients))

    def start(number: int) -> Any:
        barrier.wait()
        return work(number, clients[number])

    with ThreadPoolExecutor(len(clients)) as pool:
        return list(pool.map(start, range(len(clients))))


def whole(book: Book) -> None:
    """Σ = 0, every balance the sum of its entries, numbered without a gap, in the order of time, and no floor broken."""
    assert sum(book.balances().values()) == 0
    wrong = book.all(
        """SELECT a.id FROM ledger.account a LEFT JOIN LATERAL (
             SELECT coalesce(sum(amount), 0) AS sum, count(*) AS n, bool_and(seq = place AND after = running) AS fine
               FROM (SELECT *, row_number() OVER w AS place, sum(amount) OVER w AS running FROM ledger.entry
                      WHERE book = a.book AND account = a.id WINDOW w AS (ORDER BY at, seq)) x) e ON true
           WHERE a.book = %s AND ((a.balance, a.seq) IS DISTINCT FROM (e.sum::bigint, e.n) OR NOT coalesce(e.fine, true)
                                  OR a.balance - a.pending_out < a.floor)"""
    )
    assert wrong == []


def test_the_same_id_from_sixteen_clients_is_one_post_and_sixteen_equal_answers(clients: list[Any]) -> None:
    for _ in range(20):
        book = Book.open(clients[0], f"same/{uuid7()}", floors=[0, None])
        transfer = Transfer(id=uuid7(), debit=2, credit=1, amount=40)
        answers = together(clients, lambda _, c, t=transfer, b=book: Book(c, b.number, b.accounts).post(t))
        assert answers == [[POSTED]] * CLIENTS
        assert book.balances() == {1: 40, 2: -40}
        whole(book)


def test_the_same_id_with_other_content_from_sixteen_clients_is_posted_once(clients: list[Any]) -> None:
    """Also with other accounts, which no common lock protects: there the primary key decides, and whoever lost asks again."""
    book = Book.open(clients[0], f"content/{uuid7()}", floors=[None] * 40)
    id_ = uuid7()

    def work(number: int, connection: Any) -> int:
        mine = Book(connection, book.number, book.accounts)
        transfer = Transfer(id=id_, debit=1 + 2 * number, credit=2 + 2 * number, amount=1 + number)
        try:
            return mine.post(transfer)[0]
        except psycopg.errors.UniqueViolation:
            return mine.post(transfer)[0]

    assert Counter(together(clients, work)) == {POSTED: 1, REUSED: CLIENTS - 1}
    whole(book)


def test_sixteen_connections_on_two_hot_accounts_never_deadlock(clients: list[Any]) -> None:
    """Both directions, single and in batches, reserving, posting and reversing; any error of the database fails it."""
    book = Book.open(clients[0], f"hot/{uuid7()}", floors=[-1000, -1000])
    until = time.monotonic() + SECONDS

    def work(number: int, connection: Any) -> Counter[int]:
        chance, mine, seen = random.Random(number), Book(connection, book.number, book.accounts), Counter[int]()
        while time.monotonic() < until:
            batch: list[Transfer] = []
            for _ in range(chance.choice((1, 2, 30))):
                debit, credit = chance.sample((1, 2), 2)
                amount = chance.randint(1, 300)
                kind = chance.choice((0, 0, PENDING))
                batch.append(Transfer(id=uuid7(), debit=debit, credit=credit, amount=amount, kind=kind))
                if kind == PENDING:
                    batch.append(
                        Transfer(id=uuid7(), debit=debit, credit=credit, amount=amount, kind=POST, origin=batch[-1].id)
                    )
                elif chance.random() < 0.3:
                    again = batch[-1].id
                    batch.append(
                        Transfer(id=uuid7(), debit=credit, credit=debit, amount=1, kind=REVERSAL, origin=again)
                    )
            seen.update(mine.post(*batch))
        return seen

    total = sum(together(clients, work), Counter())
    print(f"{sum(total.values())} transfers in {SECONDS:g} s: {dict(total)}")
    assert total[POSTED] and total[FLOOR]
    whole(book)


def test_a_reservation_that_many_want_to_post_is_posted_once(clients: list[Any]) -> None:
    book = Book.open(clients[0], f"resolve/{uuid7()}", floors=[None, None])
    for _ in range(20):
        pending = Transfer(id=uuid7(), debit=1, credit=2, amount=7, kind=PENDING)
        book.post(pending)

        def work(_: int, connection: Any, pending: Transfer = pending) -> int:
            post = Transfer(id=uuid7(), debit=1, credit=2, amount=7, kind=POST, origin=pending.id)
            return Book(connection, book.number, book.accounts).post(post)[0]

        assert Counter(together(clients, work))[POSTED] == 1
    assert book.balances() == {1: -140, 2: 140}
    whole(book)


@contextmanager
def open_transaction(connection: psycopg.Connection[Any]) -> Iterator[None]:
    connection.execute("BEGIN")
    try:
        yield
    finally:
        connection.execute("COMMIT")


def test_closing_waits_for_what_is_being_posted(clients: list[Any]) -> None:
    """Nothing can slip into a window between the signing and the closing."""
    first, second, third = (Book.open(c, "closing", floors=[None, None]) for c in clients[:3])
    window = first.begin("w")
    with ThreadPoolExecutor(1) as pool:
        with open_transaction(first.connection):
            assert first.post(Transfer(id=uuid7(), debit=1, credit=2, amount=5), window=window) == [POSTED]
            shutting = pool.submit(second.shut, window, SHUT)
            while not third.one("SELECT count(*) FROM pg_locks WHERE NOT granted")[0]:
                assert not shutting.done()
        assert shutting.result() == SHUT
    assert third.post(Transfer(id=uuid7(), debit=1, credit=2, amount=5), window=window) == [WINDOW_SHUT]


def test_every_transfer_lands_in_the_window_it_was_answered_for(clients: list[Any]) -> None:
    """Sixteen post while one closes: what was answered "posted" is in the signed set, what was refused is not."""
    book = Book.open(clients[0], f"race/{uuid7()}", floors=[None] * 32)
    window = book.begin("w")

    def work(number: int, connection: Any) -> int:
        mine = Book(connection, book.number, book.accounts)
        if number == 0:
            time.sleep(0.05)
            return mine.shut(window, CLOSING)
        count = 0
        while True:
            transfer = Transfer(id=uuid7(), debit=1 + 2 * number, credit=2 + 2 * number, amount=1)
            if mine.post(transfer, window=window) != [POSTED]:
                return count
            count += 1

    counts = together(clients, work)
    (found,) = book.all('SELECT count(*) FROM ledger.transfer WHERE book = %s AND "window" = %s AND status = 0', window)
    assert found == (sum(counts[1:]),)
    whole(book)
