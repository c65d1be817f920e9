"""What others may read of identity. People are read through the vault alone."""

from collections.abc import Iterable
from datetime import datetime
from functools import cache
from pathlib import Path

import msgspec
from django.db.models import Count

from chuanyu.core import sheet
from chuanyu.core.service import NODES
from chuanyu.core.text import Text
from chuanyu.identity.actor import Actor
from chuanyu.identity.here import here
from chuanyu.identity.models import Agency, Reveal, User

AGENCIES_FILE = Path(__file__).with_name("agencies.yaml")


class AgencyView(msgspec.Struct, frozen=True):
    """An agency as others see it. Together `node` and `code` name it: "sichuan/hrss"."""

    node: str
    code: str
    name: Text
    uscc: str = ""

    @property
    def key(self) -> str:
        """The name used in envelopes, grants and logs: "sichuan/hrss"."""
        return f"{self.node}/{self.code}"


def agency(node: str, code: str) -> AgencyView:
    """One agency of either node. Raises LookupError for one that is not on record."""
    try:
        return _view(Agency.objects.get(node=node, code=code))
    except Agency.DoesNotExist:
        raise LookupError(f"no agency {node}/{code} on record") from None


def agencies(node: str | None = None) -> dict[str, AgencyView]:
    """All agencies on record, or those of one node, by key ("sichuan/hrss")."""
    rows = Agency.objects.all() if node is None else Agency.objects.filter(node=node)
    return {view.key: view for view in map(_view, rows)}


@cache
def declared_agencies() -> tuple[AgencyView, ...]:
    """What agencies.yaml declares: the lead units the plan names, at both nodes."""
    data = sheet.facts(AGENCIES_FILE)
    return tuple(
        AgencyView(node, code, Text(zh=row["zh"], en=row["en"]), row.get("uscc", ""))
        for node in NODES
        for code, row in data[node].items()
    )


def _view(row: Agency) -> AgencyView:
    return AgencyView(row.node, row.code, Text(zh=row.name_zh, en=row.name_en), row.uscc)


@cache
def _names() -> dict[str, Text]:
    return {view.key: view.name for view in declared_agencies()}


def agency_name(key: str) -> Text:
    """An agency's name by its key; the key itself for one this node does not know."""
    return _names().get(key) or Text(zh=key, en=key)


def is_agency(key: str) -> bool:
    """Whether agencies.yaml declares an agency with this key ("sichuan/hrss")."""
    return key in _names()


def looks(actor: Actor, since: datetime, until: datetime) -> list[tuple[str, int]]:
    """Whose records this actor opened between two moments: (purpose, how many people), by purpose. Nobody is named."""
    rows = Reveal.objects.filter(actor=actor.id, at__gte=since, at__lt=until).values_list("purpose")
    return list(rows.annotate(people=Count("person", distinct=True)).order_by("purpose"))


def staff_names(ids: Iterable[str]) -> dict[str, str]:
    """What staff of this node are called, by who they are in a record ("sichuan/officer-hrss"); others are left out."""
    users = {id_.partition("/")[2]: id_ for id_ in ids if id_.startswith(f"{here()}/")}
    found = User.objects.filter(username__in=users, kind=User.Kind.STAFF).values_list("username", "display")
    return {users[username]: display or username for username, display in found}
