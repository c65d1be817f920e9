"""Clearing, read by others."""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

import msgspec
from django.db import connection

from chuanyu.clearing.models import Instruction
from chuanyu.core.money import Money


class Transfer(msgspec.Struct, frozen=True, kw_only=True):
    """A transfer as this node's ledger knows it. status: waiting | posted | refused; `order` is "" until issued."""

    id: UUID
    case: UUID
    sequence: int
    name: str
    amount: Money
    unit: str
    payer: str
    payee: str
    status: str
    reason: str
    settled: datetime | None
    order: str


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """An account of a book and where it stands. `balance` in fen: credit positive."""

    book: str
    name: str
    unit: str
    balance: int
    entries: int


def transfers(cases: Iterable[UUID]) -> list[Transfer]:
    """The transfers of these cases at this node, oldest first."""
    rows = Instruction.objects.filter(case__in=list(cases)).select_related("order").order_by("at")
    return [
        Transfer(
            id=r.id,
            case=r.case,
            sequence=r.sequence,
            name=r.name,
            amount=Money(r.amount),
            unit=r.unit,
            payer=r.payer,
            payee=r.payee,
            status=r.status,
            reason=r.reason,
            settled=r.settled,
            order=r.order.number if hasattr(r, "order") else "",
        )
        for r in rows
    ]


def waiting(case: UUID, sequence: int) -> bool:
    """True while a transfer this node pays for that step has no answer of the ledger yet."""
    return Instruction.objects.filter(case=case, sequence=sequence, side="payer", status="waiting").exists()


def accounts() -> list[Account]:
    """Every account of this node, by book and name."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT b.name, a.name, a.unit, a.balance, a.seq FROM ledger.account a JOIN ledger.book b USING (book) ORDER BY b.name, a.name"
        )
        return [Account(book=b, name=n, unit=u, balance=v, entries=s) for b, n, u, v, s in cursor.fetchall()]
