"""What residents have of their own, in a browser before two live nodes: facts that cross on consent, complaints, family."""

import axe
import pytest
from browser import Person, Town
from test_pension_browser import apply
from visits import consent_and_withdraw, offer


@pytest.mark.parametrize("javascript", [True, False], ids=["with-script", "without-script"])
def test_find_check_eligibility_apply_and_follow_by_keyboard_alone(town: Town, javascript: bool) -> None:
    """At 375 px in at most twelve interactions, from the front page to the case in its tracker, by a resident signed in.

    An interaction is a key that does something (Enter on a link or a button) or a field that is filled in; Tab only looks
    around, as eyes and a finger do, and is bounded by itself: nobody passes through more than a page's links to get on.
    """
    with town.person(
        "sichuan", town.resident(), viewport={"width": 375, "height": 700}, java_script_enabled=javascript
    ) as resident:
        page, interactions, tabs = resident.page, 0, list[int]()

        def to(words: str) -> None:
            for count in range(1, 60):
                page.keyboard.press("Tab")
                if words in page.evaluate("document.activeElement.innerText || document.activeElement.name || ''"):
                    tabs.append(count)
                    return
            raise AssertionError(f"no way by keyboard to {words!r} on {page.url}")

        def enter() -> None:
            nonlocal interactions
            with page.expect_navigation():
                page.keyboard.press("Enter")
            interactions += 1

        resident.open("/")
        to("q")
        page.keyboard.type("ylbx")
        interactions += 1
        enter()
        for words in ("企业职工基本养老保险关系转移接续", "先看我能不能办", "看结果"):
            to(words)
            enter()
        resident.sees("可以办", "国办发〔2009〕66号")
        for words in ("带着这些回答去申请", "提交申请", "查看进度"):
            to(words)
            enter()
        resident.sees("待受理")
        assert interactions <= 12, interactions
        assert max(tabs) <= 30, tabs


def test_the_search_follows_what_is_typed(town: Town) -> None:
    with town.person("sichuan") as visitor:
        visitor.open("/services/")
        visitor.page.locator("#q").press_sequentially("sybx")
        visitor.page.wait_for_selector("#found li:only-child .tile")
        visitor.sees("失业保险关系转移接续", "找到 1 个事项")
        assert visitor.page.evaluate("document.activeElement.id") == "q"
        assert visitor.page.inner_text("h1") == "搜索“sybx”" and visitor.page.title().startswith("搜索“sybx” · ")
        assert visitor.page.url.endswith("/services/?q=sybx")


def test_back_to_a_search_shows_the_whole_page(town: Town) -> None:
    """The list alone and the page have one address; the browser must not mistake one for the other."""
    with town.person("sichuan") as visitor:
        visitor.open("/services/?q=ylbx")
        for typed in ("gjj", "ylbx"):
            visitor.page.locator("#q").fill("")
            visitor.page.locator("#q").press_sequentially(typed)
            visitor.page.locator("h1", has_text=f"搜索“{typed}”").wait_for()
        visitor.page.locator("#found .tile a").first.click()
        visitor.page.wait_for_url("**/services/pension_transfer/")
        visitor.page.go_back()
        visitor.sees("企业职工基本养老保险关系转移接续")
        assert visitor.page.locator("header .brand").count() == 1
        assert visitor.page.title().startswith("搜索“ylbx” · ")


def test_what_the_other_side_knows_comes_on_consent_and_both_logs_have_it(town: Town) -> None:
    with town.person("sichuan", "newcomer") as resident:
        resident.open("/services/pension_transfer/apply/")
        resident.sees("可以向重庆调取", "户籍所在地", "四川省人力资源和社会保障厅")
        consent_and_withdraw(resident)
        resident.open("/accesses/")
        row = resident.page.locator("tbody tr").first.inner_text()
        assert "您的同意" in row and "重庆市政务服务平台" in row and "一致" in row
        resident.open("/services/pension_transfer/apply/")
        resident.sees("我同意")  # it would have to be given again


def test_a_complaint_goes_to_the_side_it_is_about_and_the_answer_is_rated(town: Town) -> None:
    user = town.resident("public_opinion")
    with town.person("sichuan", user, viewport={"width": 375, "height": 800}) as resident:
        resident.open("/services/public_opinion/apply/")
        resident.page.check("[name=opinion-kind][value=complaint]")
        resident.page.check("[name=opinion-about][value='500000']")
        resident.page.fill("[name=opinion-what]", "电话一直没有人接。")
        resident.page.click("text=继续：核对")
        resident.page.click("text=提交申请")
        case = resident.page.url.split("/cases/")[1].split("/")[0]
        with town.person("sichuan", "clerk-dev") as clerk:
            clerk.open(f"/counter/{case}/")
            clerk.page.click("section.act.main button.wide")
            clerk.sees("已转另一省市办理")
        with town.person("chongqing", "clerk-dev") as clerk:
            clerk.open("/counter/")
            clerk.open(f"/counter/{case}/")
            clerk.until("the complaint arrives", lambda text: "答复并办结" in text, f"/counter/{case}/")
            clerk.page.locator("section.act.main [name=note]").fill("已增设一条线路。")
            clerk.page.click("section.act.main button.wide")
        resident.open(f"/cases/{case}/")
        resident.until("the answer comes back", lambda text: "已增设一条线路。" in text)
        resident.open("/messages/")
        resident.sees("“答复并办结”", "已增设一条线路。", "重庆市发展和改革委员会")
        resident.open(f"/cases/{case}/")
        resident.page.click("text=去评价")
        resident.page.check("[value=dissatisfied]")
        resident.page.check("[name=rating-named]")
        resident.page.click("text=提交评价")
        resident.sees("谢谢您的评价", "前核实整改", "已经评价过了")
    with town.person("sichuan", "officer-dev") as officer:
        officer.open("/office/ratings/")
        officer.sees("实名，要回访")
        officer.page.locator("summary").first.click()
        officer.page.locator("[value=explained]").first.check()
        officer.page.locator("textarea").first.fill("已回访说明。")
        officer.page.locator("details button.button").first.click()
        officer.sees("已记录", "已回访说明。")
    with town.person("sichuan", user) as resident:
        resident.open(f"/cases/{case}/")
        resident.sees("您的差评已处理", "已回访说明。")


def test_a_daughter_applies_for_her_mother(town: Town) -> None:
    mother, daughter = town.resident(), town.resident()
    with town.person("sichuan", mother) as principal, town.person("sichuan", daughter) as delegate:
        offer(principal, daughter)
        delegate.open("/delegates/")
        delegate.page.click("button:has-text('接受') >> nth=0")
        delegate.page.click("button:has-text('开始代办')")
        assert "您正在代" in delegate.page.inner_text(".acting")
        case, reference = apply(delegate)
        delegate.open("/services/public_opinion/apply/")
        delegate.sees("不在委托之内", "您正在代", "结束代办")
        assert not axe.violations(delegate)
        delegate.page.click(".acting button")
        delegate.open("/cases/")
        assert reference not in delegate.text  # it is not hers
        principal.open(f"/cases/{case}/")
        principal.sees("申请人的代办人", reference)
        principal.open("/delegates/")
        principal.page.click("text=收回")
        principal.sees("委托已结束")


def test_a_draft_is_there_again_after_signing_out(town: Town) -> None:
    user = town.resident()
    with town.person("sichuan") as resident:
        resident.sign_in(user)
        begin(resident, "2025-02-03")
        resident.page.click("text=退出")
        resident.sign_in(user)
        resident.open("/me/")
        resident.sees("没填完的申请")
        resident.open("/services/pension_transfer/apply/")
        assert resident.page.input_value("[name=application-employed_since]") == "2025-02-03"


def begin(resident: Person, since: str) -> None:
    resident.open("/services/pension_transfer/apply/")
    resident.page.fill("[name=application-employed_since]", since)
    resident.page.click("text=继续：核对")
    resident.sees("核对并提交")
