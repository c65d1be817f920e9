"""Nodes to measure on: real and durable, in a folder of their own, gone afterwards."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

from chuanyu.core.service import NODES
from chuanyu.node import cli, place, postgres, setup

START_SECONDS = 180


@dataclass(frozen=True)
class Node:
    """A node's database, migrated and with a compact in force; none of its processes run."""

    place: place.Place
    folder: Path
    server: postgres.Server

    @property
    def superuser_url(self) -> str:
        """The server as its superuser, database of the node."""
        return self.url("chuanyu")

    def url(self, database: str) -> str:
        """A database of the server, as superuser."""
        return place.socket_url("postgres", self.place.superuser_password, database, self.place.sockets)

    def make_database(self, name: str) -> str:
        """An empty database for a peer; its URL."""
        with psycopg.connect(self.superuser_url, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return self.url(name)

    def program(self, name: str) -> str:
        """A program of the PostgreSQL distribution, e.g. pgbench."""
        return str(self.server.bin / name)

    def django(self) -> None:
        """Make this process the node's, as its role."""
        cli.django(self.place.node)


@contextmanager
def one_node(name: str) -> Iterator[Node]:
    """A node with agencies, keys and a compact, without samples; its server runs inside the block."""
    folder = Path(tempfile.mkdtemp(prefix="chuanyu-bench-"))
    folder.chmod(0o711)
    os.environ["CHUANYU_VAR"] = str(folder)
    places = setup.places(("chongqing", "sichuan"), port_base=_free_base(), host=None)
    here = places[name]
    server = postgres.Server(home=here.home, sockets=here.sockets, password=here.superuser_password)
    server.create()
    server.start()
    try:
        setup.ready_database(here, server)
        setup.command([here], "migrate", "--at", name)
        setup.command([here], "setup", "--at", name, "--no-samples")
        yield Node(place=here, folder=folder, server=server)
    finally:
        server.stop()
        shutil.rmtree(here.sockets, ignore_errors=True)
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def two_nodes() -> Iterator[dict[str, place.Place]]:
    """Both nodes under `chuanyu up`, in a folder of their own, without samples; gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="chuanyu-bench-"))
    folder.chmod(0o711)  # when root runs this, PostgreSQL is another user and must pass through
    kept, os.environ["CHUANYU_VAR"] = os.environ.get("CHUANYU_VAR"), str(folder)
    log = folder / "up.log"
    with log.open("wb") as out:
        up = subprocess.Popen(
            [*(sys.executable, "-m", "chuanyu.node.cli", "up"), *("--port-base", str(_free_base()), "--no-samples")],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            process_group=0,
        )
    try:
        until = time.monotonic() + START_SECONDS
        while "answer." not in log.read_text():
            if up.poll() is not None or time.monotonic() > until:
                raise cli.Stop(f"the nodes to measure did not start: {last_line(log.read_text())}")
            time.sleep(0.1)
        yield {node: place.Place.load(node) for node in NODES}
    finally:
        if up.poll() is None:
            up.send_signal(signal.SIGINT)
            up.wait(90)
        if kept is None:
            del os.environ["CHUANYU_VAR"]
        else:
            os.environ["CHUANYU_VAR"] = kept
        shutil.rmtree(folder, ignore_errors=True)


def _free_base() -> int:
    """Four free ports in the usual pattern: two portals, and their gateways a hundred above."""
    for base in range(20050, 20950, 2):
        try:
            for port in (base, base + 1, base + 100, base + 101):
                socket.create_server(("127.0.0.1", port)).close()
        except OSError:
            continue
        return base
    raise cli.Stop("no free ports between 20050 and 21051")


def last_line(text: str) -> str:
    """The last line a program said: mostly why it ended."""
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "it said nothing"
