"""What a resident reads over all their cases: messages made of events, money; a delegate's view ends at their services."""

from datetime import timedelta
from uuid import uuid4

import msgspec
import pytest
from django.utils import timezone
from world import World

from chuanyu.cases import actions, own, queries
from chuanyu.cases.errors import CaseError
from chuanyu.cases.models import Case, Event
from chuanyu.core.ids import uuid7
from chuanyu.identity.actor import Actor

OPINION = {"opinion": {"kind": "complaint", "about": "500000", "what": "电话没人接。"}}


def delegate(world: World, *services: str) -> Actor:
    return msgspec.structs.replace(
        world.resident("sichuan"), user="helper", mandate=uuid4(), scope=frozenset(services) if services else None
    )


def test_what_others_did_is_a_message_and_what_i_did_is_none(world: World) -> None:
    world.register("chongqing")
    case = world.start().case
    who = world.resident("sichuan")
    with world.at("sichuan"):
        assert own.messages(who, seen=None) == [] and own.unread(who, seen=None).count() == 0
    world.act("sichuan", case, "accept")
    world.settle()
    world.act("chongqing", case, "release")
    world.settle()
    with world.at("sichuan"):
        release, accept = own.messages(who, seen=None)
        assert (accept.title.zh, accept.state_title.zh, accept.node) == ("受理", "已发联系函", "sichuan")
        assert (release.title.zh, release.node, release.unread, release.asks) == ("转出", "chongqing", True, False)
        assert own.unread(who, seen=None).count() == 2
        stored = Event.objects.get(case=case, sequence=accept.sequence).stored
        assert own.unread(who, seen=stored).count() == 1
        assert [m.unread for m in own.messages(who, seen=stored)] == [True, False]
        assert own.unread(who, seen=timezone.now() + timedelta(seconds=1)).count() == 0


def test_money_that_moved_is_there_with_its_case(world: World) -> None:
    world.register("chongqing")
    case = world.start().case
    world.act("sichuan", case, "accept")
    world.settle()
    world.act("chongqing", case, "release")
    world.settle()
    with world.at("sichuan"):
        (row,) = own.money(world.resident("sichuan"))
        assert (row.case, row.transfer.amount, row.transfer.status) == (case, "40660.37", "posted")
        assert own.money(delegate(world, "unemployment_transfer")) == []


def test_a_question_back_says_that_it_is_my_turn(world: World) -> None:
    case = world.start(first_insured_here_on="2030-01-01").case
    world.act("sichuan", case, "accept")
    with world.at("sichuan"):
        (message,) = own.messages(world.resident("sichuan"), seen=None)
        assert message.asks and message.reason and message.remedy
        actions.act(case=case, act="resubmit", actor=world.resident("sichuan"), documents={"application": {}},
                    expects=Case.objects.get(pk=case).sequence)  # fmt: skip
        assert [m.asks for m in own.messages(world.resident("sichuan"), seen=None)] == [False]


def test_what_the_other_side_did_on_request_is_a_message(world: World) -> None:
    case = world.start().case
    world.act("sichuan", case, "accept")
    world.settle()
    with world.at("sichuan"):
        actions.act(case=case, act="withdraw", actor=world.resident("sichuan"), expects=2)
    world.settle()
    with world.at("sichuan"):
        assert [m.title.zh for m in own.messages(world.resident("sichuan"), seen=None)] == ["撤回", "受理"]


def test_a_delegate_does_what_was_delegated_and_is_named_for_it(world: World) -> None:
    helper = delegate(world, "pension_transfer")
    with world.at("sichuan"):
        person = world.person("sichuan")
        done = actions.start(
            service="pension_transfer", actor=helper, person=person, documents={"application": {}}, request_id=uuid7()
        )
        assert Event.objects.get(case=done.case).actor == helper.id
        assert queries.view(done.case, helper).steps[0].delegated
        (message,) = own.messages(world.resident("sichuan"), seen=None)  # the principal is told
        assert message.delegated
        actions.act(case=done.case, act="withdraw", actor=helper, expects=1)
        with pytest.raises(CaseError) as caught:
            actions.start(service="public_opinion", actor=helper, person=person, documents=OPINION, request_id=uuid7())
        assert caught.value.code == "not_yours"


def test_a_delegates_view_ends_at_their_services(world: World) -> None:
    pension = world.start().case
    with world.at("sichuan"):
        person, who = world.person("sichuan"), world.resident("sichuan")
        opinion = actions.start(
            service="public_opinion", actor=who, person=person, documents=OPINION, request_id=uuid7()
        ).case
        helper, everything = delegate(world, "public_opinion"), delegate(world)
        assert [row.id for row in queries.mine(helper)] == [opinion]
        assert {row.id for row in queries.mine(everything)} == {pension, opinion}
        with pytest.raises(CaseError):
            queries.view(pension, helper)
        with pytest.raises(CaseError):
            actions.act(case=pension, act="withdraw", actor=helper, expects=1)
        with pytest.raises(CaseError):
            actions.attach(case=pension, actor=helper, filename="x.pdf", content=b"%PDF-")


def test_a_service_may_have_several_open_cases_where_it_says_so(world: World) -> None:
    with world.at("sichuan"):
        person, who = world.person("sichuan"), world.resident("sichuan")
        ids = [
            actions.start(
                service="public_opinion", actor=who, person=person, documents=OPINION, request_id=uuid7()
            ).case
            for _ in range(2)
        ]
        dev = Actor(kind="staff", user="clerk-dev", node="sichuan", agency="dev", roles=frozenset({"clerk"}))
        for case in ids:
            actions.act(case=case, act="take_up", actor=dev, expects=1)
    world.settle()
    for case in ids:
        assert world.state("chongqing", case) == "passed_on"  # the other node takes both
        world.same(case)
    world.start()
    with pytest.raises(CaseError) as caught:
        world.start()
    assert caught.value.code == "duplicate"
