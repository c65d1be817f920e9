"""Single transfers over HTTP: sixty-four clients, each waiting for its answer before it asks again. Also what a lone one waits.

The server is the gateway's program under granian, as a node runs it; the clients are plain sockets in a process of their own,
so that what they cost is little and not the server's. Run as a program it is that process.
"""

import asyncio
import json
import os
import socket
import statistics
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

CLIENTS = 64
SECONDS = 6.0
ROUNDS = 3
ACCOUNTS = 200
PATH = "/api/clearing"
SERVICE, AGENCY = "bench", "transport"


def run(node: Any, *, tpcb: Callable[[], float]) -> dict[str, Any]:
    """Figures of the door, each round beside pgbench's TPC-B of the same round."""
    from chuanyu.clearing import door

    token = door.token(node.place.local_token, AGENCY)
    with _server(node) as port:
        _call(port, token, "accounts", {"service": SERVICE, "accounts": [{"name": f"a{n}", "floor": None} for n in range(ACCOUNTS)]})
        _load(port, token, CLIENTS, 1.0)
        many, ratios = [], []
        for _ in range(ROUNDS):
            many.append(_load(port, token, CLIENTS, SECONDS))
            ratios.append(many[-1]["rate"] / tpcb())
        one = _load(port, token, 1, 3.0)
    collected = asyncio.run(_lone(node))
    return {
        f"single transfers over HTTP/s, {CLIENTS} clients": round(statistics.median(m["rate"] for m in many)),
        "single transfers over HTTP / TPC-B": round(statistics.median(ratios), 2),
        "over HTTP, p50 / p99 ms": f"{statistics.median(m['p50'] for m in many):.1f} / {statistics.median(m['p99'] for m in many):.1f}",
        "a lone client over HTTP, p50 ms": round(one["p50"], 2),
        "what the collector adds to a lone transfer, ms": round(collected, 2),
    }


@contextmanager
def _server(node: Any) -> Iterator[int]:
    """The gateway's program of the node on a free port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    environment = {
        **os.environ,
        "CHUANYU_VAR": str(node.folder),
        "CHUANYU_NODE": node.place.node,
        "CHUANYU_PROCESS": "gateway",
        "DJANGO_SETTINGS_MODULE": "chuanyu.node.settings",
    }
    options = ["--host", "127.0.0.1", "--port", str(port), "--log-level", "warning", "--no-ws", "--workers", "1", "--loop", "uvloop"]
    server = subprocess.Popen(
        [sys.executable, "-m", "granian", "--interface", "asgi", *options, "chuanyu.node.asgi:app"],
        env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        until = time.monotonic() + 60
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                assert server.poll() is None and time.monotonic() < until, "the gateway did not start"
                time.sleep(0.1)
        yield port
    finally:
        server.terminate()
        server.wait(30)


def _call(port: int, token: str, path: str, body: dict[str, Any]) -> None:
    import urllib.request

    url = f"http://127.0.0.1:{port}{PATH}/{path}"
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Authorization": f"Bearer {token}"}, method="POST")
    with urllib.request.urlopen(request, timeout=30) as answer:
        assert answer.status == 200


def _load(port: int, token: str, clients: int, seconds: float) -> dict[str, float]:
    """What the process of clients found: rate, p50 and p99 in milliseconds."""
    done = subprocess.run(
        [sys.executable, "-m", "chuanyu.bench.ledger_http", str(port), token, str(clients), str(seconds)],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, float] = json.loads(done.stdout)
    return found


async def _lone(node: Any) -> float:
    """Milliseconds between posting through the collector and posting straight, one at a time, taking turns; the median."""
    import asyncpg

    from chuanyu.clearing.batches import number
    from chuanyu.clearing.collector import Collector, Connections, Row
    from chuanyu.core.ids import uuid7

    book = f"{AGENCY}/{SERVICE}"
    connections = Connections(node.place.database_url)
    collector = Collector(connections)
    straight = await asyncpg.connect(node.place.database_url)
    post = "SELECT ledger.post($1, 0, $2, $3, $4, $5, $6)"
    differences = []
    for _ in range(300):
        began = time.perf_counter()
        assert await collector.post(number(book), book, Row(id=uuid7(), debit=1, credit=2, amount=5, code="t")) == 0
        between = time.perf_counter()
        assert await straight.fetchval(post, number(book), [uuid7()], [1], [2], [5], ["t"]) == [0]
        differences.append((between - began) - (time.perf_counter() - between))
    await straight.close()
    return statistics.median(differences) * 1000


# --- the clients ------------------------------------------------------------------------------------------------------


class Client(asyncio.Protocol):
    """Asks, waits, asks again, over one kept connection."""

    def __init__(self, head: bytes, times: list[float], until: float) -> None:
        self.head, self.times, self.until = head, times, until
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.began = 0.0
        self.count = 0

    def connection_made(self, transport: Any) -> None:
        """Begin."""
        self.transport = transport
        self.ask()

    def ask(self) -> None:
        """Send one transfer."""
        milliseconds = time.time_ns() // 1_000_000
        random = int.from_bytes(os.urandom(10))
        id_ = uuid.UUID(int=(milliseconds << 80 | random) & ~(0xF << 76) & ~(3 << 62) | 7 << 76 | 2 << 62)
        debit, credit = random % ACCOUNTS, (random // ACCOUNTS) % ACCOUNTS
        credit = (credit + 1) % ACCOUNTS if credit == debit else credit
        body = (
            f'{{"id":"{id_}","service":"{SERVICE}","debit":"a{debit}","credit":"a{credit}","amount":"1.00","code":"tap"}}'
        ).encode()
        self.began = time.perf_counter()
        self.transport.write(self.head % len(body) + body)

    def data_received(self, data: bytes) -> None:
        """An answer comes whole: it is shorter than any packet."""
        now = time.perf_counter()
        assert data.startswith(b"HTTP/1.1 200"), data
        self.times.append(now - self.began)
        if now < self.until:
            self.ask()
        else:
            self.transport.close()

    def connection_lost(self, _error: Exception | None) -> None:
        """The end."""
        if not self.done.done():
            self.done.set_result(None)


async def _clients(port: int, token: str, clients: int, seconds: float) -> dict[str, float]:
    head = (
        f"POST {PATH}/transfers HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n"
        "Content-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    ).encode()
    times: list[float] = []
    began = time.perf_counter()
    loop = asyncio.get_running_loop()
    made = [
        (await loop.create_connection(lambda: Client(head, times, began + seconds), "127.0.0.1", port))[1]
        for _ in range(clients)
    ]
    await asyncio.gather(*(client.done for client in made))
    took = time.perf_counter() - began
    times.sort()
    return {"rate": len(times) / took, "p50": times[len(times) // 2] * 1000, "p99": times[len(times) * 99 // 100] * 1000}


if __name__ == "__main__":
    import uvloop

    found = uvloop.run(_clients(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), float(sys.argv[4])))
    print(json.dumps(found))
