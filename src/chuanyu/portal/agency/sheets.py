"""The tables of files of rows: uploads, what was said of lines, pages, how windows compared; and the words for their states."""

from collections.abc import Iterable, Mapping

from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from chuanyu.clearing.files.queries import DecidedView, NoteView
from chuanyu.clearing.files.queries import UploadView as Upload
from chuanyu.clearing.files.standing import DifferenceView, DisputedView, PageView, ReconciledView
from chuanyu.clearing.reasons import REASONS
from chuanyu.core.text import Text
from chuanyu.portal import sums, tables, words
from chuanyu.portal.tables import Cell, Column, Table
from chuanyu.portal.templatetags.portal import short, tag

UPLOADS = {
    "reading": (Text("处理中", "Being judged"), "wait"),
    "aside": (Text("有部分搁置", "Partly set aside"), "stop"),
    "done": (Text("处理完", "Done"), "done"),
}
PAGES = {
    "sent": (Text("待对方核对", "For the other side to check"), "wait"),
    "received": (Text("待我方核对", "For us to check"), "wait"),
    "aside": (Text("搁置", "Set aside"), "stop"),
    "paying": (Text("正在付款", "Being paid"), "wait"),
    "unpaid": (Text("没有付成", "Not paid"), "stop"),
    "paid": (Text("已付", "Paid"), "done"),
}
KINDS = {
    "refused": (Text("不计", "Refused"), "stop"),
    "duplicate": (Text("重复", "Duplicate"), "quiet"),
    "held": (Text("待核查", "Held"), "ask"),
    "released": (Text("已放行", "Released"), "done"),
    "dropped": (Text("已剔除", "Dropped"), "quiet"),
    "disputed": (Text("对方不认", "Disputed"), "stop"),
    "adjusted": (Text("已补付", "Made good"), "done"),
}
REFUSALS = {reason.code: reason.text for reason in REASONS.values()}


def uploads(found: Iterable[Upload], units: Mapping[str, str], *, several: bool) -> Table:
    """A row per file; `several`: the reader sees those of more than one service or agency."""
    return Table(
        key="uploads",
        caption=_("上传的文件，新的在前"),
        columns=(
            Column("file", _("文件")),
            Column("state", _("状态"), "tight"),
            Column("rows", _("记录"), "num"),
            Column("counted", _("计入"), "num"),
            Column("duplicates", _("重复"), "num"),
            Column("refused", _("不计"), "num"),
            Column("held", _("待核查"), "num"),
            Column("total", _("金额"), "num"),
        ),
        rows=[_upload(one, units.get(one.service, ""), several) for one in found],
        quiet=True,
    )


def _upload(one: Upload, unit: str, several: bool) -> list[Cell]:
    about = f"{sums.service(one.service)} · " if several else ""
    name = format_html(
        '<a class="wrap-any" href="{}">{}</a><br><span class="small soft">{}{}</span>',
        reverse("portal:upload", args=[one.id]), one.name, about, words.moment(one.received),
    )  # fmt: skip
    return [
        Cell(one.name, html=name),
        Cell(words.say(UPLOADS[one.state][0]), html=progress(one)),
        *(tables.number(count) for count in (one.rows, one.counted, one.duplicates, one.refused, one.held)),
        money(one.total, unit),
    ]


def progress(one: Upload) -> SafeString:
    """Its state; while it is judged, how far that is: a bar that needs no script."""
    state = tag(UPLOADS[one.state][1], UPLOADS[one.state][0])
    if one.state != "reading":
        return state
    percent = 100 * one.judged // one.parts
    label = gettext("%(name)s：已处理 %(percent)s%%") % {"name": one.name, "percent": percent}
    return format_html(
        '{} <span class="share"><span class="num">{}%</span><progress max="{}" value="{}" aria-label="{}"></progress></span>',
        state, percent, one.parts, one.judged, label,
    )  # fmt: skip


def notes(found: Iterable[NoteView]) -> Table:
    """What was said of lines, in their order."""
    return Table(
        key="notes",
        caption=_("没有直接计入的行"),
        columns=(
            Column("line", _("行"), "num"),
            Column("kind", _("结果"), "tight"),
            Column("field", _("字段")),
            Column("why", _("原因")),
            Column("key", _("编号")),
        ),
        rows=[
            [
                tables.number(one.line) if one.line is not None else Cell("—"),
                _tagged(KINDS, one.kind),
                Cell(one.field, html=format_html('<span class="reference">{}</span>', one.field) if one.field else ""),
                tables.text(one.text),
                Cell(one.key, html=_wrapped(one.key)),
            ]
            for one in found
        ],
        quiet=True,
    )


def decided(found: Iterable[DecidedView], names: Mapping[str, str]) -> Table:
    """What officers have decided about held rows, and who."""
    return Table(
        key="decided",
        caption=_("已处理的"),
        columns=(
            Column("at", _("时间"), "tight"),
            Column("kind", _("处理"), "tight"),
            Column("key", _("记录")),
            Column("reason", _("理由")),
            Column("by", _("谁")),
        ),
        rows=[
            [
                Cell(words.moment(one.at), one.at),
                _tagged(KINDS, one.kind),
                Cell(one.key, html=_wrapped(one.key)),
                Cell(one.reason),
                Cell(who(one.by, names)),
            ]
            for one in found
        ],
        quiet=True,
    )


def pages(found: Iterable[PageView]) -> Table:
    """A row per page of either direction."""
    return Table(
        key="pages",
        caption=_("清算页，新的在前"),
        columns=(
            Column("page", _("清算页"), "tight"),
            Column("payer", _("付款方")),
            Column("state", _("状态")),
            Column("rows", _("记录"), "num"),
            Column("total", _("金额"), "num"),
            Column("accepted", _("认可"), "num"),
            Column("amount", _("认可金额"), "num"),
            Column("period", _("清算期"), "tight"),
        ),
        rows=[_page(one) for one in found],
        quiet=True,
    )


def _page(one: PageView) -> list[Cell]:
    id_ = format_html(
        '<span class="reference" title="{}">{}</span><br><span class="small soft">{}</span>',
        one.id, short(one.id), words.moment(one.at),
    )  # fmt: skip
    checked = one.state in ("paying", "unpaid", "paid")
    state = tag(PAGES[one.state][1], PAGES[one.state][0])
    why = refusal(one) or one.failure
    return [
        Cell(str(one.id), html=id_),
        sums.agency(one.payer),
        Cell(words.say(PAGES[one.state][0]), html=format_html('{} <span class="small">{}</span>', state, why)),
        tables.number(one.rows),
        money(one.total, one.unit),
        tables.number(one.accepted) if checked else Cell("—"),
        money(one.amount if checked else None, one.unit),
        Cell(sums.period(one.period) if one.period else "—"),
    ]


def refusal(one: PageView) -> str:
    """Why the payer's ledger did not pay it."""
    return words.say(REFUSALS.get(one.reason, one.reason)) if one.reason else ""


def reconciled(found: Iterable[ReconciledView]) -> Table:
    """A row per closed window and direction: what either node has of it, row by row."""
    return Table(
        key="reconciled",
        caption=_("逐行对账"),
        columns=(
            Column("period", _("清算期"), "tight"),
            Column("payer", _("付款方")),
            Column("result", _("结果"), "tight"),
            Column("rows", _("我方行数"), "num"),
            Column("total", _("我方金额"), "num"),
            Column("their_rows", _("对方行数"), "num"),
            Column("their_total", _("对方金额"), "num"),
            Column("sha256", _("摘要")),
        ),
        rows=[_reconciled(one) for one in found],
        quiet=True,
    )


def _reconciled(one: ReconciledView) -> list[Cell]:
    result = tag("done", Text("相同", "The same")) if one.equal else tag("stop", Text("不同", "Not the same"))
    hashes = (one.sha256, one.their_sha256)
    ours, theirs = (format_html('<span class="reference" title="{}">{}</span>', each, each[:12]) for each in hashes)
    alike = one.sha256 == one.their_sha256
    return [
        Cell(sums.period(one.period)),
        sums.agency(one.payer),
        Cell("", html=result),
        tables.number(one.rows),
        money(one.total, one.unit),
        tables.number(one.their_rows),
        money(one.their_total, one.unit),
        Cell(one.sha256, html=ours if alike else format_html("{} / {}", ours, theirs)),
    ]


def owed(found: Iterable[DifferenceView | DisputedView]) -> list[dict[str, object]]:
    """Rows the two nodes do not have alike, or the payer did not accept, as the page lists them."""
    listed: list[dict[str, object]] = []
    for one in found:
        entry: dict[str, object] = {"page": one.page, "key": one.key, "owed": one.owed, "settling": one.settling}
        if isinstance(one, DisputedView):
            entry |= {"kind": "disputed", "amount": sums.figure(one.amount, one.unit), "why": one.why}
        else:
            ours, theirs = (
                gettext("没有") if amount is None else sums.figure(amount, one.unit)
                for amount in (one.ours, one.theirs)
            )
            entry |= {"kind": "differs", "ours": ours, "theirs": theirs}
        entry["owes"] = sums.figure(one.owed, one.unit)
        listed.append(entry)
    return listed


def money(amount: int | None, unit: str) -> Cell:
    """An amount; a service whose rows cost nothing has no unit."""
    return Cell("—") if amount is None or not unit else Cell(sums.figure(amount, unit))


def who(by: str, names: Mapping[str, str]) -> str:
    """Whom a record names: an officer by name, a command by the account that gave it."""
    user = by.partition("/")[2]
    if user.startswith("system"):
        account = user.partition(":")[2]
        return gettext("命令行（%(account)s）") % {"account": account} if account else gettext("系统")
    return names.get(by, user or by)


def _tagged(kinds: Mapping[str, tuple[Text, str]], name: str) -> Cell:
    words_, tone = kinds[name]
    return Cell(words.say(words_), html=tag(tone, words_))


def _wrapped(key: str) -> SafeString | str:
    return format_html('<span class="reference small wrap-any">{}</span>', key) if key else ""
