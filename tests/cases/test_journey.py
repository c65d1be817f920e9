"""A pension crosses the border: the whole way, and every way it can go otherwise. Two databases, real rules, real ledger."""

from datetime import date
from typing import Any

import msgspec
import pytest
from django.utils import timezone
from world import RECORD, World

from chuanyu.cases import actions, errors, queries
from chuanyu.cases.errors import CaseError
from chuanyu.cases.models import Case, Event, Request
from chuanyu.clearing import queries as clearing
from chuanyu.clearing.actions import fund
from chuanyu.clearing.models import Instruction, Order
from chuanyu.core.catalogue import catalogue
from chuanyu.core.ids import uuid7
from chuanyu.core.money import Money
from chuanyu.core.numbers import make_person_number
from chuanyu.exchange import actions as exchange
from chuanyu.exchange.models import Inbox, Outbox
from chuanyu.identity.actor import Actor


def balances(world: World, node: str) -> dict[str, int]:
    with world.at(node):
        return {a.name: a.balance for a in clearing.accounts()}


def test_the_whole_way(world: World) -> None:
    world.register("chongqing")
    case = world.start().case
    world.settle()
    assert world.state("chongqing", case) is None  # the other side hears of it when it has work to do
    assert world.act("sichuan", case, "accept").state == "requested"
    world.settle()
    assert world.state("chongqing", case) == "requested"
    assert world.act("chongqing", case, "release").state == "released"
    assert world.view("chongqing", case).posting
    assert world.state("sichuan", case) == "requested"  # nothing leaves before the money moved
    world.settle()
    view = world.view("sichuan", case)
    assert (view.state, view.transfers[0].amount, view.transfers[0].status) == ("released", "40660.37", "posted")
    world.act("sichuan", case, "confirm")
    world.settle()
    world.same(case)
    assert world.view("chongqing", case).final
    assert balances(world, "chongqing")["due_to/sichuan/hrss"] == 4066037
    assert balances(world, "sichuan")["due_from/chongqing/hrss"] == -4066037
    assert balances(world, "sichuan")["fund"] - balances(world, "chongqing")["fund"] == 2 * 4066037
    with world.at("chongqing"):
        assert Order.objects.count() == 1
    with world.at("sichuan"):
        assert Order.objects.count() == 0


def test_every_message_twice_and_in_the_wrong_order_changes_nothing(world: World) -> None:
    world.register("chongqing")
    case = world.start().case
    world.act("sichuan", case, "accept")
    world.deliver("sichuan", "chongqing", copies=3)
    world.work("chongqing")
    world.act("chongqing", case, "release")
    world.work("chongqing")
    world.deliver("chongqing", "sichuan", copies=2)
    world.settle()
    world.act("sichuan", case, "confirm")
    world.deliver("sichuan", "chongqing", copies=2, order=lambda rows: rows[::-1])
    world.settle()
    world.same(case)
    assert balances(world, "chongqing")["due_to/sichuan/hrss"] == 4066037


def test_a_fund_without_money_brings_the_case_back_with_the_reason(world: World) -> None:
    world.register("chongqing", RECORD | {"personal_balance": "9999999.00"})
    case = world.start().case
    world.act("sichuan", case, "accept")
    world.settle()
    world.act("chongqing", case, "release")
    world.settle()
    view = world.view("chongqing", case)
    assert view.state == "requested"
    assert view.steps[-1].reason == errors.REASONS["posting_insufficient"]
    world.same(case)
    assert not world.view("sichuan", case).transfers  # the payee never mirrored it
    with world.at("chongqing"):
        fund(agency="hrss", service="pension_transfer", amount=Money.parse("99999999.00"))
    world.act("chongqing", case, "release")
    world.settle()
    world.same(case)
    assert [t.status for t in world.view("sichuan", case).transfers] == ["posted"]


def test_withdrawal_while_the_link_is_cut_and_the_other_side_acts(world: World) -> None:
    """One author decides: the release was first, so the withdrawal comes too late, and both sides say so."""
    world.register("chongqing")
    case = world.start().case
    world.act("sichuan", case, "accept")
    world.settle()
    world.link = False
    asked = world.act("sichuan", case, "withdraw", by=world.resident("sichuan"))
    assert asked.request is not None
    world.act("chongqing", case, "release")
    world.settle()
    world.link = True
    world.settle()
    world.same(case)
    view = world.view("sichuan", case)
    assert view.state == "released"
    assert [(r.act, r.status) for r in view.requests] == [("withdraw", "refused")]
    assert view.requests[0].reason == errors.REASONS["too_late"]


def test_withdrawal_asked_of_the_owner_is_done_there(world: World) -> None:
    case = world.start().case
    world.act("sichuan", case, "accept")
    world.settle()
    world.act("sichuan", case, "withdraw", by=world.resident("sichuan"))
    world.settle()
    world.same(case)
    view = world.view("sichuan", case)
    assert (view.state, view.final) == ("withdrawn", True)
    assert [r.status for r in view.requests] == ["done"]
    assert view.steps[-1].by == "applicant"


def test_two_withdrawals_are_one(world: World) -> None:
    case = world.start().case
    world.act("sichuan", case, "accept")
    world.settle()
    world.act("sichuan", case, "withdraw", by=world.resident("sichuan"))
    with pytest.raises(CaseError) as refused:
        world.act("sichuan", case, "withdraw", by=world.resident("sichuan"))
    assert refused.value.code == "already_asked"


def test_correction_and_again(world: World) -> None:
    """A man of 51 whose household registration is unknown: it is asked for (补正), and then the case goes on."""
    world.household = None
    world.number = make_person_number(division="510000", birth=date(1975, 1, 1), sequence=3, sex="male")
    case = world.start().case
    asked = world.act("sichuan", case, "accept")
    assert (asked.state, asked.outcome) == ("correcting", "ask")
    assert asked.reason is not None
    world.act(
        "sichuan", case, "resubmit", by=world.resident("sichuan"), documents={"application": {"household": "511623"}}
    )
    assert world.act("sichuan", case, "accept").state == "requested"
    view = world.view("sichuan", case)
    assert [d.body.get("household") for d in view.documents if d.name == "application"] == ["511623"]


def test_the_same_request_twice_is_one_case(world: World) -> None:
    with world.at("sichuan"):
        args: dict[str, Any] = {
            "service": "pension_transfer",
            "actor": world.resident("sichuan"),
            "person": world.person("sichuan"),
            "documents": {"application": {}},
            "request_id": uuid7(),
        }
        assert actions.start(**args).case == actions.start(**args).case
        with pytest.raises(CaseError) as refused:
            actions.start(**(args | {"request_id": uuid7()}))
    assert refused.value.code == "duplicate"
    assert refused.value.case == args["request_id"]


def test_a_stale_page_changes_nothing(world: World) -> None:
    case = world.start().case
    world.act("sichuan", case, "accept")
    with pytest.raises(CaseError) as refused:
        world.act("sichuan", case, "accept", expects=1)
    assert refused.value.code == "moved_on"


@pytest.mark.parametrize("what", ["other resident", "other agency", "officer of the other node", "office"])
def test_others_can_neither_act_nor_look(world: World, what: str) -> None:
    case = world.start().case
    someone = {
        "other resident": world.resident("sichuan"),
        "other agency": world.clerk("sichuan"),
        "officer of the other node": world.clerk("chongqing"),
        "office": world.clerk("sichuan"),
    }[what]

    change: dict[str, dict[str, Any]] = {
        "other resident": {"person": uuid7()},
        "other agency": {"agency": "edu"},
        "officer of the other node": {"roles": frozenset({"officer"})},
        "office": {"roles": frozenset({"office"}), "agency": "dev"},
    }
    someone = msgspec.structs.replace(someone, **change[what])
    with world.at("sichuan"):
        with pytest.raises(CaseError) as hidden:
            queries.view(case, someone)
        assert hidden.value.code == "not_found"
        with pytest.raises(CaseError):
            actions.act(case=case, act="accept", actor=someone, expects=1)


def test_bad_documents_name_the_field(world: World) -> None:
    with pytest.raises(CaseError) as refused:
        world.start(employed_since="2025-02-30", colour="red")
    assert {f.path for f in refused.value.fields} == {"application.employed_since", "application.colour"}


def test_a_forged_event_is_refused_and_kept_for_the_officer(world: World) -> None:
    """The receiving side may not write in a state the sending side owns."""
    world.register("chongqing")
    case = world.start().case
    world.act("sichuan", case, "accept")
    world.settle()
    with world.at("sichuan"):
        found = Case.objects.get(pk=case)
        last = Event.objects.get(case=found, sequence=2).body
        forged = last | {
            "sequence": 3,
            "previous": found.head,
            "source": "requested",
            "target": "withdrawn",
            "act": "withdraw",
        }
        exchange.send(
            to_agency="chongqing/hrss",
            from_agency="sichuan/hrss",
            service="pension_transfer",
            action="case.events",
            person=found.person,
            purpose="pension_transfer",
            basis=["gbf-2009-66"],
            document={"case": str(case), "events": [forged], "documents": []},
            stream=str(case),
        )
    world.settle()
    assert world.state("chongqing", case) == "requested"
    with world.at("chongqing"):
        assert Inbox.objects.filter(state=Inbox.REFUSED).count() == 1
    with world.at("sichuan"):
        assert Outbox.objects.filter(state=Outbox.DEAD).count() == 1


@pytest.mark.parametrize(
    ("action", "change"),
    [
        ("case.request", {"act": "release", "by": "owner", "documents": {}}),
        ("case.request", {"act": "release", "by": "sending", "documents": {}}),
        ("case.request", {"act": "withdraw", "by": 7, "documents": {}}),
        ("case.attachment", {"content": "!!", "media_type": "application/pdf"}),
        ("case.attachment", {"content": "PGh0bWw+", "media_type": "application/pdf"}),
        ("case.events", {"events": []}),
        ("case.events", {"events": [{"case": "x"}]}),
        ("case.events", {"events": "x"}),
    ],
)
def test_what_a_peer_may_not_send_is_refused_and_changes_nothing(
    world: World, action: str, change: dict[str, Any]
) -> None:
    world.register("chongqing")
    case = world.start().case
    world.act("sichuan", case, "accept")
    world.settle()
    whole = {
        "case.request": {"id": str(uuid7()), "note": "", "at": "2026-01-01T00:00:00Z"},
        "case.attachment": {"id": str(uuid7()), "filename": "x", "by": "applicant", "at": "2026-01-01T00:00:00Z"},
        "case.events": {"documents": []},
    }[action]
    with world.at("sichuan"):
        exchange.send(
            to_agency="chongqing/hrss",
            from_agency="sichuan/hrss",
            service="pension_transfer",
            action=action,
            person=world.person("sichuan"),
            purpose="pension_transfer",
            basis=["gbf-2009-66"],
            document=whole | {"case": str(case)} | change,
            stream=str(case),
        )
    world.settle()
    world.same(case)
    assert world.state("chongqing", case) == "requested"
    with world.at("chongqing"):
        assert Inbox.objects.exclude(state=Inbox.APPLIED).count() == (0 if change.get("events") == [] else 1)
        assert not Request.objects.exists()


def test_a_sentence_with_strange_characters_is_kept_without_them(world: World) -> None:
    world.register("chongqing", RECORD | {"back_payments": [{"paid_on": "2019-01-01", "months": 48}]})
    case = world.start().case
    world.act("sichuan", case, "accept")
    world.settle()
    world.act("chongqing", case, "release")
    with pytest.raises(CaseError) as refused:
        world.act("chongqing", case, "recheck", note="\x00\ud800 ")
    assert refused.value.code == "needs_sentence"
    world.act("chongqing", case, "recheck", note="已\x00核对\ud800。")
    assert world.view("chongqing", case).steps[-1].note == "已核对。"


@pytest.mark.parametrize("text", ["a\x00b", "\ud800", "x" * 3000])
def test_text_no_database_can_hold_is_refused_at_the_field(world: World, text: str) -> None:
    with pytest.raises(CaseError) as refused:
        world.start(household=text)
    assert [f.path for f in refused.value.fields] == ["application.household"]


def test_an_event_that_comes_too_early_waits(world: World) -> None:
    world.register("chongqing")
    case = world.start().case
    world.act("sichuan", case, "accept")
    world.settle()
    world.act("chongqing", case, "release")
    world.work("chongqing")
    world.deliver("chongqing", "sichuan")
    with world.at("sichuan"):
        held = list(Inbox.objects.filter(state=Inbox.NEW))
        Inbox.objects.filter(pk__in=[h.pk for h in held]).delete()
    # what follows arrives first
    world.settle()
    assert world.state("sichuan", case) == "requested"
    with world.at("sichuan"):
        for row in held:
            Inbox.objects.create(id=row.id, stream=row.stream, envelope=bytes(row.envelope))
    world.settle()
    world.same(case)


def test_terms_run_from_receipt_in_working_days_and_silence_escalates(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """GT-b of the catalogue: filed 2025-03-03, due 03-24; then from the receipt at the next owner."""
    monkeypatch.setenv("CHUANYU_TODAY", "2025-03-03")
    case = world.start().case
    with world.at("sichuan"):
        found = Case.objects.get(pk=case)
        from chuanyu.core import days

        assert days.add_working_days(date(2025, 3, 3), 15).date == date(2025, 3, 24)
        found.due = date(2025, 3, 2)
        found.save()
        assert actions.escalate() == 1
        assert actions.escalate() == 0
        officer = Actor(kind="staff", user="officer", node="sichuan", agency="hrss", roles=frozenset({"officer"}))
        assert [row.id for row in queries.overdue(officer)] == [case]
        assert found.state == "applied"  # silence never approves
        found.refresh_from_db()
        assert found.escalated is not None and found.escalated <= timezone.now()


def test_an_attachment_crosses_once_its_hash_is_sealed(world: World) -> None:
    world.register("chongqing")
    case = world.start().case
    with world.at("sichuan"):
        actions.attach(case=case, actor=world.resident("sichuan"), filename="../户口簿.pdf", content=b"%PDF-1.7 test")
        for content, code in ((b"MZ\x90", "media_type"), (b"%PDF-" + b"x" * (2 * 1024 * 1024), "too_large")):
            with pytest.raises(CaseError) as refused:
                actions.attach(case=case, actor=world.resident("sichuan"), filename="x.exe", content=content)
            assert refused.value.code == code
    world.act("sichuan", case, "accept")
    world.settle()
    view = world.view("chongqing", case)
    assert [(a.filename, a.size) for a in view.attachments] == [("户口簿.pdf", 13)]
    world.same(case)


def test_a_file_taken_back_is_none_of_the_cases_files_when_another_arrives(world: World) -> None:
    world.register("chongqing")
    case = world.start().case
    world.act("sichuan", case, "accept")
    world.settle()
    clerk = world.clerk("chongqing")
    with world.at("chongqing"):
        wrong = actions.attach(case=case, actor=clerk, filename="x.pdf", content=b"%PDF-1.7 wrong")
        actions.detach(case=case, actor=clerk, attachment=wrong)
    world.act("chongqing", case, "release")
    world.settle()
    with world.at("sichuan"):
        actions.attach(case=case, actor=world.resident("sichuan"), filename="right.pdf", content=b"%PDF-1.7 right")
    world.act("sichuan", case, "confirm")
    world.settle()
    for node in ("sichuan", "chongqing"):
        assert [a.filename for a in world.view(node, case).attachments] == ["right.pdf"]
        with world.at(node):
            assert Case.objects.get(pk=case).files == 1
    world.same(case)


def test_requests_wait_while_the_money_is_being_posted(world: World) -> None:
    world.register("chongqing")
    case = world.start().case
    world.act("sichuan", case, "accept")
    world.settle()
    world.act("sichuan", case, "withdraw", by=world.resident("sichuan"))
    world.act("chongqing", case, "release")  # decided; the ledger has not answered yet
    world.deliver("sichuan", "chongqing")
    world.settle()
    world.same(case)
    with world.at("chongqing"):
        assert Request.objects.get().status == Request.Status.REFUSED
        assert Instruction.objects.get().status == Instruction.Status.POSTED


def test_papers_handed_in_at_home_reach_the_owner(world: World) -> None:
    """A request can carry documents: the owner takes them with the step, and both sides hold them."""
    world.register("chongqing", RECORD | {"back_payments": [{"paid_on": "2019-01-01", "months": 48}]})
    case = world.start().case
    world.act("sichuan", case, "accept")
    world.settle()
    assert world.act("chongqing", case, "release").state == "proving"
    world.settle()
    papers = {"employment_papers": {}}
    with pytest.raises(CaseError) as refused:
        world.act("sichuan", case, "supply", by=world.resident("sichuan"), documents=papers)
    assert refused.value.code == "documents"
    papers = next(
        s["with"]
        for j in catalogue()["pension_transfer"].examples["journeys"]
        for s in j["steps"]
        if s["do"] == "supply"
    )
    world.act("sichuan", case, "supply", by=world.resident("sichuan"), documents=msgspec.to_builtins(papers))
    world.settle()
    world.same(case)
    view = world.view("chongqing", case)
    assert view.state == "requested"
    assert "employment_papers" in [d.name for d in view.documents]
