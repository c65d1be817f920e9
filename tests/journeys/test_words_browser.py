"""Half-written words in a browser: over a lock, a language, an added file, a closed tab, a line that is down."""

from pathlib import Path
from urllib.parse import unquote_to_bytes

import axe
from browser import Person, Town
from test_counter_browser import file_one

from chuanyu.node.samples import PASSWORD

SENTENCE = "请带劳动合同原件，复印件也可以。"
NOTE = "#note-send_back"
SAID = "details.act [role=status]"
STORED = "JSON.stringify([{...localStorage}, {...sessionStorage}])"


def begin(clerk: Person, reference: str) -> None:
    clerk.open(f"/counter/?q={reference}")
    clerk.page.click("summary:has-text('退回补正')")
    clerk.page.fill(NOTE, SENTENCE)


def test_a_clerks_sentence_outlives_a_language_a_file_and_the_lock(town: Town, tmp_path: Path) -> None:
    reference = file_one(town).reference
    with town.person("sichuan", "clerk-hrss") as clerk:
        page = clerk.page
        page.clock.install()
        begin(clerk, reference)
        before = page.locator("details.act[open]").first.bounding_box()
        page.clock.fast_forward("00:02")
        page.wait_for_selector(f"{SAID}:has-text('已自动保存')")
        assert page.locator("details.act[open]").first.bounding_box() == before  # nothing moves under the hand
        assert page.evaluate("document.activeElement.id") == NOTE[1:]
        assert SENTENCE not in page.evaluate(STORED)  # the screen is shared
        page.fill(NOTE, f"{SENTENCE}一")
        page.click("text=English")  # at once: what was typed goes first
        page.wait_for_selector("html[lang=en]")
        assert page.input_value(NOTE) == f"{SENTENCE}一"
        page.click("text=中文")
        page.wait_for_selector("html[lang=zh-Hans]")
        page.fill(NOTE, f"{SENTENCE}二")
        (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"0" * 32)
        page.click("#add-file summary")
        page.set_input_files("#file", tmp_path / "a.png")
        page.click("#add-file button")
        clerk.sees("文件已添加", "a.png", "已保存的草稿")
        assert page.input_value(NOTE) == f"{SENTENCE}二"
        page.click("text=移除")
        clerk.sees("文件已移除")
        page.fill(NOTE, f"{SENTENCE}三")
        page.clock.fast_forward("00:02")
        page.wait_for_selector(f"{SAID}:has-text('已自动保存')")
        page.route("**/accounts/alive/", lambda route: route.fulfill(json={"left": 0}))
        page.clock.fast_forward("01:01")
        page.wait_for_url("**/accounts/lock/?next=*")
        assert SENTENCE not in page.content()
        page.fill("[name=password]", PASSWORD)
        page.keyboard.press("Enter")
        clerk.sees(reference, "已保存的草稿")
        assert page.input_value(NOTE) == f"{SENTENCE}三" and page.locator(NOTE).is_visible()
        page.click("details.act[open] button.wide")
        clerk.sees("“退回补正”已完成", f"{SENTENCE}三")
        assert "没有发出" not in clerk.text


def test_what_cannot_be_kept_is_said_and_the_page_goes_on(town: Town) -> None:
    reference = file_one(town).reference
    with town.person("sichuan", "clerk-hrss") as clerk:
        page = clerk.page
        begin(clerk, reference)
        page.wait_for_selector(f"{SAID}:has-text('已自动保存')")
        other = clerk.context.new_page()
        other.goto(page.url)
        other.click("header button:has-text('锁屏')")
        other.wait_for_url("**/accounts/lock/?next=*")
        page.fill(NOTE, f"{SENTENCE}再写")
        page.wait_for_selector(f"{SAID}:has-text('没有保存上')")
        assert page.input_value(NOTE) == f"{SENTENCE}再写"
        other.fill("[name=password]", PASSWORD)
        other.keyboard.press("Enter")
        other.wait_for_selector(NOTE, state="attached")
        page.locator(NOTE).press("End")
        page.keyboard.type("了")
        page.wait_for_selector(f"{SAID}:has-text('已自动保存')")
        page.reload()
        assert page.input_value(NOTE) == f"{SENTENCE}再写了"
        assert not axe.violations(clerk)
        other.click("#go-accept")  # in the other tab
        other.wait_for_selector("text=已完成")
        page.click("details.act[open] button.wide")
        clerk.sees("没有重复办理", "没有发出", f"{SENTENCE}再写了")
        assert not axe.violations(clerk)


def test_a_line_that_is_silent_is_said_to_be_and_what_was_typed_last_goes_when_it_is_back(town: Town) -> None:
    reference = file_one(town).reference
    with town.person("sichuan", "clerk-hrss") as clerk:
        page, bodies = clerk.page, list[str]()
        page.clock.install()
        begin(clerk, reference)
        page.route("**/acts/send_back/?keep=1", lambda route: bodies.append(route.request.post_data or ""))
        for more in "一二三":
            page.fill(NOTE, f"{SENTENCE}{more}")
            page.clock.fast_forward("00:02")
        assert len(bodies) == 1  # the others wait for it
        page.clock.fast_forward("00:20")
        page.wait_for_selector(f"{SAID}:has-text('没有保存上')")
        assert "三".encode() in unquote_to_bytes(bodies[1])  # the last of them, once
        page.route("**/acts/send_back/?keep=1", lambda route: route.continue_())
        page.fill(NOTE, f"{SENTENCE}四")
        with page.expect_response("**/acts/send_back/?keep=1"):
            page.clock.fast_forward("00:22")
        page.wait_for_selector(f"{SAID}:has-text('已自动保存')")
        page.reload()
        assert page.input_value(NOTE) == f"{SENTENCE}四"


def test_a_residents_form_is_there_again_after_its_page_was_left(town: Town) -> None:
    with town.person("sichuan", town.resident()) as resident:
        page = resident.page
        resident.open("/services/pension_transfer/apply/")
        page.fill("[name=application-employed_since]", "2025-02-03")
        resident.open("/me/")  # no blur, no pause
        resident.until("the draft is kept", lambda text: "没填完的申请" in text)
        resident.open("/services/pension_transfer/apply/")
        assert page.input_value("[name=application-employed_since]") == "2025-02-03"
        resident.sees("已保存的草稿")
        page.click("text=继续：核对")
        resident.sees("核对并提交")
        page.click("text=提交申请")
        resident.sees("申请已提交")
        resident.open("/me/")
        assert "没填完的申请" not in resident.text
