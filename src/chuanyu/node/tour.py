"""Walks the journeys of the services over HTTP at two running nodes, as the people in them would, and checks what they see."""

import http.cookiejar
import json
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from datetime import time as Hour
from typing import Any

import msgspec

from chuanyu.core import days
from chuanyu.core.catalogue import catalogue
from chuanyu.core.ids import uuid7
from chuanyu.core.service import Service
from chuanyu.node.place import Place

PATIENCE = 60.0  # seconds for a step to be seen at the other node


class Lost(Exception):
    """The journey did not go as its examples.yaml says."""


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One step taken and what was seen after it."""

    service: str
    journey: str
    at: str
    who: str
    do: str
    state: str
    reference: str
    seconds: float


class Skipped(msgspec.Struct, frozen=True, kw_only=True):
    """A journey that can't be taken at this hour, and when it can."""

    service: str
    journey: str
    opens: str
    closes: str


class Visitor:
    """Someone signed in at one node's portal."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.cookies = http.cookiejar.CookieJar()
        self.opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self.cookies))

    def sign_in(self, username: str, password: str, *, staff: bool) -> None:
        """Password, and for staff the second factor."""
        url = self._form("/accounts/login/", {"login": username, "password": password})
        if staff:
            self._form(urllib.parse.urlsplit(url).path, {"code": _code(username, self.place.node)})

    def get(self, path: str) -> Any:
        """A JSON answer; raises Lost with the refusal."""
        return self._open(urllib.request.Request(self.place.portal_url + path))

    def post(self, path: str, body: dict[str, Any]) -> Any:
        """A JSON answer to a JSON body; raises Lost with the refusal."""
        data = json.dumps(body).encode()
        headers = {"Content-Type": "application/json", "X-CSRFToken": self._csrf(), "Referer": self.place.portal_url}
        return self._open(urllib.request.Request(self.place.portal_url + path, data, headers))

    def _open(self, request: urllib.request.Request) -> Any:
        try:
            with self.opener.open(request, timeout=30) as response:
                return json.load(response)
        except urllib.error.HTTPError as error:
            raise Lost(f"{request.full_url}: {error.code} {error.read()[:400].decode(errors='replace')}") from None

    def _form(self, path: str, fields: dict[str, str]) -> str:
        self.opener.open(self.place.portal_url + path, timeout=30).read()
        data = urllib.parse.urlencode(fields | {"csrfmiddlewaretoken": self._csrf()}).encode()
        request = urllib.request.Request(self.place.portal_url + path, data, {"Referer": self.place.portal_url + path})
        with self.opener.open(request, timeout=30) as response:
            if urllib.parse.urlsplit(response.url).path == path:
                raise Lost(f"{path} did not let {fields.get('login', 'the code')} in")
            return str(response.url)

    def _csrf(self) -> str:
        return next((c.value or "" for c in self.cookies if c.name.endswith("_csrf")), "")


class Tour:
    """Every journey of some services, step by step."""

    def __init__(self, places: dict[str, Place]) -> None:
        self.places = places
        self.staff: dict[tuple[str, str], Visitor] = {}

    def walk(self, service: Service) -> Iterator[Step | Skipped]:
        """Take each journey with a fresh resident. Raises Lost at the first thing that is not as declared.

        One with hours is skipped outside them; CHUANYU_TIME, set for the nodes and the tour alike, chooses the time of day.
        """
        for index, journey in enumerate(service.examples.get("journeys", [])):
            hours = journey.get("hours")
            if hours and not opens(hours):
                yield Skipped(
                    service=service.key, journey=journey["name"]["zh"], opens=hours["from"], closes=hours["until"]
                )
            else:
                yield from self._journey(service, index, journey)

    def _journey(self, service: Service, index: int, journey: dict[str, Any]) -> Iterator[Step]:
        resident = json.loads(_chuanyu("sample", "journey", service.key, str(index)))
        case, sequence = "", 0
        for step in journey["steps"]:
            began = time.monotonic()
            visitor = self._visitor(service, step, resident)
            if step["do"] == "start":
                body = {"id": str(uuid7()), "service": service.key, "documents": _plain(step.get("with", {}))}
                case = visitor.post("/api/cases", body)["case"]
            else:
                seen = self._until(visitor, case, lambda view, least=sequence: view["sequence"] >= least)
                body = {
                    "expects": seen["sequence"],
                    "documents": _plain(step.get("with", {})),
                    "note": step.get("note", ""),
                }
                visitor.post(f"/api/cases/{case}/acts/{step['do']}", body)
            seen = self._seen(visitor, case, step.get("see", {}), sequence)
            sequence = seen["sequence"]
            if (expected := step.get("see", {}).get("accesses")) is not None:
                self._accesses(service, journey, resident, expected)
            yield Step(
                service=service.key,
                journey=journey["name"]["zh"],
                at=step["at"],
                who=step["as"],
                do=step["do"],
                state=seen["title"]["zh"],
                reference=seen["reference"],
                seconds=round(time.monotonic() - began, 2),
            )

    def _seen(self, visitor: Visitor, case: str, see: dict[str, Any], before: int) -> dict[str, Any]:
        """The case as the one who acted sees it, once it is as declared and nothing is under way."""
        state, amount = see.get("state"), see.get("amount")

        def there(view: dict[str, Any]) -> bool:
            return bool(
                view["sequence"] > before
                and not view["posting"]
                and (state is None or view["state"] == state)
                and (
                    amount is None or any(t["amount"] == amount and t["status"] == "posted" for t in view["transfers"])
                )
            )

        seen = self._until(visitor, case, there)
        last = seen["steps"][-1]
        if "outcome" in see and last["outcome"] != see["outcome"]:
            raise Lost(f"{seen['reference']}: the outcome was {last['outcome']!r}, not {see['outcome']!r}")
        if "due" in see and str(seen["due"]) != str(see["due"]):
            raise Lost(f"{seen['reference']}: due {seen['due']}, not {see['due']}")
        return seen

    def _until(self, visitor: Visitor, case: str, right: Any) -> dict[str, Any]:
        deadline, seen = time.monotonic() + PATIENCE, None
        while time.monotonic() < deadline:
            try:
                seen = visitor.get(f"/api/cases/{case}")
            except Lost:
                seen = None  # it has not arrived here yet
            if seen and right(seen):
                return dict(seen)
            time.sleep(0.2)
        told = f"{seen['state']}, step {seen['sequence']}" if seen else "not there"
        raise Lost(f"case {case} at {visitor.place.node}: {told} after {PATIENCE:.0f} s")

    def _accesses(self, service: Service, journey: dict[str, Any], resident: dict[str, Any], expected: int) -> None:
        visitor = self._resident(journey["steps"][0]["at"], resident)
        found = [a for a in visitor.get("/api/accesses")["accesses"] if a["service"] == service.key]
        if len(found) != expected:
            raise Lost(f"{len(found)} accesses in the person's view, not {expected}")

    def _visitor(self, service: Service, step: dict[str, Any], resident: dict[str, Any]) -> Visitor:
        if step["as"] in ("resident", "applicant"):
            return self._resident(step["at"], resident)
        assert service.procedure is not None
        agency = service.procedure.parties[step["as"]].agency
        if (step["at"], agency) not in self.staff:
            visitor = Visitor(self.places[step["at"]])
            visitor.sign_in(f"clerk-{agency}", resident["password"], staff=True)
            self.staff[step["at"], agency] = visitor
        return self.staff[step["at"], agency]

    def _resident(self, node: str, resident: dict[str, Any]) -> Visitor:
        key = (node, resident["username"])
        if key not in self.staff:
            self.staff[key] = Visitor(self.places[node])
            self.staff[key].sign_in(resident["username"], resident["password"], staff=False)
        return self.staff[key]


def opens(hours: dict[str, str]) -> bool:
    """Whether the legal time is from `from` on and before `until`."""
    return Hour.fromisoformat(hours["from"]) <= days.moment().time() < Hour.fromisoformat(hours["until"])


def services(names: list[str]) -> list[Service]:
    """The named services, or all with journeys. Raises Lost for a name there is none of."""
    known = catalogue()
    if unknown := [name for name in names if name not in known]:
        raise Lost(f"no service {unknown[0]!r}; there are: {', '.join(known)}")
    return [known[name] for name in names] if names else [s for s in known.values() if s.examples.get("journeys")]


def _plain(documents: dict[str, Any]) -> dict[str, Any]:
    """YAML's dates as the text they have in JSON."""
    plain: dict[str, Any] = msgspec.to_builtins(documents)
    return plain


def _code(username: str, node: str) -> str:
    return _chuanyu("code", username, "--at", node).strip()


def _chuanyu(*words: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "chuanyu.node.cli", *words], capture_output=True, text=True, stdin=subprocess.DEVNULL
    )
    if done.returncode:
        raise Lost(done.stderr.strip() or f"chuanyu {' '.join(words)} failed")
    return done.stdout
