"""The messages of one agency: found by number, trace or stream, filtered by answer, service and day, a page at a time.

Read only. A message is shown by its outside: who, what, on which basis, how it was answered; neither its content nor
whom it is about. A page costs what it shows and never the length of the log: rows come along one index (agency, time), at
most LOOKED of them; a page that found too little in those says how far it looked, and `next` goes on from there.
"""

from collections.abc import Collection, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID

import msgspec

from chuanyu.core import days
from chuanyu.core.text import Text
from chuanyu.exchange.errors import CODES, Code
from chuanyu.exchange.log import ANSWER_RECEIVED, ANSWER_SENT, SENT
from chuanyu.exchange.models import Log
from chuanyu.identity import sql
from chuanyu.identity.actor import Actor
from chuanyu.identity.here import here

SHOWN = 50  # messages of a page
LOOKED = 2_000  # rows looked through for one page
AT_ONCE = 200
ANSWERS = ("accepted", "refused", "later", "none")

# the index log_console has these expressions, word for word
_OURS = "CASE WHEN direction = 'sent' THEN from_agency ELSE to_agency END"
_ASKED = "direction IN ('sent', 'received')"
_CHUNK = f"""
SELECT idx, at, message, service FROM exchange_log
 WHERE {_ASKED} AND {_OURS} = %(agency)s AND at >= %(since)s AND at < %(until)s AND (at, idx) < (%(at)s, %(idx)s) {{among}}
 ORDER BY at DESC, idx DESC LIMIT %(limit)s
"""
_ALL, _AMONG = _CHUNK.format(among=""), _CHUNK.format(among="AND message = ANY(%(among)s)")
_BY_TRACE = """
SELECT id FROM exchange_outbox WHERE last_error IS NOT NULL AND last_error->>'trace' = ANY(%(traces)s)
UNION SELECT id FROM exchange_inbox WHERE error IS NOT NULL AND error->>'trace' = ANY(%(traces)s)
"""
_BY_STREAM = """
SELECT id FROM exchange_outbox WHERE stream = %(stream)s
UNION SELECT id FROM exchange_inbox WHERE stream = %(stream)s AND stream <> ''
"""


class MessageView(msgspec.Struct, frozen=True, kw_only=True):
    """A message of the agency and how it was answered. `took`: milliseconds until then; None while nobody has answered.

    answer: accepted | refused | later (it is tried again) | none (yet). `code` and `text` say why it was not accepted.
    """

    id: UUID
    at: datetime
    sent: bool
    from_agency: str
    to_agency: str
    service: str
    action: str
    purpose: str
    basis: tuple[str, ...]
    fields: tuple[str, ...]
    key_id: str
    tries: int
    answer: str
    code: str
    text: Text | None
    took: int | None


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """`next`: what to give as `before` for older ones; None: there are none. `until`: how far a page looked that is not full."""

    rows: list[MessageView]
    next: int | None = None
    until: datetime | None = None


def messages(
    actor: Actor,
    *,
    answer: str = "",
    service: str = "",
    day: date | None = None,
    among: Collection[UUID] | None = None,
    before: int | None = None,
    shown: int = SHOWN,
) -> Page:
    """The messages of the actor's own agency, the newest first. Nobody but staff of this node sees any.

    `among`: only these (`by_number`, `by_stream`). `day`: first sent or received then, in Asia/Shanghai. `before`: `next` of
    the page before.
    """
    if actor.kind != "staff" or actor.node != here() or actor.agency is None:
        return Page(rows=[])
    span = _span(day) | {"agency": f"{here()}/{actor.agency}", "among": list(among or ())}
    place = _place(before)
    rows: list[MessageView] = []
    looked = 0
    while looked < LOOKED:
        chunk = sql.rows(_ALL if among is None else _AMONG, span | place | {"limit": AT_ONCE})
        asked = _asked([message for _, _, message, its_service in chunk if service in ("", its_service)])
        for idx, at, message, its_service in chunk:
            if len(rows) == shown:
                return Page(rows=rows, next=place["idx"])
            looked, place = looked + 1, {"at": at, "idx": idx}
            if service in ("", its_service):
                first, view = asked[message]
                if first == idx and answer in ("", view.answer):
                    rows.append(view)
        if len(chunk) < AT_ONCE:
            return Page(rows=rows)
    return Page(rows=rows, next=place["idx"], until=place["at"])


def by_number(number: UUID) -> set[UUID]:
    """The message of this number, or those whose refusal or failure has it as its trace."""
    found = sql.rows(_BY_TRACE, {"traces": [str(number), number.hex]})
    return {number, *(id_ for (id_,) in found)}


def by_stream(stream: str) -> set[UUID]:
    """What was sent and received in a stream: that of a case is named by its id."""
    return {id_ for (id_,) in sql.rows(_BY_STREAM, {"stream": stream})}


def _span(day: date | None) -> dict[str, Any]:
    first, last = date(1900, 1, 1), date.max
    if day is not None:
        first, last = day, min(day, date.max - timedelta(days=1)) + timedelta(days=1)
    midnight = (datetime.combine(each, time(), days.SHANGHAI) for each in (first, last))
    return dict(zip(("since", "until"), midnight, strict=True))


def _place(before: int | None) -> dict[str, Any]:
    """Where to go on: after the row with this index; from the newest where there is none."""
    at = None if before is None else Log.objects.filter(pk=before).values_list("at", flat=True).first()
    return {"at": at or datetime.combine(date.max, time(), days.SHANGHAI), "idx": before if at else 0}


def _asked(ids: Sequence[UUID]) -> dict[UUID, tuple[int, MessageView]]:
    """Messages by their numbers, each with the index of its first row."""
    by_message: dict[UUID, list[Log]] = {}
    for row in Log.objects.filter(message__in=ids).defer("leaf", "signature", "digest", "subject").order_by("idx"):
        by_message.setdefault(row.message, []).append(row)
    return {id_: _message(rows) for id_, rows in by_message.items()}


def _message(rows: list[Log]) -> tuple[int, MessageView]:
    """One message out of its rows in the order of the log: asked, perhaps more than once, and answered."""
    asked = [row for row in rows if row.direction not in (ANSWER_SENT, ANSWER_RECEIVED)]
    answered = [row for row in rows if row.direction in (ANSWER_SENT, ANSWER_RECEIVED)]
    first, last = asked[0], answered[-1] if answered else None
    code = CODES.get(last.code) if last else None
    return first.idx, MessageView(
        id=first.message,
        at=first.at,
        sent=first.direction == SENT,
        from_agency=first.from_agency,
        to_agency=first.to_agency,
        service=first.service,
        action=first.action,
        purpose=first.purpose,
        basis=tuple(first.basis),
        fields=tuple(first.fields),
        key_id=first.key_id,
        tries=len(asked),
        answer=_answer(last, code),
        code=last.code if last else "",
        text=code.text if code else None,
        took=round((last.at - asked[-1].at).total_seconds() * 1000) if last else None,
    )


def _answer(last: Log | None, code: Code | None) -> str:
    if last is None:
        return "none"
    if not last.code and last.status < 400:
        return "accepted"
    return "later" if code is not None and not code.final else "refused"
