"""`make shots`: pictures of every page, from two live nodes with a pension under way, into shots/ (not kept in git).

Each page at 375 and 1280 px in Chinese and English; six of them also dark, in large text, printed, and at 320 px.
"""

import sys
from pathlib import Path
from typing import Any

from browser import Person, Town
from playwright.sync_api import sync_playwright
from test_pension_browser import apply

from live import Pair

OUT = Path(__file__).resolve().parents[2] / "shots"
SIX = ("home", "guide", "apply", "tracker", "worklist", "office")
WIDTHS = (375, 1280)


class Camera:
    """Takes a page in one form: language, width, and what else is different."""

    def __init__(self, town: Town, pages: list[tuple[str, str, str, str]]) -> None:
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
                for chart in person.page.locator("[data-chart]").all() if not media else ():
                    chart.scroll_into_view_if_needed()
                    person.page.wait_for_timeout(400)  # to be drawn, if there is anything to draw
                person.page.evaluate("scrollTo(0, 0)")
                person.page.screenshot(path=OUT / f"{name}-{tag}.png", full_page=True)
                print(f"{name}-{tag}.png", flush=True)


def under_way(town: Town) -> tuple[str, str, str, str]:
    """Two residents and their cases: one done, one lying at the other side."""
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
    with town.person("sichuan", second) as resident:
        resident.open("/accesses/")
    with town.person("chongqing", "clerk-hrss") as clerk:
        arrived(clerk, cases[1])
    return first, cases[0], second, cases[1]


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
    OUT.mkdir(exist_ok=True)
    with Pair() as pair, sync_playwright() as playwright:
        print("starting two nodes …", flush=True)
        pair.start()
        town = Town(playwright, pair)
        pair.command("sample", "history", "--count", "3000", "--at", "chongqing")  # for figures and charts
        first, done, second, waiting = under_way(town)
        third = town.resident()
        pages = [
            ("home", "sichuan", "", "/"),
            ("services", "sichuan", "", "/services/"),
            ("guide", "sichuan", "", "/services/pension_transfer/"),
            ("plan", "sichuan", "", "/plan/"),
            ("agency", "sichuan", "", "/agency/"),
            ("documents", "sichuan", "", "/agency/documents/"),
            ("document", "sichuan", "", "/agency/documents/pension_transfer/account_record/"),
            ("api", "sichuan", "", "/agency/api/"),
            ("grants", "chongqing", "officer-hrss", "/agency/grants/"),
            ("keys", "chongqing", "officer-hrss", "/agency/keys/"),
            ("levels", "chongqing", "officer-hrss", "/agency/levels/"),
            ("messages", "chongqing", "officer-hrss", "/agency/messages/"),
            ("design", "sichuan", "", "/design/"),
            ("sign-in", "sichuan", "", "/accounts/login/"),
            ("not-found", "sichuan", "", "/nowhere/"),
            ("apply", "sichuan", third, "/services/pension_transfer/apply/"),
            ("tracker", "sichuan", second, f"/cases/{waiting}/"),
            ("tracker-done", "sichuan", first, f"/cases/{done}/"),
            ("withdraw", "sichuan", second, f"/cases/{waiting}/acts/withdraw/"),
            ("my-cases", "sichuan", first, "/cases/"),
            ("accesses", "sichuan", first, "/accesses/"),
            ("worklist", "chongqing", "clerk-hrss", "/counter/"),
            ("workspace", "chongqing", "clerk-hrss", f"/counter/{waiting}/"),
            ("person", "chongqing", "clerk-hrss", "/counter/person/"),
            ("slip", "chongqing", "clerk-hrss", f"/counter/{waiting}/slip/"),
            ("shift", "chongqing", "clerk-hrss", "/counter/today/"),
            ("office", "chongqing", "office", "/office/"),
            ("overdue", "chongqing", "office", "/office/overdue/"),
            ("letters", "chongqing", "office", "/office/letters/"),
            ("scorecards", "chongqing", "office", "/office/services/"),
            ("scorecard", "chongqing", "office", "/office/services/pension_transfer/"),
            ("flows", "chongqing", "office", "/office/flows/"),
            ("report", "chongqing", "office", "/office/report/"),
        ]
        camera = Camera(town, pages)
        for width in WIDTHS:
            for language, short in (("zh-hans", "zh"), ("en", "en")):
                camera.take(f"{short}-{width}", width=width, language=language)
        camera.take("dark", width=1280, color_scheme="dark", only=SIX)
        camera.take("large", width=375, large=True, only=SIX)
        camera.take("320", width=320, only=SIX)
        camera.take("print", width=794, media="print", only=SIX)
        for fault in sorted(set(town.faults)):
            print(f"FAULT {fault}")
        return 1 if town.faults else 0


if __name__ == "__main__":
    sys.exit(main())
