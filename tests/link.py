"""A link between the two test nodes without a network: what the courier and the gateway do, in one process.

Nothing is signed here; authorisation, subjects, the log, the inbox and its order are the real ones.
"""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import asyncpg
import msgspec
import pytest
from django.db import connection

from chuanyu.core.ids import uuid7
from chuanyu.core.service import NODES
from chuanyu.exchange import actions, answers, handlers, inbox, installed
from chuanyu.exchange import envelope as envelopes
from chuanyu.exchange import log as logs
from chuanyu.exchange.authorise import authorise
from chuanyu.exchange.envelope import Envelope
from chuanyu.exchange.errors import Refusal, Unreachable, no_answer
from chuanyu.exchange.models import Inbox, Outbox
from chuanyu.identity import vault
from chuanyu.identity.here import here, other

_NEXT = """
SELECT id FROM exchange_outbox AS row
 WHERE state = 'waiting' AND next_try <= now()
   AND NOT EXISTS (SELECT FROM exchange_outbox AS before
                    WHERE before.stream = row.stream AND before.position < row.position
                      AND before.state NOT IN ('sent', 'dropped'))
 ORDER BY created, position LIMIT 1
"""
APPEND = """
SELECT exchange_append((SELECT coalesce(max(idx) + 1, 0) FROM exchange_log), %s::timestamptz[], %s::text[], %s::uuid[],
  %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[],
  %s::text[], %s::text[], %s::smallint[], %s::text[], %s::bytea[], '{}', '{}', '{}', '{}', '{}', '{}', '{}')
"""


class Link:
    """`up` = False: nothing crosses. `lose`: the receipt of the next message is lost, so it is sent again."""

    def __init__(self, nodes: Any) -> None:
        self.nodes = nodes
        self.up = True
        self.lose = 0

    def at(self, node: str) -> Any:
        """Act as that node."""
        return self.nodes.at(node)

    def deliver(self) -> int:
        """Carry over whatever may leave now, at both nodes, in the courier's order. Returns how many were sent."""
        return sum(self._deliver(node) for node in NODES) if self.up else 0

    def settle(self, rounds: int = 30) -> None:
        """Deliver and work until nothing moves."""
        for _ in range(rounds):
            moved = self.deliver()
            for node in NODES:
                with self.at(node):
                    moved += inbox.work()
            if not moved:
                return
        raise AssertionError("the two nodes do not come to rest")

    def _deliver(self, node: str) -> int:
        count = 0
        with self.at(node):
            while (row := self._next()) is not None:
                message = envelopes.decode(bytes(row.envelope))
                status, answer = self.arrive(bytes(row.envelope))
                log(logs.SENT, message)
                log(logs.ANSWER_RECEIVED, message, status=status, code=answer.get("refused", ""))
                if self.lose:
                    self.lose -= 1
                    continue
                change: dict[str, Any] = {"state": Outbox.SENT, "receipt": answer, "sent": datetime.now(UTC)}
                if status != 200:
                    change = {"state": Outbox.DEAD, "last_error": answer}
                Outbox.objects.filter(pk=row.pk).update(answered=True, **change)
                count += 1
        return count

    def _next(self) -> Outbox | None:
        with connection.cursor() as cursor:
            cursor.execute(_NEXT)
            found = cursor.fetchone()
        return Outbox.objects.get(pk=found[0]) if found else None

    def arrive(self, body: bytes) -> tuple[int, dict[str, Any]]:
        """What the addressed node's gateway does with a message; here it is called by the sender's side."""
        message = envelopes.decode(body)
        with self.at(message.to_node):
            refused = authorise(installed.current(), message)
            if isinstance(refused, Refusal):
                answer = refused.body(node=here(), trace=uuid7().hex)
                log(logs.RECEIVED, message)
                log(logs.ANSWER_SENT, message, status=refused.status, code=refused.code)
                return refused.status, answer
            log(logs.RECEIVED, message)
            log(logs.ANSWER_SENT, message, status=200)
            Inbox.objects.bulk_create(
                [Inbox(id=UUID(message.id), stream=message.stream, envelope=body)], ignore_conflicts=True
            )
        return 200, {"receipt": message.id}

    def door(self, body: bytes) -> tuple[int, bytes]:
        """What the loopback door does with a question: the peer's registered query answers it."""
        if not self.up:
            raise Unreachable("cut")
        question = msgspec.json.decode(body, type=answers.Question)
        message = Envelope(id=str(uuid7()), sent=datetime.now(UTC), **msgspec.structs.asdict(question))
        log(logs.SENT, message)
        with self.at(other(here())):
            log(logs.RECEIVED, message)
            status, answer = self._answer(message)
            log(logs.ANSWER_SENT, message, status=status)
        log(logs.ANSWER_RECEIVED, message, status=status)
        return status, answer

    def _answer(self, message: Envelope) -> tuple[int, bytes]:
        refused = authorise(installed.current(), message)
        if isinstance(refused, Refusal):
            return refused.status, answers.refused(refused, node=here(), trace="t")
        number = installed.sealer().open(message.subject, message.purpose) if message.subject else None
        person = vault.find(number) if number else None

        async def answered() -> dict[str, Any]:
            wire = await asyncpg.connect(self.nodes.places[here()].database_url)
            try:
                asked = handlers.Asked(connection=wire, envelope=message, person=person, number=number)
                return await handlers.queries[message.action](asked)
            finally:
                await wire.close()

        try:
            return 200, answers.document(message.id, asyncio.run(answered()))
        except handlers.Refused:
            return 404, answers.refused(no_answer(), node=here(), trace="t")


def log(direction: str, message: Envelope, *, status: int = 0, code: str = "") -> None:
    """One row in the log of the node that acts, by the one function that may write it."""
    row = logs.entry(direction, at=datetime.now(UTC), peer=other(here()), envelope=message, status=status, code=code)
    encode = msgspec.json.encode
    values = SimpleNamespace(**msgspec.structs.asdict(row))
    columns = [
        values.at, values.direction, values.message, values.peer, values.from_agency, values.to_agency, values.service,
        values.action, values.purpose, encode(values.basis).decode(), encode(values.fields).decode(), values.subject,
        values.digest, values.signature, values.key_id, values.status, values.code, row.leaf,
    ]  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(APPEND, [[value] for value in columns])


@pytest.fixture
def link(two_nodes: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Link]:
    """Both nodes with keys, a compact of the real services in force, and a link between them."""
    installed.establish(two_nodes.places.values())
    for node in NODES:
        with two_nodes.at(node):
            installed.adopt()
    made = Link(two_nodes)
    monkeypatch.setattr(actions, "at_the_door", made.door)
    yield made
