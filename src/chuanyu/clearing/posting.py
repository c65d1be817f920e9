"""The poster: executes what cases instructed, once, however often it is killed.

`ledger.post` is idempotent by the transfer's id, and an instruction stays "waiting" until its answer is stored, so a crash
between the two only asks the ledger again and gets the same answer. One poster per book: an advisory lock keeps a second one out.
"""

from collections.abc import Callable

from django.db import connection, transaction
from django.utils import timezone

from chuanyu.clearing.models import Instruction, Order

BATCH = 500  # the knee of the curve: fewer cost a tenth more each, more gain little
REASONS = {
    2: "id_reused",
    3: "unknown_account",
    4: "same_account",
    5: "insufficient",
    6: "closed_account",
    7: "bad_amount",
    8: "unit_differs",
}

Settled = Callable[[Instruction], None]
_settled: list[Settled] = []


def settled(handler: Settled) -> Settled:
    """Register `handler(instruction)`; it runs in the transaction that stores the ledger's answer."""
    _settled.append(handler)
    return handler


def book_of(instruction: Instruction) -> str:
    """The payer's side posts to the payer's book, the payee's side to the payee's: "hrss/pension_transfer"."""
    agency = (instruction.payer if instruction.side == Instruction.Side.PAYER else instruction.payee).partition("/")[2]
    return f"{agency}/{instruction.service}"


def work() -> int:
    """Post one batch per book with waiting instructions. Returns how many were settled."""
    waiting = list(Instruction.objects.filter(status=Instruction.Status.WAITING).order_by("at")[:BATCH])
    books: dict[str, list[Instruction]] = {}
    for instruction in waiting:
        books.setdefault(book_of(instruction), []).append(instruction)
    return sum(_post(book, batch) for book, batch in books.items())


def _post(book: str, batch: list[Instruction]) -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(hashtext('chuanyu.poster'), hashtext(%s))", [book])
        if not _one(cursor):
            return 0
        try:
            statuses = _ask_ledger(book, batch)
            return _store(batch, statuses)
        finally:
            cursor.execute("SELECT pg_advisory_unlock(hashtext('chuanyu.poster'), hashtext(%s))", [book])


def _ask_ledger(book: str, batch: list[Instruction]) -> list[int]:
    """One status per instruction. The accounts are opened on first use; only the fund has a floor: a fund can't lend."""
    names, units, floors = ["fund"], [batch[0].unit], [0]
    sides = [_accounts(i) for i in batch]
    for instruction, (debit, credit) in zip(batch, sides, strict=True):
        for name in (debit, credit):
            if name not in names:
                names.append(name)
                units.append(instruction.unit)
                floors.append(None)  # type: ignore[arg-type]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT book, id, name FROM ledger.open(%s, %s::text[], %s::text[], %s::bigint[])",
            [book, names, units, floors],
        )
        rows = cursor.fetchall()
        number, ids = rows[0][0], {name: id_ for _, id_, name in rows}
        cursor.execute(
            "SELECT ledger.post(%s, %s::uuid[], %s::int[], %s::int[], %s::bigint[], %s::text[])",
            [
                number,
                [i.id for i in batch],
                [ids[debit] for debit, _ in sides],
                [ids[credit] for _, credit in sides],
                [i.amount for i in batch],
                [i.name for i in batch],
            ],
        )
        statuses: list[int] = _one(cursor)
        return statuses


def _accounts(instruction: Instruction) -> tuple[str, str]:
    """(debit, credit). The payer's fund owes the other place; the payee's fund has a claim on it, without a floor."""
    if instruction.side == Instruction.Side.PAYER:
        return "fund", f"due_to/{instruction.payee}"
    return f"due_from/{instruction.payer}", "fund"


def _store(batch: list[Instruction], statuses: list[int]) -> int:
    now = timezone.now()
    done = 0
    for instruction, status in zip(batch, statuses, strict=True):
        with transaction.atomic():
            fresh = Instruction.objects.select_for_update().get(pk=instruction.pk)
            if fresh.status != Instruction.Status.WAITING:
                continue
            fresh.status = Instruction.Status.POSTED if status == 0 else Instruction.Status.REFUSED
            fresh.reason = REASONS.get(status, "")
            fresh.settled = now
            fresh.save(update_fields=["status", "reason", "settled"])
            if status == 0 and fresh.side == Instruction.Side.PAYER and fresh.cycle == "gross":
                Order.objects.create(instruction=fresh)
            for handler in _settled:
                handler(fresh)
            done += 1
    return done


def _one(cursor) -> list[int]:  # type: ignore[no-untyped-def]
    return cursor.fetchone()[0]
