"""Clearing at a glance: what needs a person first, then windows under way, what is to be paid, prepayments."""

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext

from chuanyu.clearing import queries
from chuanyu.identity.access import visitor
from chuanyu.identity.here import here
from chuanyu.portal import sums, tables
from chuanyu.portal.office.clearing import said, sheets
from chuanyu.portal.office.clearing.prepayments import gauges
from chuanyu.portal.templatetags.portal import percent, tag

FIRST = 8  # rows of each table, before all are asked for


@dataclass(frozen=True)
class Line:
    """An alarm in one line: its state in colour, shape and word, what it says, where one deals with it."""

    tag: Any
    text: str
    href: str


def overview(request: HttpRequest) -> HttpResponse:
    scope = said.scope(request)
    windows = queries.windows(agency=scope, unfinished=True)
    orders = queries.orders(agency=scope, unfinished=True)
    table = tables.sorted_as_asked(request, sheets.windows(windows, first=FIRST))
    paying = tables.sorted_as_asked(request, sheets.orders(orders, first=FIRST))
    if file := tables.asked_file(request, (table, paying)):
        return file
    ours = [o for o in orders if o.state == "issued" and o.payer.startswith(f"{here()}/") and o.unit == sums.MONEY]
    context = {
        "places": said.places(request),
        "alarms": alarms(request),
        "open": sum(window.state == "open" for window in windows),
        "closing": sum(window.state == "closing" for window in windows),
        "differences": sum(window.differences for window in windows),
        "to_pay": sums.figure(sum(order.amount for order in ours), sums.MONEY),
        "to_pay_count": len(ours),
        "windows": table,
        "orders": paying,
        "gauges": gauges(scope),
        "problems": len(queries.problems(agency=scope)),
    }
    return render(request, "portal/office/clearing/overview.html", context)


def alarms(request: HttpRequest) -> list[Line]:
    """A line for each prepayment at its alarm, window with differences, reversal not taken back; none for who watches no money."""
    who = visitor(request)
    if who is None or who.roles.isdisjoint({"officer", "office"}):
        return []
    return [_line(alarm) for alarm in queries.alarms(agency=said.scope(request))]


def _line(alarm: queries.Alarm) -> Line:
    about = {"service": sums.service(alarm.service), "peer": sums.agency(alarm.peer).text}
    if alarm.what == "prepayment":
        text = gettext("%(service)s：与%(peer)s的预付金已用 %(share)s") % {**about, "share": percent(alarm.share)}
        return Line(said.level(alarm.level), text, reverse("portal:prepayments"))
    if alarm.what == "returns":
        said_ = {**about, "amount": sums.figure(alarm.amount, alarm.unit)}
        text = gettext("%(service)s：对%(peer)s的冲正有 %(amount)s 没能从原账户收回") % said_
        book = f"returns/{alarm.peer}" + ("" if alarm.unit == sums.MONEY else f":{alarm.unit}")
        address = reverse("portal:account", args=[alarm.own.partition("/")[2], alarm.service, book])
        return Line(said.level(alarm.level), text, address)
    about |= {"period": sums.period(alarm.period), "count": str(alarm.count)}
    text = gettext("%(service)s：%(period)s与%(peer)s有 %(count)s 笔差异没有处理") % about
    return Line(tag("stop", said.DIFFERENT), text, reverse("portal:window", args=[alarm.window]) + "#h-differences")
