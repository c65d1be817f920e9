"""A person's wallet: their own accounts at this node, what may still be moved, and what is on its way and may come back.

A service has a wallet where a posting pays from, or to, a person: nothing here knows which. Readers see their own accounts only.
"""

from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from chuanyu.cases import cashier, holders, queries, shown
from chuanyu.cases.errors import CaseError
from chuanyu.cases.models import Case
from chuanyu.cases.views import CaseView, TransferView
from chuanyu.clearing import purses as clearing
from chuanyu.clearing import queries as transfers
from chuanyu.clearing import titles
from chuanyu.clearing.statements import Page
from chuanyu.core import days
from chuanyu.core.catalogue import catalogue
from chuanyu.core.documents import Document, DocumentError, Moment
from chuanyu.core.rules import decide
from chuanyu.core.service import Posting, Service
from chuanyu.core.text import Text
from chuanyu.exchange import queries as exchange
from chuanyu.identity.actor import Actor
from chuanyu.identity.here import here
from chuanyu.identity.queries import agency_name


class OnTheWay(msgspec.Struct, frozen=True, kw_only=True):
    """Money of mine that is reserved and not taken yet. `until`: when `until_title` happens, if it does by itself."""

    case: UUID
    reference: str
    title: Text
    amount: str
    unit: str
    since: datetime
    until: datetime | None
    until_title: Text | None


class PurseView(msgspec.Struct, frozen=True, kw_only=True):
    """An account of mine. Amounts in the unit. `allowance`: what the service's rule says may still be moved now."""

    service: str
    name: Text
    agency: Text
    unit: str
    balance: str
    reserved: str
    free: str
    closed: bool
    on_the_way: tuple[OnTheWay, ...]
    allowance: Document | None
    parameters: dict[str, Any]


class Incoming(msgspec.Struct, frozen=True, kw_only=True):
    """Money somebody has sent me that is not mine yet. `sender`: the agency it comes from; who sent it stays with that one.

    `until`: when `until_title` happens by itself; `agency`: who accepts it for me.
    """

    service: str
    name: Text
    reference: str
    sender: Text
    agency: Text
    title: Text
    amount: str
    unit: str
    since: datetime
    until: datetime | None
    until_title: Text | None


class EntryView(msgspec.Struct, frozen=True, kw_only=True):
    """A line of my account. `came`: money in. `case`: my case it belongs to; of somebody else's, `sender` is who sent it."""

    at: datetime
    number: int
    transfer: UUID
    case: UUID | None
    reference: str
    title: Text  # what it is for
    came: bool
    amount: str
    after: str
    sender: Text | None = None


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """One transfer of a case, with the case as its reader may see it."""

    case: CaseView
    transfer: TransferView


def wallet(actor: Actor) -> list[PurseView]:
    """The actor's accounts at this node, in the order of the catalogue; for a delegate those of the services delegated."""
    if actor.person is None:
        return []
    wanted = {
        (book, posting.unit): (service, posting)
        for service in catalogue().values()
        if actor.scope is None or service.key in actor.scope
        for posting in service.postings.values()
        if _personal(posting) and service.procedure
        for book in _books(service, posting)
    }
    found = {(purse.book, purse.unit): purse for purse in clearing.purses(actor.person, wanted)}
    return [_view(actor.person, *wanted[key], found[key]) for key in wanted if key in found]


def incoming(actor: Actor) -> list[Incoming]:
    """What is on its way to the actor and not theirs yet, the oldest first; for a delegate of the services delegated."""
    if actor.person is None:
        return []
    return [
        found
        for service in catalogue().values()
        if service.procedure and (actor.scope is None or service.key in actor.scope)
        for posting in service.postings.values()
        if posting.target == "holder"
        for found in _incoming(actor.person, service, posting)
    ]


def statement(
    actor: Actor, service: str, unit: str, before: tuple[datetime, int] | None = None
) -> tuple[list[EntryView], tuple[datetime, int] | None]:
    """Lines of the actor's own account, newest first, and what to ask for the rest with. Raises CaseError "not_found"."""
    found = _page(actor, service, unit, before)
    assert actor.person is not None
    cases = clearing.cases(entry.transfer for entry in found.entries)
    mine = Case.objects.filter(pk__in=set(cases.values()), person=actor.person)
    references = dict(mine.values_list("pk", "reference"))
    senders = clearing.senders(transfer for transfer, case in cases.items() if case not in references)
    entries = [
        EntryView(
            at=entry.at,
            number=entry.seq,
            transfer=entry.transfer,
            case=cases[entry.transfer] if cases.get(entry.transfer) in references else None,
            reference=references.get(cases[entry.transfer], "") if entry.transfer in cases else "",
            title=titles.title(entry.code, service),
            came=entry.amount > 0,
            amount=clearing.shown(abs(entry.amount), found.unit),
            after=clearing.shown(entry.after, found.unit),
            sender=agency_name(senders[entry.transfer]) if entry.transfer in senders else None,
        )
        for entry in found.entries
    ]
    return entries, found.before


def lines(actor: Actor, service: str, unit: str) -> Iterator[list[EntryView]]:
    """The whole statement, newest first, page by page. Raises CaseError "not_found"."""
    before: tuple[datetime, int] | None = None
    while True:
        entries, before = statement(actor, service, unit, before)
        yield entries
        if before is None:
            return


def receipt(actor: Actor, case: UUID, transfer: UUID) -> Receipt:
    """One transfer of a case the actor may see. Raises CaseError "not_found"."""
    view = queries.view(case, actor)
    found = next((each for each in shown.transfer_views(transfers.transfers([case])) if each.id == transfer), None)
    if found is None:
        raise CaseError("not_found", Text("没有这笔划转。", "There is no such transfer."))
    return Receipt(case=view, transfer=found)


# ---- inside


def _page(actor: Actor, service: str, unit: str, before: tuple[datetime, int] | None) -> Page:
    found = catalogue().get(service)
    missing = CaseError("not_found", Text("您没有这个账户。", "You have no such account."))
    if found is None or actor.person is None or not (actor.scope is None or service in actor.scope):
        raise missing
    if found.procedure is None:
        raise missing
    for posting in found.postings.values():
        for book in _books(found, posting) if _personal(posting) and posting.unit == unit else ():
            with suppress(LookupError):
                return clearing.page(actor.person, book=book, unit=unit, before=before)
    raise missing


def _personal(posting: Posting) -> bool:
    return "person" in (posting.source, posting.target) or posting.target == "holder"


def _agency(service: Service, posting: Posting) -> str:
    """The agency that keeps the applicant's account: the owner of the state in which it is moved."""
    procedure = service.procedure
    assert procedure is not None
    owner = next(
        (
            state.owner
            for state in procedure.states.values()
            if state.owner and any(posting.name in act.moves for act in state.does.values())
        ),
        next(iter(procedure.parties)),
    )
    return procedure.parties[owner].agency


def _books(service: Service, posting: Posting) -> list[str]:
    """Where a person's accounts of a posting are: the applicant's, and its holder's at the payee's."""
    assert service.procedure is not None
    agencies = [_agency(service, posting)] if "person" in (posting.source, posting.target) else []
    if posting.target == "holder":
        agencies.append(service.procedure.parties[posting.payee].agency)
    return [f"{agency}/{service.key}" for agency in dict.fromkeys(agencies)]


def _incoming(person: UUID, service: Service, posting: Posting) -> Iterator[Incoming]:
    cases = {case.pk: case for case in holders.coming(person, service, posting)}
    rows = transfers.transfers(cases)
    resolved = {row.of for row in rows if row.of}
    for row in rows:
        if row.kind != "pending" or row.name != posting.name or row.id in resolved:
            continue
        case = cases[row.case]
        ends = cashier.until(case)
        yield Incoming(
            service=service.key,
            name=service.name,
            reference=case.reference,
            sender=agency_name(row.payer),
            agency=agency_name(row.payee),
            title=queries.state_title(case),
            amount=clearing.shown(row.amount.fen, row.unit),
            unit=row.unit,
            since=case.since,
            until=ends[0] if ends else None,
            until_title=ends[1] if ends else None,
        )


def _view(person: UUID, service: Service, posting: Posting, purse: clearing.Purse) -> PurseView:
    allowance, used = _allowance(person, service, posting)
    return PurseView(
        service=service.key,
        name=service.name,
        agency=agency_name(f"{here()}/{purse.book.partition('/')[0]}"),
        unit=purse.unit,
        balance=clearing.shown(purse.balance, purse.unit),
        reserved=clearing.shown(purse.reserved, purse.unit),
        free=clearing.shown(purse.free, purse.unit),
        closed=purse.closed,
        on_the_way=tuple(_on_the_way(person, service, posting)) if purse.reserved else (),
        allowance=allowance,
        parameters=used,
    )


def _on_the_way(person: UUID, service: Service, posting: Posting) -> Iterator[OnTheWay]:
    cases = {case.pk: case for case in Case.objects.filter(person=person, service=service.key, final=False)}
    rows = transfers.transfers(cases)
    resolved = {row.of for row in rows if row.of}
    for row in rows:
        if row.kind != "pending" or row.status != "posted" or row.name != posting.name or row.id in resolved:
            continue
        case = cases[row.case]
        ends = cashier.until(case)
        view = shown.transfer_views([row])[0]
        yield OnTheWay(
            case=case.pk,
            reference=case.reference,
            title=queries.state_title(case),
            amount=view.amount,
            unit=row.unit,
            since=case.since,
            until=ends[0] if ends else None,
            until_title=ends[1] if ends else None,
        )


def _allowance(person: UUID, service: Service, posting: Posting) -> tuple[Document | None, dict[str, Any]]:
    """The rule on what the register holds about the person, now. Reading one's own record is no look at somebody else."""
    rule = service.rules.get(posting.allowance) if posting.allowance else None
    if rule is None:
        return None, {}
    now = days.now().astimezone(days.SHANGHAI)
    given: dict[str, Any] = {}
    for name in rule.documents:
        spec = service.documents[name]
        if spec.cls is Moment:
            given[name] = {"day": now.date().isoformat(), "time": now.time().isoformat("seconds")}
        elif spec.register:
            agency = service.procedure.parties[spec.by].agency if service.procedure else ""
            body = exchange.register(agency, f"{service.key}.{name}", person, now.date())
            if body is not None:
                given[name] = body
    try:
        decision = decide(service, rule.name, given, now.date(), here())
    except DocumentError:  # the register holds what does not fit any more: better nothing than a guess
        return None, {}
    value = decision.outcome.value
    return (value, dict(decision.used)) if isinstance(value, Document) else (None, {})
