"""Who used my data: one node's log read for one person, and the two nodes' lists put together.

A message counts as an access when it carried documents and was not refused at the other gateway. A resident's own
question is no access by others and is left out.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from chuanyu.exchange import compact as agreement
from chuanyu.exchange import keys
from chuanyu.exchange.errors import CODES
from chuanyu.exchange.grants import OWN_DATA
from chuanyu.exchange.handlers import Asked, query
from chuanyu.exchange.subject import Sealer
from chuanyu.identity import looks
from chuanyu.identity.here import here, home

MOST = 5000  # log rows read for one person, the newest


class Access(msgspec.Struct, frozen=True, kw_only=True):
    """One message with documents about the person. `direction` as the node that tells saw it: sent | received.

    `here`, `there`: whether this node's log and the other's have it; `there` is None when the other was not reachable.
    """

    at: datetime
    message_id: UUID
    direction: str
    from_agency: str
    to_agency: str
    service: str
    action: str
    purpose: str
    basis: tuple[str, ...]
    fields: tuple[str, ...]
    here: bool = True
    there: bool | None = None


def statement(parameter: str) -> str:
    """The rows of every message whose subject is among an array of tokens. `parameter`: "%s" or "$1", as the driver has it."""
    return f"""
SELECT idx, at, direction, message, from_agency, to_agency, service, action, purpose, basis, fields, code
  FROM exchange_log
 WHERE message IN (SELECT message FROM exchange_log WHERE subject = ANY({parameter}) ORDER BY idx DESC LIMIT {MOST})
 ORDER BY idx
"""


def of_rows(rows: Iterable[Mapping[str, Any]]) -> list[Access]:
    """The accesses in log rows that stand in the order of the log."""
    first: dict[UUID, Mapping[str, Any]] = {}
    carried: dict[UUID, tuple[str, ...]] = {}
    refused: set[UUID] = set()
    for row in rows:
        message = UUID(str(row["message"]))
        first.setdefault(message, row)
        carried[message] = tuple(dict.fromkeys((*carried.get(message, ()), *_names(row["fields"]))))
        code = CODES.get(row["code"])
        if code is not None and code.final:
            refused.add(message)
    return [
        Access(
            at=row["at"],
            message_id=message,
            direction="sent" if row["direction"] in ("sent", "answer_received") else "received",
            from_agency=row["from_agency"],
            to_agency=row["to_agency"],
            service=row["service"],
            action=row["action"],
            purpose=row["purpose"],
            basis=_names(row["basis"]),
            fields=carried[message],
        )
        for message, row in first.items()
        if carried[message] and message not in refused and row["service"] != OWN_DATA
    ]


def merged(ours: Iterable[Access], theirs: Iterable[Access] | None) -> list[Access]:
    """Both lists by message id, newest first. What both have is told as we saw it. `theirs` None: not reachable."""
    found = list(ours)
    if theirs is not None:
        others = {one.message_id: one for one in theirs}
        mine = {one.message_id for one in found}
        found = [msgspec.structs.replace(one, there=one.message_id in others) for one in found]
        found += [
            msgspec.structs.replace(
                one, here=False, there=True, direction="sent" if one.direction == "received" else "received"
            )
            for id, one in others.items()
            if id not in mine
        ]
    return sorted(found, key=lambda one: (one.at, one.message_id), reverse=True)


@query(OWN_DATA)
async def own_data(asked: Asked) -> dict[str, Any]:
    """What this node's log and its vault have about the person. Nobody known and nothing logged are the same empty lists."""
    if asked.number is None:
        return {"accesses": [], "looks": []}
    sealer, purposes = await _sealing(asked)
    tokens = [token for purpose in purposes for token in sealer.tokens(asked.number, purpose)]
    rows = await asked.connection.fetch(statement("$1"), tokens)
    seen = await asked.connection.fetch(looks.statement("$1", "$2"), here(), asked.person) if asked.person else []
    return {
        "accesses": [_plain(one) for one in of_rows(rows)],
        "looks": [msgspec.to_builtins(one) for one in looks.of_rows([tuple(row) for row in seen])],
    }


async def _sealing(asked: Asked) -> tuple[Sealer, tuple[str, ...]]:
    """The sealer of the compact in force, and every purpose there ever was; read again when either may have changed."""
    global _sealed
    stamp = (here(), home(), asked.stamp)
    if _sealed is None or asked.stamp is None or _sealed[0] != stamp:
        rows = await asked.connection.fetch("SELECT body FROM exchange_compact ORDER BY version")
        compacts = [agreement.parse(row["body"]) for row in rows]
        purposes = frozenset[str]().union(*(one.purposes for one in compacts))
        _sealed = stamp, (Sealer(keys.load(home(), here()), compacts[-1]), tuple(sorted(purposes)))
    return _sealed[1]


_sealed: tuple[Any, tuple[Sealer, tuple[str, ...]]] | None = None


def _names(value: Any) -> tuple[str, ...]:
    """A jsonb list: Django's connection brings it decoded, asyncpg's as text."""
    return tuple(msgspec.json.decode(value) if isinstance(value, str) else value)


def _plain(access: Access) -> dict[str, Any]:
    told = msgspec.to_builtins(access)
    return {name: value for name, value in told.items() if name not in ("here", "there")}
