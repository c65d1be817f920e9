"""A pair of real nodes for tests: own ports, own folder, each under its own `chuanyu up`, so that one can be killed alone."""

import fcntl
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import IO, Self

from chuanyu.core.service import NODES
from chuanyu.node import place, processes, supervisor

START_SECONDS = 240


class Pair:
    """Two nodes as processes. `places[node]` says where each answers; the samples are loaded."""

    def __init__(self, *, environment: dict[str, str] | None = None) -> None:
        self.var = Path(tempfile.mkdtemp(prefix="chuanyu pair "))  # the space is on purpose
        self.var.chmod(0o711)  # when root runs the tests, PostgreSQL is another user and must pass through
        self.port_base, self._claim = _free_base()
        self.environment = {**os.environ, **(environment or {}), "CHUANYU_VAR": str(self.var)}
        for inherited in ("CHUANYU_NODE", "CHUANYU_PROCESS", processes.MARK):
            self.environment.pop(inherited, None)
        self.running: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Stop what runs and remove everything."""
        self.stop()
        shutil.rmtree(self.var, ignore_errors=True)
        self._claim.close()

    @property
    def places(self) -> dict[str, place.Place]:
        """Where the nodes are, once started."""
        kept = os.environ.get("CHUANYU_VAR")
        os.environ["CHUANYU_VAR"] = str(self.var)
        try:
            return {node: place.Place.load(node) for node in NODES}
        finally:
            if kept is None:
                del os.environ["CHUANYU_VAR"]
            else:
                os.environ["CHUANYU_VAR"] = kept

    def start(self, *nodes: str) -> None:
        """Start nodes (both by default) and wait until they answer; AssertionError with what they said if they don't."""
        for node in nodes or NODES:
            log = self.log(node)
            with log.open("wb") as out:
                self.running[node] = subprocess.Popen(
                    [
                        *(sys.executable, "-m", "chuanyu.node.cli"),
                        *("up", "--node", node, "--port-base", str(self.port_base)),
                    ],
                    env=self.environment,
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=out,
                    preexec_fn=processes.dies_with_parent(signal.SIGTERM),
                )
            until = time.monotonic() + START_SECONDS
            while "It answers." not in log.read_text():
                assert self.running[node].poll() is None, f"{node} did not start: {log.read_text()}"
                assert time.monotonic() < until, f"{node} did not answer: {log.read_text()}"
                time.sleep(0.1)

    def stop(self, *nodes: str) -> None:
        """Stop nodes in order (both by default), as Ctrl-C does."""
        wanted = [node for node in nodes or NODES if node in self.running]
        for node in wanted:
            self.running[node].send_signal(signal.SIGINT)
        for node in wanted:
            self.running.pop(node).wait(90)

    def kill(self, *nodes: str) -> None:
        """Kill -9 nodes, all of their processes at once, PostgreSQL too."""
        for node in nodes or NODES:
            where = self.places[node].home
            pids = [*processes.marked(str(where)), *processes.postgres_in(where / "postgres")]
            up = self.running.pop(node)
            up.kill()
            processes.end([*pids, *processes.marked(str(where))], first=signal.SIGKILL, patience=5)
            up.wait()

    def command(self, *words: str, node: str | None = None, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run `chuanyu …` against this pair."""
        done = subprocess.run(
            [sys.executable, "-m", "chuanyu.node.cli", *words],
            env={**self.environment, **({"CHUANYU_NODE": node} if node else {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert not check or done.returncode == 0, f"chuanyu {' '.join(words)}: {done.stdout}{done.stderr}"
        return done

    def answers(self, node: str) -> bool:
        """Whether the node's portal and gateway answer."""
        here = self.places[node]
        return supervisor.responds(here.portal_port, "/health") and supervisor.responds(
            here.gateway_port, "/exchange/v1/health"
        )

    def log(self, node: str) -> Path:
        """What `chuanyu up` of the node printed."""
        return self.var / f"{node}.out"


def _free_base() -> tuple[int, IO[bytes]]:
    """Four free ports in the usual pattern, and the open file whose lock keeps them ours while our nodes are down."""
    for base in range(19050, 19099, 2):
        claim = (Path(tempfile.gettempdir()) / f"chuanyu-test-ports-{base}").open("ab")
        try:
            fcntl.flock(claim, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            claim.close()
            continue
        if all(_free(port) for port in (base, base + 1, base + 100, base + 101)):
            return base, claim
        claim.close()
    raise AssertionError("no free ports")


def _free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
