"""Clearing, read by others."""

from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

import msgspec
from django.db.models import Count, Q

from chuanyu.clearing import legs, models, prepaid, timetable, titles
from chuanyu.clearing.models import Instruction
from chuanyu.core.money import Money
from chuanyu.core.text import Text
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
    title: Text  # what it is for
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
    """An account of a book and where it stands, in fen: credit positive. `reserved` may go out, `expected` may come in.

    `people`: of how many persons' accounts it is the sum, under the name "person"; 0: it is one account.
    """

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
    people: int = 0


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
        title=titles.title(row.name, row.service),
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


def first(transfer: UUID) -> UUID:
    """What a transfer was first paid as: itself, or what it was paid anew for."""
    row = Instruction.objects.get(pk=transfer)
    return first(row.of) if row.kind == Instruction.Kind.PLAIN and row.of else row.pk


def instead(case: UUID) -> dict[UUID, UUID | None]:
    """What this node paid for a case and was adjusted → what was paid anew for it, None while nothing was."""
    rows = Instruction.objects.filter(case=case, side=Instruction.Side.PAYER, status=Instruction.Status.POSTED)
    after = [(row.of, row) for row in rows.exclude(of=None) if row.of]
    adjusted = {of for of, row in after if row.kind == Instruction.Kind.ADJUST}
    again = {of: row.pk for of, row in after if row.kind == Instruction.Kind.PLAIN}

    def standing(id_: UUID) -> UUID | None:
        found = again.get(id_)
        return standing(found) if found is not None and found in adjusted else found

    return {id_: standing(id_) for id_ in adjusted}


def covered(case: UUID, sequence: int) -> bool:
    """Whether the accounts that had too little for a step's transfers would have enough by now. Asks, moves nothing."""
    rows = Instruction.objects.filter(
        case=case,
        sequence=sequence,
        side=Instruction.Side.PAYER,
        kind__in=(Instruction.Kind.PLAIN, Instruction.Kind.PENDING),
    )
    wanted: dict[tuple[str, str], int] = {}
    for row in rows:
        name = legs.debited(payer=row.payer, payee=row.payee, source=row.source, unit=row.unit).name
        wanted[row.book, name] = wanted.get((row.book, name), 0) + row.amount
    return bool(wanted) and all(_has(book, name, amount) for (book, name), amount in wanted.items())


def _has(book: str, name: str, amount: int) -> bool:
    row = sql.row(
        "SELECT floor IS NULL OR balance - pending_out - %s >= floor FROM ledger.account"
        " WHERE book = ledger.number(%s) AND name = %s AND NOT closed",
        [amount, book, name],
    )
    return row is not None and bool(row[0])


def accounts(book: str | None = None) -> list[Account]:
    """Every account of this node, or of one book, by book and name."""
    rows = sql.rows(
        "SELECT b.name, a.name, a.unit, a.balance, a.seq, a.pending_out, a.pending_in, a.floor, a.ceiling, a.closed"
        " FROM ledger.account a JOIN ledger.book b USING (book) WHERE %s::text IS NULL OR b.name = %s ORDER BY b.name, a.name",
        [book, book],
    )
    names = ("book", "name", "unit", "balance", "entries", "reserved", "expected", "floor", "ceiling", "closed")
    return [Account(**dict(zip(names, row, strict=True))) for row in rows]


def ledger_accounts(agency: str | None = None) -> list[Account]:
    """The accounts of an agency's books ("nhsa"), or of all; those of persons only as one sum to a book and unit."""
    rows = sql.rows(
        "SELECT b.name, p.name, a.unit, sum(a.balance)::bigint, sum(a.seq)::bigint, sum(a.pending_out)::bigint,"
        " sum(a.pending_in)::bigint, min(a.floor), min(a.ceiling), bool_and(a.closed), count(*) FILTER (WHERE p.name = 'person')"
        " FROM ledger.account a JOIN ledger.book b USING (book) CROSS JOIN LATERAL"
        " (SELECT CASE WHEN a.name LIKE 'person/%%' THEN 'person' ELSE a.name END) p(name)"
        " WHERE %s::text IS NULL OR split_part(b.name, '/', 1) = %s GROUP BY 1, 2, 3 ORDER BY 1, 2, 3",
        [agency, agency],
    )
    return [Account(**dict(zip(Account.__struct_fields__, row, strict=True))) for row in rows]


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
    signed: bool
    their_signed: bool
    closes: date
    pay_by: date | None
    closed: datetime | None
    settled: datetime | None
    reconciled: datetime | None
    differences: int
    orders: tuple["Order", ...]


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """A payment order. state: issued | paid | received. `period` is "" for a transfer that settles alone.

    `title`: what it pays, as the service calls its postings.
    """

    number: str
    service: str
    title: Text
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
    """One line two nodes do not have alike. how: "" | arrived | adjusted.

    `ours`, `theirs`: signed, in the unit's smallest part; None where it is missing.
    """

    id: int
    window: int
    name: str
    unit: str
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
            id=r.pk, window=r.window.pk, name=r.window.name, unit=r.window.unit, transfer=r.transfer, mirror=r.mirror, ours=r.ours,
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


def order(number: str) -> Order | None:
    """One payment order by its number."""
    row = models.Order.objects.select_related("window", "instruction").filter(number=number).first()
    return _order(row) if row else None


def bank_lines(number: str) -> list[BankLine]:
    """What the bank said about an order, oldest first, also what did not fit it."""
    return [_bank_line(row) for row in models.BankLine.objects.filter(number=number).order_by("day", "pk")]


def problems(*, agency: str | None = None) -> list[BankLine]:
    """Lines of the banks' answers that fit no order; of one agency: those that name an order of its."""
    rows = models.BankLine.objects.exclude(problem="").order_by("-day", "pk")
    if agency:
        ours = f"{here()}/{agency}"
        named = models.Order.objects.filter(Q(payer=ours) | Q(payee=ours)).values("number")
        rows = rows.filter(number__in=named)
    return [_bank_line(row) for row in rows]


class Alarm(msgspec.Struct, frozen=True, kw_only=True):
    """Something about money that needs a person. `what`: prepayment | differences | returns; `level`: yellow | red.

    returns: a reversal of the payer's that could not be taken back from where the money had gone; `amount` of it is still owed.
    """

    what: str
    level: str
    own: str
    peer: str
    service: str
    window: int | None = None
    period: str = ""
    count: int = 0
    share: Decimal = Decimal(0)
    amount: int = 0
    unit: str = "CNY"


def alarms(*, agency: str | None = None) -> list[Alarm]:
    """Prepayments at their alarms and windows with differences that nobody has resolved, the worst first."""
    found = [
        Alarm(what="prepayment", level=g.level, own=g.own, peer=g.peer, service=g.service, share=g.share)
        for g in gauges(agency=agency)
        if g.level
    ]
    rows = models.Window.objects.filter(differences__resolved=None, differences__isnull=False)
    if agency:
        rows = rows.filter(own=f"{here()}/{agency}")
    for row in rows.annotate(open=Count("differences")).order_by("period", "pk"):
        found.append(
            Alarm(what="differences", level="red", own=row.own, peer=row.peer, service=row.service, window=row.pk,
                  period=row.period, count=row.open)
        )  # fmt: skip
    found += _not_taken_back(agency)
    return sorted(found, key=lambda alarm: alarm.level)


def _not_taken_back(agency: str | None) -> list[Alarm]:
    rows = sql.rows(
        "SELECT split_part(b.name, '/', 1), split_part(b.name, '/', 2), a.name, a.unit, -a.balance"
        " FROM ledger.account a JOIN ledger.book b USING (book)"
        " WHERE a.name LIKE 'returns/%%' AND a.balance < 0 AND (%s::text IS NULL OR split_part(b.name, '/', 1) = %s)"
        " ORDER BY b.name, a.name",
        [agency, agency],
    )
    return [
        Alarm(what="returns", level="yellow", own=f"{here()}/{own}", peer=name.partition("/")[2].partition(":")[0],
              service=service, amount=amount, unit=unit)
        for own, service, name, unit, amount in rows
    ]  # fmt: skip


def gauges(*, agency: str | None = None) -> list[prepaid.Gauge]:
    """Every prepayment with how much of it is used and whether that alarms."""
    rows = models.Prepayment.objects.order_by("service", "peer", "side")
    if agency:
        rows = rows.filter(own__endswith=f"/{agency}")
    known = {(a.book, a.name): (a.balance, a.reserved) for a in accounts()} if rows else {}
    kinds = {"payer": "prepaid", "payee": "prepayment"}
    return [
        prepaid.gauge(row, *known.get((row.book, legs.leg(f"{kinds[row.side]}/{row.peer}", row.unit).name), (0, 0)))
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
        signed=row.statement is not None, their_signed=row.theirs is not None,
        closes=timetable.closes(row.service, row.period), pay_by=timetable.pay_by(row.service, row.period),
        closed=row.closed, settled=row.settled, reconciled=row.reconciled,
        differences=sum(d.resolved is None for d in row.differences.all()),
        orders=tuple(_order(order) for order in row.orders.all()),
    )  # fmt: skip


def _order(row: models.Order) -> Order:
    case = row.instruction.case if row.instruction else models.NO_CASE
    alone = row.instruction.name if row.instruction else ""
    title = titles.title(alone, row.service) if alone else titles.of_window(row.service, row.unit)
    return Order(
        number=row.number, service=row.service, title=title, payer=row.payer, payee=row.payee, amount=row.amount, unit=row.unit,
        state=row.state, issued=row.issued, paid=row.paid, received=row.received, window=row.window_id,
        period=row.window.period if row.window else "", case=None if case == models.NO_CASE else case,
    )  # fmt: skip


def _bank_line(row: models.BankLine) -> BankLine:
    return BankLine(
        reference=row.reference,
        number=row.number,
        direction=row.direction,
        amount=row.amount,
        day=row.day,
        problem=row.problem,
    )
