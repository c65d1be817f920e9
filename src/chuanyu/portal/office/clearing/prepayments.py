"""Prepayments: how much of each is used, and what it should open with by the service's rule."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from chuanyu.clearing import actions, byhand, opening, queries
from chuanyu.clearing.actions import ClearingError
from chuanyu.clearing.byhand import Done
from chuanyu.clearing.prepaid import Gauge
from chuanyu.core import days
from chuanyu.core.catalogue import catalogue
from chuanyu.core.money import Money, MoneyError
from chuanyu.core.text import Text
from chuanyu.identity.access import actor
from chuanyu.portal import sums, tables, words
from chuanyu.portal.errors import Problem
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
    forms: tuple["Form", ...]


@dataclass(frozen=True)
class Form:
    """Money moved by hand: what was typed, and what is wrong with it. `do`: fund | prepay."""

    do: str
    id: str
    title: str
    hint: str
    amount: str = ""
    why: str = ""
    wrong_amount: str = ""
    wrong_why: str = ""

    @property
    def problems(self) -> list[Problem]:
        """The lines of the error summary."""
        named = ((f"{self.id}-amount", self.wrong_amount), (f"{self.id}-why", self.wrong_why))
        return [Problem(anchor, text) for anchor, text in named if text]


def prepayments(request: HttpRequest) -> HttpResponse:
    if request.method == "POST":
        return _by_hand(request) if request.POST.get("do") else _open(request)
    return _page(request)


def _page(request: HttpRequest, typed: Form | None = None) -> HttpResponse:
    scope = said.scope(request)
    rules = [_rule(request, one, typed) for one in opening.openings(days.today(), agency=scope)]
    if file := tables.asked_file(request, [rule.months for rule in rules]):
        return file
    deeds = _deeds(scope)
    context = {
        "places": said.places(request),
        "problems": typed.problems if typed else [],
        "deeds": tables.sorted_as_asked(request, deeds) if deeds.rows else None,
        "gauges": gauges(scope),
        "rules": rules,
        "year": days.today().year - 1,
        "crumbs": said.crumbs(("", Text("预付金", "Prepayments"))),
    }
    return render(request, "portal/office/clearing/prepayments.html", context, status=422 if typed else 200)


def gauges(scope: str | None) -> list[Meter]:
    """Every prepayment of an agency, ours with others and others' with us, the fullest used first."""
    found = sorted(queries.gauges(agency=scope), key=lambda gauge: -gauge.share)
    return [
        Meter(
            gauge=one,
            own=sums.agency(one.own),
            peer=sums.agency(one.peer),
            service=sums.service(one.service),
            opening=sums.figure(one.opening, one.unit),
            used=sums.figure(one.used, one.unit),
            reserved=sums.figure(one.reserved, one.unit) if one.reserved else "",
            balance=sums.figure(one.balance, one.unit),
            share=percent(one.share),
            value=f"{min(max(one.share, 0), 1):.4f}",
            tag=said.level(one.level),
            yellow=percent(one.yellow),
            red=percent(one.red),
        )
        for one in found
    ]


def _rule(request: HttpRequest, one: opening.Opening, typed: Form | None) -> Rule:
    comma = gettext("、")
    table = Table(
        key=f"quarter-{one.service}",
        caption=_("上年第四季度签署的清算额"),
        columns=(Column("month", _("月份")), Column("amount", _("我方应付（元）"), "num")),
        rows=[
            [
                Cell(sums.period(month.period), month.period),
                Cell(gettext("没有双方签字的清算期")) if month.amount is None else sums.money(month.amount, one.unit),
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
        name=sums.service(one.service),
        peer=sums.agency(one.payee),
        months=tables.sorted_as_asked(request, table),
        total=sums.figure(one.total, one.unit),
        amount="" if one.amount is None else sums.figure(one.amount, one.unit),
        now=sums.figure(one.now, one.unit),
        lacks=sums.figure(one.lacks, one.unit),
        missing=comma.join(sums.period(month) for month in one.missing),
        title=catalogue()[one.service].rules[posting.prepayment.rule].title,
        used=one.used,
        parameters=used(one.used, catalogue()[one.service]),
        may=said.may(request, one.payer) and one.lacks > 0,
        forms=tuple(typed if typed and typed.id == form.id else form for form in _forms(request, one)),
    )


def _forms(request: HttpRequest, one: opening.Opening) -> Iterator[Form]:
    """What this visitor may move by hand for a prepayment."""
    if not said.may(request, one.payer):
        return
    yield Form(
        do="fund",
        id=f"fund-{one.service}",
        title=gettext("登记拨入基金的款项"),
        hint=gettext("财政或上级拨来、已经到账的钱，记入本单位这项业务的基金。"),
    )
    if one.amount is None or byhand.at_red(service=one.service, payer=one.payer, payee=one.payee, unit=one.unit):
        yield Form(
            do="prepay",
            id=f"prepay-{one.service}",
            title=gettext("手工追加预付金"),
            hint=gettext("规则算不出额度的头一年，或者用到红色预警线时，由双方商定数额。从本单位基金划出。"),
        )


def _deeds(scope: str | None) -> Table:
    return Table(
        key="deeds",
        caption=_("手工办理的资金事项"),
        columns=(
            Column("at", _("时间"), "tight"),
            Column("what", _("事项"), "tight"),
            Column("account", _("账户")),
            Column("amount", _("金额（元）"), "num"),
            Column("by", _("经办")),
            Column("why", _("原因和依据")),
        ),
        rows=[
            [
                Cell(words.moment(deed.at), deed.at),
                Cell(_did(deed)),
                Cell(f"{sums.service(deed.service)} · {said.nameless(deed.account)}"),
                sums.money(deed.amount or None, deed.unit),
                Cell(deed.by),
                Cell(deed.why),
            ]
            for deed in byhand.deeds(agency=scope)
        ],
        quiet=True,
    )


def _did(deed: Done) -> str:
    text = words.say(said.DEEDS[deed.what])
    if deed.status == "posted":
        return text
    return f"{text} · {gettext('未划出') if deed.status == 'refused' else gettext('正在记账')}"


def _by_hand(request: HttpRequest) -> HttpResponse:
    """Money put in, or prepaid, by an officer; what was typed wrong is asked again."""
    asked = {key: request.POST.get(key, "") for key in ("service", "payer", "payee", "unit")}
    do, amount, why = (request.POST.get(key, "").strip() for key in ("do", "amount", "why"))
    try:
        one = opening.find(days.today(), **asked)
        form = next((form for form in _forms(request, one) if form.do == do), None)
        if form is None:
            raise actions.NOT_ALLOWED
        given, wrong = None, ""
        try:
            given = Money.parse(amount.replace(",", ""))
        except MoneyError:
            wrong = gettext("请填大于零的金额，最多两位小数。")
        if given is not None and given.fen <= 0:
            wrong = gettext("请填大于零的金额，最多两位小数。")
        if wrong or given is None or not why:
            wrong_why = "" if why else words.say(byhand.NO_WHY.text)
            return _page(request, replace(form, amount=amount, why=why, wrong_amount=wrong, wrong_why=wrong_why))
        if do == "fund":
            agency = one.payer.partition("/")[2]
            byhand.fund(agency=agency, service=one.service, amount=given, unit=one.unit, actor=actor(request), why=why)
            text = gettext("已记入基金 %(amount)s 元。")
        else:
            byhand.prepay(**asked, amount=given, actor=actor(request), why=why)
            text = gettext("已交记账 %(amount)s 元；基金够付就划出，结果见下面的记录。")
        messages.success(request, text % {"amount": sums.figure(given.fen, one.unit)})
    except LookupError:
        raise Http404 from None
    except ClearingError as error:
        messages.error(request, words.say(error.text))
    return redirect("portal:prepayments")


def _open(request: HttpRequest) -> HttpResponse:
    asked = {key: request.POST.get(key, "") for key in ("service", "payer", "payee", "unit")}
    try:
        made = actions.prepay_by_rule(**asked, actor=actor(request))
        text = gettext("已按规则补入 %(amount)s，记账后对方会收到通知。")
        messages.success(request, text % {"amount": sums.figure(made.amount, made.unit)})
    except LookupError:
        raise Http404 from None
    except ClearingError as error:
        messages.error(request, words.say(error.text))
    return redirect("portal:prepayments")
