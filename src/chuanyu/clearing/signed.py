"""What both nodes sign about a window: per direction how many transfers moved how much, and a hash over which ones.

The hash is SHA-256 over the sorted ids, each followed by its signed amount, so two errors that cancel out in the sum are
seen too. A reversal counts negative; a transfer that was adjusted counts no more, nor does its adjustment.
"""

import base64
from typing import Any
from uuid import UUID

import msgspec

from chuanyu.clearing.models import Window
from chuanyu.core.canonical import canonical
from chuanyu.exchange import installed, keys, signing
from chuanyu.exchange.compact import b64
from chuanyu.identity import sql
from chuanyu.identity.here import here, home

BUCKETS = 256  # a difference is looked for by the last byte of the id, which is random: one bucket in 256 is fetched

# `{0}` book, `{1}` window, `{2}` mirror. All rows of a window lie between its first and its last moment (a BRIN index).
_ROWS = """
  SELECT t.id, CASE WHEN t.kind = 5 THEN -t.amount ELSE t.amount END AS amount
    FROM ledger.transfer t
   WHERE t.book = {0} AND t."window" = {1} AND t.mirror = {2} AND t.status = 0 AND t.kind IN (0, 2, 5)
     AND t.at >= (SELECT w.opened FROM ledger.window w WHERE w.book = {0} AND w.id = {1})
     AND NOT EXISTS (SELECT FROM ledger.transfer a
                      WHERE a.book = t.book AND a.origin = t.id AND a.status = 0 AND a.kind = 6)
"""
_HASH = "encode(sha256(coalesce(string_agg(uuid_send(r.id) || int8send(r.amount), ''::bytea ORDER BY r.id), '')), 'hex')"
TOTAL = f"SELECT count(*), coalesce(sum(r.amount), 0)::text, {_HASH} FROM ({_ROWS}) r"
BY_BUCKET = f"""
SELECT get_byte(uuid_send(r.id), 15) AS bucket, count(*), coalesce(sum(r.amount), 0)::text, {_HASH} FROM ({_ROWS}) r GROUP BY 1 ORDER BY 1
"""
ONE_BUCKET = f"SELECT r.id, r.amount FROM ({_ROWS}) r WHERE get_byte(uuid_send(r.id), 15) = {{3}} ORDER BY r.id"


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


def sql_for(statement: str, placeholders: tuple[str, ...]) -> str:
    """One of the statements above with the placeholders of a driver."""
    return statement.format(*placeholders)


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


def line(window: Window, *, mirror: bool) -> Line:
    """One direction of it: what we paid, or (mirror) what the peer did."""
    parameters = {"b": window.book, "w": window.number, "m": mirror}
    found = sql.row(sql_for(TOTAL, ("ledger.number(%(b)s)", "%(w)s", "%(m)s")), parameters)  # type: ignore[arg-type]
    assert found is not None
    return Line(*found)


def buckets(window: Window, *, mirror: bool) -> dict[int, Line]:
    """The same, for each of the 256 buckets that has anything."""
    parameters = {"b": window.book, "w": window.number, "m": mirror}
    rows = sql.rows(sql_for(BY_BUCKET, ("ledger.number(%(b)s)", "%(w)s", "%(m)s")), parameters)  # type: ignore[arg-type]
    return {row[0]: Line(*row[1:]) for row in rows}


def bucket(window: Window, number: int, *, mirror: bool) -> dict[UUID, int]:
    """The transfers of one bucket: id → signed amount."""
    parameters = {"b": window.book, "w": window.number, "m": mirror, "k": number}
    rows = sql.rows(sql_for(ONE_BUCKET, ("ledger.number(%(b)s)", "%(w)s", "%(m)s", "%(k)s")), parameters)  # type: ignore[arg-type]
    return dict(rows)


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
