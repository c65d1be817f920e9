"""People at a real browser, before two live nodes."""

import json
import shutil
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Page, Playwright

from chuanyu.core.service import NODES

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
LOADING = 15.0  # seconds for a page to come
BATCH = 12
STALE = 600.0  # seconds; a session of staff locks after 900
PATIENCE = 60.0  # seconds until a message has crossed, whatever else the machine does

# for the node's own Django: `enter` gives the session of a user as after password and, for staff, second factor
ENTER = """
import json, time
from django.test import Client
from chuanyu.identity.models import User
from chuanyu.node.samples import journeys

def enter(users):
    return {user.username: session(user) for user in users}

def session(user):
    client = Client()
    client.force_login(user)
    session = client.session
    ways = ["password", "mfa"] if user.kind == User.Kind.STAFF else ["password"]
    session["account_authentication_methods"] = [{"method": way, "at": time.time()} for way in ways]
    session["account_authentication_methods_user"] = str(user.pk)
    session.save()
    return session.session_key
"""


def program() -> str | None:
    """The browser of this machine, or None."""
    return next((found for name in PROGRAMS if (found := shutil.which(name))), None)


class Town:
    """Two nodes, a browser, and who is signed in where. Signing in takes time: it is done behind the scenes, many at once.

    `Person.sign_in` does it at the browser.
    """

    def __init__(self, playwright: Playwright, pair: Any) -> None:
        self.pair = pair
        self.browser: Browser = playwright.chromium.launch(executable_path=program(), args=ARGUMENTS)
        self.faults: list[str] = []
        self.sessions: dict[tuple[str, str], str] = {}  # node, user → session
        self.seen: dict[tuple[str, str], float] = {}  # when it was last used
        self.fresh: dict[tuple[str, int], list[str]] = {}  # residents nobody has been yet
        self.made: dict[tuple[str, int], int] = {}  # the next run to make

    def url(self, node: str) -> str:
        return str(self.pair.places[node].portal_url)

    def resident(self, service: str = "pension_transfer", index: int = 0) -> str:
        """The sign-in of a fresh resident of a journey. A dozen are made at once: the program takes longer to start."""
        waiting = self.fresh.setdefault((service, index), [])
        if not waiting:
            first = self.made.get((service, index), 100)  # other tests take the first ones
            self.made[service, index] = first + BATCH
            words = f"'{service}', {index}, run).username for run in range({first}, {first + BATCH})"
            made = f"made = [journeys.resident({words}]"
            with ThreadPoolExecutor() as pool:
                list(pool.map(lambda node: self._enter(node, "User.objects.filter(username__in=made)", made), NODES))
            waiting += [f"{service}-{index}-{run}" for run in range(first, first + BATCH)]
        return waiting.pop(0)

    @contextmanager
    def person(self, node: str, user: str = "", **options: Any) -> Iterator["Person"]:
        """Somebody at `node`, signed in if `user` is given. `options`: of Playwright's browser context."""
        options.setdefault("viewport", {"width": 1280, "height": 900})
        if user and self._idle(node, user):
            self._enter(node, f"User.objects.filter(username='{user}') | User.objects.filter(kind='staff')")
        context = self.browser.new_context(**options)
        if user:
            name, url = f"chuanyu_{node}_session", self.url(node)
            context.add_cookies([{"name": name, "value": self.sessions[node, user], "url": url, "httpOnly": True}])
        try:
            yield Person(self, node, context)
        finally:
            self.seen[node, user] = time.monotonic()
            context.close()

    def _enter(self, node: str, who: str, first: str = "") -> None:
        """Sign in `who` at the node, after its own Django has done what comes `first`."""
        code = f"{ENTER}\n{first}\nprint(json.dumps(enter({who})))"
        said = self.pair.command("django", "shell", "-c", code, node=node).stdout
        for user, key in json.loads(said.splitlines()[-1]).items():
            if self._idle(node, user):
                self.sessions[node, user], self.seen[node, user] = key, time.monotonic()

    def _idle(self, node: str, user: str) -> bool:
        """Whether there is no session, or one about to be locked because nobody touched it."""
        return (node, user) not in self.seen or time.monotonic() - self.seen[node, user] > STALE


class Person:
    """One browser window. Whatever the page complains about, or asks of anybody else, is a fault of the portal."""

    def __init__(self, town: Town, node: str, context: BrowserContext) -> None:
        self.town, self.node, self.context = town, node, context
        self.page: Page = context.new_page()
        context.set_default_timeout(PATIENCE * 1000)
        known = {town.url(each) for each in ("sichuan", "chongqing")}

        def asked(request: Any) -> None:
            if not any(request.url.startswith(url) for url in known) and not request.url.startswith("data:"):
                town.faults.append(f"asked elsewhere: {request.url}")

        context.on("request", asked)
        context.on("weberror", lambda error: town.faults.append(f"script: {error.error}"))
        # a form that was refused is answered with 4xx on purpose, and the browser says so
        context.on(
            "console",
            lambda said: (
                town.faults.append(f"console: {said.text} ({self.page.url})")
                if said.type == "error" and "status of 4" not in said.text
                else None
            ),
        )

    def open(self, path: str) -> None:
        self.page.goto(self.town.url(self.node) + path)

    def language(self, language: str, *, large: bool = False) -> None:
        """As the switches of the page keep it."""
        url = self.town.url(self.node)
        self.context.add_cookies(
            [
                {"name": "chuanyu_language", "value": language, "url": url},
                {"name": "chuanyu_large", "value": "1" if large else "0", "url": url},
            ]
        )

    def sign_in(self, user: str) -> None:
        """With the sample password, and the second factor where the node asks for it."""
        from chuanyu.node.samples import PASSWORD

        page = self.page
        self.open("/accounts/login/")
        page.fill("input[name=login]", user)
        page.fill("input[name=password]", PASSWORD)
        page.click("main button[type=submit]")
        if "/2fa/" in page.url:
            page.fill("input[name=code]", self.town.pair.command("code", user, "--at", self.node).stdout.strip())
            page.click("main button[type=submit]")
        assert "/accounts/" not in page.url, page.inner_text("main")

    @property
    def text(self) -> str:
        return self.page.inner_text("main")

    def until(self, what: str, right: Callable[[str], bool], path: str = "") -> None:
        """Look again until the page says it, as a person does who waits for the other side."""
        end = time.monotonic() + PATIENCE
        while not right(self.text):
            assert time.monotonic() < end, f"not after {PATIENCE:g} s: {what}\n{self.text}"
            time.sleep(0.5)
            self.open(path) if path else self.page.reload()

    def sees(self, *said: str) -> None:
        """The page says all of it, at the latest when it has loaded: a key or a click does not wait for the next page."""
        end = time.monotonic() + LOADING
        while missing := [each for each in said if each not in self.text]:
            assert time.monotonic() < end, f"{missing} not on {self.page.url}:\n{self.text}"
            time.sleep(0.05)
