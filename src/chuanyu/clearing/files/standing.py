"""How pages stand between the two nodes: what is paid, how closed windows compared, which rows are not alike. For people to read."""

from collections.abc import Iterator
from datetime import datetime
from itertools import islice
from uuid import UUID

import msgspec
from django.db.models import Q

from chuanyu.clearing.files import queries
from chuanyu.clearing.files.reconcile import REFUSED
from chuanyu.clearing.models import FileRow, Page, RowNote
from chuanyu.core.text import Text
from chuanyu.identity.actor import Actor

MOST = 200  # of a list


class PageView(msgspec.Struct, frozen=True, kw_only=True):
    """A page of either direction. Amounts in the unit's smallest part; `accepted` and `amount` once it was checked.

    `reason`: why the payer's ledger refused; `failure`: why it can't be checked; `ours`: this node is the payer.
    """

    id: UUID
    service: str
    payer: str
    ours: bool
    state: str
    rows: int
    total: int
    accepted: int
    amount: int
    unit: str
    period: str
    reason: str
    failure: str
    at: datetime


class ReconciledView(msgspec.Struct, frozen=True, kw_only=True):
    """One direction of a closed window as both nodes have it."""

    period: str
    payer: str
    equal: bool
    rows: int
    total: int
    sha256: str
    their_rows: int
    their_total: int
    their_sha256: str
    unit: str


class DifferenceView(msgspec.Struct, frozen=True, kw_only=True):
    """A row two nodes do not have alike; None where it is missing. `owed`: what this node pays to resolve it, `settling`: it does."""

    page: UUID
    key: str
    ours: int | None
    theirs: int | None
    unit: str
    owed: int
    settling: bool


class DisputedView(msgspec.Struct, frozen=True, kw_only=True):
    """A row the payer did not accept, and why."""

    page: UUID
    key: str
    amount: int
    why: Text
    unit: str
    owed: int
    settling: bool


def page_views(service: str, actor: Actor, *, newest: int) -> list[PageView]:
    """A service's newest pages, and before them those that are not paid. Raises ClearingError."""
    queries.seen(service, actor)
    unit, failing = queries.unit(service), queries.setbacks()
    unfinished = queries.pages(service=service, unfinished=True)[:MOST]
    known = {page.id for page in unfinished}
    recent = queries.pages(service=service, newest=newest) if newest else []
    rows = [*reversed(unfinished), *(page for page in recent if page.id not in known)]
    return [
        PageView(
            id=row.id, service=row.service, payer=row.own if row.side == Page.Side.PAYER else row.peer,
            ours=row.side == Page.Side.PAYER, state=row.state, rows=row.rows, total=row.total, accepted=row.accepted,
            amount=row.amount, unit=unit, period=row.period, reason=row.reason,
            failure=failing[row.id].reason if row.id in failing else "", at=row.at,
        )
        for row in rows
    ]  # fmt: skip


def reconciled(service: str, actor: Actor) -> list[ReconciledView]:
    """How a service's closed windows compared row by row, newest first. Raises ClearingError."""
    queries.seen(service, actor)
    names = [name for name in ReconciledView.__struct_fields__ if name != "unit"]
    found = queries.reconciliations(service=service)[:MOST]
    return [ReconciledView(**{name: getattr(row, name) for name in names}, unit=queries.unit(service)) for row in found]


def unlike(service: str, actor: Actor) -> list[DifferenceView | DisputedView]:
    """Rows that are not alike, or that a payer did not accept, and that nobody has paid for yet. Raises ClearingError."""
    queries.seen(service, actor)
    unit = queries.unit(service)
    differing, contested = queries.differences(service=service)[:MOST], list(islice(_contested(service), MOST))
    about = {row.page for row in differing} | {row.page for row in contested if row.page is not None}
    sides = dict(Page.objects.filter(id__in=about).values_list("id", "side"))
    notes = RowNote.objects.filter(kind=RowNote.Kind.ADJUSTED, page__in=sides)
    paid = {(note.page, note.key): note.field for note in notes if note.field != REFUSED}
    found: list[DifferenceView | DisputedView] = [
        DifferenceView(
            page=row.page, key=row.key, ours=row.ours, theirs=row.theirs, unit=unit,
            owed=max(0, (row.theirs or 0) - (row.ours or 0)), settling=(row.page, row.key) in paid,
        )
        for row in differing
    ]  # fmt: skip
    for bad in contested:
        if bad.page is None or (bad.page, bad.key) in paid:
            continue
        amount = bad.amount or 0
        owed = amount if sides.get(bad.page) == Page.Side.PAYER else 0
        found.append(
            DisputedView(
                page=bad.page, key=bad.key, amount=amount, why=_dispute(bad), unit=unit, owed=owed, settling=False
            )
        )
    return found


def _contested(service: str) -> Iterator[FileRow]:
    yield from FileRow.objects.filter(service=service, state=FileRow.State.DISPUTED).order_by("pk").iterator()


def _dispute(row: FileRow) -> Text:
    notes = RowNote.objects.filter(kind=RowNote.Kind.DISPUTED, page=row.page).filter(
        Q(key=row.key) | Q(line=row.line, key="")
    )
    note = notes.first()
    return Text(note.zh, note.en) if note else Text("—", "—")
