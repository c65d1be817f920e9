"""Accounts of the ledger and their statements: every entry, and any balance as of a moment. Persons' accounts stay closed."""

import csv
import io
from collections.abc import Iterator
from datetime import datetime

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext

from chuanyu.clearing import legs, queries, statements
from chuanyu.core.days import SHANGHAI
from chuanyu.core.text import Text
from chuanyu.portal import sums, tables
from chuanyu.portal.office.clearing import said, sheets

ACCOUNTS = Text("账户", "Accounts")


def accounts(request: HttpRequest) -> HttpResponse:
    """All accounts of the visitor's books."""
    table = tables.sorted_as_asked(request, sheets.accounts(queries.ledger_accounts(said.scope(request))))
    if file := tables.asked_file(request, (table,)):
        return file
    context = {"places": said.places(request), "table": table, "crumbs": said.crumbs(("", ACCOUNTS))}
    return render(request, "portal/office/clearing/accounts.html", context)


def account(request: HttpRequest, agency: str, service: str, name: str) -> HttpResponse:
    """One account: its entries newest first, page by page; the balance as of a moment; all of it as CSV."""
    book = f"{agency}/{service}"
    if said.scope(request) not in (None, agency) or name.startswith(legs.PERSON):
        raise Http404
    standing = next((a for a in queries.ledger_accounts(agency) if (a.book, a.name) == (book, name)), None)
    if standing is None or standing.people:
        raise Http404
    if request.GET.get("csv"):
        content = "".join(_lines(book, name)).encode("utf-8-sig")
        return tables.attachment(content, tables.CSV, f"{service}-{name.replace('/', '-').replace(':', '-')}.csv")
    page = statements.page(book=book, account=name, before=_before(request.GET.get("before", "")))
    asked = request.GET.get("at", "").strip()
    moment = _moment(asked)
    context = {
        "account": standing,
        "title": said.account(name),
        "book": said.book(book),
        "balance": sums.figure(standing.balance, standing.unit),
        "reserved": sums.figure(standing.reserved, standing.unit),
        "expected": sums.figure(standing.expected, standing.unit),
        "floor": "" if standing.floor is None else sums.figure(standing.floor, standing.unit),
        "at": asked,
        "moment": moment,
        "wrong": gettext("请选日期和时间。") if asked and moment is None else "",
        "then": sums.figure(statements.balance(book=book, account=name, at=moment), standing.unit) if moment else "",
        "table": tables.sorted_as_asked(request, sheets.entries(page)),
        "older": f"{page.before[0].isoformat().replace('+00:00', 'Z')}~{page.before[1]}" if page.before else "",
        "later": bool(request.GET.get("before")),
        "crumbs": said.crumbs(
            (reverse("portal:accounts"), ACCOUNTS), ("", Text(said.account(name), said.account(name)))
        ),
    }
    return render(request, "portal/office/clearing/account.html", context)


def _before(token: str) -> tuple[datetime, int] | None:
    at, _tilde, seq = token.partition("~")
    try:
        moment = datetime.fromisoformat(at)
        return (moment, int(seq)) if moment.tzinfo and 0 <= int(seq) < 2**63 else None
    except ValueError:
        return None


def _moment(asked: str) -> datetime | None:
    """What was typed, in legal time; a day alone is its end."""
    try:
        moment = datetime.fromisoformat(asked)
    except ValueError:
        return None
    if len(asked) == 10:
        moment = moment.replace(hour=23, minute=59, second=59, microsecond=999999)
    elif moment.second == 0 and len(asked) == 16:
        moment = moment.replace(second=59, microsecond=999999)  # a minute is meant whole
    return moment if moment.tzinfo else moment.replace(tzinfo=SHANGHAI)


def _lines(book: str, name: str) -> Iterator[str]:
    """The statement as CSV, with the headings of the page; times in Asia/Shanghai, money in yuan."""
    out, before = io.StringIO(), None
    writer = csv.writer(out)
    writer.writerow([str(column.words) for column in sheets.entries(_EMPTY).columns])
    while True:
        page = statements.page(book=book, account=name, before=before, size=statements.CSV_PAGE)
        for e in page.entries:
            amounts = (statements.shown(amount, page.unit) for amount in (e.amount, e.after))
            at = e.at.astimezone(SHANGHAI).isoformat(timespec="milliseconds")
            writer.writerow((e.seq, at, said.nameless(e.other), said.code(e.code, book), e.transfer, *amounts))
        yield out.getvalue()
        out.seek(0)
        out.truncate()
        if page.before is None:
            return
        before = page.before


_EMPTY = statements.Page(book="", account="", unit=sums.MONEY, entries=(), before=None)
