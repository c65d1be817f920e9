"""What this node takes from the other one about money: signed statements, payment orders, prepayments. None is just believed."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Annotated, TypeVar
from uuid import UUID

import msgspec

from chuanyu.clearing import actions, legs, orders, periods, prepaid, signed, timetable, windows
from chuanyu.clearing import differences as differences  # registers the query
from chuanyu.clearing.letters import ORDER, PREPAID, WINDOW
from chuanyu.clearing.models import Instruction, Order, Prepayment, Window
from chuanyu.clearing.signed import Statement
from chuanyu.core import days
from chuanyu.core.text import Text
from chuanyu.exchange.envelope import Envelope
from chuanyu.exchange.handlers import NotYet, Refused, message

MALFORMED = Text("消息内容的格式不对。", "The message does not have the shape it should.")
NOT_YOURS = Text("对账单或支付单的双方与收发单位不符。", "It is not between the agencies that sent and received it.")
BAD_SIGNATURE = Text("对账单的签名不正确。", "The statement's signature is wrong.")
TOO_LATE = Text("这个窗口双方已经签字关闭。", "Both sides have signed and closed this window.")
AMOUNT = Text("支付单金额与双方签署的对账单不符。", "The order's amount is not what both sides signed.")
NUMBER = Text("支付单编号不是开单一方的编号。", "The number is not one the side that issued the order gives.")
SECOND = Text(
    "这一期、这个方向或这笔转账已有支付单。",
    "There is an order for this window and direction, or this transfer, already.",
)
OTHER = Text("这个编号是另一张支付单。", "The number is another order's.")
NOT_DECLARED = Text("事项没有声明这样的清算期。", "The service declares no such window.")
NOT_KEPT = Text("事项没有声明双方之间有这样的预付金。", "The service declares no such prepayment between the two.")
TOO_OLD = Text(
    "这一期早已过去，本节点没有它的任何转账。", "The period is long past, and this node has no transfer of it."
)
CYCLES = ("gross", "net")
OLDEST = timedelta(days=366)  # after the end of its period a window unknown here may still be told of
T = TypeVar("T")


class Signed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of clearing.window."""

    statement: Statement
    signature: dict[str, str]


class OrderTold(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body of clearing.order: for a window (`period`), or for one transfer that settles alone."""

    number: str
    payer: str
    payee: str
    amount: int
    unit: str
    state: str
    period: str = ""
    cycle: str = "gross"
    transfer: UUID | None = None


class Prepaid(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body of clearing.prepaid."""

    id: UUID
    amount: Annotated[int, msgspec.Meta(gt=0, le=legs.MOST)]
    unit: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,15}\Z")]
    yellow: Decimal
    red: Decimal


@message(WINDOW)
def take_statement(envelope: Envelope, person: UUID | None) -> None:
    """The peer's signed statement of a window. Its period must be over here too: no node closes another's day."""
    body = _body(envelope, Signed)
    own, peer, statement = envelope.to_agency, envelope.from_agency, body.statement
    if statement.service != envelope.service or statement.paid.keys() != {f"{own}>{peer}", f"{peer}>{own}"}:
        raise Refused("not_yours", NOT_YOURS)
    if not signed.verified(statement, body.signature, node=envelope.from_node):
        raise Refused("bad_signature", BAD_SIGNATURE)
    last = _last_day(statement.period)
    known = Window.objects.filter(
        service=statement.service, own=own, peer=peer, period=statement.period, unit=statement.unit, cycle=statement.cycle
    ).first()  # fmt: skip
    if known is None:
        _may_open(statement, last)
    if last >= days.today() and (known is None or known.state == Window.State.OPEN):
        raise NotYet("window_open")
    try:
        windows.told(own=own, peer=peer, statement=statement, signature=body.signature)
    except windows.Closed:
        raise Refused("window_closed", TOO_LATE) from None


@message(ORDER)
def take_order(envelope: Envelope, person: UUID | None) -> None:
    """The peer issued or paid an order, or has received what we paid. It must fit what both signed."""
    body = _body(envelope, OrderTold)
    own, peer = envelope.to_agency, envelope.from_agency
    if {body.payer, body.payee} != {own, peer} or body.state not in Order.State:
        raise Refused("not_yours", NOT_YOURS)
    by_payee = body.state == Order.State.RECEIVED  # each side speaks for its own bank
    if (body.payee if by_payee else body.payer) != peer:
        raise Refused("not_yours", NOT_YOURS)
    order = Order.objects.select_for_update(of=("self",)).select_related("window").filter(number=body.number).first()
    if order is None:
        if by_payee or body.cycle not in CYCLES:
            raise Refused("malformed", MALFORMED)
        order = _new_order(envelope, body)
    period = order.window.period if order.window else ""
    if (order.service, period, order.instruction_id) != (envelope.service, body.period, body.transfer):
        raise Refused("other_order", OTHER)
    if (order.payer, order.payee, order.amount, order.unit) != (body.payer, body.payee, body.amount, body.unit):
        raise Refused("amount", AMOUNT)
    orders.told(order, body.state)


def _new_order(envelope: Envelope, body: OrderTold) -> Order:
    own, peer = envelope.to_agency, envelope.from_agency
    if not orders.numbered_by(envelope.from_node, body.number):
        raise Refused("number", NUMBER)
    window, instruction = None, None
    if body.period:
        _last_day(body.period)
        window = Window.objects.filter(
            service=envelope.service, own=own, peer=peer, period=body.period, unit=body.unit, cycle=body.cycle
        ).first()  # fmt: skip
        if window is None or window.state in (Window.State.OPEN, Window.State.CLOSING):
            raise NotYet("window_open")
        if (body.payer, body.payee, body.amount) not in orders.expected(window):
            raise Refused("amount", AMOUNT)
        before = Order.objects.filter(window=window, payer=body.payer)
    else:
        if body.transfer is None:
            raise Refused("malformed", MALFORMED)
        instruction = Instruction.objects.filter(pk=body.transfer, status=Instruction.Status.POSTED).first()
        if instruction is None:
            raise NotYet("transfer_missing")
        if (instruction.own, instruction.peer, instruction.service) != (own, peer, envelope.service):
            raise Refused("not_yours", NOT_YOURS)
        if orders.alone(instruction) != (body.payer, body.payee, body.amount, body.unit):
            raise Refused("amount", AMOUNT)
        before = Order.objects.filter(instruction=instruction)
    if before.exists():
        raise Refused("second_order", SECOND)
    return orders.note(
        number=body.number, payer=body.payer, payee=body.payee, service=envelope.service, amount=body.amount,
        unit=body.unit, window=window, instruction=instruction,
    )  # fmt: skip


@message(PREPAID)
def take_prepaid(envelope: Envelope, person: UUID | None) -> None:
    """The peer has put money in advance: our book follows under the same id."""
    body = _body(envelope, Prepaid)
    if not (body.yellow.is_finite() and body.red.is_finite() and 0 < body.yellow <= body.red <= 1):
        raise Refused("malformed", MALFORMED)
    own, peer = envelope.to_agency, envelope.from_agency
    if (body.yellow, body.red) not in prepaid.declared(envelope.service, payer=peer, payee=own, unit=body.unit):
        raise Refused("not_declared", NOT_KEPT)
    row, _ = Prepayment.objects.update_or_create(
        book=f"{own.partition('/')[2]}/{envelope.service}", peer=peer, side=Instruction.Side.PAYEE, unit=body.unit,
        defaults={"service": envelope.service, "own": own, "yellow": body.yellow, "red": body.red},
    )  # fmt: skip
    if row.opening + body.amount > legs.MOST:
        raise Refused("malformed", MALFORMED)
    try:
        actions.instruct(
            id=body.id, case=None, sequence=0, service=envelope.service, name=legs.PREPAYMENT, side="payee", payer=peer,
            payee=own, amount=body.amount, unit=body.unit, cycle="gross",
        )  # fmt: skip
    except actions.ClearingError as error:
        raise Refused(error.code, error.text) from None


def _last_day(period: str) -> date:
    try:
        return periods.last_day(period)
    except ValueError:
        raise Refused("malformed", MALFORMED) from None


def _may_open(statement: Statement, last: date) -> None:
    """A window that this node never used is opened on the peer's word only where the service declares such a one, and in time."""
    if (statement.unit, statement.cycle, periods.kind_of(statement.period)) not in timetable.declared(
        statement.service
    ):
        raise Refused("not_declared", NOT_DECLARED)
    if last < days.today() - OLDEST:
        raise Refused("too_old", TOO_OLD)


def _body(envelope: Envelope, kind: type[T]) -> T:
    try:
        return msgspec.convert(envelope.document, kind)
    except msgspec.ValidationError as error:
        raise Refused("malformed", MALFORMED) from error
