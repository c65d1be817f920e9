"""Who has which case open: so that two clerks with one queue do not read the same case. A courtesy, no lock.

Kept in the cache for some minutes and forgotten then. Whoever takes the step first takes it; the other is told.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from uuid import UUID

import msgspec
from django.core.cache import cache

from chuanyu.identity.actor import Actor

MINUTES = 10  # after the last look
_KEY = "cases.open:{}"


class Held(msgspec.Struct, frozen=True):
    """Somebody has the case open: their name as colleagues know it, and since when."""

    user: str
    name: str
    since: datetime


def hold(case: UUID, actor: Actor) -> Held | None:
    """Note that `actor` has the case open. Returns who else already has; then nothing is noted."""
    mine = msgspec.to_builtins(Held(actor.id, actor.name, datetime.now(UTC)))
    key = _KEY.format(case)
    if cache.add(key, mine, MINUTES * 60):
        return None
    held = _held(cache.get(key))
    if held is not None and held.user != actor.id:
        return held
    cache.set(key, mine, MINUTES * 60)
    return None


def release(case: UUID, actor: Actor) -> None:
    """`actor` has it open no more."""
    key = _KEY.format(case)
    held = _held(cache.get(key))
    if held is not None and held.user == actor.id:
        cache.delete(key)


def holders(cases: Iterable[UUID], actor: Actor) -> dict[UUID, Held]:
    """Which of these cases somebody other than `actor` has open."""
    keys = {_KEY.format(case): case for case in cases}
    found = {keys[key]: _held(value) for key, value in cache.get_many(keys).items()}
    return {case: held for case, held in found.items() if held is not None and held.user != actor.id}


def _held(value: object) -> Held | None:
    return msgspec.convert(value, Held) if value else None
