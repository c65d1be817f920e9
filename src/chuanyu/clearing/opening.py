"""What a prepayment opens with: a rule of the service, from what the windows of last year's fourth quarter were signed for.

The rule (`prepayment: {rule: …}` of a clearing entry) takes one document with the amounts `october`, `november` and
`december`. A month counts once both nodes have signed its window; while one of the three has none, there is nothing to go by.
"""

from datetime import date
from typing import Any

import msgspec

from chuanyu.clearing.models import Instruction, Prepayment, Window
from chuanyu.core.catalogue import catalogue
from chuanyu.core.documents import DocumentError
from chuanyu.core.money import Money
from chuanyu.core.parameters import NoParameter, Parameters
from chuanyu.core.rules import decide
from chuanyu.core.service import Posting, Service
from chuanyu.identity.here import here, peer

MONTHS = {"october": 10, "november": 11, "december": 12}


class Month(msgspec.Struct, frozen=True, kw_only=True):
    """What was signed for one month, in fen; None: no window of it is closed. `window`: its id here."""

    period: str
    amount: int | None
    window: int | None


class Opening(msgspec.Struct, frozen=True, kw_only=True):
    """What the rule gives now. `amount` None: it can't say, because months are missing or the rule refuses. Amounts in fen.

    `now`: what the prepayment was last brought to, 0 before it was opened. `used`: the parameters the rule read.
    """

    service: str
    payer: str
    payee: str
    unit: str
    months: tuple[Month, ...]
    total: int
    amount: int | None
    now: int
    yellow: str
    red: str
    used: dict[str, Any]

    @property
    def missing(self) -> tuple[str, ...]:
        """The months without a signed window."""
        return tuple(month.period for month in self.months if month.amount is None)

    @property
    def lacks(self) -> int:
        """What is to be put in to reach the rule's amount, in fen; 0 when it is reached."""
        return max(0, (self.amount or 0) - self.now)


def openings(day: date, *, agency: str | None = None) -> list[Opening]:
    """Every prepayment that an agency of this node ("nhsa") keeps, or should, and what its rule gives on `day`."""
    found = []
    for service in catalogue().values():
        for posting in service.postings.values():
            if posting.prepayment is None or service.procedure is None:
                continue
            payer, payee = (service.procedure.parties[party].agency for party in (posting.payer, posting.payee))
            if agency in (None, payer):
                found.append(opening(service, posting, f"{here()}/{payer}", f"{peer()}/{payee}", day))
    return found


def find(day: date, *, service: str, payer: str, payee: str, unit: str) -> Opening:
    """One of them. Raises LookupError for a prepayment no service declares."""
    wanted = (service, payer, payee, unit)
    found = next((o for o in openings(day) if (o.service, o.payer, o.payee, o.unit) == wanted), None)
    if found is None:
        raise LookupError(f"{service} keeps no prepayment of {payer} with {payee}")
    return found


def opening(service: Service, posting: Posting, payer: str, payee: str, day: date) -> Opening:
    """What the rule of one posting gives on `day` for what `payer` keeps with `payee`."""
    assert posting.prepayment is not None
    months = [_month(service.key, posting, payer, payee, f"{day.year - 1}-{number}") for number in MONTHS.values()]
    amount, used = None, dict[str, Any]()
    if all(month.amount is not None for month in months):
        document = service.rules[posting.prepayment.rule].documents[0]
        body = {name: str(Money(month.amount or 0)) for name, month in zip(MONTHS, months, strict=True)}
        try:
            decision = decide(service, posting.prepayment.rule, {document: body}, day, here())
            amount, used = decision.outcome.value.fen, decision.used
        except (
            DocumentError,
            NoParameter,
        ):  # a month in which more was reversed than paid, or no parameter for the day
            amount = None
    row = Prepayment.objects.filter(
        own=payer, peer=payee, service=service.key, side=Instruction.Side.PAYER, unit=posting.unit
    ).first()
    alarms = Parameters(service.parameters, day, here())
    return Opening(
        service=service.key, payer=payer, payee=payee, unit=posting.unit, months=tuple(months),
        total=sum(month.amount or 0 for month in months), amount=amount, now=row.opening if row else 0, used=used,
        yellow=str(getattr(alarms, posting.prepayment.yellow)), red=str(getattr(alarms, posting.prepayment.red)),
    )  # fmt: skip


def _month(service: str, posting: Posting, payer: str, payee: str, period: str) -> Month:
    row = Window.objects.filter(
        own=payer, peer=payee, service=service, unit=posting.unit, cycle=posting.cycle, period=period
    ).first()
    if row is None or row.statement is None or row.state in (Window.State.OPEN, Window.State.CLOSING):
        return Month(period=period, amount=None, window=row.pk if row else None)
    return Month(period=period, amount=int(row.statement["paid"][f"{payer}>{payee}"]["sum"]), window=row.pk)
