"""Asking the ledger over a connection of one's own, past all of our code: what a test of ledger.sql needs."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from ledger_model import Transfer

POST = (
    "SELECT ledger.post(%b, %b, %b::uuid[], %b::int[], %b::int[], %b::bigint[], %b::text[], %b::smallint[],"
    " %b::uuid[], %b::timestamptz[], %b::int[], %b)"
)


@dataclass
class Book:
    """One book, asked as the node's role."""

    connection: psycopg.Connection[Any]
    number: int
    accounts: list[int]

    @classmethod
    def open(
        cls,
        connection: psycopg.Connection[Any],
        name: str,
        *,
        floors: Sequence[int | None],
        ceilings: Sequence[int | None] = (),
        units: Sequence[str] = (),
    ) -> "Book":
        """A book with accounts a0, a1 …"""
        names = [f"a{i}" for i in range(len(floors))]
        rows = connection.execute(
            "SELECT book, id, name FROM ledger.open(%s, %s::text[], %s::text[], %s::bigint[], %s::bigint[])",
            [name, names, list(units) or ["CNY"] * len(names), list(floors), list(ceilings)],
        ).fetchall()
        ids = {name: id_ for _, id_, name in rows}
        return cls(connection, rows[0][0], [ids[name] for name in names])

    def post(self, *batch: Transfer, window: int = 0, mirror: bool = False) -> list[int]:
        """Statuses, in order."""
        parameters = [
            self.number,
            window,
            [t.id for t in batch],
            [t.debit for t in batch],
            [t.credit for t in batch],
            [t.amount for t in batch],
            [t.code for t in batch],
            [t.kind for t in batch],
            [t.origin for t in batch],
            [t.expires for t in batch],
            [t.chain for t in batch],
            mirror,
        ]
        (answers,) = self.one(POST, *parameters)
        return list(answers)

    def one(self, statement: str, *parameters: Any) -> Any:
        """The first row."""
        return self.connection.execute(statement, parameters).fetchone()  # type: ignore[call-overload]

    def all(self, statement: str, *parameters: Any) -> list[Any]:
        """All rows; `%s` for the book comes first."""
        return self.connection.execute(statement, [self.number, *parameters]).fetchall()  # type: ignore[call-overload]

    def begin(self, name: str) -> int:
        """A window's number."""
        (id_,) = self.one("SELECT id FROM ledger.begin(%s, %s)", self.number, name)
        return int(id_)

    def shut(self, window: int, state: int) -> int:
        """Move it forward; its state."""
        (found,) = self.one("SELECT ledger.shut(%s, %s, %s::smallint)", self.number, window, state)
        return int(found)

    def balances(self) -> dict[int, int]:
        """Account → balance."""
        return dict(self.all("SELECT id, balance FROM ledger.account WHERE book = %s"))
