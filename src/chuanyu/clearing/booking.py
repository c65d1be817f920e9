"""Movements inside one book that a program of this node makes by itself: posted at once, all or none, in the caller's transaction."""

from collections.abc import Sequence
from uuid import UUID

from django.db import connection

from chuanyu.clearing.legs import Leg
from chuanyu.clearing.reasons import CODES
from chuanyu.core.ids import uuid7


class Refusal(Exception):
    """The ledger refused; nothing was posted. `reason` is a code of reasons.REASONS."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def accounts(book: str, legs: Sequence[tuple[Leg, str]]) -> tuple[int, dict[str, int]]:
    """(the book's number, account name → id); legs (with their unit) that are not there yet are opened."""
    named = {leg.name: (unit, leg.floor) for leg, unit in legs}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT book, id, name FROM ledger.open(%s, %s::text[], %s::text[], %s::bigint[])",
            [book, list(named), [unit for unit, _ in named.values()], [floor for _, floor in named.values()]],
        )
        rows = cursor.fetchall()
    return rows[0][0], {name: id_ for _, id_, name in rows}


def move(book: str, movements: Sequence[tuple[Leg, Leg, int]], *, unit: str, code: str) -> list[UUID]:
    """Post (debit, credit, amount) in fen, all or none; a negative amount goes the other way, zero is left out.

    New ids each time: what makes it happen once is the caller's transaction. Raises Refusal, and the caller must then roll back.
    """
    wanted = [(d, c, a) if a > 0 else (c, d, -a) for d, c, a in movements if a]
    if not wanted:
        return []
    number, ids = accounts(book, [(leg, unit) for d, c, _ in wanted for leg in (d, c)])
    made = [uuid7() for _ in wanted]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT ledger.post(%s, 0, %s::uuid[], %s::int[], %s::int[], %s::bigint[], %s::text[], p_chain => %s::int[])",
            [
                number,
                made,
                [ids[d.name] for d, _, _ in wanted],
                [ids[c.name] for _, c, _ in wanted],
                [a for *_, a in wanted],
                [code] * len(wanted),
                [1] * len(wanted),
            ],
        )
        (statuses,) = cursor.fetchone()
    if failed := [CODES[s] for s in statuses if s not in (0, 9)]:
        raise Refusal(failed[0])
    return made
