"""What surrounds every page: which province this is, who is signed in, where they can go, how large the text is."""

from dataclasses import dataclass
from typing import Any

from django.db.models import Value
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from chuanyu.cases import cashier, own
from chuanyu.core.service import NODES
from chuanyu.core.text import Text
from chuanyu.identity import delegations, locking
from chuanyu.identity.access import visitor
from chuanyu.identity.actor import Actor
from chuanyu.identity.here import here
from chuanyu.identity.queries import agency_name
from chuanyu.portal.words import NODES as NAMES

LARGE = "chuanyu_large"  # the cookie of the large-text switch (适老); shared by both nodes on purpose

# url name, words, icon, roles it is for (none = everybody). A resident's are few: they fit a phone, the rest is in 我的
PLACES: tuple[tuple[str, Any, str, set[str]], ...] = (
    ("portal:worklist", _("待办"), "window", {"clerk", "officer"}),
    ("portal:person", _("窗口受理"), "person", {"clerk"}),
    ("portal:cashier", _("收费窗口"), "money", {"clerk"}),
    ("portal:shift", _("今天办的"), "check", {"clerk"}),
    ("portal:office", _("总览"), "office", {"office"}),
    ("portal:overdue", _("逾期"), "late", {"officer", "office"}),
    ("portal:ratings", _("评价"), "ask", {"officer", "office"}),
    ("portal:clearing", _("清算"), "money", {"officer", "office"}),
    ("portal:letters", _("未送达的消息"), "mail", {"officer", "office"}),
    ("portal:scorecards", _("成效"), "check", {"officer", "office"}),
    ("portal:flows", _("往来"), "travel", {"officer", "office"}),
    ("portal:report", _("报告"), "printer", {"office"}),
    ("portal:services", _("办事"), "paper", set()),
    ("portal:my_cases", _("我的办件"), "wait", {"resident"}),
    ("portal:messages", _("消息"), "mail", {"resident"}),
    ("portal:me", _("我的"), "person", {"resident"}),
    ("portal:agency", _("单位"), "agency", {"clerk", "officer", "office"}),
    ("portal:plan", _("行动方案"), "agency", {"public", "clerk", "officer", "office"}),  # residents: in the footer
)
# access keys of places a clerk goes to all day; those of a page are in its template, all of them in counter/keys.html
KEYS = {"portal:worklist": "w", "portal:person": "p"}
MOST = 100  # news that are counted; nobody reads the difference


@dataclass(frozen=True)
class Entry:
    """One place in the navigation."""

    url: str
    words: Any
    icon: str
    current: bool
    key: str = ""
    count: int = 0  # what is new there


@dataclass(frozen=True)
class Shell:
    node: str
    large: bool
    actor: Actor | None
    nav: tuple[Entry, ...]
    back: str  # where the language and size switches return to
    locked: bool = False
    idle: int = (
        0  # seconds until a screen nobody touches locks (staff) or signs out (residents); 0: nobody is signed in
    )
    nodes: tuple[str, ...] = NODES

    @property
    def locks(self) -> bool:
        """Whether this screen locks; a resident's signs out."""
        return bool(self.idle and self.actor and self.actor.kind == "staff")

    @property
    def name(self) -> Text:
        """The province."""
        return NAMES[self.node]

    @property
    def who(self) -> Text | str:
        """Whom the header names: staff by their agency, residents by their masked name."""
        if self.actor is None:
            return ""
        return agency_name(f"{self.node}/{self.actor.agency}") if self.actor.agency else self.actor.name


def shell(request: HttpRequest) -> dict[str, Any]:
    """Context processor: `shell` for base.html."""
    # an address refused before the session was read has no user
    actor = visitor(request) if hasattr(request, "user") else None
    locked = locking.is_locked(request)
    return {
        "shell": Shell(
            node=here(),
            large=request.COOKIES.get(LARGE) == "1",
            actor=actor,
            nav=() if locked else tuple(navigation(request, actor)),
            back=request.get_full_path(),
            locked=locked,
            idle=locking.limit(request.user) if actor and not locked else 0,
        )
    }


def navigation(request: HttpRequest, actor: Actor | None) -> list[Entry]:
    """The places of this person's roles, the current one marked."""
    match = request.resolver_match
    current = match.view_name if match else ""
    roles = actor.roles if actor else frozenset({"public"})
    entries = []
    for name, words, icon, allowed in PLACES:
        if allowed and allowed.isdisjoint(roles):
            continue
        if name == "portal:cashier" and not (actor and cashier.serves(actor)):
            continue
        here_now = current == name or SECTIONS.get(current) == name
        key = KEYS.get(name, "") if allowed else ""
        count = _news(request, actor) if name == "portal:messages" and actor else 0
        entries.append(Entry(reverse(name), words, icon, here_now, key, count))
    return entries


def _news(request: HttpRequest, actor: Actor) -> int:
    """What a resident has not read: messages of their cases, and offers that wait for their answer.

    It is on every page they open: one question for both, by the person's index, and never more than MOST rows of each.
    """
    if actor.acts_for_another or actor.person is None:
        return 0
    messages = own.unread(actor, seen=getattr(request.user, "messages_seen", None))
    offers = delegations.waiting_for(actor.person)
    found = (rows.order_by().annotate(one=Value(1)).values("one")[:MOST] for rows in (messages, offers))
    return next(found).union(next(found), all=True).count()


# pages that lie inside another one's place
SECTIONS = {
    "portal:guide": "portal:services",
    "portal:life": "portal:services",
    "portal:eligible": "portal:services",
    "portal:apply": "portal:services",
    "portal:check": "portal:services",
    "portal:tracker": "portal:my_cases",
    "portal:sent": "portal:my_cases",
    "portal:my_act": "portal:my_cases",
    "portal:accesses": "portal:me",
    "portal:papers": "portal:me",
    "portal:money": "portal:me",
    "portal:purse": "portal:me",
    "portal:cashier_act": "portal:cashier",
    "portal:takings": "portal:cashier",
    "portal:consents": "portal:me",
    "portal:delegates": "portal:me",
    "portal:offer": "portal:me",
    "portal:workspace": "portal:worklist",
    "portal:act": "portal:worklist",
    "portal:late": "portal:overdue",
    "portal:scorecard": "portal:scorecards",
    "portal:windows": "portal:clearing",
    "portal:window": "portal:clearing",
    "portal:orders": "portal:clearing",
    "portal:order": "portal:clearing",
    "portal:prepayments": "portal:clearing",
    "portal:accounts": "portal:clearing",
    "portal:account": "portal:clearing",
    "portal:slip": "portal:worklist",
    "portal:documents": "portal:agency",
    "portal:document": "portal:agency",
    "portal:reference": "portal:agency",
    "portal:grants": "portal:agency",
    "portal:keys": "portal:agency",
    "portal:levels": "portal:agency",
    "portal:exchanged": "portal:agency",
    "portal:uploads": "portal:agency",
    "portal:upload_take": "portal:agency",
    "portal:upload": "portal:agency",
    "portal:held": "portal:agency",
    "portal:held_decide": "portal:agency",
    "portal:pages": "portal:agency",
    "portal:pages_settle": "portal:agency",
    "portal:person_apply": "portal:person",
    "portal:person_check": "portal:person",
}
