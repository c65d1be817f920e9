"""My money: my own accounts and what moved with my cases; a statement of each account, and a receipt of each transfer."""

import re
from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.timezone import localtime
from django.utils.translation import gettext_lazy as _

from chuanyu.cases import own, purses
from chuanyu.cases.errors import CaseError
from chuanyu.cases.purses import EntryView, PurseView
from chuanyu.core.catalogue import catalogue
from chuanyu.core.money import Money
from chuanyu.core.text import Text
from chuanyu.identity.access import actor
from chuanyu.portal import tables, words
from chuanyu.portal.resident.me import ME
from chuanyu.portal.tables import CSV, Cell, Column, Table

MONEY = Text("我的资金", "My money")
_BEFORE = re.compile(r"(\d{1,17})\.(\d{1,15})")  # microseconds since 1970, number: an entry as an address carries it


def money(request: HttpRequest) -> HttpResponse:
    """My accounts first; then every transfer of my cases, and what was posted altogether."""
    who = actor(request)
    found = own.money(who)
    posted = [row.transfer for row in found if row.transfer.status == "posted" and row.transfer.kind != "reverse"]
    totals = {
        unit: str(sum((Money.parse(each.amount) for each in posted if each.unit == unit), start=Money(0)))
        for unit in dict.fromkeys(each.unit for each in posted)
    }
    context = {
        "crumbs": [(reverse("portal:me"), ME), ("", MONEY)],
        "wallet": purses.wallet(who),
        "incoming": purses.incoming(who),
        "services": catalogue(),
        "found": found,
        "totals": totals.items(),
    }
    return render(request, "portal/resident/money.html", context)


def purse(request: HttpRequest, service: str, unit: str) -> HttpResponse:
    """What came into my account of this service and what went out, with the balance after each. Nobody else's can be asked for."""
    who = actor(request)
    mine = next((each for each in purses.wallet(who) if (each.service, each.unit) == (service, unit)), None)
    if mine is None:
        raise Http404
    if request.GET.get("as") == "csv":
        rows = [entry for page in purses.lines(who, service, unit) for entry in page]
        return tables.attachment(tables.as_csv(_table(mine, rows)), CSV, f"{service}-{unit}.csv")
    entries, before = purses.statement(who, service, unit, _before(request.GET.get("before", "")))
    context = {
        "purse": mine,
        "service": catalogue()[service],
        "entries": entries,
        "older": f"{round(before[0].timestamp() * 1_000_000)}.{before[1]}" if before else "",
        "is_first": "before" not in request.GET,
        "crumbs": [(reverse("portal:me"), ME), (reverse("portal:money"), MONEY), ("", mine.name)],
    }
    return render(request, "portal/resident/purse.html", context)


def receipt(request: HttpRequest, case: UUID, transfer: UUID) -> HttpResponse:
    """One transfer on paper: of my case, or for a clerk of a case of the agency's."""
    who = actor(request)
    try:
        found = purses.receipt(who, case, transfer)
    except CaseError:
        raise Http404 from None
    seen = found.case
    mine = who.is_person(seen.person, seen.service)
    service = catalogue().get(seen.service)
    posting = service.postings.get(found.transfer.name) if service else None
    back = reverse("portal:tracker" if mine else "portal:workspace", args=[case])
    context = {
        "case": seen,
        "transfer": found.transfer,
        "mine": mine,
        "from_person": bool(posting and posting.source == "person"),
        "to_person": bool(posting and posting.target == "person"),
        "back": back,
        "address": settings.PLACE.portal_url + reverse("portal:tracker", args=[case]),
        "now": timezone.now(),
        "crumbs": [
            (reverse("portal:money"), MONEY) if mine else (back, Text(seen.reference, seen.reference)),
            ("", Text("回执", "Receipt")),
        ],
    }
    return render(request, "portal/resident/receipt.html", context)


def _table(purse: PurseView, rows: list[EntryView]) -> Table:
    columns = (
        Column("at", _("时间")),
        Column("number", _("序号"), "num"),
        Column("title", _("事由")),
        Column("case", _("办件")),
        Column("in", _("收入"), "num"),
        Column("out", _("支出"), "num"),
        Column("after", _("余额"), "num"),
        Column("transfer", _("流水号")),
    )
    cells = [
        [
            Cell(f"{localtime(row.at):%Y-%m-%d %H:%M:%S}"),
            tables.number(row.number),
            Cell(words.say(row.title)),
            tables.text(row.sender) if row.sender else Cell(row.reference),
            Cell(row.amount if row.came else ""),
            Cell("" if row.came else row.amount),
            Cell(row.after),
            Cell(str(row.transfer)),
        ]
        for row in rows
    ]
    return Table("statement", purse.name, columns, cells)


def _before(text: str) -> tuple[datetime, int] | None:
    """Where the page before ended; what can be none is the beginning."""
    match = _BEFORE.fullmatch(text)
    if match is None:
        return None
    try:
        whole, part = divmod(int(match[1]), 1_000_000)
        moment = datetime.fromtimestamp(whole, tz=timezone.get_current_timezone()).replace(microsecond=part)
    except (OverflowError, ValueError, OSError):
        return None
    return moment, int(match[2])
