"""What the case engine asks for and what becomes of it: reservations, posts, voids, reversals, persons, prepayments."""

from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from django.utils import timezone
from town import AGENCY, BOOK, CASE, SERVICE, Town

from chuanyu.clearing import actions, batches, handlers, letters, posting, prepaid, queries
from chuanyu.clearing.models import Instruction, Order
from chuanyu.core.ids import uuid7
from chuanyu.core.money import Money
from chuanyu.core.service import NODES
from chuanyu.exchange.models import Inbox

ALICE, BOB = f"person/{uuid7()}", f"person/{uuid7()}"


def account(town: Town, node: str, name: str) -> queries.Account:
    with town.at(node):
        (found,) = [a for a in queries.accounts(BOOK) if a.name == name]
    return found


def test_reserved_then_posted_in_part(town: Town) -> None:
    """Pre-settle and settle: the fund is held for the whole, pays a part, and only that is mirrored."""
    held = town.pay("chongqing", 1000, kind="pending")
    town.work()
    assert account(town, "chongqing", "fund").reserved == 1000
    assert account(town, "chongqing", "due_to/sichuan/hrss").expected == 1000
    town.pay("chongqing", 700, kind="post", of=held)
    town.work()
    assert account(town, "chongqing", "fund").reserved == 0
    assert town.balances("chongqing")["due_to/sichuan/hrss"] == 700
    assert town.balances("sichuan")["due_from/chongqing/hrss"] == -700
    with town.at("chongqing"):
        assert Instruction.objects.get(pk=held).ended == "post"
    assert [(what, i.kind, i.status) for what, i in town.heard if i.side == "payer"] == [
        ("settled", "pending", "posted"), ("settled", "post", "posted"),
    ]  # fmt: skip
    town.sound()


def test_reserved_and_given_back(town: Town) -> None:
    held = town.pay("chongqing", 1000, kind="pending")
    town.work()
    town.pay("chongqing", 0, kind="void", of=held)  # the amount is the reservation's
    town.work()
    assert account(town, "chongqing", "fund").reserved == 0
    late = town.pay("chongqing", 5, kind="post", of=held)
    town.work()
    assert town.status("chongqing", late) == ("refused", "already_voided")
    town.sound()


def test_a_reservation_and_its_post_in_one_breath(town: Town) -> None:
    held = town.pay("chongqing", 1000, kind="pending", window="")
    done = town.pay("chongqing", 1000, kind="post", of=held)
    with town.at("chongqing"):
        assert posting.work() == 2
    assert town.status("chongqing", done) == ("posted", "")


def test_what_comes_before_what_it_refers_to_waits(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    held = town.pay("chongqing", 1000, kind="pending")
    done = town.pay("chongqing", 1000, kind="post", of=held)
    with town.at("chongqing"):
        Instruction.objects.filter(pk=held).update(at=timezone.now() + timedelta(seconds=5))
        assert posting.work() == 1  # the reservation; the post was asked first and is left
        assert Instruction.objects.get(pk=done).status == "waiting"
        assert posting.work() == 1
    assert town.status("chongqing", done) == ("posted", "")


def test_more_than_was_reserved_is_refused(town: Town) -> None:
    held = town.pay("chongqing", 1000, kind="pending")
    more = town.pay("chongqing", 1001, kind="post", of=held)
    town.work()
    assert town.status("chongqing", more) == ("refused", "exceeds")
    assert ("settled", "refused") in [(what, i.status) for what, i in town.heard]


def test_a_reservation_that_runs_out_of_time_is_given_back_and_its_case_told(town: Town) -> None:
    held = town.pay("chongqing", 1000, kind="pending", expires=timezone.now() + timedelta(hours=1))
    other = town.pay("chongqing", 50, kind="pending", expires=timezone.now() + timedelta(hours=1))
    town.pay("chongqing", 50, kind="post", of=other)
    town.work()
    with town.at("chongqing"):
        assert posting.expire() == 0
    town.hours_pass("chongqing", 2)
    with town.at("chongqing"):
        assert [posting.expire(), posting.expire()] == [1, 0]
    assert town.status("chongqing", held) == ("expired", "expired")
    assert [i.id for what, i in town.heard if what == "expired"] == [held]
    assert account(town, "chongqing", "fund").reserved == 0
    town.sound()


def test_a_crash_between_expiry_and_telling_tells_later(town: Town) -> None:
    held = town.pay("chongqing", 1000, kind="pending", expires=timezone.now() + timedelta(hours=1))
    town.work()
    town.hours_pass("chongqing", 2)
    with town.at("chongqing"):
        from town import sql

        assert sql("SELECT ledger.expire(book) FROM ledger.book") == [(1,)]  # … and the worker dies here
        posting.expire()
    assert [i.id for what, i in town.heard if what == "expired"] == [held]


def test_a_reversal_in_parts_never_more_than_the_whole(town: Town) -> None:
    paid = town.pay("chongqing", 100)
    parts = [town.pay("chongqing", amount, kind="reverse", of=paid) for amount in (60, 41, 40)]
    town.work()
    assert [town.status("chongqing", p)[1] for p in parts] == ["", "exceeds", ""]
    for node in NODES:
        assert {v for k, v in town.balances(node).items() if not k.startswith(("fund", "treasury"))} == {0}
        assert town.balances(node)["fund"] == 100000000
    town.sound()


def test_a_mirrored_reversal_cannot_be_refused(town: Town) -> None:
    """The payee has spent it: the reversal is mirrored all the same, and what is missing stays in sight."""
    paid = town.pay("chongqing", 300, target=ALICE)
    town.work()
    with town.at("sichuan"):
        assert town.balances("sichuan")[ALICE] == 300
        spent = {"id": uuid7(), "case": CASE, "sequence": 1, "service": SERVICE, "name": "pharmacy", "side": "payer"}
        both = {"payer": "sichuan/hrss", "payee": "sichuan/hrss", "unit": "CNY", "cycle": "gross"}
        actions.instruct(**spent, **both, amount=250, source=ALICE, target="fund")
        posting.work()
    town.pay("chongqing", 300, kind="reverse", of=paid)
    town.work()
    balances = town.balances("sichuan")
    assert (balances[ALICE], balances["returns/chongqing/hrss"], balances["due_from/chongqing/hrss"]) == (50, -300, 0)
    with town.at("sichuan"):
        (alarm,) = queries.alarms(agency=AGENCY)  # somebody has to see to it
        assert (alarm.what, alarm.peer, alarm.amount) == ("returns", "chongqing/hrss", 300)
        actions.fund(agency=AGENCY, service=SERVICE, amount=Money(300), account="returns/chongqing/hrss")
        assert queries.alarms(agency=AGENCY) == []
    town.sound()


def test_a_person_pays_and_a_person_receives(town: Town) -> None:
    """8.2: a son's account in one book, his mother's in the other; neither node names the other's person."""
    with town.at("chongqing"):
        actions.fund(agency=AGENCY, service=SERVICE, amount=Money.parse("1500.00"), account=ALICE)
    id_ = town.pay("chongqing", 150000, source=ALICE)
    (carried,) = town.on_its_way
    carried.arguments |= {"source": "fund", "target": BOB}
    town.work()
    assert town.balances("chongqing")[ALICE] == 0
    assert town.balances("sichuan")[BOB] == 150000
    assert ALICE not in town.balances("sichuan")
    again = town.pay("chongqing", 1, source=ALICE)
    town.work()
    assert (town.status("chongqing", id_)[0], town.status("chongqing", again)) == (
        "posted",
        ("refused", "insufficient"),
    )
    town.sound()


def test_inside_one_book_nothing_is_owed(town: Town) -> None:
    with town.at("chongqing"):
        actions.fund(agency=AGENCY, service=SERVICE, amount=Money(500), account=ALICE)
    town.pay("chongqing", 200, payee="chongqing/hrss", source=ALICE, target=BOB)
    town.on_its_way.clear()
    town.work()
    balances = town.balances("chongqing")
    assert (balances[ALICE], balances[BOB]) == (300, 200)
    assert not [name for name in balances if name.startswith("due_")]
    with town.at("chongqing"):
        assert not Order.objects.exists()
    town.sound()


def test_two_agencies_of_one_node_are_two_transfers_and_an_instruction(town: Town) -> None:
    paid = town.pay("chongqing", 200, payee="chongqing/dev")
    town.pay("chongqing", 50, payee="chongqing/dev", kind="reverse", of=paid)
    town.on_its_way.clear()
    town.work()
    with town.at("chongqing"):
        theirs = {a.name: a.balance for a in queries.accounts(f"dev/{SERVICE}")}
        assert theirs == {"due_from/chongqing/hrss": -150, "fund": 150, "returns/chongqing/hrss": 0}
        assert town.balances("chongqing")["due_to/chongqing/dev"] == 150
        assert Instruction.objects.filter(pk=batches.derived(paid, "payee")).count() == 1
    town.sound()


def test_the_same_instruction_twice_is_one(town: Town) -> None:
    with town.at("chongqing"):
        id_ = uuid7()
        arguments: dict[str, Any] = {
            "id": id_, "case": CASE, "sequence": 1, "service": SERVICE, "name": "t", "side": "payer", "payer": "chongqing/hrss",
            "payee": "sichuan/hrss", "unit": "CNY", "cycle": "gross",
        }  # fmt: skip
        first = actions.instruct(**arguments, amount=5)
        assert actions.instruct(**arguments, amount=5) == first
        for other in ({"amount": 6}, {"amount": 5, "unit": "points"}, {"amount": 5, "source": ALICE}):
            with pytest.raises(actions.ClearingError, match="id_reused"):
                actions.instruct(**arguments | other)
        assert Instruction.objects.get().amount == 5


@pytest.mark.parametrize(
    ("kind", "of"), [("post", None), ("void", None), ("reverse", None), ("plain", uuid7()), ("pending", uuid7())]
)
def test_what_refers_to_nothing_is_an_error_of_the_program(town: Town, kind: str, of: UUID | None) -> None:
    with pytest.raises((ValueError, Instruction.DoesNotExist)):
        town.pay("chongqing", 5, kind=kind, of=of)


def test_an_answer_that_cannot_be_stored_does_not_hold_up_the_others(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad, good = town.pay("chongqing", 5), town.pay("chongqing", 6)
    broken = [True]

    def handler(transfer: queries.Transfer) -> None:
        if transfer.id == bad and broken:
            raise RuntimeError("the case's code fails")

    monkeypatch.setattr(handlers, "_settled", [handler])
    with town.at("chongqing"):
        assert posting.work() == 1
    assert (town.status("chongqing", bad)[0], town.status("chongqing", good)[0]) == ("waiting", "posted")
    broken.clear()
    town.work()
    assert town.status("chongqing", bad)[0] == "posted"
    assert town.balances("chongqing")["due_to/sichuan/hrss"] == 11
    town.sound()


def test_an_answer_is_stored_once(town: Town) -> None:
    """Two posters got the same answer for the same instruction: its case is told once, and one order goes out."""
    paid = town.pay("chongqing", 5, window="")
    with town.at("chongqing"):
        assert [posting._store_step({paid: 0}), posting._store_step({paid: 0})] == [1, 0]
        assert Order.objects.count() == 1
    assert len(town.heard) == 1


def test_only_one_poster_works_on_a_book(town: Town) -> None:
    import psycopg

    town.pay("chongqing", 5)
    with psycopg.connect(town.link.nodes.places["chongqing"].database_url, autocommit=True) as second:
        second.execute("SELECT pg_advisory_lock(hashtext('chuanyu.poster'), hashtext(%s))", [BOOK])
        with town.at("chongqing"):
            assert posting.work() == 0
        second.execute("SELECT pg_advisory_unlock_all()")
    with town.at("chongqing"):
        assert posting.work() == 1


# --- prepayments ------------------------------------------------------------------------------------------------------


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """The town's service declares a prepayment."""
    alarms = {(Decimal("0.7"), Decimal("0.9"))}
    monkeypatch.setattr(prepaid, "declared", lambda service, *, unit, **_: alarms if unit == "CNY" else set())


def prepay(town: Town, amount: str) -> None:
    with town.at("chongqing"):
        actions.prepay(service=SERVICE, payer="chongqing/hrss", payee="sichuan/hrss", amount=Money.parse(amount))
    town.work()


def gauge(town: Town, node: str) -> tuple[int, int, str]:
    with town.at(node):
        (found,) = queries.gauges()
    return found.opening, found.used, found.level


@pytest.mark.usefixtures("kept")
def test_a_prepayment_is_used_alarms_and_is_filled_up_when_the_window_is_paid(town: Town) -> None:
    """GT-c of 8.3: 60 of prepayment, 42 used: 70 %, yellow."""
    prepay(town, "600000.00")
    for node in NODES:
        assert gauge(town, node) == (60000000, 0, "")
    town.pay("chongqing", 41999999, source="prepayment")
    town.work()
    assert gauge(town, "chongqing") == (60000000, 41999999, "")
    town.pay("chongqing", 1, source="prepayment")
    town.work()
    for node in NODES:
        assert gauge(town, node) == (60000000, 42000000, "yellow")
    town.pay("chongqing", 12000000, source="prepayment")
    town.work()
    assert gauge(town, "chongqing") == (60000000, 54000000, "red")
    refused = town.pay("chongqing", 6000001, source="prepayment")
    town.work()
    assert town.status("chongqing", refused) == ("refused", "insufficient")
    with town.at("chongqing"):
        actions.fund(agency=AGENCY, service=SERVICE, amount=Money.parse("1000000.00"))
    town.turn("2025-04-01")
    town.work()
    town.banks_answer()
    assert town.states("2025-03") == ["reconciled", "reconciled"]
    for node in NODES:
        assert gauge(town, node) == (60000000, 0, "")
    balances = town.balances("chongqing")
    assert (balances["topup/sichuan/hrss"], balances["prepaid/sichuan/hrss"]) == (0, 60000000)
    assert balances["fund"] == 200000000 - 60000000 - 54000000
    town.sound()


@pytest.mark.parametrize(
    "change",
    [{"amount": 0}, {"amount": -5}, {"amount": 10**15 + 1}, {"unit": "x" * 17}, {"unit": ""}, {"yellow": "NaN"}, {"red": "1.1"}],
    ids=str,
)  # fmt: skip
def test_what_no_prepayment_can_be_is_refused(town: Town, change: dict[str, Any]) -> None:
    """The other node says so, with its signature; it is kept as refused and holds up nothing."""
    body = {"id": str(uuid7()), "amount": 5, "unit": "CNY", "yellow": "0.7", "red": "0.9"} | change
    with town.at("chongqing"):
        letters.send(
            own="chongqing/hrss",
            peer="sichuan/hrss",
            service=SERVICE,
            action=letters.PREPAID,
            document=body,
            stream="prepaid",
        )
    town.link.settle()
    with town.at("sichuan"):
        assert [row.error["code"] for row in Inbox.objects.filter(state=Inbox.REFUSED)] == ["malformed"]
        assert queries.gauges() == []


def test_only_a_service_that_declares_it_keeps_a_prepayment() -> None:
    asked = {"service": "medical_settlement", "payer": "chongqing/nhsa", "payee": "sichuan/nhsa", "unit": "CNY"}
    assert prepaid.declared(**asked) == {(Decimal("0.7"), Decimal("0.9"))}
    for change in ({"service": SERVICE}, {"service": "none"}, {"unit": "points"}, {"payer": "chongqing/hrss"}):
        assert prepaid.declared(**asked | change) == set()


@pytest.mark.parametrize("change", [{}, {"yellow": "0.00001"}, {"unit": "points"}], ids=str)
def test_a_prepayment_no_service_declares_is_refused(
    town: Town, change: dict[str, str], request: pytest.FixtureRequest
) -> None:
    if change:
        request.getfixturevalue("kept")
    body = {"id": str(uuid7()), "amount": 5, "unit": "CNY", "yellow": "0.7", "red": "0.9"} | change
    with town.at("chongqing"):
        letters.send(
            own="chongqing/hrss", peer="sichuan/hrss", service=SERVICE, action=letters.PREPAID, document=body, stream="p"
        )  # fmt: skip
    town.link.settle()
    with town.at("sichuan"):
        assert [row.error["code"] for row in Inbox.objects.filter(state=Inbox.REFUSED)] == ["not_declared"]
        assert queries.gauges() == []


@pytest.mark.usefixtures("kept")
def test_what_is_reserved_is_used(town: Town) -> None:
    """A stay that is priced but not settled: nobody else can have that money, so the gauge must not be green."""
    prepay(town, "600000.00")
    held = town.pay("chongqing", 59999999, kind="pending", source="prepayment")
    town.work()
    assert gauge(town, "chongqing") == (60000000, 59999999, "red")
    with town.at("chongqing"):
        (found,) = queries.gauges()
        assert (found.reserved, found.balance) == (59999999, 60000000)
        assert [alarm.level for alarm in queries.alarms()] == ["red"]
    town.pay("chongqing", 42000000, kind="post", of=held, source="prepayment")
    town.work()
    for node in NODES:
        assert gauge(town, node) == (60000000, 42000000, "yellow")
    town.sound()


def test_a_prepayment_the_fund_does_not_have_is_refused(town: Town) -> None:
    prepay(town, "1000000.01")
    with town.at("chongqing"):
        (found,) = queries.gauges()
        assert (found.opening, found.share, found.level) == (0, Decimal(0), "")
    with town.at("sichuan"):
        assert queries.gauges() == []


@pytest.mark.usefixtures("kept")
def test_a_fill_up_the_fund_does_not_have_leaves_the_order_open(town: Town) -> None:
    from test_windows import answer

    prepay(town, "600000.00")
    town.pay("chongqing", 50000000, source="prepayment")
    town.work()
    town.turn("2025-04-01")
    town.work()
    with town.at("chongqing"):
        from chuanyu.clearing.booking import Refusal

        order = Order.objects.get(window__isnull=False)
        with pytest.raises(Refusal, match="insufficient"):
            answer(f"b1,{order.number},out,{Money(order.amount)},2025-04-02")
        order.refresh_from_db()
        assert order.state == "issued"
        actions.fund(agency=AGENCY, service=SERVICE, amount=Money.parse("1000000.00"))
        assert answer(f"b1,{order.number},out,{Money(order.amount)},2025-04-02") == ""
    town.work()
    assert gauge(town, "chongqing") == (60000000, 0, "")


@pytest.mark.usefixtures("kept")
def test_bills_may_be_mirrored_before_the_prepayment_is_known(town: Town) -> None:
    """Two streams: the case's message may overtake the one about the prepayment. A mirror is never refused for that."""
    with town.at("chongqing"):
        actions.prepay(service=SERVICE, payer="chongqing/hrss", payee="sichuan/hrss", amount=Money(1000))
        posting.work()
    town.pay("chongqing", 400, source="prepayment")
    with town.at("chongqing"):
        posting.work()
    town.carry()
    with town.at("sichuan"):
        assert posting.work() == 1
        assert town.balances("sichuan")["prepayment/chongqing/hrss"] == -400
    town.work()
    assert gauge(town, "sichuan") == (1000, 400, "")
    town.sound()
