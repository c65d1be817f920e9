"""What both nodes sign about a window: per direction how many transfers moved how much, and a hash over which ones.

The hash is SHA-256 over the sorted ids, each followed by its signed amount, so two errors that cancel out in the sum are
seen too. A reversal counts negative; a transfer that was adjusted counts no more, nor does its adjustment.
"""

import base64
from collections.abc import Callable
from typing import Any
from uuid import UUID

import msgspec

from chuanyu.clearing.models import Window
from chuanyu.core.canonical import canonical
from chuanyu.exchange import installed, keys, signing
from chuanyu.exchange.compact import b64
from chuanyu.identity import sql
from chuanyu.identity.here import here, home

# A difference is looked for by the last byte of the id, which is random: of 256 buckets only those that differ are fetched
# What is counted. Placeholders: {b} book, {w} window, {m} mirror; rows of a window lie after it opened (a BRIN index)
_MOVED = """
  SELECT t.id, CASE WHEN t.kind = 5 THEN -t.amount ELSE t.amount END AS amount
    FROM ledger.transfer t
   WHERE t.book = ledger.number({b}) AND t.mirror = {m} AND t.status = 0 AND t.kind IN (0, 2, 5)
     AND NOT EXISTS (SELECT FROM ledger.transfer a
                      WHERE a.book = t.book AND a.origin = t.id AND a.status = 0 AND a.kind = 6)
"""
IN_WINDOW = f"""{_MOVED} AND t."window" = {{w}}
     AND t.at >= (SELECT w.opened FROM ledger.window w WHERE w.book = t.book AND w.id = t."window")"""
# what settled alone with one peer; here {w} is that agency
ALONE = f"""{_MOVED} AND t."window" = 0 AND t.id IN (
       SELECT i.id FROM clearing_instruction i WHERE i.window_id IS NULL AND i.status = 'posted' AND {{w}} IN (i.payer, i.payee)
          AND i.service = split_part({{b}}, '/', 2) AND split_part(i.payer, '/', 1) <> split_part(i.payee, '/', 1))"""

_HASH = (
    "encode(sha256(coalesce(string_agg(uuid_send(r.id) || int8send(r.amount), ''::bytea ORDER BY r.id), '')), 'hex')"
)
_LINE = f"count(*), coalesce(sum(r.amount), 0)::text, {_HASH}"


def total(rows: str) -> str:
    """SQL for count, sum and hash of these rows."""
    return f"SELECT {_LINE} FROM ({rows}) r"


def by_bucket(rows: str) -> str:
    """SQL for bucket, count, sum and hash of each bucket that has any."""
    return f"SELECT get_byte(uuid_send(r.id), 15) AS bucket, {_LINE} FROM ({rows}) r GROUP BY 1 ORDER BY 1"


def in_bucket(rows: str) -> str:
    """SQL for id and amount of one bucket, {k}."""
    return f"SELECT r.id, r.amount FROM ({rows}) r WHERE get_byte(uuid_send(r.id), 15) = {{k}} ORDER BY r.id"


class Line(msgspec.Struct, frozen=True):
    """One direction: `sum` in fen as text, `sha256` over the sorted ids with their amounts."""

    count: int
    sum: str
    sha256: str


EMPTY = Line(0, "0", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")


class Statement(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A window as one node sees it. `paid` maps "payer>payee" to its line, both directions, so both nodes say the same."""

    service: str
    period: str
    unit: str
    cycle: str
    paid: dict[str, Line]

    @property
    def plain(self) -> dict[str, Any]:
        """As it is hashed, signed, stored and sent."""
        found: dict[str, Any] = msgspec.to_builtins(self)
        return found


class Scope(msgspec.Struct, frozen=True, kw_only=True):
    """Whose transfers: of a window, or (number 0) those with `peer` that settled alone."""

    book: str
    service: str
    own: str
    peer: str
    number: int = 0
    period: str = ""
    unit: str = "CNY"
    cycle: str = "gross"

    @classmethod
    def of(cls, window: Window) -> "Scope":
        """A window's."""
        return cls(**{name: getattr(window, name) for name in cls.__struct_fields__})

    @property
    def rows(self) -> str:
        """The SQL that counts them."""
        return rows_of(self.number)

    def given(self, *, mirror: bool, bucket: int | None = None) -> dict[str, Any]:
        """What its placeholders stand for."""
        return {"b": self.book, "w": self.number or self.peer, "m": mirror, "k": bucket}


def rows_of(number: int) -> str:
    """The SQL that counts a window's transfers, or (0) those that settled alone."""
    return IN_WINDOW if number else ALONE


def statement(window: Window) -> Statement:
    """The window as this node's ledger has it now."""
    return Statement(
        service=window.service,
        period=window.period,
        unit=window.unit,
        cycle=window.cycle,
        paid={
            f"{window.own}>{window.peer}": line(window, mirror=False),
            f"{window.peer}>{window.own}": line(window, mirror=True),
        },
    )


def line(scope: Window | Scope, *, mirror: bool) -> Line:
    """One direction of it: what we paid, or (mirror) what the peer did."""
    (found,) = _ask(total, scope, mirror)
    return Line(*found)


def buckets(scope: Scope, *, mirror: bool) -> dict[int, Line]:
    """The same, for each of the 256 buckets that has anything."""
    return {row[0]: Line(*row[1:]) for row in _ask(by_bucket, scope, mirror)}


def bucket(scope: Scope, number: int, *, mirror: bool) -> dict[UUID, int]:
    """The transfers of one bucket: id → signed amount."""
    return dict(_ask(in_bucket, scope, mirror, number))


def _ask(
    what: Callable[[str], str], scope: Window | Scope, mirror: bool, bucket: int | None = None
) -> list[tuple[Any, ...]]:
    whose = scope if isinstance(scope, Scope) else Scope.of(scope)
    statement = what(whose.rows).format(b="%(b)s", w="%(w)s", m="%(m)s", k="%(k)s")
    return sql.rows(statement, whose.given(mirror=mirror, bucket=bucket))


def sign(statement: Statement) -> dict[str, str]:
    """This node's signature over the canonical statement: {"key", "signature"}."""
    key = keys.load(home(), here()).signer(installed.current())
    return {"key": key.id, "signature": b64(signing.sign(key, canonical(statement.plain)))}


def verified(statement: Statement, signature: dict[str, str], *, node: str) -> bool:
    """Whether `node` signed it, with a key the compact lists."""
    key = installed.current().signing_key(node, signature.get("key", ""))
    if key is None:
        return False
    try:
        public = signing.load_public(key.id, key.suite, key.point)
        return signing.verify(public, canonical(statement.plain), base64.b64decode(signature.get("signature", "")))
    except ValueError:
        return False
