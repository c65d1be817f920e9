"""The papers of clearing in words: accounts, states, dates. What every page of clearing says the same way."""

from django.http import HttpRequest
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext

from chuanyu.clearing import actions, legs, queries, titles
from chuanyu.clearing.timetable import Term
from chuanyu.core.catalogue import catalogue
from chuanyu.core.text import Text
from chuanyu.identity.access import actor
from chuanyu.identity.here import here
from chuanyu.identity.queries import agency_name
from chuanyu.portal import sums, words
from chuanyu.portal.templatetags.portal import tag

CLEARING = Text("清算", "Clearing")
PLACES = (
    ("portal:clearing", Text("概况", "Overview")),
    ("portal:windows", Text("清算期", "Windows")),
    ("portal:orders", Text("支付单", "Payment orders")),
    ("portal:prepayments", Text("预付金", "Prepayments")),
    ("portal:accounts", Text("账户", "Accounts")),
)
STATES = {
    "open": (Text("进行中", "Open"), "wait"),
    "closing": (Text("关账中", "Closing"), "ask"),
    "closed": (Text("已关账", "Closed"), "wait"),
    "settled": (Text("已付款", "Settled"), "wait"),
    "reconciled": (Text("已对账", "Reconciled"), "done"),
}
ORDERS = {
    "issued": (Text("待付款", "To be paid"), "wait"),
    "paid": (Text("已付出，待到账", "Paid, not yet received"), "wait"),
    "received": (Text("已到账", "Received"), "done"),
}
LEVELS = {
    "": (Text("正常", "Normal"), "done"),
    "yellow": (Text("黄色预警", "Yellow alarm"), "ask"),
    "red": (Text("红色预警", "Red alarm"), "stop"),
}
CYCLES = {
    "gross": Text("全额清算：各付各的，两张支付单", "Gross: each side pays its whole sum, two orders"),
    "net": Text("轧差清算：只付差额，一张支付单", "Net: only the difference is paid, one order"),
}
KINDS = {
    "plain": Text("转账", "Transfer"),
    "post": Text("结算（原有预留）", "Posted from a reservation"),
    "reverse": Text("冲正", "Reversal"),
    "adjust": Text("调整", "Adjustment"),
}
DIFFERENT = Text("有差异", "Differences")
HOW = {
    "": Text("未处理", "Not resolved"),
    "arrived": Text("在途，已到", "Was on its way, has arrived"),
    "adjusted": Text("已调整", "Adjusted"),
}
DEEDS = {
    "fund": Text("拨入基金", "Put into the fund"),
    "prepay": Text("手工追加预付金", "Prepaid by hand"),
    "close": Text("关闭账户", "Account closed"),
    "again": Text("调整后重新支付", "Paid anew"),
}
TERMS = {
    "closes": Text("申报截止，开始关账", "Declared by; closing begins"),
    "pay_by": Text("最迟付款", "To be paid by"),
    "year_closes": Text("本年度清算完成", "The year is closed by"),
}
BANK = {
    "unknown_order": Text("没有这个编号的支付单。", "There is no order of this number."),
    "amount_differs": Text("金额与支付单不符。", "The amount is not the order's."),
    "wrong_direction": Text(
        "方向不符：付款方的银行报付出，收款方的银行报收到。",
        "Wrong direction: the payer's bank says out, the payee's says in.",
    ),
    "twice": Text("这张支付单已经登记过。", "This order has been answered already."),
    "reference_used": Text(
        "这个银行流水号当天已用于另一笔，没有登记到支付单。",
        "The bank's reference was used for another line of that day; it was not entered on the order.",
    ),
    "not_allowed": Text("不是本单位的支付单，没有登记。", "The order is not your agency's; nothing was entered."),
    "insufficient": Text("账户余额不足，没有登记。", "The account does not have enough; nothing was entered."),
}  # fmt: skip
ACCOUNTS = {
    "fund": Text("基金", "Fund"),
    "bank": Text("银行", "Bank"),
    "treasury": Text("财政", "Treasury"),
    "person": Text("个人账户", "Persons' accounts"),
}
BETWEEN = {
    "due_to": Text("应付{}", "Owed to {}"),
    "due_from": Text("应收{}", "Due from {}"),
    "prepaid": Text("预付在{}", "Prepaid with {}"),
    "prepayment": Text("{}的预付金", "Prepayment of {}"),
    "topup": Text("待补足给{}的预付金", "To be topped up with {}"),
    "returns": Text("待退{}", "To be returned to {}"),
}


def scope(request: HttpRequest) -> str | None:
    """Whose money this visitor sees: their agency's ("nhsa"), or None for all of this node's."""
    who = actor(request)
    return None if "office" in who.roles else who.agency or "-"


def places(request: HttpRequest) -> list[tuple[str, Text, bool]]:
    """The pages of clearing: (address, words, whether it is this one)."""
    current = request.resolver_match.view_name if request.resolver_match else ""
    return [(reverse(name), title, name == current) for name, title in PLACES]


def may(request: HttpRequest, own: str) -> bool:
    """Whether this visitor decides about money of `own`."""
    return actions.may(actor(request), own)


def crumbs(*last: tuple[str, Text]) -> list[tuple[str, Text]]:
    """The trail of a page below the overview."""
    return [(reverse("portal:clearing"), CLEARING), *last]


def window(found: queries.Window) -> str:
    """2025年3月 · 跨省异地就医直接结算."""
    return f"{sums.period(found.period)} · {sums.service(found.service)}"


def account(name: str) -> str:
    """ "due_to/sichuan/hrss:points" → 应付四川省人力资源和社会保障厅（points）."""
    base, _, unit = name.partition(":")
    kind, _, peer = base.partition("/")
    if kind in BETWEEN:
        said = words.say(BETWEEN[kind]).format(words.say(agency_name(peer)))
    else:
        said = words.say(ACCOUNTS.get(base, base))
    return gettext("%(account)s（%(unit)s）") % {"account": said, "unit": unit} if unit else said


def state(window: queries.Window) -> SafeString:
    """A window's state, and in closing whose signature is missing; differences before anything else."""
    if window.differences:
        return tag("stop", gettext("有差异"))
    if window.state == "closing" and window.signed and not window.their_signed:
        return tag("ask", gettext("我方已签，待对方"))
    if window.state == "closing" and window.their_signed and not window.signed:
        return tag("ask", gettext("对方已签，待我方"))
    text, tone = STATES[window.state]
    return tag(tone, text)


def order_state(order: queries.Order) -> SafeString:
    text, tone = ORDERS[order.state]
    return tag(tone, text)


def level(name: str) -> SafeString:
    text, tone = LEVELS[name]
    return tag(tone, text)


def basis(key: str, term: Term) -> tuple[str, str]:
    """(source, certainty) of the parameter a date was counted from; empty where no parameter sets it."""
    found = catalogue().get(key)
    parameter = found.parameters.get(term.parameter) if found else None
    value = parameter.value_on(term.day, here()) if parameter else None
    return (words.source(found, value.ref), value.certainty) if found and value else ("", "")


def code(name: str, book: str) -> str:
    """What a transfer in a book is for."""
    return words.say(titles.of_book(name, book))


def nameless(name: str) -> str:
    """An account's name for a page: whose a personal one is stays out of it."""
    return account(legs.nameless(name))


def book(name: str) -> str:
    """ "nhsa/medical_settlement" → 跨省异地就医直接结算 · 重庆市医疗保障局."""
    code, _, key = name.partition("/")
    return f"{sums.service(key)} · {words.say(agency_name(f'{here()}/{code}'))}"
