"""The ledger as plain Python: what ledger.post must answer, written down without regard to speed.

Nothing here looks like ledger.sql: one transfer at a time, objects, and a chain that fails is undone by going back to a copy.
"""

import copy
import dataclasses
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

PLAIN, PENDING, POST, VOID, EXPIRE, REVERSAL, ADJUSTMENT = range(7)
POSTED, REUSED, UNKNOWN, SAME, FLOOR, CLOSED, AMOUNT, UNIT, LINKED, CEILING = 0, 2, 3, 4, 5, 6, 7, 8, 9, 10
NO_ORIGIN, MISMATCH, EXCEEDS, ALREADY_POSTED, ALREADY_VOIDED, EXPIRED = 11, 12, 13, 14, 15, 16
WINDOW_SHUT, NO_WINDOW, BAD_KIND = 17, 18, 19
KEPT = {POSTED, FLOOR, CLOSED, LINKED, CEILING, EXCEEDS, ALREADY_POSTED, ALREADY_VOIDED, EXPIRED}
OPEN, CLOSING, SHUT = 0, 1, 2
LIMIT = 10**15


@dataclass(frozen=True, kw_only=True)
class Transfer:
    """What a client sends. `chain` is not part of a transfer's content."""

    id: UUID
    debit: int
    credit: int
    amount: int
    code: str = "t"
    kind: int = PLAIN
    origin: UUID | None = None
    expires: datetime | None = None
    chain: int = 0

    @property
    def content(self) -> tuple[Any, ...]:
        return (self.debit, self.credit, self.amount, self.code, self.kind, self.origin, self.expires)


@dataclass
class Account:
    unit: str = "CNY"
    floor: int | None = None
    ceiling: int | None = None
    closed: bool = False
    balance: int = 0
    out: int = 0
    incoming: int = 0
    entries: list[tuple[UUID, int, int]] = field(default_factory=list)  # (transfer, signed amount, balance after)


@dataclass
class Kept:
    """A transfer the ledger has, and its answer for ever."""

    transfer: Transfer
    status: int
    window: int
    mirror: bool
    resolved: int = 0  # the kind that resolved it, if it is a pending
    adjusted: bool = False
    reversed: int = 0

    @property
    def moved(self) -> bool:
        return self.status == POSTED and self.transfer.kind in (PLAIN, POST, REVERSAL, ADJUSTMENT)


class Ledger:
    """One book. `windows` maps a window to its state."""

    def __init__(self, accounts: dict[int, Account]) -> None:
        self.accounts = accounts
        self.windows: dict[int, int] = {}
        self.kept: dict[UUID, Kept] = {}

    def post(self, batch: list[Transfer], *, now: datetime, window: int = 0, mirror: bool = False) -> list[int]:
        """Statuses in order; `now` is what the ledger's clock says."""
        answers: list[int] = []
        i = 0
        while i < len(batch):
            end = i + 1
            while batch[i].chain and end < len(batch) and batch[end].chain == batch[i].chain:
                end += 1
            answers += self._chain(batch[i:end], now, window, mirror)
            i = end
        return answers

    def _chain(self, chain: list[Transfer], now: datetime, window: int, mirror: bool) -> list[int]:
        if len(chain) == 1:
            return [self._one(chain[0], now, window, mirror)]
        seen = [self._seen(t) for t in chain]
        seen = [AMOUNT if s is None and not 1 <= t.amount <= LIMIT else s for t, s in zip(chain, seen, strict=True)]
        if any(status is not None for status in seen):
            return [LINKED if status is None else status for status in seen]
        before = self._copy(chain)
        for place, transfer in enumerate(chain):
            status = self._one(transfer, now, window, mirror)
            if status == POSTED:
                continue
            for other in chain:
                self.kept.pop(other.id, None)
            self.accounts |= before[0]
            self.kept |= before[1]
            if status in KEPT:
                for other in chain:
                    reason = status if other is transfer else LINKED
                    self.kept[other.id] = Kept(other, reason, window, mirror)
            return [status if i == place else LINKED for i in range(len(chain))]
        return [POSTED] * len(chain)

    def _copy(self, chain: list[Transfer]) -> tuple[dict[int, Account], dict[UUID, Kept]]:
        """Everything the chain can change, as it is now."""
        accounts = {id_ for t in chain for id_ in (t.debit, t.credit)} & self.accounts.keys()
        origins = {t.origin for t in chain if t.origin} & self.kept.keys()
        return (
            {i: dataclasses.replace(self.accounts[i], entries=list(self.accounts[i].entries)) for i in accounts},
            {i: copy.copy(self.kept[i]) for i in origins},
        )

    def _seen(self, transfer: Transfer) -> int | None:
        known = self.kept.get(transfer.id)
        if known is None:
            return None
        return known.status if known.transfer.content == transfer.content else REUSED

    def _one(self, transfer: Transfer, now: datetime, window: int, mirror: bool) -> int:
        seen = self._seen(transfer)
        if seen is not None:
            return seen
        status = self._judge(transfer, now, window, mirror)
        if status == POSTED:
            self._do(transfer)
        if status in KEPT:
            self.kept[transfer.id] = Kept(transfer, status, window, mirror)
        return status

    def _judge(self, t: Transfer, now: datetime, window: int, mirror: bool) -> int:
        if not 1 <= t.amount <= LIMIT:
            return AMOUNT
        if t.kind not in range(7) or (t.kind > PENDING) != (t.origin is not None):
            return BAD_KIND
        if t.expires is not None and t.kind != PENDING:
            return BAD_KIND
        debit, credit = self.accounts.get(t.debit), self.accounts.get(t.credit)
        if debit is None or credit is None:
            return UNKNOWN
        if debit is credit:
            return SAME
        if debit.unit != credit.unit:
            return UNIT
        if window:
            if window not in self.windows:
                return NO_WINDOW
            if self.windows[window] == SHUT or (self.windows[window] == CLOSING and not mirror):
                return WINDOW_SHUT
        if t.origin is not None:
            status = self._judge_origin(t, t.origin, now, mirror)
            if status != POSTED or t.kind in (POST, VOID, EXPIRE):
                return status
        elif t.kind == PENDING and t.expires is not None and t.expires <= now:
            return EXPIRED
        if debit.closed or credit.closed:
            return CLOSED
        if debit.floor is not None and debit.balance - debit.out - t.amount < debit.floor:
            return FLOOR
        if credit.ceiling is not None and credit.balance + credit.incoming + t.amount > credit.ceiling:
            return CEILING
        return POSTED

    def _judge_origin(self, t: Transfer, origin_id: UUID, now: datetime, mirror: bool) -> int:
        origin = self.kept.get(origin_id)
        if origin is None:
            return NO_ORIGIN
        if origin.status != POSTED:
            return MISMATCH
        o = origin.transfer
        if t.kind in (POST, VOID, EXPIRE):
            if o.kind != PENDING or (o.debit, o.credit) != (t.debit, t.credit):
                return MISMATCH
            if t.kind != POST and t.amount != o.amount:
                return MISMATCH
            if origin.resolved:
                return {POST: ALREADY_POSTED, VOID: ALREADY_VOIDED, EXPIRE: EXPIRED}[origin.resolved]
            over = o.expires is not None and o.expires <= now
            if t.kind == POST:
                return EXPIRED if over else EXCEEDS if t.amount > o.amount else POSTED
            return MISMATCH if t.kind == EXPIRE and not over else POSTED
        if t.credit != o.debit or (t.debit != o.credit and not mirror):
            return MISMATCH
        if t.kind == REVERSAL:
            if o.kind not in (PLAIN, POST):
                return MISMATCH
            if origin.adjusted:
                return ALREADY_POSTED
            return EXCEEDS if origin.reversed + t.amount > o.amount else POSTED
        if o.kind not in (PLAIN, POST, REVERSAL) or t.amount != o.amount:
            return MISMATCH
        if origin.adjusted:
            return ALREADY_POSTED
        return WINDOW_SHUT if self.windows.get(origin.window) == SHUT else POSTED

    def _do(self, t: Transfer) -> None:
        debit, credit = self.accounts[t.debit], self.accounts[t.credit]
        origin = self.kept[t.origin] if t.origin else None
        if t.kind == PENDING:
            debit.out += t.amount
            credit.incoming += t.amount
            return
        if origin and t.kind in (POST, VOID, EXPIRE):
            debit.out -= origin.transfer.amount
            credit.incoming -= origin.transfer.amount
            origin.resolved = t.kind
        elif origin and t.kind == REVERSAL:
            origin.reversed += t.amount
        elif origin:
            origin.adjusted = True
        if t.kind in (VOID, EXPIRE):
            return
        for account, signed in ((debit, -t.amount), (credit, t.amount)):
            account.balance += signed
            account.entries.append((t.id, signed, account.balance))

    def close(self, account: int) -> bool:
        """Close an account; not while something is reserved on it."""
        found = self.accounts[account]
        if found.out or found.incoming:
            return False
        found.closed = True
        return True

    def overdue(self, now: datetime) -> list[Kept]:
        """Pending transfers beyond their time that nothing resolved."""
        return [
            k
            for k in self.kept.values()
            if k.status == POSTED and k.transfer.kind == PENDING and not k.resolved
            and k.transfer.expires is not None and k.transfer.expires <= now
        ]  # fmt: skip

    def signed_set(self, window: int, *, mirror: bool) -> list[tuple[UUID, int]]:
        """What both nodes sign about one direction of a window: (id, amount with its sign), sorted by id."""
        return sorted(
            (k.transfer.id, -k.transfer.amount if k.transfer.kind == REVERSAL else k.transfer.amount)
            for k in self.kept.values()
            if k.moved and k.window == window and k.mirror == mirror and k.transfer.kind != ADJUSTMENT and not k.adjusted
        )  # fmt: skip
