"""Every page by everyone it is for, in both languages and at every width: it fits, and a keyboard gets around."""

from collections.abc import Iterator

import pytest
from browser import Person, Town

PUBLIC = [
    "/",
    "/services/",
    "/services/pension_transfer/",
    "/plan/",
    "/agency/",
    "/agency/documents/",
    "/agency/documents/pension_transfer/account_record/",
    "/agency/api/",
    "/design/",
    "/accounts/login/",
    "/nowhere/",
]
RESIDENT = ["/services/pension_transfer/apply/", "/cases/", "/accesses/"]
CLERK = ["/counter/", "/counter/person/", "/counter/today/"]
AGENCY = ["/agency/grants/", "/agency/keys/", "/agency/levels/", "/agency/messages/"]
OFFICE = ["/office/", "/office/overdue/", "/office/letters/"]


@pytest.fixture(scope="module")
def known(_town: Town) -> Iterator[str]:
    yield _town.resident()


@pytest.mark.parametrize("width", [320, 375, 768, 1280, 1440])
@pytest.mark.parametrize("language", ["zh-hans", "en"])
@pytest.mark.parametrize("large", [False, True], ids=["", "large"])
def test_no_page_is_wider_than_its_window(town: Town, known: str, width: int, language: str, large: bool) -> None:
    wide = []
    for user, pages in (("", PUBLIC), (known, RESIDENT), ("clerk-hrss", CLERK + AGENCY), ("office", OFFICE)):
        with town.person("sichuan", user, viewport={"width": width, "height": 900}) as person:
            person.language(language, large=large)
            for path in pages:
                person.open(path)
                room = person.page.evaluate("document.documentElement.scrollWidth")
                wide += [f"{path}: {room}"] if room > width else []
    assert not wide


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_targets_of_the_large_form_are_large(town: Town, known: str, scheme: str) -> None:
    small = []
    for user, pages in (("", PUBLIC), (known, RESIDENT), ("clerk-hrss", CLERK + AGENCY)):
        with town.person("sichuan", user, viewport={"width": 375, "height": 900}, color_scheme=scheme) as person:
            person.language("zh-hans", large=True)
            for path in pages:
                person.open(path)
                small += [f"{path}: {each}" for each in person.page.evaluate(SMALL)]
    assert not small


# buttons, fields and links that stand alone (a link within a sentence may be as small as its words: WCAG 2.2, 2.5.8)
SMALL = """[...document.querySelectorAll('button, .button, .tool, input:not([type=hidden]), select, nav a, summary')]
  .filter(e => e.tabIndex >= 0 && e.checkVisibility())
  .map(e => [e, (e.type == 'checkbox' || e.type == 'radio' ? e.closest('.choice') : e).getBoundingClientRect()])
  .filter(([e, box]) => Math.round(box.height) < 44 && !e.closest('.crumbs'))
  .map(([e, box]) => e.outerHTML.slice(0, 60) + ' ' + box.height)"""


def test_find_apply_and_follow_by_keyboard_alone(town: Town) -> None:
    """On a phone-sized page, in at most twelve keystrokes that choose something (typing a word counts as one)."""
    with town.person("sichuan", town.resident(), viewport={"width": 375, "height": 700}) as resident:
        keys = 0

        def to(words: str) -> None:
            """Tab until the focus is on something with these words; that it gets there at all is what is tested."""
            for _ in range(60):
                resident.page.keyboard.press("Tab")
                if words in resident.page.evaluate(
                    "(document.activeElement.innerText || document.activeElement.name || '')"
                ):
                    return
            raise AssertionError(f"no way by keyboard to {words!r} on {resident.page.url}")

        def press(words: str) -> None:
            nonlocal keys
            to(words)
            with resident.page.expect_navigation():
                resident.page.keyboard.press("Enter")
            keys += 1

        resident.open("/")
        to("q")
        resident.page.keyboard.type("养老转移")
        with resident.page.expect_navigation():
            resident.page.keyboard.press("Enter")
        keys += 2
        press("企业职工基本养老保险关系转移接续")
        press("开始办理")
        press("继续：核对")
        press("提交申请")
        press("查看进度")
        resident.sees("待受理")
        assert keys <= 12


def test_the_skip_link_comes_first_and_works(town: Town) -> None:
    with town.person("sichuan") as person:
        person.open("/plan/")
        person.page.keyboard.press("Tab")
        assert "跳到正文" in focused(person)
        person.page.keyboard.press("Enter")
        assert person.page.evaluate("document.activeElement.id") == "main"


def test_the_error_summary_has_the_focus_and_leads_to_the_field(town: Town, known: str) -> None:
    with town.person("sichuan", known) as resident:
        resident.open("/services/pension_transfer/apply/")
        resident.page.fill("[name=application-employed_since]", "x")
        resident.page.keyboard.press("Enter")  # Enter in a field sends the form, not its first small button
        resident.sees("请更正以下问题")
        resident.page.wait_for_function("document.activeElement.className == 'errors'")
        resident.page.click(".errors a")
        assert resident.page.evaluate("document.activeElement.name") == "application-employed_since"
        assert resident.page.title().startswith("有误：")


def test_filters_of_the_worklist_keep_back_button_title_and_focus(town: Town) -> None:
    with town.person("sichuan", "clerk-hrss") as clerk:
        clerk.open("/counter/")
        title = clerk.page.title()
        clerk.page.click("text=已逾期")
        clerk.page.wait_for_url("**/counter/?overdue=1")
        assert clerk.page.title() == title
        clerk.page.go_back()
        clerk.page.wait_for_selector("[aria-current=true]:has-text('全部')")
        assert clerk.page.locator("h1").count() == 1 and clerk.page.title() == title


def focused(person: Person) -> str:
    return str(person.page.evaluate("document.activeElement.innerText"))
