"""A pension crosses the border in a browser: two clerks, one resident, two live nodes, with and without JavaScript."""

from typing import Any

import pytest
from browser import Person, Town

AMOUNT = "40,660.37"


@pytest.mark.parametrize("javascript", [True, False], ids=["with-script", "without-script"])
def test_the_whole_journey(town: Town, javascript: bool) -> None:
    user = town.resident()
    with town.person("sichuan", user, java_script_enabled=javascript) as resident:
        case, reference = apply(resident)
        with town.person("sichuan", "clerk-hrss", java_script_enabled=javascript) as clerk:
            clerk.open("/counter/")
            clerk.page.click(f"text={reference}")
            clerk.sees("规则的回答", "可以办理", "转移接续申请表")
            clerk.page.click("section.act.main button.wide")
            clerk.sees("“受理”已完成", "已发联系函")
        with town.person("chongqing", "clerk-hrss", java_script_enabled=javascript) as other:
            other.open("/counter/")
            other.until("the case arrives", lambda text: reference in text)
            other.page.click(f"text={reference}")
            other.sees("参保缴费凭证与账户信息表", "由前置库调取", f"{AMOUNT} 元", "16,900.37 元")
            other.page.click("section.act.main button.wide")
            other.sees("“转出”已完成")
            other.until("the money is posted at the payer", lambda text: AMOUNT in text and "已入账" in text)
        with town.person("sichuan", "clerk-hrss", java_script_enabled=javascript) as clerk:
            clerk.open("/counter/")
            clerk.until("the case comes back", lambda text: reference in text)
            clerk.page.click(f"text={reference}")
            clerk.page.click("section.act.main button.wide")
            clerk.sees("“办结”已完成")
            clerk.until("the money is posted at the payee", lambda text: AMOUNT in text and "已入账" in text)
        follow_to_the_end(resident, case)
        with town.person("chongqing", "clerk-hrss", java_script_enabled=javascript) as other:
            other.open(f"/counter/{case}/")
            other.until("both sides know the end", lambda text: "已办结" in text)
            other.sees(f"{AMOUNT} 元", "已入账")


def apply(resident: Person) -> tuple[str, str]:
    """From the front page to the confirmation: (case, reference)."""
    page = resident.page
    resident.open("/")
    page.fill("#q", "养老转移")
    page.click("form[role=search] button")
    page.click("text=企业职工基本养老保险关系转移接续")
    resident.sees("国办发〔2009〕66号", "45 个工作日", "算给您看")
    page.click("text=开始办理")
    resident.sees("我们已经知道的")
    field = page.locator("[name=application-first_insured_here_on]")
    field.fill("2025-02-30")
    page.click("text=继续：核对")
    resident.sees("请更正以下问题", "没有 2025-02-30 这一天")
    assert field.input_value() == "2025-02-30" and field.get_attribute("aria-invalid") == "true"
    field.fill("2025-02-03")
    page.click("text=继续：核对")
    resident.sees("核对并提交", "2025年2月3日")
    page.click("text=提交申请")
    resident.sees("申请已提交", "四川省人力资源和社会保障厅")
    reference = page.inner_text(".panel .reference")
    page.click("text=查看进度")
    resident.sees("待受理", "现在由谁办", "还剩 15 个工作日", reference)
    return page.url.split("/cases/")[1].strip("/"), reference


def follow_to_the_end(resident: Person, case: str) -> None:
    """What the resident sees when all is done: the course, the money, and the two accesses on which both logs agree."""
    resident.open(f"/cases/{case}/")
    resident.until("the tracker shows the end", lambda text: "已办结" in text)
    resident.sees("提交申请", "受理", "转出", "办结", f"{AMOUNT} 元", "已入账", "依据")
    steps = resident.page.locator("li.river-step")
    assert [steps.nth(i).locator("h3").inner_text().split()[0] for i in range(steps.count())] == [
        "提交申请",
        "受理",
        "转出",
        "办结",
    ]
    assert resident.page.locator("li.river-step.chongqing").count() == 1  # it went there and came back
    resident.open("/accesses/")
    rows = resident.page.locator("section[aria-labelledby=h-carried] tbody tr")
    assert rows.count() == 2, rows.all_inner_texts()
    for i in range(2):
        assert "一致" in rows.nth(i).inner_text()
    resident.sees("转移接续申请表", "参保缴费凭证与账户信息表", "重庆市人力资源和社会保障局")
    resident.open("/cases/")
    resident.sees("已经办完", "已办结")


def test_the_link_is_cut_and_the_page_says_so(town: Town, live_wires: Any) -> None:
    user = town.resident()
    with town.person("sichuan", user) as resident, town.person("sichuan", "clerk-hrss") as clerk:
        case, _ = apply(resident)
        live_wires.put("cut")
        try:
            clerk.open(f"/counter/{case}/")
            clerk.page.click("section.act.main button.wide")
            clerk.sees("已发联系函")
            resident.open(f"/cases/{case}/")
            resident.until("the tracker says that the link is down", lambda text: "线路暂时不通" in text)
            resident.open(f"/cases/{case}/acts/withdraw/")
            resident.sees("由持有的一方决定")
            resident.page.click("main form button.warn")
            resident.sees("已提出", "正在等持有办件的一方处理")
            resident.open("/accesses/")
            resident.sees("暂时问不到对方的记录")
        finally:
            live_wires.put("open")
        resident.open(f"/cases/{case}/")
        resident.until("the other side decided", lambda text: "已撤回" in text and "请求已照办" in text)


def test_two_nodes_in_one_browser_do_not_disturb_each_other(town: Town) -> None:
    with town.person("sichuan", town.resident()) as resident:
        resident.open("/cases/")
        resident.node = "chongqing"
        resident.sign_in("resident-1")
        resident.open("/cases/")
        resident.sees("我的办件")
        resident.node = "sichuan"
        resident.open("/cases/")
        assert "/accounts/" not in resident.page.url
        resident.sees("我的办件")
