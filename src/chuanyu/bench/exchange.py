"""Round trips a second between two live nodes: signed, authorised, logged at both nodes, answered and verified.

Both nodes run whole (PostgreSQL, gateway, portal, worker each), and so does the load, on this one machine. Every round
trip is a resident's own question about another person, asked at Sichuan's loopback door and answered by Chongqing: two
signatures and two verifications, four log rows in three commits. Beside it what the same machine does at best, in the
same run: the same server echoing a body, openssl's bare signatures, pgbench's bare transactions.
"""

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any

import msgspec
import psycopg

from chuanyu.bench.load import Load, Result
from chuanyu.bench.nodes import last_line, two_nodes
from chuanyu.core.numbers import make_person_number
from chuanyu.core.service import NODES
from chuanyu.exchange import compact as agreement
from chuanyu.exchange import keys
from chuanyu.exchange.answers import Question
from chuanyu.exchange.grants import OWN_DATA, OWN_DATA_BASIS, PORTAL
from chuanyu.exchange.subject import Sealer
from chuanyu.node import cli, place, postgres

CLIENTS = (16, 64)
SECONDS = 10.0  # of each measurement
MOST = 3000  # questions a second there are bodies for
ASKER, ASKED = "sichuan", "chongqing"
AIM = "≥ 500 round trips/s and p99 ≤ 60 ms at 16 clients, on two cores with both nodes, both databases and the load"


def run() -> dict[str, Any]:
    """Figures by name; rates are per second, times in milliseconds, ratios say against what."""
    with two_nodes() as places:
        figures: dict[str, Any] = {"cores": os.cpu_count(), "aim": AIM}
        questions = iter(_questions(places[ASKER], int(MOST * (SECONDS + 1)) * len(CLIENTS)))
        for clients in CLIENTS:
            bodies = [next(questions) for _ in range(int(MOST * (SECONDS + 1)))]
            measured = _load(places[ASKER].gateway_port, "/local/ask", bodies, clients, places[ASKER].local_token)
            figures[f"round trips/s, {clients} clients"] = round(measured.answers / measured.seconds)
            figures[f"p50 ms, {clients} clients"] = round(measured.p50, 1)
            figures[f"p99 ms, {clients} clients"] = round(measured.p99, 1)
        figures["log verified at both nodes"] = {node: _verified(places[node]) for node in NODES}
        figures |= _limits(places[ASKED], bodies[0])
    trips = figures[f"round trips/s, {CLIENTS[0]} clients"]
    figures["round trips per echo"] = round(trips / figures["bare HTTP echo/s, same server"], 3)
    # two hops of HTTP (our door and the peer's), two signatures and two verifications: the least a round trip costs
    least = 2 / figures["bare HTTP echo/s, same server"] + 2 / figures["openssl ECDSA P-256 signatures/s, one core"]
    least += 2 / figures["openssl ECDSA P-256 verifications/s, one core"]
    figures["share of what bare HTTP and bare signatures allow"] = round(trips * least, 3)
    return figures


def _questions(asker: place.Place, count: int) -> list[str]:
    """Questions about `count` different people nobody has seen, sealed as the portal seals them."""
    with psycopg.connect(asker.database_url) as connection:
        found = connection.execute("SELECT body FROM exchange_compact ORDER BY version DESC LIMIT 1").fetchone()
    assert found is not None
    sealer = Sealer(keys.load(asker.home, asker.node), agreement.parse(found[0]))
    made = []
    for number in range(count):
        born = date.fromordinal(date(1950, 1, 1).toordinal() + number // 400)
        person = make_person_number("510000", born, number % 400, "female")
        question = Question(
            from_agency=f"{ASKER}/{PORTAL}",
            to_agency=f"{ASKED}/{PORTAL}",
            service=OWN_DATA,
            action=OWN_DATA,
            subject=sealer.seal(person, OWN_DATA),
            purpose=OWN_DATA,
            basis=(OWN_DATA_BASIS,),
            document={},
        )
        made.append(msgspec.json.encode(question).decode())
    return made


def _load(port: int, path: str, bodies: list[str], clients: int, token: str = "") -> Result:
    load = Load(
        port=port,
        path=path,
        headers={"authorization": f"Bearer {token}"} if token else {},
        bodies=bodies,
        clients=clients,
        seconds=SECONDS,
    )
    done = subprocess.run(
        [sys.executable, "-m", "chuanyu.bench.load"], input=msgspec.json.encode(load), capture_output=True
    )
    if done.returncode:
        raise cli.Stop(f"the load failed: {last_line(done.stderr.decode(errors='replace'))}")
    result = msgspec.json.decode(done.stdout, type=Result)
    if result.failed or result.exhausted:
        raise cli.Stop(f"{result.failed} requests were refused: {result.first_failure or 'the bodies ran out'}")
    return result


def _verified(here: place.Place) -> str:
    """What `chuanyu log verify` says of the log the measurement left behind: speed that loses a row is none."""
    done = subprocess.run(
        [sys.executable, "-m", "chuanyu.node.cli", "log", "verify", "--at", here.node], capture_output=True, text=True
    )
    if done.returncode:
        raise cli.Stop(f"the log of {here.node} is wrong after the measurement: {last_line(done.stderr)}")
    return done.stdout.splitlines()[0].partition(": ")[2]


def _limits(here: place.Place, body: str) -> dict[str, Any]:
    """What the machine can do at best, each alone while both nodes stand idle."""
    with _echo() as port:
        echo = _load(port, "/", [body] * int(40_000 * (SECONDS + 1)), CLIENTS[0])
    signatures, verifications = _openssl()
    return {
        "bare HTTP echo/s, same server": round(echo.answers / echo.seconds),
        "bare HTTP echo p99 ms": round(echo.p99, 1),
        "openssl ECDSA P-256 signatures/s, one core": signatures,
        "openssl ECDSA P-256 verifications/s, one core": verifications,
        "pgbench TPC-B transactions/s, 16 clients": _pgbench(here),
    }


@contextmanager
def _echo() -> Iterator[int]:
    """The echo program under the same server with the same settings as the gateway; its port."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    command = [sys.executable, "-m", "granian", "--interface", "asgi", "--loop", "uvloop", "--workers", "1", "--no-ws"]
    server = subprocess.Popen(
        [*command, "--log-level", "warning", "--port", str(port), "chuanyu.bench.echo:app"], stdin=subprocess.DEVNULL
    )
    try:
        until = time.monotonic() + 30
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                if time.monotonic() > until:
                    raise
                time.sleep(0.05)
        yield port
    finally:
        server.terminate()
        server.wait(30)


def _openssl() -> tuple[float, float]:
    """Signatures and verifications a second of P-256 on one core."""
    done = subprocess.run(
        ["openssl", "speed", "-seconds", "3", "ecdsap256"], capture_output=True, text=True, check=True
    )
    found = re.search(r"nistp256\)\s+\S+\s+\S+\s+([0-9.]+)\s+([0-9.]+)", done.stdout)
    assert found is not None, done.stdout
    return round(float(found[1])), round(float(found[2]))


def _pgbench(here: place.Place) -> float:
    """PostgreSQL's own benchmark on one of the measured servers, same settings, all durable."""
    server = postgres.Server(home=here.home, sockets=here.sockets, password=here.superuser_password)
    superuser = place.socket_url("postgres", here.superuser_password, "postgres", here.sockets)
    with psycopg.connect(superuser, autocommit=True) as connection:
        connection.execute("CREATE DATABASE bench")
    url = place.socket_url("postgres", here.superuser_password, "bench", here.sockets)
    server.run("pgbench", "-i", "-q", "-s", "16", url)
    done = server.run(
        "pgbench", "-n", "-c", "16", "-j", "2", "-M", "prepared", "-T", str(int(SECONDS)), "-b", "tpcb-like", url
    )
    found = re.search(r"tps = ([0-9.]+)", done.stdout)
    if found is None:
        raise cli.Stop(f"pgbench said nothing: {last_line(done.stderr)}")
    return round(float(found[1]))
