"""Random work at both nodes over a link that drops, doubles and reorders: in the end both sides agree, to the fen.

The seed is in the test's name; CHUANYU_SEEDS=1,2,3 runs others.
"""

import os
import random
from typing import Any
from uuid import UUID

import pytest
from world import RECORD, World

from chuanyu.cases.errors import CaseError
from chuanyu.cases.models import Case, Event, Request
from chuanyu.clearing import queries as clearing
from chuanyu.clearing.models import Instruction
from chuanyu.core.numbers import make_person_number
from chuanyu.core.service import NODES
from chuanyu.exchange.models import Inbox, Outbox

SEEDS = [int(seed) for seed in os.environ.get("CHUANYU_SEEDS", "1,2,3,4,5,6").split(",")]
ACTS = ("accept", "release", "confirm", "withdraw", "resubmit", "recheck", "supply")


class Chaos:
    """A few people, two clerks, and a link nobody should trust."""

    def __init__(self, world: World, seed: int) -> None:
        self.world = world
        self.random = random.Random(seed)
        self.numbers = [
            make_person_number(division="510000", birth=birth, sequence=i, sex="female" if i % 2 else "male")
            for i, birth in enumerate(self._births())
        ]
        for i, number in enumerate(self.numbers):
            world.number = number
            record = RECORD | {"drawing": i == 0} | ({"personal_balance": "999999.00"} if i == 1 else {})
            for node in NODES:
                world.register(node, record)
        self.cases: dict[UUID, str] = {}

    def _births(self) -> list[Any]:
        from datetime import date

        return [date(1960 + self.random.randrange(40), 5, 1 + i) for i in range(5)]

    def step(self) -> None:
        self.random.choices(
            [self.start, self.act, self.deliver, self.work, self.request],
            weights=[2, 6, 4, 5, 2],
        )[0]()

    def start(self) -> None:
        self.world.number = self.random.choice(self.numbers)
        try:
            case = self.world.start(self.random.choice(NODES)).case
        except CaseError as error:
            assert error.code == "duplicate"
        else:
            self.cases[case] = self.world.number

    def act(self) -> None:
        self._act(lambda node: self.world.clerk(node))

    def request(self) -> None:
        self._act(lambda node: self.world.resident(node))

    def _act(self, by: Any) -> None:
        if not self.cases:
            return
        case, self.world.number = self.random.choice(list(self.cases.items()))
        node = self.random.choice(NODES)
        if self.world.state(node, case) is None:
            return
        try:
            self.world.act(node, case, self.random.choice(ACTS), by=by(node), note="说明")
        except CaseError as error:
            assert error.code in ("no_such_step", "closed", "not_yours", "documents", "already_asked", "moved_on"), (
                error
            )

    def deliver(self) -> None:
        sender, receiver = self.random.sample(NODES, 2)

        def some(rows: list[Any]) -> list[Any]:
            kept = [row for row in rows if self.random.random() < 0.7]
            self.random.shuffle(kept)
            return kept

        self.world.deliver(sender, receiver, copies=self.random.choice((1, 1, 2)), order=some)

    def work(self) -> None:
        self.world.work(self.random.choice(NODES))


@pytest.mark.parametrize("seed", SEEDS)
def test_both_sides_agree_in_the_end(world: World, seed: int) -> None:
    chaos = Chaos(world, seed)
    for _ in range(90):
        chaos.step()
    world.settle()
    for case in chaos.cases:
        if world.state("chongqing", case) and world.state("sichuan", case):
            world.same(case)
    posted: dict[str, dict[UUID, int]] = {}
    for node in NODES:
        with world.at(node):
            assert not Inbox.objects.exclude(state=Inbox.APPLIED).exists()
            assert not Outbox.objects.exclude(state=Outbox.SENT).exists()
            assert not Case.objects.filter(posting=True).exists()
            assert not Request.objects.filter(status="waiting").exists()
            assert not Instruction.objects.filter(status="waiting").exists()
            accounts = clearing.accounts()
            assert sum(a.balance for a in accounts) == 0
            assert all(a.balance >= 0 for a in accounts if a.name == "fund")
            posted[node] = dict(Instruction.objects.filter(status="posted").values_list("id", "amount"))
            events = list(Event.objects.values_list("case", "sequence"))
            assert len(events) == len(set(events))
    assert posted["chongqing"] == posted["sichuan"]  # each transfer at both nodes, once, with the same amount
