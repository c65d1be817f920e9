"""The API of clearing for those who read: windows, payment orders, accounts and their statements. Nothing is written here.

Officers read their own agency's, the office all of this node's. Amounts are in the unit's smallest part (fen). What
agencies' own systems write goes through the ledger's door (door.py), where their token opens the same readings.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from django.db import connections
from django.http import HttpRequest, HttpResponse
from ninja import Router

from chuanyu.clearing import described as words
from chuanyu.clearing import legs, queries, sheet, statements
from chuanyu.clearing.described import described
from chuanyu.core.problem import problem
from chuanyu.core.text import Text
from chuanyu.identity.access import actor

router = Router(tags=["clearing"])

NOT_FOUND = Text("没有这一项，或不归您查看。", "There is no such thing, or it is not yours to see.")
BAD = Text("before 须为上一页给出的值。", "before must be what the last page gave.")


class Transfers(msgspec.Struct, frozen=True, kw_only=True):
    """Some transfers of a window, newest first. `before` asks for the next page; null when this was the last."""

    transfers: tuple[sheet.Row, ...]
    before: str | None


class Entries(msgspec.Struct, frozen=True, kw_only=True):
    """Some entries of an account, newest first. `before` asks for the next page; null when this was the last."""

    book: str
    account: str
    unit: str
    entries: tuple[statements.Entry, ...]
    before: str | None


class Refused(Exception):
    """What the reader is told, with an HTTP status."""

    def __init__(self, status: int, code: str, text: Text) -> None:
        super().__init__(code)
        self.status, self.code, self.text = status, code, text


def read(what: tuple[str, ...], asked: Mapping[str, str], *, agency: str | None) -> Any:
    """What an address answers for an agency ("nhsa"; None: for the office), as msgspec structures. Raises Refused."""
    match what:
        case ("windows",):
            return queries.windows(agency=agency, service=asked.get("service") or None)
        case ("windows", number):
            return _window(number, agency)
        case ("windows", number, "transfers"):
            window = _window(number, agency).window
            at, id_ = _before(asked.get("before", ""), UUID) or (None, None)
            page = sheet.transfers(window.id, before=(at, id_) if at and id_ else None)
            return Transfers(transfers=page.rows, before=_token(page.before))
        case ("orders",):
            return queries.orders(agency=agency)
        case ("accounts",):
            return queries.ledger_accounts(agency)
        case ("statement",):
            return _statement(asked, agency)
    raise Refused(404, "not_found", NOT_FOUND)


def _window(number: str, agency: str | None) -> sheet.Sheet:
    found = sheet.sheet(int(number)) if number.isascii() and number.isdigit() and len(number) < 10 else None
    if found is None or (agency and found.window.own.partition("/")[2] != agency):
        raise Refused(404, "not_found", NOT_FOUND)
    return found


def _statement(asked: Mapping[str, str], agency: str | None) -> Entries:
    book, account = asked.get("book", ""), asked.get("account", "")
    if (agency and book.partition("/")[0] != agency) or account.startswith(legs.PERSON):
        raise Refused(404, "not_found", NOT_FOUND)
    try:
        page = statements.page(book=book, account=account, before=_before(asked.get("before", ""), int))
    except LookupError:
        raise Refused(404, "not_found", NOT_FOUND) from None
    entries = tuple(msgspec.structs.replace(entry, other=legs.nameless(entry.other)) for entry in page.entries)
    return Entries(book=book, account=account, unit=page.unit, entries=entries, before=_token(page.before))


def _before(token: str, kind: Any) -> Any:
    if not token:
        return None
    at, _, last = token.partition("~")
    try:
        moment = datetime.fromisoformat(at)
        if moment.tzinfo is None:
            raise ValueError("no time zone")
        return moment, kind(last)
    except ValueError:
        raise Refused(422, "before", BAD) from None


def _token(before: tuple[datetime, Any] | None) -> str | None:
    """The place of the next page as one word of an address."""
    return f"{before[0].isoformat().replace('+00:00', 'Z')}~{before[1]}" if before else None


def answered(agency: str, what: str, asked: Mapping[str, str]) -> tuple[int, bytes]:
    """What `read` gives, as status and JSON: for the door, in a thread of its own."""
    try:
        return 200, msgspec.json.encode(read(tuple(what.strip("/").split("/")), asked, agency=agency))
    except Refused as refused:
        return refused.status, msgspec.json.encode({"refused": refused.code, "text": refused.text})
    finally:
        connections.close_all()


def _answer(request: HttpRequest, *what: str) -> HttpResponse:
    who = actor(request)
    found = read(what, request.GET, agency=None if "office" in who.roles else who.agency or "-")
    return HttpResponse(msgspec.json.encode(found), content_type="application/json")


def refused(request: HttpRequest, error: Any) -> HttpResponse:
    """Why nothing is shown."""
    body = problem(error.code, error.text, trace=getattr(request, "trace", ""))
    return HttpResponse(msgspec.json.encode(body), status=error.status, content_type="application/json")


@router.get(
    "/clearing/windows",
    url_name="windows",
    openapi_extra=described(
        "windows", "清算期：状态、双方应付、期限、支付单。", list[queries.Window], query={"service": words.SERVICE}
    ),
)
def windows(request: HttpRequest) -> HttpResponse:
    """Windows: state, what each side pays, dates, payment orders."""
    return _answer(request, "windows")


@router.get(
    "/clearing/windows/{window}",
    url_name="window",
    openapi_extra=described(
        "window", "一个清算期，连同双方签署的笔数、金额和摘要。", sheet.Sheet, path={"window": words.WINDOW}
    ),
)
def window(request: HttpRequest, window: str) -> HttpResponse:
    """One window with the count, sum and hash both nodes signed."""
    return _answer(request, "windows", window)


@router.get(
    "/clearing/windows/{window}/transfers",
    url_name="window_transfers",
    openapi_extra=described(
        "window_transfers",
        "一个清算期的逐笔转账，新的在前。",
        Transfers,
        path={"window": words.WINDOW},
        query={"before": words.BEFORE},
    ),
)
def window_transfers(request: HttpRequest, window: str) -> HttpResponse:
    """A window's transfers, newest first; `before` asks for the next page."""
    return _answer(request, "windows", window, "transfers")


@router.get(
    "/clearing/orders",
    url_name="orders",
    openapi_extra=described("orders", "支付单，双向，新的在前。", list[queries.Order]),
)
def orders(request: HttpRequest) -> HttpResponse:
    """Payment orders both ways, newest first."""
    return _answer(request, "orders")


@router.get(
    "/clearing/accounts",
    url_name="ledger_accounts",
    openapi_extra=described("ledger_accounts", "账户余额；个人账户只有合计。", list[queries.Account]),
)
def ledger_accounts(request: HttpRequest) -> HttpResponse:
    """Accounts and where they stand; persons' accounts only as a sum."""
    return _answer(request, "accounts")


@router.get(
    "/clearing/statement",
    url_name="ledger_statement",
    openapi_extra=described(
        "ledger_statement",
        "一个账户的逐笔分录，新的在前。",
        Entries,
        query={"book": words.BOOK, "account": words.ACCOUNT, "before": words.BEFORE},
    ),
)
def ledger_statement(request: HttpRequest) -> HttpResponse:
    """An account's entries, newest first; `before` asks for the next page."""
    return _answer(request, "statement")
