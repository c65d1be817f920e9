"""How a case moves: pure. An event carries the decision's outcome, so replaying it never calls a rule.

Both nodes fold the same events over the same declaration and so reach the same position, whatever code they run.
"""

from typing import Any

import msgspec

from chuanyu.core.canonical import digest
from chuanyu.core.outcomes import Outcome
from chuanyu.core.service import Act, Procedure

START, ACT, POSTING_REFUSED, REQUEST_REFUSED, MIGRATED = (
    "start",
    "act",
    "posting_refused",
    "request_refused",
    "migrated",
)


class Transfer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Money (or points) the event moves. `amount` in the unit's smallest part: fen. payer, payee: "chongqing/hrss".

    `kind`: plain, pending, post, void or reverse; the last three name the transfer they are `of`. `origin` and `target` are
    the kinds of account at either end: fund, prepayment, person (the applicant) or holder (whose it is, the payee's node knows).
    """

    id: str
    name: str
    amount: int
    unit: str
    payer: str
    payee: str
    cycle: str
    kind: str = "plain"
    of: str = ""
    origin: str = "fund"
    target: str = "fund"
    window: str = ""


class Event(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """One step. `previous` is the hash of the one before ("" for the first); `at` is UTC, RFC 3339.

    `documents` maps the names taken to their digests, `attachments` ids to SHA-256.
    """

    case: str
    sequence: int
    previous: str
    at: str
    node: str
    agency: str
    by: str
    kind: str
    source: str
    target: str
    act: str = ""
    outcome: Outcome | None = None
    documents: dict[str, str] = {}
    attachments: dict[str, str] = {}
    parameters: dict[str, Any] = {}
    transfers: tuple[Transfer, ...] = ()
    request: str = ""
    note: str = ""
    declaration: str = ""

    def plain(self) -> dict[str, Any]:
        """As it is hashed, stored and sent: what JSON makes of it."""
        plain: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(self))
        return plain


class Position(msgspec.Struct, frozen=True, kw_only=True):
    """Where a case stands. `owner`: "node/agency", "" when final. `writer`: the one node that may write the next event."""

    sequence: int
    head: str
    state: str
    owner: str
    final: bool
    writer: str
    unsettled: tuple[str, ...] = ()  # ids of the last step's transfers: the only ones a refusal may name
    came_from: str = ""  # where a refused posting takes the case back to


NOWHERE = Position(sequence=0, head="", state="", owner="", final=False, writer="")


class Gap(Exception):
    """An event before this one has not come yet: park it."""


class Fork(Exception):
    """Two different events claim the same place: somebody wrote who may not. Alarm."""


class Invalid(Exception):
    """The event does not fit the declaration it names."""


def resolve(procedure: Procedure, filed_at: str, other: str) -> dict[str, str]:
    """Party → "node/agency" for a case filed at `filed_at`, where `other` is the other node."""
    nodes = {"filed_at": filed_at, "other": other}
    return {name: f"{nodes.get(party.node, party.node)}/{party.agency}" for name, party in procedure.parties.items()}


def advance(
    position: Position, event: Event, *, procedure: Procedure, parties: dict[str, str], filed_at: str
) -> Position:
    """The position after `event`. Raises Gap, Fork or Invalid; the caller has already dropped events it holds."""
    if event.sequence > position.sequence + 1:
        raise Gap(f"have {position.sequence}, got {event.sequence}")
    if event.sequence != position.sequence + 1 or event.previous != position.head:
        raise Fork(f"event {event.sequence} does not follow {position.head[:12] or 'the beginning'}")
    _fits(position, event, procedure=procedure, parties=parties, filed_at=filed_at)
    state = procedure.states[event.target]
    owner = parties[state.owner] if state.owner else ""
    return Position(
        sequence=event.sequence,
        head=digest(event.plain()),
        state=event.target,
        owner=owner,
        final=state.final,
        writer=owner.partition("/")[0] or event.node,
        unsettled=tuple(t.id for t in event.transfers) if event.kind == ACT else (),
        came_from=event.source,
    )


def _fits(position: Position, event: Event, *, procedure: Procedure, parties: dict[str, str], filed_at: str) -> None:
    if event.target not in procedure.states:
        raise Invalid(f"there is no state {event.target!r}")
    if event.source != position.state:
        raise Invalid(f"it leaves {event.source!r}, but the case is in {position.state!r}")
    if event.agency not in parties.values() or event.agency.partition("/")[0] != event.node:
        raise Invalid(f"{event.agency!r} is no party of this case at {event.node!r}")
    if event.kind == START:
        if position.sequence or event.target != procedure.start_state or event.node != filed_at:
            raise Invalid("a case starts once, in its first state, where it is filed")
        return
    if event.kind == POSTING_REFUSED:  # the payer takes its own step back, before anyone was told of it
        if not event.transfers or {t.id for t in event.transfers} - set(position.unsettled):
            raise Invalid("it names no transfer of the last step")
        if event.target != position.came_from:
            raise Invalid(f"a refused posting leads back to {position.came_from!r}")
        return
    if position.final:
        raise Invalid("the case is closed")
    if event.node != position.writer:
        raise Invalid(f"{event.node!r} wrote, but {position.writer!r} owns the state")
    if event.kind == ACT:
        act = procedure.states[position.state].does.get(event.act)
        if act is None or event.target != target_of(act, event.outcome):
            raise Invalid(f"{event.act!r} does not lead from {event.source!r} to {event.target!r}")
    elif event.kind == REQUEST_REFUSED:
        if event.target != event.source:
            raise Invalid("a refused request changes no state")
    elif event.kind != MIGRATED:
        raise Invalid(f"there is no kind {event.kind!r}")
    elif strangers := procedure.parties.keys() - parties.keys():
        raise Invalid(f"the new declaration has parties this case was not filed with: {', '.join(sorted(strangers))}")


def target_of(act: Act, outcome: Outcome | None) -> str | None:
    """The state this outcome leads to; None if the declaration gives it none. An act without a decision is an accept."""
    return act.to.get(outcome.outcome if outcome else "accept")
