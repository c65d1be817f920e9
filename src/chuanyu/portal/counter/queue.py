"""The queue a clerk works through: what they chose of what waits, kept so that the next case comes out of the same choice."""

import re
from collections import Counter
from dataclasses import dataclass, replace
from urllib.parse import urlencode
from uuid import UUID

from django.http import HttpRequest, QueryDict
from django.urls import reverse

from chuanyu.cases import holding
from chuanyu.cases.views import Waiting
from chuanyu.core.catalogue import catalogue
from chuanyu.core.text import Text
from chuanyu.identity.actor import Actor

WORD = re.compile(r"[\w-]{1,64}")
_KEPT = "queue"  # in the session
TURNS = ("", "theirs", "all")  # what the agency can take a step in; what waits for the applicant; both


@dataclass(frozen=True)
class Queue:
    """A choice of what waits. Empty fields choose nothing away."""

    service: str = ""
    state: str = ""
    turn: str = ""
    late: bool = False

    @property
    def query(self) -> dict[str, str]:
        """The choice as an address carries it."""
        said = {"service": self.service, "state": self.state, "turn": self.turn, "overdue": "1" if self.late else ""}
        return {key: value for key, value in said.items() if value}

    @property
    def url(self) -> str:
        """The worklist with this choice."""
        return reverse("portal:worklist") + (f"?{urlencode(self.query)}" if self.query else "")

    def of(self, standing: list[Waiting]) -> list[Waiting]:
        """What of all that waits is in this queue."""
        return [
            row
            for row in standing
            if self.service in ("", row.service)
            and self.state in ("", row.state)
            and (self.turn == "all" or bool(self.state) or self.late or row.ours == (self.turn == ""))
        ]


@dataclass(frozen=True)
class Tab:
    """A way to another choice. `key` makes its id on the page."""

    key: str
    words: Text
    queue: Queue
    count: int
    current: bool


def chosen(given: QueryDict) -> Queue:
    """The choice an address makes; what can be no key is no choice."""
    turn = given.get("turn", "")
    return Queue(
        service=word(given.get("service", "")),
        state=word(given.get("state", "")),
        turn=turn if turn in TURNS else "",
        late=given.get("overdue") == "1",
    )


def keep(request: HttpRequest, queue: Queue) -> None:
    """This is what the clerk works through now."""
    if request.session.get(_KEPT, {}) != queue.query:
        request.session[_KEPT] = queue.query


def kept(request: HttpRequest) -> Queue:
    """What the clerk last chose; everything at first."""
    given = QueryDict(mutable=True)
    given.update(request.session.get(_KEPT, {}))
    return chosen(given)


def first_free(who: Actor, cases: list[UUID]) -> UUID | None:
    """The first of these that no colleague has open; the very first when they have them all."""
    held = holding.holders(cases, who)
    return next((case for case in cases if case not in held), cases[0] if cases else None)


def word(text: str) -> str:
    """A key as it may occur; "" for anything else."""
    return text if WORD.fullmatch(text) else ""


def tabs(queue: Queue, standing: list[Waiting]) -> list[Tab]:
    """Whose turn it is, what is late, and the states where they are those of one service."""
    here = [row for row in standing if queue.service in ("", row.service)]
    ours, total = sum(row.count for row in here if row.ours), sum(row.count for row in here)
    late = sum(row.late for row in here)
    base = Queue(service=queue.service)
    plain = not queue.state and not queue.late
    turn = queue.turn if plain else "none"
    theirs = Text("等申请人", "Waiting for the applicant")
    found = [
        Tab("mine", Text("待我们办", "For us to do"), base, ours, turn == ""),
        Tab("late", Text("已逾期", "Overdue"), replace(base, late=True), late, queue.late),
        Tab("theirs", theirs, replace(base, turn="theirs"), total - ours, turn == "theirs"),
        Tab("all", Text("全部", "All"), replace(base, turn="all"), total, turn == "all"),
    ]
    if len({row.service for row in here}) > 1:
        return found
    states: dict[str, Tab] = {}
    for row in here:
        count = row.count + (states[row.state].count if row.state in states else 0)
        states[row.state] = Tab(
            f"state-{row.state}", row.title, replace(base, state=row.state), count, queue.state == row.state
        )
    return [*found, *states.values()]


def services(standing: list[Waiting]) -> list[tuple[str, Text, int]]:
    """The services something waits of: key, name, how much."""
    totals = Counter[str]()
    for row in standing:
        totals[row.service] += row.count
    known = catalogue()
    return [(key, known[key].name if key in known else Text(key, key), n) for key, n in totals.items()]
