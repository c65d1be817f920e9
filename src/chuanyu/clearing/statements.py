"""An account's statement: its entries newest first, page by page, as CSV, and its balance as of any moment.

Every page and every past balance is one probe of the index (book, account, at, seq), however long the account is.
"""

import csv
import io
from collections.abc import Iterator
from datetime import datetime
from uuid import UUID

import msgspec

from chuanyu.clearing import titles
from chuanyu.core.days import SHANGHAI
from chuanyu.core.money import Money
from chuanyu.identity import sql

PAGE = 50
CSV_PAGE = 2000
COLUMNS = ("time", "number", "transfer", "posting", "title", "counterpart", "amount", "balance")
MONEY = "CNY"


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One line. `amount` and `after` in the unit's smallest part, credit positive; `other` is the account it came from or went to."""

    at: datetime
    seq: int
    transfer: UUID
    code: str
    other: str
    amount: int
    after: int


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """Some lines, newest first. `before` is what to ask for the next page with; None when this was the last."""

    book: str
    account: str
    unit: str
    entries: tuple[Entry, ...]
    before: tuple[datetime, int] | None


_ENTRIES = """
SELECT e.at, e.seq, e.transfer, t.code, o.name, e.amount, e.after
  FROM ledger.entry e
  JOIN ledger.transfer t ON t.book = e.book AND t.id = e.transfer
  JOIN ledger.account o ON o.book = e.book AND o.id = CASE WHEN t.debit = e.account THEN t.credit ELSE t.debit END
 WHERE e.book = %s AND e.account = %s AND (e.at, e.seq) < (%s, %s) AND e.at >= %s
 ORDER BY e.at DESC, e.seq DESC LIMIT %s
"""
_BALANCE = (
    "SELECT after FROM ledger.entry WHERE book = %s AND account = %s AND at <= %s ORDER BY at DESC, seq DESC LIMIT 1"
)


def page(
    *,
    book: str,
    account: str,
    before: tuple[datetime, int] | None = None,
    since: datetime | None = None,
    size: int = PAGE,
) -> Page:
    """Entries before `before` (a page's own), not older than `since`. Raises LookupError for an account that isn't there."""
    number, id_, unit = _account(book, account)
    at, seq = before or ("infinity", 0)
    rows = sql.rows(_ENTRIES, [number, id_, at, seq, since or "-infinity", size + 1])
    entries = tuple(
        Entry(at=at, seq=seq, transfer=transfer, code=code, other=other, amount=amount, after=after)
        for at, seq, transfer, code, other, amount, after in rows[:size]
    )
    more = (entries[-1].at, entries[-1].seq) if len(rows) > size else None
    return Page(book=book, account=account, unit=unit, entries=entries, before=more)


def balance(*, book: str, account: str, at: datetime) -> int:
    """The balance as of a moment, in the unit's smallest part. Raises LookupError for an account that isn't there."""
    number, id_, _ = _account(book, account)
    row = sql.row(_BALANCE, [number, id_, at])
    return row[0] if row else 0


def lines(*, book: str, account: str, since: datetime | None = None, until: datetime | None = None) -> Iterator[str]:
    """The statement as lines of CSV, newest first, with a heading; times in Asia/Shanghai, money in yuan."""
    found = page(book=book, account=account, before=(until, 0) if until else None, since=since, size=CSV_PAGE)
    yield _csv(COLUMNS)
    while True:
        for entry in found.entries:
            yield _csv(
                (
                    entry.at.astimezone(SHANGHAI).isoformat(timespec="milliseconds"),
                    entry.seq,
                    entry.transfer,
                    entry.code,
                    titles.of_book(entry.code, book).zh,
                    entry.other,
                    shown(entry.amount, found.unit),
                    shown(entry.after, found.unit),
                )
            )
        if found.before is None:
            return
        found = page(book=book, account=account, before=found.before, since=since, size=CSV_PAGE)


def shown(amount: int, unit: str) -> str:
    """An amount as people read it: yuan with two decimals, other units as they are."""
    return str(Money(amount)) if unit == MONEY else str(amount)


def _account(book: str, account: str) -> tuple[int, int, str]:
    row = sql.row(
        "SELECT a.book, a.id, a.unit FROM ledger.account a WHERE a.book = ledger.number(%s) AND a.name = %s AND a.name <> ''",
        [book, account],
    )
    if row is None:
        raise LookupError(f"there is no account {account} in {book}")
    return row


def _csv(values: tuple[object, ...]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerow(values)
    return out.getvalue()
