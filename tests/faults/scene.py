"""Two live nodes that a test may hurt, people who try again as people do, and what must hold when it is over."""

import http.client
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, LiteralString, TypeVar

import psycopg
from psycopg.rows import dict_row

from chuanyu.core.service import NODES
from chuanyu.exchange import log
from chuanyu.node import processes, supervisor
from chuanyu.node.tour import Visitor
from live import Pair
from wires import OPEN, Wires

PENSION = "pension_transfer"
PROGRAMS = ("portal", "gateway", "worker", "postgres")
PATIENCE = 60.0  # seconds for anything to come right again

T = TypeVar("T")

# people of one run of the first journey of a service, each node's part; and a second clerk beside the sample one
_TRAVELLERS = """
import json, sys
from chuanyu.node import cli
cli.django()
from chuanyu.node.samples import journeys
runs = json.loads(sys.argv[1])
print(json.dumps([[made.username, made.password, made.run] for made in
                  (journeys.resident("pension_transfer", 0, run) for run in runs)]))
"""
_SECOND_CLERK = """
from chuanyu.node import cli
cli.django()
from chuanyu.identity import actions
from chuanyu.node import samples
from chuanyu.identity.models import User
if not User.objects.filter(username="clerk-hrss-2").exists():
    user = actions.create_staff(username="clerk-hrss-2", password=samples.PASSWORD, agency="hrss", role="clerk")
    actions.set_totp(user, samples.totp_secret("clerk-hrss-2"))
"""


def until(what: str, right: Callable[[], T], patience: float = PATIENCE) -> T:
    """The first true value of `right`; while the database is away it is not true yet. AssertionError names `what`."""
    end = time.monotonic() + patience
    while True:
        try:
            if found := right():
                return found
        except psycopg.OperationalError:
            found = None
        assert time.monotonic() < end, f"not after {patience:g} s: {what}; last seen: {found!r}"
        time.sleep(0.05)


class Person(Visitor):
    """Somebody at a browser. `ask` tells what happened; `insist` tries again until the node answers."""

    def enter(self, username: str, password: str, code: Callable[[], str] | None = None) -> None:
        """Sign in; staff bring the code of their second factor."""
        url = self._form("/accounts/login/", {"login": username, "password": password})
        if code:
            self._form(urllib.parse.urlsplit(url).path, {"code": code()})

    def ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> tuple[int, Any]:
        """(status, JSON). Raises OSError or HTTPException when there is no answer. No answer ever shows a traceback."""
        headers = {"Content-Type": "application/json", "X-CSRFToken": self._csrf(), "Referer": self.place.portal_url}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.place.portal_url + path, data, headers, method=method)
        try:
            with self.opener.open(request, timeout=30) as response:
                status, raw = response.status, response.read()
        except urllib.error.HTTPError as error:
            status, raw = error.code, error.read()
        assert b"Traceback" not in raw and b'File "' not in raw
        return status, json.loads(raw)

    def insist(self, method: str, path: str, body: dict[str, Any] | None = None) -> tuple[int, Any]:
        """`ask`, again and again until the node gives an answer that is not its own trouble."""
        end = time.monotonic() + PATIENCE
        while True:
            try:
                status, said = self.ask(method, path, body)
                if status < 500:
                    return status, said
            except (OSError, http.client.HTTPException, ValueError) as error:
                status, said = 0, error
            assert time.monotonic() < end, f"{method} {path} at {self.place.node}: {status} {said}"
            time.sleep(0.1)


class Scene:
    """Both nodes. Everything a test breaks it mends itself; `mend` is for the next test when it could not."""

    def __init__(self, pair: Pair, wires: Wires) -> None:
        self.pair = pair
        self.wires = wires
        self.places = pair.places
        self._travellers: Iterator[tuple[str, str]] = iter(())
        self._signed_in: dict[tuple[str, str], Person] = {}
        self._holds: list[Hold] = []
        self._connections: dict[str, psycopg.Connection[tuple[Any, ...]]] = {}
        self._known: set[tuple[str, str, Any]] = set()

    # --- people -------------------------------------------------------------------------------------------------------

    def traveller(self) -> Person:
        """A fresh resident of Sichuan whose pension lies in Chongqing, signed in."""
        found = next(self._travellers, None)
        if found is None:
            made = json.loads(self._python(NODES[0], _TRAVELLERS, json.dumps([None] * 8)))
            self._python(NODES[1], _TRAVELLERS, json.dumps([run for *_, run in made]))
            self._travellers = iter([(username, password) for username, password, _ in made])
            found = next(self._travellers)
        person = Person(self.places["sichuan"])
        person.enter(*found)
        return person

    def clerk(self, node: str, username: str = "clerk-hrss") -> Person:
        """A clerk at the counter, signed in once for all tests: sessions outlive a kill."""
        if (node, username) not in self._signed_in:
            if username != "clerk-hrss":
                self._python(node, _SECOND_CLERK)
            person = Person(self.places[node])
            person.enter(
                username, "chuanyu-sample", lambda: self.pair.command("code", username, "--at", node).stdout.strip()
            )
            self._signed_in[node, username] = person
        return self._signed_in[node, username]

    def _python(self, node: str, code: str, *arguments: str) -> str:
        environment = {**self.pair.environment, "CHUANYU_NODE": node}
        done = subprocess.run(
            [sys.executable, "-c", code, *arguments], env=environment, capture_output=True, text=True, timeout=120
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    # --- looking ------------------------------------------------------------------------------------------------------

    def sql(self, node: str, statement: LiteralString, *values: Any) -> list[tuple[Any, ...]]:
        """What the node's database says, asked past all of our code. psycopg.OperationalError while it is away."""
        connection = self._connections.get(node)
        if connection is None or connection.closed:
            connection = psycopg.connect(self.places[node].owner_url, autocommit=True)
            self._connections[node] = connection
        return connection.execute(statement, values).fetchall()

    def value(self, node: str, statement: LiteralString, *values: Any) -> Any:
        """The one value of the one row, None when there is none."""
        rows = self.sql(node, statement, *values)
        return rows[0][0] if rows else None

    def log(self, node: str) -> list[dict[str, Any]]:
        """The message log, every leaf and the whole tree verified."""
        with psycopg.connect(self.places[node].owner_url, row_factory=dict_row) as connection:
            rows = connection.execute("SELECT * FROM exchange_log ORDER BY idx").fetchall()
        log.verify(rows, None, now=datetime.now(UTC))
        return rows

    def is_up(self, node: str) -> bool:
        """Portal and gateway answer, and so does the database."""
        return self.pair.answers(node) and self.value(node, "SELECT 1") == 1

    # --- hurting ------------------------------------------------------------------------------------------------------

    def pids(self, node: str, program: str) -> list[int]:
        """The processes of one program; of PostgreSQL only the postmaster, as nobody else's death takes it down."""
        home = self.places[node].home
        if program == "postgres":
            try:
                return [int((home / "postgres" / "postmaster.pid").read_text().split("\n", 1)[0])]
            except (OSError, ValueError):
                return []
        wanted = f"CHUANYU_PROCESS={program}".encode()
        return [pid for pid in processes.marked(str(home)) if wanted in _environ(pid)]

    def kill(self, node: str, program: str) -> None:
        """kill -9 one program: all of its processes at once."""
        for pid in self.pids(node, program):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue

    def kill_node(self, node: str) -> None:
        """kill -9 everything of a node at once, the supervisor first, and start it again."""
        self.pair.kill(node)
        assert not self.pair.answers(node)
        self.pair.start(node)

    def kill_supervisor(self, node: str) -> None:
        """kill -9 only the supervisor; its programs are still ending when the next one starts."""
        up = self.pair.running.pop(node)
        up.kill()
        up.wait()
        self.pair.start(node)

    def mend(self) -> None:
        """Both nodes up, the wires open, nothing held."""
        self.wires.put(OPEN)
        while self._holds:
            self._holds.pop().let_go()
        for node in NODES:
            up = self.pair.running.get(node)
            if up is None or up.poll() is not None:
                self.pair.running.pop(node, None)
                self.pair.start(node)
            until(f"{node} answers", lambda node=node: self.is_up(node))  # type: ignore[misc]

    def hold(self, node: str, table: LiteralString) -> "Hold":
        """Nobody writes to `table` until it is let go (by `mend` at the latest)."""
        hold = Hold(self, node, table)
        self._holds.append(hold)
        return hold

    # --- what must hold -----------------------------------------------------------------------------------------------

    def letters(self) -> set[tuple[str, str, Any]]:
        """Every message at either node that is on its way, parked, refused or dead."""
        return {
            (node, *row)
            for node in NODES
            for row in self.sql(
                node,
                "SELECT state, id FROM exchange_outbox WHERE state <> 'sent'"
                " UNION ALL SELECT state, id FROM exchange_inbox WHERE state <> 'applied'",
            )
        }

    def begin(self) -> None:
        """What earlier tests left in the lists of letters does not count from now on."""
        self._known = self.letters()

    def at_rest(self) -> None:
        """Nothing is on its way, parked, refused or dead at either node, and no money waits."""
        until("every message is taken", lambda: self.letters() <= self._known)
        for node in NODES:
            until(
                f"no money waits at {node}",
                lambda node=node: not self.sql(node, "SELECT id FROM clearing_instruction WHERE status = 'waiting'"),  # type: ignore[misc]
            )

    def books_are_sound(self) -> None:
        """Every account is the sum of its entries, gap-free, and every book sums to zero."""
        for node in NODES:
            wrong = self.sql(
                node,
                "SELECT a.name, a.balance, a.seq, e.sum, e.count, e.last FROM ledger.account a JOIN LATERAL"
                " (SELECT coalesce(sum(amount), 0) AS sum, count(*) AS count, coalesce(max(seq), 0) AS last"
                "  FROM ledger.entry WHERE book = a.book AND account = a.id) e ON true"
                " WHERE (a.balance, a.seq, a.seq) IS DISTINCT FROM (e.sum, e.count, e.last)",
            )
            assert wrong == []
            assert self.sql(node, "SELECT book FROM ledger.account GROUP BY book HAVING sum(balance) <> 0") == []

    def same(self, case: str) -> tuple[Any, ...]:
        """Both nodes hold the same events and stand at the same place; returns it: state, final, owner, sequence, head."""
        places, events = set(), set()
        for node in NODES:
            places.update(
                self.sql(node, "SELECT state, final, owner, sequence, head FROM cases_case WHERE id = %s", case)
            )
            events.add(tuple(self.sql(node, "SELECT hash FROM cases_event WHERE case_id = %s ORDER BY sequence", case)))
        assert len(places) == 1 and len(events) == 1, (places, events)
        (place,), (hashes,) = places, events
        assert len(hashes) == place[3] and hashes[-1] == (place[4],)
        return place

    def crossed(self, case: str) -> None:
        """Every message of the case was taken once, and both logs have it and its receipt."""
        logs = {node: self.log(node) for node in NODES}
        for sender, receiver in (NODES, NODES[::-1]):
            for (message,) in self.sql(sender, "SELECT id FROM exchange_outbox WHERE stream = %s", case):
                for node, sent, answered in (
                    (sender, log.SENT, log.ANSWER_RECEIVED),
                    (receiver, log.RECEIVED, log.ANSWER_SENT),
                ):
                    rows = [row for row in logs[node] if row["message"] == message]
                    assert any(row["direction"] == sent for row in rows), (node, message)
                    assert any(row["direction"] == answered and row["status"] == 200 for row in rows), (node, message)
                taken = self.sql(receiver, "SELECT state FROM exchange_inbox WHERE id = %s", message)
                assert taken == [("applied",)]


class Hold:
    """A table held so that whoever would write to it stands still before it, at exactly that point."""

    def __init__(self, scene: Scene, node: str, table: LiteralString) -> None:
        self._scene, self._node, self._table = scene, node, table
        self._connection = psycopg.connect(scene.places[node].owner_url)
        self._connection.execute("LOCK TABLE " + table + " IN SHARE MODE")

    def somebody_waits(self) -> None:
        """Until somebody stands there."""
        waiting: LiteralString = (
            "SELECT count(*) FROM pg_locks WHERE relation = %s::regclass AND mode = 'RowExclusiveLock' AND NOT granted"
        )
        until(
            f"somebody at {self._node} writes to {self._table}",
            lambda: self._scene.value(self._node, waiting, self._table),
        )

    def let_go(self) -> None:
        """Whoever is still there goes on. Harmless to repeat."""
        self._connection.close()


class Journey:
    """The pension journey of one resident, from Chongqing to Guang'an: each step clicked until it is done."""

    AMOUNT = 4066037  # fen
    STEPS = ("start", "accept", "release", "confirm")
    WHO = {"accept": "sichuan", "release": "chongqing", "confirm": "sichuan"}  # noqa: RUF012  a constant

    def __init__(self, scene: Scene, case: str, *, resident: Person | None = None) -> None:
        self.scene = scene
        self.case = case
        self.resident = resident or scene.traveller()

    def do(self, step: str) -> None:
        """Take one step as a person does: click, and when nothing comes back, look and click again."""
        if step == "start":
            body = {"id": self.case, "service": PENSION, "documents": {"application": {}}}
            status, said = self.resident.insist("POST", "/api/cases", body)
            assert (status, said.get("case")) == (200, self.case), said
            return
        self.act(self.scene.clerk(self.WHO[step]), step)

    def act(self, who: Person, step: str, *, since: int = 0) -> None:
        """The step `step`, once it is offered and until it is seen as done (after the event `since`)."""

        def done() -> bool:
            seen = self.seen_by(who)
            if seen is None:
                return False
            if any(s["act"] == step and s["sequence"] > since for s in seen["steps"]):
                return True
            if seen["posting"] or step not in [act["name"] for act in seen["acts"]]:
                return False
            body = {"expects": seen["sequence"], "documents": {}, "note": ""}
            status, said = who.insist("POST", f"/api/cases/{self.case}/acts/{step}", body)
            assert status in (200, 409), said
            return False

        until(f"{step} in {self.case}", done)

    def seen_by(self, who: Person) -> dict[str, Any] | None:
        """The case as the page shows it, None when it is not there yet."""
        status, seen = who.insist("GET", f"/api/cases/{self.case}")
        assert status in (200, 404), seen
        return dict(seen) if status == 200 else None

    def completes(self, *, steps: int = 4, accesses: int = 2) -> None:
        """Closed at both nodes after so many steps, the money moved once, both logs whole, the accesses shown."""
        scene = self.scene
        for node in NODES:
            until(
                f"{self.case} is closed at {node}",
                lambda node=node: (
                    scene.value(node, "SELECT state FROM cases_case WHERE id = %s", self.case)  # type: ignore[misc]
                    == "closed"
                ),
            )
        scene.at_rest()
        assert scene.same(self.case)[:4] == ("closed", True, "", steps)
        self.paid_once()
        scene.books_are_sound()
        scene.crossed(self.case)
        shown = until("the other node is asked too", self._accesses) or []
        assert [(one["here"], one["there"]) for one in shown] == [(True, True)] * accesses, shown

    def _accesses(self) -> list[dict[str, Any]] | None:
        """Who used the resident's data, None while the other node can't be asked."""
        _, shown = self.resident.insist("GET", "/api/accesses")
        ours = [one for one in shown["accesses"] if one["service"] == PENSION]
        return None if any(one["there"] is None for one in ours) else ours

    def paid_once(self) -> None:
        """40,660.37 yuan left Chongqing's fund and reached Sichuan's, once, under one id."""
        entries = {
            "chongqing": ("payer", {"fund": -self.AMOUNT, "due_to/sichuan/hrss": self.AMOUNT}, 1),
            "sichuan": ("payee", {"fund": self.AMOUNT, "due_from/chongqing/hrss": -self.AMOUNT}, 0),
        }
        ids = set()
        for node, (side, moved, orders) in entries.items():
            found = self.scene.sql(
                node, 'SELECT id, side, status, amount FROM clearing_instruction WHERE "case" = %s', self.case
            )
            assert [row[1:] for row in found] == [(side, "posted", self.AMOUNT)]
            id_ = found[0][0]
            ids.add(id_)
            assert self.scene.sql(node, "SELECT status, amount FROM ledger.transfer WHERE id = %s", id_) == [
                (0, self.AMOUNT)
            ]
            rows = self.scene.sql(
                node,
                "SELECT a.name, e.amount FROM ledger.entry e JOIN ledger.account a ON a.book = e.book AND a.id = e.account"
                " WHERE e.transfer = %s",
                id_,
            )
            assert sorted(rows) == sorted(moved.items())
            assert (
                self.scene.value(node, "SELECT count(*) FROM clearing_order WHERE instruction_id = %s", id_) == orders
            )
        assert len(ids) == 1


def responds(port: int) -> bool:
    """Whether a gateway answers."""
    return supervisor.responds(port, "/exchange/v1/health")


def _environ(pid: int) -> list[bytes]:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return []
