"""Payment orders and the banks' answers: issued when a window closes (or a transfer settles alone), paid, received.

The payer's node issues an order and tells the payee's. Each node hears from its own bank: the payer's that it was paid, the
payee's that it arrived; each tells the other. What was owed leaves the book only then, against the account `bank`.
"""

import re
from typing import Any, NamedTuple

from django.db import connection, transaction
from django.db.models import Q
from django.utils import timezone

from chuanyu.clearing import booking, legs, letters
from chuanyu.clearing.models import BankLine, Instruction, Order, Window
from chuanyu.core import days
from chuanyu.identity import sql
from chuanyu.identity.here import here

PREFIX = {"chongqing": "CQ", "sichuan": "SC"}
State = Order.State
MONEY = "CNY"
PAID = (State.PAID, State.RECEIVED)
MOVE = (Instruction.Kind.PLAIN, Instruction.Kind.POST, Instruction.Kind.REVERSE)

# `account` is the one that holds the claim or the debt; what was adjusted is left out, as in what was signed
_OWED = """
SELECT a.name, sum(CASE WHEN t.kind = 5 THEN -t.amount ELSE t.amount END)::bigint
  FROM ledger.transfer t
  JOIN ledger.account a ON a.book = t.book AND a.id = CASE WHEN (t.kind = 5) <> t.mirror THEN t.debit ELSE t.credit END
 WHERE t.book = ledger.number(%s) AND t."window" = %s AND t.mirror = %s AND t.status = 0 AND t.kind IN (0, 2, 5)
   AND t.at >= (SELECT w.opened FROM ledger.window w WHERE w.book = t.book AND w.id = t."window")
   AND NOT EXISTS (SELECT FROM ledger.transfer x WHERE x.book = t.book AND x.origin = t.id AND x.status = 0 AND x.kind = 6)
 GROUP BY 1
"""


def expected(window: Window) -> list[tuple[str, str, int]]:
    """The orders a closed window needs: (payer, payee, amount). Gross: one for each direction; net: one, or none.

    Only money is paid by a bank: points and items stay owed on the books.
    """
    if window.unit != MONEY:
        return []
    assert window.statement is not None
    out, back = (
        int(window.statement["paid"][direction]["sum"])
        for direction in (f"{window.own}>{window.peer}", f"{window.peer}>{window.own}")
    )
    if window.cycle == "net":
        out, back = max(out - back, 0), max(back - out, 0)
    else:  # reversals may outweigh what a side paid in the same window
        out, back = max(out, 0) + max(-back, 0), max(back, 0) + max(-out, 0)
    found = [(window.own, window.peer, out), (window.peer, window.own, back)]
    return [one for one in found if one[2]]


def issue(window: Window) -> None:
    """Issue what this node pays for a window that has just closed, in the caller's transaction."""
    for payer, payee, amount in expected(window):
        if payer == window.own:
            _tell(
                _create(
                    payer=payer, payee=payee, service=window.service, amount=amount, unit=window.unit, window=window
                )
            )
    _settle(window)


def issue_alone(instruction: Instruction) -> None:
    """Issue the order of a transfer that settles alone, if this node pays. The payee hears of it when it is paid."""
    needed = alone(instruction)
    if needed is None or needed[0] != instruction.own:
        return
    payer, payee, amount, unit = needed
    _create(payer=payer, payee=payee, service=instruction.service, amount=amount, unit=unit, instruction=instruction)


def alone(instruction: Instruction) -> tuple[str, str, int, str] | None:
    """The order a posted transfer without a window needs: (payer, payee, amount, unit); None for one that needs none."""
    if (
        instruction.window_id
        or instruction.cycle != "gross"
        or instruction.unit != MONEY
        or instruction.kind not in MOVE
    ):
        return None
    back = instruction.kind == Instruction.Kind.REVERSE  # a reversal is paid by who had received
    payer, payee = (instruction.payee, instruction.payer) if back else (instruction.payer, instruction.payee)
    return payer, payee, instruction.amount, instruction.unit


def numbered_by(node: str, number: str) -> bool:
    """Whether a number is one that `node` gives its orders."""
    return re.fullmatch(rf"{PREFIX[node]}[0-9]{{8}}-[0-9]{{6,18}}", number) is not None


def _create(**fields: Any) -> Order:
    """One more order of this node, numbered by the legal day and its key."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval(pg_get_serial_sequence('clearing_order', 'id'))")
        (key,) = cursor.fetchone()
    number = f"{PREFIX[here()]}{days.today():%Y%m%d}-{key:06d}"
    return Order.objects.create(pk=key, number=number, issued=timezone.now(), **fields)


# --- the banks' answers ----------------------------------------------------------------------------------------------


class Taken(NamedTuple):
    """What became of a line of a bank's answer. `problem`: why it was only kept, ""; `again`: it had been taken before."""

    line: dict[str, Any]
    problem: str
    again: bool = False


def answer(line: dict[str, Any]) -> Taken:
    """Take one line of the bank's answer, as bankfile.line gives it. The same line again changes nothing.

    What does not fit is kept with the problem. A reference is a bank's: on one day it stands for one line of an agency's account.
    """
    with transaction.atomic():
        _one_at_a_time(line["reference"])
        if BankLine.objects.filter(**line, problem="").exists():
            return Taken(line, "", again=True)
        order = Order.objects.select_for_update().filter(number=line["number"]).first()
        account = own(order) if order else ""
        same = BankLine.objects.filter(reference=line["reference"], day=line["day"])
        used = bool(account) and same.filter(account=account, problem="").exists()
        problem = "reference_used" if used else _problem(order, line)
        if order is not None and not problem:
            _move(order, State.PAID if line["direction"] == "out" else State.RECEIVED)
            # what was entered wrongly and is now right: the same order, or the same money under a number that was none
            mistyped = Q(problem="unknown_order", direction=line["direction"], amount=line["amount"])
            same.exclude(problem="").filter(Q(number=line["number"]) | mistyped).delete()
        BankLine.objects.update_or_create(
            **line, defaults={"problem": problem, "account": account, "order": None if problem else order}
        )
        return Taken(line, problem)


def own(order: Order) -> str:
    """The agency of this node in an order: "chongqing/nhsa"."""
    return order.payer if order.payer.startswith(f"{here()}/") else order.payee


def _one_at_a_time(reference: str) -> None:
    """Lines of one reference are taken one after the other: two may not both find it unused."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 3))", [reference])


def _problem(order: Order | None, line: dict[str, Any]) -> str:
    if order is None:
        return "unknown_order"
    payer_here = order.payer.startswith(f"{here()}/")
    if (line["direction"] == "out") != payer_here:
        return "wrong_direction"
    if order.amount != line["amount"]:
        return "amount_differs"
    done = order.state in PAID if payer_here else order.state == State.RECEIVED
    return "twice" if done else ""


def _move(order: Order, state: str) -> None:
    """Our own bank's word: book it, tell the other node, and see what it makes of the window."""
    now = timezone.now()
    order.state, order.paid = state, order.paid or now
    if state == State.RECEIVED:
        order.received = now
    order.save(update_fields=["state", "paid", "received"])
    if order.window:
        _settle(order.window)
    else:
        _settle_alone(order)
    _tell(order)


def _tell(order: Order) -> None:
    ours, theirs = (order.payer, order.payee) if order.payer.startswith(f"{here()}/") else (order.payee, order.payer)
    window = order.window
    letters.send(
        own=ours,
        peer=theirs,
        service=order.service,
        action=letters.ORDER,
        document={
            "number": order.number,
            "payer": order.payer,
            "payee": order.payee,
            "amount": order.amount,
            "unit": order.unit,
            "state": order.state,
            "period": window.period if window else "",
            "cycle": window.cycle if window else "gross",
            "transfer": str(order.instruction_id) if order.instruction_id else None,
        },
        stream=f"window:{window.pk}" if window else f"order:{order.number}",
    )


def note(**fields: Any) -> Order:
    """An order of the other node, as it told us."""
    return Order.objects.create(issued=timezone.now(), **fields)


def told(order: Order, state: str) -> None:
    """The other node's word about an order, in the caller's transaction: forward only."""
    if list(State).index(State(state)) <= list(State).index(State(order.state)):
        return
    now = timezone.now()
    order.state, order.paid = state, order.paid or now
    order.received = now if state == State.RECEIVED else None
    order.save(update_fields=["state", "paid", "received"])
    if order.window:
        _settle(order.window)


# --- what leaves the books -------------------------------------------------------------------------------------------


def _settle(window: Window) -> None:
    """Book what was paid and what arrived, and move the window on. The caller has its transaction."""
    window = Window.objects.select_for_update(no_key=True).get(pk=window.pk)
    orders = {(o.payer, o.payee): o for o in window.orders.all()}
    wanted = expected(window)
    states = [(payer, orders[payer, payee].state if (payer, payee) in orders else "") for payer, payee, _ in wanted]
    assert window.statement is not None  # it was signed
    we_paid = all(state in PAID for payer, state in states if payer == window.own)
    we_got = all(state == State.RECEIVED for payer, state in states if payer != window.own)
    alone = window.cycle == "gross" and all(int(line["sum"]) >= 0 for line in window.statement["paid"].values())
    if not window.cleared_out and we_paid and (alone or we_got):
        _clear(window, mirror=False)
        window.cleared_out = True
    if not window.cleared_in and we_got and (alone or we_paid):
        _clear(window, mirror=True)
        window.cleared_in = True
    now = timezone.now()
    if window.state == Window.State.CLOSED and all(state in PAID for _, state in states):
        window.state, window.settled = Window.State.SETTLED, now
    if window.state == Window.State.SETTLED and all(state == State.RECEIVED for _, state in states):
        window.state, window.reconciled = Window.State.RECONCILED, now
    window.save(update_fields=["state", "settled", "reconciled", "cleared_out", "cleared_in"])


def _clear(window: Window, *, mirror: bool) -> None:
    if window.unit != MONEY:
        return
    bank = legs.leg(legs.BANK, window.unit)
    movements = []
    for name, owed in sql.rows(_OWED, [window.book, window.number, mirror]):
        account = legs.Leg(name, None)
        movements.append((bank, account, owed) if mirror else (account, bank, owed))
        if name.startswith("topup/"):  # the order fills the prepayment up again
            fund, prepaid = legs.leg(legs.FUND, window.unit), legs.leg(f"prepaid/{window.peer}", window.unit)
            movements.append((fund, prepaid, owed))
    booking.move(window.book, movements, unit=window.unit, code="settlement")


def _settle_alone(order: Order) -> None:
    instruction = order.instruction
    if instruction is None or instruction.name == legs.PREPAYMENT:
        return  # what was put in advance is owed by nobody
    if instruction.side == Instruction.Side.PAYER:
        _, owed = legs.paid(payee=instruction.payee, source=instruction.source, unit=order.unit)
    else:
        owed, _ = legs.received(
            payer=instruction.payer, source=instruction.source, target=instruction.target, unit=order.unit
        )
    bank = legs.leg(legs.BANK, order.unit)
    movement = (owed, bank, order.amount) if order.payer == instruction.own else (bank, owed, order.amount)
    booking.move(instruction.book, [movement], unit=order.unit, code="settlement")
