"""What must hold in a running node's ledger, proven from its rows: each check is one statement, so it sees one moment.

Inside the node: sums, entries, limits, reservations, what refers to what, windows. Between the nodes: mirrors are equal less
what is on its way, for which the other node is asked.
"""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec
from django.utils import timezone

from chuanyu.clearing import differences, signed
from chuanyu.clearing.models import Instruction, Window
from chuanyu.clearing.signed import Scope, Statement
from chuanyu.exchange.errors import ExchangeError
from chuanyu.identity import sql
from chuanyu.identity.here import here, peer

LATE = timedelta(minutes=15)  # how long a mirror may be on its way
MOST = 20  # lines of one kind that are told; the count is told always

# name → (what a row says, the rows that are wrong)
INSIDE: dict[str, tuple[str, str]] = {
    "sum": (
        "{0} {1}: the accounts sum to {2}",
        """SELECT b.name, a.unit, sum(a.balance) FROM ledger.account a JOIN ledger.book b USING (book)
            GROUP BY 1, 2 HAVING sum(a.balance) <> 0""",
    ),
    "balances": (
        "{0} {1}: balance {2} after {3} entries, but {5} entries sum to {4}",
        """SELECT b.name, a.name, a.balance, a.seq, coalesce(e.sum, 0), coalesce(e.count, 0)
             FROM ledger.account a JOIN ledger.book b USING (book)
             LEFT JOIN (SELECT book, account, sum(amount) AS sum, count(*) AS count FROM ledger.entry GROUP BY 1, 2) e
               ON (e.book, e.account) = (a.book, a.id)
            WHERE (a.balance, a.seq) IS DISTINCT FROM (coalesce(e.sum, 0)::bigint, coalesce(e.count, 0))""",
    ),
    "entries": (
        "{0} {1}: entry {2} of {3} does not follow the one before",
        """SELECT b.name, a.name, e.seq, e.transfer FROM (
             SELECT *, row_number() OVER w AS place, after - amount AS before, lag(after, 1, 0::bigint) OVER w AS last,
                    lag(seq, 1, 0::bigint) OVER w AS previous
               FROM ledger.entry WINDOW w AS (PARTITION BY book, account ORDER BY at, seq)) e
             JOIN ledger.account a ON (a.book, a.id) = (e.book, e.account) JOIN ledger.book b ON b.book = e.book
            WHERE e.seq <> e.place OR e.before <> e.last OR e.seq <> e.previous + 1""",
    ),
    "transfers": (
        "{0}: transfer {1} has not exactly its two entries (account {2}: {3}, should be {4})",
        """SELECT b.name, x.id, x.account, e.amount, x.amount FROM (
             SELECT book, id, debit AS account, -amount AS amount, at FROM ledger.transfer WHERE status = 0 AND kind IN (0, 2, 5, 6)
             UNION ALL
             SELECT book, id, credit, amount, at FROM ledger.transfer WHERE status = 0 AND kind IN (0, 2, 5, 6)) x
             FULL JOIN (SELECT book, transfer AS id, account, sum(amount) AS amount, count(*) AS count, max(at) AS at
                          FROM ledger.entry GROUP BY 1, 2, 3) e USING (book, id, account)
             LEFT JOIN ledger.book b USING (book)
            WHERE x.amount IS DISTINCT FROM e.amount OR e.count <> 1 OR x.at <> e.at""",
    ),
    "limits": (
        "{0} {1}: balance {2}, reserved {3}, expected {4} breaks its floor {5} or ceiling {6}",
        """SELECT b.name, a.name, a.balance, a.pending_out, a.pending_in, a.floor, a.ceiling
             FROM ledger.account a JOIN ledger.book b USING (book)
            WHERE a.balance - a.pending_out < a.floor OR a.balance + a.pending_in > a.ceiling
               OR a.pending_out < 0 OR a.pending_in < 0 OR (a.closed AND a.pending_out + a.pending_in > 0)""",
    ),
    "reservations": (
        "{0} {1}: {2} reserved and {3} expected, but open reservations sum to {4} and {5}",
        """SELECT b.name, a.name, a.pending_out, a.pending_in, coalesce(o.sum, 0), coalesce(i.sum, 0)
             FROM ledger.account a JOIN ledger.book b USING (book)
             LEFT JOIN (SELECT book, debit, sum(amount) FROM open GROUP BY 1, 2) o ON (o.book, o.debit) = (a.book, a.id)
             LEFT JOIN (SELECT book, credit, sum(amount) FROM open GROUP BY 1, 2) i ON (i.book, i.credit) = (a.book, a.id)
            WHERE (a.pending_out, a.pending_in) IS DISTINCT FROM (coalesce(o.sum, 0)::bigint, coalesce(i.sum, 0)::bigint)""",
    ),
    "origins": (
        "{0}: transfer {1} does not fit {2}, which it refers to",
        """SELECT b.name, t.id, t.origin FROM ledger.transfer t JOIN ledger.book b USING (book)
             LEFT JOIN ledger.transfer o ON (o.book, o.id) = (t.book, t.origin)
            WHERE t.status = 0 AND t.kind > 1 AND (o.id IS NULL OR o.status <> 0 OR t.amount > o.amount
               OR (t.kind IN (2, 3, 4) AND (o.kind <> 1 OR (o.debit, o.credit) <> (t.debit, t.credit)))
               OR (t.kind IN (5, 6) AND o.debit <> t.credit)
               OR (t.kind IN (3, 4, 6) AND t.amount <> o.amount))""",
    ),
    "reversals": (
        "{0}: of transfer {1} {2} was reversed, more than the {3} it moved",
        """SELECT b.name, o.id, r.sum, o.amount FROM
             (SELECT book, origin, sum(amount) FROM ledger.transfer WHERE status = 0 AND kind = 5 GROUP BY 1, 2) r
             JOIN ledger.transfer o ON (o.book, o.id) = (r.book, r.origin) JOIN ledger.book b ON b.book = o.book
            WHERE r.sum > o.amount""",
    ),
    "windows": (
        "{0}: transfer {1} is in window {2}, which is not there or was not open yet",
        """SELECT b.name, t.id, t."window" FROM ledger.transfer t JOIN ledger.book b USING (book)
             LEFT JOIN ledger.window w ON (w.book, w.id) = (t.book, t."window")
            WHERE t."window" <> 0 AND (w.id IS NULL OR t.at < w.opened)""",
    ),
    "instructions": (
        "{0}: instruction {1} is {2} with {3}, but the ledger has {4} with {5}",
        """SELECT i.service, i.id, i.status, i.amount, t.status, t.amount FROM clearing_instruction i
             LEFT JOIN ledger.transfer t ON t.id = i.id AND t.book = ledger.number(
               split_part(CASE i.side WHEN 'payer' THEN i.payer ELSE i.payee END, '/', 2) || '/' || i.service)
            WHERE i.status IN ('posted', 'expired') AND NOT (i.side = 'payee' AND i.kind IN ('pending', 'void'))
              AND (t.status IS DISTINCT FROM 0 OR t.amount <> i.amount)
               OR i.status = 'refused' AND t.status = 0""",
    ),
}
_OPEN = """WITH open AS (SELECT * FROM ledger.transfer p WHERE p.status = 0 AND p.kind = 1 AND NOT EXISTS (
  SELECT FROM ledger.transfer r WHERE r.book = p.book AND r.origin = p.id AND r.status = 0 AND r.kind IN (2, 3, 4, 6)))
"""

Say = Callable[[str], None]


def inside() -> Iterator[str]:
    """Every line of this node's own ledger that is wrong."""
    sql.rows("SET statement_timeout = 0", [])
    try:
        for name, (words, statement) in INSIDE.items():
            with_open = _OPEN if " open " in statement else ""
            rows = sql.rows(with_open + statement, [])
            for row in rows[:MOST]:
                yield f"{name}: {words.format(*row)}"
            if len(rows) > MOST:
                yield f"{name}: {len(rows) - MOST} more like this"
    finally:
        sql.rows("RESET statement_timeout", [])
    yield from _windows()


def _windows() -> Iterator[str]:
    """Closed windows are still what both have signed, and the ledger takes nothing more in them."""
    states = {Window.State.OPEN: (0,), Window.State.CLOSING: (0, 1)}
    for window in Window.objects.order_by("pk"):
        row = sql.row(
            "SELECT state FROM ledger.window WHERE book = ledger.number(%s) AND id = %s", [window.book, window.number]
        )
        if row is None or row[0] not in states.get(Window.State(window.state), (2,)):
            yield f"windows: {window.book} {window.name} is {window.state}, but the ledger has it as {row and row[0]}"
        if window.state in states:
            continue
        if window.statement != window.theirs or window.statement != signed.statement(window).plain:
            yield f"windows: {window.book} {window.name} is no longer what both sides signed"
            continue
        statement = msgspec.convert(window.statement, Statement)
        for node, signature in ((here(), window.signature), (peer(), window.their_signature)):
            if not signed.verified(statement, signature or {}, node=node):
                yield f"windows: {window.book} {window.name}: the signature of {node} is wrong"


def between(say: Say = lambda line: None) -> Iterator[str]:
    """Every mirror that is not what the other node has; what is on its way is only told by `say`. Raises exchange's errors."""
    for scope in _scopes():
        on_its_way: list[int] = []
        for line in differences.lines(scope):
            words = f"mirrors: {scope.book} {scope.period or 'alone'} {scope.peer}: {line.transfer}"
            if line.ours is not None and line.theirs is not None:
                yield f"{words} is {line.ours} here and {line.theirs} there"
            elif (line.theirs is None) == line.mirror:
                yield f"{words} is a mirror of nothing {'here' if line.mirror else 'there'}"
            elif line.mirror or _recent(scope.book, line.transfer):
                on_its_way.append(line.theirs or line.ours or 0)
            else:
                yield f"{words} was posted here more than {LATE} ago and is still not there"
        if on_its_way:
            say(
                f"{scope.book} {scope.period or 'alone'} {scope.peer}: {len(on_its_way)} on their way, {sum(on_its_way)} in all"
            )


def _scopes() -> Iterator[Scope]:
    for window in Window.objects.exclude(state=Window.State.RECONCILED).order_by("pk"):
        yield Scope.of(window)
    pairs: Any = Instruction.objects.filter(window=None, status=Instruction.Status.POSTED)
    seen = set()
    for payer, payee, service in pairs.values_list("payer", "payee", "service").distinct():
        own, other = (payer, payee) if payer.startswith(f"{here()}/") else (payee, payer)
        if other.startswith(f"{peer()}/"):
            seen.add((own, other, service))
    for own, other, service in sorted(seen):
        yield Scope(book=f"{own.partition('/')[2]}/{service}", service=service, own=own, peer=other)


def _recent(book: str, transfer: UUID) -> bool:
    row = sql.row("SELECT at FROM ledger.transfer WHERE book = ledger.number(%s) AND id = %s", [book, transfer])
    return row is not None and row[0] > timezone.now() - LATE


def whole(say: Say, *, alone: bool = False) -> list[str]:
    """All that is wrong, sorted by what it is about. `alone`: the other node is not asked."""
    found = list(inside())
    if not alone:
        try:
            found += between(say)
        except ExchangeError as error:
            found.append(f"mirrors: the other node could not be asked ({error.code}); --alone leaves it out")
    return found
