"""Where clearing writes: instructions, and the opening of a book."""

from uuid import UUID

from django.db import connection

from chuanyu.clearing.models import Instruction
from chuanyu.core.ids import uuid7
from chuanyu.core.money import Money


def instruct(
    *,
    id: UUID,
    case: UUID,
    sequence: int,
    service: str,
    name: str,
    side: str,
    payer: str,
    payee: str,
    amount: int,
    unit: str,
    cycle: str,
) -> Instruction:
    """Ask for a transfer, in the caller's transaction. `amount` in fen, positive. The same id again changes nothing."""
    instruction, made = Instruction.objects.get_or_create(
        pk=id,
        defaults={
            "case": case,
            "sequence": sequence,
            "service": service,
            "name": name,
            "side": side,
            "payer": payer,
            "payee": payee,
            "amount": amount,
            "unit": unit,
            "cycle": cycle,
        },
    )
    if made:
        with connection.cursor() as cursor:
            cursor.execute("NOTIFY chuanyu_wake")
    return instruction


def fund(*, agency: str, service: str, amount: Money, unit: str = "CNY") -> None:
    """Pay into a service's fund from outside (the treasury, an account without a floor)."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT book, id, name FROM ledger.open(%s, '{fund,treasury}', %s::text[], '{0,NULL}')",
            [f"{agency}/{service}", [unit, unit]],
        )
        rows = cursor.fetchall()
        ids = {name: id_ for _, id_, name in rows}
        cursor.execute(
            "SELECT ledger.post(%s, %s::uuid[], %s::int[], %s::int[], %s::bigint[], '{opening}')",
            [rows[0][0], [uuid7()], [ids["treasury"]], [ids["fund"]], [amount.fen]],
        )
