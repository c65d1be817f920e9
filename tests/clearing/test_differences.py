"""A difference between two nodes is found line by line, resolved by an adjustment, and never by editing."""

import pytest
from town import BOOK, SERVICE, Town

from chuanyu.clearing import actions, differences, letters, posting, queries, signed, windows
from chuanyu.clearing.actions import ClearingError
from chuanyu.clearing.models import Difference, Window
from chuanyu.core.ids import uuid7
from chuanyu.exchange import handlers
from chuanyu.identity.actor import SYSTEM

MARCH, APRIL = "2025-03", "2025-04-01"


def test_one_that_never_arrived_is_listed_and_adjusted_by_the_payer(town: Town) -> None:
    arrived, lost = town.pay("chongqing", 100), town.pay("chongqing", 7)
    town.work(carry=False)
    town.on_its_way = [c for c in town.on_its_way if c.id == arrived]
    town.work()
    town.turn(APRIL)
    town.work()
    assert town.states(MARCH) == ["closing", "closing"]
    (line,) = town.lines("chongqing", MARCH)
    assert (line.transfer, line.mirror, line.ours, line.theirs) == (lost, False, 7, None)
    (theirs,) = town.lines("sichuan", MARCH)
    assert (theirs.transfer, theirs.mirror, theirs.ours, theirs.theirs) == (lost, True, None, 7)
    with town.at("sichuan"), pytest.raises(ClearingError) as refused:
        actions.adjust(difference=theirs.id, actor=town.officer("sichuan"), note="not here")
    assert refused.value.code == "nothing_here"
    with town.at("chongqing"):
        made = actions.adjust(
            difference=line.id, actor=town.officer("chongqing"), note="the case was withdrawn by hand"
        )
        assert made.period == "2025-04"  # in the current window
    town.work()
    assert town.states(MARCH) == ["closed", "closed"]
    for node in ("chongqing", "sichuan"):
        assert {w.out or w.back for w in [town.window(node, MARCH)]} == {100}
        with town.at(node):
            assert queries.differences() == []
    with town.at("chongqing"):
        (kept,) = Difference.objects.all()
        assert (kept.by, kept.note) == ("chongqing/officer", "the case was withdrawn by hand")
        assert kept.resolved is not None
    assert town.balances("chongqing")["due_to/sichuan/hrss"] == 100
    town.turn("2025-05-01")
    town.work()
    assert town.states("2025-04") == ["reconciled", "reconciled"]  # the adjustment is signed by nobody
    town.sound()


def test_a_mirror_of_nothing_is_adjusted_by_the_payee(town: Town) -> None:
    town.pay("chongqing", 100)
    with town.at("sichuan"):  # a program of Sichuan mirrors what nobody paid
        ghost = actions.instruct(
            id=uuid7(), case=None, sequence=1, service=SERVICE, name="transfer_amount", side="payee", payer="chongqing/hrss",
            payee="sichuan/hrss", amount=9, unit="CNY", cycle="gross", window=MARCH,
        )  # fmt: skip
    town.work()
    town.turn(APRIL)
    town.work()
    (line,) = town.lines("sichuan", MARCH)
    assert (line.transfer, line.ours, line.theirs) == (ghost.pk, 9, None)
    assert [(d.ours, d.theirs) for d in town.lines("chongqing", MARCH)] == [(None, 9)]
    with town.at("sichuan"):
        actions.adjust(difference=line.id, actor=town.officer("sichuan"), note="posted by mistake")
    town.work()
    assert town.states(MARCH) == ["closed", "closed"]
    assert town.balances("sichuan")["due_from/chongqing/hrss"] == -100
    town.sound()


def test_another_amount_is_adjusted_on_both_sides_and_paid_anew(town: Town) -> None:
    wrong = town.pay("chongqing", 100)
    (carried,) = town.on_its_way
    carried.arguments["amount"] = 10
    town.work()
    town.turn(APRIL)
    town.work()
    lines = {node: town.lines(node, MARCH)[0] for node in ("chongqing", "sichuan")}
    assert [(d.transfer, d.ours, d.theirs) for d in lines.values()] == [(wrong, 100, 10), (wrong, 10, 100)]
    for node, line in lines.items():
        with town.at(node):
            actions.adjust(difference=line.id, actor=town.officer(node), note="amount mistyped")
    town.pay("chongqing", 100)
    town.work()
    assert town.states(MARCH) == ["reconciled", "reconciled"]  # nothing is left in it to pay
    town.turn("2025-05-01")
    town.work()
    assert town.states("2025-04") == ["closed", "closed"]
    assert town.window("sichuan", "2025-04").back == 100
    town.sound()


def test_what_was_on_its_way_resolves_itself(town: Town) -> None:
    town.pay("chongqing", 7)
    town.work(carry=False)
    town.turn(APRIL)
    town.work(carry=False)
    (line,) = town.lines("chongqing", MARCH)
    town.work()
    with town.at("chongqing"):
        kept = Difference.objects.get(pk=line.id)
        assert (kept.how, kept.by) == ("arrived", "")
    assert town.states(MARCH) == ["closed", "closed"]


def test_it_looks_by_itself_once_per_pair_of_statements(town: Town) -> None:
    town.pay("chongqing", 7)
    town.work(carry=False)
    town.turn(APRIL)
    town.work(carry=False)
    with town.at("chongqing"):
        assert [differences.work(), differences.work()] == [1, 0]
        assert len(queries.differences()) == 1
        town.link.up = False
        Window.objects.update(compared="")
        assert differences.work() == 0  # nobody there to ask: later


def test_what_both_have_signed_cannot_be_adjusted_any_more(town: Town) -> None:
    """The line was on its way when the officer looked; it arrived, both signed, and then he clicks."""
    town.pay("chongqing", 7)
    town.work(carry=False)
    town.turn(APRIL)
    town.work(carry=False)
    (line,) = town.lines("chongqing", MARCH)
    with town.at("chongqing"):
        adjusting = actions.adjust(difference=line.id, actor=town.officer("chongqing"), note="late")
        with pytest.raises(ClearingError):  # nor twice
            actions.adjust(difference=line.id, actor=town.officer("chongqing"), note="late")
    town.carry()
    with town.at("sichuan"):
        posting.work()
        windows.work()
    town.link.settle()
    with town.at("chongqing"):  # both have signed the same before the poster came to the adjustment
        assert windows.advance(Window.objects.get(period=MARCH)).state == "closed"
    town.work()
    assert town.status("chongqing", adjusting.pk) == ("refused", "window_closed")
    assert town.states(MARCH) == ["closed", "closed"]
    town.sound()
    with town.at("chongqing"), pytest.raises(ClearingError) as refused:
        actions.adjust(difference=line.id, actor=town.officer("chongqing"), note="again")
    assert refused.value.code == "resolved"


def test_who_may_adjust(town: Town) -> None:
    town.pay("chongqing", 7)
    town.work(carry=False)
    town.turn(APRIL)
    town.work(carry=False)
    (line,) = town.lines("chongqing", MARCH)
    from msgspec.structs import replace

    officer = town.officer("chongqing")
    with town.at("chongqing"):
        strangers = [
            replace(officer, roles=frozenset({"clerk"})), replace(officer, agency="edu"), town.officer("sichuan"),
            replace(officer, kind="resident", roles=frozenset({"resident"})), SYSTEM("sichuan"),
        ]  # fmt: skip
        for stranger in strangers:
            with pytest.raises(ClearingError) as refused:
                actions.adjust(difference=line.id, actor=stranger, note="because")
            assert refused.value.code == "not_allowed"
        with pytest.raises(ClearingError) as refused:
            actions.adjust(difference=line.id, actor=officer, note="  ")
        assert refused.value.code == "no_reason"
        office = replace(officer, agency="dev", roles=frozenset({"office"}))
        assert actions.adjust(difference=line.id, actor=office, note="agreed by telephone").status == "waiting"


def test_one_missing_in_many_costs_few_questions(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(300):
        town.pay("chongqing", 3)
    lost = town.pay("chongqing", 5)
    with town.at("chongqing"):
        posting.work()
    carried = [c for c in town.on_its_way if c.id != lost]
    town.on_its_way = carried
    town.work()
    questions = []
    real = letters.ask
    monkeypatch.setattr(letters, "ask", lambda **more: questions.append(more["document"]) or real(**more))  # type: ignore[func-returns-value]
    with town.at("chongqing"):
        (line,) = differences.lines(signed.Scope.of(Window.objects.get()))
    assert (line.transfer, line.ours, line.theirs) == (lost, 5, None)
    assert len(questions) == 3  # hashes of both directions, and one bucket


def test_only_the_peer_agency_of_a_window_hears_of_it(town: Town) -> None:
    """Asked by another agency, or about a window that is not there, the answer is nothing."""
    town.pay("chongqing", 3)
    town.work()
    with town.at("chongqing"):
        scope = signed.Scope.of(Window.objects.get())
    from msgspec.structs import replace

    with town.at("sichuan"):
        mirror = signed.Scope(
            book=BOOK, service=SERVICE, own="sichuan/hrss", peer="chongqing/hrss", period="1999-01", number=1
        )
        assert differences._ask(mirror, True, None) == {"buckets": {}, "transfers": []}
    with town.at("chongqing"):
        assert len(differences._ask(replace(scope, period=MARCH), False, None)["buckets"]) == 1
    assert letters.DIFFERENCE in handlers.queries
