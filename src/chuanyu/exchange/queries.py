"""What others may read of exchange: who used a person's data, what waits or failed, whether the link is up, the register."""

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from django.db import connection
from django.db.models import Count, Min, Q

from chuanyu.core.canonical import digest
from chuanyu.core.text import Text
from chuanyu.exchange import actions, installed
from chuanyu.exchange import envelope as envelopes
from chuanyu.exchange import register as registers
from chuanyu.exchange.agency import compact_view as compact_view
from chuanyu.exchange.agency import grants_of as grants_of
from chuanyu.exchange.agency import public_keys as public_keys
from chuanyu.exchange.console import ANSWERS as ANSWERS
from chuanyu.exchange.console import by_number as by_number
from chuanyu.exchange.console import by_stream as by_stream
from chuanyu.exchange.console import messages as messages
from chuanyu.exchange.errors import AskRefused, Unreachable
from chuanyu.exchange.grants import OWN_DATA, OWN_DATA_BASIS, PORTAL
from chuanyu.exchange.models import Inbox, Outbox, RegisterEntry
from chuanyu.exchange.own_data import Access, merged, of_rows, statement
from chuanyu.identity import looks, vault
from chuanyu.identity.actor import Actor
from chuanyu.identity.here import here, peer
from chuanyu.identity.looks import Look

PARKED_TOO_LONG = timedelta(days=1)  # then a person should look why nothing comes before it


class Used(msgspec.Struct, frozen=True, kw_only=True):
    """Who used a person's data, newest first: documents that crossed the border, and looks into their record at each node.

    `there`: whether the other node answered; else its part is missing.
    """

    accesses: list[Access]
    looks: list[Look]
    there: bool


def used(person: UUID) -> Used:
    """Our own log and vault, and the other node's answer about its own. Messages are put together by their id.

    An access's `there` is None throughout when the other node could not be asked. Looking is itself written down, as a
    look into the vault, but is no access by others.
    """
    number = vault.reveal(person, purpose=OWN_DATA, by=f"{here()}/{PORTAL}").number
    sealer = installed.sealer()
    tokens = [token for purpose in sorted(installed.purposes()) for token in sealer.tokens(number, purpose)]
    with connection.cursor() as cursor:
        cursor.execute(statement("%s"), [tokens])
        columns = [column.name for column in cursor.description or ()]
        ours = of_rows(dict(zip(columns, row, strict=True)) for row in cursor.fetchall())
    theirs = _asked_of_peer(person)
    seen = looks.at(person) + (theirs.looks if theirs else [])
    return Used(
        accesses=merged(ours, theirs.accesses if theirs else None),
        looks=sorted(seen, key=lambda look: look.last, reverse=True),
        there=theirs is not None,
    )


class _Told(msgspec.Struct, frozen=True):
    """The other node's answer."""

    accesses: list[Access]
    looks: list[Look] = []


def _asked_of_peer(person: UUID) -> _Told | None:
    try:
        answer = actions.ask(
            to_agency=f"{peer()}/{PORTAL}", from_agency=f"{here()}/{PORTAL}", service=OWN_DATA, action=OWN_DATA,
            person=person, purpose=OWN_DATA, basis=(OWN_DATA_BASIS,), document={},
        )  # fmt: skip
        told = msgspec.convert(answer, _Told, strict=False)
    except (Unreachable, AskRefused, msgspec.ValidationError):
        return None  # the page says that the other side's part is missing
    # it tells of its own alone: nobody can put a look into another node's mouth
    return _Told(told.accesses, [msgspec.structs.replace(look, node=peer()) for look in told.looks])


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True):
    """A message that needs a person. side "sent": ours, refused by the peer; "received": theirs, not applied here.

    `state`: dead (failed or refused there), refused (by a handler here), parked (waits for more than a day).
    """

    id: UUID
    side: str
    state: str
    at: datetime
    from_agency: str
    to_agency: str
    service: str
    action: str
    stream: str
    code: str
    text: Text
    line: str
    would_allow: str
    trace: str
    tries: int


def dead_letters(actor: Actor) -> list[DeadLetter]:
    """Messages that need a person at this node, oldest first: those the actor may resend or drop, and no others."""
    if not (actor.is_system or actor.roles & {"office", "officer"}) or actor.node != here():
        return []
    parked = Q(state=Inbox.PARKED, received__lt=datetime.now(UTC) - PARKED_TOO_LONG)
    rows: list[tuple[str, Outbox | Inbox]] = [
        *(("sent", row) for row in Outbox.objects.filter(state=Outbox.DEAD)),
        *(("received", row) for row in Inbox.objects.filter(Q(state__in=(Inbox.REFUSED, Inbox.DEAD)) | parked)),
    ]
    letters = sorted((_letter(side, row) for side, row in rows), key=lambda letter: letter.at)
    if actor.is_system or "office" in actor.roles:
        return letters
    agency = f"{here()}/{actor.agency}"
    return [one for one in letters if agency == (one.from_agency if one.side == "sent" else one.to_agency)]


_NO_TEXT = Text("没有说明原因。", "No reason was given.")


def _letter(side: str, row: Outbox | Inbox) -> DeadLetter:
    message = envelopes.decode(bytes(row.envelope))
    error: Mapping[str, Any] = (row.last_error if isinstance(row, Outbox) else row.error) or {}
    text = error.get("text") or {}
    return DeadLetter(
        id=row.id,
        side=side,
        state=row.state,
        at=row.created if isinstance(row, Outbox) else row.received,
        from_agency=message.from_agency,
        to_agency=message.to_agency,
        service=message.service,
        action=message.action,
        stream=row.stream,
        code=str(error.get("refused") or error.get("code") or ""),
        text=Text(text.get("zh") or _NO_TEXT.zh, text.get("en") or _NO_TEXT.en),
        line=str(error.get("line", "")),
        would_allow=str(error.get("would_allow", "")),
        trace=str(error.get("trace", "")),
        tries=row.tries,
    )


class LinkState(msgspec.Struct, frozen=True, kw_only=True):
    """`up`: no message found nobody at the other end. `queued`: messages not yet with the peer; `oldest` of them."""

    up: bool
    queued: int
    oldest: datetime | None


def link_state() -> LinkState:
    """How the messages of this node are doing."""
    found = Outbox.objects.filter(state=Outbox.WAITING).aggregate(
        queued=Count("id"), oldest=Min("created"), unreached=Count("id", filter=Q(last_error__error="unreachable"))
    )
    return LinkState(up=not found["unreached"], queued=found["queued"], oldest=found["oldest"])


def queued(streams: Iterable[str]) -> dict[str, int]:
    """How many messages of each stream are still on their way; streams with none are left out."""
    rows = Outbox.objects.filter(state=Outbox.WAITING, stream__in=list(streams)).values("stream")
    return {row["stream"]: row["count"] for row in rows.annotate(count=Count("id")).order_by()}


def register(agency: str, document: str, person: UUID, day: date) -> dict[str, Any] | None:
    """The body of "service.document" that the agency's front register holds about this person as of `day`, or None."""
    entry = registers.valid(agency, document, person, day)
    return entry.body if entry else None


def registered(agency: str, document: str, body: dict[str, Any], day: date) -> list[UUID]:
    """The people about whom the agency's front register holds exactly this body of "service.document" as of `day`."""
    rows = RegisterEntry.objects.filter(document=document, digest=digest(body), agency=agency)
    people = set(rows.values_list("person", flat=True))
    entries = [registers.valid(agency, document, person, day) for person in sorted(people)]
    return [entry.person for entry in entries if entry is not None and entry.body == body]
