"""The life of a window: open → closing → closed → settled → reconciled. Both nodes keep one each and sign the same.

A transfer enters the window that is open when it is instructed. Closing begins at each node by its own timetable, or when
the other one's statement comes. A closing window takes nothing new from its payer; what was instructed before is posted, and
what the peer posted is mirrored. Whenever a node's own payments are final it signs what its ledger has and tells the
peer; the moment both say the same, each closes. `enter` and `begin` exclude each other by an advisory lock on the window,
so no case can slip a transfer into a window whose payer has signed.
"""

import structlog
from django.db import connection, transaction
from django.utils import timezone

from chuanyu.clearing import letters, orders, periods, signed, timetable
from chuanyu.clearing.models import Difference, Instruction, Window
from chuanyu.clearing.signed import Statement
from chuanyu.core import days

log = structlog.get_logger("chuanyu.clearing")
State = Window.State


class Closed(Exception):
    """Both have signed; whatever the peer says now comes too late."""


class Moved(Exception):
    """A mirror was posted between signing and closing: sign again."""


def enter(*, service: str, own: str, peer: str, unit: str, cycle: str, window: str) -> Window:
    """The window a transfer of this transaction belongs to: the current "day" or "month", or the period named.

    A current window stays open until the transaction ends. One that was closed early is followed by the next.
    """
    named = window not in periods.KINDS
    period = window if named else periods.containing(days.today(), window)  # type: ignore[arg-type]
    while True:
        name = _name(service, period, peer, unit, cycle)
        book = f"{own.partition('/')[2]}/{service}"
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock_shared(hashtextextended(%s, 2))", [f"{book} {name}"])
        found = Window.objects.filter(book=book, name=name).first() or _open(
            book=book, name=name, service=service, period=period, own=own, peer=peer, unit=unit, cycle=cycle
        )
        if named or found.state == State.OPEN:
            return found
        period = periods.following(period)


def begin(window: Window) -> None:
    """Begin to close: what is instructed from now on goes to the next window. Harmless to repeat."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 2))", [f"{window.book} {window.name}"])
        moved = Window.objects.filter(pk=window.pk, state=State.OPEN).update(
            state=State.CLOSING, closing=timezone.now()
        )
    if moved:
        log.info("window closing", book=window.book, window=window.name)


def advance(window: Window) -> Window:
    """Take a closing window as far as it goes now: sign, tell the peer, close. Returns it as it is then."""
    try:
        with transaction.atomic():
            found = Window.objects.select_for_update(no_key=True).get(pk=window.pk)
            if found.state == State.CLOSING:
                _advance(found)
            return found
    except Moved:
        return advance(window)


def _advance(window: Window) -> None:
    waiting = window.instructions.filter(status=Instruction.Status.WAITING)
    if waiting.filter(side=Instruction.Side.PAYER).exists():
        return  # its own payments are not final
    _shut(window, 1)
    mine = signed.statement(window)
    if window.statement != mine.plain:
        window.statement, window.signature = mine.plain, signed.sign(mine)
        window.save(update_fields=["statement", "signature"])
        tell(window)
    if window.theirs != window.statement or waiting.exists():
        return
    _shut(window, 2)
    if signed.statement(window) != mine:
        raise Moved
    window.state, window.closed = State.CLOSED, timezone.now()
    window.save(update_fields=["state", "closed"])
    open_ = Difference.objects.filter(window=window, resolved=None)
    open_.exclude(by="").update(resolved=window.closed, how=Difference.How.ADJUSTED)
    open_.filter(by="").update(resolved=window.closed, how=Difference.How.ARRIVED)
    log.info("window closed", book=window.book, window=window.name)
    orders.issue(window)


def tell(window: Window) -> None:
    """Send this node's signed statement to the peer."""
    letters.send(
        own=window.own,
        peer=window.peer,
        service=window.service,
        action=letters.WINDOW,
        document={"statement": window.statement, "signature": window.signature},
        stream=f"window:{window.pk}",
    )


def told(*, own: str, peer: str, statement: Statement, signature: dict[str, str]) -> Window:
    """The peer's statement, already verified: keep it, and go as far as that allows. Its window may be new to us."""
    window = enter(
        service=statement.service, own=own, peer=peer, unit=statement.unit, cycle=statement.cycle, window=statement.period
    )  # fmt: skip
    begin(window)
    kept = Window.objects.filter(pk=window.pk, state=State.CLOSING)
    if not kept.update(theirs=statement.plain, their_signature=signature):
        window.refresh_from_db()
        if window.theirs != statement.plain:
            raise Closed
    return advance(window)


def work() -> int:
    """What the timetable and the messages make possible now. Returns how many windows changed their state."""
    moved = 0
    for window in Window.objects.filter(state__in=(State.OPEN, State.CLOSING)).order_by("pk"):
        before = window.state
        if before == State.OPEN:
            if days.today() < timetable.closes(window.service, window.period):
                continue
            begin(window)
        moved += advance(window).state != before
    return moved


def _open(*, book: str, name: str, **fields: str) -> Window:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM ledger.open(%s, '{}', '{}', '{}')", [book])
        cursor.execute("SELECT id FROM ledger.begin(ledger.number(%s), %s)", [book, name])
        (number,) = cursor.fetchone()
    return Window.objects.get_or_create(book=book, name=name, defaults={"number": number, **fields})[0]


def _shut(window: Window, state: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT ledger.shut(ledger.number(%s), %s, %s::smallint)", [window.book, window.number, state])


def _name(service: str, period: str, peer: str, unit: str, cycle: str) -> str:
    """ "medical_settlement/2025-03/sichuan/nhsa"; what is not CNY or not gross says so at the end."""
    ends = ([unit] if unit != "CNY" else []) + ([cycle] if cycle != "gross" else [])
    return "/".join([service, period, peer, *ends])
