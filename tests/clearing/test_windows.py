"""Windows: opened by use, closed when both nodes have signed the same, paid by orders, reconciled with the banks."""

from typing import Any

import pytest
from django.db import IntegrityError
from town import AGENCY, BOOK, CASE, SERVICE, Town

from chuanyu.clearing import actions, bankfile, booking, letters, orders, periods, queries, signed, timetable, windows
from chuanyu.clearing.models import BankLine, Instruction, Order, Window
from chuanyu.core.ids import uuid7
from chuanyu.core.money import Money
from chuanyu.core.service import NODES
from chuanyu.exchange.models import Inbox, Outbox

CQ_PAYS, SC_PAYS = 1234567890, 987654321  # fen: GT-d of the catalogue, 8.3


def march(town: Town) -> None:
    """Chongqing owes 12,345,678.90 yuan, Sichuan 9,876,543.21, in several transfers each; it is April."""
    for node, amount in (("chongqing", CQ_PAYS), ("sichuan", SC_PAYS)):
        with town.at(node):
            actions.fund(agency=AGENCY, service=SERVICE, amount=Money.parse("20000000.00"))
        for part in (amount // 3, amount // 3, amount - amount // 3 * 2):
            town.pay(node, part)
    town.work()
    assert town.states("2025-03") == ["open", "open"]
    town.turn("2025-04-01")
    town.work()


def test_gross_is_two_orders_and_the_net_is_information_only(town: Town) -> None:
    march(town)
    assert town.states("2025-03") == ["closed", "closed"]
    for node, pays, gets in (("chongqing", CQ_PAYS, SC_PAYS), ("sichuan", SC_PAYS, CQ_PAYS)):
        window = town.window(node, "2025-03")
        assert (window.out, window.out_count, window.back, window.back_count, window.agreed) == (pays, 3, gets, 3, True)
        assert {(o.payer.partition("/")[0], o.amount) for o in window.orders} == {
            ("chongqing", CQ_PAYS),
            ("sichuan", SC_PAYS),
        }
    assert CQ_PAYS - SC_PAYS == 246913569
    town.sound()


def test_orders_are_paid_received_and_reconciled(town: Town) -> None:
    march(town)
    assert town.banks_answer() == 4
    assert town.states("2025-03") == ["reconciled", "reconciled"]
    for node, pays, gets in (("chongqing", CQ_PAYS, SC_PAYS), ("sichuan", SC_PAYS, CQ_PAYS)):
        balances = town.balances(node)
        debts = {name: value for name, value in balances.items() if name.startswith("due_")}
        assert set(debts.values()) == {0} and len(debts) == 2
        assert balances["bank"] == pays - gets
    town.sound()


def test_net_is_one_order(town: Town) -> None:
    """17.3 of the catalogue: 22,340.00 against 18,650.50: Chongqing pays 3,689.50."""
    town.pay("chongqing", 2234000, window="day", cycle="net")
    town.pay("sichuan", 1865050, window="day", cycle="net")
    town.work()
    town.turn("2025-03-11")
    town.work()
    assert town.states("2025-03-10") == ["closed", "closed"]
    for node in NODES:
        (order,) = town.window(node, "2025-03-10").orders
        assert (order.payer, order.amount) == ("chongqing/hrss", 368950)
    town.banks_answer()
    assert town.states("2025-03-10") == ["reconciled", "reconciled"]
    assert town.balances("chongqing")["bank"] == 368950
    assert town.balances("sichuan")["bank"] == -368950
    town.sound()


def test_what_cancels_out_needs_no_order(town: Town) -> None:
    for node in NODES:
        town.pay(node, 5, window="day", cycle="net")
    town.work()
    town.turn("2025-03-11")
    town.work()
    assert town.states("2025-03-10") == ["reconciled", "reconciled"]
    town.sound()


def test_reversals_that_outweigh_what_was_paid_turn_the_order_round(town: Town) -> None:
    paid = town.pay("chongqing", 100)
    town.work()
    town.turn("2025-04-01")
    town.pay("chongqing", 70, kind="reverse", of=paid)  # in the current window, never in a closed one
    town.work()
    town.banks_answer()
    town.turn("2025-05-01")
    town.work()
    window = town.window("sichuan", "2025-04")
    assert [(o.payer, o.amount) for o in window.orders] == [("sichuan/hrss", 70)]
    assert town.balances("sichuan")["returns/chongqing/hrss"] == 0  # taken back from where it had gone
    town.banks_answer()
    assert town.states("2025-04") == ["reconciled", "reconciled"]
    town.sound()


def test_points_are_signed_and_stay_owed_without_a_bank(town: Town) -> None:
    with town.at("chongqing"):
        actions.fund(agency=AGENCY, service=SERVICE, amount=Money(500), unit="points")
    town.pay("chongqing", 300, unit="points")
    town.work()
    town.turn("2025-04-01")
    town.work()
    assert town.states("2025-03") == ["reconciled", "reconciled"]
    assert town.window("chongqing", "2025-03").name == "pension_transfer/2025-03/sichuan/hrss/points"
    assert not town.window("chongqing", "2025-03").orders
    assert town.balances("chongqing")["due_to/sichuan/hrss:points"] == 300
    town.sound()


# --- closing ----------------------------------------------------------------------------------------------------------


def test_each_transfer_is_in_exactly_one_window_that_of_its_day(town: Town) -> None:
    town.pay("chongqing", 1)
    town.turn("2025-04-01")
    town.pay("chongqing", 2)
    town.work()
    assert [town.window("chongqing", p).out for p in ("2025-03", "2025-04")] == [1, None]
    assert town.states("2025-04") == ["open", "open"]


def test_a_window_closed_early_is_followed_by_the_next(town: Town) -> None:
    town.pay("chongqing", 1)
    town.work()
    with town.at("chongqing"):
        windows.begin(Window.objects.get())
    second = town.pay("chongqing", 2)
    town.work()
    with town.at("chongqing"):
        assert Instruction.objects.get(pk=second).period == "2025-04"
    assert town.states("2025-03") == ["closing", "open"]  # nobody closes another's month
    with town.at("sichuan"):
        windows.begin(Window.objects.get(period="2025-03"))
    town.work()
    assert town.states("2025-03") == ["closed", "closed"]
    town.sound()


def test_entering_and_closing_exclude_each_other(town: Town) -> None:
    """A case is writing its event and its instruction; only when it is done may its window begin to close. And the other way."""
    import psycopg
    from django.db import OperationalError, connection

    town.pay("chongqing", 1)
    town.work()
    with town.at("chongqing"):
        window = Window.objects.get()
        key = f"{window.book} {window.name}"
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '300ms'")
        try:
            with psycopg.connect(town.link.nodes.places["chongqing"].database_url) as other:
                other.execute(
                    "SELECT pg_advisory_xact_lock_shared(hashtextextended(%s, 2))", [key]
                )  # as a case holds it
                with pytest.raises(OperationalError):
                    windows.begin(window)
                other.rollback()
                other.execute(
                    "SELECT pg_advisory_xact_lock(hashtextextended(%s, 2))", [key]
                )  # as one who closes holds it
                with pytest.raises(OperationalError):
                    town.pay("chongqing", 1)
        finally:
            with connection.cursor() as cursor:
                cursor.execute("RESET lock_timeout")
        windows.begin(window)
    assert town.window("chongqing", "2025-03").state == "closing"


def test_what_was_instructed_before_closing_is_still_posted_in_it(town: Town) -> None:
    town.pay("chongqing", 5)
    with town.at("chongqing"):
        window = Window.objects.get()
        windows.begin(window)
        assert windows.advance(window).statement is None  # its own payments are not final
    town.turn("2025-04-01")
    town.work()
    assert town.states("2025-03") == ["closed", "closed"]
    assert town.window("sichuan", "2025-03").back == 5


def test_a_mirror_that_comes_late_still_enters_the_closing_window(town: Town) -> None:
    town.pay("chongqing", 5)
    town.work(carry=False)
    town.turn("2025-04-01")
    town.work(carry=False)
    assert town.states("2025-03") == ["closing", "closing"]
    town.sound()
    town.work()
    assert town.states("2025-03") == ["closed", "closed"]


def test_the_link_is_cut_while_both_close(town: Town) -> None:
    march_like = [town.pay(node, 7) for node in NODES]
    town.work()
    town.link.up = False
    town.turn("2025-04-01")
    town.work(carry=False)
    assert town.states("2025-03") == ["closing", "closing"]
    town.link.up, town.link.lose = True, 3  # receipts are lost: everything is sent again
    town.work()
    assert town.states("2025-03") == ["closed", "closed"]
    assert len(march_like) == 2
    town.sound()


def test_a_node_that_never_used_the_window_signs_it_too(town: Town) -> None:
    town.pay("chongqing", 5)
    town.work(carry=False)
    town.on_its_way.clear()  # the case's message never came
    town.turn("2025-04-01")
    town.work()
    assert town.states("2025-03") == ["closing", "closing"]
    assert [line.ours for line in town.lines("chongqing", "2025-03")] == [5]


def test_the_statement_is_signed_by_both_over_the_same_bytes(town: Town) -> None:
    march(town)
    kept = []
    for node in NODES:
        with town.at(node):
            window = Window.objects.get(period="2025-03")
            statement = signed.statement(window)
            assert signed.verified(statement, window.signature or {}, node=node)
            kept.append((window.statement, window.theirs))
            forged = {"key": (window.signature or {})["key"], "signature": "A" * 86 + "=="}
            assert not signed.verified(statement, forged, node=node)
    assert kept[0] == kept[1] and kept[0][0] == kept[0][1]


def test_the_hash_sees_what_the_sum_does_not(town: Town) -> None:
    """Two amounts exchanged: the same count, the same sum, the same ids."""
    town.pay("chongqing", 5)
    town.pay("chongqing", 9)
    town.work()
    town.tamper("sichuan", "UPDATE ledger.transfer SET amount = 14 - amount WHERE mirror")
    with town.at("chongqing"):
        ours = signed.line(Window.objects.get(), mirror=False)
    with town.at("sichuan"):
        theirs = signed.line(Window.objects.get(), mirror=True)
    assert (ours.count, ours.sum) == (theirs.count, theirs.sum) == (2, "14")
    assert ours.sha256 != theirs.sha256


def test_a_statement_with_a_wrong_signature_is_refused(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    town.pay("chongqing", 5)
    town.work()
    monkeypatch.setattr(signed, "sign", lambda statement: {"key": "chongqing-000000000000", "signature": ""})
    town.turn("2025-04-01")
    with town.at("chongqing"):
        windows.work()
    town.link.settle()
    with town.at("sichuan"):
        (refused,) = Inbox.objects.filter(state=Inbox.REFUSED)
        assert refused.error["code"] == "bad_signature"
        assert Window.objects.get().theirs is None


@pytest.mark.parametrize("what", ["statement of others", "of another service", "no period"])
def test_a_statement_about_others_is_refused(town: Town, what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    town.pay("chongqing", 5)
    town.work()
    change: dict[str, Any] = {
        "statement of others": {
            "paid": {"chongqing/hrss>sichuan/edu": signed.EMPTY, "sichuan/edu>chongqing/hrss": signed.EMPTY}
        },
        "of another service": {"service": "unemployment_transfer"},
        "no period": {"period": "next week"},
    }[what]
    from msgspec.structs import replace

    real = signed.statement
    monkeypatch.setattr(signed, "statement", lambda window: replace(real(window), **change))
    with town.at("chongqing"):
        windows.begin(Window.objects.get())
        windows.advance(Window.objects.get())
    monkeypatch.undo()
    town.link.settle()
    with town.at("sichuan"):
        assert Inbox.objects.filter(state=Inbox.REFUSED).count() == 1
    with town.at("chongqing"):
        assert Outbox.objects.filter(state=Outbox.DEAD).count() == 1


def test_both_have_signed_and_that_stays(town: Town) -> None:
    """What a peer says afterwards, with its signature, is refused; the ledger takes nothing more."""
    march(town)
    with town.at("chongqing"):
        window = Window.objects.get(period="2025-03")
        window.statement = {
            **window.statement,
            "paid": {d: {**line, "count": 99} for d, line in window.statement["paid"].items()},
        }
        from msgspec import convert

        window.signature = signed.sign(convert(window.statement, signed.Statement))
        windows.tell(window)
    town.link.settle()
    with town.at("sichuan"):
        assert [row.error["code"] for row in Inbox.objects.filter(state=Inbox.REFUSED)] == ["window_closed"]
    late = town.pay("chongqing", 5, window="2025-03")
    town.work()
    assert town.status("chongqing", late) == ("refused", "window_closed")
    town.sound()


def test_a_statement_that_comes_again_after_closing_changes_nothing(town: Town) -> None:
    march(town)
    with town.at("chongqing"):
        windows.tell(Window.objects.get(period="2025-03"))
    with town.at("sichuan"):
        before = Window.objects.values().get(period="2025-03")
    town.link.settle()
    with town.at("sichuan"):
        assert Window.objects.values().get(period="2025-03") == before
        assert not Inbox.objects.exclude(state=Inbox.APPLIED).exists()
    assert town.states("2025-03") == ["closed", "closed"]
    town.sound()


def test_a_mirror_into_a_closed_window_is_refused_and_kept(town: Town) -> None:
    """A peer may say what it likes: what both have signed takes no mirror either, and the refusal stays for the officer to see."""
    march(town)
    before, id_ = town.balances("sichuan"), uuid7()
    with town.at("sichuan"):
        actions.instruct(
            id=id_, case=CASE, sequence=2, service=SERVICE, name="transfer_amount", side="payee", payer="chongqing/hrss",
            payee="sichuan/hrss", amount=7, unit="CNY", cycle="gross", window="2025-03",
        )  # fmt: skip
    town.work()
    assert town.status("sichuan", id_) == ("refused", "window_closed")
    assert town.balances("sichuan") == before
    town.sound()


# --- banks ------------------------------------------------------------------------------------------------------------

HEAD = "reference,number,direction,amount,day"


def answer(line: str) -> str:
    (read,) = bankfile.read([HEAD, line])
    return orders.answer(read).problem


def test_what_the_bank_says_must_fit_the_order(town: Town) -> None:
    march(town)
    with town.at("chongqing"):
        number = Order.objects.get(payer="chongqing/hrss").number
        theirs = Order.objects.get(payer="sichuan/hrss").number
        amount = Money(CQ_PAYS)
        assert answer(f"b1,CQ20990101-000001,out,{amount},2025-04-02") == "unknown_order"
        assert answer(f"b2,{number},out,{Money(CQ_PAYS - 1)},2025-04-02") == "amount_differs"
        assert answer(f"b3,{number},in,{amount},2025-04-02") == "wrong_direction"
        assert answer(f"b4,{theirs},out,{Money(SC_PAYS)},2025-04-02") == "wrong_direction"
        assert town.window("chongqing", "2025-03").state == "closed"
        assert answer(f"b5,{number},out,{amount},2025-04-02") == ""
        assert answer(f"b5,{number},out,{amount},2025-04-02") == ""  # the same line again
        assert answer(f"b6,{number},out,{amount},2025-04-02") == "twice"
        assert len(queries.problems()) == 5
        assert BankLine.objects.count() == 6
        assert town.balances("chongqing")["due_to/sichuan/hrss"] == 0


def test_a_reference_stands_for_one_line_and_nothing_is_thrown_away(town: Town) -> None:
    """The same line again is known; another one under its reference is kept, and said."""
    march(town)
    town.banks_answer()  # the peer's order is paid there, and ours here
    with town.at("chongqing"):
        BankLine.objects.all().delete()
        Order.objects.filter(payer="chongqing/hrss").update(state="issued")
        Order.objects.filter(payer="sichuan/hrss").update(state="paid")
        ours, theirs = (Order.objects.get(payer=f"{node}/hrss").number for node in NODES)
        out = f"b1,{ours},out,{Money(CQ_PAYS)},2025-04-02"
        (line,) = bankfile.read([HEAD, out])
        assert orders.answer(line) == (line, "", False)
        assert orders.answer(line) == (line, "", True)
        assert answer(f"b1,{theirs},in,{Money(SC_PAYS)},2025-04-02") == "reference_used"
        assert answer(f"b1,{ours},out,999.00,2025-04-02") == "reference_used"
        assert answer(f"b1,{ours},out,999.00,2025-04-01") == "amount_differs"  # of another day: another line
        assert {(p.number, p.problem) for p in queries.problems()} == {
            (theirs, "reference_used"), (ours, "reference_used"), (ours, "amount_differs"),
        }  # fmt: skip
        assert queries.order(theirs).state == "paid"  # type: ignore[union-attr]
        assert answer(f"b2,{theirs},in,{Money(SC_PAYS)},2025-04-02") == ""


def test_a_line_entered_wrongly_is_mended_by_the_right_one(town: Town) -> None:
    march(town)
    with town.at("chongqing"):
        number, amount = Order.objects.get(payer="chongqing/hrss").number, Money(CQ_PAYS)
        assert answer(f"b1,CQ20990101-000001,out,{amount},2025-04-02") == "unknown_order"
        assert answer(f"b1,{number},out,1.00,2025-04-02") == "amount_differs"
        assert answer(f"b1,{number},out,{amount},2025-04-02") == ""
        assert queries.problems() == []


GOOD = "r,n,out,1.00,2025-04-02"


@pytest.mark.parametrize(
    ("line", "field"),
    [
        ("r,n,sideways,1.00,2025-04-02", "direction"),
        ("r,n,out,1.001,2025-04-02", "amount"),
        ("r,n,out,0.00,2025-04-02", "amount"),
        ("r,n,out,-1.00,2025-04-02", "amount"),
        ("r,n,out,9999999999999999.00,2025-04-02", "amount"),
        ("r,n,out,1.00,soon", "day"),
        ("r,n,out,1.00,2025-W14-3", "day"),
        (",n,out,1.00,2025-04-02", "reference"),
        (" ,n,out,1.00,2025-04-02", "reference"),
        (f"{'r' * 65},n,out,1.00,2025-04-02", "reference"),
        ("r\0,n,out,1.00,2025-04-02", "reference"),
        (f"r,{'n' * 33},out,1.00,2025-04-02", "number"),
        ("r,n\x1b[2J,out,1.00,2025-04-02", "number"),
        ("r", ""),
        (f"{GOOD},more", ""),
        ('"r', ""),
    ],
)
def test_a_bank_file_that_cannot_be_read_names_line_and_field(line: str, field: str) -> None:
    """And none of its lines was applied: it is read whole before."""
    with pytest.raises(bankfile.Unreadable) as caught:
        bankfile.read("\n".join([HEAD, GOOD, line]))
    assert str(caught.value).startswith("line 3" + (f", {field}: " if field else ": "))
    assert caught.value.text.zh.startswith("第 3 行")
    assert caught.value.field == field


@pytest.mark.parametrize(
    "text", ["", "\n", HEAD, f"{HEAD}\n\n", f"{HEAD},amount\n{GOOD},5.00", f"reference,number,amount,day\n{GOOD}", GOOD]
)
def test_what_is_no_bank_file(text: str) -> None:
    with pytest.raises(bankfile.Unreadable):
        bankfile.read(text)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_banks_write_in_two_encodings(encoding: str) -> None:
    text = f"{HEAD}\r\n 转账1 ,CQ1,out,1.00,2025-04-02\r\n"
    (line,) = bankfile.read(bankfile.decoded(text.encode(encoding)))
    assert line["reference"] == "转账1"
    with pytest.raises(bankfile.Unreadable, match="neither"):
        bankfile.decoded("转账".encode("utf-16"))


def test_an_order_is_numbered_by_the_legal_day(town: Town) -> None:
    town.pay("chongqing", 500, window="")
    town.work()
    with town.at("chongqing"):
        assert Order.objects.get().number.startswith("CQ20250310-")


def test_an_order_that_is_not_what_was_signed_is_refused(town: Town) -> None:
    march(town)
    with town.at("sichuan"):
        Order.objects.filter(payer="chongqing/hrss").delete()
    with town.at("chongqing"):
        order = Order.objects.get(payer="chongqing/hrss")
        order.amount += 1
        orders._tell(order)
    town.link.settle()
    with town.at("sichuan"):
        assert [row.error["code"] for row in Inbox.objects.filter(state=Inbox.REFUSED)] == ["amount"]
        assert not Order.objects.filter(payer="chongqing/hrss").exists()


def test_a_transfer_without_a_window_settles_by_an_order_of_its_own(town: Town) -> None:
    paid = town.pay("chongqing", 500, window="")
    town.work()
    with town.at("chongqing"):
        assert Order.objects.get().instruction_id == paid
        assert not Window.objects.exists()
    with town.at("sichuan"):
        assert not Order.objects.exists()  # it hears of it when it is paid
    town.sound()
    town.banks_answer()
    for node in NODES:
        with town.at(node):
            assert Order.objects.get().state == "received"
        assert town.balances(node)["bank"] == {"chongqing": 500, "sichuan": -500}[node]
        assert (
            town.balances(node).get("due_to/sichuan/hrss", 0)
            == town.balances(node).get("due_from/chongqing/hrss", 0)
            == 0
        )
    town.sound()


# --- what the peer says about orders is not just believed ------------------------------------------------------------


def say(town: Town, document: dict[str, Any], action: str = letters.ORDER) -> list[str]:
    """Chongqing tells Sichuan something; the codes Sichuan has refused with."""
    with town.at("chongqing"):
        letters.send(
            own="chongqing/hrss", peer="sichuan/hrss", service=SERVICE, action=action, document=document, stream=str(uuid7())
        )  # fmt: skip
    town.link.settle()
    with town.at("sichuan"):
        return [row.error["code"] for row in Inbox.objects.filter(state=Inbox.REFUSED).order_by("received")]


def order_of(town: Town, **change: Any) -> dict[str, Any]:
    """What Chongqing says of the order it issued."""
    with town.at("chongqing"):
        order = Order.objects.get(payer="chongqing/hrss")
    return {
        "number": order.number, "payer": order.payer, "payee": order.payee, "amount": order.amount, "unit": order.unit,
        "state": "issued", "period": "2025-03", "cycle": "gross", "transfer": None,
    } | change  # fmt: skip


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"number": "CQ20250401-999999"}, "second_order"),
        ({"number": "SC20250401-999999"}, "number"),  # our own numbers
        ({"number": "x"}, "number"),
        ({"number": "CQ20250401-999999", "period": "2025-W01-1"}, "malformed"),
        ({"number": "CQ20250401-999999", "cycle": "weekly"}, "malformed"),
        ({"period": "2025-02"}, "other_order"),
        ({"unit": "points"}, "amount"),
    ],
    ids=str,
)
def test_an_order_that_does_not_fit_is_refused(town: Town, change: dict[str, Any], code: str) -> None:
    march(town)
    assert say(town, order_of(town, **change)) == [code]
    with town.at("sichuan"):
        assert Order.objects.filter(payer="chongqing/hrss").count() == 1


def test_a_window_has_one_order_each_way_whoever_writes_it(town: Town) -> None:
    march(town)
    with town.at("chongqing"):
        first = Order.objects.get(payer="chongqing/hrss")
        with pytest.raises(IntegrityError):
            orders.issue(Window.objects.get(pk=first.window_id))


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"unit": "points"}, "amount"),
        ({"amount": 501}, "amount"),
        ({"kind": "reverse"}, "amount"),
        ({"window": "month"}, "amount"),
        ({"number": "CQ20250310-999999"}, "second_order"),
    ],
    ids=str,
)
def test_an_order_for_a_lone_transfer_must_be_what_was_transferred(
    town: Town, change: dict[str, Any], code: str
) -> None:
    paid = town.pay("chongqing", 500, window="")
    town.work()
    document = order_of(town, state="paid", period="", transfer=str(paid))
    with town.at("sichuan"):
        if "kind" in change:  # it gives back: then it is paid the other way
            Instruction.objects.filter(pk=paid).update(kind="reverse")
        elif "window" in change:  # it settles with the others of its month
            month = windows.enter(
                service=SERVICE, own="sichuan/hrss", peer="chongqing/hrss", unit="CNY", cycle="gross", window="month"
            )
            Instruction.objects.filter(pk=paid).update(window=month)
        elif "number" in change:
            assert say(town, document) == []
    document |= {key: value for key, value in change.items() if key in document}
    assert say(town, document) == [code]
    with town.at("sichuan"):
        assert Order.objects.count() == ("number" in change)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"unit": "items"}, "not_declared"),
        ({"cycle": "net"}, "not_declared"),
        ({"period": "2025-02-10"}, "not_declared"),
        ({"period": "1999-02"}, "too_old"),
        ({"period": "2025-W01-1"}, "malformed"),
        ({}, ""),
    ],
    ids=str,
)
def test_a_statement_opens_only_a_window_the_service_declares(town: Town, change: dict[str, Any], code: str) -> None:
    empty = {"chongqing/hrss>sichuan/hrss": signed.EMPTY, "sichuan/hrss>chongqing/hrss": signed.EMPTY}
    with town.at("chongqing"):
        about = {"service": SERVICE, "period": "2025-02", "unit": "CNY", "cycle": "gross"} | change
        statement = signed.Statement(**about, paid=empty)
        document = {"statement": statement.plain, "signature": signed.sign(statement)}
    assert say(town, document, letters.WINDOW) == [code] * bool(code)
    with town.at("sichuan"):
        assert Window.objects.exists() is not bool(code)


def test_a_service_declares_its_windows() -> None:
    assert timetable.declared("medical_settlement") == {("CNY", "gross", "month")}
    assert timetable.declared("transit_card") == {("CNY", "net", "day")}
    assert timetable.declared("nothing") == set()


# --- periods and the timetable ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("period", "last", "following"),
    [
        ("2025-02", "2025-02-28", "2025-03"),
        ("2024-12", "2024-12-31", "2025-01"),
        ("2024-02-29", "2024-02-29", "2024-03-01"),
    ],
)
def test_periods(period: str, last: str, following: str) -> None:
    assert periods.last_day(period).isoformat() == last
    assert periods.following(period) == following
    assert periods.containing(periods.last_day(period), periods.kind_of(period)) == period


@pytest.mark.parametrize(
    "period", ["", "2025", "2025-13", "2025-02-30", "2025-3", "20250301", "2025-W01", "2025-03-1", "2025-W01-1"]
)
def test_what_is_no_period(period: str) -> None:
    with pytest.raises(ValueError):
        periods.last_day(period)


def test_a_service_says_when_it_is_declared_and_paid(monkeypatch: pytest.MonkeyPatch) -> None:
    assert timetable.closes(SERVICE, "2025-03").isoformat() == "2025-04-01"
    assert timetable.pay_by(SERVICE, "2025-03") is None
    values = {timetable.DECLARE: 20, timetable.PAY: 2}
    monkeypatch.setattr(timetable, "_parameter", lambda service, key, day: values[key])
    assert timetable.closes("medical_settlement", "2025-03").isoformat() == "2025-04-20"
    assert timetable.closes("medical_settlement", "2025-03-05").isoformat() == "2025-03-06"
    assert timetable.pay_by("medical_settlement", "2025-03").isoformat() == "2025-05-31"  # type: ignore[union-attr]
    values[timetable.DECLARE] = 31
    assert timetable.closes("medical_settlement", "2025-01").isoformat() == "2025-02-28"


def test_a_period_can_be_asked_for_before_instructing(town: Town) -> None:
    with town.at("chongqing"):
        ask = {"service": SERVICE, "payer": "chongqing/hrss", "payee": "sichuan/hrss", "unit": "CNY", "cycle": "gross"}
        assert actions.period(**ask, window="month") == "2025-03"
        assert actions.period(**ask, window="day") == "2025-03-10"


def test_a_movement_inside_a_book_is_all_or_nothing(town: Town) -> None:
    from chuanyu.clearing.legs import leg

    with town.at("chongqing"):
        movements = [(leg("fund", "CNY"), leg("bank", "CNY"), 5), (leg("person/x", "CNY"), leg("bank", "CNY"), 5)]
        with pytest.raises(booking.Refusal, match="insufficient"):
            booking.move(BOOK, movements, unit="CNY", code="t")
        assert town.balances("chongqing")["fund"] == 100000000
        assert len(booking.move(BOOK, [*movements[:1], (*movements[1][:2], -5)], unit="CNY", code="t")) == 2
