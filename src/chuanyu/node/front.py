"""The portal as granian serves it: a request is read whole before one of the few threads is given to it.

Were Django to read it, as under WSGI, a handful of visitors who send their form a byte at a time would hold all threads,
and the pages would be gone for everybody. Here a slow visitor costs a socket and a little memory.
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from tempfile import SpooledTemporaryFile
from typing import IO, Any

from chuanyu.node.wsgi import application as pages

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Answer = tuple[int, list[tuple[bytes, bytes]], bytes]  # status, headers, content

THREADS = 4  # what two cores can use; the database pool has a few connections more
LIMIT = 16 * 1024 * 1024  # bytes of a request: a form with a file
IN_MEMORY = 256 * 1024  # bytes; more goes to a temporary file
READ_SECONDS = 120.0  # for a request to arrive whole: a scan over a poor mobile line
_threads = ThreadPoolExecutor(THREADS, thread_name_prefix="page")


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """The ASGI program of the portal."""
    if scope["type"] == "lifespan":
        while (await receive())["type"] == "lifespan.startup":
            await send({"type": "lifespan.startup.complete"})
        await send({"type": "lifespan.shutdown.complete"})
    elif scope["type"] == "http":
        try:
            status, headers, content = await _answer(scope, receive)
        except ConnectionAbortedError:  # the visitor has gone
            return
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": content})


async def _answer(scope: Scope, receive: Receive) -> Answer:
    with SpooledTemporaryFile(max_size=IN_MEMORY) as body:
        try:
            async with asyncio.timeout(READ_SECONDS):
                if not await _read(receive, body):
                    return _plain(413, "内容过大。 / This is too large.")
        except TimeoutError:
            return _plain(408, "传送太慢，请重试。 / This came too slowly; please try again.")
        return await asyncio.get_running_loop().run_in_executor(_threads, _page, _environ(scope, body))


async def _read(receive: Receive, body: IO[bytes]) -> bool:
    """Fill `body`; False when it is too large. Raises ConnectionAbortedError."""
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ConnectionAbortedError
        part, more = message.get("body", b""), message.get("more_body", False)
        size += len(part)
        if size > LIMIT:
            return False
        body.write(part)
    return True


def _plain(status: int, sentence: str) -> Answer:
    content = f"{sentence}\n".encode()
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", str(len(content)).encode()),
        (b"connection", b"close"),  # what is left of the body must not be taken for the next request
    ]
    return status, headers, content


def _page(environ: dict[str, Any]) -> Answer:
    """Django's answer, whole. It makes a page of any error of its own."""
    said: list[Any] = []

    def start(status: str, headers: list[tuple[str, str]], _error: Any = None) -> Callable[[bytes], object]:
        said[:] = status, headers
        return sys.stderr.buffer.write  # PEP 3333 wants a function here; nobody has called it for twenty years

    parts = pages(environ, start)
    try:
        content = b"".join(parts)
    finally:
        parts.close()
    status, headers = said
    return int(status[:3]), [(n.lower().encode("latin-1"), v.encode("latin-1")) for n, v in headers], content


def _environ(scope: Scope, body: IO[bytes]) -> dict[str, Any]:
    """The request as WSGI has it (PEP 3333)."""
    host, port = scope.get("server") or ("127.0.0.1", 80)
    environ: dict[str, Any] = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": "",
        "PATH_INFO": scope["path"].encode().decode("latin-1"),
        "QUERY_STRING": scope["query_string"].decode("latin-1"),
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "SERVER_NAME": host,
        "SERVER_PORT": str(port),
        "CONTENT_LENGTH": str(body.seek(0, 2)),  # as it came, also where no length was stated
        "REMOTE_ADDR": (scope.get("client") or ("",))[0],
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope.get("scheme", "http"),
        "wsgi.input": body,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    for raw, value in scope["headers"]:
        name = raw.decode("latin-1").upper()
        if "_" in name:  # else X_Forwarded_For would pass for X-Forwarded-For
            continue
        key = name.replace("-", "_")
        if key == "CONTENT_LENGTH":
            continue
        key = key if key == "CONTENT_TYPE" else f"HTTP_{key}"
        text = value.decode("latin-1")
        separator = "; " if key == "HTTP_COOKIE" else ","
        environ[key] = f"{environ[key]}{separator}{text}" if key in environ else text
    body.seek(0)
    return environ
