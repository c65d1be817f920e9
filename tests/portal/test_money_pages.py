"""Bills explained, the wallet and the cashier's counter, over two nodes: what each sees, what nobody may, and that it adds up."""

import csv
import io
import json
from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from django.test import Client
from markup import read
from world import World

from chuanyu.cases import actions as cases
from chuanyu.cases import cashier, diagram
from chuanyu.cases.models import Case
from chuanyu.clearing import audit, booking, legs, queries
from chuanyu.clearing.actions import fund
from chuanyu.core import days
from chuanyu.core.catalogue import catalogue
from chuanyu.core.ids import uuid7
from chuanyu.core.money import Money
from chuanyu.core.numbers import make_person_number
from chuanyu.exchange import actions as exchange
from chuanyu.exchange import installed
from chuanyu.identity import actions as identity
from chuanyu.identity import vault
from chuanyu.identity.actor import Actor

CHRONIC, WALLET, MEDICAL = "chronic_outpatient", "family_wallet", "medical_settlement"
HOME, CARE = "chongqing", "sichuan"  # where the patient is insured, and where the hospital is
LINES = [
    {"name": "降压药", "amount": "200.00", "disease": "M03900"},
    {"name": "胰岛素", "amount": "150.00", "disease": "M01600"},
    {"name": "保健品", "amount": "30.00", "list_class": "c"},
]


class Town(World):
    """A patient insured at home, a hospital over the border, and browsers at both nodes."""

    def __init__(self, nodes: Any, sign_in: Callable[..., None]) -> None:
        super().__init__(nodes)
        self.sign_in = sign_in
        self.number = make_person_number(division="500000", birth=date(1985, 5, 20), sequence=11, sex="male")
        self.entered = {"insurance": {"scheme": "resident"}, "qualification": {"diseases": [M03900]}}
        for node in (HOME, CARE):
            with self.at(node):
                fund(agency="nhsa", service=CHRONIC, amount=Money.parse("100000.00"))

    def work(self, node: str) -> int:
        moved = super().work(node)
        with self.at(node):
            return moved + cases.act_due()

    def clerk(self, node: str) -> Actor:
        return Actor(kind="staff", user="clerk-nhsa", node=node, agency="nhsa", roles=frozenset({"clerk"}))

    def enter(self, node: str, service: str, **documents: Any) -> None:
        with self.at(node):
            for name, body in documents.items():
                exchange.put(
                    agency="nhsa", document=f"{service}.{name}", person=self.person(node), body=body,
                    valid_from=date(2020, 1, 1), source="test",
                )  # fmt: skip

    def file(self, service: str, node: str, **documents: Any) -> UUID:
        with self.at(node):
            return cases.start(
                service=service, actor=self.resident(node), person=self.person(node), documents=documents,
                request_id=uuid7(),
            ).case  # fmt: skip

    def priced(self) -> UUID:
        """A visit that the place of insurance has computed and reserved."""
        self.enter(HOME, CHRONIC, **self.entered)
        case = self.file(CHRONIC, CARE, visit={"place": "510107"})
        self.act(CARE, case, "bill", documents={"bill": bill()})
        self.settle()
        assert self.state(CARE, case) == "priced"
        return case

    def browser(self, node: str, who: str) -> Client:
        """`who`: patient, stranger or a clerk's agency. Use it inside `at(node)`."""
        client = Client()
        with self.at(node):
            if who == "patient":
                user = identity.create_resident(
                    username=f"patient-{node}", password="x", person=self.person(node), display="*民"
                )
            elif who == "stranger":
                number = make_person_number(division="500000", birth=date(1990, 1, 9), sequence=12, sex="female")
                user = identity.create_resident(
                    username=f"stranger-{node}", password="x", person=vault.enrol(number), display="*人"
                )
            else:
                user = identity.create_staff(username=f"clerk-{who}", password="x", agency=who, role="clerk")
            self.sign_in(client, user)
        return client


M03900 = {"disease": "M03900", "since": "2020-01-01"}


def bill(number: str = "OP-1") -> dict[str, Any]:
    today = days.today().isoformat()
    return {
        "number": number, "place": "510107", "seen_on": today, "lines": LINES, "opened": [{"disease": "M03900"}],
    }  # fmt: skip


@pytest.fixture
def town(two_nodes: Any, sign_in: Callable[..., None]) -> Iterator[Town]:
    installed.establish(two_nodes.places.values())
    yield Town(two_nodes, sign_in)


def page(client: Client, town: Town, node: str, path: str, **headers: Any) -> Any:
    with town.at(node):
        return client.get(path, **headers)


def rows(answer: Any) -> list[dict[str, str]]:
    assert answer.headers["Content-Type"].startswith("text/csv")
    return list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))


# ---- the bill


@pytest.mark.parametrize("language", ["zh-hans", "en"])
def test_a_patient_reads_the_bill_total_first_and_line_by_line(town: Town, language: str) -> None:
    case = town.priced()
    patient = town.browser(CARE, "patient")
    patient.cookies["chuanyu_language"] = language
    tracker = read(page(patient, town, CARE, f"/cases/{case}/"))
    assert "195.00" in tracker.text and "185.00" in tracker.text  # the fund pays, you pay
    assert f"/cases/{case}/bills/settlement/" in [a.get("href") for a in tracker.root.all("a")]
    seen = read(page(patient, town, CARE, f"/cases/{case}/bills/settlement/"))
    said = ["OP-1", "60%", "50%", "(200.00 − 0.00) × 60% = 120.00"]
    said += (
        ["您付", "丙类（目录外），全部自费", "已预留", "示例参数"] if language == "zh-hans" else ["You pay", "Reserved"]
    )
    for each in said:
        assert each in seen.text, each
    assert seen.root.all("svg") and "qr" in [e.get("class") for e in seen.root.all("svg")]


def test_a_bill_adds_up_on_the_page_in_the_file_and_in_the_api(town: Town) -> None:
    case = town.priced()
    patient = town.browser(CARE, "patient")
    found = rows(page(patient, town, CARE, f"/cases/{case}/bills/settlement/?as=csv"))
    totals = {key: sum(Decimal(row[key]) for row in found) for key in ("金额", "基金支付", "个人负担")}
    assert totals == {"金额": Decimal("380.00"), "基金支付": Decimal("195.00"), "个人负担": Decimal("185.00")}
    assert [row["项目名称"] for row in found] == ["降压药", "胰岛素", "保健品"]
    assert found[2]["原因"] == "丙类（目录外），全部自费" and "医保发〔2022〕22号" in found[2]["依据"]
    told = json.loads(page(patient, town, CARE, f"/api/cases/{case}/bills/settlement").content)
    assert (told["total"]["value"], told["fund"]["value"], told["patient"]["value"]) == ("380.00", "195.00", "185.00")
    assert sum(Decimal(line["fund"]) for line in told["lines"]) == Decimal("195.00")
    assert {step["certainty"] for group in told["groups"] for step in group["steps"] if step["ref"]} == {"illustrative"}
    assert page(patient, town, CARE, f"/api/cases/{case}/bills/nothing").status_code == 404


def test_nobody_else_sees_a_bill_or_its_receipt(town: Town) -> None:
    case = town.priced()
    stranger, other = town.browser(CARE, "stranger"), town.browser(CARE, "hrss")
    transfer = town.view(CARE, case).transfers[0].id
    for client in (stranger, other):
        for path in (f"/cases/{case}/bills/settlement/", f"/cases/{case}/receipts/{transfer}/"):
            assert page(client, town, CARE, path).status_code == 404, path
        assert page(client, town, CARE, f"/api/cases/{case}/bills/settlement").status_code == 404
    clerk = town.browser(CARE, "nhsa")
    seen = read(page(clerk, town, CARE, f"/cases/{case}/bills/settlement/"))
    assert "个人负担" in seen.text and "您付" not in seen.text
    read(page(clerk, town, CARE, f"/counter/{case}/"))


def test_the_ratio_says_its_points_one_by_one() -> None:
    """Points are shown as points: 85 % less 10 points is 75 %."""
    settled = next(
        row["expect"]["value"]
        for row in catalogue()[MEDICAL].examples["decisions"]
        if row["rule"] == "settlement" and row["expect"]["value"]["ratio"] == "0.75"
    )
    cut = next(step for step in settled["steps"] if step["what"] == "cut")
    assert cut["points"] == "-0.10" and "ratio" not in cut


# ---- the cashier


def test_a_cashier_settles_and_reverses_with_the_amounts_in_large(town: Town) -> None:
    case = town.priced()
    clerk = town.browser(CARE, "nhsa")
    queue = read(page(clerk, town, CARE, "/counter/cashier/"))
    assert [e.get("role") for e in queue.root.all("p") if e.get("id") == "said"] == ["status"]
    news = page(
        clerk, town, CARE, "/counter/cashier/?part=line&seen=x", headers={"HX-Request": "true"}
    ).content.decode()
    assert '<p id="said" hx-swap-oob="innerHTML">排队有变化，现在' in news and 'role="status"' not in news
    assert "OP-1" in queue.text and "185.00" in queue.text and "收费窗口" in queue.one("title").text
    till = read(page(clerk, town, CARE, f"/counter/cashier/?case={case}"))
    button = next(e for e in till.root.all("button") if "收取个人部分并结算" in e.text)
    assert "185.00" in button.text and button.get("accesskey") == "y"
    assert next(e.text for e in till.root.all("button") if "结算" in e.text) == button.text  # the main step comes first
    press(clerk, town, case, "settle", till)
    town.settle()
    settled = page(clerk, town, CARE, f"/counter/cashier/?case={case}")
    assert "已入账" in read(settled).text and "已结算，当日可撤销" in read(settled).text
    answer = press(clerk, town, case, "reverse", read(settled), **{"reversal-bill": "OP-1", "reversal-cause": ""})
    assert answer.status_code == 422 and read(answer).summary  # the cause is missing: said at its field
    press(clerk, town, case, "reverse", read(settled), **{"reversal-bill": "OP-1", "reversal-cause": "退药"})
    town.settle()
    assert town.state(CARE, case) == "reversed"


def test_a_stale_page_takes_no_step_twice(town: Town) -> None:
    case = town.priced()
    clerk = town.browser(CARE, "nhsa")
    till = read(page(clerk, town, CARE, f"/counter/cashier/?case={case}"))
    press(clerk, town, case, "settle", till)
    town.settle()
    assert press(clerk, town, case, "settle", till).status_code == 409
    assert town.state(CARE, case) == "settled"


def test_the_day_comes_to_what_was_settled_less_what_was_reversed(town: Town) -> None:
    clerk = town.browser(CARE, "nhsa")
    for number in ("OP-1", "OP-2"):
        case = town.file(CHRONIC, CARE, visit={"place": "510107"}) if number == "OP-2" else town.priced()
        if number == "OP-2":
            town.act(CARE, case, "bill", documents={"bill": bill(number)})
            town.settle()
        town.act(CARE, case, "settle")
        town.settle()
        if number == "OP-1":
            town.act(CARE, case, "reverse", documents={"reversal": {"bill": number, "cause": "退药"}})
            town.settle()
        assert town.state(CARE, case) in ("settled", "reversed")
    read(page(clerk, town, CARE, "/counter/cashier/day/"))
    (row,) = rows(page(clerk, town, CARE, "/counter/cashier/day/?csv=takings"))
    assert (row["结算笔数"], row["撤销笔数"]) == ("2", "1")
    assert Decimal(row["结算金额"]) - Decimal(row["撤销金额"]) == Decimal(row["净额"]) > 0
    payer = town.browser(HOME, "nhsa")
    (paid,) = rows(page(payer, town, HOME, "/counter/cashier/day/?csv=takings"))
    assert paid["方向"] == "我方付出" and paid["净额"] == row["净额"]  # both books say the same


def test_a_long_line_says_how_many_there_are_pages_on_and_is_searched_whole(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cashier, "LIMIT", 2)
    town.enter(HOME, CHRONIC, **town.entered)
    filed = [town.file(CHRONIC, CARE, visit={"place": "510107"})]
    town.act(CARE, filed[0], "bill", documents={"bill": bill("OP-LAST")})
    town.settle()  # it is the oldest, and lies at the other side or waits to be settled
    filed += [_alike(town, filed[0]) for _ in range(4)]
    clerk = town.browser(CARE, "nhsa")
    seen: list[str] = []
    address = "/counter/cashier/"
    while address:
        queue = read(page(clerk, town, CARE, address))
        assert "共 5 件" in queue.text, queue.text
        seen += [each for a in queue.root.all("a") for each in map(str, filed) if f"case={each}" in a.get("href")]
        address = next((a.get("href") for a in queue.root.all("a") if a.get("rel") == "next"), "")
    assert sorted(seen) == sorted(map(str, filed))
    for typed in ("op-last", str(filed[0])):
        answer = page(clerk, town, CARE, f"/counter/cashier/?q={typed}")
        assert answer.status_code == 302 and f"case={filed[0]}" in answer.headers["Location"], typed
    found = read(page(clerk, town, CARE, "/counter/cashier/?q=CY-&page=2"))
    assert "第 3 到 4 件" in found.text
    till = read(page(clerk, town, CARE, f"/counter/cashier/?case={filed[0]}&page=3"))
    assert "OP-LAST" in till.text or "195.00" in till.text


def _alike(town: Town, case: UUID) -> UUID:
    """One more case like it, of somebody else."""
    with town.at(CARE):
        row = Case.objects.get(pk=case)
        row.pk, row.person, row.reference = uuid7(), uuid7(), f"CY-{str(uuid7())[-14:].upper()}"
        row.save(force_insert=True)
        return UUID(str(row.pk))


def test_cashiers_are_read_off_the_procedures() -> None:
    """Who makes money move for good is a cashier, in every service; who only computes is not."""
    found = {
        key: cashier._cashiers(service, party.agency)
        for key, service in catalogue().items()
        if service.procedure and service.postings
        for party in service.procedure.parties.values()
    }
    assert found[CHRONIC] == ("care_place",) and found[MEDICAL] == ("care_place",)
    assert found[WALLET] == ("receiving",)
    procedure = catalogue()[MEDICAL].procedure
    assert procedure
    effects = {
        act.name: cashier.effect(procedure, act)
        for state in procedure.states.values()
        for act in state.does.values()
        if act.by == "owner"
    }
    assert effects["bill"] == "reserve" and effects["settle"] == "post"
    assert effects["cancel"] == "void" and effects["reverse"] == "reverse" and effects["reconcile"] == ""


def test_the_line_names_nobody_and_is_only_the_agencys(town: Town) -> None:
    town.priced()
    clerk, other = town.browser(CARE, "nhsa"), town.browser(CARE, "hrss")
    with town.at(CARE):
        name = vault.reveal(town.person(CARE), purpose="test", by="test").name
    queue = page(clerk, town, CARE, "/counter/cashier/")
    assert not name or name not in queue.content.decode()
    assert "OP-1" not in page(other, town, CARE, "/counter/cashier/").content.decode()
    assert page(town.browser(CARE, "patient"), town, CARE, "/counter/cashier/").status_code == 403


# ---- the wallet


@pytest.fixture
def by_day(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHUANYU_TIME", "10:00:00")


def sent(town: Town, amount: str = "1500.00") -> UUID:
    person = town.person(HOME)
    with town.at(HOME):
        fund(agency="nhsa", service=WALLET, amount=Money.parse("2000.00"), account=f"person/{person}")
    kin = {"relatives": [{"wallet": "SC20250001", "relation": "parent"}]}
    town.enter(HOME, WALLET, insurance={"employee": True}, kinship=kin)
    case = town.file(WALLET, HOME, gift={"wallet": "SC20250001", "amount": amount})
    town.settle()
    assert town.state(HOME, case) == "offered"
    return case


@pytest.mark.parametrize("language", ["zh-hans", "en"])
def test_a_wallet_says_what_is_free_what_is_on_its_way_and_what_may_still_be_sent(
    town: Town, by_day: None, language: str
) -> None:
    sent(town)
    patient = town.browser(HOME, "patient")
    patient.cookies["chuanyu_language"] = language
    seen = read(page(patient, town, HOME, "/money/"))
    for said in ("500.00", "1,500.00", "2,000.00", "06:00", "22:00"):
        assert said in seen.text, said
    assert ("到时退回" if language == "zh-hans" else "it goes back") in seen.text
    left = ("今天还可转（笔） 2", "Transfers left today 2")[language == "en"]
    assert left in seen.text
    read(page(patient, town, HOME, f"/money/{WALLET}/CNY/"))


def test_a_statement_has_the_balance_after_each_and_a_receipt_for_it(town: Town, by_day: None) -> None:
    case = sent(town)
    town.act(CARE, case, "accept", documents={"acceptance": {"wallet": "SC20250001"}})
    town.settle()
    assert town.state(HOME, case) == "done"
    patient = town.browser(HOME, "patient")
    out, came = rows(page(patient, town, HOME, f"/money/{WALLET}/CNY/?as=csv"))
    assert (came["收入"], came["余额"]) == ("2000.00", "2000.00") and (out["支出"], out["余额"]) == (
        "1500.00",
        "500.00",
    )
    receipt = read(page(patient, town, HOME, f"/cases/{case}/receipts/{out['流水号']}/"))
    assert "您的个人账户" in receipt.text and "1,500.00" in receipt.text and "已入账" in receipt.text
    assert "家庭共济转账" in receipt.text
    assert "家庭共济转账" in read(page(patient, town, HOME, "/money/")).text
    (shown,) = town.view(HOME, case).transfers  # the reservation it came from is not shown beside it
    assert shown.kind == "post" and shown.status == "posted"


def test_nobody_elses_account_can_be_asked_for(town: Town, by_day: None) -> None:
    case = sent(town)
    stranger, clerk = town.browser(HOME, "stranger"), town.browser(HOME, "nhsa")
    assert page(stranger, town, HOME, f"/money/{WALLET}/CNY/").status_code == 404
    assert "500.00" not in page(stranger, town, HOME, "/money/").content.decode()
    assert page(clerk, town, HOME, f"/money/{WALLET}/CNY/").status_code == 403
    transfer = town.view(HOME, case).transfers[0].id
    assert page(stranger, town, HOME, f"/cases/{case}/receipts/{transfer}/").status_code == 404
    assert page(stranger, town, HOME, f"/money/{WALLET}/CNY/?before=9.9").status_code == 404


# ---- procedures and guides


def test_steps_that_happen_by_themselves_are_named_as_the_systems(town: Town) -> None:
    procedure = catalogue()[MEDICAL].procedure
    assert procedure
    price = next(row for row in diagram.table(procedure) if row.auto and row.decide == "may_settle")
    assert price.by == "insured_place" and not price.timed
    guide = read(page(Client(), town, HOME, f"/services/{MEDICAL}/"))
    assert "四川省医疗保障局的系统，自动" in guide.text and "⚙" in guide.text


@pytest.mark.parametrize(
    ("service", "days_", "outside"),
    [
        (MEDICAL, "6个工作日", "不含：已登记，待上传费用"),  # the 120 days of the stay are not the agencies'
        ("supplies_mutual_aid", "41个工作日", "不含：使用中"),
        ("pension_transfer", "45个工作日", ""),  # corrections are on no main path
    ],
)
def test_the_guide_adds_up_what_the_agencies_may_take_and_names_what_it_leaves_out(
    town: Town, service: str, days_: str, outside: str
) -> None:
    guide = read(page(Client(), town, HOME, f"/services/{service}/"))
    length = guide.text.partition("法定时限")[2].partition("服务承诺")[0]
    assert days_ in length.replace(" ", "") and (outside or "合计") in length
    assert bool(outside) is ("不含" in length)


def test_the_guide_of_a_service_without_a_procedure_says_that_nothing_is_to_be_done(town: Town) -> None:
    guide = read(page(Client(), town, HOME, "/services/transit_card/"))
    assert "不用申请" in guide.text and "现在申请" not in guide.text and "{'" not in guide.text


def press(client: Client, town: Town, case: UUID, act: str, seen: Any, **typed: str) -> Any:
    """Press a step's button as the page has it."""
    form = next(f for f in seen.root.all("form") if f.get("action").endswith(f"/acts/{act}/"))
    held = {e.get("name"): e.get("value") for e in form.all("input") if e.get("name")}
    with town.at(CARE):
        return client.post(f"/counter/cashier/{case}/acts/{act}/", held | typed)


# ---- who receives it


def mother(town: Town, wallet: str = "SC20250001") -> Client:
    """Somebody insured at CARE whose wallet it is: the browser's `stranger`."""
    client = town.browser(CARE, "stranger")
    with town.at(CARE):
        person = vault.find(make_person_number(division="500000", birth=date(1990, 1, 9), sequence=12, sex="female"))
        assert person
        exchange.put(
            agency="nhsa", document=f"{WALLET}.holder", person=person, body={"wallet": wallet},
            valid_from=date(2020, 1, 1), source="test",
        )  # fmt: skip
    return client


@pytest.mark.parametrize("language", ["zh-hans", "en"])
def test_who_receives_sees_what_is_coming_from_where_and_until_when(town: Town, by_day: None, language: str) -> None:
    case, receiver = sent(town), mother(town)
    receiver.cookies["chuanyu_language"] = language
    seen = read(page(receiver, town, CARE, "/money/"))
    from_ = ("重庆市医疗保障局", "Chongqing Healthcare Security Bureau")[language == "en"]
    for said in ("1,500.00", from_, "06:00", ("到时退回", "Go back in the morning")[language == "en"]):
        assert said in seen.text, said
    assert f"/cases/{case}/" not in [a.get("href") for a in seen.root.all("a")]  # it is the sender's case
    assert page(receiver, town, CARE, f"/cases/{case}/").status_code == 404
    assert "h-incoming" not in page(town.browser(CARE, "patient"), town, CARE, "/money/").content.decode()


def test_what_was_accepted_is_in_the_receivers_account_and_what_she_spends_too(town: Town, by_day: None) -> None:
    case, receiver = sent(town), mother(town)
    town.act(CARE, case, "accept", documents={"acceptance": {"wallet": "SC20250001"}})
    town.settle()
    assert town.state(HOME, case) == "done"
    seen = read(page(receiver, town, CARE, "/money/"))
    assert "转给您、还没有到账的" not in seen.text and "1,500.00" in seen.text
    with town.at(CARE):
        person = vault.find(make_person_number(division="500000", birth=date(1990, 1, 9), sequence=12, sex="female"))
        till, own = legs.leg("fund", "CNY"), legs.leg(f"person/{person}", "CNY")
        booking.move(f"nhsa/{WALLET}", [(own, till, 20_000)], unit="CNY", code="pharmacy")
    statement = page(receiver, town, CARE, f"/money/{WALLET}/CNY/")
    text = read(statement).text
    for said in ("由重庆市医疗保障局转来", "1,500.00", "200.00", "1,300.00", "支出"):
        assert said in text, said
    assert f"/cases/{case}/" not in statement.content.decode()
    spent, came = rows(page(receiver, town, CARE, f"/money/{WALLET}/CNY/?as=csv"))
    assert (spent["支出"], spent["余额"], came["收入"]) == ("200.00", "1300.00", "1500.00")
    with town.at(CARE):
        assert audit.whole(lambda line: None, alone=True) == []


def test_a_wallet_the_register_knows_nobody_of_is_credited_to_the_fund(town: Town, by_day: None) -> None:
    """Nothing is lost: the place of insurance has it, and may give it to whose it is."""
    case, receiver = sent(town), mother(town, wallet="SC99999999")
    assert "1,500.00" not in read(page(receiver, town, CARE, "/money/")).text
    town.act(CARE, case, "accept", documents={"acceptance": {"wallet": "SC20250001"}})
    town.settle()
    with town.at(CARE):
        balances = {account.name: account.balance for account in queries.accounts(f"nhsa/{WALLET}")}
    assert balances["fund"] == 150_000 and not any(name.startswith("person/") for name in balances)


def test_who_sends_it_back_leaves_nothing_coming(town: Town, by_day: None) -> None:
    case, receiver = sent(town), mother(town)
    town.act(CARE, case, "decline")
    town.settle()
    seen = read(page(receiver, town, CARE, "/money/"))
    assert "1,500.00" not in seen.text
