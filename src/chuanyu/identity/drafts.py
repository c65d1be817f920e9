"""What somebody has begun to fill in, kept over sign-out: sealed, one per person who types, person it is for and form.

A form is named in `service`: by the key of the service applied for, or for a step of a case by `of_step`. A draft is
nobody's evidence. It goes when it is filed or thrown away, and by itself thirty days after the last change.
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
    """A draft in a list: of which form, and when it was last changed."""

    service: str
    changed: datetime


class Kept(msgspec.Struct, frozen=True):
    """A draft opened: plain data as it was kept, and when."""

    content: dict[str, Any]
    changed: datetime


def of_step(case: UUID, act: str = "") -> str:
    """The form of a step of a case; without `act`, how all of the case begin."""
    return f"{case.hex}/{act}"


def read(who: Actor, *, person: UUID, service: str) -> Kept | None:
    """What `who` has typed for `person`; None if there is nothing, or it is too old."""
    return next((_opened(row) for row in _young(who, person).filter(service=service)), None)


def of_case(who: Actor, *, person: UUID, case: UUID) -> dict[str, Kept]:
    """What `who` has typed for the steps of a case, by act."""
    rows = _young(who, person).filter(service__startswith=of_step(case))
    return {row.service.partition("/")[2]: _opened(row) for row in rows}


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


def drop_case(who: Actor, *, person: UUID, case: UUID) -> None:
    """Throw away what `who` has typed for the steps of a case."""
    _of(who, person).filter(service__startswith=of_step(case)).delete()


def of(who: Actor, *, person: UUID) -> list[DraftView]:
    """What `who` has begun for `person`, the latest first."""
    rows = _young(who, person).order_by("-changed")
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


def _opened(row: Draft) -> Kept:
    plain = msgspec.json.decode(vault.open_bytes(bytes(row.sealed), about=row.pk.bytes))
    return Kept(plain, row.changed)


def _young(who: Actor, person: UUID) -> Any:
    return _of(who, person).filter(changed__gte=timezone.now() - KEPT)


def _of(who: Actor, person: UUID) -> Any:
    return Draft.objects.filter(user__username=who.user, person_id=person)
