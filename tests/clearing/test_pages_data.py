"""What officers' pages and agencies' systems read of clearing, and what officers do by hand."""

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from town import AGENCY, BOOK, SERVICE, Town, post_alone

from chuanyu.clearing import actions, api, bankfile, door, opening, posting, queries, sheet, timetable, windows
from chuanyu.clearing.actions import ClearingError
from chuanyu.clearing.models import BankLine, Instruction, Prepayment, Window
from chuanyu.core.days import today
from chuanyu.core.money import Money
from chuanyu.core.service import NODES
from chuanyu.identity.actor import Actor
from link import Link

YUAN = 100  # fen


def office(node: str) -> Actor:
    return Actor(kind="staff", user="office", node=node, agency="dev", roles=frozenset({"office"}))


def foreign(node: str) -> Actor:
    """An officer of another agency of the same node."""
    return Actor(kind="staff", user="officer-nhsa", node=node, agency="nhsa", roles=frozenset({"officer"}))


# --- a window and what both say of it ---------------------------------------------------------------------------------


def test_an_open_window_shows_what_the_ledger_has_and_a_closed_one_what_both_signed(town: Town) -> None:
    town.pay("chongqing", 300)
    town.pay("sichuan", 100)
    town.work()
    with town.at("chongqing"):
        (window,) = queries.windows()
        found = sheet.sheet(window.id)
        assert found is not None and found.theirs is None and found.ours.key == ""
        assert sheet.so_far(window) == (1, 300, 1, 100)
        assert {(d.payer, d.count, d.sum) for d in found.ours.paid} == {
            ("chongqing/hrss", 1, 300),
            ("sichuan/hrss", 1, 100),
        }
    town.turn("2025-04-01")
    town.work()
    for node in NODES:
        with town.at(node):
            found = sheet.sheet(queries.windows()[0].id)
            assert found is not None and found.theirs is not None
            assert set(found.ours.paid) == set(found.theirs.paid)
            assert (found.ours.valid, found.theirs.valid, found.ours.node == found.theirs.node) == (True, True, False)
            assert (found.window.signed, found.window.their_signed, found.window.state) == (True, True, "closed")


def test_a_windows_transfers_page_and_name_nobody(town: Town) -> None:
    person = f"person/{uuid4()}"
    for amount in range(1, 6):
        town.pay("chongqing", amount)
    town.pay("chongqing", 50, target=person)
    town.work()
    paid = town.pay("chongqing", 9)
    town.work()
    town.pay("chongqing", 4, kind="reverse", of=paid)
    town.work()
    with town.at("sichuan"):
        (window,) = queries.windows()
        first = sheet.transfers(window.id, size=5)
        rest = sheet.transfers(window.id, before=first.before, size=5)
    rows = first.rows + rest.rows
    assert (len(rows), rest.before) == (8, None)
    assert sorted(row.amount for row in rows) == [-4, 1, 2, 3, 4, 5, 9, 50]
    assert all(row.mirror and row.counts for row in rows)
    assert {row.credit for row in rows if row.amount == 50} == {"person"}
    assert "person/" not in repr(rows)


def test_dates_come_from_the_services_parameters() -> None:
    """8.3: declared by the 20th, paid within two months, the year closed by the end of the next March."""
    assert [(term.what, term.day.isoformat(), term.parameter) for term in timetable.terms("medical_settlement", "2025-02")] == [
        ("closes", "2025-03-20", "declare_day"), ("pay_by", "2025-04-30", "pay_months"), ("year_closes", "2026-03-31", "close_months"),
    ]  # fmt: skip
    assert [(term.what, term.parameter) for term in timetable.terms(SERVICE, "2025-02")] == [("closes", "")]


# --- by hand ----------------------------------------------------------------------------------------------------------


def test_a_window_is_closed_by_hand_by_its_own_officer_or_the_office(town: Town) -> None:
    town.pay("chongqing", 5)
    town.work()
    with town.at("chongqing"):
        (window,) = queries.windows()
        for who in (foreign("chongqing"), town.officer("sichuan")):
            with pytest.raises(ClearingError, match="not_allowed"):
                actions.close(window=window.id, actor=who)
        assert actions.close(window=window.id, actor=town.officer("chongqing")).state == "closing"
        with pytest.raises(ClearingError, match="not_open"):
            actions.close(window=window.id, actor=office("chongqing"))
    town.work()
    assert town.states("2025-03") == ["closing", "open"]  # the period is not over there
    town.turn("2025-04-01")
    town.work()
    assert town.states("2025-03") == ["closed", "closed"]


def test_a_difference_is_compared_seen_as_an_alarm_and_adjusted(town: Town) -> None:
    town.pay("chongqing", 10)
    lost = town.pay("chongqing", 7)
    town.work(carry=False)
    town.on_its_way = [c for c in town.on_its_way if c.id != lost]
    town.turn("2025-04-01")
    town.work()
    with town.at("chongqing"):
        (window,) = queries.windows()
        with pytest.raises(ClearingError, match="not_allowed"):
            actions.compare(window=window.id, actor=foreign("chongqing"))
        assert actions.compare(window=window.id, actor=town.officer("chongqing")) == 1
        (line,) = queries.differences(window=window.id)
        (alarm,) = queries.alarms(agency=AGENCY)
        assert (alarm.what, alarm.level, alarm.count, alarm.window) == ("differences", "red", 1, window.id)
        assert queries.alarms(agency="nhsa") == []
        actions.adjust(difference=line.id, actor=town.officer("chongqing"), note="对方没有收到")
    town.work()
    assert town.states("2025-03") == ["closed", "closed"]
    with town.at("chongqing"):
        assert queries.alarms() == []
        (line,) = queries.differences(window=window.id, unresolved=False)
        assert (line.how, line.note, line.by) == ("adjusted", "对方没有收到", town.officer("chongqing").id)
        rows = sheet.transfers(window.id).rows
        assert {(row.amount, row.counts) for row in rows} == {(10, True), (7, False)}
    town.sound()


def test_the_banks_answer_is_taken_for_ones_own_orders_only(town: Town) -> None:
    town.pay("chongqing", 12345)
    town.work()
    town.turn("2025-04-01")
    town.work()
    with town.at("chongqing"):
        (order,) = queries.orders()
        header = "reference,number,direction,amount,day"

        def lines(*rows: str) -> list[dict[str, Any]]:
            return bankfile.read([header, *rows])

        good = f"B1,{order.number},out,123.45,2025-04-02"
        assert [t.problem for t in actions.bank_answers(lines(good), actor=foreign("chongqing"))] == ["not_allowed"]
        assert not BankLine.objects.exists()
        several = lines(f"B2,{order.number},out,123.44,2025-04-02", "B3,CQ-none,out,1.00,2025-04-02", good)
        taken = actions.bank_answers(several, actor=town.officer("chongqing"))
        assert [t.problem for t in taken] == ["amount_differs", "unknown_order", ""]
        assert queries.order(order.number).state == "paid"  # type: ignore[union-attr]
        assert [line.reference for line in queries.problems(agency=AGENCY)] == ["B2"]
        assert queries.problems(agency="nhsa") == []
        assert {line.reference for line in queries.problems()} == {"B2", "B3"}
        assert [line.reference for line in queries.bank_lines(order.number)] == ["B2", "B1"]  # as they came


# --- prepayments ------------------------------------------------------------------------------------------------------

NHSA, CARE = "chongqing/nhsa", "sichuan/nhsa"


@pytest.fixture
def quarter(link: Link, monkeypatch: pytest.MonkeyPatch) -> Iterator[Link]:
    """The last quarter of 2024: 20, 30 and 40 million yuan of bills, each month signed by both. It is January 2025."""
    medical = {"service": "medical_settlement", "payer": NHSA, "payee": CARE}
    with link.at("chongqing"):
        actions.fund(agency="nhsa", service="medical_settlement", amount=Money.yuan(200_000_000))
    for month, millions in ((10, 20), (11, 30), (12, 40)):
        monkeypatch.setenv("CHUANYU_TODAY", f"2024-{month}-15")
        with link.at("chongqing"):
            made = actions.instruct(
                id=uuid7(), case=None, sequence=0, name="fund_share", side="payer", amount=millions * 1_000_000 * YUAN,
                unit="CNY", cycle="gross", window="month", **medical,
            )  # fmt: skip
            posting.work()
        with link.at("sichuan"):
            actions.instruct(
                id=made.pk, case=None, sequence=0, name="fund_share", side="payee", amount=made.amount, unit="CNY",
                cycle="gross", window=made.period, **medical,
            )  # fmt: skip
            posting.work()
    monkeypatch.setenv("CHUANYU_TODAY", "2025-01-25")
    yield link


def uuid7() -> Any:
    from chuanyu.core.ids import uuid7 as made

    return made()


def come_to_rest(link: Link) -> None:
    for _ in range(6):
        for node in NODES:
            with link.at(node):
                windows.work()
                posting.work()
        link.settle()


def test_a_prepayment_opens_by_the_rule_from_last_years_signed_windows(quarter: Link) -> None:
    """GT-c: the quarter's 90 million give 60; a month of 42 is 70 % of it: yellow."""
    officer = Actor(kind="staff", user="o", node="chongqing", agency="nhsa", roles=frozenset({"officer"}))
    with quarter.at("chongqing"):
        (before,) = [o for o in opening.openings(today(), agency="nhsa") if o.service == "medical_settlement"]
        assert (before.amount, before.missing) == (None, ("2024-10", "2024-11", "2024-12"))  # nothing is signed yet
        with pytest.raises(ClearingError, match="no_rule"):
            actions.prepay_by_rule(service="medical_settlement", payer=NHSA, payee=CARE, unit="CNY", actor=officer)
    come_to_rest(quarter)
    with quarter.at("chongqing"):
        (rule,) = [o for o in opening.openings(today(), agency="nhsa") if o.service == "medical_settlement"]
        assert [month.amount for month in rule.months] == [m * 1_000_000 * YUAN for m in (20, 30, 40)]
        assert (rule.total, rule.amount, rule.now) == (90_000_000 * YUAN, 60_000_000 * YUAN, 0)
        assert rule.used["prepayment_months"]["value"] in (2, "2")
        with pytest.raises(ClearingError, match="not_allowed"):
            actions.prepay_by_rule(
                service="medical_settlement", payer=NHSA, payee=CARE, unit="CNY",
                actor=Actor(kind="staff", user="o", node="chongqing", agency="hrss", roles=frozenset({"officer"})),
            )  # fmt: skip
        actions.prepay_by_rule(service="medical_settlement", payer=NHSA, payee=CARE, unit="CNY", actor=officer)
        with pytest.raises(ClearingError, match="reached"):  # it waits to be posted
            actions.prepay_by_rule(service="medical_settlement", payer=NHSA, payee=CARE, unit="CNY", actor=officer)
    come_to_rest(quarter)
    for node in NODES:
        with quarter.at(node):
            (gauge,) = queries.gauges(agency="nhsa")
            assert (gauge.opening, gauge.level, gauge.yellow, gauge.red) == (
                6_000_000_000,
                "",
                Decimal("0.7"),
                Decimal("0.9"),
            )
    with quarter.at("chongqing"):
        with pytest.raises(ClearingError, match="reached"):
            actions.prepay_by_rule(service="medical_settlement", payer=NHSA, payee=CARE, unit="CNY", actor=officer)
        for amount, level in ((41_999_999, ""), (1, "yellow"), (12_000_000, "red")):
            actions.instruct(
                id=uuid7(), case=None, sequence=0, service="medical_settlement", name="fund_share", side="payer", payer=NHSA,
                payee=CARE, amount=amount * YUAN, unit="CNY", cycle="gross", window="month", source="prepayment",
            )  # fmt: skip
            posting.work()
            assert [alarm.level for alarm in queries.alarms(agency="nhsa")] == [level] * bool(level)


def test_a_month_without_a_signed_window_leaves_the_rule_without_an_answer(quarter: Link) -> None:
    come_to_rest(quarter)
    with quarter.at("chongqing"):
        Window.objects.filter(period="2024-11").update(state=Window.State.CLOSING)
        (rule,) = [o for o in opening.openings(today(), agency="nhsa") if o.service == "medical_settlement"]
        assert (rule.amount, rule.missing, rule.lacks) == (None, ("2024-11",), 0)
        assert not Prepayment.objects.exists()


# --- accounts, and what agencies' systems read ------------------------------------------------------------------------


def test_persons_accounts_are_one_sum_without_names(town: Town) -> None:
    people = [f"person/{uuid4()}" for _ in range(3)]
    with town.at("chongqing"):
        for name in people:
            actions.fund(agency=AGENCY, service=SERVICE, amount=Money(50), account=name)
        actions.fund(agency=AGENCY, service=SERVICE, amount=Money(7), account=people[0], unit="points")
        found = queries.ledger_accounts(AGENCY)
        assert "person/" not in repr(found)
        assert {(a.unit, a.balance, a.people) for a in found if a.people} == {("CNY", 150, 3), ("points", 7, 1)}
        assert queries.ledger_accounts("nhsa") == [] != queries.ledger_accounts()
        for wanted in (people[0], "person"):
            with pytest.raises(api.Refused, match="not_found"):
                api.read(("statement",), {"book": BOOK, "account": wanted}, agency=AGENCY)
        treasury = api.read(("statement",), {"book": BOOK, "account": "treasury"}, agency=AGENCY)
        assert {entry.other for entry in treasury.entries} == {"fund", "person"}


def test_an_agency_reads_its_own_and_nobody_elses(town: Town) -> None:
    town.pay("chongqing", 5)
    town.work()
    with town.at("chongqing"):
        (window,) = api.read(("windows",), {}, agency=AGENCY)
        assert api.read(("windows",), {}, agency="nhsa") == []
        assert api.read(("windows", str(window.id)), {}, agency=AGENCY).window.id == window.id
        page = api.read(("windows", str(window.id), "transfers"), {}, agency=AGENCY)
        assert (len(page.transfers), page.before) == (1, None)
        for what in (("windows", str(window.id)), ("windows", "0"), ("windows", "x"), ("nothing",)):
            with pytest.raises(api.Refused, match="not_found"):
                api.read(what, {}, agency="nhsa")
        with pytest.raises(api.Refused, match="not_found"):
            api.read(("statement",), {"book": BOOK, "account": "fund"}, agency="nhsa")
        with pytest.raises(api.Refused, match="before"):
            api.read(("statement",), {"book": BOOK, "account": "fund", "before": "nonsense"}, agency=AGENCY)


def test_a_statement_pages_to_its_end(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api.statements.page, "__kwdefaults__", {**api.statements.page.__kwdefaults__, "size": 2})
    for amount in (1, 2, 3, 4):
        town.pay("chongqing", amount)
    town.work()
    seen, before = [], ""
    with town.at("chongqing"):
        while True:
            page = api.read(("statement",), {"book": BOOK, "account": "fund", "before": before}, agency=AGENCY)
            seen += [entry.amount for entry in page.entries]
            before = page.before or ""
            if not before:
                break
    assert seen == [-4, -3, -2, -1, 100000000]


def test_an_agencys_token_opens_the_same_readings(town: Town) -> None:
    import asyncio

    town.pay("chongqing", 5)
    town.work()
    served = door.Door(
        url="", secret="s", reads=lambda agency, what, asked: (200, json.dumps([agency, what, asked]).encode())
    )

    def asked(path: str, query: bytes, token: str) -> tuple[int, Any]:
        sent: list[dict[str, Any]] = []

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": b""}

        scope = {"type": "http", "path": door.PREFIX + path, "method": "GET", "query_string": query,
                 "headers": [(b"authorization", f"Bearer {token}".encode())]}  # fmt: skip
        asyncio.run(served.serve(scope, receive, send))
        return sent[0]["status"], json.loads(sent[1]["body"])

    assert asked("windows/3", b"service=x", door.token("s", "hrss")) == (200, ["hrss", "windows/3", {"service": "x"}])
    assert asked("windows", b"", door.token("other", "hrss"))[0] == 401
    with town.at("chongqing"):
        status, body = api.answered(AGENCY, "windows", {})
        assert (status, len(json.loads(body))) == (200, 1)
        status, body = api.answered("nhsa", "windows/1", {})
        assert (status, json.loads(body)["refused"]) == (404, "not_found")
        assert Instruction.objects.exists()


def test_a_book_nobody_wrote_an_instruction_for_is_read_too(town: Town) -> None:
    with town.at("chongqing"):
        post_alone(BOOK, "fund", "bank", 3)
        assert {a.name for a in queries.ledger_accounts(AGENCY)} >= {"fund", "bank"}
