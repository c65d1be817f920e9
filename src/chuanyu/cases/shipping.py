"""What leaves for the other node, written in the transaction that caused it.

The other node hears of a case when it gets work to do (or already knows of it), not before, and never before the money moved.
"""

import base64
from typing import Any
from uuid import UUID

from chuanyu.cases import declarations, store
from chuanyu.cases.models import Attachment, Case, Request
from chuanyu.exchange import actions as exchange
from chuanyu.identity.here import here, peer

EVENTS, REQUEST, ATTACHMENT = "case.events", "case.request", "case.attachment"


def will_ship(case: Case) -> bool:
    """True if the other node is to hear of this case now, and has not heard all of it."""
    concerns = case.shipped > 0 or case.owner.startswith(f"{peer()}/")
    return concerns and not case.posting and case.shipped < case.sequence and bool(_theirs(case))


def ship(case: Case, first: int) -> None:
    """Send the events from `first` on, with their documents. The caller has set `case.shipped`."""
    events = store.events(case.pk, first - 1)
    declared = declarations.by_hash(case.declaration_id).documents
    documents = [
        (name, sequence, body)
        for name, sequence, body in store.documents(case.pk, first - 1)
        if not declared[name].stays  # of the register's own entries only the digest crosses, in the event
    ]
    body: dict[str, Any] = {
        "case": str(case.pk),
        "events": events,
        "documents": [{"name": name, "sequence": sequence, "body": body} for name, sequence, body in documents],
    }
    if first == 1:
        body["filed"] = {
            "reference": case.reference,
            "service": case.service,
            "parties": case.parties,
            "filed_at": case.filed_at,
            "filed": case.filed.isoformat(),
        }
    if named := {event["declaration"] for event in events if event.get("declaration")}:
        body["declarations"] = {hash_: declarations.body_of(hash_) for hash_ in sorted(named)}
    _send(case, EVENTS, body, fields=sorted({name for name, _, _ in documents}))
    for attachment in (
        Attachment.objects.filter(case=case, node=here(), shipped=False, sequence__isnull=False) if case.files else ()
    ):
        content = {
            "case": str(case.pk),
            "id": str(attachment.pk),
            "filename": attachment.filename,
            "media_type": attachment.media_type,
            "by": attachment.by,
            "at": attachment.at.isoformat(),
            "content": base64.b64encode(attachment.content).decode(),
        }
        _send(case, ATTACHMENT, content, fields=["attachment"])
        attachment.shipped = True
        attachment.save(update_fields=["shipped"])


def ship_again(case: Case, *, id: UUID, of: UUID, period: str) -> None:
    """Tell the payee that a transfer of one of the case's steps was paid anew: its books had never seen the first."""
    again = {"id": str(id), "of": str(of), "period": period}
    _send(case, EVENTS, {"case": str(case.pk), "events": [], "documents": [], "again": [again]}, fields=[])


def ship_request(case: Case, request: Request) -> None:
    """Ask the owner at the other node for a step."""
    body = {
        "case": str(case.pk),
        "id": str(request.pk),
        "act": request.act,
        "by": request.by,
        "documents": request.documents,
        "note": request.note,
        "at": request.at.isoformat(),
    }
    _send(case, REQUEST, body, fields=sorted(request.documents))


def _send(case: Case, action: str, document: dict[str, Any], *, fields: list[str]) -> UUID:
    return exchange.send(
        to_agency=case.owner if case.owner.startswith(f"{peer()}/") else _theirs(case),
        from_agency=_ours(case),
        service=case.service,
        action=action,
        person=case.person,
        purpose=case.service,
        basis=sorted(declarations.by_hash(case.declaration_id).basis),
        document=document,
        fields=fields,
        stream=str(case.pk),
    )


def _theirs(case: Case) -> str:
    return next((agency for agency in case.parties.values() if agency.startswith(f"{peer()}/")), "")


def _ours(case: Case) -> str:
    return next(agency for agency in case.parties.values() if agency.startswith(f"{here()}/"))
