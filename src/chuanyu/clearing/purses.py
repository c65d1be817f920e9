"""A person's own accounts, and what moved on a day: what a wallet and a cashier's counter read. Nothing is written here.

A personal account is `person/<uuid>` in the book of a service's agency at this node. Callers pass the person who asks: there is
no way to name anybody else's account.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from uuid import UUID

import msgspec
from django.db.models import Q, QuerySet

from chuanyu.clearing import legs, statements
from chuanyu.clearing.models import Instruction
from chuanyu.core.money import Money
from chuanyu.identity import sql
from chuanyu.identity.here import here

_ACCOUNTS = (
    "SELECT b.name, a.name, a.unit, a.balance, a.pending_out, a.pending_in, a.closed FROM ledger.account a"
    " JOIN ledger.book b USING (book) WHERE (a.book, a.name) IN (SELECT ledger.number(x.book), x.name"
    " FROM unnest(%s::text[], %s::text[]) AS x(book, name))"
)


class Purse(msgspec.Struct, frozen=True, kw_only=True):
    """An account of a person: what is there, what of it is reserved, in the unit's smallest part (fen)."""

    book: str
    account: str
    unit: str
    balance: int
    reserved: int
    expected: int
    closed: bool

    @property
    def free(self) -> int:
        """What can still be moved."""
        return self.balance - self.reserved


class Movement(msgspec.Struct, frozen=True, kw_only=True):
    """A transfer between two agencies as an agency's cashier counts it. `amount` in the unit's smallest part."""

    id: UUID
    case: UUID
    service: str
    name: str
    kind: str
    payer: str
    payee: str
    amount: int
    unit: str
    at: datetime


def purses(person: UUID, wanted: Iterable[tuple[str, str]]) -> list[Purse]:
    """The person's accounts in these (book, unit), where they are open."""
    pairs = [(book, account(person, unit)) for book, unit in wanted]
    rows = sql.rows(_ACCOUNTS, [[book for book, _ in pairs], [name for _, name in pairs]]) if pairs else []
    keys = ("book", "account", "unit", "balance", "reserved", "expected", "closed")
    return [Purse(**dict(zip(keys, row, strict=True))) for row in rows]


def page(person: UUID, *, book: str, unit: str, before: tuple[datetime, int] | None = None) -> statements.Page:
    """Entries of the person's account, newest first. Raises LookupError where there is none."""
    return statements.page(book=book, account=account(person, unit), before=before)


def lines(person: UUID, *, book: str, unit: str) -> Iterator[str]:
    """The account's statement as lines of CSV. Raises LookupError where there is none."""
    return statements.lines(book=book, account=account(person, unit))


def cases(transfers: Iterable[UUID]) -> dict[UUID, UUID]:
    """Transfer → the case that asked for it; those no case asked for are left out."""
    rows = Instruction.objects.filter(pk__in=list(transfers), sequence__gt=0)
    return dict(rows.values_list("pk", "case"))


def senders(transfers: Iterable[UUID]) -> dict[UUID, str]:
    """Transfer → the agency that paid it ("sichuan/nhsa"), of those the other node paid."""
    rows = Instruction.objects.filter(pk__in=list(transfers), side=Instruction.Side.PAYEE)
    return dict(rows.values_list("pk", "payer"))


def settled(agency: str, since: datetime, until: datetime) -> QuerySet[Instruction]:
    """What cases had posted and reversed for an agency of this node between two moments, oldest first."""
    ours = f"{here()}/{agency}"
    return Instruction.objects.filter(
        Q(payer=ours, side=Instruction.Side.PAYER) | Q(payee=ours, side=Instruction.Side.PAYEE),
        status=Instruction.Status.POSTED,
        kind__in=(
            *(Instruction.Kind.PLAIN, Instruction.Kind.POST, Instruction.Kind.REVERSE),
            Instruction.Kind.ADJUST,
        ),
        sequence__gt=0,
        settled__gte=since,
        settled__lt=until,
    ).order_by("settled")


def movements(agency: str, since: datetime, until: datetime) -> list[Movement]:
    """What was posted and reversed for an agency of this node between two moments, oldest first.

    An adjustment counts as what it comes to: a payment undone is "reverse", a reversal undone is "plain".
    """
    rows = list(settled(agency, since, until))
    adjusted = [row.of for row in rows if row.of and row.kind == Instruction.Kind.ADJUST]
    undone = dict(Instruction.objects.filter(pk__in=adjusted).values_list("pk", "kind")) if adjusted else {}

    def kind(row: Instruction) -> str:
        if row.kind != Instruction.Kind.ADJUST:
            return str(row.kind)
        return "plain" if row.of and undone.get(row.of) == Instruction.Kind.REVERSE else "reverse"

    return [
        Movement(
            id=row.pk, case=row.case, service=row.service, name=row.name, kind=kind(row), payer=row.payer,
            payee=row.payee, amount=row.amount, unit=row.unit, at=row.settled,
        )
        for row in rows
        if row.settled is not None
    ]  # fmt: skip


def account(person: UUID, unit: str) -> str:
    """The name of a person's account of that unit."""
    return legs.leg(f"person/{person}", unit).name


def shown(amount: int, unit: str) -> str:
    """An amount as documents have it: "1500.00" of CNY, a whole number of anything else."""
    return str(Money(amount)) if unit == "CNY" else str(amount)
