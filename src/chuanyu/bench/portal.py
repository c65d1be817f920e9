"""What a page costs the server with 100,000 cases in the node and 20 people at work at once.

The past of `samples.past` is made for some of them, events, documents and people and all, and copied in SQL. Then 20
signed-in users (residents, clerks, the office) open pages, pausing a second on average as nobody reads faster; the time
is the server's own (its log's), from the first middleware to the answer. The floor beside them: a page that does nothing.
Then the same without pauses, for how many pages a second there can be.
"""

import asyncio
import math
import os
import random
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
import psycopg

from chuanyu.bench.nodes import Node, one_node
from chuanyu.node import setup, supervisor

CASES = 100_000
MADE = 11_000  # of which a part stays at the other node; the rest of the cases are their copies
USERS = 20
SECONDS = 60.0
PAUSE = 1.0  # seconds between two pages of a user, on average
NODE = "sichuan"

Page = tuple[str, str, str]  # name, address, cookies


def run() -> dict[str, Any]:
    """p95 in ms by page, and pages a second."""
    with one_node(NODE) as node:
        node.django()
        cases = fill(node)
        users = visitors()
        with portal(node):
            asyncio.run(_visit(node, users, seconds=8, pause=0))  # caches fill, connections open
            begun = time.time()
            asyncio.run(_visit(node, users, seconds=SECONDS, pause=PAUSE))
            calm = _times(node, begun)
            begun = time.time()
            answers = asyncio.run(_visit(node, users, seconds=10, pause=0))
        asked = queries(users)
    names = {name for user in users for name, _, _ in user}
    figures: dict[str, Any] = {"cases in the node": cases, "users": USERS}
    for name in sorted(names):
        figures[f"{name}, p95 ms"] = _at(calm[name], 0.95)
        figures[f"{name}, p95 ms of processor"] = _at(calm[f"{name} cpu"], 0.95)
        figures[f"{name}, queries"] = asked[name]
    everything = [ms for name in names - {"health"} for ms in calm[name]]
    figures["all pages, p50 ms"] = _at(everything, 0.5)
    figures["all pages, p95 ms"] = _at(everything, 0.95)
    figures["pages measured"] = len(everything)
    figures["others' load while measuring"] = f"{os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
    figures["pages/s without pauses"] = round(answers / 10, 1)
    return figures


def fill(node: Node) -> int:
    """Cases: some made, the rest their copies. Returns how many there are."""
    from chuanyu.cases.models import Case
    from chuanyu.cases.store import COLUMNS
    from chuanyu.node.samples import past

    copies = math.ceil(CASES / past.load(MADE))
    own = {"id": "t.id", "reference": "'CY-' || upper(left(md5(t.id::text), 16))", "person": "gen_random_uuid()"}
    columns = ", ".join(own.get(column, f"c.{column}") for column in COLUMNS)
    with psycopg.connect(node.superuser_url) as connection:
        connection.execute(
            "CREATE TEMP TABLE twin AS SELECT c.id AS first, gen_random_uuid() AS id"
            f" FROM cases_case c, generate_series(2, {copies})"
        )
        connection.execute(
            f"INSERT INTO cases_case ({', '.join(COLUMNS)})"
            f" SELECT {columns} FROM cases_case c JOIN twin t ON t.first = c.id"
        )
        for table, kept in (
            ("cases_event", "sequence, hash, body, actor, stored"),
            ("cases_casedocument", "sequence, name, digest, body"),
        ):
            connection.execute(
                f"INSERT INTO {table} (case_id, {kept}) SELECT t.id, {kept} FROM {table} e JOIN twin t ON t.first = e.case_id"
            )
    with psycopg.connect(node.superuser_url, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")
    return Case.objects.count()


def visitors() -> list[list[Page]]:
    """The pages of each user: ten residents with a case, eight clerks, two of the office."""
    from chuanyu.cases.models import Case
    from chuanyu.identity import actions
    from chuanyu.identity.models import Person

    people = set(Person.objects.values_list("pk", flat=True))
    cases = [c for c in Case.objects.filter(filed_at=NODE).order_by("-filed")[:600] if c.person in people]
    open_ = [c for c in Case.objects.filter(final=False, owner=f"{NODE}/hrss")[:600] if c.person in people]
    found = []
    for n in range(10):
        case = cases[n]
        user = actions.create_resident(username=f"b{n}", password="bench-bench", person=case.person, display="*示例")
        cookies = _session(user)
        found.append(
            [
                ("home", "/", cookies),
                ("services", "/services/?q=养老", cookies),
                ("guide", "/services/pension_transfer/", cookies),
                ("apply", "/services/unemployment_transfer/apply/", cookies),
                ("my cases", "/cases/", cookies),
                ("tracker", f"/cases/{case.pk}/", cookies),
                ("health", "/health", cookies),
            ]
        )
    for n in range(8):
        user = actions.create_staff(username=f"c{n}", password="bench-bench", agency="hrss", role="clerk")
        cookies = _session(user)
        found.append(
            [
                ("worklist", "/counter/", cookies),
                ("workspace", f"/counter/{open_[n].pk}/", cookies),
            ]
        )
    for n in range(2):
        user = actions.create_staff(username=f"o{n}", password="bench-bench", agency="dev", role="office")
        cookies = _session(user)
        found.append(
            [
                ("office", "/office/", cookies),
                ("scorecards", "/office/services/", cookies),
                ("scorecard", "/office/services/pension_transfer/", cookies),
                ("flows", "/office/flows/", cookies),
                ("overdue", "/office/overdue/", cookies),
                ("report", "/office/report/", cookies),
                ("plan", "/plan/", cookies),
            ]
        )
    return found


def _session(user: Any) -> str:
    """Cookies as after password and second factor."""
    from django.conf import settings
    from django.test import Client

    client = Client()
    client.force_login(user)
    session = client.session
    session["account_authentication_methods"] = [{"method": m, "at": time.time()} for m in ("password", "mfa")]
    session["account_authentication_methods_user"] = str(user.pk)
    session.save()
    return f"{settings.SESSION_COOKIE_NAME}={session.session_key}"


def queries(users: list[list[Page]]) -> dict[str, int]:
    """How often each page asks the database, once everything is warm."""
    from django.conf import settings
    from django.db import connection
    from django.test import Client

    settings.ALLOWED_HOSTS = [*settings.ALLOWED_HOSTS, "testserver"]
    found: dict[str, int] = {}
    for name, address, cookies in {page[0]: page for user in users for page in user}.values():
        client, asked = Client(), list[str]()

        def count(execute: Any, sql: str, *rest: Any, asked: list[str] = asked) -> Any:
            asked.append(sql)
            return execute(sql, *rest)

        client.get(address, headers={"cookie": cookies})
        with connection.execute_wrapper(count):
            client.get(address, headers={"cookie": cookies})
        found[name] = len(asked)
    return found


@contextmanager
def portal(node: Node) -> Iterator[None]:
    """The portal as `chuanyu up` runs it, its static files collected."""
    setup.command([node.place], "collect")
    _, children = supervisor.of(node.place, say=print)
    child = next(child for child in children if child.name == "portal")
    child.start()
    try:
        until = time.monotonic() + 60
        while not child.ready():
            if time.monotonic() > until:
                raise RuntimeError(f"the portal did not answer: {child.said()}")
            time.sleep(0.2)
        yield
    finally:
        child.end_group()


async def _visit(node: Node, users: list[list[Page]], *, seconds: float, pause: float) -> int:
    """All users at once for `seconds`; how many answers they got. RuntimeError for one that is not 200."""
    until = time.monotonic() + seconds
    counts = await asyncio.gather(*(_user(node, pages, n, until, pause) for n, pages in enumerate(users)))
    return sum(counts)


async def _user(node: Node, pages: list[Page], seed: int, until: float, pause: float) -> int:
    chance, answers = random.Random(seed), 0
    reader, writer = await asyncio.open_connection("127.0.0.1", node.place.portal_port)
    while time.monotonic() < until:
        if pause:
            await asyncio.sleep(chance.expovariate(1 / pause))
        name, address, cookies = chance.choice(pages)
        sent = f"host: 127.0.0.1\r\naccept-encoding: gzip\r\ncookie: {cookies}"
        writer.write(f"GET {_quoted(address)} HTTP/1.1\r\n{sent}\r\n\r\n".encode())
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(f"{name} {address}: {head.decode(errors='replace')}")
        lines = head.lower().split(b"\r\n")
        length = next((int(line.partition(b":")[2]) for line in lines if line.startswith(b"content-length:")), None)
        if length is None:
            while (size := int(await reader.readline(), 16)) > 0:
                await reader.readexactly(size + 2)
            await reader.readexactly(2)
        else:
            await reader.readexactly(length)
        answers += 1
    writer.close()
    return answers


def _quoted(address: str) -> str:
    from urllib.parse import quote

    return quote(address, safe="/?=&")


NAMES = {
    "/": "home", "/health": "health", "/services/": "services", "/services/pension_transfer/": "guide", "/cases/": "my cases",
    "/services/unemployment_transfer/apply/": "apply", "/counter/": "worklist", "/office/": "office", "/plan/": "plan",
    "/office/services/": "scorecards", "/office/services/pension_transfer/": "scorecard", "/office/flows/": "flows",
    "/office/overdue/": "overdue", "/office/report/": "report",
}  # fmt: skip


def _times(node: Node, begun: float) -> dict[str, list[float]]:
    """Milliseconds by page, as the portal's own log has them."""
    found: dict[str, list[float]] = defaultdict(list)
    since = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(begun))
    for file in sorted((node.place.home / "logs").glob("portal.jsonl*")):
        for line in file.read_bytes().splitlines():
            row = msgspec.json.decode(line)
            if row.get("event") == "request" and row["timestamp"] >= since:
                path = row["path"]
                other = "tracker" if path.startswith("/cases/") else "workspace"
                found[NAMES.get(path, other)].append(row["ms"])
                found[f"{NAMES.get(path, other)} cpu"].append(row["cpu_ms"])
    return found


def _at(times: list[float], share: float) -> float:
    return round(sorted(times)[int(len(times) * share)], 1) if times else float("nan")
