"""The tables of clearing: windows, orders, accounts and the rest, for pages, files and charts."""

from collections.abc import Iterable

from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from chuanyu.cases.steps import reference
from chuanyu.clearing import queries, sheet, statements
from chuanyu.portal import sums, tables, words
from chuanyu.portal.office.clearing import said
from chuanyu.portal.tables import Cell, Chart, Column, Table
from chuanyu.portal.templatetags.portal import short

FIRST = 25  # rows of a long table before all are asked for


def windows(found: Iterable[queries.Window], *, first: int = FIRST) -> Table:
    """A row per window; what nobody has signed yet shows what the ledger has now."""
    return Table(
        key="windows",
        caption=_("清算期"),
        columns=(
            Column("window", _("清算期")),
            Column("peer", _("对方")),
            Column("state", _("状态"), "tight"),
            Column("out", _("我方应付（元）"), "num"),
            Column("out_count", _("笔数"), "num"),
            Column("back", _("对方应付（元）"), "num"),
            Column("back_count", _("对方笔数"), "num"),
            Column("closes", _("关账日"), "tight"),
        ),
        rows=[_window(window) for window in found],
        chart=Chart("window", ("out", "back"), lying=True),
        first=first,
        quiet=True,
    )


def _window(window: queries.Window) -> list[Cell]:
    if window.out is None:
        out_count, out, back_count, back = sheet.so_far(window)
    else:
        out_count, out, back_count, back = window.out_count, window.out, window.back_count, window.back or 0
    state = said.state(window)
    return [
        Cell(said.window(window), window.period, href=reverse("portal:window", args=[window.id])),
        sums.agency(window.peer),
        Cell(words.say(said.STATES[window.state][0]), list(said.STATES).index(window.state), html=state, rank=True),
        sums.money(out, window.unit),
        tables.number(out_count),
        sums.money(back, window.unit),
        tables.number(back_count),
        tables.day(window.closes),
    ]


def orders(found: Iterable[queries.Order], *, first: int = FIRST) -> Table:
    """A row per payment order."""
    return Table(
        key="orders",
        caption=_("支付单"),
        columns=(
            Column("number", _("编号"), "tight"),
            Column("payer", _("付款方")),
            Column("payee", _("收款方")),
            Column("amount", _("金额（元）"), "num"),
            Column("state", _("状态"), "tight"),
            Column("service", _("事项")),
            Column("period", _("期间"), "tight"),
            Column("issued", _("开具"), "tight"),
        ),
        rows=[_order(order) for order in found],
        first=first,
        quiet=True,
    )


def _order(order: queries.Order) -> list[Cell]:
    return [
        Cell(order.number, order.number, href=reverse("portal:order", args=[order.number])),
        sums.agency(order.payer),
        sums.agency(order.payee),
        sums.money(order.amount, order.unit),
        Cell(
            words.say(said.ORDERS[order.state][0]),
            list(said.ORDERS).index(order.state),
            html=said.order_state(order),
            rank=True,
        ),
        tables.text(sums.service(order.service)),
        Cell(sums.period(order.period) if order.period else "—", order.period or None),
        Cell(words.day(order.issued), order.issued),
    ]


def transfers(rows: Iterable[sheet.Row], *, unit: str, cases: bool) -> Table:
    """A window's transfers; `cases`: the reader may open the case behind each."""
    return Table(
        key="transfers",
        caption=_("本期转账"),
        columns=(
            Column("at", _("时间"), "tight", sortable=False),
            Column("id", _("转账"), "reference", sortable=False),
            Column("way", _("谁付"), "tight", sortable=False),
            Column("kind", _("种类"), sortable=False),
            Column("debit", _("从"), sortable=False),
            Column("credit", _("到"), sortable=False),
            Column("amount", _("金额"), "num", sortable=False),
            Column("case", _("办件"), "tight", sortable=False),
        ),
        rows=[_transfer(row, unit, cases) for row in rows],
        quiet=True,
    )


def _transfer(row: sheet.Row, unit: str, cases: bool) -> list[Cell]:
    kind = words.say(said.KINDS[row.kind]) + ("" if row.counts else words.say(_NOT_COUNTED))
    return [
        Cell(words.moment(row.at), row.at),
        Cell(str(row.id), str(row.id), html=_id(row.id)),
        tables.text(_("对方") if row.mirror else _("我方")),
        tables.text(kind),
        tables.text(said.account(row.debit)),
        tables.text(said.account(row.credit)),
        sums.money(row.amount, unit),
        _case(row, cases),
    ]


def _case(row: sheet.Row, cases: bool) -> Cell:
    if row.case is None:
        return Cell("—")
    return Cell(reference(row.case), href=reverse("portal:workspace", args=[row.case]) if cases else "")


def _id(id_: object) -> SafeString:
    """The end of an id, the whole where it is pointed at."""
    return format_html('<span class="reference" title="{}">{}</span>', id_, short(id_))


_NOT_COUNTED = said.Text("（不计入签署数）", " (in no signed sum)")


def accounts(found: Iterable[queries.Account]) -> Table:
    """A row per account; persons' accounts of a book are one row without names."""
    return Table(
        key="accounts",
        caption=_("账户"),
        columns=(
            Column("book", _("账簿")),
            Column("account", _("账户")),
            Column("balance", _("余额"), "num"),
            Column("reserved", _("预留"), "num"),
            Column("expected", _("待入"), "num"),
            Column("entries", _("分录"), "num"),
        ),
        rows=[_account(account) for account in found],
        first=100,
        quiet=True,
    )


def _account(account: queries.Account) -> list[Cell]:
    agency, _slash, service = account.book.partition("/")
    name = said.account(account.name)
    if account.people:
        label, href = words.say(_PEOPLE).format(account.people), ""
    else:
        label, href = name, reverse("portal:account", args=[agency, service, account.name])
    return [
        tables.text(said.book(account.book)),
        Cell(label, label, href=href),
        sums.money(account.balance, account.unit),
        sums.money(account.reserved, account.unit),
        sums.money(account.expected, account.unit),
        tables.number(account.entries),
    ]


_PEOPLE = said.Text("个人账户合计（{} 个）", "Persons' accounts in all ({})")


def entries(page: statements.Page) -> Table:
    """An account's entries."""
    return Table(
        key="entries",
        caption=_("分录"),
        columns=(
            Column("seq", _("序号"), "num", sortable=False),
            Column("at", _("时间"), "tight", sortable=False),
            Column("other", _("对应账户"), sortable=False),
            Column("code", _("用途"), sortable=False),
            Column("transfer", _("转账"), "tight", sortable=False),
            Column("amount", _("收（＋）付（－）"), "num", sortable=False),
            Column("after", _("余额"), "num", sortable=False),
        ),
        rows=[
            [
                tables.number(entry.seq),
                Cell(words.moment(entry.at), entry.at),
                tables.text(said.nameless(entry.other)),
                tables.text(said.code(entry.code, page.book)),
                Cell(str(entry.transfer), str(entry.transfer), html=_id(entry.transfer)),
                sums.money(entry.amount, page.unit),
                sums.money(entry.after, page.unit),
            ]
            for entry in page.entries
        ],
        quiet=True,
    )
