"""Every page by everyone it is for, in both languages and widths: axe-core finds nothing, it fits, a keyboard gets around."""

import re

import pytest
from axe import violations
from browser import Person, Town
from visits import NO_PAGES, NODE, PAGES, Scene

from chuanyu.identity.access import ACCESS, ROLES

WIDTHS = (375, 1280)
OTHER_WIDTHS = (320, 768, 1440)


def test_every_address_is_looked_at_or_has_a_reason() -> None:
    """A page added to the access table is visited below by everyone it is for, or says in visits.py why it is none."""
    assert set(PAGES) | set(NO_PAGES) == set(ACCESS)
    assert not set(PAGES) & set(NO_PAGES)


@pytest.mark.parametrize("language", ["zh-hans", "en"])
@pytest.mark.parametrize("role", ROLES)
def test_every_page_for_everyone(
    town: Town, scene: Scene, seen: set[tuple[int, str]], role: str, language: str
) -> None:
    """Nothing for axe-core to find, no page wider than its window, in the large form neither, and there every target large.

    Header, main and footer that were looked at before, to the letter and at this width, are not looked at again: a public
    page is the same for everybody but for the header.
    """
    wrong = []
    for who, paths in scene.visits(role).items():
        with town.person(NODE, who, viewport={"width": WIDTHS[0], "height": 900}) as person:
            person.language(language)
            for path in paths:
                person.page.set_viewport_size({"width": WIDTHS[0], "height": 900})
                person.open(path)
                if not person.page.url.endswith(path):
                    wrong.append(f"{path} leads to {person.page.url}")
                    continue
                wrong += looked_at(person, seen)
    assert not wrong, "\n".join(wrong)


def looked_at(person: Person, seen: set[tuple[int, str]]) -> list[str]:
    """What is wrong with the page at each width."""
    page, wrong = person.page, []
    parts = {part: said(person, part) for part in ("body > header", ".page", "body > footer")}
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        new = [part for part, text in parts.items() if (width, text) not in seen]
        seen |= {(width, text) for text in parts.values()}
        wrong += violations(person) if ".page" in new else [v for part in new for v in violations(person, part=part)]
        wrong += fits(person, width, new)
    for width in OTHER_WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        wrong += fits(person, width, new)
    return wrong


def fits(person: Person, width: int, new: list[str]) -> list[str]:
    """Whether the page is as wide as its window, as it is and in the large form, whose one difference is this attribute."""
    wrong, page = [], person.page
    for size in ("", "large") if new else ():
        room, small = page.evaluate(FITS, size)
        wrong += [f"{page.url}: {room} wide at {width} {size}"] if room > width else []
        wrong += [f"{page.url} at {width}: {each}" for each in small]
    return wrong


# buttons, fields and links that stand alone (a link within a sentence may be as small as its words: WCAG 2.2, 2.5.8)
FITS = """size => {
  const root = document.documentElement, was = root.dataset.size;
  if (size) root.dataset.size = size;
  const room = root.scrollWidth;
  const small = !size ? [] : [...document.querySelectorAll(
      'button, .button, .tool, input:not([type=hidden]), select, nav a, summary')]
    .filter(e => e.tabIndex >= 0 && e.checkVisibility())
    .map(e => [e, (e.type == 'checkbox' || e.type == 'radio' ? e.closest('.choice') : e).getBoundingClientRect()])
    .filter(([e, box]) => Math.round(box.height) < 44 && !e.closest('.crumbs'))
    .map(([e, box]) => e.outerHTML.slice(0, 60) + ' ' + box.height);
  if (was) root.dataset.size = was; else delete root.dataset.size;
  return [room, small];
}"""


def said(person: Person, part: str) -> str:
    """A part of the page to the letter, without what is new at every look."""
    html = person.page.evaluate("part => document.querySelector(part).outerHTML", part)
    return re.sub(r'name="csrfmiddlewaretoken" value="\w+"|name="request_id" value="[\w-]+"', "", html)


# what hangs on something that must be there first: a case, its form once filled in, a person at the counter, a password
HANGS = re.compile(
    r"/accounts/|/(check|sent|acts/\w+|new|slip)/$|/counter/person/.|/agency/documents/.|/office/services/."
)


@pytest.mark.parametrize("role", ROLES)
def test_every_page_is_two_clicks_from_the_front_page(town: Town, scene: Scene, role: str) -> None:
    who = scene.users[role]
    with town.person(NODE, who) as person:
        first = links(person, "/")
        second = set().union(*(links(person, path) for path in sorted(first)))
    far = [path for path in scene.visits(role)[who] if path not in first | second and not HANGS.search(path)]
    assert not far


def links(person: Person, path: str) -> set[str]:
    """Where the links of a page lead, within the portal."""
    asked = person.context.request.get(person.town.url(NODE) + path)
    found = set(re.findall(r'href="(/[^"#?]*)', asked.text()))
    return {each for each in found if not each.startswith(("/static/", "/api/", "/files/"))}


def test_the_skip_link_comes_first_and_works(town: Town) -> None:
    with town.person("sichuan") as person:
        person.open("/plan/")
        person.page.keyboard.press("Tab")
        assert "跳到正文" in focused(person)
        person.page.keyboard.press("Enter")
        assert person.page.evaluate("document.activeElement.id") == "main"


def test_the_error_summary_has_the_focus_and_leads_to_the_field(town: Town, scene: Scene) -> None:
    with town.person(NODE, scene.users["consenting"]) as resident:
        resident.open("/services/pension_transfer/apply/")
        resident.page.fill("[name=application-employed_since]", "x")
        resident.page.keyboard.press("Enter")  # Enter in a field sends the form, not its first small button
        resident.sees("请更正以下问题")
        resident.page.wait_for_selector(".errors:focus")
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
