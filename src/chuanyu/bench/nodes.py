"""Nodes to measure on: real and durable, in a folder of their own, gone afterwards."""

import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

from chuanyu.node import cli, place, postgres, setup


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


def _free_base() -> int:
    """Ports in the usual pattern that nobody listens on. RuntimeError if there are none."""
    for base in range(19250, 19349, 2):
        try:
            for port in (base, base + 1, base + 100, base + 101):
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", port))
        except OSError:
            continue
        return base
    raise RuntimeError("no free ports to measure on")
