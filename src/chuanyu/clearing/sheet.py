"""A window as its officers read it: what each node signed or has so far, and its transfers line by line."""

from datetime import datetime
from uuid import UUID

import msgspec

from chuanyu.clearing import legs, models, queries, signed
from chuanyu.clearing.signed import IN_WINDOW, Statement
from chuanyu.identity import sql
from chuanyu.identity.here import here, peer

PAGE = 50
KINDS = {0: "plain", 2: "post", 5: "reverse", 6: "adjust"}


class Direction(msgspec.Struct, frozen=True, kw_only=True):
    """What one side paid the other in a window. `sum` in the unit's smallest part; `sha256` over the sorted ids with their amounts."""

    payer: str
    payee: str
    count: int
    sum: int
    sha256: str


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """What one node says of a window. `key`: whose signature it bears, "" while it is only what the ledger has now."""

    node: str
    paid: tuple[Direction, ...]
    key: str = ""
    signature: str = ""
    valid: bool = False


class Sheet(msgspec.Struct, frozen=True, kw_only=True):
    """A window and what both nodes say of it; `theirs` None until they have signed."""

    window: queries.Window
    ours: Said
    theirs: Said | None


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One transfer of a window. `amount` signed as it counts: a reversal is negative. `case` None: no case asked for it.

    `mirror`: the peer paid it. `counts` False: it was adjusted, or is an adjustment, and is in no signed sum.
    """

    id: UUID
    at: datetime
    kind: str
    mirror: bool
    amount: int
    code: str
    debit: str
    credit: str
    case: UUID | None
    of: UUID | None
    counts: bool


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """Some transfers, newest first. `before` is what to ask for the next page with; None when this was the last."""

    rows: tuple[Row, ...]
    before: tuple[datetime, UUID] | None


_ROWS = """
SELECT t.id, t.at, t.kind, t.mirror, t.amount, t.code, d.name, c.name, i.case, t.origin,
       EXISTS (SELECT FROM ledger.transfer a WHERE a.book = t.book AND a.origin = t.id AND a.status = 0 AND a.kind = 6)
  FROM ledger.transfer t
  JOIN ledger.account d ON d.book = t.book AND d.id = t.debit
  JOIN ledger.account c ON c.book = t.book AND c.id = t.credit
  LEFT JOIN clearing_instruction i ON i.id = t.id
 WHERE t.book = ledger.number(%s) AND t."window" = %s AND t.status = 0 AND t.kind IN (0, 2, 5, 6)
   AND t.at >= (SELECT w.opened FROM ledger.window w WHERE w.book = t.book AND w.id = t."window")
   AND (t.at, t.id) < (%s, %s)
 ORDER BY t.at DESC, t.id DESC LIMIT %s
"""
_SUM = (
    f"SELECT count(*), coalesce(sum(r.amount), 0)::bigint FROM ({IN_WINDOW.format(b='%(b)s', w='%(w)s', m='%(m)s')}) r"
)
_LAST = UUID(int=(1 << 128) - 1)


def sheet(window: int) -> Sheet | None:
    """One window by its id here, whole; None if there is none."""
    row = models.Window.objects.filter(pk=window).first()
    found = queries.window(window)
    if row is None or found is None:
        return None
    if row.statement is not None:
        ours = _said(here(), row.statement, row.signature)
    else:
        ours = _said(here(), signed.statement(row).plain, None)
    theirs = _said(peer(), row.theirs, row.their_signature) if row.theirs is not None else None
    return Sheet(window=found, ours=ours, theirs=theirs)


def so_far(window: queries.Window) -> tuple[int, int, int, int]:
    """(count, sum) that we pay and (count, sum) that they pay, as the ledger has it now: of a window that nobody signed yet."""
    row = models.Window.objects.get(pk=window.id)
    place = {"b": row.book, "w": row.number}
    found = [sql.rows(_SUM, {**place, "m": mirror})[0] for mirror in (False, True)]
    return (*found[0], *found[1])


def transfers(window: int, *, before: tuple[datetime, UUID] | None = None, size: int = PAGE) -> Page:
    """Transfers of a window, newest first, before `before` (a page's own). A person's account is only called so."""
    row = models.Window.objects.get(pk=window)
    at, last = before or ("infinity", _LAST)
    found = sql.rows(_ROWS, [row.book, row.number, at, last, size + 1])
    rows = tuple(_row(one) for one in found[:size])
    return Page(rows=rows, before=(rows[-1].at, rows[-1].id) if len(found) > size else None)


def _row(found: tuple) -> Row:
    id_, at, kind, mirror, amount, code, debit, credit, case, of, adjusted = found
    return Row(
        id=id_, at=at, kind=KINDS[kind], mirror=mirror, amount=-amount if kind in (5, 6) else amount, code=code,
        debit=legs.nameless(debit), credit=legs.nameless(credit), case=None if case == models.NO_CASE else case,
        of=of if kind in (5, 6) else None, counts=kind != 6 and not adjusted,
    )  # fmt: skip


def _said(node: str, plain: dict, signature: dict | None) -> Said:
    statement = msgspec.convert(plain, Statement)
    paid = tuple(
        Direction(payer=payer, payee=payee, count=line.count, sum=int(line.sum), sha256=line.sha256)
        for direction, line in statement.paid.items()
        for payer, _, payee in (direction.partition(">"),)
    )
    if signature is None:
        return Said(node=node, paid=paid)
    return Said(
        node=node, paid=paid, key=signature.get("key", ""), signature=signature.get("signature", ""),
        valid=signed.verified(statement, signature, node=node),
    )  # fmt: skip
