"""Small facts about processes: dying with one's parent, and finding what a killed predecessor left running."""

import ctypes
import os
import re
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

PR_SET_PDEATHSIG = 1  # linux/prctl.h
PROC = Path("/proc")
# a Python exception, one of our own sentences, or PostgreSQL giving up
ERROR_LINE = re.compile(r"[\w.]*(Error|Exception|Exit)\b|[a-z_.]+\.[A-Z]\w+: |chuanyu \w+: |.*(FATAL|PANIC): ")
MARK = "CHUANYU_RUN"  # in the environment of everything a supervisor starts: the node's folder


def dies_with_parent(sig: signal.Signals) -> Callable[[], None] | None:
    """A preexec_fn after which the child gets `sig` when its parent is gone, even by SIGKILL. None where there is no such call.

    The signal belongs to the parent's *thread*: start children from a thread that lives as long as the program.
    """
    if not sys.platform.startswith("linux"):
        return None
    prctl = ctypes.CDLL(None, use_errno=True).prctl  # looked up before the fork: the child only calls it
    parent = os.getpid()

    def preexec() -> None:
        prctl(PR_SET_PDEATHSIG, sig)
        if os.getppid() != parent:  # the parent died before the call
            os._exit(1)

    return preexec


def alive(pid: int) -> bool:
    """Whether there is such a process (a zombie counts as gone)."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    try:
        return (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return not PROC.exists()


def marked(mark: str) -> list[int]:
    """Processes whose environment carries MARK=`mark`: what an earlier supervisor of this folder started."""
    wanted = f"{MARK}={mark}".encode()
    return [pid for pid, folder in _all() if wanted in _read(folder / "environ").split(b"\0")]


def postgres_in(data: Path) -> list[int]:
    """PostgreSQL processes that work in the data folder `data` (each has it as its working directory)."""
    found = []
    for pid, folder in _all():
        try:
            if Path(os.readlink(folder / "cwd")) == data.resolve() and b"postgres" in _read(folder / "cmdline"):
                found.append(pid)
        except OSError:  # gone meanwhile, or another user's
            continue
    return found


def end(pids: list[int], *, first: signal.Signals, patience: float) -> None:
    """Ask `pids` to end with `first`; after `patience` seconds SIGKILL what is left."""
    signals = [(first, patience), (signal.SIGKILL, 5.0)]
    for sig, seconds in signals:
        for pid in pids:
            try:
                os.kill(pid, sig)
            except ProcessLookupError:
                continue
        until = time.monotonic() + seconds
        while (pids := [pid for pid in pids if alive(pid)]) and time.monotonic() < until:
            time.sleep(0.05)
        if not pids:
            return


def telling_line(words: str) -> str:
    """Of what a program said, the line to show a person: the last that names an error, else the last."""
    lines = [line for line in words.splitlines() if line.strip()]
    errors = [line for line in lines if ERROR_LINE.match(line)]
    return (errors or lines or ["it said nothing."])[-1]


def _all() -> Iterator[tuple[int, Path]]:
    if PROC.is_dir():
        for folder in PROC.iterdir():
            if folder.name.isdigit() and int(folder.name) != os.getpid():
                yield int(folder.name), folder


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError:
        return b""
