"""The ledger against PostgreSQL's own yardstick and against a ledger one can install: on the same server, in the same run.

pgbench's TPC-B moves money between three balances and writes a history row, one commit each, with as many clients as suit it
best. Ours is one connection calling `ledger.post` with 500 transfers a call: dedupe, floors, two numbered entries each. A pair
is a reservation and its posting; it is counted once. Every rate is the median of rounds that take turns, so that whatever
else the machine does meets all of them. CHUANYU_BENCH_ROWS=10000000 lets the ledger grow that far (default a million).
"""

import os
import random
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg

from chuanyu import clearing
from chuanyu.bench import ledger_http
from chuanyu.bench.nodes import Node, one_node
from chuanyu.core.ids import uuid7

NODE = "sichuan"
ROUNDS = 5
SECONDS = 4.0  # of each measurement of each round
BATCH = 500
ACCOUNTS = 1000
CLIENTS = (1, 8, 16, 32)
SCALE = 10  # of pgbench: a million accounts, ten branches
ROWS = int(os.environ.get("CHUANYU_BENCH_ROWS", "1000000"))
LEVELS = tuple(n for n in (10_000, 100_000, 1_000_000, 10_000_000) if n <= ROWS)
LEDGER = Path(clearing.__file__).with_name("ledger.sql")
BUSY = (100, ACCOUNTS)  # accounts that are posted to at a level: as in a busy book, and as many as there are, at random
WINDOW = 60  # batches whose median is the time at a level
ALONE = 1000  # transfers one by one, likewise

_POST = (
    "SELECT ledger.post(%b, 0, %b::uuid[], %b::int[], %b::int[], %b::bigint[], %b::text[], %b::smallint[], %b::uuid[])"
)


def run() -> dict[str, Any]:
    """Figures by name; rates are per second, ratios say against what."""
    with one_node(NODE) as node:
        ours = Ours(node)
        clients = _best_clients(node)
        work: dict[str, Callable[[], float]] = {
            "pgbench TPC-B": lambda: _pgbench(node, clients),
            "batches of 500": lambda: ours.rate(ours.any, ours.plain),
            "hot accounts (two)": lambda: ours.rate(ours.two, ours.plain),
            "pairs (pending + post)": lambda: ours.rate(ours.any, ours.pair),
        }
        rates: dict[str, list[float]] = {name: [] for name in work}
        for _ in range(ROUNDS):
            for name, measure in work.items():
                rates[name].append(measure())
        medians = {name: statistics.median(values) for name, values in rates.items()}
        tpcb = medians["pgbench TPC-B"]
        figures: dict[str, Any] = {f"pgbench TPC-B/s, {clients} clients": round(tpcb)}
        for name in list(work)[1:]:
            figures[f"{name}/s, one connection"] = round(medians[name])
            figures[f"{name} / TPC-B"] = round(medians[name] / tpcb, 2)
        figures |= ledger_http.run(node, tpcb=lambda: _pgbench(node, clients))
        hordak = _hordak(node)
        if isinstance(hordak, float):
            figures["django-hordak transfers/s"] = round(hordak, 1)
            figures["batches of 500 / django-hordak"] = round(medians["batches of 500"] / hordak)
        else:
            figures["django-hordak transfers/s"] = hordak
        return figures | Growth(node).run()


class Ours:
    """One book of a thousand accounts, written as the node's role over one connection."""

    def __init__(self, node: Node, *, name: str = "bench/rates", database: str | None = None) -> None:
        self.connection = psycopg.connect(node.place.database_url, dbname=database, autocommit=True)
        names = [f"a{i}" for i in range(ACCOUNTS)]
        rows = self.connection.execute(
            "SELECT book, id FROM ledger.open(%s, %s, %s, %s)",
            [name, names, ["CNY"] * ACCOUNTS, [-(10**14)] * ACCOUNTS],
        ).fetchall()
        self.book = rows[0][0]
        self.any = [row[1] for row in rows]
        self.two = self.any[:2]

    def batch(self, accounts: list[int], size: int = BATCH) -> list[Any]:
        """Random transfers between these accounts, as the arguments of ledger.post."""
        pairs = [random.sample(accounts, 2) for _ in range(size)]
        return [
            self.book,
            [uuid7() for _ in pairs],
            [debit for debit, _ in pairs],
            [credit for _, credit in pairs],
            [random.randint(1, 1000) for _ in pairs],
            ["bench"] * size,
        ]

    def plain(self, batch: list[Any]) -> None:
        """Post a batch."""
        self._post([*batch, None, None])

    def pair(self, batch: list[Any]) -> None:
        """Reserve each, then post each reservation."""
        self._post([*batch, [1] * BATCH, [None] * BATCH])
        self._post([batch[0], [uuid7() for _ in range(BATCH)], *batch[2:], [2] * BATCH, batch[1]])

    def _post(self, arguments: list[Any]) -> None:
        row = self.connection.execute(_POST, arguments).fetchone()
        assert row is not None and not any(row[0]), "the ledger refused"

    def rate(self, accounts: list[int], post: Callable[[list[Any]], None]) -> float:
        """Transfers (or pairs) a second; making the random batches is not what is measured."""
        spent, count = 0.0, 0
        while spent < SECONDS:
            batch = self.batch(accounts)
            began = time.perf_counter()
            post(batch)
            spent += time.perf_counter() - began
            count += BATCH
        return count / spent


# --- the yardsticks ---------------------------------------------------------------------------------------------------


def _best_clients(node: Node) -> int:
    subprocess.run(
        [node.program("pgbench"), "-i", "-q", "-s", str(SCALE), node.superuser_url], check=True, capture_output=True
    )
    rates = {clients: _pgbench(node, clients) for clients in CLIENTS}
    return max(rates, key=lambda clients: rates[clients])


def _pgbench(node: Node, clients: int) -> float:
    done = subprocess.run(
        [
            node.program("pgbench"),
            *("-c", str(clients), "-j", "2", "-M", "prepared", "-T", str(round(SECONDS))),
            node.superuser_url,
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    found = re.search(r"tps = ([0-9.]+)", done.stdout)
    assert found is not None, done.stdout
    return float(found.group(1))


_HORDAK = """
import sys, time
import dj_database_url
import django
from django.conf import settings
settings.configure(
    DATABASES={"default": dj_database_url.parse("postgres:///") | {"NAME": "bench_hordak", "USER": "postgres",
        "PASSWORD": sys.argv[1], "HOST": sys.argv[2]}},
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "mptt", "djmoney", "hordak"],
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField", USE_TZ=True, DEFAULT_CURRENCY="CNY", CURRENCIES=["CNY"],
    HORDAK_CURRENCIES=["CNY"], HORDAK_INTERNAL_CURRENCY="CNY", SECRET_KEY="bench",
)
django.setup()
from django.core.management import call_command
call_command("migrate", verbosity=0)
from hordak.models import Account
from moneyed import Money
accounts = [Account.objects.create(name=str(n), code=str(n), type="AS", currencies=["CNY"]) for n in range(20)]
count, began = 0, time.perf_counter()
while time.perf_counter() - began < float(sys.argv[3]):
    accounts[count % 20].transfer_to(accounts[(count + 7) % 20], Money(count % 900 + 1, "CNY"))
    count += 1
print(count / (time.perf_counter() - began))
"""


def _hordak(node: Node) -> float | str:
    """Transfers a second with django-hordak's own call, one connection, or why there are none."""
    node.make_database("bench_hordak")
    arguments = [node.place.superuser_password, str(node.place.sockets), str(SECONDS * 2)]
    done = subprocess.run([sys.executable, "-c", _HORDAK, *arguments], capture_output=True, text=True)
    if "ModuleNotFoundError" in done.stderr:
        return "not installed: pip install chuanyu[bench]"
    assert done.returncode == 0, done.stderr
    return float(done.stdout.strip().splitlines()[-1])


# --- growth -----------------------------------------------------------------------------------------------------------


class Growth:
    """A ledger that grows, in batches, by the node's role alone: what a transfer costs when there are many already.

    Beside it, batch by batch in turn, a new ledger of ten thousand in a database of its own on the same server: what the
    machine does otherwise meets both, so their ratio is that of size alone.
    """

    def __init__(self, node: Node) -> None:
        self.node = node
        self.ours = Ours(node, name="bench/growth")
        with psycopg.connect(node.place.owner_url, autocommit=True) as owner:
            owner.execute("ANALYZE ledger.account")
        self.rows = 0

    def run(self) -> dict[str, Any]:
        """Microseconds of wall and of the backend's CPU per transfer at each level, and bytes per transfer."""
        figures: dict[str, Any] = {}
        before = self._bytes()
        for level in LEVELS:
            self._grow(level - self.rows - WINDOW * BATCH // 2)
            for busy in BUSY:
                figures |= self._at(level, busy)
            figures |= self._alone(level)
        figures["bytes per transfer, tables and indexes"] = round((self._bytes() - before) / self.rows)
        return figures

    def _at(self, level: int, busy: int) -> dict[str, Any]:
        """The time of a transfer among `busy` accounts now, and in a small ledger by turns."""
        small = self._small(f"bench_small_{level}_{busy}")
        sides = [(ours, ours.any[:busy]) for ours in (self.ours, small)]
        walls: tuple[list[float], list[float]] = ([], [])
        before = [_cpu(ours) for ours, _ in sides]
        for _ in range(WINDOW):
            for side, times in zip(sides, walls, strict=True):
                times.append(_time(*side))
        self.rows += WINDOW * BATCH
        cpu = [(_cpu(ours) - began) / (WINDOW * BATCH) for (ours, _), began in zip(sides, before, strict=True)]
        small.connection.close()
        wall = [statistics.median(times) / BATCH for times in walls]
        at = f"at {level:,}, {busy:,} accounts"
        return {
            f"µs per transfer {at} (median, wall)": round(wall[0] * 1e6, 1),
            f"µs per transfer {at} (backend's CPU)": round(cpu[0] * 1e6, 1),
            f"{at} / at {LEVELS[0]:,} in the same moments (wall)": round(wall[0] / wall[1], 2),
            f"{at} / at {LEVELS[0]:,} in the same moments (CPU)": round(cpu[0] / cpu[1], 2),
        }

    def _alone(self, level: int) -> dict[str, Any]:
        """The time of a transfer that is a batch and a commit by itself, and in a small ledger by turns."""
        small = self._small(f"bench_small_{level}_alone")
        for _ in range(LEVELS[0] // BATCH):
            _time(small, small.any)
        walls: tuple[list[float], list[float]] = ([], [])
        for _ in range(ALONE):
            for side, times in zip((self.ours, small), walls, strict=True):
                times.append(_time(side, side.any, 1))
        self.rows += ALONE
        small.connection.close()
        wall = [statistics.median(times) for times in walls]
        return {
            f"µs of a transfer alone at {level:,} (median, wall)": round(wall[0] * 1e6),
            f"a transfer alone at {level:,} / at {LEVELS[0]:,} in the same moments": round(wall[0] / wall[1], 2),
        }

    def _small(self, name: str) -> Ours:
        """A new ledger: in the middle of the measurement it is as large as the first level, and a half more."""
        url = self.node.make_database(name)
        with psycopg.connect(url, autocommit=True) as owner:
            owner.execute(LEDGER.read_text(encoding="utf-8"))
        small = Ours(self.node, name="bench/growth", database=name)
        with psycopg.connect(url, autocommit=True) as owner:
            owner.execute("ANALYZE ledger.account")
        return small

    def _grow(self, transfers: int) -> None:
        """Post so many more, among all accounts."""
        for _ in range(max(0, transfers) // BATCH):
            _time(self.ours, self.ours.any)
            self.rows += BATCH

    def _bytes(self) -> int:
        with psycopg.connect(self.node.place.owner_url, autocommit=True) as owner:
            row = owner.execute(
                "SELECT sum(pg_total_relation_size(c)) FROM unnest(ARRAY['ledger.transfer', 'ledger.entry', 'ledger.account']) c"
            ).fetchone()
        assert row is not None
        return int(row[0])


def _time(ours: Ours, accounts: list[int], size: int = BATCH) -> float:
    """Seconds a batch among these accounts takes."""
    batch = ours.batch(accounts, size)
    began = time.perf_counter()
    ours.plain(batch)
    return time.perf_counter() - began


def _cpu(ours: Ours) -> float:
    """Seconds of CPU the backend has used; 0 where /proc is not there to say."""
    try:
        fields = Path(f"/proc/{ours.connection.info.backend_pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
