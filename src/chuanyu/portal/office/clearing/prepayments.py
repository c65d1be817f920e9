"""Prepayments: how much of each is used, and what it should open with by the service's rule."""

from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from chuanyu.clearing import actions, opening, queries
from chuanyu.clearing.actions import ClearingError
from chuanyu.clearing.prepaid import Gauge
from chuanyu.core import days
from chuanyu.core.catalogue import catalogue
from chuanyu.core.text import Text
from chuanyu.identity.access import actor
from chuanyu.portal import tables, words
from chuanyu.portal.office.clearing import said
from chuanyu.portal.tables import Cell, Chart, Column, Table
from chuanyu.portal.templatetags.portal import Used, percent, used


@dataclass(frozen=True)
class Meter:
    """A prepayment as a page draws it."""

    gauge: Gauge
    own: Any
    peer: Any
    service: str
    opening: str
    used: str
    reserved: str  # of it, for what is not settled yet; "" for none
    balance: str
    share: str
    value: str  # for the drawn meter, 0 … 1
    tag: Any
    yellow: str
    red: str


@dataclass(frozen=True)
class Rule:
    """What a prepayment should open with, and whether this visitor may bring it there."""

    opening: opening.Opening
    name: str
    peer: Any
    months: Table
    total: str
    amount: str
    now: str
    lacks: str
    missing: str
    title: str
    used: dict[str, Any]
    parameters: list[Used]
    may: bool


def prepayments(request: HttpRequest) -> HttpResponse:
    if request.method == "POST":
        return _open(request)
    scope = said.scope(request)
    rules = [_rule(request, one) for one in opening.openings(days.today(), agency=scope)]
    if file := tables.asked_file(request, [rule.months for rule in rules]):
        return file
    context = {
        "places": said.places(request),
        "gauges": gauges(scope),
        "rules": rules,
        "year": days.today().year - 1,
        "crumbs": said.crumbs(("", Text("预付金", "Prepayments"))),
    }
    return render(request, "portal/office/clearing/prepayments.html", context)


def gauges(scope: str | None) -> list[Meter]:
    """Every prepayment of an agency, ours with others and others' with us, the fullest used first."""
    found = sorted(queries.gauges(agency=scope), key=lambda gauge: -gauge.share)
    return [
        Meter(
            gauge=one,
            own=said.agency(one.own),
            peer=said.agency(one.peer),
            service=said.service(one.service),
            opening=said.figure(one.opening, one.unit),
            used=said.figure(one.used, one.unit),
            reserved=said.figure(one.reserved, one.unit) if one.reserved else "",
            balance=said.figure(one.balance, one.unit),
            share=percent(one.share),
            value=f"{min(max(one.share, 0), 1):.4f}",
            tag=said.level(one.level),
            yellow=percent(one.yellow),
            red=percent(one.red),
        )
        for one in found
    ]


def _rule(request: HttpRequest, one: opening.Opening) -> Rule:
    comma = gettext("、")
    table = Table(
        key=f"quarter-{one.service}",
        caption=_("上年第四季度签署的清算额"),
        columns=(Column("month", _("月份")), Column("amount", _("我方应付（元）"), "num")),
        rows=[
            [
                Cell(said.period(month.period), month.period),
                Cell(gettext("没有双方签字的清算期")) if month.amount is None else said.money(month.amount, one.unit),
            ]
            for month in one.months
        ],
        chart=Chart("month", ("amount",)),
        quiet=True,
    )
    posting = next(p for p in catalogue()[one.service].postings.values() if p.prepayment and p.unit == one.unit)
    assert posting.prepayment is not None
    return Rule(
        opening=one,
        name=said.service(one.service),
        peer=said.agency(one.payee),
        months=tables.sorted_as_asked(request, table),
        total=said.figure(one.total, one.unit),
        amount="" if one.amount is None else said.figure(one.amount, one.unit),
        now=said.figure(one.now, one.unit),
        lacks=said.figure(one.lacks, one.unit),
        missing=comma.join(said.period(month) for month in one.missing),
        title=catalogue()[one.service].rules[posting.prepayment.rule].title,
        used=one.used,
        parameters=used(one.used, catalogue()[one.service]),
        may=said.may(request, one.payer) and one.lacks > 0,
    )


def _open(request: HttpRequest) -> HttpResponse:
    asked = {key: request.POST.get(key, "") for key in ("service", "payer", "payee", "unit")}
    try:
        made = actions.prepay_by_rule(**asked, actor=actor(request))
        text = gettext("已按规则补入 %(amount)s，记账后对方会收到通知。")
        messages.success(request, text % {"amount": said.figure(made.amount, made.unit)})
    except LookupError:
        raise Http404 from None
    except ClearingError as error:
        messages.error(request, words.say(error.text))
    return redirect("portal:prepayments")
