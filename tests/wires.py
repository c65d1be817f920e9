"""The wire between two live gateways, as a test can spoil it: a small TCP relay in front of each, in a thread of its own."""

import asyncio
import contextlib
import threading
from collections.abc import Coroutine
from typing import Any, Self

from chuanyu.core.service import NODES

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
OPEN, CUT, DARK, DEAF = "open", "cut", "dark", "deaf"


class Wire:
    """What leads to one node's gateway.

    `open`: bytes pass. `cut`: every connection breaks at once. `dark`: connections are taken and nothing ever comes back.
    `deaf`: messages arrive, but the answer is lost.
    """

    def __init__(self) -> None:
        self.port = 0
        self.target = 0
        self.state = OPEN
        self.lost = 0  # answers that were on their way and did not arrive
        self._open: set[asyncio.StreamWriter] = set()

    async def listen(self) -> None:
        """Take connections on a free port."""
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]

    def put(self, state: str) -> None:
        """Change the state; connections of before break, as they do when a cable is pulled or replaced."""
        self.state = state
        if state != DEAF:  # so that a message already under way loses its answer
            for writer in self._open:
                writer.transport.abort()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            with contextlib.suppress(OSError):
                await self._serve((reader, writer))
        finally:
            self._open.discard(writer)
            writer.transport.abort()

    async def _serve(self, near: Streams) -> None:
        if self.state == CUT:
            return
        if self.state == DARK:
            while await near[0].read(65536):  # until whoever waits gives up
                pass
            return
        far = await asyncio.open_connection("127.0.0.1", self.target)
        self._open.add(far[1])
        try:
            ways = [asyncio.create_task(self._pass(near, far)), asyncio.create_task(self._pass(far, near, back=True))]
            _, pending = await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            for way in pending:
                way.cancel()
        finally:
            self._open.discard(far[1])
            far[1].transport.abort()

    async def _pass(self, source: Streams, sink: Streams, *, back: bool = False) -> None:
        with contextlib.suppress(OSError):
            while data := await source[0].read(65536):
                if back and self.state == DEAF:
                    self.lost += 1
                    return
                sink[1].write(data)
                await sink[1].drain()


class Wires:
    """Both directions. `environment` tells the nodes that these are the addresses of their gateways."""

    def __init__(self) -> None:
        self.to = {node: Wire() for node in NODES}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        for wire in self.to.values():
            self._wait(wire.listen())
        return self

    def __exit__(self, *_: object) -> None:
        self.put(CUT)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    @property
    def environment(self) -> dict[str, str]:
        """For the nodes' processes."""
        return {f"CHUANYU_{node.upper()}_GATEWAY_URL": f"http://127.0.0.1:{w.port}" for node, w in self.to.items()}

    def lead(self, ports: dict[str, int]) -> None:
        """Where each node's gateway really listens."""
        for node, port in ports.items():
            self.to[node].target = port

    def put(self, state: str, *nodes: str) -> None:
        """Change the wires to these nodes, both by default."""

        async def put() -> None:
            for node in nodes or NODES:
                self.to[node].put(state)

        self._wait(put())

    def _wait(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(10)
