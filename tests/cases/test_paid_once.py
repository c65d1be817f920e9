"""Money services by hand and by themselves, at both nodes: what was paid once is not paid again, however it is asked for."""

from collections.abc import Callable, Iterator
from datetime import date, datetime
from typing import Any
from uuid import UUID

import pytest
from world import World

from chuanyu.cases import actions as cases
from chuanyu.cases import cashier, queries
from chuanyu.cases.models import Case, CaseDocument
from chuanyu.clearing import actions as money
from chuanyu.clearing import byhand, differences, windows
from chuanyu.clearing import queries as clearing
from chuanyu.clearing.actions import ClearingError, fund
from chuanyu.core.days import SHANGHAI
from chuanyu.core.ids import uuid7
from chuanyu.core.money import Money
from chuanyu.exchange import actions as exchange
from chuanyu.exchange import installed
from chuanyu.identity.actor import Actor

WALLET, PILOT, FUND, CHRONIC = "family_wallet", "gaozhu_pilot", "provident_fund_transfer", "chronic_outpatient"
HOME, THERE = "sichuan", "chongqing"


class Desk(World):
    """One service and its agency at both nodes, whose workers also do what happens by itself."""

    def __init__(self, nodes: Any, service: str, agency: str) -> None:
        super().__init__(nodes)
        self.service, self.agency = service, agency

    def work(self, node: str) -> int:
        moved = super().work(node)
        with self.at(node):
            return moved + cases.act_due()

    def clerk(self, node: str) -> Actor:
        return Actor(kind="staff", user="c", node=node, agency=self.agency, roles=frozenset({"clerk"}))

    def money(self, node: str, amount: str, account: str = "fund") -> None:
        with self.at(node):
            fund(agency=self.agency, service=self.service, amount=Money.parse(amount), account=account)

    def enter(self, node: str, **documents: Any) -> None:
        with self.at(node):
            for name, body in documents.items():
                exchange.put(
                    agency=self.agency, document=f"{self.service}.{name}", person=self.person(node), body=body,
                    valid_from=date(2020, 1, 1), source="test",
                )  # fmt: skip

    def file(self, node: str, **documents: Any) -> UUID:
        with self.at(node):
            return cases.start(
                service=self.service, actor=self.resident(node), person=self.person(node), documents=documents,
                request_id=uuid7(),
            ).case  # fmt: skip

    def reason(self, node: str, case: UUID) -> str:
        with self.at(node):
            last = Case.objects.get(pk=case).events.order_by("sequence").last()
            assert last is not None
            return (last.body.get("outcome") or {}).get("reason", "")


@pytest.fixture
def desk(two_nodes: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, str], Desk]]:
    monkeypatch.setenv("CHUANYU_TIME", "10:00:00")
    installed.establish(two_nodes.places.values())
    yield lambda service, agency: Desk(two_nodes, service, agency)


def wallet(desk: Callable[[str, str], Desk], balance: str) -> Desk:
    nhsa = desk(WALLET, "nhsa")
    nhsa.money(HOME, balance, account=f"person/{nhsa.person(HOME)}")
    kin = {"relatives": [{"wallet": "CQ20250001", "relation": "parent"}]}
    nhsa.enter(HOME, insurance={"employee": True}, kinship=kin)
    return nhsa


def test_the_fourth_transfer_of_a_day_is_refused_though_all_were_filed_at_once(desk: Any) -> None:
    nhsa = wallet(desk, "10000.00")
    gifts = [nhsa.file(HOME, gift={"wallet": "CQ20250001", "amount": "100.00"}) for _ in range(4)]
    nhsa.settle()
    assert [nhsa.state(HOME, gift) for gift in gifts] == ["offered"] * 3 + ["refused"]
    assert nhsa.reason(HOME, gifts[3]) == "count"


def test_what_the_ledger_refused_is_no_transfer_and_the_sender_may_take_it_back(desk: Any) -> None:
    nhsa = wallet(desk, "50.00")
    short = [nhsa.file(HOME, gift={"wallet": "CQ20250001", "amount": "100.00"}) for _ in range(2)]
    nhsa.settle()
    assert [nhsa.state(HOME, gift) for gift in short] == ["filed"] * 2
    assert nhsa.reason(HOME, short[0]) == "posting_insufficient"
    nhsa.act(HOME, short[1], "withdraw", by=nhsa.resident(HOME))
    assert nhsa.state(HOME, short[1]) == "withdrawn"
    nhsa.money(HOME, "1000.00", account=f"person/{nhsa.person(HOME)}")
    nhsa.act(HOME, short[0], "check")
    nhsa.settle()
    assert nhsa.state(HOME, short[0]) == "offered"
    more = [nhsa.file(HOME, gift={"wallet": "CQ20250001", "amount": "100.00"}) for _ in range(3)]
    nhsa.settle()
    states = sorted(nhsa.state(HOME, gift) for gift in more)  # all filed at ten o'clock: whichever comes last
    assert states == ["offered", "offered", "refused"]  # it was the first of three


def test_two_applications_for_one_month_are_paid_once_though_the_link_was_down(desk: Any) -> None:
    dev = desk(PILOT, "dev")
    dev.money(HOME, "1000.00")
    dev.enter(HOME, residence={"grid": "GZ-1", "since": "2023-03-01", "verified": True})
    dev.link = False
    both = [dev.file(HOME, application={"item": "care", "month": "2025-05-01"}) for _ in range(2)]
    dev.settle()
    dev.link = True
    dev.settle()
    states = {str(dev.state(HOME, case)): case for case in both}  # which of the two comes first is nobody's matter
    assert sorted(states) == ["paid", "refused"]
    assert dev.reason(HOME, states["refused"]) == "double_benefit"


def test_an_account_is_moved_once(desk: Any) -> None:
    housing = desk(FUND, "housing")
    housing.enter(HOME, new_account={"opened_on": "2024-12-02", "months": 6})
    old = {"balance": "38200.55", "interest": "286.50", "months": 41, "sealed": True}
    housing.enter(THERE, old_account=old)
    first = housing.file(HOME, application={})
    housing.settle()
    housing.act(THERE, first, "release")
    housing.settle()
    assert housing.state(THERE, first) == "asked"  # the old place's fund was empty: nothing moved
    housing.money(THERE, "100000.00")
    housing.act(THERE, first, "release")
    housing.settle()
    assert housing.state(HOME, first) == "done"
    again = housing.file(HOME, application={})
    housing.settle()
    housing.act(THERE, again, "release")
    housing.settle()
    assert housing.state(HOME, again) == "refused" and housing.reason(HOME, again) == "moved_already"


def test_a_bill_is_settled_once_whatever_came_between(desk: Any) -> None:
    nhsa = desk(CHRONIC, "nhsa")
    nhsa.money(THERE, "1000.00")
    nhsa.enter(
        THERE,
        insurance={"scheme": "resident"},
        qualification={"diseases": [{"disease": "M03900", "since": "2020-01-01"}]},
    )
    states = []
    for number in ("OP-1", "OP-2", "OP-1"):
        case = nhsa.file(HOME, visit={"place": "510107"})
        line = {"name": "降压药", "amount": "200.00", "disease": "M03900"}
        opened = [{"disease": "M03900"}]
        bill = {"number": number, "place": "510107", "seen_on": "2025-06-10", "lines": [line], "opened": opened}
        nhsa.act(HOME, case, "bill", documents={"bill": bill})
        nhsa.settle()
        if nhsa.state(HOME, case) == "priced":
            nhsa.act(HOME, case, "settle")
            nhsa.settle()
            nhsa.act(HOME, case, "reconcile")
            nhsa.settle()
        states.append(nhsa.state(HOME, case))
    assert states == ["closed", "closed", "refused"]


def test_the_same_month_from_the_other_province_is_refused_in_either_order(desk: Any) -> None:
    dev = desk(PILOT, "dev")
    for first, second in ((HOME, THERE), (THERE, HOME)):
        month = {"item": "care", "month": "2025-05-01" if first == HOME else "2025-06-01"}
        for node in (first, second):
            dev.money(node, "1000.00")
            dev.enter(node, residence={"grid": "GZ-1", "since": "2023-03-01", "verified": True})
        paid = dev.file(first, application=month)
        dev.settle()
        refused = dev.file(second, application=month)
        dev.settle()
        assert (dev.state(first, paid), dev.state(second, refused)) == ("paid", "refused")
        assert dev.reason(second, refused) == "double_benefit"


# --- one fen short ----------------------------------------------------------------------------------------------------


def short(nhsa: Desk) -> tuple[UUID, Money]:
    """A patient of Chongqing at a hospital in Sichuan; the fund at home has nothing. The case, and what it lacks."""
    qualified = {"diseases": [{"disease": "M03900", "since": "2020-01-01"}]}
    nhsa.enter(THERE, insurance={"scheme": "resident"}, qualification=qualified)
    case = nhsa.file(HOME, visit={"place": "510107"})
    line = {"name": "降压药", "amount": "200.00", "disease": "M03900"}
    bill = {
        "number": "OP-1",
        "place": "510107",
        "seen_on": "2025-06-10",
        "lines": [line],
        "opened": [{"disease": "M03900"}],
    }
    nhsa.act(HOME, case, "bill", documents={"bill": bill})
    nhsa.settle()
    assert (nhsa.state(THERE, case), nhsa.reason(THERE, case)) == ("pricing", "posting_insufficient")
    with nhsa.at(THERE):
        settlement = CaseDocument.objects.filter(case=case, name="settlement").latest("sequence").body
    return case, Money.parse(settlement["fund"])


def a_minute_passes(nhsa: Desk) -> None:
    for node in (HOME, THERE):
        with nhsa.at(node):
            Case.objects.exclude(acts_at=None).update(acts_at="2020-01-01T00:00Z")
    nhsa.settle()


def test_what_the_fund_lacked_is_paid_by_itself_once_it_is_there_and_not_a_fen_sooner(desk: Any) -> None:
    nhsa = desk(CHRONIC, "nhsa")
    case, lacks = short(nhsa)
    nhsa.money(THERE, str(lacks - Money(1)))
    with nhsa.at(THERE):
        before = Case.objects.get(pk=case).sequence
    for _ in range(3):
        a_minute_passes(nhsa)
    with nhsa.at(THERE):
        assert Case.objects.get(pk=case).sequence == before  # it was looked up, not tried
    nhsa.money(THERE, "0.01")
    a_minute_passes(nhsa)
    assert nhsa.state(HOME, case) == "priced"
    nhsa.same(case)


def test_a_clerk_of_the_place_of_insurance_need_not_wait_for_the_minute(desk: Any) -> None:
    nhsa = desk(CHRONIC, "nhsa")
    case, lacks = short(nhsa)
    nhsa.money(THERE, str(lacks))
    nhsa.act(THERE, case, "price")
    nhsa.settle()
    assert nhsa.state(HOME, case) == "priced"


@pytest.mark.parametrize(("act", "state"), [("recall", "opened"), ("self_pay", "by_hand")])
def test_the_hospital_takes_its_patient_out_of_the_wait_for_money(desk: Any, act: str, state: str) -> None:
    nhsa = desk(CHRONIC, "nhsa")
    case, lacks = short(nhsa)
    with nhsa.at(HOME):
        offered = {each.name for each in queries.view(case, nhsa.clerk(HOME)).acts}
    assert offered == {"recall", "self_pay"}
    nhsa.act(HOME, case, act)
    nhsa.settle()
    assert nhsa.state(HOME, case) == nhsa.state(THERE, case) == state
    nhsa.money(THERE, str(lacks))
    a_minute_passes(nhsa)
    assert nhsa.state(HOME, case) == state  # the money comes too late, and nothing is reserved
    nhsa.same(case)


def test_what_is_reserved_already_is_not_taken_back_by_a_late_request(desk: Any) -> None:
    nhsa = desk(CHRONIC, "nhsa")
    case, lacks = short(nhsa)
    nhsa.money(THERE, str(lacks))
    nhsa.link = False
    nhsa.act(HOME, case, "recall")
    a_minute_passes(nhsa)
    nhsa.link = True
    nhsa.settle()
    assert nhsa.state(HOME, case) == nhsa.state(THERE, case) == "priced"
    nhsa.same(case)


# --- what the other node never had -------------------------------------------------------------------------------------


def test_what_the_hospital_never_had_is_adjusted_and_paid_anew_to_the_same_case(
    desk: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHUANYU_TODAY", "2025-06-10")
    monkeypatch.setattr(differences, "PATIENCE", 0.0)
    nhsa = desk(CHRONIC, "nhsa")
    case, lacks = short(nhsa)
    nhsa.money(THERE, str(lacks))
    a_minute_passes(nhsa)
    nhsa.act(HOME, case, "settle")
    # the hospital's node loses the mirror: it takes the step, but not the money
    with monkeypatch.context() as broken:
        broken.setattr("chuanyu.cases.messages._mirror", lambda *_: None)
        nhsa.settle()
    assert [t.status for t in nhsa.view(THERE, case).transfers][1:] == ["posted"]
    assert [t.status for t in nhsa.view(HOME, case).transfers] == ["reserved"]  # it never heard of more
    officer = {
        node: Actor(kind="staff", user="o", node=node, agency="nhsa", roles=frozenset({"officer"}))
        for node in (HOME, THERE)
    }
    with nhsa.at(THERE):
        window = windows.Window.objects.get()
        windows.begin(window)
    paid = nhsa.view(THERE, case).transfers[-1].id
    with nhsa.at(THERE):
        lost = differences.Line(paid, False, lacks.fen, None)  # what the hospital's node would say
        monkeypatch.setattr(differences, "lines", lambda _scope: iter([lost]))
        differences.compare(window)
        (found,) = clearing.differences(window=window.pk)
        with pytest.raises(ClearingError) as refused:
            byhand.pay_again(difference=found.id, actor=officer[THERE], why="too early")
        assert refused.value.code == "not_payable"
        made = money.adjust(difference=found.id, actor=officer[THERE], note="对方没有这一笔")
        assert (made.case, made.sequence > 0) == (case, True)
    nhsa.settle()
    assert [t.status for t in nhsa.view(THERE, case).transfers][1:] == ["adjusted"]
    midnight, tomorrow = datetime(2020, 1, 1, tzinfo=SHANGHAI), datetime(2100, 1, 1, tzinfo=SHANGHAI)
    with nhsa.at(THERE):
        (day,) = cashier.takings(officer[THERE], midnight, tomorrow)
    assert (day.amount, day.returned, day.net) == (str(lacks), str(lacks), "0.00")
    with nhsa.at(THERE):
        byhand.pay_again(difference=found.id, actor=officer[THERE], why="补付给医院")
        with pytest.raises(ClearingError):
            byhand.pay_again(difference=found.id, actor=officer[THERE], why="twice")
    nhsa.settle()
    assert [t.status for t in nhsa.view(THERE, case).transfers][1:] == ["adjusted", "posted"]
    assert [(t.status, t.amount) for t in nhsa.view(HOME, case).transfers][1:] == [("posted", str(lacks))]
    with nhsa.at(HOME):
        (day,) = cashier.takings(officer[HOME], midnight, tomorrow)
        assert (day.paid, day.net) == (False, str(lacks))
        assert {a.name: a.balance for a in clearing.accounts(f"nhsa/{CHRONIC}")}["fund"] == lacks.fen
    nhsa.act(
        HOME, case, "reverse", documents={"reversal": {"bill": "OP-1", "cause": "退费"}}
    )  # gives back what was paid anew
    nhsa.settle()
    assert nhsa.state(HOME, case) == "reversed"
    with nhsa.at(HOME):
        assert {a.name: a.balance for a in clearing.accounts(f"nhsa/{CHRONIC}")}["fund"] == 0
    with nhsa.at(THERE):
        assert {a.name: a.balance for a in clearing.accounts(f"nhsa/{CHRONIC}")}["fund"] == lacks.fen
    nhsa.same(case)
