"""Windows: the list, and one of them with what both nodes say of it, line by line where they differ."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from chuanyu.clearing import actions, byhand, queries, sheet, timetable
from chuanyu.clearing.actions import ClearingError
from chuanyu.core.text import Text
from chuanyu.exchange.errors import ExchangeError
from chuanyu.identity.access import actor
from chuanyu.portal import sums, tables, words
from chuanyu.portal.errors import Problem
from chuanyu.portal.office.clearing import said, sheets
from chuanyu.portal.tables import Cell, Column, Table
from chuanyu.portal.templatetags.portal import tag

WINDOWS = Text("清算期", "Windows")


@dataclass(frozen=True)
class Stage:
    """A step of a window's life. `when` None: not yet; `now`: the last one reached."""

    title: Text
    when: datetime | None
    done: bool
    now: bool


@dataclass(frozen=True)
class Difference:
    """One line that differs, in words."""

    line: queries.Difference
    payer: str
    ours: str
    theirs: str
    how: str
    adjustable: bool
    payable: bool  # adjusted, and may be paid anew


@dataclass(frozen=True)
class Date:
    """A date of the timetable and the paper it rests on."""

    title: Text
    day: Any
    source: str
    certainty: str


def windows(request: HttpRequest) -> HttpResponse:
    """All of them, by service and whether they are finished."""
    scope, chosen = said.scope(request), request.GET.get("service", "")
    every = queries.windows(agency=scope)
    services = {window.service: sums.service(window.service) for window in every}
    unfinished = request.GET.get("which") != "all"
    shown = [w for w in every if chosen in ("", w.service) and not (unfinished and w.state == "reconciled")]
    table = tables.sorted_as_asked(request, sheets.windows(shown))
    if file := tables.asked_file(request, (table,)):
        return file
    context = {
        "places": said.places(request),
        "table": table,
        "services": services,
        "chosen": chosen,
        "unfinished": unfinished,
        "count": len(shown),
        "crumbs": said.crumbs(("", WINDOWS)),
    }
    return render(request, "portal/office/clearing/windows.html", context)


def window(request: HttpRequest, id_: int) -> HttpResponse:
    """One window, and what an officer does with it: close it, compare it, adjust what differs."""
    found = sheet.sheet(id_)
    scope = said.scope(request)
    if found is None or (scope and found.window.own.partition("/")[2] != scope):
        raise Http404
    if request.method == "POST":
        return _act(request, found)
    return _page(request, found)


def _act(request: HttpRequest, found: sheet.Sheet) -> HttpResponse:
    id_, do = found.window.id, request.POST.get("do", "")
    try:
        if do == "close":
            actions.close(window=id_, actor=actor(request))
            messages.success(request, gettext("已开始关账：新的转账进入下一期，本方签字已寄给对方。"))
        elif do == "compare":
            count = actions.compare(window=id_, actor=actor(request))
            text = (
                gettext("已与对方逐笔核对，有 %(count)s 笔不同。") if count else gettext("已与对方逐笔核对，没有不同。")
            )
            messages.success(request, text % {"count": count} if count else text)
        elif do in ("adjust", "again"):
            line, note = request.POST.get("line", ""), request.POST.get("note", "")
            if not any(str(known.id) == line for known in queries.differences(window=id_, unresolved=do == "adjust")):
                raise Http404
            if not note.strip():
                return _page(request, found, wrong=line)
            if do == "again":
                byhand.pay_again(difference=int(line), actor=actor(request), why=note)
                messages.success(request, gettext("已在本期重新支付，办件会通知对方记账。"))
                return redirect("portal:window", id_)
            actions.adjust(difference=int(line), actor=actor(request), note=note)
            messages.success(request, gettext("已记一笔反向的调整，原分录保留；双方重新签字后关账。"))
        else:
            raise Http404
    except ClearingError as error:
        messages.error(request, words.say(error.text))
    except ExchangeError as error:
        messages.error(request, gettext("问不到对方，请稍后再试。") + words.say(error.text))
    return redirect("portal:window", id_)


def _page(request: HttpRequest, found: sheet.Sheet, *, wrong: str = "") -> HttpResponse:
    window, officer = found.window, "officer" in actor(request).roles
    before = _before(request.GET.get("before", ""))
    page = sheet.transfers(window.id, before=before)
    transfers = sheets.transfers(page.rows, unit=window.unit, cases=officer)
    statement = _statement(found)
    if file := tables.asked_file(request, (transfers, statement)):
        return file
    mine = said.may(request, window.own)
    payable = byhand.payable(window.id) if mine else set()
    no_reason = words.say(actions.NO_REASON.text)
    context = {
        "window": window,
        "sheet": found,
        "own": sums.agency(window.own),
        "peer": sums.agency(window.peer),
        "service": sums.service(window.service),
        "period": sums.period(window.period),
        "state": said.state(window),
        "cycle": said.CYCLES[window.cycle],
        "stages": _stages(window),
        "dates": [
            Date(said.TERMS[term.what], term.day, *said.basis(window.service, term))
            for term in timetable.terms(window.service, window.period)
        ],
        "statement": tables.sorted_as_asked(request, statement),
        "signatures": [one for one in (found.ours, found.theirs) if one is not None and one.key],
        "net": _net(found),
        "differences": [
            _difference(one, window, payable) for one in queries.differences(window=window.id, unresolved=False)
        ],
        "orders": tables.sorted_as_asked(request, sheets.orders(window.orders)) if window.orders else None,
        "transfers": tables.sorted_as_asked(request, transfers),
        "older": f"{page.before[0].isoformat().replace('+00:00', 'Z')}~{page.before[1]}" if page.before else "",
        "later": before is not None,
        "may_close": mine and window.state == "open",
        "may_adjust": mine and window.state == "closing",
        "wrong": wrong,
        "no_reason": no_reason,
        "problems": [Problem(f"note-{wrong}", no_reason)] if wrong else [],
        "crumbs": said.crumbs(
            (reverse("portal:windows"), WINDOWS), ("", Text(sums.period(window.period), sums.period(window.period)))
        ),
    }
    return render(request, "portal/office/clearing/window.html", context, status=422 if wrong else 200)


def _before(token: str) -> tuple[datetime, UUID] | None:
    at, _tilde, id_ = token.partition("~")
    try:
        moment = datetime.fromisoformat(at)
        return (moment, UUID(id_)) if moment.tzinfo else None
    except ValueError:
        return None


def _stages(window: queries.Window) -> list[Stage]:
    states = list(said.STATES)
    at = states.index(window.state)
    past = [
        (Text("进行中", "Open"), None, True),
        (Text("关账中", "Closing"), None, at >= 1),
        (Text("我方签字", "Signed by us"), None, window.signed),
        (Text("对方签字", "Signed by them"), None, window.their_signed),
        (Text("双方一致，已关账", "Both agree, closed"), window.closed, at >= 2),
        (Text("支付单已付", "Orders paid"), window.settled, at >= 3),
        (Text("银行到账，已对账", "Received, reconciled"), window.reconciled, at >= 4),
    ]
    last = max(i for i, (_title, _when, done) in enumerate(past) if done)
    return [Stage(title, when, done, i == last) for i, (title, when, done) in enumerate(past)]


def _statement(found: sheet.Sheet) -> Table:
    """Both directions, ours beside theirs."""
    window = found.window
    theirs = {(d.payer, d.payee): d for d in found.theirs.paid} if found.theirs else {}
    rows = []
    for ours in found.ours.paid:
        other = theirs.get((ours.payer, ours.payee))
        rows.append([
            sums.agency(ours.payer),
            sums.agency(ours.payee),
            tables.number(ours.count),
            sums.money(ours.sum, window.unit),
            _hash(ours.sha256),
            tables.number(other.count) if other else Cell("—"),
            sums.money(other.sum if other else None, window.unit),
            _hash(other.sha256) if other else Cell("—"),
            _same(ours, other),
        ])  # fmt: skip
    return Table(
        key="statement",
        caption=_("对账单"),
        columns=(
            Column("payer", _("付款方"), sortable=False),
            Column("payee", _("收款方"), sortable=False),
            Column("count", _("我方笔数"), "num", sortable=False),
            Column("sum", _("我方金额"), "num", sortable=False),
            Column("hash", _("我方摘要"), "tight", sortable=False),
            Column("their_count", _("对方笔数"), "num", sortable=False),
            Column("their_sum", _("对方金额"), "num", sortable=False),
            Column("their_hash", _("对方摘要"), "tight", sortable=False),
            Column("same", _("核对"), "tight", sortable=False),
        ),
        rows=rows,
        quiet=True,
    )


def _hash(sha256: str) -> Cell:
    return Cell(sha256, sha256, html=_short_hash(sha256))


def _short_hash(sha256: str) -> SafeString:
    return format_html('<span class="reference" title="{}">{}…</span>', sha256, sha256[:10])


def _same(ours: sheet.Direction, other: sheet.Direction | None) -> Cell:
    if other is None:
        text, tone = gettext("对方未签"), "wait"
    elif ours == other:
        text, tone = gettext("一致"), "done"
    else:
        text, tone = gettext("不一致"), "stop"
    return Cell(text, text, html=tag(tone, text))


def _net(found: sheet.Sheet) -> dict[str, Any]:
    """The difference of both directions: who would pay it, and how much."""
    paid = {direction.payer: direction.sum for direction in found.ours.paid}
    window = found.window
    net = paid.get(window.own, 0) - paid.get(window.peer, 0)
    return {
        "payer": sums.agency(window.own if net >= 0 else window.peer),
        "amount": sums.figure(abs(net), window.unit),
        "gross": window.cycle == "gross",
    }


def _difference(line: queries.Difference, window: queries.Window, payable: set[int]) -> Difference:
    missing = gettext("没有这一笔")
    ours, theirs = (
        missing if amount is None else sums.figure(amount, window.unit) for amount in (line.ours, line.theirs)
    )
    open_ = line.resolved is None
    return Difference(
        line=line,
        payer=sums.agency(window.peer if line.mirror else window.own).text,
        ours=ours,
        theirs=theirs,
        how=words.say(Text("调整中", "Being adjusted") if open_ and line.by else said.HOW[line.how]),
        adjustable=open_ and not line.by and line.ours is not None,
        payable=line.id in payable,
    )
