"""A load of HTTP POSTs from a process of its own: `clients` connections, each sending its next body when it has its answer.

Written on bare sockets, because it shares two cores with what it measures: an HTTP library would take a third of them.
Reads one JSON object from standard input (`Load`), writes one to standard output (`Result`).
"""

import asyncio
import sys
import time

import msgspec
import uvloop


class Load(msgspec.Struct):
    """What to send where. Each body once, in turn, by whichever client is free; `seconds` after the warm-up it ends."""

    port: int
    path: str
    headers: dict[str, str]
    bodies: list[str]
    clients: int
    seconds: float
    warm_up: float = 1.0


class Result(msgspec.Struct):
    """Answers within the measured time: how many, how long each took (ms), how many were not 200; whether bodies ran out."""

    answers: int
    seconds: float
    p50: float
    p99: float
    worst: float
    failed: int
    exhausted: bool
    first_failure: str = ""


async def _client(load: Load, bodies: list[bytes], taken: list[tuple[float, float]], failed: list[bytes]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", load.port)
    extra = "".join(f"{name}: {value}\r\n" for name, value in load.headers.items())
    head = f"POST {load.path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n{extra}content-length: "
    until = time.perf_counter() + load.warm_up + load.seconds
    while bodies and (began := time.perf_counter()) < until:
        body = bodies.pop()
        writer.write(f"{head}{len(body)}\r\n\r\n".encode() + body)
        answer = await reader.readuntil(b"\r\n\r\n")
        lines = answer.lower().split(b"\r\n")
        length = next(int(line[15:]) for line in lines if line.startswith(b"content-length:"))
        content = await reader.readexactly(length)
        taken.append((began, time.perf_counter() - began))
        if not answer.startswith(b"HTTP/1.1 200"):
            failed.append(answer.split(b"\r\n")[0] + b" " + content[:300])
    writer.close()


async def _run(load: Load) -> Result:
    bodies = [body.encode() for body in load.bodies]
    taken: list[tuple[float, float]] = []
    failed: list[bytes] = []
    start = time.perf_counter() + load.warm_up
    await asyncio.gather(*(_client(load, bodies, taken, failed) for _ in range(load.clients)))
    end = time.perf_counter()
    times = sorted(took * 1000 for began, took in taken if began >= start)
    if not times:
        raise SystemExit("nothing was measured")
    return Result(
        answers=len(times),
        seconds=end - start,
        p50=times[len(times) // 2],
        p99=times[int(len(times) * 0.99)],
        worst=times[-1],
        failed=len(failed),
        exhausted=not bodies,
        first_failure=failed[0].decode(errors="replace") if failed else "",
    )


if __name__ == "__main__":
    result = uvloop.run(_run(msgspec.json.decode(sys.stdin.buffer.read(), type=Load)))
    sys.stdout.buffer.write(msgspec.json.encode(result))
