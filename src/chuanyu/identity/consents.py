"""What a person has agreed to: one agency may ask the other node for named facts, for one service, until a day.

A statutory duty needs no consent; this is for what a person could say themselves and would rather have fetched. The
consent travels with the question, so that the one who is asked can judge it (exchange.known_facts).
"""

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from uuid import UUID

import msgspec
from django.db.models import F
from django.utils import timezone

from chuanyu.core import days
from chuanyu.identity.actor import Actor
from chuanyu.identity.here import peer
from chuanyu.identity.models import Consent

LONGEST = 365  # days; then it is asked again


class ConsentView(msgspec.Struct, frozen=True, kw_only=True):
    """A consent as it stands. `fields`: document and field, "person.household". status: in_force | withdrawn | expired."""

    id: UUID
    purpose: str
    service: str
    agency: str
    source: str
    fields: tuple[str, ...]
    given: datetime
    until: date
    withdrawn: datetime | None
    used: int
    last_used: datetime | None

    @property
    def status(self) -> str:
        """Whether it still counts, and if not, why."""
        if self.withdrawn:
            return "withdrawn"
        return "in_force" if self.until >= days.today() else "expired"


class NoConsent(Exception):
    """The person did not agree to this, or no longer does."""


def give(who: Actor, *, service: str, agency: str, fields: Iterable[str], period: int) -> ConsentView:
    """`who` agrees, for `period` days. Only for oneself: consent is not delegated. Raises NoConsent, ValueError."""
    named = sorted(set(fields))
    if who.person is None or who.acts_for_another or not named:
        raise NoConsent
    if not 1 <= period <= LONGEST:
        raise ValueError(f"a consent lasts 1 to {LONGEST} days")
    row = Consent.objects.create(
        person_id=who.person,
        purpose=service,
        service=service,
        agency=agency,
        source=peer(),
        fields=named,
        until=days.today() + timedelta(days=period),
    )
    return _view(row)


def withdraw(who: Actor, consent: UUID) -> None:
    """From now on nothing is asked on it. Harmless to repeat; raises NoConsent for one that is not this person's."""
    if who.person is None or who.acts_for_another:
        raise NoConsent
    rows = Consent.objects.filter(pk=consent, person=who.person)
    if not rows.exists():
        raise NoConsent
    rows.filter(withdrawn=None).update(withdrawn=timezone.now())


def use(consent: UUID) -> ConsentView:
    """The consent, counted as used once more. Raises NoConsent when it no longer stands."""
    rows = Consent.objects.filter(pk=consent, withdrawn=None, until__gte=days.today())
    if not rows.update(used=F("used") + 1, last_used=timezone.now()):
        raise NoConsent
    return _view(Consent.objects.get(pk=consent))


def of(person: UUID) -> list[ConsentView]:
    """Everything this person agreed to, the latest first."""
    return [_view(row) for row in Consent.objects.filter(person=person).order_by("-given")]


def standing(person: UUID, *, service: str, fields: Iterable[str]) -> ConsentView | None:
    """The consent in force for this service that covers all `fields`, if there is one; the one that lasts longest."""
    wanted = set(fields)
    rows = Consent.objects.filter(person=person, service=service, withdrawn=None, until__gte=days.today())
    return next((_view(row) for row in rows.order_by("-until") if wanted <= set(row.fields)), None)


def _view(row: Consent) -> ConsentView:
    return ConsentView(
        id=row.pk,
        purpose=row.purpose,
        service=row.service,
        agency=row.agency,
        source=row.source,
        fields=tuple(row.fields),
        given=row.given,
        until=row.until,
        withdrawn=row.withdrawn,
        used=row.used,
        last_used=row.last_used,
    )
