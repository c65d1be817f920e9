"""The poster: executes what cases instructed, once, however often it is killed.

`ledger.post` is idempotent by the transfer's id, and an instruction stays "waiting" until its answer is stored, so a crash
between the two only asks the ledger again and gets the same answer. One poster per book: an advisory lock keeps a second one out.
"""

from collections.abc import Sequence
from uuid import UUID

import structlog
from django.db import transaction
from django.db.utils import IntegrityError, OperationalError
from django.utils import timezone

from chuanyu.clearing import batches, booking, handlers, legs, orders, prepaid, queries
from chuanyu.clearing.batches import Posting
from chuanyu.clearing.models import NO_CASE, Instruction
from chuanyu.clearing.reasons import CODES
from chuanyu.identity import sql

BATCH = 500  # the knee of the curve: fewer cost a tenth more each, more gain little
UNKNOWN_TRANSFER = 11

Kind, Side, Status = Instruction.Kind, Instruction.Side, Instruction.Status

log = structlog.get_logger("chuanyu.clearing")


def work() -> int:
    """Post one batch per book and window with waiting instructions. Returns how many were settled."""
    waiting = Instruction.objects.filter(status=Status.WAITING).select_related("window")
    groups: dict[tuple[str, int, bool], list[Instruction]] = {}
    for instruction in waiting.order_by("at", "pk")[:BATCH]:
        number = instruction.window.number if instruction.window else 0
        groups.setdefault((instruction.book, number, instruction.side == Side.PAYEE), []).append(instruction)
    return sum(_post(*group, batch) for group, batch in groups.items())


def _post(book: str, window: int, mirror: bool, batch: list[Instruction]) -> int:
    with batches.alone(book) as alone:
        if not alone:
            return 0
        postings = [posting_of(instruction) for instruction in batch]
        statuses = ask(book, window, mirror, postings)
        return _store(batch, statuses)


def posting_of(instruction: Instruction) -> Posting:
    """The transfer an instruction comes to in this node's ledger."""
    kind, origin, unit = instruction.kind, instruction.of, instruction.unit
    if kind == Kind.ADJUST:
        assert origin is not None
        debit, credit = _opposite(instruction.book, origin)
    elif instruction.payer == instruction.payee:  # inside one book
        debit, credit = legs.leg(instruction.source, unit), legs.leg(instruction.target, unit)
    elif instruction.side == Side.PAYER:
        debit, credit = legs.paid(payee=instruction.payee, source=instruction.source, unit=unit)
    else:
        debit, credit = legs.received(
            payer=instruction.payer, source=instruction.source, target=instruction.target, unit=unit
        )
    if instruction.name == legs.PREPAYMENT and kind == Kind.PLAIN:
        debit, credit = prepaid.legs_of(instruction)
    if kind == Kind.REVERSE:
        debit, credit = credit, debit
    if instruction.side == Side.PAYEE and kind in (Kind.REVERSE, Kind.ADJUST):
        debit = legs.returned(payer=instruction.payer, unit=unit)
    number = batches.KINDS[kind]
    if instruction.side == Side.PAYEE and kind == Kind.POST:
        number, origin = batches.KINDS[Kind.PLAIN], None  # what was reserved at the payer was never reserved here
    return Posting(
        id=instruction.pk,
        debit=debit,
        credit=credit,
        amount=instruction.amount,
        unit=unit,
        code=instruction.name,
        kind=number,
        origin=origin if number > batches.PENDING else None,
        expires=instruction.expires if number == batches.PENDING else None,
    )


def _opposite(book: str, transfer: UUID) -> tuple[legs.Leg, legs.Leg]:
    row = sql.row(
        "SELECT c.name, d.name FROM ledger.transfer t JOIN ledger.account d ON (d.book, d.id) = (t.book, t.debit)"
        " JOIN ledger.account c ON (c.book, c.id) = (t.book, t.credit) WHERE t.book = ledger.number(%s) AND t.id = %s",
        [book, transfer],
    )
    if row is None:
        raise LookupError(f"{transfer} is not in {book}")
    return legs.Leg(row[0], None), legs.Leg(row[1], None)


def ask(book: str, window: int, mirror: bool, postings: Sequence[Posting]) -> list[int]:
    """One status per posting. A batch that collides with another one of the same moment is split until it doesn't."""
    try:
        return batches.post(book, postings, window=window, mirror=mirror)
    except (IntegrityError, OperationalError):
        if len(postings) == 1:
            raise
        half = len(postings) // 2
        return [*ask(book, window, mirror, postings[:half]), *ask(book, window, mirror, postings[half:])]


def _store(batch: list[Instruction], statuses: list[int]) -> int:
    done = 0
    for instruction, status in zip(batch, statuses, strict=True):
        try:
            done += _store_one(instruction.pk, status)
        except Exception:  # the others must not wait for it; it stays waiting and is tried again
            log.exception("an answer of the ledger could not be stored", instruction=str(instruction.pk))
    return done


@transaction.atomic
def _store_one(id_: UUID, status: int) -> int:
    fresh = Instruction.objects.select_for_update(of=("self",)).select_related("window").get(pk=id_)
    if fresh.status != Status.WAITING:
        return 0
    if (
        status == UNKNOWN_TRANSFER
        and fresh.of
        and Instruction.objects.filter(pk=fresh.of, status=Status.WAITING).exists()
    ):
        return 0  # it came before what it refers to: next time
    fresh.status = Status.POSTED if status == 0 else Status.REFUSED
    fresh.reason = CODES.get(status, "")
    fresh.settled = timezone.now()
    fresh.save(update_fields=["status", "reason", "settled"])
    if status == 0:
        _follow(fresh)
    if fresh.case != NO_CASE:
        handlers.tell_settled(queries.transfer(fresh))
    return 1


def _follow(instruction: Instruction) -> None:
    """What else a posted transfer brings about, in the transaction that stores it."""
    if instruction.of and instruction.side == Side.PAYER and instruction.kind in (Kind.POST, Kind.VOID):
        Instruction.objects.filter(pk=instruction.of, kind=Kind.PENDING).update(ended=instruction.kind)
    if instruction.kind in (Kind.PENDING, Kind.VOID, Kind.ADJUST):
        return
    same_node = instruction.payer.partition("/")[0] == instruction.payee.partition("/")[0]
    if same_node and instruction.side == Side.PAYER and instruction.payer != instruction.payee:
        _mirror_here(instruction)
    if instruction.name == legs.PREPAYMENT and instruction.case == NO_CASE:
        prepaid.opened(instruction)
    if instruction.window is None and instruction.payer != instruction.payee:
        orders.issue_alone(instruction)
    if instruction.side == Side.PAYEE and instruction.kind == Kind.REVERSE:
        take_back(instruction)


def _mirror_here(instruction: Instruction) -> None:
    """Both agencies are of this node: the payee's book follows under an id made from the payer's."""
    mirrored = batches.derived(instruction.pk, "payee")
    of = instruction.of if instruction.kind == Kind.REVERSE else None
    Instruction.objects.get_or_create(
        pk=mirrored,
        defaults={
            "case": NO_CASE,
            "sequence": instruction.sequence,
            "service": instruction.service,
            "name": instruction.name,
            "side": Side.PAYEE,
            "kind": Kind.REVERSE if of else Kind.PLAIN,
            "of": batches.derived(of, "payee") if of else None,
            "payer": instruction.payer,
            "payee": instruction.payee,
            "source": instruction.source,
            "target": instruction.target,
            "amount": instruction.amount,
            "unit": instruction.unit,
            "cycle": instruction.cycle,
        },
    )


def take_back(instruction: Instruction) -> None:
    """A reversal was mirrored against `returns`: take the money from where it had gone, as far as it is still there."""
    owed = legs.returned(payer=instruction.payer, unit=instruction.unit)
    target = legs.leg(instruction.target, instruction.unit)
    try:
        with transaction.atomic():
            booking.move(instruction.book, [(target, owed, instruction.amount)], unit=instruction.unit, code="return")
    except booking.Refusal as refusal:
        log.warning("a reversal could not be taken back", instruction=str(instruction.pk), reason=refusal.reason)


# --- reservations that run out of time -------------------------------------------------------------------------------


def expire() -> int:
    """Give back what reservations hold beyond their time, in every book, and tell their cases. Returns how many were given back."""
    # a statement for each book: none waits for another's locks, and each can run where its book lies
    books = sql.rows("SELECT book FROM ledger.book ORDER BY book", [])
    count = sum(sql.rows("SELECT ledger.expire(%s)", [book])[0][0] for (book,) in books)
    over = Instruction.objects.filter(kind=Kind.PENDING, status=Status.POSTED, ended="", side=Side.PAYER)
    for pending in over.filter(expires__lte=timezone.now()).order_by("expires")[:BATCH]:
        _store_expiry(pending.pk)
    return count


@transaction.atomic
def _store_expiry(id_: UUID) -> None:
    pending = Instruction.objects.select_for_update(of=("self",)).get(pk=id_)
    expired_here = sql.row(
        "SELECT 1 FROM ledger.transfer WHERE book = ledger.number(%s) AND origin = %s AND status = 0 AND kind = 4",
        [pending.book, pending.pk],
    )
    if pending.ended or expired_here is None:
        return
    pending.status, pending.ended, pending.reason = Status.EXPIRED, "expire", "expired"
    pending.save(update_fields=["status", "ended", "reason"])
    if pending.case != NO_CASE:
        handlers.tell_expired(queries.transfer(pending))
