"""What the counter reads and does of cases: who has one open, standing in for the applicant, how terms are kept."""

import pickle
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import uuid4

import msgspec
import pytest
from django.core.cache import cache
from world import PENSION, World

from chuanyu.cases import holding, queries, queue
from chuanyu.cases.errors import CaseError
from chuanyu.cases.models import Case, Event
from chuanyu.core import days
from chuanyu.identity.actor import Actor

pytestmark = pytest.mark.django_db(transaction=True)


def named(user: str) -> Actor:
    return Actor(kind="staff", user=user, node="chongqing", agency="hrss", roles=frozenset({"clerk"}), name=user)


class TestHolding:
    @pytest.fixture(autouse=True)
    def empty(self) -> None:
        cache.clear()

    def test_the_first_has_it_until_they_let_go(self) -> None:
        case, a, b = uuid4(), named("a"), named("b")
        assert holding.hold(case, a) is None and holding.hold(case, a) is None
        other = holding.hold(case, b)
        assert other is not None and other.name == "a"
        assert holding.holders([case, uuid4()], b) == {case: other} and holding.holders([case], a) == {}
        holding.release(case, b)  # not theirs to let go
        assert holding.hold(case, b) is not None
        holding.release(case, a)
        assert holding.hold(case, b) is None
        assert holding.holders([], a) == {}


@pytest.mark.parametrize(
    ("typed", "reference"),
    [
        ("CY-7K3M-92QD-0001", "CY-7K3M-92QD-0001"),
        ("cy7k3m92qd0001", "CY-7K3M-92QD-0001"),
        ("7k3m 92qd oOil", "CY-7K3M-92QD-0011"),
        ("CY-7K3", "CY-7K3"),
        ("%_'中", "CY"),
        ("", "CY"),
    ],
)
def test_a_reference_is_read_as_people_write_it(typed: str, reference: str) -> None:
    assert queue.reference(typed) == reference


class TestStandingIn:
    def actor(self, world: World, node: str, **changes: Any) -> Actor:
        return msgspec.structs.replace(world.clerk(node), present=world.person(node), **changes)

    def test_a_clerk_withdraws_for_the_person_before_them(self, world: World) -> None:
        case = world.start().case
        world.act("sichuan", case, "withdraw", by=self.actor(world, "sichuan"))
        assert world.state("sichuan", case) == "withdrawn"
        with world.at("sichuan"):
            step = queries.view(case, world.clerk("sichuan")).steps[-1]
        assert (step.by, step.title.zh) == ("counter", "撤回")

    def test_what_the_other_side_holds_is_decided_there(self, world: World) -> None:
        world.register("chongqing")
        case = world.start().case
        world.act("sichuan", case, "accept")
        world.settle()
        asked = world.act("sichuan", case, "withdraw", by=self.actor(world, "sichuan"))
        assert asked.request is not None
        world.settle()
        assert world.state("chongqing", case) == world.state("sichuan", case) == "withdrawn"
        world.same(case)

    @pytest.mark.parametrize("who", ["nobody there", "somebody else", "officer", "another agency"])
    def test_nobody_else_is_stood_in_for(self, world: World, who: str) -> None:
        case = world.start().case
        changes = {
            "nobody there": {"present": None},
            "somebody else": {"present": uuid4()},
            "officer": {"roles": frozenset({"officer"})},
            "another agency": {"agency": "edu"},
        }[who]
        actor = msgspec.structs.replace(self.actor(world, "sichuan"), **changes)
        with pytest.raises(CaseError) as refused:
            world.act("sichuan", case, "withdraw", by=actor)
        assert refused.value.code == ("not_found" if who == "another agency" else "not_yours")
        assert world.state("sichuan", case) == "applied"

    def test_a_clerk_with_somebody_before_them_still_takes_only_their_own_steps_else(self, world: World) -> None:
        case = world.start().case
        with world.at("sichuan"):
            acts = {act.name for act in queries.view(case, self.actor(world, "sichuan")).acts}
            assert acts == {"accept", "send_back", "withdraw"}
            assert {act.name for act in queries.view(case, world.clerk("sichuan")).acts} == {"accept", "send_back"}


class TestLevels:
    @pytest.fixture(autouse=True)
    def empty(self, world: World) -> None:
        for node in ("sichuan", "chongqing"):
            with world.at(node):
                cache.clear()

    def levels(self, world: World, node: str, today: date | None = None) -> dict[str, Any]:
        with world.at(node):
            found = queries.levels(f"{node}/hrss", today or days.today())
        return {level.state: level for level in found if level.service == PENSION}

    def test_each_side_answers_for_its_own_steps(self, world: World) -> None:
        world.register("chongqing")
        case = world.start().case
        assert (self.levels(world, "sichuan")["applied"].open, self.levels(world, "sichuan")["applied"].done) == (1, 0)
        with world.at("sichuan"):
            cache.clear()
        world.act("sichuan", case, "accept")
        world.settle()
        world.act("chongqing", case, "release")
        world.settle()
        here, there = self.levels(world, "sichuan"), self.levels(world, "chongqing")
        assert (here["applied"].done, here["applied"].on_time, here["applied"].days, here["applied"].term) == (
            1,
            1,
            0,
            15,
        )
        assert (here["released"].open, here["released"].share) == (1, None)
        assert "requested" not in here and "applied" not in there
        assert (there["requested"].done, there["requested"].share) == (1, 1)

    def test_a_step_taken_late_is_late_whatever_happened_since(self, world: World) -> None:
        case = world.start().case
        with world.at("sichuan"):
            early = datetime.now(UTC) - timedelta(days=60)
            Event.objects.update(stored=early)
        world.act("sichuan", case, "accept")
        level = self.levels(world, "sichuan")["applied"]
        assert (level.done, level.on_time, level.share) == (1, 0, 0)
        assert level.days == days.working_days_between(days.legal_day(early), days.today())

    def test_neither_a_hold_nor_the_applicant_ends_a_clerk_s_term(self, world: World) -> None:
        case = world.start(first_insured_here_on="2199-01-01").case
        world.act("sichuan", case, "accept")  # asks for another date
        world.act("sichuan", case, "resubmit", by=world.resident("sichuan"), documents={"application": {}})
        by_clerk = msgspec.structs.replace(world.clerk("sichuan"), present=world.person("sichuan"))
        world.act("sichuan", case, "withdraw", by=by_clerk)
        levels = self.levels(world, "sichuan")
        assert set(levels) == {"applied"} and levels["applied"].done == 1

    def test_they_are_kept_for_a_while_and_can_be(self, world: World) -> None:
        world.start()
        first = self.levels(world, "sichuan")["applied"]
        assert pickle.loads(pickle.dumps(first)) == first
        with world.at("sichuan"):
            Case.objects.update(final=True)
        assert self.levels(world, "sichuan")["applied"].open == 1
        with world.at("sichuan"):
            cache.clear()
        assert self.levels(world, "sichuan") == {}

    def test_old_steps_are_not_counted(self, world: World) -> None:
        case = world.start().case
        world.act("sichuan", case, "accept")
        assert self.levels(world, "sichuan", days.today() + timedelta(days=40)).get("applied") is None
