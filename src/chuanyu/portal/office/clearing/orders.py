"""Payment orders: the list, one fit to be printed and signed, and what the bank answered."""

from dataclasses import dataclass
from datetime import date

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext
from django.views.decorators.http import require_POST

from chuanyu.clearing import actions, bankfile, queries
from chuanyu.clearing import orders as payments
from chuanyu.core import days
from chuanyu.core.text import Text
from chuanyu.identity import accounts
from chuanyu.identity import queries as identity
from chuanyu.identity.access import actor
from chuanyu.identity.here import here
from chuanyu.portal import sums, tables, words
from chuanyu.portal.errors import Problem
from chuanyu.portal.office.clearing import said, sheets
from chuanyu.portal.office.clearing.capital import capital

ORDERS = Text("支付单", "Payment orders")
LARGEST = 1024 * 1024  # bytes of a bank's file
COLUMNS = ",".join(bankfile.COLUMNS)


def orders(request: HttpRequest) -> HttpResponse:
    """Both ways, those under way first to be asked for, and the bank's lines that fit none."""
    return _list(request)


def _list(request: HttpRequest, problem: str = "", *, text: str = "") -> HttpResponse:
    scope = said.scope(request)
    unfinished = request.GET.get("which") != "all"
    table = tables.sorted_as_asked(request, sheets.orders(queries.orders(agency=scope, unfinished=unfinished)))
    if file := tables.asked_file(request, (table,)):
        return file
    context = {
        "places": said.places(request),
        "table": table,
        "unfinished": unfinished,
        "lines": [
            (line, _said(line.problem), sums.figure(line.amount, sums.MONEY)) for line in queries.problems(agency=scope)
        ],
        "columns": COLUMNS,
        "text": text,
        "wrong": problem,
        "problems": [Problem("file", problem)] if problem else [],
        "crumbs": said.crumbs(("", ORDERS)),
    }
    return render(request, "portal/office/clearing/orders.html", context, status=422 if problem else 200)


@require_POST
def bank_answers(request: HttpRequest) -> HttpResponse:
    """A bank's file, or its lines pasted: each taken for itself, and each with a problem said."""
    file, text = request.FILES.get("file"), request.POST.get("text", "")
    if file is None and not text.strip():
        return _list(request, gettext("请选择银行回单文件，或粘贴其中的行；第一行是列名。"))
    if file is not None and (file.size is None or file.size > LARGEST):
        return _list(request, gettext("文件过大，一次最多 1 MB。"))
    try:
        lines = bankfile.read(bankfile.decoded(file.read()) if file is not None else text.strip())
    except bankfile.Unreadable as error:
        about = {"error": words.say(error.text)}
        return _list(request, gettext("一行也没有登记。%(error)s") % about, text="" if file is not None else text)
    _tell(request, actions.bank_answers(lines, actor=actor(request)))
    return redirect("portal:orders")


def _tell(request: HttpRequest, taken: list[payments.Taken]) -> None:
    again = sum(one.again for one in taken)
    good = sum(not one.problem for one in taken) - again
    if good:
        messages.success(request, gettext("已登记 %(count)s 行。") % {"count": good})
    if again:
        messages.info(request, gettext("%(count)s 行先前已经登记，没有重记。") % {"count": again})
    for line, problem, _again in taken:
        if problem:
            about = {"reference": line["reference"], "number": line["number"], "problem": _said(problem)}
            messages.error(request, gettext("流水号 %(reference)s，%(number)s：%(problem)s") % about)


def _said(problem: str) -> str:
    return words.say(said.BANK.get(problem, problem)) if problem else ""


def order(request: HttpRequest, number: str) -> HttpResponse:
    """One order; a POST enters the bank's answer to it."""
    found, scope = queries.order(number), said.scope(request)
    if found is None or (scope and f"{here()}/{scope}" not in (found.payer, found.payee)):
        raise Http404
    outwards = found.payer.startswith(f"{here()}/")
    wrong: dict[str, str] = {}
    if request.method == "POST":
        wrong = _wrong(request)
        if not wrong:
            given = {
                "reference": request.POST["reference"],
                "number": number,
                "direction": "out" if outwards else "in",
                "amount": request.POST["amount"].replace(",", ""),
                "day": request.POST["day"],
            }
            try:
                line = bankfile.line(given)
            except bankfile.Unreadable as error:
                wrong = {error.field: words.say(error.said)}
            else:
                _tell(request, actions.bank_answers([line], actor=actor(request)))
                return redirect("portal:order", number)
    known = identity.agencies()
    context = {
        "order": found,
        "payer": known.get(found.payer),
        "payee": known.get(found.payee),
        "sides": [_account(request, found, found.payer, _PAYS), _account(request, found, found.payee, _GETS)],
        "payer_name": sums.agency(found.payer),
        "payee_name": sums.agency(found.payee),
        "amount": sums.figure(found.amount, found.unit),
        "capital": capital(found.amount) if found.unit == sums.MONEY else "",
        "service": sums.service(found.service),
        "period": sums.period(found.period) if found.period else "",
        "state": said.order_state(found),
        "outwards": outwards,
        "lines": [
            (line, _said(line.problem), sums.figure(line.amount, found.unit)) for line in queries.bank_lines(number)
        ],
        "answerable": said.may(request, found.payer if outwards else found.payee)
        and (found.state == "issued" if outwards else found.state != "received"),
        "given": request.POST if wrong else {"day": days.today().isoformat()},
        "wrong": wrong,
        "problems": [Problem(key, text) for key, text in wrong.items()],
        "window": reverse("portal:window", args=[found.window]) if found.window else "",
        "crumbs": said.crumbs((reverse("portal:orders"), ORDERS), ("", Text(number, number))),
    }
    return render(request, "portal/office/clearing/order.html", context, status=422 if wrong else 200)


@dataclass(frozen=True)
class Side:
    """The bank account of one side of an order; `number` as this reader may see it."""

    title: Text
    bank: Text | None
    number: str
    sample: bool


_PAYS = Text("付款账号和开户行", "Paying account and bank")
_GETS = Text("收款账号和开户行", "Receiving account and bank")


def _account(request: HttpRequest, order: queries.Order, agency: str, title: Text) -> Side:
    """Whole on the sheet that an officer of one of the two agencies signs; its last digits to everybody else."""
    account = accounts.of(agency)
    if account is None:
        return Side(title, None, "", False)
    who = actor(request)
    signs = "officer" in who.roles and f"{who.node}/{who.agency}" in (order.payer, order.payee)
    return Side(title, account.bank, account.grouped if signs else account.masked, account.is_sample)


def _wrong(request: HttpRequest) -> dict[str, str]:
    wrong = {}
    if not request.POST.get("reference", "").strip():
        wrong["reference"] = gettext("请填写银行流水号。")
    if not request.POST.get("amount", "").strip():
        wrong["amount"] = gettext("请填写银行回单上的金额。")
    try:
        date.fromisoformat(request.POST.get("day", "").strip())
    except ValueError:
        wrong["day"] = gettext("请填写银行记账的日期。")
    return wrong
