"""Moving a node's database as docs/how-to/scale-out.md says: what arrives is the same ledger, and as well guarded."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
from books import Book
from ledger_model import PENDING, Transfer

from chuanyu.core.ids import uuid7
from chuanyu.node import place, postgres

MOVED = "moved"


@pytest.fixture
def book(node: psycopg.Connection[Any]) -> Book:
    """Two accounts, money between them, some of it reserved."""
    book = Book.open(node, "hrss/moving", floors=[None, 0])
    treasury, fund = book.accounts
    posted = Transfer(id=uuid7(), debit=treasury, credit=fund, amount=4_066_037)
    reserved = Transfer(id=uuid7(), debit=fund, credit=treasury, amount=37, kind=PENDING)
    assert book.post(posted, reserved) == [0, 0]
    return book


def of_the_database() -> list[str]:
    """What the page says about the database itself, in this server."""
    page = (Path(__file__).parents[2] / "docs/how-to/scale-out.md").read_text(encoding="utf-8")
    block = page.split("```sql\n")[1].split("```")[0]
    found = [line.partition("--")[0] for line in block.splitlines() if "DATABASE chuanyu " in line]
    assert len(found) == 5
    return [line.replace("DATABASE chuanyu ", f"DATABASE {MOVED} ") for line in found]


def test_a_dump_restored_elsewhere_is_the_same_ledger(
    book: Book, own_place: place.Place, postgres_server: postgres.Server
) -> None:
    old = urlsplit(own_place.owner_url)
    new = old._replace(path=f"/{MOVED}").geturl()
    superuser = place.socket_url("postgres", own_place.superuser_password, "postgres", own_place.sockets)
    dump = own_place.home / "node.dump"
    with psycopg.connect(superuser, autocommit=True) as connection:
        for line in of_the_database():
            connection.execute(line)  # type: ignore[call-overload]
    try:
        program = postgres_server.bin
        subprocess.run(
            [
                program / "pg_dump",
                "--format=custom",
                "--no-owner",
                "--exclude-schema=for_tests",
                f"--file={dump}",
                old.geturl(),
            ],
            check=True,
        )
        subprocess.run([program / "pg_restore", "--no-owner", "--dbname", new, dump], check=True)
        moved = urlsplit(own_place.database_url)._replace(path=f"/{MOVED}").geturl()
        urls = {
            f"CHUANYU_{own_place.node.upper()}_DATABASE_URL": moved,
            f"CHUANYU_{own_place.node.upper()}_OWNER_URL": new,
        }
        for command in (["migrate"], ["clearing", "lint"], ["clearing", "audit", "--alone"]):
            said = subprocess.run(
                [sys.executable, "-m", "chuanyu.node.cli", *command, "--at", own_place.node],
                capture_output=True,
                text=True,
                env={**os.environ, **urls},
            )
            assert said.returncode == 0, (command, said.stdout, said.stderr)
        with psycopg.connect(moved) as connection:
            found = connection.execute(
                "SELECT balance, pending_out, seq FROM ledger.account WHERE book = %s ORDER BY id", [book.number]
            ).fetchall()
            assert found == [(-4_066_037, 0, 1), (4_066_037, 37, 1)]
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute("UPDATE ledger.account SET balance = 0")
    finally:
        dump.unlink(missing_ok=True)
        with psycopg.connect(superuser, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {MOVED} WITH (FORCE)")
