"""The few statements a step needs: lock the case, read what it holds, and write it with its event and documents in one go.

By hand because every step of every case passes here: one statement instead of five halves the cost of a step.
"""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import msgspec
from django.db import DEFAULT_DB_ALIAS

from chuanyu.cases.models import Case
from chuanyu.cases.replay import Event
from chuanyu.core import days
from chuanyu.identity import sql

COLUMNS = tuple(field.attname for field in Case._meta.concrete_fields)  # the names of the columns too
MOVING = (
    *("declaration_id", "state", "final", "owner", "since", "sequence", "head", "shipped", "posting"),
    *("received", "due", "provisional", "escalated", "acts_at"),
)  # the columns that a step can change

_LOCK = f"SELECT {', '.join(COLUMNS)} FROM cases_case WHERE id = %s FOR UPDATE"
# a statement of its own: it must see what the holder of the lock before us committed
_ASKED = "SELECT EXISTS (SELECT FROM cases_request WHERE case_id = %s AND status = 'waiting')"
_NEW = f"INSERT INTO cases_case ({', '.join(COLUMNS)}) VALUES ({', '.join(['%s'] * len(COLUMNS))})"
_MOVED = f"UPDATE cases_case SET {', '.join(f'{column} = %s' for column in MOVING)} WHERE id = %s"
_REST = """, stored AS (
  INSERT INTO cases_event (case_id, sequence, hash, body, actor, stored) VALUES (%s, %s, %s, %s::jsonb, %s, now()) RETURNING 1
)
INSERT INTO cases_casedocument (case_id, sequence, name, digest, body)
SELECT %s, %s, d.name, d.digest, d.body::jsonb FROM unnest(%s::text[], %s::text[], %s::text[]) d(name, digest, body)
"""
_INSERT, _UPDATE = (f"WITH moved AS ({statement} RETURNING 1){_REST}" for statement in (_NEW, _MOVED))
_OPEN = "SELECT id FROM cases_case WHERE id = %s OR (service = %s AND person = %s AND NOT final)"
_DOCUMENTS = (
    "SELECT name, sequence, body FROM cases_casedocument WHERE case_id = %s AND sequence > %s ORDER BY sequence, name"
)
_EVENTS = "SELECT body FROM cases_event WHERE case_id = %s AND sequence > %s ORDER BY sequence"
# a person's cases of a service one after another: what the one before is posting may count for the next
_DUE = """
SELECT id FROM cases_case c WHERE acts_at <= %s AND NOT posting
   AND NOT EXISTS (SELECT FROM cases_case o WHERE o.person = c.person AND o.service = c.service AND o.posting)
 ORDER BY acts_at LIMIT 1
"""
_json = msgspec.json.Encoder()


def lock(case: UUID) -> Case | None:
    """The case, locked until the transaction ends; `case.asked`: someone's request waits to be decided."""
    row = sql.row(_LOCK, [case])
    if row is None:
        return None
    found = Case.from_db(DEFAULT_DB_ALIAS, COLUMNS, row)
    found.parties = msgspec.json.decode(found.parties)
    ((found.asked,),) = sql.rows(_ASKED, [case])
    return found


def open_cases(id: UUID, service: str, person: UUID) -> list[UUID]:
    """The case with this id, if there is one, and the person's open cases of the service."""
    return [row[0] for row in sql.rows(_OPEN, [id, service, person])]


def next_due() -> UUID | None:
    """A case whose automatic step is due, the longest waiting first."""
    row = sql.row(_DUE, [days.now()])
    return row[0] if row else None


def documents(case: UUID, after: int = 0) -> list[tuple[str, int, Any]]:
    """(name, sequence, body) of the documents that events after `after` took, in their order."""
    return [(name, sequence, msgspec.json.decode(body)) for name, sequence, body in sql.rows(_DOCUMENTS, [case, after])]


def events(case: UUID, after: int = 0) -> list[dict[str, Any]]:
    """The bodies of the events after `after`, in their order."""
    return [msgspec.json.decode(body) for (body,) in sql.rows(_EVENTS, [case, after])]


def write(case: Case, event: Event, documents: Mapping[str, Any], *, head: str, actor: str) -> None:
    """The case as it now stands (new if this is its first event), the event and the documents it took."""
    values = {name: column(case, name) for name in COLUMNS}
    if event.sequence == 1:
        statement, parameters = _INSERT, list(values.values())
    else:
        statement, parameters = _UPDATE, [*(values[column] for column in MOVING), case.pk]
    parameters += [case.pk, event.sequence, head, _json.encode(event.plain()).decode(), actor]
    parameters += [case.pk, event.sequence, list(documents), [event.documents[name] for name in documents]]
    parameters.append([_json.encode(body).decode() for body in documents.values()])
    sql.rows(statement, parameters)


def column(case: Case, name: str) -> Any:
    """A column of a case as the statements here take it."""
    value = getattr(case, name)
    return _json.encode(value).decode() if name == "parties" else value
