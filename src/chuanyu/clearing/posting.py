"""The poster: executes what cases instructed, once, however often it is killed.

`ledger.post` is idempotent by the transfer's id, and an instruction stays "waiting" until its answer is stored, so a crash
between the two only asks the ledger again and gets the same answer. One poster per book: an advisory lock keeps a second one out.

What one event of a case moves is posted all or none: a chain of the ledger, and one transaction where it belongs to several
windows. A mirror is never held back by another one: at the payer all of them have moved already.
"""

from collections.abc import Sequence
from itertools import groupby
from uuid import UUID

import msgspec
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
LINKED, UNKNOWN_TRANSFER = 9, 11

Kind, Side, Status = Instruction.Kind, Instruction.Side, Instruction.Status
Step = list[Instruction]  # posted all or none

log = structlog.get_logger("chuanyu.clearing")


def work() -> int:
    """Post one batch per book and window with waiting instructions. Returns how many were settled."""
    groups: dict[tuple[str, int, bool], list[Step]] = {}
    scattered: list[Step] = []
    for step in _steps():
        first = step[0]
        if len({_window(instruction) for instruction in step}) > 1:
            scattered.append(step)
        else:
            groups.setdefault((first.book, _window(first), first.side == Side.PAYEE), []).append(step)
    return sum(_post(*group, steps) for group, steps in groups.items()) + sum(map(_post_scattered, scattered))


def _steps() -> list[Step]:
    """What waits, the oldest first; no step is cut in two by the size of a batch."""
    waiting = Instruction.objects.filter(status=Status.WAITING).select_related("window").order_by("at", "pk")
    found = list(waiting[:BATCH])
    if len(found) == BATCH:
        cases = {instruction.case for instruction in found} - {NO_CASE}
        steps, known = {_step(instruction) for instruction in found}, {instruction.pk for instruction in found}
        rest = waiting.filter(case__in=cases, side=Side.PAYER)
        found += [instruction for instruction in rest if instruction.pk not in known and _step(instruction) in steps]
    joined: dict[tuple[object, ...], Step] = {}
    for instruction in found:
        joined.setdefault(_step(instruction), []).append(instruction)
    return list(joined.values())


def _step(instruction: Instruction) -> tuple[object, ...]:
    """What an instruction is posted together with: what its event pays from the same book."""
    by_hand = instruction.kind == Kind.ADJUST or (instruction.kind == Kind.PLAIN and instruction.of is not None)
    if instruction.case == NO_CASE or instruction.side == Side.PAYEE or by_hand:
        return (instruction.pk,)
    return (instruction.case, instruction.sequence, instruction.book)


def _window(instruction: Instruction) -> int:
    return instruction.window.number if instruction.window else 0


def _post(book: str, window: int, mirror: bool, steps: list[Step]) -> int:
    with batches.alone(book) as alone:
        if not alone:
            return 0
        postings = [posting for number, step in enumerate(steps, 1) for posting in _linked(step, number)]
        answers = dict(zip([p.id for p in postings], ask(book, window, mirror, postings), strict=True))
        return _store(steps, answers)


def _post_scattered(step: Step) -> int:
    """A step of several windows: a batch for each of them, in one transaction that is taken back if one is refused.

    Such a refusal is kept with the instruction alone. It is final all the same: what is refused is never asked again.
    """
    book, answers = step[0].book, dict[UUID, int]()
    with batches.alone(book) as alone:
        if not alone:
            return 0
        try:
            with transaction.atomic():
                for window, part in groupby(sorted(step, key=_window), _window):
                    postings = _linked(list(part), 1)
                    answers |= zip([p.id for p in postings], batches.post(book, postings, window=window), strict=True)
                    if any(answers.values()):
                        raise _TakenBack
        except _TakenBack:
            answers = {instruction.pk: answers.get(instruction.pk) or LINKED for instruction in step}
        return _store([step], answers)


class _TakenBack(Exception):
    """One transfer of a step was refused, so none of it is posted."""


def _linked(step: Step, number: int) -> list[Posting]:
    """Its transfers as a chain of that number; one alone needs none."""
    chain = number if len(step) > 1 else 0
    return [msgspec.structs.replace(posting_of(instruction), chain=chain) for instruction in step]


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
        half = _middle(postings)
        if half is None:
            raise
        return [*ask(book, window, mirror, postings[:half]), *ask(book, window, mirror, postings[half:])]


def _middle(postings: Sequence[Posting]) -> int | None:
    """Where to split a batch: near its middle, never through a chain."""
    chains = [posting.chain for posting in postings]
    places = [i for i in range(1, len(chains)) if chains[i] == 0 or chains[i] != chains[i - 1]]
    return min(places, key=lambda place: abs(2 * place - len(chains)), default=None)


def _store(steps: list[Step], answers: dict[UUID, int]) -> int:
    done = 0
    for step in steps:
        try:
            done += _store_step({instruction.pk: answers[instruction.pk] for instruction in step})
        except Exception:  # the others must not wait for it; it stays waiting and is tried again
            log.exception("an answer of the ledger could not be stored", instructions=[str(i.pk) for i in step])
    return done


@transaction.atomic
def _store_step(answers: dict[UUID, int]) -> int:
    rows = Instruction.objects.select_for_update(of=("self",)).select_related("window").filter(pk__in=answers)
    fresh = [instruction for instruction in rows.order_by("pk") if instruction.status == Status.WAITING]
    if any(_too_early(instruction, answers[instruction.pk]) for instruction in fresh):
        return 0
    # the case is told the reason of the one that failed, not that the others followed it
    fresh.sort(key=lambda instruction: answers[instruction.pk] == LINKED)
    for instruction in fresh:
        status = answers[instruction.pk]
        instruction.status = Status.POSTED if status == 0 else Status.REFUSED
        instruction.reason = CODES.get(status, "")
        instruction.settled = timezone.now()
        instruction.save(update_fields=["status", "reason", "settled"])
    for instruction in fresh:
        if instruction.status == Status.POSTED:
            _follow(instruction)
        if instruction.case != NO_CASE:
            handlers.tell_settled(queries.transfer(instruction))
    return len(fresh)


def _too_early(instruction: Instruction, status: int) -> bool:
    """It came before what it refers to: next time."""
    if status != UNKNOWN_TRANSFER or instruction.of is None:
        return False
    return Instruction.objects.filter(pk=instruction.of, status=Status.WAITING).exists()


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
