"""What somebody does with money by hand: put it in, prepay where no rule gives a figure, close an account,
pay anew what was adjusted.

Each is written down with who did it and why, in the same transaction, in rows that the node can't change.
"""

from datetime import datetime
from decimal import Decimal
from uuid import UUID

import msgspec
from django.db import connection, transaction

from chuanyu.clearing import actions, legs, opening, periods, queries, windows
from chuanyu.clearing.actions import ClearingError
from chuanyu.clearing.models import NO_CASE, Deed, Difference, Instruction
from chuanyu.core import days
from chuanyu.core.catalogue import catalogue
from chuanyu.core.ids import uuid7
from chuanyu.core.money import Money
from chuanyu.core.text import Text
from chuanyu.identity.actor import Actor
from chuanyu.identity.here import here

NO_WHY = ClearingError("no_reason", Text("请写明原因和依据。", "Say why, and on which paper."))
BY_RULE = ClearingError(
    "by_rule",
    Text(
        "规则算得出额度，用量也没到红色预警线：按规则补足，不能手工追加。",
        "The rule gives an amount, and the red alarm is not reached: bring it to what the rule gives, not by hand.",
    ),
)
NOT_PAYABLE = ClearingError(
    "not_payable",
    Text(
        "只有本方为办件付出、已经调整、还没有重新支付的，才能重新支付。",
        "Only what this side had paid for a case, what is adjusted, and what is not paid anew yet.",
    ),
)
NOT_EMPTY = ClearingError(
    "not_empty",
    Text("账户里还有钱或预留，不能关闭。", "The account still has money or reservations; it is not closed."),
)


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """One of these. `what`: fund | prepay | close | again; `amount` in the unit's smallest part; status: waiting | posted | refused."""

    at: datetime
    what: str
    own: str
    service: str
    account: str
    amount: int
    unit: str
    by: str
    why: str
    status: str
    reason: str


@transaction.atomic
def fund(*, agency: str, service: str, amount: Money, unit: str = "CNY", actor: Actor, why: str) -> Deed:
    """Money an agency of this node ("nhsa") has been given for a service: from the treasury into its fund.

    Raises ClearingError, LookupError for a service or unit the agency keeps no book of.
    """
    own = f"{here()}/{agency}"
    _may(actor, own, why)
    if unit not in _units(agency, service):
        raise LookupError(f"{agency} keeps no book of {service} in {unit}")
    id_ = actions.fund(agency=agency, service=service, amount=amount, unit=unit)
    return Deed.objects.create(
        what=Deed.What.FUND, own=own, service=service, account=legs.leg(legs.FUND, unit).name, transfer=id_,
        amount=amount.fen, unit=unit, by=actor.id, why=why.strip(),
    )  # fmt: skip


@transaction.atomic
def prepay(*, service: str, payer: str, payee: str, amount: Money, unit: str = "CNY", actor: Actor, why: str) -> Deed:
    """Put `amount` more in advance where the rule can't say how much (the first year), or where the red alarm is reached.

    The poster moves it from the fund; it fails when the fund does not have it. Raises ClearingError, LookupError.
    """
    _may(actor, payer, why)
    if not 0 < amount.fen <= legs.MOST:
        raise actions.refusal("bad_amount")
    found = opening.find(days.today(), service=service, payer=payer, payee=payee, unit=unit)
    if found.amount is not None and not at_red(service=service, payer=payer, payee=payee, unit=unit):
        raise BY_RULE
    made = actions.prepay(
        service=service, payer=payer, payee=payee, unit=unit, amount=amount, yellow=Decimal(found.yellow),
        red=Decimal(found.red),
    )  # fmt: skip
    return Deed.objects.create(
        what=Deed.What.PREPAY, own=payer, service=service, account=legs.leg(f"prepaid/{payee}", unit).name,
        transfer=made.pk, amount=amount.fen, unit=unit, by=actor.id, why=why.strip(),
    )  # fmt: skip


@transaction.atomic
def close_account(*, agency: str, service: str, account: str, actor: Actor, why: str) -> Deed:
    """Close an empty account of an agency's book for good: nothing is posted to it any more. Raises ClearingError, LookupError."""
    own, book = f"{here()}/{agency}", f"{agency}/{service}"
    _may(actor, own, why)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id, unit FROM ledger.account WHERE book = ledger.number(%s) AND name = %s", [book, account]
        )
        row = cursor.fetchone()
        if row is None:
            raise LookupError(f"{book} has no account {account}")
        cursor.execute("SELECT ledger.close(ledger.number(%s), %s)", [book, row[0]])
        (closed,) = cursor.fetchone()
        cursor.execute("SELECT balance FROM ledger.account WHERE book = ledger.number(%s) AND id = %s", [book, row[0]])
        (balance,) = cursor.fetchone()  # closed by now, so nothing comes in between
    if not closed or balance:
        raise NOT_EMPTY
    return Deed.objects.create(
        what=Deed.What.CLOSE, own=own, service=service, account=account, unit=row[1], by=actor.id, why=why.strip()
    )


@transaction.atomic
def pay_again(*, difference: int, actor: Actor, why: str) -> Deed:
    """Pay anew, in the current window, what a case had paid and the other node never had, once that was adjusted.

    Same case, posting and amount; the case tells the other node when it is posted. Raises ClearingError.
    """
    line = Difference.objects.select_for_update().select_related("window").get(pk=difference)
    window = line.window
    _may(actor, window.own, why)
    if line.pk not in payable(window.pk):
        raise NOT_PAYABLE
    origin = Instruction.objects.get(pk=line.transfer)
    entered = windows.enter(
        service=window.service, own=window.own, peer=window.peer, unit=window.unit, cycle=window.cycle,
        window=periods.kind_of(window.period),
    )  # fmt: skip
    made = Instruction.objects.create(
        pk=uuid7(), case=origin.case, sequence=origin.sequence, service=origin.service, name=origin.name,
        kind=Instruction.Kind.PLAIN, side=Instruction.Side.PAYER, of=origin.pk, payer=origin.payer, payee=origin.payee,
        source=origin.source, target=origin.target, amount=origin.amount, unit=origin.unit, cycle=origin.cycle,
        window=entered,
    )  # fmt: skip
    actions.wake()
    debit = legs.debited(payer=origin.payer, payee=origin.payee, source=origin.source, unit=origin.unit)
    return Deed.objects.create(
        what=Deed.What.AGAIN, own=window.own, service=window.service, account=legs.nameless(debit.name),
        transfer=made.pk, amount=made.amount, unit=made.unit, by=actor.id, why=why.strip(),
    )  # fmt: skip


def payable(window: int) -> set[int]:
    """The differences of a window whose payment was a case's of ours, is adjusted, and was not paid anew."""
    lines = {line.transfer: line.pk for line in Difference.objects.filter(window=window, mirror=False)}
    paid = Instruction.objects.filter(
        pk__in=lines, kind__in=(Instruction.Kind.PLAIN, Instruction.Kind.POST), side=Instruction.Side.PAYER
    ).exclude(case=NO_CASE)
    after = Instruction.objects.filter(of__in=lines, side=Instruction.Side.PAYER)
    adjusted = after.filter(kind=Instruction.Kind.ADJUST, status=Instruction.Status.POSTED)
    again = after.filter(kind=Instruction.Kind.PLAIN).exclude(status=Instruction.Status.REFUSED)
    ids = set(paid.values_list("pk", flat=True)) & set(adjusted.values_list("of", flat=True))
    return {lines[id_] for id_ in ids - set(again.values_list("of", flat=True))}


def deeds(*, agency: str | None = None, last: int = 100) -> list[Done]:
    """The last things done by hand, newest first; of one agency ("nhsa"), or of all of this node."""
    rows = Deed.objects.order_by("-at", "-pk")
    found = list((rows.filter(own=f"{here()}/{agency}") if agency else rows)[:last])
    asked = Instruction.objects.filter(pk__in=[deed.transfer for deed in found if deed.transfer])
    answers = {id_: (status, reason) for id_, status, reason in asked.values_list("pk", "status", "reason")}
    return [
        Done(
            at=deed.at, what=str(deed.what), own=deed.own, service=deed.service, account=deed.account,
            amount=deed.amount, unit=deed.unit, by=deed.by, why=deed.why, status=status, reason=reason,
        )
        for deed in found
        for status, reason in (answers.get(deed.transfer or UUID(int=0), (str(Instruction.Status.POSTED), "")),)
    ]  # fmt: skip


def outcome(transfer: UUID) -> tuple[str, str]:
    """(waiting | posted | refused, the ledger's reason) of a transfer by hand."""
    status, reason = Instruction.objects.values_list("status", "reason").get(pk=transfer)
    return status, reason


def at_red(*, service: str, payer: str, payee: str, unit: str) -> bool:
    """Whether so much of a prepayment is used that it may be raised beyond its rule."""
    return any(
        (g.service, g.own, g.peer, g.unit, g.side, g.level) == (service, payer, payee, unit, "payer", "red")
        for g in queries.gauges(agency=payer.partition("/")[2])
    )


def _may(actor: Actor, own: str, why: str) -> None:
    if not actions.may(actor, own):
        raise actions.NOT_ALLOWED
    if not why.strip():
        raise NO_WHY


def _units(agency: str, service: str) -> set[str]:
    """The units of the book that an agency of this node keeps for a service."""
    found = catalogue().get(service)
    if found is None:
        return set()
    parties = found.procedure.parties.values() if found.procedure else ()
    agencies = {party.agency for party in parties} | ({found.batch.agency} if found.batch else set())
    return {posting.unit for posting in found.postings.values()} if agency in agencies else set()
