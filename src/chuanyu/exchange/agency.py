"""What one agency reads of exchange: the lines of the compact about it, the keys that speak for it, its last messages.

Read only. A message is shown by its outside: who, what, on which basis, how it was answered; neither its content nor
whom it is about.
"""

import hashlib
from datetime import datetime, timedelta
from uuid import UUID

import msgspec
from django.db.models import Q

from chuanyu.core.text import Text
from chuanyu.exchange import compact as agreement
from chuanyu.exchange import installed
from chuanyu.exchange.errors import CODES, Code, CompactError
from chuanyu.exchange.grants import Grant
from chuanyu.exchange.log import ANSWER_RECEIVED, ANSWER_SENT, SENT
from chuanyu.exchange.models import Compact as Row
from chuanyu.exchange.models import Log

NEWEST = 20_000  # rows of the log that are looked through, the newest: the console is for today, the log is for ever
SOON = timedelta(days=60)  # a key that ends within this time wants a successor


class CompactView(msgspec.Struct, frozen=True, kw_only=True):
    """The compact in force. `signatures`: node → id of the key that signed it."""

    version: int
    digest: str
    issued: datetime
    since: datetime
    signatures: dict[str, str]


class KeyView(msgspec.Struct, frozen=True, kw_only=True):
    """A public key of a node. use: sign | seal. state: counts | ends_soon | ended | not_yet. `fingerprint`: SHA-256, hex."""

    node: str
    id: str
    use: str
    suite: str
    fingerprint: str
    since: datetime
    until: datetime | None
    state: str


class MessageView(msgspec.Struct, frozen=True, kw_only=True):
    """A message of the agency and how it was answered. `took`: milliseconds until then; None while nobody has answered.

    answer: accepted | refused | later (it is tried again) | "" (none yet). `code` and `text` say why it was not accepted.
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


def compact_view() -> CompactView | None:
    """The compact in force; None before the first."""
    try:
        signed = installed.signed()
    except CompactError:
        return None
    return CompactView(
        version=signed.compact.version,
        digest=signed.compact.digest,
        issued=signed.compact.issued,
        since=Row.objects.values_list("since", flat=True).get(pk=signed.compact.version),
        signatures={node: signature.key for node, signature in sorted(signed.signatures.items())},
    )


def grants_of(agency: str) -> tuple[list[Grant], list[Grant]]:
    """What an agency ("sichuan/hrss") may send, and what it may be sent and answers for."""
    try:
        lines = installed.current().grants
    except CompactError:
        return [], []
    return [line for line in lines if line.from_ == agency], [line for line in lines if line.to == agency]


def public_keys(now: datetime) -> list[KeyView]:
    """The public keys of both nodes in the compact in force, those of one node together, the newest first."""
    try:
        nodes = installed.current().nodes
    except CompactError:
        return []
    return [
        KeyView(
            node=name,
            id=key.id,
            use=use,
            suite=key.suite,
            fingerprint=hashlib.sha256(key.point).hexdigest(),
            since=key.not_before,
            until=key.not_after,
            state=_state(key, now),
        )
        for name, node in sorted(nodes.items())
        for use, listed in (("sign", node.keys), ("seal", node.agreement))
        for key in sorted(listed, key=lambda key: key.not_before, reverse=True)
    ]


def _state(key: agreement.PublicKey, now: datetime) -> str:
    if now < key.not_before:
        return "not_yet"
    if not key.valid(now):
        return "ended"
    return "ends_soon" if key.not_after and key.not_after - now < SOON else "counts"


def last_messages(agency: str, *, refused: bool = False, service: str = "", limit: int = 100) -> list[MessageView]:
    """The last messages of an agency, the newest first, out of the newest rows of the log. At most `limit`."""
    newest = Log.objects.order_by("-idx").values_list("idx", flat=True).first() or 0
    rows = Log.objects.filter(Q(from_agency=agency) | Q(to_agency=agency), idx__gt=newest - NEWEST)
    if service:
        rows = rows.filter(service=service)
    if refused:
        rows = rows.filter(code__in=[code for code, meaning in CODES.items() if meaning.final])
    # twice as many rows as messages, and some more for those that were tried again
    ids = list(dict.fromkeys(rows.order_by("-idx").values_list("message", flat=True)[: limit * 4]))[:limit]
    by_message: dict[UUID, list[Log]] = {id_: [] for id_ in ids}
    for row in Log.objects.filter(message__in=ids).defer("leaf", "signature", "digest", "subject").order_by("idx"):
        by_message[row.message].append(row)
    found = map(_message, by_message.values())
    return [one for one in found if one is not None]


def _message(rows: list[Log]) -> MessageView | None:
    """One message out of its rows in the order of the log: asked, perhaps more than once, and answered."""
    asked = [row for row in rows if row.direction not in (ANSWER_SENT, ANSWER_RECEIVED)]
    answered = [row for row in rows if row.direction in (ANSWER_SENT, ANSWER_RECEIVED)]
    if not asked:
        return None
    first, last = asked[0], answered[-1] if answered else None
    code = CODES.get(last.code) if last else None
    return MessageView(
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
        return ""
    if not last.code and last.status < 400:
        return "accepted"
    return "later" if code is not None and not code.final else "refused"
