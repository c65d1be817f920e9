"""What fails again and again must not hold up what is behind it: it is tried a few more times, then set aside with its reason.

A part of an upload is passed over at once and tried beside the others. Pages of a service are checked in their order, so
those behind one wait while it is tried again. What was set aside stays as it is until somebody has it tried anew.
"""

from datetime import timedelta
from uuid import UUID

import structlog
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from chuanyu.clearing import actions
from chuanyu.clearing.files import words
from chuanyu.clearing.models import Page, Setback, Upload
from chuanyu.identity.actor import Actor
from chuanyu.identity.here import here

TRIES = 6  # over half a minute: a deadlock or a restart of the database is over by then

log = structlog.get_logger("chuanyu.files")


def due() -> Setback | None:
    """A part that failed and is to be tried again now."""
    return Setback.objects.filter(page=None, again__lte=timezone.now()).order_by("again", "pk").first()


def waiting() -> list[str]:
    """The services of which a page waits to be tried again."""
    return list(Setback.objects.filter(page__isnull=False, again__gt=timezone.now()).values_list("service", flat=True))


def of_part(upload: Upload, part: int, error: Exception) -> None:
    """A part has failed, once more. The caller has its transaction and the upload's row, and saves that."""
    made, _ = Setback.objects.get_or_create(upload=upload.pk, part=part, page=None, defaults=_new(upload.service))
    _count(made, error)
    settle(upload)


def of_page(page: Page, error: Exception) -> None:
    """A page has failed, once more. The caller has its transaction and the page's row."""
    made, _ = Setback.objects.get_or_create(page=page.id, defaults=_new(page.service))
    if not _count(made, error):
        page.state = Page.State.ASIDE
        page.save(update_fields=["state"])


def _new(service: str) -> dict[str, object]:
    return {"service": service, "reason": ""}


def _count(setback: Setback, error: Exception) -> bool:
    """True if it is tried again."""
    setback.tries += 1
    said = " ".join(str(error).splitlines()[:1])
    setback.reason = f"{type(error).__name__}: {said}"[:300]
    setback.again = timezone.now() + _pause(setback.tries) if setback.tries < TRIES else None
    setback.save()
    about = {"upload": str(setback.upload or ""), "part": setback.part, "page": str(setback.page or "")}
    log.error("rows could not be judged", exc_info=error, tries=setback.tries, aside=setback.again is None, **about)
    return setback.again is not None


def _pause(tries: int) -> timedelta:
    return timedelta(seconds=2.0 ** (tries - 1))


def settle(upload: Upload) -> None:
    """The upload's state, now that a part was judged, has failed, or is to be tried anew. The caller saves it."""
    if upload.part < upload.parts:
        upload.state = Upload.State.READING
        return
    open_ = list(Setback.objects.filter(upload=upload.pk).values_list("again", flat=True))
    if not open_:
        upload.state, upload.done = Upload.State.DONE, timezone.now()
    else:
        upload.state = Upload.State.READING if any(open_) else Upload.State.ASIDE


@transaction.atomic
def retry(id: UUID, *, actor: Actor) -> int:
    """Have everything of an upload, or a page, that was set aside tried anew. Returns how many. Raises ClearingError."""
    upload = Upload.objects.select_for_update().filter(pk=id).first()
    page = Page.objects.select_for_update().filter(id=id).first()
    own = upload.agency if upload is not None else page.own if page is not None else None
    if own is None:
        raise words.NOT_ASIDE
    if not (actor.is_system or ("officer" in actor.roles and actor.serves(own.partition("/")[2], here()))):
        raise words.NOT_OFFICER
    aside = Setback.objects.filter(Q(upload=id) | Q(page=id), again=None)
    count = aside.update(tries=0, again=timezone.now())
    if not count:
        raise words.NOT_ASIDE
    if upload is not None:
        settle(upload)
        upload.save(update_fields=["state"])
    if page is not None:
        page.state = Page.State.RECEIVED
        page.save(update_fields=["state"])
    actions.wake()
    return count
