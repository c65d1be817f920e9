"""Clearing, read by others."""

from collections.abc import Iterable
from datetime import date, datetime
from uuid import UUID

import msgspec
from django.db.models import Q

from chuanyu.clearing import legs, models, prepaid, timetable
from chuanyu.clearing.models import Instruction
from chuanyu.core.money import Money
from chuanyu.identity import sql
from chuanyu.identity.here import here


class Transfer(msgspec.Struct, frozen=True, kw_only=True):
    """A transfer as this node's ledger knows it. status: waiting | posted | refused | expired; `order` is "" until issued.

    `kind`: plain | pending | post | void | reverse | adjust; `of` what it refers to; `period` its window's ("2025-03").
    """

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
    kind: str = "plain"
    of: UUID | None = None
    side: str = "payer"
    period: str = ""


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """An account of a book and where it stands, in fen: credit positive. `reserved` may go out, `expected` may come in."""

    book: str
    name: str
    unit: str
    balance: int
    entries: int
    reserved: int = 0
    expected: int = 0
    floor: int | None = None
    ceiling: int | None = None
    closed: bool = False


def transfers(cases: Iterable[UUID]) -> list[Transfer]:
    """The transfers of these cases at this node, oldest first."""
    rows = Instruction.objects.filter(case__in=list(cases)).select_related("order", "window").order_by("at")
    return [transfer(row) for row in rows]


def transfer(row: Instruction) -> Transfer:
    """An instruction as others see it."""
    return Transfer(
        id=row.id,
        case=row.case,
        sequence=row.sequence,
        name=row.name,
        amount=Money(row.amount),
        unit=row.unit,
        payer=row.payer,
        payee=row.payee,
        status=str(row.status),
        reason=row.reason,
        settled=row.settled,
        order=row.order.number if hasattr(row, "order") else "",
        kind=str(row.kind),
        of=row.of,
        side=str(row.side),
        period=row.period,
    )


def waiting(case: UUID, sequence: int) -> bool:
    """True while a transfer this node pays for that step has no answer of the ledger yet."""
    return Instruction.objects.filter(case=case, sequence=sequence, side="payer", status="waiting").exists()


def accounts(book: str | None = None) -> list[Account]:
    """Every account of this node, or of one book, by book and name."""
    rows = sql.rows(
        "SELECT b.name, a.name, a.unit, a.balance, a.seq, a.pending_out, a.pending_in, a.floor, a.ceiling, a.closed"
        " FROM ledger.account a JOIN ledger.book b USING (book) WHERE %s::text IS NULL OR b.name = %s ORDER BY b.name, a.name",
        [book, book],
    )
    names = ("book", "name", "unit", "balance", "entries", "reserved", "expected", "floor", "ceiling", "closed")
    return [Account(**dict(zip(names, row, strict=True))) for row in rows]


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """A window as this node sees it. Amounts in fen as signed: `out` we pay, `back` they pay; None while it is open.

    state: open | closing | closed | settled | reconciled. `closes`: when it is due; `pay_by`: when its orders are, if ever.
    """

    id: int
    name: str
    book: str
    service: str
    period: str
    own: str
    peer: str
    unit: str
    cycle: str
    state: str
    out: int | None
    out_count: int
    back: int | None
    back_count: int
    agreed: bool
    closes: date
    pay_by: date | None
    closed: datetime | None
    settled: datetime | None
    reconciled: datetime | None
    differences: int
    orders: tuple["Order", ...]


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """A payment order. state: issued | paid | received. `period` is "" for a transfer that settles alone."""

    number: str
    service: str
    payer: str
    payee: str
    amount: int
    unit: str
    state: str
    issued: datetime
    paid: datetime | None
    received: datetime | None
    window: int | None
    period: str
    case: UUID | None


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """One line two nodes do not have alike. `ours`, `theirs`: signed fen, None where it is missing. how: "" | arrived | adjusted."""

    id: int
    window: int
    name: str
    transfer: UUID
    mirror: bool
    ours: int | None
    theirs: int | None
    found: datetime
    resolved: datetime | None
    how: str
    by: str
    note: str


class BankLine(msgspec.Struct, frozen=True, kw_only=True):
    """A line of a bank's answer that does not fit. direction: out | in; `amount` in fen; `problem` says why."""

    reference: str
    number: str
    direction: str
    amount: int
    day: date
    problem: str


def windows(*, agency: str | None = None, service: str | None = None, unfinished: bool = False) -> list[Window]:
    """Windows, newest period first; of one agency ("hrss") or service; `unfinished`: not yet reconciled."""
    rows = models.Window.objects.order_by("-period", "service", "peer").prefetch_related("orders", "differences")
    if agency:
        rows = rows.filter(own__endswith=f"/{agency}")
    if service:
        rows = rows.filter(service=service)
    if unfinished:
        rows = rows.exclude(state=models.Window.State.RECONCILED)
    return [_window(row) for row in rows]


def window(id: int) -> Window | None:
    """One window by its id here."""
    row = models.Window.objects.filter(pk=id).first()
    return _window(row) if row else None


def differences(*, window: int | None = None, unresolved: bool = True) -> list[Difference]:
    """Lines that differ, oldest first."""
    rows = models.Difference.objects.select_related("window").order_by("found", "pk")
    if window is not None:
        rows = rows.filter(window=window)
    if unresolved:
        rows = rows.filter(resolved=None)
    return [
        Difference(
            id=r.pk, window=r.window.pk, name=r.window.name, transfer=r.transfer, mirror=r.mirror, ours=r.ours,
            theirs=r.theirs, found=r.found, resolved=r.resolved, how=r.how, by=r.by, note=r.note,
        )
        for r in rows
    ]  # fmt: skip


def orders(*, agency: str | None = None, unfinished: bool = False) -> list[Order]:
    """Payment orders both ways, newest first; `unfinished`: not yet received."""
    rows = models.Order.objects.select_related("window", "instruction").order_by("-issued", "-pk")
    if agency:
        ours = f"{here()}/{agency}"
        rows = rows.filter(Q(payer=ours) | Q(payee=ours))
    if unfinished:
        rows = rows.exclude(state=models.Order.State.RECEIVED)
    return [_order(row) for row in rows]


def problems() -> list[BankLine]:
    """Lines of the banks' answers that fit no order, newest first."""
    rows = models.BankLine.objects.exclude(problem="").order_by("-day", "pk")
    return [
        BankLine(
            reference=r.reference, number=r.number, direction=r.direction, amount=r.amount, day=r.day, problem=r.problem
        )
        for r in rows
    ]


def gauges(*, agency: str | None = None) -> list[prepaid.Gauge]:
    """Every prepayment with how much of it is used and whether that alarms."""
    rows = models.Prepayment.objects.order_by("service", "peer", "side")
    if agency:
        rows = rows.filter(own__endswith=f"/{agency}")
    balances = {(a.book, a.name): a.balance for a in accounts()} if rows else {}
    kinds = {"payer": "prepaid", "payee": "prepayment"}
    return [
        prepaid.gauge(row, balances.get((row.book, legs.leg(f"{kinds[row.side]}/{row.peer}", row.unit).name), 0))
        for row in rows
    ]


def _window(row: models.Window) -> Window:
    paid = (row.statement or {}).get("paid", {})
    out, back = paid.get(f"{row.own}>{row.peer}"), paid.get(f"{row.peer}>{row.own}")
    return Window(
        id=row.pk, name=row.name, book=row.book, service=row.service, period=row.period, own=row.own, peer=row.peer,
        unit=row.unit, cycle=row.cycle, state=row.state,
        out=int(out["sum"]) if out else None, out_count=out["count"] if out else 0,
        back=int(back["sum"]) if back else None, back_count=back["count"] if back else 0,
        agreed=row.statement is not None and row.statement == row.theirs,
        closes=timetable.closes(row.service, row.period), pay_by=timetable.pay_by(row.service, row.period),
        closed=row.closed, settled=row.settled, reconciled=row.reconciled,
        differences=sum(d.resolved is None for d in row.differences.all()),
        orders=tuple(_order(order) for order in row.orders.all()),
    )  # fmt: skip


def _order(row: models.Order) -> Order:
    case = row.instruction.case if row.instruction else models.NO_CASE
    return Order(
        number=row.number, service=row.service, payer=row.payer, payee=row.payee, amount=row.amount, unit=row.unit,
        state=row.state, issued=row.issued, paid=row.paid, received=row.received, window=row.window_id,
        period=row.window.period if row.window else "", case=None if case == models.NO_CASE else case,
    )  # fmt: skip
