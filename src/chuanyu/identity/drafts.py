"""What somebody has begun to fill in, kept over sign-out: sealed, one per person who types, person it is for and service.

A draft is nobody's evidence. It goes when it is filed or thrown away, and by itself thirty days after the last change.
"""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from django.db import transaction
from django.utils import timezone

from chuanyu.identity import vault
from chuanyu.identity.actor import Actor
from chuanyu.identity.models import Draft, User

KEPT = timedelta(days=30)
LIMIT = 200_000  # bytes of a draft; what is longer is not kept, only sent


class DraftView(msgspec.Struct, frozen=True, kw_only=True):
    """A draft in a list: for which service, ."""

    service: str
    changed: datetime


def read(who: Actor, *, person: UUID, service: str) -> dict[str, Any] | None:
    """What `who` has typed for `person`; None if there is nothing, or it is too old."""
    row = _of(who, person).filter(service=service, changed__gte=timezone.now() - KEPT).first()
    if row is None:
        return None
    plain: dict[str, Any] = msgspec.json.decode(vault.open_bytes(bytes(row.sealed), about=row.pk.bytes))
    return plain


def keep(who: Actor, *, person: UUID, service: str, content: dict[str, Any]) -> bool:
    """Keep `content` (plain data) in place of what was there. False for one too long to be kept."""
    plain = msgspec.json.encode(content)
    if len(plain) > LIMIT:
        return False
    with transaction.atomic():
        user = User.objects.values_list("pk", flat=True).get(username=who.user)
        Draft.objects.bulk_create(
            [Draft(user_id=user, person_id=person, service=service, sealed=b"", changed=timezone.now())],
            ignore_conflicts=True,
        )
        row = Draft.objects.select_for_update().get(user_id=user, person_id=person, service=service)
        row.sealed, row.changed = vault.seal_bytes(plain, about=row.pk.bytes), timezone.now()
        row.save(update_fields=["sealed", "changed"])
    return True


def drop(who: Actor, *, person: UUID, service: str) -> None:
    """Throw a draft away. Harmless when there is none."""
    _of(who, person).filter(service=service).delete()


def of(who: Actor, *, person: UUID) -> list[DraftView]:
    """What `who` has begun for `person`, the latest first."""
    rows = _of(who, person).filter(changed__gte=timezone.now() - KEPT).order_by("-changed")
    return [DraftView(service=row.service, changed=row.changed) for row in rows.defer("sealed")]


def forget() -> int:
    """Delete the drafts nobody has touched for KEPT. Returns how many there were."""
    return Draft.objects.filter(changed__lt=timezone.now() - KEPT).delete()[0]


def reseal() -> int:
    """Seal the drafts that an older vault key sealed under the newest one. Returns how many."""
    count = 0
    for pk in Draft.objects.values_list("pk", flat=True):
        with transaction.atomic():
            row = Draft.objects.select_for_update().filter(pk=pk).first()
            if row is not None and vault.is_old_seal(bytes(row.sealed)):
                plain = vault.open_bytes(bytes(row.sealed), about=row.pk.bytes)
                row.sealed = vault.seal_bytes(plain, about=row.pk.bytes)
                row.save(update_fields=["sealed"])
                count += 1
    return count


def _of(who: Actor, person: UUID) -> Any:
    return Draft.objects.filter(user__username=who.user, person_id=person)
