"""Looking somebody up by number, as staff do: written down whether found or not, and not one number after the other.

The vault's own `find` serves the node; what a person types at a counter, or an agency's system sends, comes through here.
"""

from datetime import timedelta
from uuid import UUID

from django.db.models import Count, Q
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from chuanyu.core.numbers import person_number
from chuanyu.core.text import Text
from chuanyu.identity import vault
from chuanyu.identity.actor import Actor
from chuanyu.identity.models import Search

WINDOW = timedelta(minutes=10)
MOST = 40  # searches of one member of staff in the window: more than a counter can serve
MISSES = 10  # of them for nobody known: a slip of the hand happens, a list of numbers does not

TOO_OFTEN = Text(
    "查找得太频繁，请 10 分钟后再试。每一次查找都有记录；确实忙不过来，请和经办负责人说。",
    "Too many searches; try again in 10 minutes. Every search is written down; if the queue is that long, tell your officer.",
)


class TooOften(Exception):
    """This member of staff has searched too often; nothing was looked up."""


@sensitive_variables()
def seek(number: str, *, actor: Actor, purpose: str) -> UUID | None:
    """The person with this number, if this node knows one. Raises `NumberError` (no search) and `TooOften`."""
    person_number(number)
    _check(actor)
    found = vault.find(number)
    Search.objects.create(actor=actor.id, purpose=purpose, person_id=found)
    return found


@sensitive_variables()
def register(number: str, *, name: str, household: str | None, actor: Actor, purpose: str) -> UUID:
    """`vault.enrol` from the papers on the desk: a search that found whom it made. Raises as `seek` and `vault.enrol` do."""
    person_number(number)
    _check(actor)
    made = vault.enrol(number, name, household)
    Search.objects.create(actor=actor.id, purpose=purpose, person_id=made)
    return made


def _check(actor: Actor) -> None:
    recent = Search.objects.filter(actor=actor.id, at__gt=timezone.now() - WINDOW)
    done = recent.aggregate(all=Count("pk"), missed=Count("pk", filter=Q(person=None)))
    if done["all"] >= MOST or done["missed"] >= MISSES:
        raise TooOften
