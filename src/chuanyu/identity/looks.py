"""Who opened a person's record: the audit rows of the vault as the person may read them.

A look is told by the agency it was made for, never by the clerk's name: the agency answers for it. What a person, the
node itself or the wire looks up is left out: one's own pages, a rule that decides, a message whose line is in the log.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from chuanyu.identity import sql
from chuanyu.identity.here import here

MOST = 1000  # lines told of one person, the newest


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """The looks of one agency on one legal day for one purpose in one case. `trace`: the case's id, or the page's name.

    `by`: staff | person (a delegate of theirs, or whom they offered to become one). `agency`: "sichuan/hrss"; "" for a
    person, and for staff whose job has ended.
    """

    node: str
    by: str
    agency: str
    purpose: str
    trace: str
    first: datetime
    last: datetime
    times: int


def statement(node: str, person: str) -> str:
    """The rows of one person, newest first. `node`, `person`: parameters as the driver has them ("%s" or "$1")."""
    return f"""
SELECT asked.node, CASE WHEN strpos(r.actor, '~') > 0 OR u.kind = 'resident' THEN 'person' ELSE 'staff' END AS who,
       coalesce(a.node || '/' || a.code, '') AS agency, r.purpose, r.trace, min(r.at), max(r.at), count(*)
  FROM (SELECT {node}::text AS node, {person}::uuid AS person) asked
  JOIN identity_reveal r ON r.person_id = asked.person
  LEFT JOIN identity_user u ON r.actor = asked.node || '/' || u.username
  LEFT JOIN identity_staff s ON s.user_id = u.id
  LEFT JOIN identity_agency a ON a.id = s.agency_id
 WHERE u.person_id IS DISTINCT FROM r.person_id
   AND (u.id IS NOT NULL OR NOT (
         r.actor IN (asked.node || '/system', asked.node || '/portal')
         OR EXISTS (SELECT FROM identity_agency g WHERE r.actor = g.node || '/' || g.code)))
 GROUP BY asked.node, who, agency, r.purpose, r.trace, (r.at AT TIME ZONE 'Asia/Shanghai')::date
 ORDER BY max(r.at) DESC LIMIT {MOST}
"""


def of_rows(rows: Iterable[Sequence[Any]]) -> list[Look]:
    """The looks in rows of `statement`."""
    return [Look(**dict(zip(Look.__struct_fields__, row, strict=True))) for row in rows]


def at(person: UUID) -> list[Look]:
    """Who opened this person's record at this node, newest first."""
    return of_rows(sql.rows(statement("%s", "%s"), [here(), person]))
