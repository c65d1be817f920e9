"""What an act moves: reservations, postings, their release and their reversal, as the transfers an event carries."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from chuanyu.cases import errors, store
from chuanyu.cases.errors import CaseError
from chuanyu.cases.evidence import Evidence, decide, step_of
from chuanyu.cases.replay import ACT, POSTING_REFUSED, Transfer
from chuanyu.core import days
from chuanyu.core.ids import uuid7
from chuanyu.core.money import Money
from chuanyu.core.service import Act, Declared, Posting
from chuanyu.identity.here import here


def of_act(
    evidence: Evidence, declared: Declared, act: Act, now: datetime
) -> tuple[tuple[Transfer, ...], dict[str, Any]]:
    """The transfers of an act that was granted, and the parameters their amounts were read from. Nothing moves for zero."""
    used: dict[str, Any] = {}
    standing = Standing.of(evidence.case.pk) if any((act.reserve, act.post, act.void, act.reverse)) else Standing()

    def amount(name: str) -> int:
        outcome, read = decide(evidence, declared, name, now, node=here())
        used.update(read)
        return outcome.value.fen if isinstance(outcome.value, Money) else int(outcome.value)

    def transfers() -> Iterator[Transfer]:
        for name in act.reserve:
            yield _transfer(evidence, declared.postings[name], amount(name), now, kind="pending")
        for name in act.post:
            yield _post(evidence, declared.postings[name], amount(name), now, standing.reserved.get(name))
        for name in act.void:
            if reserved := standing.reserved.get(name):
                yield _again(reserved, kind="void")
        for name in act.reverse:
            if posted := standing.posted.get(name):
                yield _again(posted, kind="reverse", window=_window(evidence, declared.postings[name], now))

    return tuple(transfer for transfer in transfers() if transfer.amount), used


class Standing(msgspec.Struct):
    """What a case has reserved and not resolved, and what it has posted and not reversed, by the posting's name."""

    reserved: dict[str, Transfer] = {}
    posted: dict[str, Transfer] = {}

    @classmethod
    def of(cls, case: UUID) -> "Standing":
        """Folded from the case's events; a refused posting never happened."""
        standing = cls()
        before = standing
        for body in store.events(case):
            event = step_of(body)
            if event.kind == POSTING_REFUSED:
                standing = before
            elif event.kind == ACT and event.transfers:
                before, standing = standing, standing.after(event.transfers)
        return standing

    def after(self, transfers: tuple[Transfer, ...]) -> "Standing":
        """What stands once these are done."""
        reserved, posted = dict(self.reserved), dict(self.posted)
        for transfer in transfers:
            match transfer.kind:
                case "pending":
                    reserved[transfer.name] = transfer
                case "plain" | "post":
                    reserved.pop(transfer.name, None)
                    posted[transfer.name] = transfer
                case "void":
                    reserved.pop(transfer.name, None)
                case "reverse":
                    posted.pop(transfer.name, None)
        return Standing(reserved, posted)


def _post(evidence: Evidence, posting: Posting, amount: int, now: datetime, reserved: Transfer | None) -> Transfer:
    """Out of the reservation if there is one: never more than it, and nothing gives it back whole."""
    if reserved is None:
        return _transfer(evidence, posting, amount, now)
    if amount > reserved.amount:
        raise CaseError("more_than_reserved", errors.MORE_THAN_RESERVED)
    if amount == 0:
        return _again(reserved, kind="void")
    return _again(reserved, kind="post", amount=amount, window=_window(evidence, posting, now))


def _transfer(evidence: Evidence, posting: Posting, amount: int, now: datetime, *, kind: str = "plain") -> Transfer:
    case = evidence.case
    return Transfer(
        id=str(uuid7()),
        name=posting.name,
        amount=amount,
        unit=posting.unit,
        payer=case.parties.get(posting.payer, case.owner),  # the applicant's accounts are in the owner's book
        payee=case.parties.get(posting.payee, case.owner),
        cycle=posting.cycle,
        kind=kind,
        origin=posting.source,
        target=posting.target,
        window=_window(evidence, posting, now),
    )


def _again(of: Transfer, *, kind: str, amount: int | None = None, window: str = "") -> Transfer:
    return msgspec.structs.replace(
        of, id=str(uuid7()), of=of.id, kind=kind, amount=of.amount if amount is None else amount, window=window
    )


def _window(evidence: Evidence, posting: Posting, now: datetime) -> str:
    """The window of the legal day: "medical_settlement/2025-03" or "transit_card/2025-03-05"."""
    day = days.legal_day(now).isoformat()
    return f"{evidence.case.service}/{day[:7] if posting.window == 'month' else day}"
