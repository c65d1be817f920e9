"""`make shots`: pictures of every page there is (visits.PAGES), from two live nodes with cases under way, into shots/ (not kept in git).

Each page at 375 and 1280 px in Chinese and English; six of them also dark, in large text, at 320 px, and all of them printed.
"""

import os
import sys
from pathlib import Path
from typing import Any

import django
from browser import Person, Town
from playwright.sync_api import sync_playwright

from live import Pair

OUT = Path(__file__).resolve().parents[2] / "shots"
SIX = ("home", "guide", "apply", "tracker", "worklist", "office")
WIDTHS = (375, 1280)
ROLES = ("public", "resident", "clerk", "office", "officer")  # as whom a page is taken: the first who may open it
CHART = 10_000  # milliseconds for a chart to be drawn; a table that has none is not marked as one

Shot = tuple[str, str, str, str]  # name, node, user, address


class Camera:
    """Takes a page in one form: language, width, and what else is different."""

    def __init__(self, town: Town, pages: list[Shot]) -> None:
        self.town, self.pages = town, pages

    def take(self, tag: str, *, width: int, language: str = "zh-hans", large: bool = False, **options: Any) -> None:
        media = options.pop("media", None)
        only = options.pop("only", None)
        for name, node, user, path in self.pages:
            if only and name not in only:
                continue
            with self.town.person(node, user, viewport={"width": width, "height": 900}, **options) as person:
                person.language(language, large=large)
                if media:
                    person.page.emulate_media(media=media)
                person.open(path)
                # the report has the tables alone
                drawn = person.page.locator("script[data-echarts]").count() and not media
                for chart in person.page.locator("[data-chart]").all() if drawn else ():
                    chart.scroll_into_view_if_needed()
                    chart.locator(".chart canvas").wait_for(timeout=CHART)
                person.page.evaluate("scrollTo(0, 0)")
                person.page.screenshot(path=OUT / f"{name}-{tag}.png", full_page=True)
                print(f"{name}-{tag}.png", flush=True)


def everything(town: Town) -> list[Shot]:
    """Every page with something on it, and some of them once more as they look later on."""
    from visits import LED_ON, MORE, NOBODY, NODE, NOWHERE, PAGES, Scene

    from chuanyu.identity.roles import ACCESS

    scene = Scene(town)
    shots = [("not-found", NODE, "", NOWHERE)]
    for page in PAGES:
        role = next((r for r in ROLES if r in ACCESS[page] and r not in LED_ON.get(page, NOBODY)[0]), "")
        if role:
            shots.append((short(page), NODE, scene.users[role], scene.address(page)))
    for _, pages in MORE.items():
        shots += [(f"{short(page)}-{who}", NODE, scene.users[who], scene.address(page)) for who, page in pages]
    return [*shots, *under_way(town), *settled(town)]


def short(page: str) -> str:
    return page.removeprefix("portal:").removeprefix("account_").replace("_", "-")


def under_way(town: Town) -> list[Shot]:
    """Two residents and their cases: one done, one lying at the other side."""
    from test_pension_browser import apply

    first, second = town.resident(), town.resident()
    cases = []
    for user, whole in ((first, True), (second, False)):
        with town.person("sichuan", user) as resident:
            case, reference = apply(resident)
        step(town, "sichuan", case, reference)
        if whole:
            step(town, "chongqing", case, reference)
            step(town, "sichuan", case, reference)
        cases.append(case)
    with town.person("chongqing", "clerk-hrss") as clerk:
        arrived(clerk, cases[1])
    return [
        ("tracker-waiting", "sichuan", second, f"/cases/{cases[1]}/"),
        ("tracker-done", "sichuan", first, f"/cases/{cases[0]}/"),
        ("accesses-done", "sichuan", first, "/accesses/"),
        ("workspace-waiting", "chongqing", "clerk-hrss", f"/counter/{cases[1]}/"),
        ("workspace-done", "sichuan", "clerk-hrss", f"/counter/{cases[0]}/"),
    ]


def settled(town: Town) -> list[Shot]:
    """A visit at the cashier's, computed and not yet paid: the patient's bill."""
    from test_money_browser import CHRONIC, ask

    from chuanyu.core.catalogue import catalogue
    from chuanyu.core.ids import uuid7

    steps = catalogue()[CHRONIC].examples["journeys"][0]["steps"]
    user = town.resident(CHRONIC)
    with town.person("sichuan", user) as patient:
        filed = {"id": str(uuid7()), "service": CHRONIC, "documents": steps[0]["with"]}
        case = ask(patient, "/api/cases", filed)
        with town.person("sichuan", "clerk-nhsa") as clerk:
            billed = {"expects": case["sequence"], "documents": steps[1]["with"]}
            ask(clerk, f"/api/cases/{case['case']}/acts/bill", billed)
            clerk.open("/counter/cashier/")
            clerk.until("it is computed", lambda text: case["reference"] in text and "等您结算" in text)
    return [
        ("tracker-bill", "sichuan", user, f"/cases/{case['case']}/"),
        ("bill", "sichuan", user, f"/cases/{case['case']}/bills/settlement/"),
        ("cashier-bill", "sichuan", "clerk-nhsa", f"/counter/cashier/?case={case['case']}"),
    ]


def step(town: Town, node: str, case: str, reference: str) -> None:
    with town.person(node, "clerk-hrss") as clerk:
        clerk.open("/counter/")
        clerk.until("the case is here", lambda text: reference in text)
        clerk.open(f"/counter/{case}/")
        clerk.page.click("section.act.main button.wide")


def arrived(clerk: Person, case: str) -> None:
    clerk.open(f"/counter/{case}/")
    clerk.until("the case is here", lambda text: "这一步" in text, f"/counter/{case}/")


def main() -> int:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "chuanyu.node.settings")  # the addresses of pages
    django.setup()
    OUT.mkdir(exist_ok=True)
    with Pair() as pair, sync_playwright() as playwright:
        print("starting two nodes …", flush=True)
        pair.start()
        town = Town(playwright, pair)
        camera = Camera(town, everything(town))
        for width in WIDTHS:
            for language, tag in (("zh-hans", "zh"), ("en", "en")):
                camera.take(f"{tag}-{width}", width=width, language=language)
        camera.take("dark", width=1280, color_scheme="dark", only=SIX)
        camera.take("large", width=375, large=True, only=SIX)
        camera.take("320", width=320, only=SIX)
        camera.take("print", width=718, media="print")
        for fault in sorted(set(town.faults)):
            print(f"FAULT {fault}")
        return 1 if town.faults else 0


if __name__ == "__main__":
    sys.exit(main())
