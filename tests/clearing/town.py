"""Two nodes that owe each other money, a link between them that can be cut, and a day that can be turned.

What the case engine does is done by hand here: a transfer the payer's ledger took is carried to the payee, who mirrors it.
"""

import os
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import connection

from chuanyu.clearing import actions, audit, bankfile, differences, legs, orders, posting, queries, windows
from chuanyu.clearing.models import Instruction, Order
from chuanyu.core.ids import uuid7
from chuanyu.core.money import Money
from chuanyu.core.service import NODES
from chuanyu.exchange import inbox
from chuanyu.exchange.models import Inbox
from chuanyu.identity.actor import Actor
from chuanyu.identity.here import other
from link import Link

SERVICE, AGENCY = "pension_transfer", "hrss"
BOOK = f"{AGENCY}/{SERVICE}"
CASE = UUID(int=1)


@dataclass
class Carried:
    """A transfer that was posted at the payer and is to be mirrored."""

    payer: str
    id: UUID
    arguments: dict[str, Any]


class Town:
    """Both nodes with a million yuan in each fund. `carry` brings what was posted to the payee; until then it is on its way."""

    def __init__(self, link: Link, *, day: str = "2025-03-10") -> None:
        self.link = link
        self.on_its_way: list[Carried] = []
        self.heard: list[tuple[str, queries.Transfer]] = []  # what the case engine would be told
        self.steps = 0  # of CASE: each transfer is a step of its own
        self.turn(day)
        for node in NODES:
            with self.at(node):
                actions.fund(agency=AGENCY, service=SERVICE, amount=Money.parse("1000000.00"))

    def at(self, node: str) -> Any:
        return self.link.at(node)

    def turn(self, day: str) -> None:
        """It is that legal day at both nodes."""
        os.environ["CHUANYU_TODAY"] = day

    def pay(
        self,
        payer: str,
        amount: int,
        *,
        window: str = "month",
        kind: str = "plain",
        of: UUID | None = None,
        **more: Any,
    ) -> UUID:
        """Instruct at the payer; `carry` later. Returns the transfer's id."""
        id_ = uuid7()
        self.steps += 1
        arguments = {
            "case": CASE, "sequence": self.steps, "service": SERVICE, "name": "transfer_amount",
            "payer": f"{payer}/{AGENCY}",
            "payee": f"{other(payer)}/{AGENCY}", "amount": amount, "unit": "CNY", "cycle": "gross", "kind": kind, "of": of,
        } | more  # fmt: skip
        with self.at(payer):
            made = actions.instruct(id=id_, side="payer", window=window, **arguments)
        if kind not in ("pending", "void"):
            arguments["window"] = made.period
            self.on_its_way.append(Carried(payer, id_, arguments))
        return id_

    def carry(self) -> int:
        """Mirror at the payees what was posted; what still waits stays on its way."""
        count = 0
        for carried in list(self.on_its_way):
            with self.at(carried.payer):
                status = Instruction.objects.get(pk=carried.id).status
            if status == "waiting":
                continue
            self.on_its_way.remove(carried)
            if status == "posted":
                with self.at(other(carried.payer)):
                    actions.instruct(id=carried.id, side="payee", **carried.arguments)
                count += 1
        return count

    def work(self, *, carry: bool = True) -> None:
        """Let everything happen that can, until nothing moves."""
        for _ in range(40):
            moved = self.carry() if carry else 0
            moved += self.link.deliver()
            for node in NODES:
                with self.at(node):
                    moved += posting.work()
                    Inbox.objects.filter(state=Inbox.PARKED).update(next_try="2020-01-01T00:00Z")
                    applied = inbox.work()
                    moved += max(0, applied - Inbox.objects.filter(state=Inbox.PARKED).count()) + windows.work()
            if not moved:
                return
        raise AssertionError("it never comes to rest")

    # --- looking ------------------------------------------------------------------------------------------------------

    def window(self, node: str, period: str) -> queries.Window:
        with self.at(node):
            (found,) = [w for w in queries.windows() if w.period == period]
        return found

    def states(self, period: str) -> list[str]:
        """Of one window, at Chongqing and Sichuan."""
        return [self.window(node, period).state for node in NODES]

    def balances(self, node: str) -> dict[str, int]:
        with self.at(node):
            return {a.name: a.balance for a in queries.accounts(BOOK)}

    def status(self, node: str, id_: UUID) -> tuple[str, str]:
        with self.at(node):
            return Instruction.objects.values_list("status", "reason").get(pk=id_)

    def lines(self, node: str, period: str) -> list[queries.Difference]:
        """Ask the other node anew for what differs."""
        with self.at(node):
            window = windows.Window.objects.get(period=period)
            differences.compare(window)
            return queries.differences(window=window.pk)

    def officer(self, node: str) -> Actor:
        return Actor(kind="staff", user="officer", node=node, agency=AGENCY, roles=frozenset({"officer"}))

    def sound(self, *, between: bool = True) -> None:
        """The audit finds nothing, at either node."""
        for node in NODES:
            with self.at(node):
                assert audit.whole(lambda line: None, alone=not between) == []

    def banks_answer(self) -> int:
        """Both banks carry out every order that is open."""
        count = 0
        for node, direction, state in [(n, "out", "issued") for n in NODES] + [(n, "in", "paid") for n in NODES]:
            with self.at(node):
                role = {"out": "payer", "in": "payee"}[direction]
                for order in Order.objects.filter(state=state, **{f"{role}__startswith": f"{node}/"}):
                    day = "2025-05-02"
                    row = f"{order.number}-{direction},{order.number},{direction},{Money(order.amount)},{day}"
                    (line,) = bankfile.read(["reference,number,direction,amount,day", row])
                    assert orders.answer(line).problem == ""
                    count += 1
            self.work()
        return count

    def hours_pass(self, node: str, hours: int) -> None:
        """Everything that will expire there does so that much sooner."""
        for table, column in (
            ("ledger.transfer", "expires"),
            ("ledger.book", "expired"),
            ("clearing_instruction", "expires"),
        ):
            self.tamper(node, f"UPDATE {table} SET {column} = {column} - interval '{hours} hours'")

    def tamper(self, node: str, statement: str) -> None:
        """As the owner of the tables, past every function."""
        import psycopg

        with psycopg.connect(self.link.nodes.places[node].owner_url, autocommit=True) as owner:
            owner.execute(statement)  # type: ignore[call-overload]


def post_alone(node_book: str, debit: str, credit: str, amount: int, **more: Any) -> None:
    """One transfer straight into a book of the acting node, as a faulty program would do it."""
    leg = {name: legs.leg(name, "CNY") for name in (debit, credit)}
    from chuanyu.clearing import batches

    wanted = batches.Posting(
        id=uuid7(), debit=leg[debit], credit=leg[credit], amount=amount, unit="CNY", code="wrong", **more
    )
    assert batches.post(node_book, [wanted]) == [0]


def sql(statement: str) -> list[Any]:
    """All rows, at the acting node."""
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchall()
