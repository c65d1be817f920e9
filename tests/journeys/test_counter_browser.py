"""The counter in a browser, with a queue in front of it: by keyboard, while others file, with nobody there, on paper."""

import re
from datetime import date
from typing import Any

import pytest
from browser import Person, Town

from chuanyu.core.numbers import make_person_number
from chuanyu.node.samples import PASSWORD


@pytest.fixture
def clerk(town: Town) -> Any:
    with town.person("sichuan", "clerk-hrss") as clerk:
        yield clerk


def file_one(town: Town) -> str:
    """A resident files a pension transfer; the reference."""
    with town.person("sichuan", town.resident()) as resident:
        page = resident.page
        resident.open("/services/pension_transfer/apply/")
        page.click("text=继续：核对")
        page.click("text=提交申请")
        resident.sees("申请已提交")
        return str(page.inner_text(".panel .reference"))


def test_the_next_case_is_decided_in_at_most_four_keystrokes(town: Town, clerk: Person) -> None:
    """From the worklist, and again from each decided case: to the next case, to its step, take it."""
    references = {file_one(town) for _ in range(2)}
    keyboard, page = clerk.page.keyboard, clerk.page
    clerk.open("/counter/")
    decided = set()
    for _ in range(20):  # whatever else waits in this queue
        keys = 0
        with page.expect_navigation():
            keyboard.press("Alt+n")
            keys += 1
        if "受理" not in page.inner_text("aside h3 >> nth=0"):
            continue  # another step than the one to be measured
        reference = page.inner_text("h1 .reference")
        keyboard.press("Alt+s")
        keys += 1
        assert page.evaluate("document.activeElement.innerText") == "受理"
        with page.expect_navigation():
            keyboard.press("Enter")
            keys += 1
        clerk.sees(f"{reference}：“受理”")
        assert keys <= 4
        decided.add(reference)
        if references <= decided:
            return
    raise AssertionError(f"the queue never came to {references - decided}")


def test_nothing_is_decided_by_one_wrong_key(town: Town, clerk: Person) -> None:
    reference = file_one(town)
    clerk.open(f"/counter/?q={reference}")
    clerk.page.keyboard.press("Alt+s")
    clerk.page.keyboard.press("a")
    clerk.page.keyboard.press("s")
    clerk.page.reload()
    clerk.sees("待受理", reference)


def test_the_counts_follow_and_the_list_stays_under_the_hand(town: Town, clerk: Person) -> None:
    page = clerk.page
    file_one(town)
    clerk.open("/counter/")
    page.focus("#tab-mine")
    rows = page.locator("tbody tr").count()
    before = int(page.inner_text("#tab-mine .count"))
    reference = file_one(town)
    page.wait_for_function(f"document.querySelector('#tab-mine .count').innerText == '{before + 1}'")
    assert page.evaluate("document.activeElement.id") == "tab-mine"  # the focus is where it was
    assert page.locator("tbody tr").count() == rows and reference not in page.inner_text("#list table")
    assert "新到 1 件" in page.inner_text("#news")
    title = page.title()
    page.keyboard.press("Alt+r")
    page.wait_for_selector(f"#list table:has-text('{reference}')")
    assert page.title() == title and page.inner_text("#news") == ""


def test_arrow_keys_walk_the_list(town: Town, clerk: Person) -> None:
    for _ in range(2):
        file_one(town)
    clerk.open("/counter/")
    links = clerk.page.locator("tbody a")
    links.first.focus()
    clerk.page.keyboard.press("ArrowDown")
    assert clerk.page.evaluate("document.activeElement.innerText") == links.nth(1).inner_text()
    clerk.page.keyboard.press("ArrowUp")
    assert clerk.page.evaluate("document.activeElement.innerText") == links.first.inner_text()
    with clerk.page.expect_navigation():
        clerk.page.keyboard.press("Enter")
    clerk.sees("这一步")


def test_a_screen_nobody_touches_warns_then_locks_and_hides_what_it_showed(town: Town) -> None:
    with town.person("sichuan", "clerk-hrss") as clerk:
        page = clerk.page
        reference = file_one(town)
        page.clock.install()
        clerk.open(f"/counter/?q={reference}")
        left = {"seconds": 50}
        page.route("**/accounts/alive/", lambda route: route.fulfill(json={"left": left["seconds"]}))
        page.clock.fast_forward("01:01")
        page.wait_for_selector("#idle:not([hidden])")
        assert "不到一分钟就要锁屏" in page.inner_text("#idle")
        left["seconds"] = 900
        page.keyboard.press("Shift")  # somebody is there
        page.wait_for_selector("#idle[hidden]", state="attached")
        left["seconds"] = 0
        page.clock.fast_forward("01:01")
        page.wait_for_url("**/accounts/lock/?next=*")
        clerk.sees("已锁屏")
        assert reference not in page.content() and page.locator(".nav a").count() == 0
        page.go_back()
        clerk.sees("已锁屏")  # the page before is not shown again
        assert reference not in page.content()
        page.fill("[name=password]", "wrong")
        page.keyboard.press("Enter")
        page.wait_for_function("document.activeElement.className == 'errors'")
        page.fill("[name=password]", PASSWORD)
        page.keyboard.press("Enter")
        clerk.sees(reference, "这一步")


@pytest.mark.parametrize("javascript", [True, False], ids=["with-script", "without-script"])
def test_from_the_card_to_the_slip_and_back_with_a_correction(town: Town, javascript: bool) -> None:
    number = make_person_number("510000", date(1951, 5, 8), 901 if javascript else 903, "male")
    with town.person("sichuan", "clerk-hrss", java_script_enabled=javascript) as clerk:
        page = clerk.page
        clerk.open("/counter/person/")
        page.fill("[name=sought-number]", number)
        page.check("[name=sought-purpose] >> nth=0")
        page.click("main form >> text=查找")
        clerk.sees("这里还没有这个人")
        page.fill("[name=new-name]", "测试老周")
        page.select_option("[name=new-household]", "511602")
        page.click("text=登记，开始办理")
        clerk.sees("已登记", "测试老周", "代为申请")
        page.click("text=企业职工基本养老保险关系转移接续")
        page.click("text=继续：核对")
        clerk.sees("念给申请人听")
        page.click("text=提交申请")
        clerk.sees("请打印回执", "办件回执", "收到的材料")
        assert page.locator("[data-print]").is_visible() == javascript
        reference = page.inner_text(".slip-number")
        one_sheet(page)
        page.click("text=到办件")
        page.click("summary:has-text('退回补正')")
        page.check("label:has-text('在本地就业日期')")
        page.fill("textarea", "请带劳动合同。")
        page.click("details.act button.wide")
        clerk.sees("“退回补正”已完成", "请更正：在本地就业日期。", "可以代为办理")
        page.click("text=打印回执")
        clerk.sees("需要您补正", "请带劳动合同。", "请在此日前")
        page.click("text=到办件")
        page.click(".stand-in summary:has-text('补正')")
        page.fill("[name=application-employed_since]", "2025-02-03")
        page.click(".stand-in details[open] button.wide")
        clerk.sees("“补正”已完成", "申请人在窗口办理")
        clerk.open("/counter/person/")
        clerk.sees(reference)
        page.click("text=这位办完了")
        clerk.sees("不再显示")
        assert "测试老周" not in page.content()
        clerk.open("/counter/today/")
        clerk.sees("收件", "退回补正", "补正", reference, "本人到窗口申请办事")


def one_sheet(page: Any) -> None:
    """On paper the slip is one A5 sheet, and nothing of the site is around it."""
    page.emulate_media(media="print")
    for around in (".band", ".nav", ".foot", ".crumbs", ".slip-ways"):
        assert not page.locator(around).first.is_visible(), around
    pdf = page.pdf(prefer_css_page_size=True)
    sheets = re.findall(rb"/MediaBox\s*\[([^\]]*)\]", pdf)
    assert len(re.findall(rb"/Type\s*/Page[^s]", pdf)) == 1, "more than one sheet"
    width, height = (float(each) for each in sheets[0].split()[2:])
    assert (round(width / 72 * 25.4), round(height / 72 * 25.4)) == (148, 210)
    page.emulate_media(media="screen")


def test_two_clerks_one_queue(town: Town, clerk: Person) -> None:
    """What a colleague has open is passed over, and said to who opens it all the same."""
    reference = file_one(town)
    with town.person("sichuan", "officer-hrss") as officer:  # officers read and hold nothing
        officer.open(f"/counter/?q={reference}")
        officer.sees("现在不由您办")
    clerk.open(f"/counter/?q={reference}")
    clerk.sees("这一步")
    assert "正在看这个办件" not in clerk.text
