"""Six pages in every form they have to hold: dark, in large text, at 320 px, zoomed to 200 %, on paper, without JavaScript."""

import re
from typing import Any

import pytest
from axe import violations
from browser import Town
from visits import NODE, Scene

WIDE = """[...document.querySelectorAll('main *')].filter(e => e.getBoundingClientRect().right > 719)
  .slice(0, 6).map(e => `${e.tagName} ${e.className} ${e.innerText.slice(0, 20)}`)"""

BROKEN = """[...document.querySelectorAll('main td.num > *, main td.tight > :not(:has(*)), main .tag')]
  .filter(e => e.checkVisibility() && e.getClientRects().length > 1).slice(0, 6).map(e => e.innerText)"""


@pytest.fixture
def someone(scene: Scene) -> tuple[str, str]:
    """A resident and their case; the office has a year to look back on."""
    return scene.users["resident"], scene.words["case"]


def six(someone: tuple[str, str]) -> list[tuple[str, str]]:
    """(who, where): home, guide, apply, tracker, worklist, office."""
    user, case = someone
    return [
        ("", "/"),
        ("", "/services/pension_transfer/"),
        (user, "/services/unemployment_transfer/apply/"),
        (user, f"/cases/{case}/"),
        ("clerk-hrss", "/counter/"),
        ("office", "/office/"),
    ]


FORMS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {  # the window, and what else is different
    "dark": ({"viewport": {"width": 1280, "height": 900}, "color_scheme": "dark"}, {}),
    "large": ({"viewport": {"width": 375, "height": 900}}, {"large": True}),
    "large-dark-wide": ({"viewport": {"width": 1280, "height": 900}, "color_scheme": "dark"}, {"large": True}),
    "320": ({"viewport": {"width": 320, "height": 700}}, {}),
    # 200 % of a window of 1280: half the pixels of a page, each twice as large
    "zoomed": ({"viewport": {"width": 640, "height": 450}, "device_scale_factor": 2}, {}),
}


@pytest.mark.parametrize("form", FORMS)
def test_six_pages_in_every_form(town: Town, someone: tuple[str, str], form: str) -> None:
    window, switches = FORMS[form]
    found = []
    for who, path in [*six(someone), ("office", "/office/flows/")]:
        with town.person("sichuan", who, **window) as person:
            person.language("zh-hans", **switches)
            person.open(path)
            found += violations(person)
            room = person.page.evaluate("document.documentElement.scrollWidth")
            found += [f"{path} is {room} wide"] if room > window["viewport"]["width"] else []
    assert not found, "\n".join(found)


def test_six_pages_on_paper(town: Town, someone: tuple[str, str]) -> None:
    """What is only for a screen stays off the paper, what is said stays on it, and nothing is wider than the sheet."""
    found = []
    for who, path in [*six(someone), ("office", "/office/report/")]:
        with town.person("sichuan", who, viewport={"width": 718, "height": 1000}) as person:  # 190 mm of A4
            person.open(path)
            person.page.emulate_media(media="print")
            page = person.page
            shown = page.evaluate(
                "[...document.querySelectorAll('.nav, .tools, .skip, .no-print, .chart')].filter(e => e.checkVisibility()).length"
            )
            found += [f"{path}: {shown} things that paper has no use for"] if shown else []
            room = page.evaluate("document.documentElement.scrollWidth")
            found += [f"{path} is {room} wide: {page.evaluate(WIDE)}"] if room > 718 else []
            found += [f"{path}: “{each}” is broken" for each in page.evaluate(BROKEN)]
            assert page.inner_text("h1")
    assert not found, "\n".join(found)


SHEETS = re.compile(rb"/Type\s*/Page[^s]")


@pytest.mark.parametrize("language", ["zh-hans", "en"])
@pytest.mark.parametrize("large", [False, True])
def test_a_slip_is_one_sheet_and_a_guide_a_few(town: Town, scene: Scene, language: str, large: bool) -> None:
    """From a phone, in both languages and sizes: a whole diagram, and no example that nobody has unfolded."""
    with town.person(NODE, "clerk-hrss", viewport={"width": 375, "height": 800}) as clerk:
        clerk.language(language, large=large)
        clerk.open(scene.address("portal:slip"))
        assert len(SHEETS.findall(clerk.page.pdf(prefer_css_page_size=True))) == 1
    with town.person(NODE, viewport={"width": 375, "height": 800}) as person:
        person.language(language, large=large)
        person.open("/services/medical_settlement/")
        assert len(SHEETS.findall(person.page.pdf(format="A4"))) <= 16
        person.page.emulate_media(media="print")
        person.page.set_viewport_size({"width": 718, "height": 1000})
        height, room = person.page.evaluate(DIAGRAM)
        assert height <= 1000 and room <= 718
        assert person.page.locator("#examples .card:visible").count() == 3


DIAGRAM = """() => {
  const box = document.querySelector('svg.diagram').getBoundingClientRect();
  return [box.height, box.right];
}"""


def test_six_pages_without_javascript(town: Town, someone: tuple[str, str]) -> None:
    said = []
    for enabled in (True, False):
        for who, path in [*six(someone), ("office", "/office/services/pension_transfer/")]:
            with town.person("sichuan", who, java_script_enabled=enabled) as person:
                person.open(path)
                said.append(person.page.inner_text("h1"))
                assert person.page.locator("main form, main a, main table").count()
    assert said[: len(said) // 2] == said[len(said) // 2 :]


def test_a_chart_is_drawn_from_its_table_when_it_comes_into_view(town: Town, someone: tuple[str, str]) -> None:
    with town.person("sichuan", "office", viewport={"width": 1280, "height": 500}) as office:
        asked = list[str]()
        office.page.on("request", lambda request: asked.append(request.url))
        office.open("/office/services/pension_transfer/")
        assert not [url for url in asked if "echarts" in url]  # what nobody looks at is not fetched
        office.page.locator("#months").scroll_into_view_if_needed()
        office.page.wait_for_selector("#months .chart canvas")
        assert [url for url in asked if "echarts" in url]
        assert office.page.locator("#months table").is_visible()


def test_no_empty_box_stands_where_a_chart_could_not_be_fetched(town: Town, someone: tuple[str, str]) -> None:
    with town.person("sichuan", "office") as office:
        office.page.route("**/echarts*", lambda route: route.fulfill(status=404))
        office.open("/office/services/pension_transfer/")
        with office.page.expect_response("**/echarts*"):
            office.page.locator("#months").scroll_into_view_if_needed()
        office.page.wait_for_timeout(200)
        assert office.page.locator("#months table").is_visible() and not office.page.locator(".chart").count()


def test_a_table_is_sorted_by_keyboard(town: Town, someone: tuple[str, str]) -> None:
    with town.person("sichuan", "office") as office:
        office.open("/office/flows/")
        office.page.locator("th a", has_text="件数").focus()
        with office.page.expect_navigation():
            office.page.keyboard.press("Enter")
        assert office.page.locator("th[aria-sort=descending]").inner_text() == "件数"
