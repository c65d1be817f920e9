"""Where exchange writes for others: messages on their way, questions, what officers do with dead letters, the register."""

import http.client
import threading
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import msgspec
from django.conf import settings
from django.db import connection, transaction

from chuanyu.core.canonical import digest
from chuanyu.core.ids import uuid7
from chuanyu.core.text import Text
from chuanyu.exchange import envelope as envelopes
from chuanyu.exchange import installed, register
from chuanyu.exchange.answers import Question
from chuanyu.exchange.authorise import authorise
from chuanyu.exchange.envelope import Envelope
from chuanyu.exchange.errors import AskRefused, ExchangeError, Refusal, Unreachable
from chuanyu.exchange.models import Inbox, Outbox, RegisterEntry
from chuanyu.identity import sql, vault
from chuanyu.identity.actor import Actor
from chuanyu.identity.here import here, peer

OUTBOX, INBOX = "chuanyu_outbox", "chuanyu_inbox"  # NOTIFY channels: the courier and the worker listen
ASK_SECONDS = 10.0  # how long a person waits for the other node's answer
# A process has few threads for pages, and a silent peer must not take them all: so many may wait for it at once,
# and whoever does not get a place within a second goes on without the answer
_PLACES, PLACE_SECONDS = threading.BoundedSemaphore(2), 1.0


class NotGranted(ExchangeError):
    """The compact does not let us send this: the peer would refuse it. `refusal` says which line."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.code, refusal.text)
        self.refusal = refusal


_PUT = """
WITH put AS (
  INSERT INTO exchange_outbox (id, stream, position, to_node, envelope)
  SELECT %s, %s, coalesce(max(position), 0) + 1, %s, %s FROM exchange_outbox WHERE stream = %s
)
SELECT pg_notify(%s, '')
"""


# --- messages --------------------------------------------------------------------------------------------------------


def send(
    *,
    to_agency: str,
    from_agency: str,
    service: str,
    action: str,
    person: UUID | None,
    purpose: str,
    basis: Sequence[str],
    document: Any,
    fields: Sequence[str] = (),
    stream: str,
) -> UUID:
    """Put a message into the outbox, in the caller's transaction; it leaves after the commit. Returns the message id.

    Messages of one `stream` (a case id) leave and are applied in this order. `fields` names the documents carried.
    Raises NotGranted.
    """
    message = _envelope(
        to_agency=to_agency,
        from_agency=from_agency,
        service=service,
        action=action,
        person=person,
        purpose=purpose,
        basis=tuple(basis),
        document=document,
        fields=tuple(fields),
        stream=stream,
    )
    row = [UUID(message.id), stream, message.to_node, envelopes.encode(message), stream, OUTBOX]
    with transaction.atomic(savepoint=False):
        # the lock lasts until the commit, so that positions have no gap and nobody takes the same one
        sql.rows("SELECT pg_advisory_xact_lock(hashtextextended(%s, 1))", [stream])
        # a statement of its own: it must see what the holder of the lock before us committed
        sql.rows(_PUT, row)
    return UUID(message.id)


def ask(
    *,
    to_agency: str,
    from_agency: str,
    service: str,
    action: str,
    person: UUID | None,
    purpose: str,
    basis: Sequence[str],
    document: Any,
    fields: Sequence[str] = (),
) -> dict[str, Any]:
    """Ask the other node now, through our own gateway, and return its answer's document.

    `fields` names the documents asked for. Raises NotGranted, Unreachable (also when the answer took too long), or
    AskRefused with the other node's code.
    """
    message = _envelope(
        to_agency=to_agency,
        from_agency=from_agency,
        service=service,
        action=action,
        person=person,
        purpose=purpose,
        basis=tuple(basis),
        document=document,
        fields=tuple(fields),
        stream="",
    )
    question = Question(**{name: getattr(message, name) for name in Question.__struct_fields__})
    status, body = at_the_door(msgspec.json.encode(question))
    try:
        answer = msgspec.json.decode(body, type=dict[str, Any])
    except msgspec.DecodeError:
        raise Unreachable(f"the gateway answered {status} without JSON") from None
    if status == 200:
        return dict(answer["document"])
    code = str(answer.get("refused", ""))
    if status >= 500 or not code:
        raise Unreachable(code or f"the gateway answered {status}")
    text = answer.get("text") or {}
    raise AskRefused(code, Text(str(text.get("zh", code)), str(text.get("en", code))))


def at_the_door(body: bytes) -> tuple[int, bytes]:
    """Hand a question to our own gateway's loopback door, which signs it and brings the answer. Raises Unreachable."""
    place = settings.PLACE
    url = urlsplit(place.door_url)
    if not _PLACES.acquire(timeout=PLACE_SECONDS):
        raise Unreachable("others wait already")
    door = http.client.HTTPConnection(url.hostname or "127.0.0.1", url.port, timeout=ASK_SECONDS)
    try:
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {place.local_token}"}
        door.request("POST", "/local/ask", body, headers)
        response = door.getresponse()
        return response.status, response.read()
    except (OSError, http.client.HTTPException) as error:
        raise Unreachable(type(error).__name__) from None
    finally:
        door.close()
        _PLACES.release()


def notify(channel: str) -> None:
    """Wake whoever listens, when the transaction commits."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_notify(%s, '')", [channel])


def _envelope(*, person: UUID | None, purpose: str, stream: str, **parts: Any) -> Envelope:
    """A message of ours: allowed by the compact, its subject sealed for the peer. The one place a number is revealed."""
    compact = installed.current()
    id = str(uuid7())
    message = Envelope(id=id, purpose=purpose, stream=stream, sent=envelopes.now(), **parts)
    if (message.from_node, message.to_node) != (here(), peer()):
        raise ValueError(f"not from {here()} to {peer()}: {message.from_agency} → {message.to_agency}")
    if isinstance(refused := authorise(compact, message), Refusal):
        raise NotGranted(refused)
    if person is None:
        return message
    opened = vault.reveal(person, purpose=purpose, by=message.from_agency, trace=id)
    return msgspec.structs.replace(message, subject=installed.sealer(compact).seal(opened.number, purpose))


# --- dead letters ----------------------------------------------------------------------------------------------------

NO_LETTER = ExchangeError("no_letter", Text("没有这封待处理的报文。", "There is no such message to deal with."))
NOT_ALLOWED = ExchangeError(
    "not_allowed",
    Text("只有本单位的负责人或专班可以处理。", "Only an officer of the agency, or the office, may do this."),
)


def resend(message: UUID, actor: Actor) -> UUID:
    """Try a dead letter again: one of ours leaves again, one we received is applied again. Returns its id.

    One of ours that the peer answered gets a new id, because the peer gives an old id its old answer.
    """
    with transaction.atomic():
        row = _letter(message, actor)
        if isinstance(row, Outbox):
            id = uuid7() if row.answered else row.id
            body = bytes(row.envelope)
            if row.answered:
                again = msgspec.structs.replace(envelopes.decode(body), id=str(id), sent=envelopes.now())
                body = envelopes.encode(again)
            Outbox.objects.filter(pk=row.pk).update(
                id=id, envelope=body, state=Outbox.WAITING, tries=0, next_try=_now(), answered=False, told=False,
                closed_by=actor.id, closed_why="resend",
            )  # fmt: skip
            notify(OUTBOX)
            return id
        Inbox.objects.filter(pk=row.pk).update(
            state=Inbox.NEW, tries=0, next_try=_now(), closed_by=actor.id, closed_why="resend"
        )
        notify(INBOX)
        return row.id


def drop(message: UUID, actor: Actor, why: str) -> None:
    """Give a dead letter up: who and why stay with it, and its stream goes on. A received one is sent back as returned."""
    if not why.strip():
        raise ExchangeError("no_reason", Text("请写明放弃的原因。", "Say why it is given up."))
    with transaction.atomic():
        row = _letter(message, actor)
        if isinstance(row, Outbox):
            Outbox.objects.filter(pk=row.pk).update(state=Outbox.DROPPED, closed_by=actor.id, closed_why=why.strip())
            notify(OUTBOX)
            return
        refused_before = row.state == Inbox.REFUSED  # then the sender knows already
        Inbox.objects.filter(pk=row.pk).update(state=Inbox.DROPPED, closed_by=actor.id, closed_why=why.strip())
        if not refused_before:
            send_back(
                envelopes.decode(bytes(row.envelope)),
                code="dropped",
                text=Text("收件单位放弃了此报文。", "The receiving agency gave this message up."),
                trace=str(row.id),
            )
        notify(INBOX)


def send_back(message: Envelope, *, code: str, text: Text, trace: str) -> None:
    """Tell the sender that its message will never be applied here. Nothing about the person goes back."""
    if message.action == "returned":
        return  # two nodes must not return each other's returns for ever
    send(
        to_agency=message.from_agency,
        from_agency=message.to_agency,
        service=message.service,
        action="returned",
        person=None,
        purpose=message.purpose,
        basis=message.basis,
        document={"id": message.id, "refused": code, "text": {"zh": text.zh, "en": text.en}, "trace": trace},
        stream=f"returned:{message.id}",
    )


def _letter(message: UUID, actor: Actor) -> Outbox | Inbox:
    row: Outbox | Inbox | None = (
        Outbox.objects.select_for_update().filter(pk=message, state=Outbox.DEAD).first()
        or Inbox.objects.select_for_update()
        .filter(pk=message, state__in=(Inbox.REFUSED, Inbox.DEAD, Inbox.PARKED))
        .first()
    )
    if row is None:
        raise NO_LETTER
    envelope = envelopes.decode(bytes(row.envelope))
    ours = envelope.from_agency if isinstance(row, Outbox) else envelope.to_agency
    node, _, agency = ours.partition("/")
    officer = "officer" in actor.roles and actor.serves(agency, node)
    if not (officer or "office" in actor.roles or actor.is_system) or actor.node != here():
        raise NOT_ALLOWED
    return row


def _now() -> datetime:
    return datetime.now(UTC)


# --- the front register ----------------------------------------------------------------------------------------------


def put(
    *,
    agency: str,
    document: str,
    person: UUID,
    body: dict[str, Any],
    valid_from: date,
    valid_to: date | None = None,
    source: str,
) -> RegisterEntry:
    """Enter a document of this node's front register. The one valid before it ends the day before; repeating is harmless.

    `agency` is a code of this node ("hrss"), `document` "service.document", `body` plain data. Raises DocumentError
    for a body that does not fit its class, RegisterError for a document nobody declares or an impossible period.
    """
    plain = register.fitting(document, body)
    register.check_period(valid_from, valid_to)
    with transaction.atomic(), connection.cursor() as cursor:
        # one lock for all people: an import of ten thousand rows must not take ten thousand locks
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 2))", [f"{agency}|{document}"])
        others = RegisterEntry.objects.filter(agency=agency, document=document, person=person)
        newest = others.filter(valid_from=valid_from).order_by("-id").first()
        # an open entry that a later one has ended is still the same entry
        if newest and newest.digest == digest(plain) and valid_to in (None, newest.valid_to):
            return newest
        others.filter(valid_from__lte=valid_from).filter(register.reaches(valid_from)).update(
            valid_to=valid_from - timedelta(days=1)
        )
        return RegisterEntry.objects.create(
            agency=agency, document=document, person=person, body=plain, valid_from=valid_from, valid_to=valid_to,
            source=source, digest=digest(plain),
        )  # fmt: skip


def put_first(documents: Iterable[tuple[str, str, UUID, dict[str, Any]]], *, valid_from: date, source: str) -> int:
    """Enter (agency, document, person, body), many at once, where the register has none of that kind about the person.

    Returns how many it entered. Raises DocumentError and RegisterError as `put` does, and enters nothing then.
    """
    rows = [
        RegisterEntry(
            agency=agency, document=document, person=person, body=plain, valid_from=valid_from, source=source,
            digest=digest(plain),
        )
        for agency, document, person, body in documents
        for plain in [register.fitting(document, body)]
    ]  # fmt: skip
    with transaction.atomic(), connection.cursor() as cursor:
        for kind in sorted({f"{row.agency}|{row.document}" for row in rows}):
            cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 2))", [kind])
        entries = RegisterEntry.objects.filter(person__in={row.person for row in rows})
        known = set(entries.values_list("agency", "document", "person"))
        fresh = [row for row in rows if (row.agency, row.document, row.person) not in known]
        return len(RegisterEntry.objects.bulk_create(fresh, batch_size=500))


def register_import_csv(*, text: str, agency: str, document: str, source: str) -> int:
    """Enter every row of a CSV file, or none. Returns how many. Raises RegisterError with each wrong line and field."""
    rows = register.read_csv(text, document)
    with transaction.atomic():
        for row in rows:
            put(
                agency=agency, document=document, person=vault.enrol(row.number, row.name), body=row.body,
                valid_from=row.valid_from, valid_to=row.valid_to, source=source,
            )  # fmt: skip
    return len(rows)
