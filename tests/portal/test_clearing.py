"""Clearing for officers and the office: every page in both languages, what each may see, and what is done by hand."""

import csv
import io
import re
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone
from markup import hidden, read

from chuanyu.clearing import actions, booking, handlers, legs, posting, queries, signed, windows
from chuanyu.clearing.models import BankLine, Difference, Instruction, Order, Prepayment, Window
from chuanyu.core.ids import uuid7
from chuanyu.core.money import Money
from chuanyu.identity import accounts
from chuanyu.identity import actions as people
from chuanyu.portal.office.clearing.capital import capital

pytestmark = pytest.mark.django_db

Staff = Callable[[str], Client]
OURS, THEIRS, SERVICE = "chongqing/hrss", "sichuan/hrss", "pension_transfer"
CQ_PAYS, SC_PAYS = 1234567890, 987654321  # fen: GT-d of the catalogue, 8.3
PERSON = f"person/{uuid4()}"


def pay(amount: int, *, side: str = "payer", **more: Any) -> Instruction:
    """A transfer of this month, posted here: we pay, or (payee) they have paid."""
    payer, payee = (OURS, THEIRS) if side == "payer" else (THEIRS, OURS)
    made = actions.instruct(
        id=uuid7(), case=uuid7(), sequence=1, service=SERVICE, name="transfer_amount", side=side, payer=payer,
        payee=payee, amount=amount, unit="CNY", **{"cycle": "gross", "window": "month"} | more,
    )  # fmt: skip
    posting.work()
    return made


@pytest.fixture
def month(house: None, monkeypatch: pytest.MonkeyPatch) -> Window:
    """March 2025, open: GT-d, 12,345,678.90 against 9,876,543.21, a part of it to a person's account."""
    monkeypatch.setenv("CHUANYU_TODAY", "2025-03-20")
    monkeypatch.setattr(handlers, "_settled", [])
    actions.fund(agency="hrss", service=SERVICE, amount=Money.yuan(20_000_000))
    pay(CQ_PAYS)
    pay(SC_PAYS - 100, side="payee")
    pay(100, side="payee", target=PERSON)
    return Window.objects.get()


def close_up(text: str) -> str:
    """A page's text without the gaps between its elements."""
    return re.sub(r"\s", "", text)


def close(window: Window, monkeypatch: pytest.MonkeyPatch, *, agreed: bool = True) -> Window:
    """It is April; the other node has signed the same, or lacks a transfer."""
    monkeypatch.setenv("CHUANYU_TODAY", "2025-04-21")
    windows.begin(window)
    windows.advance(window)
    window.refresh_from_db()
    theirs = signed.statement(window)
    Window.objects.filter(pk=window.pk).update(theirs=theirs.plain, their_signature=window.signature)
    if not agreed:
        plain = dict(theirs.plain)
        plain["paid"] = {**plain["paid"], f"{OURS}>{THEIRS}": {"count": 0, "sum": "0", "sha256": signed.EMPTY.sha256}}
        Window.objects.filter(pk=window.pk).update(theirs=plain)
        transfer = Instruction.objects.get(amount=CQ_PAYS).pk
        Difference.objects.create(window=window, transfer=transfer, mirror=False, ours=CQ_PAYS, theirs=None)
    windows.advance(window)
    window.refresh_from_db()
    return window


@pytest.fixture
def closed(month: Window, monkeypatch: pytest.MonkeyPatch) -> Window:
    return close(month, monkeypatch)


@pytest.fixture
def differing(month: Window, monkeypatch: pytest.MonkeyPatch) -> Window:
    return close(month, monkeypatch, agreed=False)


@pytest.fixture
def gauge(house: None) -> Prepayment:
    """A prepayment of 60 million of which 70 % are used."""
    row = Prepayment.objects.create(
        book="hrss/pension_transfer", service=SERVICE, own=OURS, peer=THEIRS, side="payer", unit="CNY",
        opening=6_000_000_000, yellow="0.7", red="0.9",
    )  # fmt: skip
    actions.fund(agency="hrss", service=SERVICE, amount=Money.yuan(18_000_000), account=f"prepaid/{THEIRS}")
    return row


@pytest.fixture
def foreign(house: None, sign_in: Callable[..., None]) -> Client:
    """An officer of another agency."""
    client = Client()
    sign_in(client, people.create_staff(username="officer-nhsa", password="x" * 20, agency="nhsa", role="officer"))
    return client


def addresses(window: Window) -> list[str]:
    return ["/clearing/", "/clearing/windows/", "/clearing/windows/?which=all",
            f"/clearing/windows/{window.pk}/", "/clearing/orders/?which=all",
            "/clearing/prepayments/", "/clearing/accounts/", f"/clearing/accounts/hrss/{SERVICE}/due_to/{THEIRS}/",
            *(f"/clearing/orders/{order.number}/" for order in window.orders.all())]  # fmt: skip


@pytest.mark.parametrize("role", ["officer", "office"])
@pytest.mark.parametrize("language", ["zh-hans", "en"])
def test_every_page_is_sound_and_names_nobody(
    closed: Window, gauge: Prepayment, staff: Staff, language: str, role: str
) -> None:
    Order.objects.create(number="SC20250421-000001", payer=THEIRS, payee=OURS, service=SERVICE, amount=SC_PAYS,
                         unit="CNY", window=closed, issued=timezone.now())  # fmt: skip
    client = staff(role)
    client.cookies["chuanyu_language"] = language
    for address in addresses(closed):
        answer = client.get(address)
        page = read(answer)
        assert PERSON not in answer.content.decode(), address
        if language == "en":
            assert not re.search(
                "[\u4e00-\u9fff]", page.text.replace(capital(CQ_PAYS), "").replace(capital(SC_PAYS), "")
            ), address


def test_a_clerk_has_no_business_here_and_another_agency_sees_nothing_of_it(
    closed: Window, staff: Staff, foreign: Client
) -> None:
    clerk = staff("clerk")
    for address in addresses(closed):
        assert clerk.get(address).status_code == 403, address
    order = closed.orders.get()
    for address in (f"/clearing/windows/{closed.pk}/", f"/clearing/orders/{order.number}/",
                    f"/clearing/accounts/hrss/{SERVICE}/fund/"):  # fmt: skip
        assert foreign.get(address).status_code == 404, address
        assert foreign.post(address, {"do": "close"}).status_code in (404, 405), address
    for address in ("/clearing/", "/clearing/windows/?which=all", "/clearing/orders/?which=all", "/clearing/accounts/"):
        assert "12,345,678.90" not in read(foreign.get(address)).text, address
    for address in ("windows", "orders", "accounts"):
        assert foreign.get(f"/api/clearing/{address}").json() == []
    assert foreign.get(f"/api/clearing/windows/{closed.pk}").status_code == 404


def test_a_person_has_no_statement(month: Window, staff: Staff) -> None:
    officer = staff("officer")
    for name in (PERSON, "person"):
        assert officer.get(f"/clearing/accounts/hrss/{SERVICE}/{name}/").status_code == 404
    page = read(staff("office").get("/clearing/accounts/"))
    assert "个人账户合计（1 个）" in page.text


def test_gross_shows_two_orders_and_the_net_for_information(closed: Window, staff: Staff) -> None:
    Order.objects.create(number="SC20250421-000001", payer=THEIRS, payee=OURS, service=SERVICE, amount=SC_PAYS,
                         unit="CNY", window=closed, issued=timezone.now())  # fmt: skip
    page = read(staff("officer").get(f"/clearing/windows/{closed.pk}/"))
    assert "2,469,135.69" in page.text and "仅供参考，不据此付款" in page.text
    (orders,) = [t for t in page.root.all("table") if t.all("caption")[0].text == "支付单"]
    assert {"12,345,678.90", "9,876,543.21"} <= {d.text for d in orders.all("data")}
    (current,) = [li for li in page.root.all("li") if li.get("aria-current") == "step"]
    assert "双方一致，已关账" in current.text


def test_an_order_names_the_banks_whole_for_the_officer_who_signs_it(
    closed: Window, staff: Staff, foreign: Client
) -> None:
    number = closed.orders.get().number
    sheet = read(staff("officer").get(f"/clearing/orders/{number}/"))
    for said in ("0000 0000 0000 0000 101", "示例银行重庆分行", "0000 0000 0000 0000 201", "示例账号，不能付款"):
        assert said in sheet.text, said
    masked = read(staff("office").get(f"/clearing/orders/{number}/"))
    assert "**** 0101" in masked.text and "**** 0201" in masked.text and "0000 0000" not in masked.text


def test_an_order_of_an_agency_without_an_account_says_so(
    closed: Window, staff: Staff, monkeypatch: pytest.MonkeyPatch
) -> None:
    declared = accounts.of
    monkeypatch.setattr(accounts, "of", lambda agency: declared(agency) if agency == OURS else None)
    sheet = read(staff("officer").get(f"/clearing/orders/{closed.orders.get().number}/"))
    assert "本平台没有登记" in sheet.text and "0000 0000 0000 0000 101" in sheet.text


def test_net_is_one_order(house: None, staff: Staff, monkeypatch: pytest.MonkeyPatch) -> None:
    """17.3: 22,340.00 against 18,650.50: 3,689.50."""
    monkeypatch.setenv("CHUANYU_TODAY", "2025-03-20")
    monkeypatch.setattr(handlers, "_settled", [])
    pay(2234000, cycle="net")
    pay(1865050, side="payee", cycle="net")
    window = close(Window.objects.get(), monkeypatch)
    page = read(staff("officer").get(f"/clearing/windows/{window.pk}/"))
    assert "3,689.50" in page.text and "只开这一张支付单" in page.text and "仅供参考" not in page.text
    assert window.orders.get().amount == 368950


def test_a_window_says_until_when_and_why(month: Window, staff: Staff) -> None:
    page = read(staff("officer").get(f"/clearing/windows/{month.pk}/"))
    assert "2025年4月1日" in page.text and "期满次日" in page.text
    assert "还没有签字；下面是账上此刻的数" in page.text


def test_closing_by_hand(month: Window, staff: Staff) -> None:
    officer = staff("officer")
    address = f"/clearing/windows/{month.pk}/"
    assert hidden(read(officer.get(address)))
    answer = officer.post(address, {"do": "close"}, follow=True)
    assert "已开始关账" in read(answer).text and "我方已签，待对方" in read(answer).text
    assert "已经在关账" in read(officer.post(address, {"do": "close"}, follow=True)).text
    assert officer.post(address, {"do": "anything"}).status_code == 404


def test_a_difference_is_adjusted_with_a_reason(differing: Window, staff: Staff) -> None:
    officer = staff("officer")
    address = f"/clearing/windows/{differing.pk}/"
    page = read(officer.get(address))
    line = Difference.objects.get()
    assert "12,345,678.90" in page.text and "没有这一笔" in page.text
    answer = officer.post(address, {"do": "adjust", "line": line.pk, "note": "  "})
    page = read(answer)
    assert answer.status_code == 422 and page.summary == [(f"#note-{line.pk}", "请写明调整的原因。")]
    assert "请写明调整的原因" in page.error_of(f"note-{line.pk}")
    answer = officer.post(address, {"do": "adjust", "line": line.pk, "note": "对方没有收到"}, follow=True)
    assert "已记一笔反向的调整" in read(answer).text and "调整中" in read(answer).text
    assert Instruction.objects.get(kind="adjust").amount == CQ_PAYS
    assert officer.post(address, {"do": "adjust", "line": line.pk + 1, "note": "x"}).status_code == 404


def test_alarms_are_one_line_each_where_people_begin(
    differing: Window, gauge: Prepayment, staff: Staff, foreign: Client
) -> None:
    officer, office, clerk = staff("officer"), staff("office"), staff("clerk")
    lines = ["与四川省人力资源和社会保障厅的预付金已用 70%", "有 1 笔差异没有处理"]
    for client, address in (
        (office, "/office/"),
        (officer, "/counter/"),
        (officer, "/clearing/"),
    ):
        page = read(client.get(address))
        for said in lines:
            assert said in page.text, address
        assert "黄色预警" in page.text
    for client, address in ((clerk, "/counter/"), (foreign, "/counter/"), (foreign, "/clearing/")):
        assert not [said for said in lines if said in read(client.get(address)).text]


def test_what_was_adjusted_is_paid_anew_from_its_line(differing: Window, staff: Staff) -> None:
    line, client = Difference.objects.get(), staff("officer")
    address = f"/clearing/windows/{differing.pk}/"
    client.post(address, {"do": "adjust", "line": line.pk, "note": "对方没有收到"})
    assert "重新支付" not in read(client.get(address)).text  # not before the books are put right
    posting.work()
    assert "重新支付" in read(client.get(address)).text
    answer = client.post(address, {"do": "again", "line": line.pk, "note": " "})
    assert answer.status_code == 422 and "重新支付的原因" in read(answer).text
    assert (
        "已在本期重新支付"
        in read(client.post(address, {"do": "again", "line": line.pk, "note": "补付"}, follow=True)).text
    )
    posting.work()
    paid = Instruction.objects.get(of=line.transfer, kind="plain")
    origin = Instruction.objects.get(pk=line.transfer)
    assert (paid.status, paid.amount, paid.case, paid.period) == ("posted", CQ_PAYS, origin.case, "2025-04")
    assert (
        "只有本方为办件付出"
        in read(client.post(address, {"do": "again", "line": line.pk, "note": "再付"}, follow=True)).text
    )


def test_a_reversal_that_could_not_be_taken_back_is_among_the_alarms(month: Window, staff: Staff) -> None:
    paid = Instruction.objects.get(amount=100, target=PERSON)
    booking.move(paid.book, [(legs.leg(PERSON, "CNY"), legs.leg("fund", "CNY"), 100)], unit="CNY", code="spent")
    pay(100, side="payee", kind="reverse", of=paid.pk)
    client = staff("officer")
    assert "1.00 没能从原账户收回" in read(client.get("/clearing/")).text
    assert client.get(f"/clearing/accounts/hrss/{SERVICE}/returns/{THEIRS}/").status_code == 200


def test_a_gauge_has_colour_word_and_number(gauge: Prepayment, staff: Staff) -> None:
    officer = staff("officer")
    page = read(officer.get("/clearing/prepayments/"))
    (meter,) = page.root.all("meter")
    assert (meter.get("value"), meter.get("aria-label")) == ("0.7000", "已用 70%")
    for said in ("60,000,000.00", "42,000,000.00", "18,000,000.00", "70% 黄色，90% 红色", "黄色预警"):
        assert said in page.text
    assert "其中预留" not in page.text
    pay(1_200_000_000, kind="pending", source="prepayment", window="")  # a stay that is priced
    page = read(officer.get("/clearing/prepayments/"))
    assert "其中预留 12,000,000.00" in page.text and "54,000,000.00" in page.text and "红色预警" in page.text


def test_the_rule_says_which_months_are_missing(foreign: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHUANYU_TODAY", "2025-01-25")
    page = read(foreign.get("/clearing/prepayments/"))
    assert "现在算不出额度" in page.text and "2024年10月、2024年11月、2024年12月没有双方签字" in page.text
    asked = {"service": "medical_settlement", "payer": "chongqing/nhsa", "payee": "sichuan/nhsa", "unit": "CNY"}
    answer = foreign.post("/clearing/prepayments/", asked, follow=True)
    assert "上年第四季度的清算期没有全部双方签字" in read(answer).text
    assert foreign.post("/clearing/prepayments/", asked | {"service": "x"}).status_code == 404


def test_the_first_year_an_officer_puts_money_in_and_prepays_by_hand(
    foreign: Client, staff: Staff, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHUANYU_TODAY", "2025-01-25")
    asked = {"service": "medical_settlement", "payer": "chongqing/nhsa", "payee": "sichuan/nhsa", "unit": "CNY"}
    page = read(foreign.get("/clearing/prepayments/"))
    assert "登记拨入基金的款项" in page.text and "手工追加预付金" in page.text
    answer = foreign.post("/clearing/prepayments/", asked | {"do": "fund", "amount": "1.234", "why": ""})
    page = read(answer)
    assert answer.status_code == 422 and "最多两位小数" in page.text and "请写明原因和依据" in page.text
    assert 'value="1.234"' in answer.content.decode()
    given = {"do": "fund", "amount": "3,000,000.00", "why": "首次拨付"}
    assert "已记入基金 3,000,000.00 元" in read(foreign.post("/clearing/prepayments/", asked | given, follow=True)).text
    given = {"do": "prepay", "amount": "2000000", "why": "双方商定的首年预付"}
    foreign.post("/clearing/prepayments/", asked | given)
    posting.work()
    (found,) = queries.gauges(agency="nhsa")
    assert found.opening == 200_000_000
    page = read(foreign.get("/clearing/prepayments/"))
    for text in ("首次拨付", "双方商定的首年预付", "chongqing/officer-nhsa", "2,000,000.00"):
        assert text in page.text
    other = staff("officer")
    assert "首次拨付" not in read(other.get("/clearing/prepayments/")).text  # another agency's
    before = queries.accounts("nhsa/medical_settlement")
    other.post("/clearing/prepayments/", asked | given)
    posting.work()
    assert queries.accounts("nhsa/medical_settlement") == before
    assert foreign.post("/clearing/prepayments/", asked | given | {"unit": "points"}).status_code == 404


# --- the bank ---------------------------------------------------------------------------------------------------------


def test_a_banks_file_is_taken_line_by_line(closed: Window, staff: Staff) -> None:
    officer, order = staff("officer"), closed.orders.get()
    rows = f"reference,number,direction,amount,day\nB1,{order.number},out,1.00,2025-04-22\nB2,{order.number},out,12345678.90,2025-04-22\n"
    file = SimpleUploadedFile("answers.csv", rows.encode("utf-8-sig"), "text/csv")
    answer = officer.post("/clearing/orders/bank/", {"file": file}, follow=True)
    page = read(answer)
    assert "已登记 1 行" in page.text and "金额与支付单不符" in page.text
    assert queries.order(order.number).state == "paid"  # type: ignore[union-attr]
    answer = officer.post("/clearing/orders/bank/", {"text": "reference,number\nB3,x"})
    assert answer.status_code == 422 and "一行也没有登记" in read(answer).text
    assert officer.post("/clearing/orders/bank/", {}).status_code == 422
    head, good = "reference,number,direction,amount,day", f"B2,{order.number},out,12345678.90,2025-04-22"
    page = read(officer.post("/clearing/orders/bank/", {"text": f"{head}\n{good}"}, follow=True))
    assert "1 行先前已经登记" in page.text and "已登记 1 行" not in page.text
    page = read(officer.post("/clearing/orders/bank/", {"text": f"{head}\n{good.replace('90', '91')}"}, follow=True))
    assert "流水号 B2" in page.text and page.text.count("这个银行流水号当天已用于另一笔") == 2  # said, and on the page
    for line in (
        f"{'B' * 65},x,out,1.00,2025-04-22",
        "B4\0,x,out,1.00,2025-04-22",
        f"B4,{'x' * 33},out,1.00,2025-04-22",
    ):
        answer = officer.post("/clearing/orders/bank/", {"text": f"{head}\nB5,x,out,1.00,2025-04-22\n{line}"})
        assert answer.status_code == 422 and "第 3 行" in read(answer).text
    assert not BankLine.objects.filter(reference="B5").exists()  # nothing of such a file is applied
    assert officer.get("/clearing/orders/bank/").status_code == 405


def test_one_answer_is_entered_on_the_order(closed: Window, staff: Staff, foreign: Client) -> None:
    officer, order = staff("officer"), closed.orders.get()
    address = f"/clearing/orders/{order.number}/"
    page = read(officer.get(address))
    assert "壹仟贰佰叁拾肆万伍仟陆佰柒拾捌元玖角整" in page.text and "登记：银行已付出" in page.text
    answer = officer.post(address, {"reference": "", "amount": "", "day": "soon"})
    assert answer.status_code == 422 and len(read(answer).summary) == 3
    answer = officer.post(address, {"reference": "B7", "amount": "1.2.3", "day": "2025-04-22"})
    assert "金额写成元" in read(answer).error_of("amount")
    answer = officer.post(address, {"reference": "B" * 65, "amount": "1.20", "day": "2025-04-22"})
    assert "最多 64 个字符" in read(answer).error_of("reference")
    answer = officer.post(address, {"reference": "B7", "amount": "12,345,678.90", "day": "2025-04-22"}, follow=True)
    page = read(answer)
    assert "相符" in page.text and "已付出，待到账" in page.text and "登记：" not in page.text.replace("已登记", "")
    line = f"reference,number,direction,amount,day\nB8,{order.number},out,12345678.90,2025-04-22"
    assert "不是本单位的支付单" in read(foreign.post("/clearing/orders/bank/", {"text": line}, follow=True)).text
    assert BankLine.objects.count() == 1


@pytest.mark.parametrize(
    ("fen", "said"),
    [(0, "零元整"), (1, "壹分"), (10, "壹角整"), (105, "壹元零伍分"), (100000, "壹仟元整"), (1000100, "壹万零壹元整"),
     (100000000, "壹佰万元整"), (10000000100, "壹亿零壹元整"), (600750, "陆仟零柒元伍角整"),
     (10700053, "壹拾万柒仟元零伍角叁分"), (168032, "壹仟陆佰捌拾元零叁角贰分"),
     (32504, "叁佰贰拾伍元零肆分"),
     (246913569, "贰佰肆拾陆万玖仟壹佰叁拾伍元陆角玖分"), (10100000000, "壹亿零壹佰万元整"), (100010000, "壹佰万零壹佰元整")],
)  # fmt: skip
def test_amounts_as_payment_papers_write_them(fen: int, said: str) -> None:
    assert capital(fen) == said


# --- accounts ---------------------------------------------------------------------------------------------------------


def test_a_statement_pages_and_is_taken_away_whole(month: Window, staff: Staff) -> None:
    for amount in range(60):
        pay(amount + 1)
    officer = staff("officer")
    address = f"/clearing/accounts/hrss/{SERVICE}/fund/"
    page = read(officer.get(address))
    assert len(page.root.all("tr")) == 51
    assert "养老保险转移资金" in page.text and "transfer_amount" not in page.text
    (older,) = [a.get("href") for a in page.one("main").all("a") if a.get("rel") == "next"]
    assert len(read(officer.get(address + older.partition("#")[0])).root.all("tr")) < 51
    answer = officer.get(f"{address}?csv=entries")
    rows = list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert (
        len(rows)
        == 1 + queries.ledger_accounts("hrss")[[a.name for a in queries.ledger_accounts("hrss")].index("fund")].entries
    )
    assert rows[1][5] == "-0.60"  # yuan, bare, for programs
    assert "个人账户" not in rows[0] and PERSON not in answer.content.decode()


def test_a_balance_as_of_any_moment(month: Window, staff: Staff) -> None:
    officer = staff("officer")
    address = f"/clearing/accounts/hrss/{SERVICE}/due_to/{THEIRS}/"
    text = read(officer.get(f"{address}?at=2000-01-01T08:00")).text
    assert "2000年1月1日08:00的余额：0.00" in close_up(text)
    assert "12,345,678.90" in read(officer.get(f"{address}?at=2999-01-01")).text
    assert "请选日期和时间" in read(officer.get(f"{address}?at=yesterday")).text
    assert officer.get(f"/clearing/accounts/hrss/{SERVICE}/nothing/").status_code == 404


def test_tables_are_taken_away_with_bare_numbers(closed: Window, staff: Staff) -> None:
    answer = staff("officer").get("/clearing/windows/?which=all&csv=windows")
    rows = list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert rows[1][3] == "12345678.90" and rows[1][5] == "9876543.21"


def test_files_say_the_word_and_the_local_time(closed: Window, staff: Staff) -> None:
    officer = staff("officer")
    Order.objects.update(issued="2025-04-20T17:30:05.123456Z")

    def rows(address: str) -> list[list[str]]:
        return list(csv.reader(io.StringIO(officer.get(address).content.decode("utf-8-sig"))))

    assert rows("/clearing/windows/?which=all&csv=windows")[1][2] == "已关账"
    (order,) = rows("/clearing/orders/?csv=orders")[1:]
    assert (order[4], order[7]) == ("待付款", "2025-04-21 01:30:05")
    moment = rows(f"/clearing/windows/{closed.pk}/?csv=transfers")[1][0]
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", moment), moment


def test_programs_read_the_same(closed: Window, staff: Staff) -> None:
    officer = staff("officer")
    (window,) = officer.get("/api/clearing/windows?service=pension_transfer").json()
    assert (window["out"], window["back"], window["state"]) == (CQ_PAYS, SC_PAYS, "closed")
    assert officer.get(f"/api/clearing/windows/{window['id']}").json()["ours"]["paid"][0]["sha256"]
    assert len(officer.get(f"/api/clearing/windows/{window['id']}/transfers").json()["transfers"]) == 3
    page = officer.get(f"/api/clearing/statement?book=hrss/{SERVICE}&account=fund").json()
    assert page["unit"] == "CNY" and page["entries"]
    assert officer.get("/api/clearing/statement?book=nhsa/x&account=fund").status_code == 404
    assert staff("clerk").get("/api/clearing/windows").status_code == 403
    assert "/api/clearing/windows/{window}" in read(officer.get("/agency/api/")).text
