"""Making nodes out of nothing: places, keys, databases. Safe to repeat; what is there stays."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import msgspec

from chuanyu.node import database, place, postgres, processes, supervisor


class StepFailed(Exception):
    """A step of setting up ended badly. The message is what it said."""


def places(nodes: Iterable[str], *, port_base: int | None, host: str | None) -> dict[str, place.Place]:
    """The places of `nodes`, made where they are missing; ports and host changed where others are asked for."""
    made = {}
    for node in nodes:
        file = place.var() / node / "node.json"
        data = msgspec.json.decode(file.read_bytes()) if file.exists() else None
        base = port_base or place.PORTAL_BASE
        fresh = data or place.new(node, port_base=base, host=host or "127.0.0.1")
        if data and port_base:
            fresh = {**fresh, **place.ports(node, port_base)}
        if data and host:
            fresh = {**fresh, "host": host}
        if fresh != data:
            place.write(node, fresh)
        made[node] = place.Place.load(node)
    return made


def ready_database(here: place.Place, server: postgres.Server | None) -> None:
    """Roles and database in the embedded server, which must be running. A server of yours has them already."""
    if server is None:
        return
    superuser = place.socket_url("postgres", here.superuser_password, "postgres", here.sockets)
    data = msgspec.json.decode((here.home / "node.json").read_bytes())
    passwords = {database.OWNER: data["owner_password"], database.NODE: data["node_password"]}
    database.create(superuser, database=data["database"], passwords=passwords)


def command(nodes: Iterable[place.Place], *words: str) -> None:
    """Run a `chuanyu` sub-command as a process of each node, all at once; "{node}" in `words` is its name.

    StepFailed with what it said when one fails.
    """
    running = []
    for here in nodes:
        own = [word.format(node=here.node) for word in words]
        process = subprocess.Popen(
            [sys.executable, "-m", "chuanyu.node.cli", *own],
            env=supervisor.environment(here, words[0]),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            process_group=0,  # a Ctrl-C at the terminal is ours to handle
            preexec_fn=processes.dies_with_parent(signal.SIGTERM),
        )
        running.append((here, own, process))
    try:
        for here, own, process in running:
            _, said = process.communicate()
            if process.returncode:
                words_said = "\n".join([line for line in said.splitlines() if line.strip()][:40]) or "it said nothing."
                raise StepFailed(f"{here.node}: `chuanyu {' '.join(own)}` failed: {words_said}")
    finally:
        left = [process for *_, process in running if process.poll() is None]
        processes.end([process.pid for process in left], first=signal.SIGTERM, patience=10)
        for process in left:
            process.wait()


def erase(node: str) -> None:
    """Forget a node: database, keys, logs. Nothing may run on it."""
    home = place.var() / node
    if not home.exists():
        return
    try:
        old = place.Place.load(node)
    except place.PlaceError:
        old = None
    server = postgres.Server(home=home, sockets=old.sockets if old else Path("/nonexistent"), password="")
    server.remove()
    if old:
        shutil.rmtree(old.sockets, ignore_errors=True)
    for each in home.iterdir():
        if each.name != "supervisor.lock":  # held by us while we do this
            shutil.rmtree(each) if each.is_dir() and not each.is_symlink() else each.unlink()


def messages() -> None:
    """Compile message catalogues (.po → .mo) that changed; Babel does it, no GNU gettext is needed."""
    from babel.messages.mofile import write_mo
    from babel.messages.pofile import read_po

    for catalogue in Path(__file__).resolve().parents[1].glob("*/locale/*/LC_MESSAGES/*.po"):
        compiled = catalogue.with_suffix(".mo")
        if compiled.exists() and compiled.stat().st_mtime >= catalogue.stat().st_mtime:
            continue
        with catalogue.open("rb") as source:
            content = read_po(source, locale=catalogue.parts[-3], abort_invalid=True)
        fresh = compiled.with_suffix(f".mo.{os.getpid()}")
        with fresh.open("wb") as out:
            write_mo(out, content)
        fresh.replace(compiled)
