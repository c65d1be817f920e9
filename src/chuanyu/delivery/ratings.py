"""Rating a case (好差评): once per case, by its token; bad ratings are looked into. 国办发〔2019〕51号.

The token is made from the case's id with a key of the node, so it needs no sign-in and can be printed at a counter. What
counts as bad, until when somebody must call back and how ratings are counted are rules of the service `service_rating`.
"""

import base64
import hmac
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any
from uuid import UUID

import msgspec
from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Count, QuerySet
from django.utils import timezone

from chuanyu.cases import queries as cases
from chuanyu.cases.errors import CaseError
from chuanyu.cases.views import CaseView
from chuanyu.core import days
from chuanyu.core.catalogue import catalogue
from chuanyu.core.documents import DocumentError, FieldError, decode, encode, fields
from chuanyu.core.rules import decide
from chuanyu.core.service import Service
from chuanyu.core.text import Text
from chuanyu.delivery.models import Rating
from chuanyu.identity.actor import SYSTEM, Actor
from chuanyu.identity.here import here

SERVICE = "service_rating"
DOCUMENT = "rating"
RESULTS = {
    "corrected": Text("已整改", "Put right"),
    "explained": Text("已核实说明", "Looked into and explained"),
    "excluded": Text("误评或恶意，不计入", "Mistaken or malicious, not counted"),
}
LONGEST = 1000  # characters of an answer


class RatingError(Exception):
    """It was not done. `code`: not_found, too_early, already, staff, done, documents; `fields` say what to mend."""

    def __init__(self, code: str, text: Text, *, fields: tuple[FieldError, ...] = ()) -> None:
        super().__init__(f"{code}: {text.en}")
        self.code, self.text, self.fields = code, text, fields


class Rateable(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody with the token may know of the case: nothing about a person."""

    service: str
    name: Text
    closed: datetime
    rated: bool


class Tally(msgspec.Struct, frozen=True, kw_only=True):
    """`count` ratings of a service that are bad or not; not yet fit to be shown to anyone (see `watch`)."""

    service: str
    bad: bool
    count: int


class RatingView(msgspec.Struct, frozen=True, kw_only=True):
    """A bad rating as an officer sees it. `case` and `reference` only where the person gave them."""

    id: UUID
    service: str
    name: Text
    level: Text
    comment: str
    case: UUID | None
    reference: str
    on: date
    due: date | None
    provisional: bool
    overdue: bool
    result: Text | None
    answer: str
    done: datetime | None


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """Ratings counted. `levels` in order from best to worst; `share` of good ones, None while nobody has rated."""

    levels: tuple[tuple[str, Text, int], ...]
    rated: int
    share: str | None


# ---- tokens


def token(case: UUID) -> str:
    """What a person needs to rate this case at this node: its id and a seal, 44 characters fit for an address."""
    return f"{_b64(case.bytes)}{seal(case)}"


def _case_of(token: str) -> UUID:
    try:
        case = UUID(bytes=base64.urlsafe_b64decode(token[:22] + "=="))
    except ValueError:
        raise RatingError("not_found", NOT_FOUND) from None
    if not hmac.compare_digest(token[22:].encode(), seal(case).encode()):
        raise RatingError("not_found", NOT_FOUND)
    return case


def seal(case: UUID) -> str:
    """What is kept of the case with its rating: that it was rated, but not which it was."""
    key = hmac.digest(settings.SECRET_KEY.encode(), b"rating|" + here().encode(), "sha256")
    return _b64(hmac.digest(key, case.bytes, "sha256")[:16])


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


# ---- writing


def rate(token: str, given: Mapping[str, Any], *, actor: Actor | None) -> Rating:
    """Keep what was `given` (plain data of the document `rating`). Raises RatingError; nobody rates twice, staff never."""
    if actor is not None and actor.kind == "staff":
        raise RatingError("staff", STAFF)
    case = _finished(_case_of(token))
    service = _service()
    try:
        rating = decode(service.documents[DOCUMENT].cls, given)
    except DocumentError as error:
        raise RatingError("documents", DOCUMENTS, fields=tuple(error.errors)) from None
    plain, today = encode(rating), days.today()
    bad = _value("is_bad", {DOCUMENT: plain}, today)
    due = _value("call_back_by", {}, today) if bad else None
    row = Rating(
        token=seal(case.id),
        service=case.service,
        agency=cases.taken_in_by(case.id),
        level=plain["level"],
        bad=bad,
        comment=plain.get("comment", "").strip(),
        case=case.id if plain.get("named") else None,
        on=today,
        due=due,
        provisional=due is not None and not days.is_published(due.year),
    )
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError:
        raise RatingError("already", ALREADY) from None
    return row


def answer(rating: UUID, actor: Actor, *, result: str, text: str) -> None:
    """An officer of the agency says what came of a bad rating: put right, explained, or not to be counted, and why."""
    text = text.strip()[:LONGEST]
    wrong = [FieldError("result", NO_RESULT)] * (result not in RESULTS) + [FieldError("answer", NO_ANSWER)] * (not text)
    if wrong:
        raise RatingError("documents", DOCUMENTS, fields=tuple(wrong))
    with transaction.atomic():
        row = _of(actor).select_for_update().filter(pk=rating).first()
        if row is None:
            raise RatingError("not_found", NOT_FOUND)
        if row.done:
            raise RatingError("done", DONE)
        row.result, row.answer, row.done, row.done_by = result, text, timezone.now(), actor.id
        row.save(update_fields=["result", "answer", "done", "done_by"])


# ---- reading


def rateable(token: str, *, actor: Actor | None = None) -> Rateable:
    """The case behind a token, as far as it is anybody's business; of staff's it is none. Raises RatingError."""
    if actor is not None and actor.kind == "staff":
        raise RatingError("staff", STAFF)
    case = _finished(_case_of(token))
    return Rateable(service=case.service, name=case.name, closed=case.since, rated=is_rated(case.id))


def is_rated(case: UUID) -> bool:
    """Whether this case has been rated."""
    return Rating.objects.filter(token=seal(case)).exists()


def unrated(closed: list[UUID]) -> set[UUID]:
    """Which of these cases nobody has rated."""
    seals = {seal(case): case for case in closed}
    rated = Rating.objects.filter(token__in=seals).values_list("token", flat=True)
    return set(closed) - {seals[seal] for seal in rated}


def answered(case: UUID) -> tuple[Text, str] | None:
    """What came of the person's own bad rating of this case, if they gave its number: result and the officer's words."""
    row = Rating.objects.filter(case=case).exclude(done=None).first()
    return (RESULTS[row.result], row.answer) if row else None


def call_backs(actor: Actor) -> list[RatingView]:
    """Bad ratings this officer's agency (or, for the office, any) must look into: open ones by day, then the last done.

    Those of one day in the order of their random ids: the order in which they came would tell which case each was of.
    """
    rows = _of(actor)
    open_ones = list(rows.filter(done=None).order_by("due", "on", "pk")[:200])
    return [_view(row) for row in [*open_ones, *rows.exclude(done=None).order_by("-done")[:20]]]


def overdue(actor: Actor) -> int:
    """How many of them nobody has looked into in time."""
    return _of(actor).filter(done=None, due__lt=days.today()).count()


def verdict(service: str | None = None, *, agency: str | None = None) -> Verdict:
    """The ratings of a service or of all, without those excluded after a check. Cases nobody rated don't count."""
    rows = Rating.objects.exclude(result="excluded")
    rows = rows.filter(service=service) if service else rows
    rows = rows.filter(agency=agency) if agency else rows
    counted = dict(rows.values_list("level").annotate(n=Count("pk")))
    levels = tuple((key, text, counted.get(key, 0)) for key, text in _levels())
    decision = decide(_service(), "good_share", {"tally": {key: n for key, _, n in levels}}, days.today(), here())
    share = decision.outcome.value
    return Verdict(
        levels=levels, rated=sum(counted.values()), share=None if decision.outcome.outcome != "value" else f"{share:f}"
    )


def tallies(since: date, until: date) -> list[Tally]:
    """Ratings given on days from `since` up to but not including `until`, without those excluded after a check."""
    rows = Rating.objects.exclude(result="excluded").filter(on__gte=since, on__lt=until).order_by()
    found = rows.values_list("service", "bad").annotate(n=Count("pk"))
    return [Tally(service=service, bad=bad, count=count) for service, bad, count in found]


# ---- inside

NOT_FOUND = Text("这个评价链接无效。", "This link for rating is not valid.")
TOO_EARLY = Text("办件还没有办结，办结后再评价。", "The case is not closed yet; please rate it afterwards.")
ALREADY = Text("这一件已经评价过了，一件事只评一次。", "This case has been rated already; each case is rated once.")
STAFF = Text("工作人员不能评价办件。", "Staff may not rate cases.")
DOCUMENTS = Text("有些内容需要修改，请看下面标出的地方。", "Some entries need mending; they are marked below.")
DONE = Text("这条评价已经处理过了。", "This rating has been dealt with already.")
NO_RESULT = Text("请选择处理结果。", "Choose what came of it.")
NO_ANSWER = Text("请写明核实和整改的情况。", "Write what was found and put right.")


def _finished(case: UUID) -> CaseView:
    try:
        found = cases.view(case, SYSTEM(here()))
    except CaseError:
        raise RatingError("not_found", NOT_FOUND) from None
    if found.filed_at != here():  # rated where it was filed: once, not once at each side
        raise RatingError("not_found", NOT_FOUND)
    if not found.final:
        raise RatingError("too_early", TOO_EARLY)
    return found


def _of(actor: Actor) -> QuerySet[Rating]:
    """The bad ratings this person may see: an officer those of their agency, the office all of this node's."""
    rows = Rating.objects.filter(bad=True)
    if "office" in actor.roles:
        return rows
    if "officer" in actor.roles:
        return rows.filter(agency=f"{here()}/{actor.agency}")
    return rows.none()


def _service() -> Service:
    return catalogue()[SERVICE]


def _levels() -> tuple[tuple[str, Text], ...]:
    """The five, from best to worst."""
    return next(f.choices for f in fields(_service().documents[DOCUMENT].cls) if f.name == "level")


def _value(rule: str, documents: Mapping[str, Any], day: date) -> Any:
    return decide(_service(), rule, documents, day, here()).outcome.value


def _view(row: Rating) -> RatingView:
    service = catalogue().get(row.service)
    return RatingView(
        id=row.pk,
        service=row.service,
        name=service.name if service else Text(row.service, row.service),
        level=dict(_levels())[row.level],
        comment=row.comment,
        case=row.case,
        reference=cases.reference_of(row.case) if row.case else "",
        on=row.on,
        due=row.due,
        provisional=row.provisional,
        overdue=row.done is None and row.due is not None and row.due < days.today(),
        result=RESULTS.get(row.result),
        answer=row.answer,
        done=row.done,
    )
