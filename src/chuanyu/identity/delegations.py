"""Who may act for whom: offered by number and name, accepted by the one named, ended by either at any time.

An offer tells nobody who is known here: whether a number belongs to somebody, and to somebody of that name, the one who
offers never learns unless it is accepted. What is done under a delegation carries its id (`Actor.id`).
"""

from collections.abc import Iterable
from datetime import date, datetime
from uuid import UUID

import msgspec
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from chuanyu.core import days
from chuanyu.core.documents import Choice, FieldError
from chuanyu.core.numbers import NumberError, person_number
from chuanyu.core.text import Text
from chuanyu.identity import vault
from chuanyu.identity.actor import Actor
from chuanyu.identity.models import Delegation, Person

LONGEST = 36  # months a delegation can last; then it is offered again
WAITING = 20  # offers somebody can have open at once: nobody tries names on numbers here
PURPOSE = "identity.delegation"


class Relation(Choice):
    """What the delegate is to the principal."""

    spouse = "spouse", "配偶", "Spouse"
    parent = "parent", "父母", "Parent"
    child = "child", "子女", "Child"
    relative = "relative", "其他亲属", "Other relative"
    agent = "agent", "受托人", "Agent"


class DelegationError(Exception):
    """It was not done: one FieldError per wrong field; a path of "" concerns the whole."""

    def __init__(self, *errors: FieldError) -> None:
        super().__init__("; ".join(error.message.en for error in errors))
        self.errors = errors


class DelegationView(msgspec.Struct, frozen=True, kw_only=True):
    """A delegation as one of its two people sees it. `name`: the other one's, masked where they have agreed to nothing.

    status: waiting | in_force | declined | ended | expired. `services`: keys; None is every service.
    """

    id: UUID
    status: str
    name: str
    relation: Text
    services: tuple[str, ...] | None
    until: date
    offered: datetime
    accepted: datetime | None
    ended: datetime | None


class Mandate(msgspec.Struct, frozen=True, kw_only=True):
    """A delegation in force, as the one who acts under it needs it. `name`: the principal's, masked."""

    id: UUID
    principal: UUID
    name: str
    services: frozenset[str] | None
    until: date


# ---- writing


@sensitive_variables("number", "name")
def offer(
    who: Actor, *, number: str, name: str, relation: str, services: Iterable[str] | None, until: date
) -> DelegationView:
    """`who` asks the person with this number and name to act for them. Raises DelegationError with the wrong fields."""
    person = _oneself(who)
    wrong = []
    try:
        number = person_number(number).number
    except NumberError as error:
        wrong.append(FieldError("number", error.text))
    if not days.today() < until <= days.add_months(days.today(), LONGEST):
        wrong.append(FieldError("until", UNTIL))
    chosen = None if services is None else sorted(set(services))
    if chosen == []:
        wrong.append(FieldError("services", NO_SERVICE))
    if wrong:
        raise DelegationError(*wrong)
    found = vault.find(number)
    if found == person:
        raise DelegationError(FieldError("number", ONESELF))
    with transaction.atomic():
        Person.objects.select_for_update().get(pk=person)  # one at a time per principal, so that the limit holds
        if _open(Delegation.objects.filter(principal=person, accepted=None)).count() >= WAITING:
            raise DelegationError(FieldError("", TOO_MANY))
        row = Delegation.objects.create(
            principal_id=person,
            delegate_id=found if found and _is_called(found, name, who) else None,
            named=vault.masked(_plain(name)),
            principal_name=vault.masked(vault.reveal(person, purpose=PURPOSE, by=who.id).name),
            relation=Relation[relation].value,
            services=chosen,
            until=until,
        )
    return _view(row, row.named)


def accept(who: Actor, delegation: UUID) -> None:
    """The one named agrees."""
    with transaction.atomic():
        row = _received(who, delegation)
        if row.accepted is None:
            row.accepted = timezone.now()
            row.save(update_fields=["accepted"])


def end(who: Actor, delegation: UUID) -> None:
    """Either of the two ends it: the principal takes it back, the delegate declines it or gives it up. At once."""
    person = _oneself(who)
    with transaction.atomic():
        row = _open(Delegation.objects.select_for_update().filter(pk=delegation)).first()
        if row is None or person not in (row.principal_id, row.delegate_id):
            raise DelegationError(FieldError("", GONE))
        row.ended = timezone.now()
        row.ended_by = "principal" if person == row.principal_id else "delegate"
        row.save(update_fields=["ended", "ended_by"])


# ---- reading


def given(person: UUID) -> list[DelegationView]:
    """What this person has offered, the latest first."""
    return [_view(row, row.named) for row in Delegation.objects.filter(principal=person).order_by("-offered")]


def received(person: UUID, *, by: str) -> list[DelegationView]:
    """What others have offered this person and is open, the latest first, with the full name of who offers: they gave it."""
    rows = _open(Delegation.objects.filter(delegate=person)).order_by("-offered")
    return [_view(row, vault.reveal(row.principal_id, purpose=PURPOSE, by=by, trace=str(row.pk)).name) for row in rows]


def waiting_for(person: UUID) -> QuerySet[Delegation]:
    """The offers that wait for this person's answer, to be counted."""
    return _open(Delegation.objects.filter(delegate=person, accepted=None))


def waiting(person: UUID) -> int:
    """How many offers wait for this person's answer."""
    return waiting_for(person).count()


def in_force(delegation: UUID, *, delegate: UUID) -> Mandate | None:
    """The delegation, if `delegate` may act under it today; asked at every request, so that its end counts at once."""
    row = _open(Delegation.objects.filter(pk=delegation, delegate=delegate).exclude(accepted=None)).first()
    if row is None:
        return None
    return Mandate(
        id=row.pk,
        principal=row.principal_id,
        name=row.principal_name,
        services=None if row.services is None else frozenset(row.services),
        until=row.until,
    )


# ---- inside

UNTIL = Text(
    f"截止日期应在明天之后、{LONGEST} 个月之内。", f"The last day must be after today and within {LONGEST} months."
)
NO_SERVICE = Text("请至少选一个事项，或选“全部事项”。", "Choose at least one service, or all of them.")
ONESELF = Text("这是您自己的身份证号，不用委托自己。", "This is your own number; you need no delegate for that.")
TOO_MANY = Text("等对方答复的委托太多，请先收回一些。", "Too many offers wait for an answer; take some back first.")
GONE = Text("这份委托已经结束，或者不存在。", "This delegation has ended, or there is none.")


def _oneself(who: Actor) -> UUID:
    """Nobody passes on what was delegated to them."""
    if who.person is None or who.acts_for_another:
        raise DelegationError(FieldError("", GONE))
    return who.person


def _received(who: Actor, delegation: UUID) -> Delegation:
    person = _oneself(who)
    row: Delegation | None = _open(
        Delegation.objects.select_for_update().filter(pk=delegation, delegate=person)
    ).first()
    if row is None:
        raise DelegationError(FieldError("", GONE))
    return row


def _open(rows: QuerySet[Delegation]) -> QuerySet[Delegation]:
    return rows.filter(Q(ended=None), until__gte=days.today())


def _is_called(person: UUID, name: str, who: Actor) -> bool:
    known = vault.reveal(person, purpose=PURPOSE, by=who.id).name
    return bool(known) and _plain(known) == _plain(name)


def _plain(name: str) -> str:
    """A name without the spaces and dots people write differently."""
    return "".join(c for c in name if not c.isspace() and c not in "·•．.").casefold()


def _view(row: Delegation, name: str) -> DelegationView:
    if row.ended:
        status = "declined" if row.accepted is None and row.ended_by == "delegate" else "ended"
    elif row.until < days.today():
        status = "expired"
    else:
        status = "in_force" if row.accepted else "waiting"
    return DelegationView(
        id=row.pk,
        status=status,
        name=name,
        relation=Relation[row.relation].text,
        services=None if row.services is None else tuple(row.services),
        until=row.until,
        offered=row.offered,
        accepted=row.accepted,
        ended=row.ended,
    )
