"""Two nodes, a clock and a faulty link, driven at random: whatever happens, in whatever order, the books agree in the end.

CHUANYU_EXAMPLES=200 makes it long.
"""

import os
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)
from town import BOOK, Town

from chuanyu.clearing import audit, differences, posting, queries, timetable, windows
from chuanyu.clearing.models import Instruction
from chuanyu.core.service import NODES
from chuanyu.exchange import inbox
from chuanyu.exchange.models import Inbox
from chuanyu.identity.here import other
from link import Link

EXAMPLES = int(os.environ.get("CHUANYU_EXAMPLES", "6"))
nodes = st.sampled_from(NODES)
amounts = st.integers(1, 30_000_000)  # a fund has 100,000,000 fen: some will not do
kinds_of_window = st.sampled_from(["month", "day", ""])


class Two(RuleBasedStateMachine):
    """What people, programs and the wire do. `expected`: what each payer's ledger took, by transfer."""

    paid, held = Bundle("paid"), Bundle("held")

    def __init__(self, link: Link, empty: Any) -> None:
        super().__init__()
        empty()
        link.up, link.lose = True, 0
        self.town = Town(link)
        self.day = date(2025, 3, 30)
        self.town.turn(self.day.isoformat())
        self.all: list[tuple[str, UUID]] = []

    @initialize()
    def begin(self) -> None: ...

    # --- people -------------------------------------------------------------------------------------------------------

    @rule(target=paid, payer=nodes, amount=amounts, window=kinds_of_window)
    def pay(self, payer: str, amount: int, window: str) -> tuple[str, UUID]:
        return self._pay(payer, amount, window=window)

    @rule(target=held, payer=nodes, amount=amounts)
    def reserve(self, payer: str, amount: int) -> tuple[str, UUID]:
        return self._pay(payer, amount, kind="pending")

    @rule(target=paid, what=consumes(held), amount=amounts, window=kinds_of_window)
    def post(self, what: tuple[str, UUID], amount: int, window: str) -> tuple[str, UUID]:
        return self._pay(what[0], amount, kind="post", of=what[1], window=window)

    @rule(what=held)
    def void(self, what: tuple[str, UUID]) -> None:
        self._pay(what[0], 0, kind="void", of=what[1])

    @rule(what=paid, amount=amounts, window=kinds_of_window)
    def reverse(self, what: tuple[str, UUID], amount: int, window: str) -> None:
        self._pay(what[0], amount, kind="reverse", of=what[1], window=window)

    @rule(target=paid, what=paid)
    def instruct_again(self, what: tuple[str, UUID]) -> Any:
        """The same message twice changes nothing."""
        for carried in self.town.on_its_way:
            if carried.id == what[1]:
                self.town.on_its_way.append(carried)
                break
        return multiple()

    def _pay(self, payer: str, amount: int, **more: Any) -> tuple[str, UUID]:
        id_ = self.town.pay(payer, amount, **more)
        self.all.append((payer, id_))
        return payer, id_

    # --- programs, one at a time --------------------------------------------------------------------------------------

    @rule(node=nodes)
    def poster(self, node: str) -> None:
        with self.town.at(node):
            posting.work()

    @rule(node=nodes)
    def worker(self, node: str) -> None:
        with self.town.at(node):
            Inbox.objects.filter(state=Inbox.PARKED).update(next_try="2020-01-01T00:00Z")
            inbox.work()
            windows.work()
            differences.work()

    @rule()
    def carry(self) -> None:
        if self.town.link.up:
            self.town.carry()

    # --- the wire and the clock ---------------------------------------------------------------------------------------

    @rule(lose=st.integers(0, 2))
    def deliver(self, lose: int) -> None:
        self.town.link.lose = lose
        self.town.link.deliver()
        self.town.link.lose = 0

    @rule(up=st.booleans())
    def cut(self, up: bool) -> None:
        self.town.link.up = up

    @rule(days=st.integers(1, 20))
    def days_pass(self, days: int) -> None:
        self.day += timedelta(days=days)
        self.town.turn(self.day.isoformat())

    @rule()
    def banks(self) -> None:
        if self.town.link.up:
            self._rest()
            self.town.banks_answer()

    # --- what must hold -----------------------------------------------------------------------------------------------

    @invariant()
    def each_ledger_is_whole(self) -> None:
        for node in NODES:
            with self.town.at(node):
                assert list(audit.inside()) == []

    def _rest(self) -> None:
        seen: dict[tuple[str, UUID], Any] = {}
        self.town.on_its_way = [
            seen.setdefault((c.payer, c.id), c) for c in self.town.on_its_way if (c.payer, c.id) not in seen
        ]
        self.town.work()

    def teardown(self) -> None:
        """The link mended, all messages there, the periods over: every window closes alike, and mirrors are equal."""
        self.town.link.up, self.town.link.lose = True, 0
        self._rest()
        self.day += timedelta(days=40)
        self.town.turn(self.day.isoformat())
        self._rest()
        for node in NODES:
            with self.town.at(node):
                assert {w.state for w in queries.windows()} <= {"closed", "settled", "reconciled"}
                assert all(w.agreed for w in queries.windows())
        self.town.sound()
        self._as_expected()
        self._rest()
        self.town.banks_answer()
        for node in NODES:
            balances = self.town.balances(node)
            assert not any(value for name, value in balances.items() if name.startswith(("due_", "topup"))), balances
        self.town.sound()

    def _as_expected(self) -> None:
        """What each side took moved on both, and nothing else did: between the nodes no fen is made or lost."""
        signs = {"plain": 1, "post": 1, "reverse": -1}
        for payer in NODES:
            with self.town.at(payer):
                took = Instruction.objects.filter(side="payer", status="posted", kind__in=signs)
                total = sum(signs[i.kind] * i.amount for i in took)
                ids = set(took.values_list("pk", flat=True))
                cleared = self._cleared(f"due_to/{other(payer)}/hrss")
            with self.town.at(other(payer)):
                mirrored = Instruction.objects.filter(side="payee", status="posted", kind__in=signs)
                assert set(mirrored.values_list("pk", flat=True)) == ids
            assert self.town.balances(payer).get(f"due_to/{other(payer)}/hrss", 0) + cleared == total

    def _cleared(self, account: str) -> int:
        """What the banks' answers have taken off an account."""
        from town import sql

        rows = sql(
            "SELECT coalesce(-sum(e.amount), 0)::bigint FROM ledger.entry e JOIN ledger.transfer t ON (t.book, t.id) = (e.book, e.transfer)"
            f" JOIN ledger.account a ON (a.book, a.id) = (e.book, e.account) WHERE a.name = '{account}' AND t.code = 'settlement'"
            f" AND e.book = ledger.number('{BOOK}')"
        )
        return int(rows[0][0])


def test_whatever_happens_the_books_agree(town: Town, link: Link, empty: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """As though the service cleared by the day as well as by the month: a node opens no window that isn't declared."""
    declared = {("CNY", "gross", "day"), ("CNY", "gross", "month")}
    monkeypatch.setattr(timetable, "declared", lambda service: declared)
    run_state_machine_as_test(
        lambda: Two(link, empty),
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            database=None,
        ),
    )


@pytest.fixture
def empty(link: Link) -> Any:
    """Takes all rows of clearing, the ledger and the mail away, at both nodes."""
    tables = (
        "ledger.book, ledger.account, ledger.window, ledger.transfer, ledger.entry, clearing_window, clearing_instruction,"
        " clearing_difference, clearing_order, clearing_bankline, clearing_prepayment, exchange_outbox, exchange_inbox"
    )

    def take_away() -> None:
        import psycopg

        for own in link.nodes.places.values():
            with psycopg.connect(own.owner_url, autocommit=True) as owner:
                owner.execute(f"TRUNCATE {tables} RESTART IDENTITY CASCADE")  # type: ignore[call-overload]

    return take_away
