"""What the supervisor promises: what dies is started again, what is stopped is gone, and nothing survives its supervisor."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from chuanyu.node import place, processes, running, supervisor
from chuanyu.node.supervisor import Child, NotReady, Supervisor

SLEEP = [sys.executable, "-c", "import time; time.sleep(600)"]


@pytest.fixture
def here(own_place: place.Place, tmp_path: Path) -> place.Place:
    home = tmp_path / "var folder" / "chongqing"
    home.mkdir(parents=True)
    return place.Place(**{**vars(own_place), "home": home})


def child(here: place.Place, name: str, command: list[str]) -> Child:
    log = here.home / f"{name}.log"
    return Child(here.node, name, supervisor.launcher(here, name, command, log), log)


def until(true: Callable[[], object], seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)


def test_starts_again_what_dies_and_waits_longer_each_time(here: place.Place) -> None:
    said: list[str] = []
    one = child(here, "sleeper", SLEEP)
    watched = Supervisor(say=said.append)
    watched.children = [one]
    one.look(said.append)
    first = one.process
    assert first is not None
    first.kill()
    first.wait()
    one.look(said.append)
    assert one.process is None and "signal SIGKILL" in said[0] and "0.5 s" in said[0]
    until(lambda: one.look(said.append) or one.process)
    assert one.process is not None and one.process.pid != first.pid
    one.process.kill()
    one.process.wait()
    one.look(said.append)
    assert "in 1 s" in said[1]
    watched.stop()


def test_says_what_the_program_said_last(here: place.Place) -> None:
    one = child(here, "crasher", [sys.executable, "-c", "raise SystemExit('no such table')"])
    watched = Supervisor(say=lambda _: None)
    watched.children = [one]
    with pytest.raises(NotReady, match=r"chongqing crasher does not start.*no such table"):
        watched.until_ready()


def test_stop_ends_the_program_and_what_it_started(here: place.Place) -> None:
    grandchild = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import time; time.sleep(600)'])"
    one = child(here, "parent", [sys.executable, "-c", grandchild])
    watched = Supervisor(say=lambda _: None)
    watched.children = [one]
    one.start()
    until(lambda: len(processes.marked(str(here.home))) == 2)
    watched.stop()
    until(lambda: not processes.marked(str(here.home)))


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux tells children of their parent's death")
def test_nothing_survives_a_killed_supervisor(here: place.Place, tmp_path: Path) -> None:
    script = (
        "import os, signal, subprocess, sys, time\n"
        "from chuanyu.node import processes\n"
        f"subprocess.Popen({SLEEP!r}, preexec_fn=processes.dies_with_parent(signal.SIGTERM), process_group=0)\n"
        "time.sleep(600)\n"
    )
    mark = {**os.environ, processes.MARK: str(tmp_path)}
    killed = subprocess.Popen([sys.executable, "-c", script], env=mark)
    until(lambda: len(processes.marked(str(tmp_path))) == 2)
    killed.kill()
    killed.wait()
    until(lambda: not processes.marked(str(tmp_path)))


def test_finds_and_ends_what_was_left_behind(tmp_path: Path) -> None:
    left = subprocess.Popen(SLEEP, env={**os.environ, processes.MARK: str(tmp_path)})
    until(lambda: processes.marked(str(tmp_path)) == [left.pid])
    assert processes.marked(str(tmp_path) + "x") == []
    processes.end([left.pid], first=signal.SIGTERM, patience=5)
    assert not processes.alive(left.pid)
    left.wait()


def test_a_node_runs_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHUANYU_VAR", str(tmp_path))
    assert running.holder("chongqing") is None
    lock = running.Lock.take(tmp_path / "chongqing", ("chongqing",))
    assert lock is not None
    assert running.holder("chongqing") == (os.getpid(), ("chongqing",))
    assert running.Lock.take(tmp_path / "chongqing", ("chongqing",)) is None
    lock.free()
    assert running.holder("chongqing") is None
    again = running.Lock.take(tmp_path / "chongqing", ("chongqing",))
    assert again is not None
    again.free()
