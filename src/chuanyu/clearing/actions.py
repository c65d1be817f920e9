"""Where clearing writes: instructions, funds and prepayments. What happens to windows is in windows.py, to orders in orders.py.

What officers do by hand is at the end: they act for their own agency, the office for any of this node.
"""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from chuanyu.clearing import booking, differences, legs, opening, orders, periods, windows
from chuanyu.clearing.models import NO_CASE, Difference, Instruction, Order, Prepayment, Window
from chuanyu.clearing.reasons import REASONS
from chuanyu.core import days
from chuanyu.core.ids import uuid7
from chuanyu.core.money import Money
from chuanyu.core.text import Text
from chuanyu.identity.actor import Actor
from chuanyu.identity.here import here


class ClearingError(Exception):
    """Something clearing will not do. `text` is for the person who asked; `code` for programs."""

    def __init__(self, code: str, text: Text) -> None:
        super().__init__(f"{code}: {text.en}")
        self.code = code
        self.text = text


ID_REUSED = ClearingError("id_reused", Text("这个编号已用于另一笔转账。", "This id was used for another transfer."))


def instruct(
    *,
    id: UUID,
    case: UUID | None,
    sequence: int,
    service: str,
    name: str,
    side: str,
    payer: str,
    payee: str,
    amount: int,
    unit: str,
    cycle: str,
    kind: str = "plain",
    of: UUID | None = None,
    window: str = "",
    source: str = "fund",
    target: str = "fund",
    expires: datetime | None = None,
) -> Instruction:
    """Ask for a transfer, in the caller's transaction. `amount` in fen, positive. The same id again changes nothing;
    with other content it raises ClearingError (ID_REUSED).

    `kind`: plain; pending reserves (until `expires`, if given); post takes all or part of the reservation `of`; void gives
    it back; reverse gives back all or part of what the plain or post `of` moved. Post, void and reverse take accounts (and
    void the amount) from `of`, which must be instructed at this node before.
    `window`: "day" or "month", the one that is current; or a period ("2025-03"), which is how the payee's side names the
    payer's; "" settles alone, by an order of its own. `source`: the payer's "fund", "prepayment" or "person/<uuid>" here;
    `target`: the payee's "fund" or "person/<uuid>" here. A person of the other node is unknown here and need not be named.
    The payee's side mirrors what moved money: for its pending and void nothing is posted.
    """
    if (of is None) != (kind in ("plain", "pending")):
        raise ValueError(f"a {kind} {'needs' if of is None else 'has no'} `of`")
    moves = kind not in (Instruction.Kind.PENDING, Instruction.Kind.VOID)
    here_only = side == Instruction.Side.PAYER or kind == Instruction.Kind.REVERSE
    # the payee never had the payer's reservation: there its post is a plain transfer
    origin = Instruction.objects.get(pk=of) if of and here_only else None
    if origin is not None:
        source, target = origin.source, origin.target
        amount = origin.amount if kind == Instruction.Kind.VOID else amount
    content: dict[str, Any] = {
        "case": case or NO_CASE, "sequence": sequence, "service": service, "name": name, "side": side, "kind": kind, "of": of,
        "payer": payer, "payee": payee, "source": source, "target": target, "amount": amount, "unit": unit, "cycle": cycle,
    }  # fmt: skip
    known = Instruction.objects.filter(pk=id).first()
    if known is not None:
        other = moves and window not in ("", *periods.KINDS, known.period)
        if other or any(getattr(known, field) != value for field, value in content.items()):
            raise ID_REUSED
        return known
    own, peer = (payer, payee) if side == Instruction.Side.PAYER else (payee, payer)
    entered = None
    if window and moves and own.partition("/")[0] != peer.partition("/")[0]:
        entered = windows.enter(service=service, own=own, peer=peer, unit=unit, cycle=cycle, window=window)
    nothing = side == Instruction.Side.PAYEE and not moves
    made = Instruction.objects.create(
        pk=id,
        **content,
        window=entered,
        expires=expires,
        status=Instruction.Status.POSTED if nothing else Instruction.Status.WAITING,
    )
    wake()
    return made


def period(*, service: str, payer: str, payee: str, unit: str, cycle: str, window: str) -> str:
    """The period ("2025-03") of the window that a transfer instructed in this transaction would enter at the payer.

    For whoever must write it down before instructing. It can't be closed before this transaction ends.
    """
    return windows.enter(service=service, own=payer, peer=payee, unit=unit, cycle=cycle, window=window).period


def wake() -> None:
    """Wake the worker when the transaction commits."""
    with connection.cursor() as cursor:
        cursor.execute("NOTIFY chuanyu_wake")


# --- funds and prepayments -------------------------------------------------------------------------------------------


@transaction.atomic
def fund(*, agency: str, service: str, amount: Money, unit: str = "CNY", account: str = "fund") -> UUID:
    """Pay into a service's fund, or another account of its book, from outside (the treasury, an account without a floor).

    Returns the transfer's id. Raises ClearingError with the ledger's reason if it refuses.
    """
    into, treasury = legs.leg(account, unit), legs.leg(legs.TREASURY, unit)
    if amount.fen <= 0:
        raise refusal("bad_amount")
    try:
        (made,) = booking.move(f"{agency}/{service}", [(treasury, into, amount.fen)], unit=unit, code="opening")
    except booking.Refusal as error:
        raise refusal(error.reason) from None
    return made


def refusal(code: str) -> ClearingError:
    """What the ledger refused with, to be raised: `code` is one of reasons.REASONS."""
    return next(ClearingError(code, reason.text) for reason in REASONS.values() if reason.code == code)


@transaction.atomic
def prepay(
    *,
    service: str,
    payer: str,
    payee: str,
    amount: Money,
    yellow: Decimal = Decimal("0.7"),
    red: Decimal = Decimal("0.9"),
    unit: str = "CNY",
) -> Instruction:
    """Open a prepayment with the payee, or raise it by `amount`: fund to prepaid here, an order, and the payee is told.

    `yellow`, `red`: shares used at which it alarms. The poster executes it; it fails when the fund does not have it.
    """
    if payer.partition("/")[0] != here():
        raise ValueError(f"{payer} is not of this node")
    book = f"{payer.partition('/')[2]}/{service}"
    Prepayment.objects.update_or_create(
        book=book, peer=payee, side=Instruction.Side.PAYER, unit=unit,
        defaults={"service": service, "own": payer, "yellow": yellow, "red": red},
    )  # fmt: skip
    return instruct(
        id=uuid7(), case=None, sequence=0, service=service, name=legs.PREPAYMENT, side="payer", payer=payer, payee=payee,
        amount=amount.fen, unit=unit, cycle="gross",
    )  # fmt: skip


# --- what officers do by hand ----------------------------------------------------------------------------------------

NOT_ALLOWED = ClearingError(
    "not_allowed",
    Text("只有本单位的负责人或专班可以处理。", "Only an officer of the agency, or the office, may do this."),
)
NOTHING_HERE = ClearingError(
    "nothing_here",
    Text(
        "这笔差异在本节点没有分录，应由对方调整。",
        "This node has no transfer for this line; the other side adjusts it.",
    ),
)
NO_REASON = ClearingError("no_reason", Text("请写明调整的原因。", "Say why it is adjusted."))
NOT_OPEN = ClearingError(
    "not_open", Text("这个清算期已经在关账或已关账。", "This window is closing or closed already.")
)
NO_RULE = ClearingError(
    "no_rule",
    Text(
        "上年第四季度的清算期没有全部双方签字，算不出额度。",
        "Not all windows of last year's fourth quarter are signed by both sides, so there is no amount.",
    ),
)
REACHED = ClearingError(
    "reached", Text("预付金已不低于规则算出的额度。", "The prepayment is not below what the rule gives.")
)
RESOLVED = ClearingError("resolved", Text("这笔差异已经处理。", "This difference has been dealt with."))


@transaction.atomic
def adjust(*, difference: int, actor: Actor, note: str) -> Instruction:
    """Undo a transfer that the other node does not have, by an opposite one in the current window.

    Neither counts in what the nodes sign any more. Nothing is edited. Raises ClearingError.
    """
    line = Difference.objects.select_for_update().select_related("window").get(pk=difference)
    window = line.window
    _allow(actor, window.own)
    if not note.strip():
        raise NO_REASON
    if line.resolved or window.state != window.State.CLOSING:
        raise RESOLVED
    if line.ours is None:
        raise NOTHING_HERE
    known = Instruction.objects.filter(of=line.transfer, kind=Instruction.Kind.ADJUST)
    if known.exclude(status=Instruction.Status.REFUSED).exists():
        raise RESOLVED
    origin = Instruction.objects.filter(pk=line.transfer).first()  # whose case is to be told
    line.by, line.note = actor.id, note.strip()
    line.save(update_fields=["by", "note"])
    payer, payee = (window.peer, window.own) if line.mirror else (window.own, window.peer)
    entered = windows.enter(
        service=window.service, own=window.own, peer=window.peer, unit=window.unit, cycle=window.cycle,
        window=periods.kind_of(window.period),
    )  # fmt: skip
    made = Instruction.objects.create(
        pk=uuid7(), case=origin.case if origin else NO_CASE, sequence=origin.sequence if origin else 0,
        service=window.service, name="adjustment", kind=Instruction.Kind.ADJUST,
        side=Instruction.Side.PAYEE if line.mirror else Instruction.Side.PAYER, of=line.transfer, payer=payer, payee=payee,
        amount=abs(line.ours), unit=window.unit, cycle=window.cycle, window=entered,
    )  # fmt: skip
    wake()
    return made


def close(*, window: int, actor: Actor) -> Window:
    """Begin to close a window now, without waiting for its timetable, and go as far as that goes. Raises ClearingError.

    The other node follows once the period is over there too.
    """
    found = Window.objects.get(pk=window)
    _allow(actor, found.own)
    if found.state != Window.State.OPEN:
        raise NOT_OPEN
    windows.begin(found)
    return windows.advance(found)


def compare(*, window: int, actor: Actor) -> int:
    """Ask the other node line by line what differs, now. Returns how many lines do. Raises ClearingError, exchange's errors."""
    found = Window.objects.get(pk=window)
    _allow(actor, found.own)
    return len(differences.compare(found))


def bank_answers(lines: Iterable[dict[str, Any]], *, actor: Actor) -> list[orders.Taken]:
    """Take lines of the bank's answer (as bankfile.read gives them), each for itself, and say what became of each.

    A line of another agency's order is `not_allowed` and not kept.
    """
    found = []
    for line in lines:
        order = Order.objects.filter(number=line["number"]).first()
        try:
            if order is not None:
                _allow(actor, orders.own(order))
            found.append(orders.answer(line))
        except ClearingError as error:
            found.append(orders.Taken(line, error.code))
        except booking.Refusal as refusal:
            found.append(orders.Taken(line, refusal.reason))
    return found


def prepay_by_rule(*, service: str, payer: str, payee: str, unit: str, actor: Actor) -> Instruction:
    """Bring a prepayment to what its rule gives today from last year's fourth quarter. Only ever raises it.

    Raises ClearingError, LookupError for a prepayment no service declares.
    """
    _allow(actor, payer)
    found = opening.find(days.today(), service=service, payer=payer, payee=payee, unit=unit)
    if found.amount is None:
        raise NO_RULE
    waiting = Instruction.objects.filter(
        name=legs.PREPAYMENT, service=service, payer=payer, payee=payee, unit=unit, status=Instruction.Status.WAITING
    )
    if not found.lacks or waiting.exists():
        raise REACHED
    return prepay(
        service=service, payer=payer, payee=payee, unit=unit, amount=Money(found.lacks),
        yellow=Decimal(found.yellow), red=Decimal(found.red),
    )  # fmt: skip


def may(actor: Actor, own: str) -> bool:
    """Whether this actor decides about money of the agency `own` ("sichuan/nhsa")."""
    node, _, agency = own.partition("/")
    officer = "officer" in actor.roles and actor.serves(agency, node)
    return actor.node == node == here() and (officer or "office" in actor.roles or actor.is_system)


def _allow(actor: Actor, own: str) -> None:
    if not may(actor, own):
        raise NOT_ALLOWED
