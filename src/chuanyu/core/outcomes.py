"""The answers a decision can give. There are no others, so every caller can treat them all."""

from typing import Any, Literal, get_args

import msgspec

Kind = Literal["accept", "refuse", "ask", "hold", "duplicate", "elsewhere", "stale", "no_basis", "value"]
KINDS: tuple[str, ...] = get_args(Kind)


class Outcome(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One decision. `reason` is a key of the service's `reasons`; `ref` is "basis-key#article"; `value` only for "value"."""

    outcome: Kind
    reason: str = ""
    ref: str = ""
    value: Any = None


def accept(ref: str = "") -> Outcome:
    """The request is granted."""
    return Outcome(outcome="accept", ref=ref)


def refuse(reason: str, ref: str) -> Outcome:
    """The request is not granted: why, and the article that says so."""
    return Outcome(outcome="refuse", reason=reason, ref=ref)


def ask(evidence: str, ref: str = "") -> Outcome:
    """More evidence is needed before deciding (补正)."""
    return Outcome(outcome="ask", reason=evidence, ref=ref)


def hold(review: str, ref: str = "") -> Outcome:
    """A person must look before anything more happens; nothing changes meanwhile."""
    return Outcome(outcome="hold", reason=review, ref=ref)


def duplicate(of: str) -> Outcome:
    """Already done or under way: `of` names the first one."""
    return Outcome(outcome="duplicate", reason="duplicate", value=of)


def elsewhere(where: str, ref: str = "") -> Outcome:
    """Not here: `where` (a reason key) says where to go."""
    return Outcome(outcome="elsewhere", reason=where, ref=ref)


def stale(why: str, ref: str = "") -> Outcome:
    """Expired, revoked or decided under a superseded version."""
    return Outcome(outcome="stale", reason=why, ref=ref)


def no_basis() -> Outcome:
    """No legal basis or consent; the asker learns nothing else."""
    return Outcome(outcome="no_basis", reason="no_basis")


def value(v: Any, ref: str = "") -> Outcome:
    """A computed value: Money, int, str or date."""
    return Outcome(outcome="value", value=v, ref=ref)
