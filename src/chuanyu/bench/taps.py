"""A file of a million taps between two live nodes: uploaded, each counted once, priced, checked and paid by the other node,
settled in a window both sign, and compared row by row.

Both nodes run whole (PostgreSQL, gateway, portal, worker each) on this one machine. Every card is of the other province, so
every row crosses; one in 250 is wrong on purpose. The stages overlap: the payer checks pages while the payee still judges.
Beside it, in the same run, what the machine does at best with the same file on the same server: COPY into a bare table, and
into one with the same unique key. CHUANYU_BENCH_TAPS (or --rows): how many.
"""

import http.client
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import psycopg

from chuanyu.bench.nodes import two_nodes
from chuanyu.clearing.door import token
from chuanyu.core import days
from chuanyu.node import cli, place
from chuanyu.node.samples import volume

PAYEE, PAYER = "sichuan", "chongqing"
AGENCY, SERVICE = "transport", "transit_card"
AWAY, FAULTS = 1.0, 0.004
CHUNK = 1024 * 1024
PATIENCE = 3600.0  # seconds for any stage
AIM = "a million in a few minutes on two cores with both nodes and both databases"

_FUND = """
import sys
from chuanyu.node import cli
cli.django(sys.argv[1])
from chuanyu.clearing.actions import fund
from chuanyu.core.money import Money
fund(agency=sys.argv[2], service=sys.argv[3], amount=Money.parse("100000000.00"))
"""


def run() -> dict[str, Any]:
    """Figures by name: seconds since the upload began at which each stage had ended, and rows a second over all."""
    rows = int(os.environ.get("CHUANYU_BENCH_TAPS", "1000000"))
    with two_nodes() as places:
        file = places[PAYEE].home / "bench.csv"
        lines = volume.taps(rows=rows, operator=PAYEE, day=days.today(), away=AWAY, faults=FAULTS)
        volume.write(lines, file, total=rows, progress=sys.stderr)
        command = [sys.executable, "-c", _FUND, PAYER, AGENCY, SERVICE]
        subprocess.run(command, check=True, env=_env(places[PAYER]), capture_output=True)
        figures: dict[str, Any] = {
            "cores": os.cpu_count(),
            "aim": AIM,
            "rows": rows,
            "MB": round(file.stat().st_size / 1e6, 1),
        }
        figures |= _measure(places, file)
        figures["rows/s, all of it"] = round(rows / figures["s until both nodes have compared every row"])
        figures |= _copy(places[PAYEE], file)
        copied = figures["s, COPY of the same file into a bare table"]
        figures["all of it / bare COPY"] = round(figures["s until both nodes have compared every row"] / copied, 1)
    return figures


def _measure(places: dict[str, place.Place], file: Path) -> dict[str, Any]:
    with (
        psycopg.connect(places[PAYEE].database_url, autocommit=True) as payee,
        psycopg.connect(places[PAYER].database_url, autocommit=True) as payer,
    ):
        began = time.perf_counter()
        seconds: dict[str, float] = {}

        def reached(name: str, of: psycopg.Connection[Any], statement: str) -> None:
            _until(lambda: bool(_one(of, statement)))
            seconds[f"s until {name}"] = round(time.perf_counter() - began, 1)

        _upload(places[PAYEE], file)
        seconds["s until uploaded, read and sorted, safe on disk"] = round(time.perf_counter() - began, 1)
        reached("each row counted once and priced", payee, "SELECT bool_and(state = 'done') FROM clearing_upload")
        reached(
            "the payer has checked every row",
            payer,
            f"SELECT {_pages(payee)} = count(*) FROM clearing_page WHERE state <> 'received'",
        )
        reached("every page is paid and mirrored", payee, "SELECT bool_and(state = 'paid') FROM clearing_page")
        reached(
            "the ledgers have posted all",
            payee,
            "SELECT NOT EXISTS (SELECT FROM clearing_instruction WHERE status = 'waiting')",
        )
        for node in (PAYEE, PAYER):
            _close(places[node])
        closed = "SELECT bool_and(state IN ('closed', 'settled', 'reconciled')) FROM clearing_window"
        reached("both have signed the window", payer, closed)
        equal = """SELECT count(*) = 2 AND bool_and((rows, total, sha256) = (their_rows, their_total, their_sha256))
                     FROM clearing_reconciliation"""
        _until(lambda: bool(_one(payee, equal)))
        reached("both nodes have compared every row", payer, equal)
        return seconds | _outcome(payee, payer)


def _pages(payee: psycopg.Connection[Any]) -> int:
    return int(_one(payee, "SELECT count(*) FROM clearing_page"))


def _outcome(payee: psycopg.Connection[Any], payer: psycopg.Connection[Any]) -> dict[str, Any]:
    row = payee.execute("SELECT counted, duplicates, refused, held, total FROM clearing_upload").fetchone()
    assert row is not None
    counted, duplicates, refused, held, total = row
    owed = _one(payer, "SELECT coalesce(sum(amount), 0) FROM clearing_order")
    assert owed == total, f"the order is {owed}, the rows come to {total}"
    return {
        "counted": counted,
        "duplicates": duplicates,
        "refused": refused,
        "held": held,
        "yuan, equal to the one payment order": f"{total / 100:.2f}",
        "pages, each one message and one transfer": _pages(payee),
        "rows the payer disputes": _one(payer, "SELECT count(*) FROM clearing_filerow WHERE state = 'disputed'"),
    }


def _upload(at: place.Place, file: Path) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", at.gateway_port, timeout=PATIENCE)
    headers = {"Authorization": f"Bearer {token(at.local_token, AGENCY)}", "Content-Length": str(file.stat().st_size)}
    with file.open("rb") as body:
        connection.request("POST", f"/api/clearing/files/{SERVICE}?name={file.name}", body, headers)
        response = connection.getresponse()
        said = response.read()
    if response.status != 202:
        raise cli.Stop(f"the file was not taken: {response.status} {said.decode()[:300]}")
    assert msgspec.json.decode(said)["service"] == SERVICE


def _close(at: place.Place) -> None:
    with psycopg.connect(at.database_url) as connection:
        name = _one(connection, "SELECT name FROM clearing_window")
    command = [sys.executable, "-m", "chuanyu.node.cli", "clearing", "close", name, "--at", at.node]
    subprocess.run(command, check=True, env=_env(at), capture_output=True)


def _env(at: place.Place) -> dict[str, str]:
    return {**os.environ, "CHUANYU_NODE": at.node}


def _until(reached: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE
    while not reached():
        if time.monotonic() > until:
            raise cli.Stop("a stage did not end in time")
        time.sleep(0.1)


def _one(connection: psycopg.Connection[Any], statement: str) -> Any:
    row = connection.execute(statement).fetchone()
    assert row is not None
    return row[0]


def _copy(at: place.Place, file: Path) -> dict[str, float]:
    """Seconds to COPY the same bytes from a client, as our own COPY comes, into tables without and with the key."""
    url = place.socket_url("postgres", at.superuser_password, "chuanyu", at.sockets)
    columns = ", ".join(f"{name} text" for name in ("card", "issuer", "operator", "terminal"))
    seconds = {}
    for name, key in (
        ("a bare table", ""),
        ("one with an index on the key", "CREATE INDEX ON bench_taps (operator, terminal, counter)"),
    ):
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("DROP TABLE IF EXISTS bench_taps")
            connection.execute(
                f"CREATE TABLE bench_taps ({columns}, counter bigint, day date, time time, fare numeric, mode text)"
            )
            if key:
                connection.execute(key)
            began = time.perf_counter()
            with (
                file.open("rb") as source,
                connection.cursor().copy("COPY bench_taps FROM STDIN (FORMAT csv, HEADER)") as copy,
            ):
                while chunk := source.read(CHUNK):
                    copy.write(chunk)
            seconds[f"s, COPY of the same file into {name}"] = round(time.perf_counter() - began, 2)
    return seconds
