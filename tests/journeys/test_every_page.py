"""Every page by everyone it is for, in both languages and widths: axe-core finds nothing, it fits, a keyboard gets around."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import axe
import pytest
from browser import Person, Town
from visits import NO_PAGES, NODE, NOWHERE, PAGES, Scene

from chuanyu.identity.roles import ACCESS, ROLES
from chuanyu.node.samples import PASSWORD

WIDTHS = (320, 375, 768, 1280, 1440)  # growing: what a script draws follows a window that shrinks a moment later
# What axe looks at: all in Chinese. English has longer words, which matters where there is little room, and the same colours.
LOOKED_AT: dict[str, dict[int, tuple[str, ...]]] = {  # language → width → rules left out
    "zh-hans": {375: (), 1280: ()},
    "en": {375: ("color-contrast",), 1280: ()},
}


def test_every_address_is_looked_at_or_has_a_reason() -> None:
    """A page added to the access table is visited below by everyone it is for, or says in visits.py why it is none."""
    assert set(PAGES) | set(NO_PAGES) == set(ACCESS)
    assert not set(PAGES) & set(NO_PAGES)


@pytest.mark.parametrize("language", ["zh-hans", "en"])
@pytest.mark.parametrize("role", ROLES)
def test_every_page_for_everyone(town: Town, scene: Scene, seen: set[str], role: str, language: str) -> None:
    """Nothing for axe-core to find, no page wider than its window, in the large form neither, and there every target large.

    What was looked at before, to the letter, is not looked at again: a public page is the same for everybody but for the
    header. Two windows take turns: the browser looks at one while the other one loads.
    """
    wrong: list[str] = []
    for who, paths in scene.visits(role).items():
        with two_windows(town, who, language) as windows:
            queue = iter(paths)
            wrong += take_turns([looks(window, queue, seen, language) for window in windows])
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("language", ["zh-hans", "en"])
def test_pages_that_ask_for_the_password_first(town: Town, scene: Scene, seen: set[str], language: str) -> None:
    """They are open for a few minutes after it was given once more."""
    wrong: list[str] = []
    for user, name in (("resident-2", "mfa_activate_totp"), ("officer-dev", "mfa_generate_recovery_codes")):
        with town.person(NODE) as person:
            person.sign_in(user)
            person.language(language)
            person.open(scene.address(name))
            person.page.fill("[name=password]", PASSWORD)
            person.page.click("main form button >> nth=0")
            person.page.wait_for_url(f"**{scene.address(name)}")
            wrong += flat(looks(person, iter([scene.address(name)]), seen, language))
            if user != "resident-2":
                person.page.set_viewport_size({"width": WIDTHS[0], "height": 900})
                person.page.click("main form button")
                wrong += flat(looks(person, iter([scene.address("mfa_view_recovery_codes")]), seen, language))
    assert not wrong, "\n".join(wrong)


def flat(said: Iterator[list[str]]) -> list[str]:
    return [line for each in said for line in each]


@contextmanager
def two_windows(town: Town, who: str, language: str) -> Iterator[list[Person]]:
    with town.person(NODE, who) as first, town.person(NODE, who) as second:
        for person in (first, second):
            person.language(language)
        yield [first, second]


def take_turns(workers: list[Iterator[list[str]]]) -> list[str]:
    """Let each go on to where it waits for its browser; all they said."""
    said: list[str] = []
    while workers:
        for worker in list(workers):
            try:
                said += next(worker)
            except StopIteration:
                workers.remove(worker)
    return said


def looks(person: Person, queue: Iterator[str], seen: set[str], language: str) -> Iterator[list[str]]:
    """What is wrong with each page of the queue; gives way whenever the browser has begun to look."""
    page = person.page
    for path in queue:
        answer = person.context.request.get(person.town.url(NODE) + path)
        if answer.status != (404 if path == NOWHERE else 200) or not answer.url.endswith(path):
            yield [f"{path}: {answer.status} {answer.url}"]
            continue
        new = fresh(answer.text(), seen)
        if not new:
            continue
        page.set_viewport_size({"width": WIDTHS[0], "height": 900})
        person.open(path)
        part = "" if MAIN in new else new[0]
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 900})
            yield fits(person, width)
            if width in LOOKED_AT[language]:
                axe.begin(person, part=part, without=LOOKED_AT[language][width])
                yield []
                yield axe.found(person)


def fresh(html: str, seen: set[str]) -> list[str]:
    """Which parts of a page nobody has looked at, as the server sends it: without what is new at every look."""
    html = re.sub(r'name="(csrfmiddlewaretoken|request_id)" value="[^"]*"|name="next" value="[^"]*"', "", html)
    parts = {part: html[html.find(begins) : html.find(ends)] for part, (begins, ends) in PARTS.items()}
    new = [part for part, text in parts.items() if text not in seen]
    seen |= set(parts.values())
    return new


MAIN = ".page"
PARTS = {"body > header": ("<header", "</header>"), MAIN: ('<div class="wrap page">', "<footer"),
         "body > footer": ("<footer", "</footer>")}  # fmt: skip


def fits(person: Person, width: int) -> list[str]:
    """Whether the page is as wide as its window, as it is and in the large form, whose one difference is this attribute."""
    wrong, page = [], person.page
    for size, (room, small, upright) in page.evaluate(FITS, ["", "large"]).items():
        wrong += [f"{page.url}: {room} wide at {width} {size}"] if room > width else []
        wrong += [f"{page.url} at {width}: {each}" for each in small]
        wrong += [f"{page.url} at {width} {size}: no room for “{each}”" for each in upright]
    return wrong


# words that stand on top of each other; and of
# buttons, fields and links that stand alone (a link within a sentence may be as small as its words: WCAG 2.2, 2.5.8)
FITS = """sizes => Object.fromEntries(sizes.map(size => {
  const root = document.documentElement, was = root.dataset.size;
  if (size) root.dataset.size = size;
  const room = root.scrollWidth;
  const small = !size ? [] : [...document.querySelectorAll(
      'button, .button, .tool, input:not([type=hidden]), select, nav a, summary')]
    .filter(e => e.tabIndex >= 0 && e.checkVisibility())
    .map(e => [e, (e.type == 'checkbox' || e.type == 'radio' ? e.closest('.choice') : e).getBoundingClientRect()])
    .filter(([e, box]) => Math.round(box.height) < 44 && !e.closest('.crumbs'))
    .map(([e, box]) => e.outerHTML.slice(0, 60) + ' ' + box.height);
  const upright = [...document.querySelectorAll('main *')]
    .filter(e => !e.children.length && e.checkVisibility() && (e.innerText ?? '').trim().length > 5 && !e.closest('.unseen, thead'))
    .map(e => [e, e.getBoundingClientRect(), parseFloat(getComputedStyle(e).fontSize)])
    .filter(([e, box, em]) => box.width && box.width < 3 * em && box.height > 5 * em)
    .map(([e]) => e.innerText.trim().slice(0, 40));
  if (was) root.dataset.size = was; else delete root.dataset.size;
  return [size, [room, small, upright]];
}))"""


def said(person: Person, part: str) -> str:
    """A part of the page to the letter, without what is new at every look."""
    html = person.page.evaluate("part => document.querySelector(part).outerHTML", part)
    return re.sub(r'name="csrfmiddlewaretoken" value="\w+"|name="request_id" value="[\w-]+"', "", html)


# what hangs on something that must be there first (a case, its form filled in, somebody at the counter, a password), what
# only a token opens, one page of many of a kind, and the page of components
HANGS = re.compile(
    r"/accounts/|/(check|sent|acts/\w+|new|slip)/$|/counter/person/.|/rate/|/agency/documents/.|/agency/files/.|/office/(services|overdue)/.|/design/"
)


@pytest.mark.parametrize("role", ROLES)
def test_every_page_is_two_clicks_from_the_front_page(town: Town, scene: Scene, role: str) -> None:
    """For some person of the role: who has a case of a service already is led to it and not to a second application."""
    near = {NOWHERE}
    other = {"resident": "consenting", "clerk": "uploading", "officer": "deciding"}.get(role, role)
    for who in {scene.users[role], scene.users[other]}:
        with town.person(NODE, who) as person:
            first = links(person, "/")
            near = near.union(first, *(links(person, path) for path in sorted(first)))
    far = [path for path in scene.visits(role)[scene.users[role]] if path not in near and not HANGS.search(path)]
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
        clerk.page.click("#tab-late")
        clerk.page.wait_for_url("**/counter/?overdue=1")
        assert clerk.page.title() == title
        clerk.page.go_back()
        clerk.page.wait_for_selector("#tab-mine[aria-current=true]")
        assert clerk.page.locator("h1").count() == 1 and clerk.page.title() == title


def focused(person: Person) -> str:
    return str(person.page.evaluate("document.activeElement.innerText"))
