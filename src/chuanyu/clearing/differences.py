"""Line by line: where two nodes' statements of a window differ, which transfers are only here, only there, or not the same.

The peer is asked for its hashes by bucket, then only for the buckets that differ, so one missing transfer in a million
costs two short answers.
"""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import msgspec
import structlog
from django.db import transaction
from django.utils import timezone

from chuanyu.clearing import letters, signed
from chuanyu.clearing.models import Difference, Instruction, Window
from chuanyu.clearing.signed import Scope
from chuanyu.core.canonical import digest
from chuanyu.exchange.errors import ExchangeError
from chuanyu.exchange.handlers import Asked, query

PATIENCE = 60.0  # seconds after closing began in which what differs is taken to be on its way

log = structlog.get_logger("chuanyu.clearing")
How = Difference.How


class Line(msgspec.Struct, frozen=True):
    """One transfer that is not the same at both nodes: signed amounts, None where it is missing."""

    transfer: UUID
    mirror: bool
    ours: int | None
    theirs: int | None


class Question(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is asked about a window, or (no period) about what settled alone.

    `paid_by_you`: the direction, as the asked one sees it. `bucket` None: all hashes.
    """

    period: str
    unit: str
    cycle: str
    paid_by_you: bool
    bucket: int | None = None


def work() -> int:
    """Compare closing windows whose statements differ, once per pair of statements. Returns how many were compared."""
    count = 0
    for window in Window.objects.filter(state=Window.State.CLOSING).exclude(statement=None).exclude(theirs=None):
        assert window.closing is not None
        age = (timezone.now() - window.closing).total_seconds()
        if window.statement == window.theirs or age < PATIENCE or window.compared == _pair(window):
            continue
        try:
            compare(window)
        except ExchangeError as error:
            log.warning("the other node could not be asked for a window's lines", window=window.name, code=error.code)
            return count
        count += 1
    return count


def compare(window: Window) -> list[Line]:
    """Ask the peer and keep what differs; lines that no longer do are resolved. Raises exchange's errors."""
    pair = _pair(window)
    found = list(lines(Scope.of(window)))
    keep(window, found)
    Window.objects.filter(pk=window.pk).update(compared=pair)
    return found


def lines(scope: Scope) -> Iterator[Line]:
    """What differs now, asked of the peer. The payer's side is read last, so what is on its way only ever lacks its mirror."""
    for mirror in (False, True):
        ours = signed.buckets(scope, mirror=mirror)
        theirs = {int(k): signed.Line(*v) for k, v in _ask(scope, mirror, None)["buckets"].items()}
        for number in sorted(n for n in ours.keys() | theirs.keys() if ours.get(n) != theirs.get(n)):
            here_ = signed.bucket(scope, number, mirror=mirror)
            there = {UUID(id_): int(amount) for id_, amount in _ask(scope, mirror, number)["transfers"]}
            if not mirror:
                here_ = signed.bucket(scope, number, mirror=mirror)
            for id_ in sorted(here_.keys() | there.keys()):
                if here_.get(id_) != there.get(id_):
                    yield Line(id_, mirror, here_.get(id_), there.get(id_))


@transaction.atomic
def keep(window: Window, found: list[Line]) -> None:
    """Store what differs, and close what no longer does."""
    now = timezone.now()
    known = {(d.transfer, d.mirror): d for d in Difference.objects.filter(window=window)}
    for line in found:
        row = known.pop((line.transfer, line.mirror), None) or Difference(
            window=window, transfer=line.transfer, mirror=line.mirror
        )
        row.ours, row.theirs, row.resolved, row.how = line.ours, line.theirs, None, ""
        row.save()
    for row in known.values():
        if row.resolved is None:
            adjusted = Instruction.objects.filter(
                of=row.transfer, kind=Instruction.Kind.ADJUST, status="posted"
            ).exists()
            row.resolved, row.how = now, How.ADJUSTED if adjusted or row.by else How.ARRIVED
            row.save(update_fields=["resolved", "how"])


def _ask(scope: Scope, mirror: bool, bucket: int | None) -> dict[str, Any]:
    question = Question(period=scope.period, unit=scope.unit, cycle=scope.cycle, paid_by_you=mirror, bucket=bucket)
    return letters.ask(
        own=scope.own,
        peer=scope.peer,
        service=scope.service,
        action=letters.DIFFERENCE,
        document=msgspec.to_builtins(question),
    )


def _pair(window: Window) -> str:
    return digest([window.statement, window.theirs])


# --- what the peer may ask, answered inside the gateway -----------------------------------------------------------------


@query(letters.DIFFERENCE)
async def tell(asked: Asked) -> dict[str, Any]:
    """This node's hashes of a window, or the transfers of one bucket; of a window that is not here: nothing."""
    envelope = asked.envelope
    question = msgspec.convert(envelope.document, Question)
    book, number = f"{envelope.to_agency.partition('/')[2]}/{envelope.service}", 0
    if question.period:
        number = await asked.connection.fetchval(
            "SELECT number FROM clearing_window WHERE book = $1 AND peer = $2 AND period = $3 AND unit = $4 AND cycle = $5",
            book, envelope.from_agency, question.period, question.unit, question.cycle,
        )  # fmt: skip
        if number is None:
            return {"buckets": {}, "transfers": []}
    places = {"b": "$1::text", "w": "$2::int" if number else "$2::text", "m": "$3::boolean", "k": "$4::int"}
    given = (book, number or envelope.from_agency, not question.paid_by_you)
    rows_of = signed.rows_of(number)
    if question.bucket is None:
        rows = await asked.connection.fetch(signed.by_bucket(rows_of).format(**places), *given)
        return {"buckets": {str(r[0]): [r[1], r[2], r[3]] for r in rows}}
    rows = await asked.connection.fetch(signed.in_bucket(rows_of).format(**places), *given, question.bucket)
    return {"transfers": [[str(r[0]), r[1]] for r in rows]}
