"""The counter in a browser, with a queue in front of it: by keyboard, while others file, with nobody there, on paper."""

import csv
import io
import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from browser import Person, Town

from chuanyu.core.numbers import make_person_number
from chuanyu.node.samples import PASSWORD

WITHOUT = pytest.mark.parametrize("javascript", [True, False], ids=["with-script", "without-script"])


@pytest.fixture
def clerk(town: Town) -> Iterator[Person]:
    with town.person("sichuan", "clerk-hrss") as clerk:
        yield clerk


class Filed(NamedTuple):
    reference: str
    resident: str  # the sign-in


def file_one(town: Town) -> Filed:
    """A resident files a pension transfer."""
    user = town.resident()
    with town.person("sichuan", user) as resident:
        page = resident.page
        resident.open("/services/pension_transfer/apply/")
        page.click("text=继续：核对")
        page.click("text=提交申请")
        resident.sees("申请已提交")
        return Filed(str(page.inner_text(".panel .reference")), user)


class Keys:
    """A keyboard that counts. One interaction is one key, or one chord: Alt held down with a letter is one, as for the hand."""

    def __init__(self, page: Any) -> None:
        self.page, self.count = page, 0
        self.session = page.context.new_cdp_session(page)

    def press(self, key: str) -> None:
        self.count += 1
        self.page.keyboard.press(key)

    def access(self, letter: str) -> None:
        """Alt and a letter, as a real keyboard sends it: the driver's own press leaves out the text access keys go by."""
        self.count += 1
        code = f"Key{letter.upper()}"
        self.page.keyboard.down("Alt")
        for kind in ("keyDown", "keyUp"):
            self.session.send(
                "Input.dispatchKeyEvent",
                {"type": kind, "modifiers": 1, "key": letter, "code": code, "unmodifiedText": letter},
            )
        self.page.keyboard.up("Alt")


@WITHOUT
def test_the_next_case_is_decided_in_at_most_four_interactions(town: Town, javascript: bool) -> None:
    """From the worklist, and again from each decided case: Alt+N the next case, Alt+S to its step, Enter takes it: three."""
    references = {file_one(town).reference for _ in range(2)}
    with town.person("sichuan", "clerk-hrss", java_script_enabled=javascript) as clerk:
        page, keys = clerk.page, Keys(clerk.page)
        clerk.open("/counter/?service=pension_transfer&state=applied")
        decided = set()
        for _ in range(20):  # whatever else waits in this queue
            keys.count = 0
            with page.expect_navigation():
                keys.access("n")
            reference = page.inner_text("h1 .reference")
            keys.access("s")
            assert page.locator("#go-accept:focus").inner_text() == "受理"
            with page.expect_navigation():
                keys.press("Enter")
            clerk.sees(f"{reference}：“受理”已完成")
            assert keys.count <= 4
            decided.add(reference)
            if references <= decided:
                return
        raise AssertionError(f"the queue never came to {references - decided}")


def test_nothing_is_decided_by_one_wrong_key(town: Town, clerk: Person) -> None:
    reference = file_one(town).reference
    clerk.open(f"/counter/?q={reference}")
    keys = Keys(clerk.page)
    keys.access("s")
    for letter in "asn ":
        if letter != " ":  # a space on a button presses it, as it should
            keys.press(letter)
    clerk.page.reload()
    clerk.sees("待受理", reference)


@WITHOUT
def test_the_list_is_by_deadline_and_filters(town: Town, javascript: bool) -> None:
    reference = file_one(town).reference
    with town.person("sichuan", "clerk-hrss", java_script_enabled=javascript) as clerk:
        page = clerk.page
        clerk.open("/counter/")
        written = page.locator("tbody td[data-label='期限']").all_inner_texts()
        due = [tuple(map(int, re.findall(r"\d+", each.replace(" ", ""))[:3])) for each in written if each.strip()]
        assert due and due == sorted(due)
        clerk.open("/counter/?service=pension_transfer")
        page.wait_for_selector("#tab-state-applied")
        page.click("#tab-state-applied")
        page.wait_for_url("**state=applied*")
        page.wait_for_selector("#tab-state-applied[aria-current]")
        assert reference in page.inner_text("#list table")
        assert set(page.locator("tbody td[data-label='状态'] .tag").all_inner_texts()) >= {"待受理"}
        count = int(page.inner_text("#tab-state-applied .count"))
        assert f"{count} 件" in page.inner_text("caption").replace(" ", " ")
        page.click("#tab-late")
        page.wait_for_selector("#tab-late[aria-current]")
        assert reference not in page.inner_text("#list")
        page.go_back()
        page.wait_for_selector("#tab-state-applied[aria-current]")
        assert reference in page.inner_text("#list table")


def test_the_counts_follow_and_the_list_stays_under_the_hand(town: Town, clerk: Person) -> None:
    page = clerk.page
    file_one(town)
    clerk.open("/counter/")
    page.focus("#tab-mine")
    rows = page.locator("tbody tr").count()
    before = int(page.inner_text("#tab-mine .count"))
    reference = file_one(town).reference
    page.wait_for_selector(f"#tab-mine .count:text-is('{before + 1}')")
    assert page.evaluate("document.activeElement.id") == "tab-mine"  # the focus is where it was
    assert page.locator("tbody tr").count() == rows and reference not in page.inner_text("#list table")
    assert "新到 1 件" in page.inner_text("#news").replace(" ", " ")
    title = page.title()
    Keys(page).access("r")
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
    reference = file_one(town).reference
    with town.person("sichuan", "clerk-hrss") as clerk:
        page = clerk.page
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
        locked(clerk, reference)
        page.fill("[name=password]", "wrong")
        page.keyboard.press("Enter")
        page.wait_for_selector(".errors:focus")
        page.fill("[name=password]", PASSWORD)
        page.keyboard.press("Enter")
        clerk.sees(reference, "这一步")


@WITHOUT
def test_locked_by_hand_and_signed_out_the_page_before_is_not_shown_again(town: Town, javascript: bool) -> None:
    reference = file_one(town).reference
    # a sign-in of its own: signing out ends it
    with town.person("sichuan", java_script_enabled=javascript) as clerk:
        clerk.sign_in("clerk-hrss")
        page = clerk.page
        clerk.open(f"/counter/?q={reference}")
        clerk.sees("这一步")
        Keys(page).access("l")
        page.wait_for_url("**/accounts/lock/?next=*")
        locked(clerk, reference)
        page.fill("[name=password]", PASSWORD)
        page.keyboard.press("Enter")
        clerk.sees(reference, "这一步")
        page.click("text=退出")
        page.wait_for_url(re.compile(r"/(accounts/login/.*)?$"))
        assert page.locator("text=登录").first.is_visible()
        for _ in range(2):
            page.go_back()
            page.wait_for_load_state()
            assert reference not in page.content() and page.locator("text=锁屏").count() == 0, page.url


def locked(clerk: Person, reference: str) -> None:
    """The lock page says nothing of what was there, nor does the page before."""
    for turn in range(2):
        clerk.sees("已锁屏")
        assert reference not in clerk.page.content() and clerk.page.locator(".nav a").count() == 0
        if not turn:
            clerk.page.go_back()


def test_the_desk_shows_papers_side_by_side_the_law_and_the_sentence_the_applicant_reads(town: Town) -> None:
    """A case that is refused: the clerk reads the reason before deciding, the applicant the same one after."""
    user = town.resident()
    with town.person("sichuan", user) as resident:
        resident.open("/services/pension_transfer/apply/")
        resident.page.check("#application-drawing-yes, [name=application-drawing][value=yes], #application-drawing")
        resident.page.click("text=继续：核对")
        resident.page.click("text=提交申请")
        resident.sees("申请已提交")
        reference = resident.page.inner_text(".panel .reference")
    with town.person("sichuan", "clerk-hrss") as clerk:
        page = clerk.page
        clerk.open(f"/counter/?q={reference}")
        clerk.sees("规则的回答", "不予办理", "申请人会读到", "办理经过", "国办发〔2009〕66号")
        sentence = page.inner_text(".verdict blockquote")
        assert "不再转移" in sentence
        left, right = page.locator(".split.desk > *").all()
        assert right.bounding_box()["x"] >= left.bounding_box()["x"] + left.bounding_box()["width"]  # type: ignore[index]
        assert "不予办理" in page.inner_text("#go-accept")  # the button says what it will do
        with page.expect_navigation():
            page.click("#go-accept")
        clerk.sees(f"{reference}：“受理”未通过", "已经结束")
    with town.person("sichuan", user) as resident:
        resident.open("/cases/")
        resident.page.locator("main li", has_text=reference).locator("a").first.click()
        resident.sees("不予办理", *sentence.split())
        resident.open("/accesses/")
        resident.sees(
            "谁打开过您的身份信息", "四川省人力资源和社会保障厅", "企业职工基本养老保险关系转移接续", reference
        )


@WITHOUT
def test_from_the_card_to_the_slip_and_back_with_a_correction(town: Town, javascript: bool, tmp_path: Path) -> None:
    number = make_person_number("510000", date(1951, 5, 8), 471 if javascript else 473, "male")
    with town.person("sichuan", "clerk-hrss", java_script_enabled=javascript) as clerk:
        page = clerk.page
        clerk.open("/counter/person/")
        page.click("main form >> text=查找")
        clerk.sees("必须填写")  # no look without a purpose
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
        assert page.locator("svg.qr").first.bounding_box()["width"] > 90  # type: ignore[index]
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
        page.go_back()
        assert "测试老周" not in page.content()
        clerk.open("/counter/today/")
        clerk.sees("收件", "退回补正", "补正", reference, "本人到窗口申请办事")
        with page.expect_download() as saved:
            page.click("text=下载 CSV")
        saved.value.save_as(tmp_path / "shift.csv")
        lines = list(csv.reader(io.StringIO((tmp_path / "shift.csv").read_text("utf-8-sig"))))
        assert lines[0] == ["时间", "办件", "事项", "步骤", "结果", "办后状态"]
        assert [line[3] for line in lines if line[1] == reference] == ["收件", "退回补正", "补正"]
        assert "测试老周" not in str(lines) and number not in str(lines)


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


def test_a_case_with_the_other_side_is_read_and_a_case_of_ours_is_only_read_by_officers(
    town: Town, clerk: Person
) -> None:
    reference = file_one(town).reference
    with town.person("sichuan", "officer-hrss") as officer:  # officers read and hold nothing
        officer.open(f"/counter/?q={reference}")
        officer.sees("现在不由您办")
        assert officer.page.locator("form[action*='/acts/']").count() == 0
    clerk.open(f"/counter/?q={reference}")
    clerk.sees("这一步")
    assert "正在看这个办件" not in clerk.text
    with clerk.page.expect_navigation():
        clerk.page.click("#go-accept")
    clerk.sees("现在不由您办", "重庆市人力资源和社会保障局")


@pytest.mark.parametrize("language", ["zh-hans", "en"])
def test_no_page_of_the_counter_is_wider_than_a_small_phone(town: Town, language: str) -> None:
    with town.person("sichuan", "clerk-hrss", viewport={"width": 320, "height": 640}) as clerk:
        clerk.language(language)
        clerk.open("/counter/")
        case = clerk.page.locator("tbody a").first.get_attribute("href")
        for path in (
            "/counter/", "/counter/?overdue=1", "/counter/person/", "/counter/today/", f"{case}", f"{case}slip/", "/agency/",
            "/agency/documents/", "/agency/documents/pension_transfer/account_record/", "/agency/api/", "/agency/grants/",
            "/agency/keys/", "/agency/levels/", "/agency/messages/",
        ):  # fmt: skip
            clerk.open(path)
            wide = clerk.page.evaluate(
                "[...document.querySelectorAll('main *')].filter(e => e.getBoundingClientRect().right > innerWidth + 1"
                " && e.checkVisibility() && !e.closest('.code, .unseen, .table-room, svg, thead')).map(e => e.className || e.tagName)"
            )
            assert clerk.page.evaluate("document.documentElement.scrollWidth") <= 320 and not wide, (path, wide)
