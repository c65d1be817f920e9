"""Random transfers of every kind: the ledger answers what the plain Python model answers, and ends where it ends.

CHUANYU_TRANSFERS=50000 makes it long; CHUANYU_SEEDS=7,8 runs others. A failure prints its seed.
"""

import os
import random
from datetime import UTC, datetime, timedelta
from typing import Any

import ledger_model as model
import psycopg
import pytest
from books import Book
from ledger_model import ADJUSTMENT, EXPIRE, PENDING, PLAIN, POST, REVERSAL, VOID, Account, Ledger, Transfer

from chuanyu.core.ids import uuid7

TRANSFERS = int(os.environ.get("CHUANYU_TRANSFERS", "5000"))
SEEDS = [int(seed) for seed in os.environ.get("CHUANYU_SEEDS", "1").split(",")]
FLOORS = [0, -500, None, None, 0, None, None, None, 0]
CEILINGS = [None, None, 3000, None, None, None, 800, None, None]
UNITS = ["CNY"] * 7 + ["points"] * 2
HOUR = timedelta(hours=1)


class World:
    """A book and its model, and a chooser of what to send next: much of it wrong on purpose."""

    def __init__(self, node: psycopg.Connection[Any], owner: psycopg.Connection[Any], seed: int) -> None:
        self.chance = random.Random(seed)
        self.owner = owner
        self.book = Book.open(node, f"model/{seed}", floors=FLOORS, ceilings=CEILINGS, units=UNITS)
        limits = zip(self.book.accounts, UNITS, FLOORS, CEILINGS, strict=True)
        self.ledger = Ledger({i: Account(unit=u, floor=f, ceiling=c) for i, u, f, c in limits})
        self.known: list[Transfer] = []
        self.windows: list[int] = []
        self.now = datetime.now(UTC)

    def step(self) -> int:
        """One batch, or something else that happens; how many transfers it was."""
        happening = self.chance.random()
        if happening < 0.05:
            self.turn_clock()
        elif happening < 0.08:
            self.windows_move()
        elif happening < 0.1:
            account = self.chance.choice([self.book.accounts[4], self.book.accounts[8]])
            assert self.book.one("SELECT ledger.close(%s, %s)", self.book.number, account)[0] == self.ledger.close(
                account
            )
        elif happening < 0.14:
            self.expire()
        else:
            batch = self.batch()
            window = self.chance.choice([0, 0, *self.windows, 99])
            mirror = self.chance.random() < 0.2
            found = self.book.post(*batch, window=window, mirror=mirror)
            expected = self.ledger.post(batch, now=self.now, window=window, mirror=mirror)
            wrong = [
                (i, *three)
                for i, three in enumerate(zip(batch, found, expected, strict=True))
                if found[i] != expected[i]
            ]
            assert wrong == [], [t for t in batch if t.chain or t.origin]
            self.known += batch
            return len(batch)
        return 0

    def turn_clock(self) -> None:
        """Some hours pass: everything that will expire does so sooner. Only the owner of the tables can do that."""
        hours = self.chance.randint(1, 30) * HOUR
        for column in ("transfer SET expires = expires", "book SET expired = expired"):
            self.owner.execute(f"UPDATE ledger.{column} - %s WHERE book = %s", [hours, self.book.number])  # type: ignore[arg-type]
        for kept in self.ledger.kept.values():
            if kept.transfer.expires is not None:
                object.__setattr__(kept.transfer, "expires", kept.transfer.expires - hours)

    def windows_move(self) -> None:
        if len(self.windows) < 3 or self.chance.random() < 0.4:
            window = self.book.begin(f"w{len(self.ledger.windows)}")
            self.windows.append(window)
            self.ledger.windows[window] = model.OPEN
            return
        window = self.chance.choice(self.windows[-3:])
        state = self.chance.choice([model.CLOSING, model.SHUT])
        self.ledger.windows[window] = max(self.ledger.windows[window], state)
        assert self.book.shut(window, state) == self.ledger.windows[window]

    def expire(self) -> None:
        overdue = self.ledger.overdue(self.now)
        (done,) = self.book.one("SELECT ledger.expire(%s)", self.book.number)
        assert done == len(overdue)
        for kept in overdue:
            t = kept.transfer
            (id_,) = self.book.one("SELECT ledger.derived(%s, 'expire')", t.id)
            expiry = Transfer(id=id_, debit=t.debit, credit=t.credit, amount=t.amount, kind=EXPIRE, origin=t.id)
            assert self.ledger.post([expiry], now=self.now) == [model.POSTED]

    # --- what to send -------------------------------------------------------------------------------------------------

    def batch(self) -> list[Transfer]:
        found: list[Transfer] = []
        chain = 0
        for _ in range(self.chance.choice([1, 1, 2, 5, 20, 60])):
            one = self.transfer(found)
            if one.id in {t.id for t in found}:
                continue  # the same id twice in a batch is an error, tested on its own
            if chain and self.chance.random() < 0.6:
                pass
            elif self.chance.random() < 0.15:
                chain = max([t.chain for t in found], default=0) + 1
            else:
                chain = 0
            object.__setattr__(one, "chain", chain)
            found.append(one)
        return found

    def transfer(self, batch: list[Transfer]) -> Transfer:
        chance = self.chance
        if self.known and chance.random() < 0.08:  # the same again, now and then with other content
            again = chance.choice(self.known)
            kept = self.ledger.kept.get(again.id)
            content = kept.transfer if kept and chance.random() < 0.8 else again
            change: dict[str, Any] = {}
            if chance.random() < 0.2:
                change = {"amount": content.amount + 1} if chance.random() < 0.5 else {"code": "other"}
            return model.dataclasses.replace(content, **change)
        kind = chance.choices(range(-1, 8), [1, 40, 20, 16, 6, 2, 10, 4, 1])[0]
        accounts = [*self.book.accounts, *self.book.accounts[:7], *self.book.accounts[:7], 77]
        fields: dict[str, Any] = {
            "id": uuid7(),
            "debit": chance.choice(accounts),
            "credit": chance.choice(accounts),
            "amount": chance.choice([0, -3, 10**15 + 1]) if chance.random() < 0.03 else chance.randint(1, 400),
            "kind": kind,
        }
        if kind == PENDING and chance.random() < 0.6:
            fields["expires"] = self.now + chance.randint(-1, 40) * HOUR + HOUR / 2
        elif chance.random() < 0.01:
            fields["expires"] = self.now + HOUR
        if kind > PENDING:
            fields |= self.origin(kind, batch)
        elif chance.random() < 0.01:
            fields["origin"] = uuid7()
        return Transfer(**fields)

    def origin(self, kind: int, batch: list[Transfer]) -> dict[str, Any]:
        """What it refers to: mostly something that fits, also in this batch."""
        wanted = {POST: [PENDING], VOID: [PENDING], EXPIRE: [PENDING], REVERSAL: [PLAIN, POST]}.get(
            kind, [PLAIN, POST, REVERSAL]
        )
        pool = batch if batch and self.chance.random() < 0.3 else self.known[-200:]
        if self.chance.random() < 0.9:
            pool = [t for t in pool if t.kind in wanted]
        if not pool or self.chance.random() < 0.03:
            return {"origin": uuid7() if self.chance.random() < 0.8 else None}
        origin = self.chance.choice(pool)
        swap = kind in (REVERSAL, ADJUSTMENT)
        fields: dict[str, Any] = {"origin": origin.id}
        if self.chance.random() < 0.95:
            fields["debit"], fields["credit"] = (origin.credit, origin.debit) if swap else (origin.debit, origin.credit)
        part = kind in (POST, REVERSAL) and self.chance.random() < 0.6
        if self.chance.random() < 0.95:
            fields["amount"] = max(1, origin.amount * self.chance.randint(1, 110) // 100) if part else origin.amount
        return fields

    # --- where it ends ------------------------------------------------------------------------------------------------

    def compare(self) -> None:
        """Every account, entry, kept transfer and signed set of the ledger is the model's."""
        ask = self.book.all
        for id_, unit, balance, out, incoming, seq, closed in ask(
            "SELECT id, unit, balance, pending_out, pending_in, seq, closed FROM ledger.account WHERE book = %s"
        ):
            ours = self.ledger.accounts[id_]
            expected = (ours.unit, ours.balance, ours.out, ours.incoming, len(ours.entries), ours.closed)
            assert (unit, balance, out, incoming, seq, closed) == expected
            rows = ask(
                "SELECT transfer, amount, after, seq FROM ledger.entry WHERE book = %s AND account = %s ORDER BY at, seq",
                id_,
            )
            assert [row[3] for row in rows] == list(range(1, seq + 1))
            assert [tuple(row[:3]) for row in rows] == ours.entries
        assert sum(account.balance for account in self.ledger.accounts.values()) == 0
        rows = ask(
            'SELECT id, status, kind, "window", mirror, origin, amount, expires FROM ledger.transfer WHERE book = %s'
        )
        assert {row[0]: tuple(row[1:]) for row in rows} == {
            id_: (
                k.status,
                k.transfer.kind,
                k.window,
                k.mirror,
                k.transfer.origin,
                k.transfer.amount,
                k.transfer.expires,
            )
            for id_, k in self.ledger.kept.items()
        }


@pytest.mark.parametrize("seed", SEEDS)
def test_random_transfers_equal_the_model(node: Any, owner: Any, seed: int) -> None:
    world = World(node, owner, seed)
    sent = 0
    while sent < TRANSFERS:
        sent += world.step()
    world.compare()
    kinds: dict[tuple[int, int], int] = {}
    for kept in world.ledger.kept.values():
        key = (kept.transfer.kind, kept.status)
        kinds[key] = kinds.get(key, 0) + 1
    print(f"seed {seed}: {sent} transfers, kept by (kind, status): {sorted(kinds.items())}")
    assert {kind for kind, status in kinds if status == model.POSTED} == set(range(7))
    assert {status for _, status in kinds} == model.KEPT
