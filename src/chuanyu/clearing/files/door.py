"""Files over HTTP from an agency's own system at this node: streamed to disk, whatever their size, never held in memory.

POST /api/clearing/files/{service}?name=…    a file as the body; answered when it is safe on disk
GET  /api/clearing/files/{id}                what became of its rows
GET  /api/clearing/files/{id}/results        the same line by line, as CSV

The token is that of the ledger's door (clearing/door.py): it names the agency.
"""

import asyncio
import hmac
from collections.abc import Iterator
from itertools import islice
from typing import Any
from urllib.parse import parse_qs
from uuid import UUID

import msgspec
import structlog
from django import db

from chuanyu.clearing import door
from chuanyu.clearing.actions import ClearingError
from chuanyu.clearing.door import Receive, Scope, Send
from chuanyu.clearing.files import intake, queries
from chuanyu.clearing.files.api import answer
from chuanyu.core.documents import DocumentError
from chuanyu.core.text import Text
from chuanyu.identity.actor import Actor
from chuanyu.identity.here import here

PREFIX = "/api/clearing/files/"
SECONDS = 900.0  # for a file to arrive whole
LINES = 2000  # of a result sent at a time

BAD_TOKEN = ClearingError("bad_token", Text("访问令牌不正确。", "The token is wrong."))
NOTHING = ClearingError("not_found", Text("没有这个地址。", "There is nothing at this address."))
BROKEN = ClearingError("malformed", Text("请求不完整。", "The request is not whole."))
FAILED = ClearingError("error", Text("节点内部出错，请重发。", "The node failed; send it again."))
STATUS = {"bad_token": 401, "malformed": 400, "error": 500}

log = structlog.get_logger("chuanyu.files")


class Door:
    """Serves one node. `secret`: what its agencies' tokens are made from."""

    def __init__(self, *, secret: str) -> None:
        self._secret = secret

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request."""
        try:
            actor = self._actor(scope)
            rest = scope["path"].removeprefix(PREFIX)
            if scope["method"] == "POST":
                query = parse_qs(scope["query_string"].decode("latin-1"))
                body, status = await self._upload(actor, rest, query.get("name", [""])[0], receive)
            elif scope["method"] == "GET" and rest.endswith("/results"):
                await _results(actor, _id(rest.removesuffix("/results")), send)
                return
            elif scope["method"] == "GET":
                id_ = _id(rest)
                body, status = await asyncio.to_thread(_closing, lambda: (queries.upload(id_, actor), 200))
            else:
                raise NOTHING
        except (ClearingError, DocumentError) as error:
            body, status = answer(error)
            status = STATUS.get(getattr(error, "code", ""), status)
        except Exception as error:  # never a traceback to anyone
            log.error("a file could not be answered", exc_info=error)
            body, status = answer(FAILED)[0], 500
        await _whole(send, status, msgspec.json.encode(body))

    def _actor(self, scope: Scope) -> Actor:
        given = dict(scope["headers"]).get(b"authorization", b"").removeprefix(b"Bearer ").decode("latin-1")
        agency = given.partition(".")[0]
        if not agency or not hmac.compare_digest(given.encode(), door.token(self._secret, agency).encode()):
            raise BAD_TOKEN
        # the system acts for its agency as a clerk would: it uploads and reads, it decides nothing
        return Actor(kind="staff", user=f"system-{agency}", node=here(), agency=agency, roles=frozenset({"clerk"}))

    async def _upload(self, actor: Actor, key: str, name: str, receive: Receive) -> tuple[Any, int]:
        service = intake.service_of(key)
        intake.may_upload(service, actor)
        with intake.Spool() as spool:
            async with asyncio.timeout(SECONDS):
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise BROKEN
                    spool.write(message.get("body", b""))
                    if not message.get("more_body"):
                        break

            def take() -> tuple[Any, int]:
                taken, new = spool.take(service=service, actor=actor, name=name)
                return queries.upload(taken.pk, actor), 202 if new else 200

            return await asyncio.to_thread(_closing, take)


def _closing(work: Any) -> Any:
    """Do it in a thread, and leave no connection behind."""
    try:
        return work()
    finally:
        db.connections.close_all()


def _id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise NOTHING from None


async def _results(actor: Actor, id_: UUID, send: Send) -> None:
    lines: Iterator[str] = await asyncio.to_thread(_closing, lambda: queries.results(id_, actor))
    headers = [(b"content-type", b"text/csv; charset=utf-8")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    while part := await asyncio.to_thread(_closing, lambda: "".join(islice(lines, LINES))):
        await send({"type": "http.response.body", "body": part.encode(), "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def _whole(send: Send, status: int, body: bytes) -> None:
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    if status == 413:
        headers.append((b"connection", b"close"))  # what is left of the body must not be taken for the next request
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
