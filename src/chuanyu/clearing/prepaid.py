"""Money a payer keeps with a payee in advance: opened by the payer, known at both nodes, watched by how much is used."""

from decimal import Decimal
from itertools import product
from typing import Any

import msgspec
from django.db.models import F

from chuanyu.clearing import legs, letters
from chuanyu.clearing.legs import Leg
from chuanyu.clearing.models import Instruction, Prepayment
from chuanyu.core.catalogue import catalogue

Side = Instruction.Side


class Gauge(msgspec.Struct, frozen=True, kw_only=True):
    """How much of a prepayment is used. Amounts in fen. `level`: "" | yellow | red.

    `used` includes what is `reserved` for stays not yet settled, which nobody else can use; `balance` is the ledger's.
    """

    service: str
    own: str
    peer: str
    side: str
    unit: str
    opening: int
    balance: int
    reserved: int
    used: int
    share: Decimal
    yellow: Decimal
    red: Decimal
    level: str


def declared(service: str, *, payer: str, payee: str, unit: str) -> set[tuple[Decimal, Decimal]]:
    """The alarms (yellow, red) a service has ever declared for a prepayment of that unit between the two; none: it keeps none."""
    found, node = catalogue().get(service), payer.partition("/")[0]
    if found is None or found.procedure is None:
        return set()
    parties = found.procedure.parties
    alarms = set()
    for posting in found.postings.values():
        if posting.prepayment is None or posting.unit != unit:
            continue
        if [parties[p].agency for p in (posting.payer, posting.payee)] != [a.partition("/")[2] for a in (payer, payee)]:
            continue
        yellow, red = (
            {Decimal(value.value) for value in found.parameters[key].values if value.at in (None, node)}
            for key in (posting.prepayment.yellow, posting.prepayment.red)
        )
        alarms |= set(product(yellow, red))
    return alarms


def legs_of(instruction: Instruction) -> tuple[Leg, Leg]:
    """(debit, credit) when money is put in advance: from the fund at the payer, from outside at the payee."""
    if instruction.side == Side.PAYER:
        return legs.leg(legs.FUND, instruction.unit), legs.leg(f"prepaid/{instruction.payee}", instruction.unit)
    return legs.leg(legs.BANK, instruction.unit), legs.leg(f"prepayment/{instruction.payer}", instruction.unit)


def opened(instruction: Instruction) -> None:
    """It was posted: the opening grows by it, and the payee is told. In the transaction that stores the ledger's answer."""
    rows = Prepayment.objects.filter(
        book=instruction.book, peer=instruction.peer, side=instruction.side, unit=instruction.unit
    )
    rows.update(opening=F("opening") + instruction.amount)
    if instruction.side == Side.PAYER:
        row = rows.get()
        document = {
            "id": str(instruction.pk),
            "amount": instruction.amount,
            "unit": instruction.unit,
            "yellow": str(row.yellow),
            "red": str(row.red),
        }
        letters.send(
            own=instruction.payer,
            peer=instruction.payee,
            service=instruction.service,
            action=letters.PREPAID,
            document=document,
            stream=f"prepaid:{row.pk}",
        )


def gauge(row: Prepayment, balance: int, reserved: int) -> Gauge:
    """Its state with that balance in the ledger: at the payer what still lies with the payee, and the other way round.

    Reservations are the payer's: its partner's account never has any.
    """
    used = row.opening - balance + reserved
    share = Decimal(used) / row.opening if row.opening else Decimal(0)
    level = "red" if share >= row.red else "yellow" if share >= row.yellow else ""
    fields: dict[str, Any] = {
        name: getattr(row, name) for name in ("service", "own", "peer", "side", "unit", "opening")
    }
    return Gauge(
        **fields,
        balance=balance,
        reserved=reserved,
        used=used,
        share=share,
        yellow=row.yellow,
        red=row.red,
        level=level,
    )
