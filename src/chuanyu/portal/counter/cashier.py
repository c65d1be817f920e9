"""The cashier's counter: who is being settled and at which step, the step itself with its amounts in large, the day's totals.

One page for every service that moves money: the line is read off the procedures (`cases.cashier`). Lists name nobody; who it is
is shown, and the look recorded, when a case is opened.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from chuanyu.cases import actions, bills, queries
from chuanyu.cases import cashier as cases
from chuanyu.cases.cashier import STAGES, Standing, Taking
from chuanyu.cases.errors import NO_SUCH_STEP, CaseError
from chuanyu.cases.views import ActView, CaseView, TransferView
from chuanyu.core import days
from chuanyu.core.canonical import digest
from chuanyu.core.catalogue import catalogue
from chuanyu.core.documents import fields
from chuanyu.core.money import Money
from chuanyu.core.text import Text
from chuanyu.identity.access import actor
from chuanyu.identity.actor import Actor
from chuanyu.identity.queries import agency_name
from chuanyu.portal import steps, tables, words
from chuanyu.portal.counter.shift import OLDEST
from chuanyu.portal.errors import refused
from chuanyu.portal.known import known
from chuanyu.portal.tables import Cell, Column, Table

CASHIER = Text("收费窗口", "Cashier")
TITLES = {
    "settle": Text("等您结算", "To settle"),
    "open": Text("还没预结算", "Not computed yet"),
    "flight": Text("对方办理中", "At the other side"),
    "posted": Text("已结算，当日可撤销", "Settled, can be reversed"),
}
KEYS = {"post": "y", "void": "x", "reverse": "v", "reserve": "b"}  # access keys by what the step does to money
TONES = {"post": "", "reserve": "", "void": "quiet", "reverse": "warn", "": "quiet"}


@dataclass(frozen=True)
class Step:
    """A step as a large button. `elsewhere`: it takes a long paper, which the case's own page has room for."""

    act: ActView
    effect: str
    asked: steps.Asked
    elsewhere: bool

    @property
    def key(self) -> str:
        return KEYS.get(self.effect, "")

    @property
    def tone(self) -> str:
        return TONES[self.effect]


@dataclass(frozen=True)
class Till:
    """The case that lies on the counter."""

    case: CaseView
    standing: Standing | None
    bill: bills.Bill | None
    transfer: TransferView | None
    steps: list[Step]
    problems: list[Any]
    looks: str


def cashier(request: HttpRequest) -> HttpResponse:
    """The line, and the case that was called (`case`)."""
    return _page(request, _case(request.GET.get("case", "")), None)


def act(request: HttpRequest, case: UUID, name: str) -> HttpResponse:
    """Take a step of the case on the counter, and stay with it: what came of it is what one wants to see."""
    back = f"{reverse('portal:cashier')}?case={case}#till"
    if request.method != "POST":
        return redirect(back)
    seen = _seen(request, case)
    chosen = next((each for each in seen.acts if each.name == name), None)
    if chosen is None:
        return refused(request, CaseError("no_such_step", NO_SUCH_STEP), back=back)
    asked = steps.asked(request, seen, chosen)
    if asked.editing or asked.problems:
        return _page(request, case, asked, status=200 if asked.editing else 422)
    try:
        done = actions.act(
            case=case,
            act=name,
            actor=actor(request),
            documents=asked.documents,
            note=asked.note,
            expects=asked.expects,
            request_id=asked.request_id,
        )
    except CaseError as error:
        if error.fields:
            return _page(request, case, asked.with_errors(error), status=422)
        return refused(request, error, back=back)
    said = {"act": words.say(chosen.title), "case": seen.reference}
    if done.outcome in ("", "accept", "value"):
        messages.success(request, gettext("%(case)s：“%(act)s”已完成。") % said)
    else:
        said["reason"] = words.say(done.reason)
        messages.warning(request, gettext("%(case)s：“%(act)s”未通过。%(reason)s") % said)
    return redirect(back)


def takings(request: HttpRequest) -> HttpResponse:
    """What the day came to, by service and by whose fund: on the page, on paper and as CSV. No person is in it."""
    who, day = actor(request), _day(request.GET.get("day", ""))
    since = datetime.combine(day, datetime.min.time(), days.SHANGHAI)
    found = cases.takings(who, since, since + timedelta(days=1))
    table = tables.sorted_as_asked(request, _table(found))
    if file := tables.asked_file(request, [table]):
        return file
    today = days.today()
    context = {
        "day": day,
        "is_today": day == today,
        "before": day - timedelta(days=1) if day > today - timedelta(days=OLDEST) else None,
        "after": day + timedelta(days=1) if day < today else None,
        "table": table,
        "totals": _totals(found),
        "now": timezone.now(),
        "agency": agency_name(f"{who.node}/{who.agency}") if who.agency else None,
        "crumbs": [(reverse("portal:cashier"), CASHIER), ("", Text("当日合计", "Totals of the day"))],
    }
    return render(request, "portal/counter/takings.html", context)


# ---- inside


def _page(request: HttpRequest, case: UUID | None, typed: steps.Asked | None, *, status: int = 200) -> HttpResponse:
    who = actor(request)
    text, page = request.GET.get("q", "").strip()[:300], _number(request.GET.get("page", ""))
    line = cases.line(who, text=text, page=page)
    if text and line.total == len(line.rows) == 1 and case is None:
        return redirect(f"{reverse('portal:cashier')}?case={line.rows[0].case}#till")
    looks = digest([line.total, [[str(each.case), each.state, each.stage, each.status] for each in line.rows]])[:16]
    part = request.GET.get("part", "") if request.headers.get("HX-Request") else ""
    if part and request.GET.get("seen") == looks and part == "line":
        return HttpResponse(status=204)  # nothing new: the focus stays where it is
    till = _till(request, case, who, typed) if case and part != "line" else None
    if part == "till" and till is not None and request.GET.get("seen") == till.looks:
        return HttpResponse(status=204)
    context = {
        "stages": [(stage, TITLES[stage], [each for each in line.rows if each.stage == stage]) for stage in STAGES],
        "count": line.total,
        "whole": len(line.rows) == line.total,
        "first": line.first,
        "last": line.first + len(line.rows) - 1,
        "page": page,
        "next": page + 1 if line.more else 0,
        "text": text,
        "looks": looks,
        "chosen": case,
        "till": till,
        "part": part,
        "serves": [catalogue()[key] for key in cases.serves(who)],
        "agency": agency_name(f"{who.node}/{who.agency}") if who.agency else None,
        "crumbs": [("", CASHIER)],
        "mine": False,
    }
    if till is not None:
        seen = till.case
        context["service"] = catalogue().get(seen.service)
        context["known"] = known(seen.person, service=seen.service, who=who, trace=str(seen.id))
    template = {"line": "portal/counter/cashier_line.html", "till": "portal/counter/cashier_till.html"}.get(
        part, "portal/counter/cashier.html"
    )
    return render(request, template, context, status=status)


def _till(request: HttpRequest, case: UUID, who: Actor, typed: steps.Asked | None) -> Till:
    seen = _seen(request, case)
    service = catalogue().get(seen.service)
    procedure = service.procedure if service else None
    state = procedure.states.get(seen.state) if procedure else None
    found = []
    for each in seen.acts:
        declared = state.does.get(each.name) if state else None
        if procedure is None or service is None or declared is None or declared.by == "applicant" or each.requested:
            continue
        asked = typed if typed and typed.act.name == each.name else steps.blank(seen, each)
        long = any(f.kind in ("list", "group") for name in each.takes for f in fields(service.documents[name].cls))
        found.append(Step(each, cases.effect(procedure, declared), asked, long))
    told = bills.bills(seen)
    return Till(
        case=seen,
        standing=cases.standing(who, case),
        bill=told[-1] if told else None,
        transfer=seen.transfers[-1] if seen.transfers else None,
        steps=sorted(found, key=lambda step: ("post", "reserve", "", "void", "reverse").index(step.effect)),
        problems=typed.problems if typed else [],
        looks=digest([seen.head, seen.posting, seen.queued, [t.status for t in seen.transfers]])[:16],
    )


def _seen(request: HttpRequest, case: UUID) -> CaseView:
    try:
        return queries.view(case, actor(request))
    except CaseError:
        raise Http404 from None


def _case(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _number(text: str) -> int:
    """A page's number; the first for anything that is none."""
    return max(1, int(text)) if text.isascii() and text.isdigit() and len(text) < 6 else 1


def _table(found: list[Taking]) -> Table:
    columns = (
        Column("service", _("事项")),
        Column("fund", _("对方")),
        Column("way", _("方向"), "tight"),
        Column("settled", _("结算笔数"), "num"),
        Column("amount", _("结算金额"), "num"),
        Column("reversed", _("撤销笔数"), "num"),
        Column("returned", _("撤销金额"), "num"),
        Column("net", _("净额"), "num"),
        Column("patients", _("个人付"), "num"),
    )
    rows = [
        [
            tables.text(each.name),
            tables.text(each.other),
            tables.text(_("我方付出") if each.paid else _("付给我方")),
            tables.number(each.settled),
            _money(each.amount, each.unit),
            tables.number(each.reversed),
            _money(each.returned, each.unit),
            _money(each.net, each.unit),
            _money(each.patients, "CNY") if each.patients else Cell("—"),
        ]
        for each in found
    ]
    return Table("takings", _("当日合计，按事项和基金"), columns, rows, quiet=True)


def _money(amount: str, unit: str) -> Cell:
    """Exact: a file of money must not lose the fen to a float."""
    said = words.money(amount) if unit == "CNY" else f"{int(amount):,}"
    return Cell(said, Decimal(amount))


def _totals(found: list[Taking]) -> list[tuple[Text, str]]:
    """What was received for good, from funds and from people."""
    own = sum((Money.parse(each.patients) for each in found if each.patients and not each.paid), start=Money(0))
    funds = sum((Money.parse(each.net) for each in found if each.unit == "CNY" and not each.paid), start=Money(0))
    paid = sum((Money.parse(each.net) for each in found if each.unit == "CNY" and each.paid), start=Money(0))
    said = [(Text("个人付", "Paid by people"), own), (Text("基金付给我方", "Received from funds"), funds)]
    said += [(Text("我方基金付出", "Paid by our fund"), paid)] if paid else []
    return [(title, str(amount)) for title, amount in said]


def _day(text: str) -> date:
    today = days.today()
    try:
        asked = date.fromisoformat(text)
    except ValueError:
        return today
    return asked if today - timedelta(days=OLDEST) <= asked <= today else today
