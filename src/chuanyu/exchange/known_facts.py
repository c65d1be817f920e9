"""What the other node knows about a person, fetched for one service because the person agreed to it.

The consent is given and kept at the node that asks; it travels with the question, which that node signs. The one who is
asked judges it like any paper: it must be for this agency, this service and purpose, not have run out, and it bounds the
facts that are answered. Every question and answer stands in both logs, under the consent's id.
"""

import asyncio
from datetime import date
from typing import Any
from uuid import UUID

import msgspec
from django import db

from chuanyu.core import days
from chuanyu.core.documents import encode
from chuanyu.core.service import Service
from chuanyu.core.text import Text
from chuanyu.exchange import actions
from chuanyu.exchange.errors import Unreachable
from chuanyu.exchange.grants import KNOWN_FACTS, PORTAL
from chuanyu.exchange.handlers import Asked, Refused, query
from chuanyu.identity import vault
from chuanyu.identity.consents import ConsentView
from chuanyu.identity.here import here, peer

DOCUMENT = "person"  # the one document a node knows by itself (core.documents.Person)
NOBODY = Text("没有可以提供的记录。", "There is no record to give.")
NO_CONSENT = Text("同意书不适用于这次查询。", "The consent does not cover this question.")


class Statement(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The consent as it travels: who may ask, for which service and purpose, which facts, until when."""

    id: str
    service: str
    purpose: str
    agency: str
    fields: tuple[str, ...]
    until: date


def fetch(person: UUID, *, consent: ConsentView) -> dict[str, Any]:
    """Ask the other node for what the consent covers: name of the fact → plain value; what it does not know is left out.

    The caller has counted the consent as used. Raises NotGranted, Unreachable, AskRefused.
    """
    statement = Statement(
        id=str(consent.id),
        service=consent.service,
        purpose=consent.purpose,
        agency=consent.agency,
        fields=consent.fields,
        until=consent.until,
    )
    answer = actions.ask(
        to_agency=f"{peer()}/{PORTAL}",
        from_agency=consent.agency,
        service=consent.service,
        action=KNOWN_FACTS,
        person=person,
        purpose=consent.purpose,
        basis=(f"consent:{consent.id}",),
        document=msgspec.to_builtins(statement),
        fields=(DOCUMENT,),
    )
    try:
        facts = msgspec.convert(answer[DOCUMENT], dict[str, Any])
    except (KeyError, msgspec.ValidationError):
        raise Unreachable("the answer holds no facts") from None
    return {name: value for name, value in facts.items() if f"{DOCUMENT}.{name}" in consent.fields}


def asks(service: Service) -> str:
    """The agency of this node that may ask for this service: its party where the case is filed. "" if there is none."""
    parties = service.procedure.parties.values() if service.procedure else ()
    agency = next((party.agency for party in parties if party.node in ("filed_at", here())), "")
    return f"{here()}/{agency}" if agency else ""


@query(KNOWN_FACTS)
async def known_facts(asked: Asked) -> dict[str, Any]:
    """What this node knows of the facts the consent names."""
    envelope = asked.envelope
    try:
        statement = msgspec.convert(envelope.document, Statement)
    except msgspec.ValidationError:
        raise Refused("malformed", NO_CONSENT) from None
    covers = (
        envelope.basis == (f"consent:{statement.id}",)
        and (statement.service, statement.purpose) == (envelope.service, envelope.purpose)
        and statement.agency == envelope.from_agency
        and statement.until >= days.today()
    )
    if not covers:
        raise Refused("no_consent", NO_CONSENT)
    if asked.person is None:
        raise Refused("unknown", NOBODY)
    facts = await asyncio.to_thread(_facts, asked.person, envelope.purpose, envelope.from_agency, envelope.id)
    return {DOCUMENT: {name: value for name, value in facts.items() if f"{DOCUMENT}.{name}" in statement.fields}}


def _facts(person: UUID, purpose: str, by: str, trace: str) -> dict[str, Any]:
    """The one audited look, on a Django connection of its own: the gateway's reads only."""
    try:
        return dict(encode(vault.facts(person, purpose=purpose, by=by, trace=trace)))
    finally:
        db.connections["default"].close()
