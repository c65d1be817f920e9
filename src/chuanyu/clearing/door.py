"""The ledger over HTTP, for agencies' own systems at this node: transfers inside one of their books, at volume.

POST /api/clearing/accounts    open accounts with their unit and limits
POST /api/clearing/transfers   one transfer; requests that come at the same time are posted as one batch
POST /api/clearing/chains      several transfers of one book, all or none
GET  /api/clearing/…           windows, orders, accounts, statement: what api.py reads

A small ASGI program of its own beside the gateway's: between a request and the ledger stands nothing but its token. The
token names the agency, and opens its books alone. What the two nodes owe each other is not touched here: that moves only
by cases. Repeat a request with the same id until it is answered: it is posted once.
"""

import asyncio
import hmac
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Annotated, Any, Literal
from urllib.parse import parse_qsl
from uuid import UUID

import asyncpg
import msgspec
import structlog
from msgspec import Meta

from chuanyu.clearing import legs
from chuanyu.clearing.batches import KINDS, number
from chuanyu.clearing.collector import UNFIT, Busy, Collector, Connections, Row, Unfit
from chuanyu.clearing.reasons import REASONS
from chuanyu.core.money import Money, MoneyError
from chuanyu.core.text import Text

PREFIX = "/api/clearing/"
LIMIT = 64 * 1024
LINKED = 9  # the ledger's status of what was undone with its chain
YEARS = range(2000, 3000)  # that a reservation may end in: any of them is a moment of UTC and of the database

Parts = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
Name = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._/-]{0,63}\Z")]
Word = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]{0,63}\Z")]
Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Reads = Callable[[str, str, dict[str, str]], tuple[int, bytes]]

log = structlog.get_logger("chuanyu.clearing")


class Transfer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is asked for. `amount`: yuan as text ("12.50"), or a whole number of another unit. `of`: what a later kind refers to."""

    id: UUID
    service: Word
    debit: Name
    credit: Name
    amount: str | int
    unit: Word | Literal["CNY"] = "CNY"
    code: Word
    kind: Literal["plain", "pending", "post", "void", "reverse"] = "plain"
    of: UUID | None = None
    expires: Annotated[datetime, Meta(tz=True)] | None = None


class Chain(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Transfers of one service that are posted all or none, in this order. A later one may refer to an earlier one."""

    transfers: Annotated[tuple[Transfer, ...], Meta(min_length=2, max_length=100)]


class Account(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An account to open. Limits in the unit's smallest part: fen. Nothing is on it yet: floor ≤ 0 ≤ ceiling."""

    name: Name
    unit: Word | Literal["CNY"] = "CNY"
    floor: Parts | None = 0
    ceiling: Parts | None = None


class Accounts(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Accounts to open in one book; those that are there stay as they are."""

    service: Word
    accounts: Annotated[tuple[Account, ...], Meta(min_length=1, max_length=500)]


class Refused(Exception):
    """What the client is told."""

    def __init__(self, status: int, code: str, zh: str, en: str) -> None:
        super().__init__(code)
        self.status = status
        self.body = msgspec.json.encode({"refused": code, "text": {"zh": zh, "en": en}})


def token(secret: str, agency: str) -> str:
    """The token that opens an agency's books: "hrss.<mac>". It ends with the node's local token, from which it is made."""
    return f"{agency}.{hmac.new(secret.encode(), f'clearing:{agency}'.encode(), 'sha256').hexdigest()}"


class Door:
    """Serves one node. `url` is its database as the node's role, `secret` what its agencies' tokens are made from.

    `reads`: answers GET for an agency: (agency, address, query) → status and JSON.
    """

    def __init__(self, *, url: str, secret: str, reads: Reads | None = None) -> None:
        self._secret = secret
        self._reads = reads
        self._connections = Connections(url)
        self.collector = Collector(self._connections)
        self._accounts: dict[str, dict[str, int]] = {}  # book → name → number; an account never changes its number
        self._tokens: dict[bytes, str] = {}

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request."""
        try:
            status, body = await self._answer(scope, receive)
        except Refused as refused:
            status, body = refused.status, refused.body
        except Exception as error:  # never a traceback to anyone
            log.error("a transfer could not be answered", exc_info=error)
            status, body = 500, Refused(500, "error", "节点内部出错，请重发。", "The node failed; send it again.").body
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _answer(self, scope: Scope, receive: Receive) -> tuple[int, bytes]:
        agency, what = self._agency(scope), scope["path"].removeprefix(PREFIX)
        if scope["method"] == "GET" and self._reads is not None:
            query = dict(parse_qsl(scope.get("query_string", b"").decode("latin-1")))
            return await asyncio.to_thread(self._reads, agency, what, query)
        handler = {"transfers": self._transfer, "chains": self._chain, "accounts": self._open}.get(what)
        if handler is None or scope["method"] != "POST":
            raise Refused(404, "not_found", "没有这个地址。", "There is nothing at this address.")
        return await handler(agency, await _read(receive))

    def _agency(self, scope: Scope) -> str:
        for name, value in scope["headers"]:
            if name == b"authorization":
                known = self._tokens.get(value)
                return known or self._check(value)
        raise Refused(401, "bad_token", "缺少访问令牌。", "The request carries no token.")

    def _check(self, value: bytes) -> str:
        given = value.removeprefix(b"Bearer ").decode("latin-1")
        agency = given.partition(".")[0]
        if not hmac.compare_digest(given.encode(), token(self._secret, agency).encode()) or not agency:
            raise Refused(401, "bad_token", "访问令牌不正确。", "The token is wrong.")
        if len(self._tokens) < 1000:
            self._tokens[value] = agency
        return agency

    async def _transfer(self, agency: str, body: bytes) -> tuple[int, bytes]:
        return await self._post(agency, (_decode(_TRANSFER, body),))

    async def _chain(self, agency: str, body: bytes) -> tuple[int, bytes]:
        wanted = _decode(_CHAIN, body).transfers
        if len({one.service for one in wanted}) > 1:
            raise _malformed("$.transfers[].service", "须为同一事项。", "must be one service.")
        if len({one.id for one in wanted}) < len(wanted):
            raise _malformed("$.transfers[].id", "重复。", "is there twice.")
        return await self._post(agency, wanted)

    async def _post(self, agency: str, wanted: tuple[Transfer, ...]) -> tuple[int, bytes]:
        book = f"{agency}/{wanted[0].service}"
        rows = tuple([await self._row(book, one) for one in wanted])
        try:
            statuses = await self.collector.chain(number(book), book, rows)
        except Busy:
            raise _busy() from None
        except Unfit as error:
            raise _unfit(error) from None
        if not any(statuses):
            return 200, b'{"status":"posted"}'
        # of a chain: the one that failed, not those that were undone because of it
        status = next((one for one in statuses if one not in (0, LINKED)), LINKED)
        reason = REASONS[status]
        raise Refused(409 if reason.kept else 422, reason.code, reason.text.zh, reason.text.en)

    async def _row(self, book: str, wanted: Transfer) -> Row:
        if wanted.id.version != 7:
            raise _malformed("$.id", "须为第 7 版 UUID。", "must be a version 7 UUID.")
        if wanted.expires is not None and wanted.expires.year not in YEARS:
            raise _malformed("$.expires", "年份须在 2000 至 2999 之间。", "must be in the years 2000 to 2999.")
        amount = _amount(wanted.amount, wanted.unit)
        names = [_own(leg.name) for leg in (legs.leg(wanted.debit, wanted.unit), legs.leg(wanted.credit, wanted.unit))]
        ids = [await self._account(book, name) for name in names]
        return Row(
            id=wanted.id, debit=ids[0], credit=ids[1], amount=amount, code=wanted.code,
            kind=KINDS[wanted.kind], origin=wanted.of, expires=wanted.expires,
        )  # fmt: skip

    async def _open(self, agency: str, body: bytes) -> tuple[int, bytes]:
        wanted = _decode(_ACCOUNTS, body)
        names: list[str] = []
        for place, account in enumerate(wanted.accounts):
            name = _openable(f"$.accounts[{place}]", account)
            if name in names:
                raise _malformed(f"$.accounts[{place}].name", "重复。", "is there twice.")
            names.append(name)
        await self._with(
            lambda connection: connection.execute(
                "SELECT count(*) FROM ledger.open($1, $2, $3, $4, $5)",
                f"{agency}/{wanted.service}",
                names,
                [a.unit for a in wanted.accounts],
                [a.floor for a in wanted.accounts],
                [a.ceiling for a in wanted.accounts],
            )
        )
        return 200, msgspec.json.encode({"open": names})

    async def _account(self, book: str, name: str) -> int:
        known = self._accounts.setdefault(book, {})
        if name not in known:
            ask = "SELECT id FROM ledger.account WHERE book = ledger.number($1) AND name = $2 AND name <> ''"
            found = await self._with(lambda connection: connection.fetchval(ask, book, name))
            if found is None:
                raise Refused(422, "unknown_account", f"没有账户 {name}。", f"There is no account {name}.")
            known[name] = found
        return known[name]

    async def _with(self, work: Callable[[Any], Awaitable[Any]]) -> Any:
        """What `work` brings from a connection, which is kept for the next if nothing happened to it."""
        try:
            connection = await self._connections()
            try:
                return await work(connection)
            except BaseException:
                await connection.close()
                raise
            finally:
                await self._connections.give_back(connection)
        except UNFIT as error:
            raise _unfit(error) from None
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
            log.warning("the database is away", reason=str(error))
            raise _busy() from None


_TRANSFER, _CHAIN, _ACCOUNTS = (msgspec.json.Decoder(kind) for kind in (Transfer, Chain, Accounts))


def _busy() -> Refused:
    return Refused(503, "busy", "节点繁忙，请用同一编号重发。", "The node is busy; send it again with the same id.")


def _malformed(field: str, zh: str, en: str) -> Refused:
    return Refused(400, "malformed", f"{field} {zh}", f"{field} {en}")


def _unfit(error: Exception) -> Refused:
    return Refused(400, "malformed", f"账本不能记这个请求：{error}", f"The ledger can't take this request: {error}")


def _decode(decoder: Any, body: bytes) -> Any:
    try:
        return decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Refused(400, "malformed", f"请求不符合格式：{error}", f"The request is malformed: {error}") from None


def _own(name: str) -> str:
    """An account an agency's own system may use. What stands between the nodes is moved by cases alone."""
    if name.startswith(legs.BETWEEN) or name.partition(":")[0] in legs.OUTSIDE:
        text = Text(f"账户 {name} 只能由办件记账。", f"Account {name} is moved by cases alone.")
        raise Refused(403, "reserved_account", text.zh, text.en)
    return name


def _openable(at: str, account: Account) -> str:
    """The name of an account that an agency's own system may open with these limits."""
    if account.unit != "CNY" and account.unit.upper() == "CNY":
        raise _malformed(f"{at}.unit", "人民币写作 CNY。", "of yuan is written CNY.")
    if account.floor is not None and account.floor > 0:
        raise _malformed(f"{at}.floor", "不能大于零。", "can't be above zero.")
    if account.ceiling is not None and account.ceiling < 0:
        raise _malformed(f"{at}.ceiling", "不能小于零。", "can't be below zero.")
    if account.name == legs.FUND or account.name.startswith(legs.PERSON):
        # the poster opens these on first use, with the floor that keeps them from lending
        text = Text(
            f"{at}.name：账户 {account.name} 由节点开立。", f"{at}.name: the node opens account {account.name}."
        )
        raise Refused(403, "reserved_account", text.zh, text.en)
    return _own(legs.leg(account.name, account.unit).name)


def _amount(amount: str | int, unit: str) -> int:
    parts = 0  # of the unit
    try:
        if unit == "CNY":
            parts = Money.parse(amount).fen if isinstance(amount, str) else 0
        elif isinstance(amount, int):
            parts = amount
    except MoneyError:
        pass
    if 0 < parts <= legs.MOST:  # what no array of the database holds must not spoil a batch for others
        return parts
    raise Refused(
        400,
        "malformed",
        "$.amount：人民币写成文本的元（如 “12.50”），其他单位写整数；须大于零，不超过 10^15 个最小单位。",
        '$.amount: yuan as text ("12.50"), other units as a whole number; above zero, at most 10^15 of the smallest part.',
    )


async def _read(receive: Receive) -> bytes:
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Refused(400, "malformed", "请求不完整。", "The request is not whole.")
        part = message.get("body", b"")
        size += len(part)
        if size > LIMIT:
            raise Refused(413, "too_large", "请求过大。", "The request is too large.")
        if not message.get("more_body"):
            return part if not parts else b"".join([*parts, part])
        parts.append(part)
