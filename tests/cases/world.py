"""Two nodes in one process with a compact in force, a link a test can cut, and a worker who moves their pension."""

from collections.abc import Callable
from datetime import date
from typing import Any
from uuid import UUID

from chuanyu.cases import actions, queries
from chuanyu.cases.models import Case
from chuanyu.cases.views import Acted, CaseView
from chuanyu.clearing import posting
from chuanyu.clearing.actions import fund
from chuanyu.core.ids import uuid7
from chuanyu.core.money import Money
from chuanyu.core.numbers import make_person_number
from chuanyu.core.service import NODES
from chuanyu.exchange import actions as exchange
from chuanyu.exchange import inbox, installed
from chuanyu.exchange.models import Inbox, Outbox
from chuanyu.identity import actions as identity
from chuanyu.identity import vault
from chuanyu.identity.actor import Actor

PENSION = "pension_transfer"
RECORD = {
    "personal_balance": "16900.37",
    "years": [
        {"year": 2021, "months": 10, "wages": "40000.00"},
        {"year": 2022, "months": 12, "wages": "54000.00"},
        {"year": 2023, "months": 12, "wages": "60000.00"},
        {"year": 2024, "months": 8, "wages": "44000.00"},
    ],
}


class World:
    """Both nodes. `link` False: what is sent stays in the outbox. `settle` lets everything happen that can."""

    def __init__(self, nodes: Any) -> None:
        self.nodes = nodes
        self.link = True
        self.household: str | None = "511623"
        self.number = make_person_number(division="510000", birth=date(1988, 3, 12), sequence=7, sex="female")
        for node in NODES:
            with nodes.at(node):
                identity.load_agencies()
                installed.adopt()
                fund(agency="hrss", service=PENSION, amount=Money.parse("1000000.00"))

    def at(self, node: str) -> Any:
        return self.nodes.at(node)

    def clerk(self, node: str) -> Actor:
        return Actor(kind="staff", user="clerk-hrss", node=node, agency="hrss", roles=frozenset({"clerk"}))

    def person(self, node: str) -> UUID:
        with self.at(node):
            return vault.enrol(self.number, household=self.household if node == "sichuan" else None)

    def resident(self, node: str) -> Actor:
        return Actor(kind="resident", user="r", node=node, person=self.person(node), roles=frozenset({"resident"}))

    def register(self, node: str, body: dict[str, Any] = RECORD, document: str = "account_record") -> None:
        with self.at(node):
            exchange.put(
                agency="hrss",
                document=f"{PENSION}.{document}",
                person=self.person(node),
                body=body,
                valid_from=date(2020, 1, 1),
                source="test",
            )

    def start(self, node: str = "sichuan", **application: Any) -> Acted:
        with self.at(node):
            return actions.start(
                service=PENSION,
                actor=self.resident(node),
                person=self.person(node),
                documents={"application": application},
                request_id=uuid7(),
            )

    def act(self, node: str, case: UUID, act: str, *, by: Actor | None = None, **more: Any) -> Acted:
        with self.at(node):
            expects = more.pop("expects", None) or Case.objects.get(pk=case).sequence
            return actions.act(case=case, act=act, actor=by or self.clerk(node), expects=expects, **more)

    def view(self, node: str, case: UUID) -> CaseView:
        with self.at(node):
            return queries.view(case, self.clerk(node))

    def state(self, node: str, case: UUID) -> str | None:
        with self.at(node):
            return Case.objects.filter(pk=case).values_list("state", flat=True).first()

    def deliver(
        self, sender: str, receiver: str, *, copies: int = 1, order: Callable[[list[Any]], list[Any]] = list
    ) -> int:
        """What the courier and the gateway do: each row of the outbox becomes a row of the other inbox, at least once."""
        with self.at(sender):
            rows = order(list(Outbox.objects.filter(state=Outbox.WAITING).order_by("stream", "position")))
        with self.at(receiver):
            for row in rows * copies:
                Inbox.objects.get_or_create(id=row.id, defaults={"stream": row.stream, "envelope": bytes(row.envelope)})
        with self.at(sender):
            Outbox.objects.filter(pk__in=[row.pk for row in rows]).update(state=Outbox.SENT)
        return len(rows)

    def work(self, node: str) -> int:
        with self.at(node):
            Inbox.objects.filter(state=Inbox.PARKED).update(next_try="2020-01-01T00:00Z")
            return posting.work() + inbox.work()

    def settle(self) -> None:
        """Until nothing moves any more."""
        for _ in range(30):
            moved = sum(self.work(node) for node in NODES)
            if self.link:
                moved += self.deliver("sichuan", "chongqing") + self.deliver("chongqing", "sichuan")
            if not moved:
                return
        raise AssertionError("it never comes to rest")

    def same(self, case: UUID) -> None:
        """Both nodes hold the same events and stand at the same place."""
        seen = []
        for node in NODES:
            with self.at(node):
                found = Case.objects.get(pk=case)
                events = list(found.events.order_by("sequence").values_list("hash", flat=True))
                seen.append((found.state, found.final, found.owner, found.sequence, found.head, events))
        assert seen[0] == seen[1]
