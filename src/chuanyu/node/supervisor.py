"""Keeps a node's programs running: starts them, restarts what dies with growing patience, stops all in order.

One thread and one loop: children ask the kernel to die with the thread that started them, so that thread must be this one.
"""

import http.client
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from chuanyu.node import place, postgres, processes

TICK = 0.2
FIRST_WAIT, LONGEST_WAIT = 0.5, 30.0
STEADY = 60.0  # seconds of life after which a child's earlier deaths are forgiven
SETTLED = 2.0
STOP_SECONDS = 20.0
READY_SECONDS = 180.0
LOG_BYTES = 16 * 1024 * 1024

Say = Callable[[str], None]


class NotReady(Exception):
    """A node's programs did not come up. The message is a sentence for people."""


@dataclass
class Child:
    """One program of a node. `answers` is where it shows that it is ready: (port, path), or None."""

    node: str
    name: str
    launch: Callable[[], subprocess.Popen[bytes]]
    log: Path
    answers: tuple[int, str] | None = None
    stop: signal.Signals = signal.SIGTERM
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    deaths: int = 0
    due: float = field(default=0.0)  # when to start it (again)

    @property
    def title(self) -> str:
        """How messages name it."""
        return f"{self.node} {self.name}"

    def start(self) -> None:
        """Start the program."""
        self.process = self.launch()
        self.started = time.monotonic()

    def look(self, say: Say) -> None:
        """Start it if it is due; notice its death and say when it is tried again."""
        now = time.monotonic()
        if self.process is None:
            if now >= self.due:
                self.start()
            return
        code = self.process.poll()
        if code is None:
            return
        self.end_group()
        self.deaths = 1 if now - self.started > STEADY else self.deaths + 1
        wait = min(FIRST_WAIT * 2 ** (self.deaths - 1), LONGEST_WAIT)
        self.process, self.due = None, now + wait
        why = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit {code}; {self.log}: {self.said()}"
        say(f"{self.title} ended ({why}); starting it again in {wait:g} s")

    def ready(self) -> bool:
        """Whether it runs and answers; one that answers nobody is taken for ready when it has lived a while."""
        if self.process is None or self.process.poll() is not None:
            return False
        if self.answers is None:
            return time.monotonic() - self.started > SETTLED
        return responds(*self.answers)

    def end_group(self) -> None:
        """Kill what the program left behind in its process group."""
        if self.process is not None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)

    def said(self) -> str:
        """The most telling line of its log's end."""
        try:
            return processes.telling_line(self.log.read_bytes()[-8000:].decode(errors="replace"))
        except OSError:
            return "no log."


def of(here: place.Place, *, say: Say, nodes: int = 1) -> tuple[postgres.Server | None, list[Child]]:
    """A node's PostgreSQL (None when it is somebody else's) and its programs, in the order they start.

    `nodes`: how many share this machine's cores; pages are made by as many processes as there are cores for each.
    """
    server = None
    children = []
    if here.embedded:
        server = postgres.Server(home=here.home, sockets=here.sockets, password=here.superuser_password)
        children.append(Child(here.node, "postgres", server.launch, server.log, stop=signal.SIGINT))
    python = [sys.executable, "-m"]
    listen = ["--host", here.host, "--log-level", "warning", "--no-ws"]
    cores = str(min(8, max(1, (os.cpu_count() or 1) // nodes)))
    portal = [*python, "granian", "--interface", "asgi", *listen, "--workers", cores, "--port", str(here.portal_port)]
    gateway = [*python, "granian", "--interface", "asgi", *listen, "--workers", "1", "--port", str(here.gateway_port)]
    programs: list[tuple[str, list[str], tuple[int, str] | None]] = [
        ("worker", [*python, "chuanyu.node.cli", "worker", "--at", here.node], None),
        (
            "gateway",
            [*gateway, "--loop", "uvloop", "chuanyu.node.asgi:app"],
            (here.gateway_port, "/exchange/v1/health"),
        ),
        (
            "portal",
            [*portal, "--loop", "uvloop", "--backlog", "1024", "chuanyu.node.front:application"],
            (here.portal_port, "/health"),
        ),
    ]
    for name, command, answers in programs:
        log = here.home / "logs" / f"{name}.log"
        children.append(Child(here.node, name, launcher(here, name, command, log), log, answers))
    return server, children


def environment(here: place.Place, process: str) -> dict[str, str]:
    """The environment of one of the node's programs."""
    return {
        **os.environ,
        "CHUANYU_VAR": str(here.home.parent),
        "CHUANYU_NODE": here.node,
        "CHUANYU_PROCESS": process,
        "DJANGO_SETTINGS_MODULE": "chuanyu.node.settings",
        "PYTHONUNBUFFERED": "1",
        processes.MARK: str(here.home),
    }


def launcher(here: place.Place, name: str, command: Sequence[str], log: Path) -> Callable[[], subprocess.Popen[bytes]]:
    """What starts one program: in a process group of its own (Ctrl-C reaches only us), its words in its log."""

    def launch() -> subprocess.Popen[bytes]:
        with opened(log) as out:
            return subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                env=environment(here, name),
                process_group=0,
                preexec_fn=processes.dies_with_parent(signal.SIGTERM),
            )

    return launch


@contextmanager
def opened(log: Path):  # type: ignore[no-untyped-def]
    """The log to append to; a long one is put aside first (one is kept)."""
    log.parent.mkdir(parents=True, exist_ok=True)
    if log.exists() and log.stat().st_size > LOG_BYTES:
        log.replace(log.with_suffix(".log.1"))
    out: IO[bytes] = log.open("ab")
    with out:
        yield out


def responds(port: int, path: str) -> bool:
    """Whether something on this machine answers 200 there. No proxy is asked, whatever the environment says."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", path, headers={"Host": f"127.0.0.1:{port}"})
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


class Supervisor:
    """All children of one `chuanyu up`."""

    def __init__(self, *, say: Say) -> None:
        self.say = say
        self.children: list[Child] = []

    def until_ready(self) -> None:
        """Watch the children until all are ready at once. NotReady when one keeps dying or does not answer in time."""
        until = time.monotonic() + READY_SECONDS
        while True:
            for child in self.children:
                child.look(self.say)
                if child.deaths >= 3:
                    raise NotReady(f"{child.title} does not start. {child.log}: {child.said()}")
            waiting = [child for child in self.children if not child.ready()]
            if not waiting:
                return
            if time.monotonic() > until:
                names = ", ".join(child.title for child in waiting)
                raise NotReady(f"{names} did not answer within {READY_SECONDS:g} seconds; see {waiting[0].log}.")
            time.sleep(TICK)

    def watch(self) -> None:
        """Watch for ever; ends by an exception (KeyboardInterrupt)."""
        while True:
            for child in self.children:
                child.look(self.say)
            time.sleep(TICK)

    def stop(self) -> None:
        """Stop everything: the programs first, together; then the databases they write to."""
        databases = [child for child in self.children if child.name == "postgres"]
        programs = [child for child in self.children if child.name != "postgres"]
        for group, patience in ((programs, STOP_SECONDS), (databases, float(postgres.STOP_SECONDS))):
            running = [child for child in group if child.process is not None]
            for child in running:
                with suppress(ProcessLookupError):
                    child.process.send_signal(child.stop)  # type: ignore[union-attr]
            until = time.monotonic() + patience
            for child in running:
                assert child.process is not None
                try:
                    child.process.wait(max(0.1, until - time.monotonic()))
                except subprocess.TimeoutExpired:
                    self.say(f"{child.title} did not stop; ending it.")
                child.end_group()
                child.process.wait()
                child.process = None
