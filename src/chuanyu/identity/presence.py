"""Who stands at a clerk's counter: found with a purpose that is written down, and let go again.

It is kept in the clerk's session, never in an address. The clerk ends it; a screen nobody touches ends it too. A form
made for one visit says so (`visit`), so that one left open in another tab is not sent in for whoever stands there now.
"""

import secrets
from uuid import UUID

import msgspec
from django.http import HttpRequest

_SLOT = "at_the_counter"
_GONE = "gone_from_the_counter"  # whose the last visits of this session were, the latest first: [visit, person]
_MOST = 8


class Present(msgspec.Struct, frozen=True):
    """The person and what for; `purpose` is what every look at their record is written down with. `visit` is random."""

    person: UUID
    purpose: str
    visit: str


def receive(request: HttpRequest, person: UUID, *, purpose: str) -> None:
    """From now on this person stands at the signed-in clerk's counter, in place of any other. Found again they stay."""
    before = present(request)
    stays = before is not None and before.person == person
    if not stays:
        let_go(request)
    visit = before.visit if before and stays else secrets.token_urlsafe(12)
    request.session[_SLOT] = {"person": str(person), "purpose": purpose, "visit": visit}


def let_go(request: HttpRequest) -> None:
    """Nobody stands there any more. Whose visit it was is still known, for what was typed for them and comes late."""
    if (held := present(request)) is not None:
        request.session[_GONE] = [[held.visit, str(held.person)], *request.session.get(_GONE, [])][:_MOST]
    request.session.pop(_SLOT, None)


def whose(request: HttpRequest, visit: str) -> UUID | None:
    """For whom a form made for `visit` was made; None where this session knows of no such visit."""
    return next((UUID(person) for known, person in request.session.get(_GONE, []) if visit and known == visit), None)


def present(request: HttpRequest) -> Present | None:
    """Who stands at the counter of this session, if anybody."""
    held = request.session.get(_SLOT) if hasattr(request, "session") else None
    return Present(UUID(held["person"]), held["purpose"], held.get("visit", "")) if held else None
