"""kill -9 of the database and of the poster while they work: nothing acknowledged is lost, nothing is posted twice.

On a durable server of its own. CHUANYU_KILLS=10 (of the database; twice as many of the poster) makes it long; each prints
how long the ledger was away. The moments are random; CHUANYU_SEEDS=7 chooses others.
"""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any
from uuid import UUID

import psycopg
import pytest
from books import Book
from ledger_model import FLOOR, PENDING, POST, POSTED, Transfer

from chuanyu.bench.nodes import Node, one_node
from chuanyu.core.ids import uuid7
from chuanyu.node import processes

KILLS = int(os.environ.get("CHUANYU_KILLS", "2"))
SEED = int(os.environ.get("CHUANYU_SEEDS", "1").split(",")[0])
WRITERS = 3
PATIENCE = 30.0  # seconds for a killed server to take connections again
SERVICE = "pension_transfer"


@pytest.fixture(scope="module")
def alone() -> Iterator[Node]:
    """One node with a server of its own that really writes to disk; none of its programs run."""
    kept = os.environ.get("CHUANYU_VAR")
    try:
        with one_node("sichuan") as node:
            yield node
    finally:
        if kept is not None:
            os.environ["CHUANYU_VAR"] = kept


def chuanyu(node: Node, *words: str) -> "subprocess.Popen[str]":
    """A program of the node's, as a process."""
    environment = {**os.environ, "CHUANYU_VAR": str(node.folder), "CHUANYU_NODE": "sichuan"}
    return subprocess.Popen(
        [sys.executable, "-m", "chuanyu.node.cli", *words],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def audit(node: Node) -> None:
    """The command finds nothing wrong."""
    done = chuanyu(node, "clearing", "audit", "--alone", "--at", "sichuan")
    said, _ = done.communicate(timeout=300)
    assert done.returncode == 0, said


class Writer(threading.Thread):
    """Posts batches of its own; one that gets no answer is sent again with the same ids until it does."""

    def __init__(self, node: Node, seed: int) -> None:
        super().__init__()
        self.node = node
        self.chance = random.Random(seed)
        self.stopping = threading.Event()
        self.answers: dict[UUID, tuple[Transfer, int]] = {}
        self.repeated = 0
        self.problem: BaseException | None = None

    def run(self) -> None:
        try:
            while not self.stopping.is_set():
                batch = self._batch()
                for transfer, status in zip(batch, self._insist(batch), strict=True):
                    self.answers[transfer.id] = transfer, status
        except BaseException as error:
            self.problem = error

    def _batch(self) -> list[Transfer]:
        found: list[Transfer] = []
        for _ in range(20):
            debit, credit = self.chance.sample(range(1, 13), 2)
            kind = self.chance.choice((0, 0, PENDING))
            found.append(
                Transfer(id=uuid7(), debit=debit, credit=credit, amount=self.chance.randint(1, 500), kind=kind)
            )
            if kind == PENDING:
                found.append(
                    Transfer(
                        id=uuid7(), debit=debit, credit=credit, amount=found[-1].amount, kind=POST, origin=found[-1].id
                    )
                )
        return found

    def _insist(self, batch: list[Transfer]) -> list[int]:
        while True:
            try:
                with psycopg.connect(self.node.place.database_url, autocommit=True, connect_timeout=5) as connection:
                    return Book.open(connection, "crash/book", floors=[-5000] * 12).post(*batch)
            except psycopg.OperationalError:
                self.repeated += 1
                time.sleep(0.02)


def test_the_database_is_killed_under_load(alone: Node) -> None:
    chance = random.Random(SEED)
    print(f"seed {SEED}, {KILLS} kills")
    with psycopg.connect(alone.place.database_url, autocommit=True) as connection:
        Book.open(connection, "crash/book", floors=[-5000] * 12)
    writers = [Writer(alone, SEED * 100 + n) for n in range(WRITERS)]
    for writer in writers:
        writer.start()
    away = []
    try:
        for _ in range(KILLS):
            time.sleep(chance.uniform(0.3, 1.5))
            for pid in processes.postgres_in(alone.server.data):
                kill(pid)
            began = time.monotonic()
            alone.server.start()
            until_writes(alone, began + PATIENCE)
            away.append(time.monotonic() - began)
        time.sleep(0.5)
    finally:
        for writer in writers:
            writer.stopping.set()
        for writer in writers:
            writer.join()
    assert [writer.problem for writer in writers] == [None] * WRITERS
    answers = {id_: answer for writer in writers for id_, answer in writer.answers.items()}
    print(
        f"{len(answers)} transfers acknowledged, {sum(w.repeated for w in writers)} repeats,"
        f" away for {', '.join(f'{seconds:.1f}' for seconds in away)} s"
    )
    with psycopg.connect(alone.place.database_url, autocommit=True) as connection:
        rows = connection.execute(
            "SELECT t.id, t.status, t.amount, coalesce(e.count, 0) FROM ledger.transfer t LEFT JOIN"
            " (SELECT transfer, count(*) FROM ledger.entry WHERE book = ledger.number('crash/book') GROUP BY 1) e"
            " ON e.transfer = t.id WHERE t.book = ledger.number('crash/book')"
        ).fetchall()
    found = {row[0]: row[1:] for row in rows}
    kept = {id_: answer for id_, answer in answers.items() if answer[1] in (POSTED, FLOOR)}
    assert len(kept) > 100
    for id_, (transfer, status) in kept.items():
        entries = 2 if status == POSTED and transfer.kind != PENDING else 0
        assert found[id_] == (status, transfer.amount, entries)
    audit(alone)


def test_the_poster_is_killed_under_load(alone: Node) -> None:
    """Instructions keep coming; the worker dies at random and starts anew. Each is posted once and stored once."""
    chance = random.Random(SEED)
    rounds, count = 2 * KILLS, 0
    with psycopg.connect(alone.place.database_url, autocommit=True) as connection:
        connection.execute("SELECT ledger.open('hrss/pension_transfer', '{fund,treasury}', '{CNY,CNY}', '{0,NULL}')")
        connection.execute(
            "SELECT ledger.post(ledger.number('hrss/pension_transfer'), 0, %s, '{2}', '{1}', '{300000}', '{opening}')",
            [[uuid7()]],
        )
        for _ in range(rounds):
            worker = chuanyu(alone, "worker", "--at", "sichuan")
            try:
                count += _until_it_works(connection, worker)
                for _ in range(8):
                    count += _instruct(connection, 25)
                    time.sleep(chance.uniform(0.0, 0.08))
            finally:
                worker.send_signal(signal.SIGKILL)
                worker.communicate()
        worker = chuanyu(alone, "worker", "--at", "sichuan")
        try:
            while connection.execute("SELECT 1 FROM clearing_instruction WHERE status = 'waiting' LIMIT 1").fetchone():
                assert worker.poll() is None
                time.sleep(0.1)
        finally:
            worker.send_signal(signal.SIGTERM)
            worker.communicate()
        statuses = connection.execute(
            "SELECT i.status, t.status, count(*), count(DISTINCT o.id) FROM clearing_instruction i"
            " LEFT JOIN ledger.transfer t ON t.id = i.id LEFT JOIN clearing_order o ON o.instruction_id = i.id GROUP BY 1, 2 ORDER BY 1"
        ).fetchall()
    print(f"{rounds} kills, {count} instructions: {statuses}")
    # what the fund had was paid, each with one order; the rest was refused, and says so at both places
    assert {row[:2] for row in statuses} <= {("posted", 0), ("refused", FLOOR)}
    assert sum(row[2] for row in statuses) == count
    assert all(row[3] == (row[2] if row[0] == "posted" else 0) for row in statuses)
    audit(alone)


def _instruct(connection: psycopg.Connection[Any], many: int) -> int:
    """As cases do it, in one transaction."""
    with connection.transaction(), connection.cursor() as cursor:
        cursor.executemany(
            'INSERT INTO clearing_instruction (id, "case", sequence, service, name, side, kind, payer, payee, source, target,'
            " amount, unit, cycle, status, reason, ended, at) VALUES (%s, '00000000-0000-0000-0000-000000000000', 1, %s, 'transfer_amount',"
            " 'payer', 'plain', 'sichuan/hrss', 'chongqing/hrss', 'fund', 'fund', %s, 'CNY', 'gross', 'waiting', '', '', now())",
            [(uuid7(), SERVICE, random.randint(1, 2000)) for _ in range(many)],
        )
        cursor.execute("NOTIFY chuanyu_wake")
    return many


def _until_it_works(connection: psycopg.Connection[Any], worker: Any) -> int:
    """It has begun when one more instruction is no longer waiting."""
    made = _instruct(connection, 1)
    last = connection.execute("SELECT id FROM clearing_instruction ORDER BY at DESC, id DESC LIMIT 1").fetchone()
    while connection.execute(
        "SELECT 1 FROM clearing_instruction WHERE id = %s AND status = 'waiting'", last
    ).fetchone():
        assert worker.poll() is None, worker.stdout.read()
        time.sleep(0.05)
    return made


def until_writes(node: Node, limit: float) -> None:
    """The server takes writes again."""
    while True:
        try:
            with psycopg.connect(node.place.database_url, autocommit=True, connect_timeout=5) as connection:
                Book.open(connection, f"alive/{uuid7()}", floors=[None])
                return
        except psycopg.OperationalError:
            assert time.monotonic() < limit
            time.sleep(0.05)


def kill(pid: int) -> None:
    """kill -9, if it is still there."""
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
