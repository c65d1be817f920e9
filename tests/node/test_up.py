"""`chuanyu up` for real: it starts, survives kills, stops cleanly, keeps the data."""

import http.client
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from chuanyu.core.service import NODES
from chuanyu.node import processes
from live import Pair


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    with Pair() as pair:
        yield pair


@pytest.fixture
def up(pair: Pair) -> Pair:
    """Both nodes, running: a start takes seconds, so one test takes over from the other."""
    if stopped := [node for node in NODES if node not in pair.running]:
        pair.start(*stopped)
    return pair


def people(pair: Pair, node: str) -> int:
    with psycopg.connect(pair.places[node].database_url) as connection:
        row = connection.execute("SELECT count(*) FROM identity_person").fetchone()
        assert row is not None
        return int(row[0])


def left_over(pair: Pair) -> list[int]:
    return [pid for here in pair.places.values() for pid in processes.marked(str(here.home))] + [
        pid for here in pair.places.values() for pid in processes.postgres_in(here.home / "postgres")
    ]


def test_it_starts_and_outlives_a_kill(up: Pair) -> None:
    """kill -9 of all a node's programs at once; the other one goes on, and the data is there when it starts again."""
    assert up.answers("chongqing") and up.answers("sichuan")
    assert up.command("status").returncode == 0
    before = people(up, "sichuan")
    assert before > 0
    password = re.search("://chuanyu_node:([^@]+)@", up.places["sichuan"].database_url)
    assert password and password[1] not in up.log("sichuan").read_text()

    refused = up.command("up", "--node", "sichuan", check=False)
    assert refused.returncode == 1 and "already runs" in refused.stderr

    up.kill("sichuan")
    assert not up.answers("sichuan") and up.answers("chongqing")
    up.start("sichuan")
    assert people(up, "sichuan") == before


def test_a_dead_program_is_started_again(up: Pair) -> None:
    here = up.places["sichuan"]
    workers = [
        pid for pid in processes.marked(str(here.home)) if b"\0worker\0" in Path(f"/proc/{pid}/cmdline").read_bytes()
    ]
    servers = processes.postgres_in(here.home / "postgres")
    processes.end([*workers, *servers], first=signal.SIGKILL, patience=5)
    said = up.log("sichuan")
    until = time.monotonic() + 60
    while "sichuan worker ended" not in said.read_text() or not up.answers("sichuan"):
        assert time.monotonic() < until, said.read_text()
        time.sleep(0.2)
    while True:
        try:
            assert people(up, "sichuan") > 0
            break
        except psycopg.OperationalError:
            assert time.monotonic() < until
            time.sleep(0.2)


def test_pages_carry_the_security_headers(up: Pair) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", up.places["chongqing"].portal_port, timeout=10)
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


def test_it_stops_leaves_nothing_behind_and_starts_again(up: Pair) -> None:
    """By Ctrl-C and by `chuanyu down`."""
    before, sockets = people(up, "sichuan"), [here.sockets for here in up.places.values()]
    up.stop("chongqing")
    assert "stopped; the data is kept" in up.log("chongqing").read_text()
    assert "stopped sichuan" in up.command("down", "--node", "sichuan").stdout
    up.running.pop("sichuan").wait(10)
    assert up.command("down").stdout == "nothing runs\n"
    assert left_over(up) == []
    assert not any(each.exists() for each in sockets)
    up.start("sichuan")
    assert people(up, "sichuan") == before
