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
from chuanyu.clearing import actions as clearing
from chuanyu.clearing import queries as clearing_queries
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
            yield _transfer(evidence, declared.postings[name], amount(name), kind="pending")
        for name in act.post:
            yield _post(evidence, declared.postings[name], amount(name), standing.reserved.get(name))
        for name in act.void:
            if reserved := standing.reserved.get(name):
                yield _again(reserved, kind="void")
        for name in act.reverse:
            if posted := standing.posted.get(name):
                yield _again(posted, kind="reverse", window=_window(evidence, declared.postings[name]))

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
        return standing.adjusted(clearing_queries.instead(case)) if standing.posted else standing

    def adjusted(self, instead: dict[UUID, UUID | None]) -> "Standing":
        """What stands after adjustments: what was paid anew in place of what the other node never had, or nothing."""
        posted = {}
        for name, transfer in self.posted.items():
            id_ = instead.get(UUID(transfer.id), UUID(transfer.id))
            if id_ is not None:
                posted[name] = msgspec.structs.replace(transfer, id=str(id_))
        return Standing(self.reserved, posted)

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


def _post(evidence: Evidence, posting: Posting, amount: int, reserved: Transfer | None) -> Transfer:
    """Out of the reservation if there is one: never more than it, and nothing gives it back whole."""
    if reserved is None:
        return _transfer(evidence, posting, amount)
    if amount > reserved.amount:
        raise CaseError("more_than_reserved", errors.MORE_THAN_RESERVED)
    if amount == 0:
        return _again(reserved, kind="void")
    return _again(reserved, kind="post", amount=amount, window=_window(evidence, posting))


def _transfer(evidence: Evidence, posting: Posting, amount: int, *, kind: str = "plain") -> Transfer:
    payer, payee = _sides(evidence, posting)
    return Transfer(
        id=str(uuid7()),
        name=posting.name,
        amount=amount,
        unit=posting.unit,
        payer=payer,
        payee=payee,
        cycle=posting.cycle,
        kind=kind,
        origin=posting.source,
        target=posting.target,
        window="" if kind == "pending" else _window(evidence, posting),
    )


def _again(of: Transfer, *, kind: str, amount: int | None = None, window: str = "") -> Transfer:
    return msgspec.structs.replace(
        of, id=str(uuid7()), of=of.id, kind=kind, amount=of.amount if amount is None else amount, window=window
    )


def _window(evidence: Evidence, posting: Posting) -> str:
    """The period whose window takes the transfer: the payer's side settles it, and the event tells the payee's."""
    payer, payee = _sides(evidence, posting)
    if not posting.window or payer.partition("/")[0] == payee.partition("/")[0]:
        return ""  # it settles alone, or there is nothing to clear between two nodes
    return clearing.period(
        service=evidence.case.service,
        payer=payer,
        payee=payee,
        unit=posting.unit,
        cycle=posting.cycle,
        window=posting.window,
    )


def _sides(evidence: Evidence, posting: Posting) -> tuple[str, str]:
    """(payer, payee); the applicant's accounts are in the owner's book."""
    case = evidence.case
    return case.parties.get(posting.payer, case.owner), case.parties.get(posting.payee, case.owner)
