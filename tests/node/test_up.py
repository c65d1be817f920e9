"""`chuanyu up` for real: it starts, survives kills, stops cleanly, keeps the data."""

import http.client
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from chuanyu.node import processes
from live import Pair


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    with Pair() as pair:
        yield pair


def people(pair: Pair, node: str) -> int:
    with psycopg.connect(pair.places[node].database_url) as connection:
        row = connection.execute("SELECT count(*) FROM identity_person").fetchone()
        assert row is not None
        return int(row[0])


def left_over(pair: Pair) -> list[int]:
    return [pid for here in pair.places.values() for pid in processes.marked(str(here.home))] + [
        pid for here in pair.places.values() for pid in processes.postgres_in(here.home / "postgres")
    ]


def test_starts_is_killed_and_starts_again(pair: Pair) -> None:
    """One walk, because each start takes seconds: start, kill -9 all, start, Ctrl-C, nothing left."""
    pair.start()
    assert pair.answers("chongqing") and pair.answers("sichuan")
    assert pair.command("status").returncode == 0
    before = people(pair, "sichuan")
    assert before > 0
    password = re.search("://chuanyu_node:([^@]+)@", pair.places["sichuan"].database_url)
    assert password and password[1] not in pair.log("sichuan").read_text()

    refused = pair.command("up", "--node", "sichuan", check=False)
    assert refused.returncode == 1 and "already runs" in refused.stderr

    pair.kill("sichuan")
    assert not pair.answers("sichuan") and pair.answers("chongqing")
    pair.start("sichuan")
    assert people(pair, "sichuan") == before

    sockets = pair.places["sichuan"].sockets
    pair.stop()
    assert "stopped; the data is kept" in pair.log("sichuan").read_text()
    assert left_over(pair) == []
    assert not sockets.exists()


def test_a_dead_program_is_started_again(pair: Pair) -> None:
    pair.start("sichuan")
    here = pair.places["sichuan"]
    workers = [
        pid for pid in processes.marked(str(here.home)) if b"\0worker\0" in Path(f"/proc/{pid}/cmdline").read_bytes()
    ]
    servers = processes.postgres_in(here.home / "postgres")
    processes.end([*workers, *servers], first=signal.SIGKILL, patience=5)
    said = pair.log("sichuan")
    until = time.monotonic() + 60
    while "sichuan worker ended" not in said.read_text() or not pair.answers("sichuan"):
        assert time.monotonic() < until, said.read_text()
        time.sleep(0.2)
    while True:
        try:
            assert people(pair, "sichuan") > 0
            break
        except psycopg.OperationalError:
            assert time.monotonic() < until
            time.sleep(0.2)
    down = pair.command("down", "--node", "sichuan")
    assert "stopped sichuan" in down.stdout
    pair.running.pop("sichuan").wait(10)
    assert pair.command("down").stdout == "nothing runs\n"


def test_pages_carry_the_security_headers(pair: Pair) -> None:
    pair.start("chongqing")
    connection = http.client.HTTPConnection("127.0.0.1", pair.places["chongqing"].portal_port, timeout=10)
    connection.request("GET", "/accounts/login/")
    answer = connection.getresponse()
    headers = {name.lower(): value for name, value in answer.getheaders()}
    answer.read()
    assert answer.status == 200
    assert headers["content-security-policy"].startswith("default-src 'none'")
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "same-origin"
    assert headers["content-language"] == "zh-hans"
    connection.request("GET", "/no/such/page")
    lost = connection.getresponse()
    page = lost.read().decode()
    assert lost.status == 404 and "没有找到这个页面" in page and lost.headers["X-Trace-Id"] in page
    pair.stop("chongqing")
