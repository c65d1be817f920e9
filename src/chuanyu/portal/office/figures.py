"""Figures of the office as tables: the same ones on pages, in the report, as CSV and in the workbook."""

from collections.abc import Iterable

from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from chuanyu.cases.figures import Holder
from chuanyu.core.catalogue import catalogue
from chuanyu.core.service import NODES
from chuanyu.core.text import Text
from chuanyu.delivery.queries import ClauseView
from chuanyu.identity.here import here
from chuanyu.identity.queries import agency_name
from chuanyu.portal import tables, words
from chuanyu.portal.tables import Cell, Chart, Column, Table
from chuanyu.portal.templatetags.portal import sign, tag
from chuanyu.watch.queries import Flow, OnTime, Satisfied, Scorecard, Snapshot
from chuanyu.watch.suppression import together

ENDS = {"": Text("在办", "Under way"), "done": Text("办成", "Granted"), "refused": Text("不予办理", "Refused"),
        "withdrawn": Text("本人撤回", "Withdrawn")}  # fmt: skip
FIRST = 25  # rows of a long table before all are asked for
NO_REASON = Text("未注明理由", "No reason given")
NOTES = (
    _("数字截至前一日24时，按提交日期统计；办件只计在提交地，所以两地的数字可以相加。"),
    _("人数类数字四舍五入到10，少于10的不显示；凡能用减法推出小数字的，相邻数字一并不显示（“—”）。"),
    _("用时自提交之日起算，到作出决定之日止，按工作日计，含申请人补正的时间；撤回的不计。"),
    _("按期率、满意率由公布的数字推出，数字小时只能给出范围；没有评价的不计入满意率。"),
)


def service_name(key: str) -> str:
    service = catalogue().get(key)
    return words.say(service.name) if service else key


def scorecards(cards: Iterable[Scorecard]) -> Table:
    """A row per service."""
    return Table(
        key="services",
        caption=_("各事项成效"),
        columns=(
            Column("service", _("事项")),
            Column("filed", _("收件"), "num"),
            Column("open", _("在办"), "num"),
            Column("decided", _("已作决定"), "num"),
            Column("refused", _("不予办理"), "num"),
            Column("on_time", _("按期率"), "num"),
            Column("promise", _("承诺"), "num"),
            Column("kept", _("是否兑现"), "tight"),
            Column("median", _("用时中位数（工作日）"), "num"),
            Column("satisfied", _("满意率"), "num"),
        ),
        rows=[_scorecard(card) for card in cards],
        chart=Chart("service", ("filed",), lying=True),
        quiet=True,
    )


def _scorecard(card: Scorecard) -> list[Cell]:
    service = catalogue().get(card.service)
    promise = service.promise if service else None
    return [
        tables.text(service_name(card.service), href=reverse("portal:scorecard", args=[card.service])),
        tables.count(card.filed),
        tables.count(card.ends[""]),
        tables.count(card.decided),
        tables.count(card.ends["refused"]),
        share(card.on_time),
        Cell(words.amount(promise.share, "ratio"), float(promise.share)) if promise else Cell("—"),
        verdict(card.on_time),
        Cell("—") if card.median is None else tables.number(card.median),
        share(card.satisfied),
    ]


def share(found: OnTime | Satisfied | None) -> Cell:
    """A share, or the span that the published counts leave."""
    if found is None:
        return Cell("—")
    low, high = words.percent(found.low), words.percent(found.high)
    middle = float((found.low + found.high) / 2)
    return Cell(low, round(middle, 2)) if low == high else Cell(f"{low}–{high}", middle, rank=True)


def verdict(found: OnTime | None) -> Cell:
    """Whether the promise was kept."""
    if found is None:
        return Cell("—")
    said, tone, value = {
        True: (gettext("兑现"), "done", 2),
        None: (gettext("难以判定"), "quiet", 1),
        False: (gettext("未兑现"), "stop", 0),
    }[found.met]
    return Cell(said, value, html=tag(tone, said), rank=True)


def months(card: Scorecard) -> Table:
    """How many were filed when."""
    return Table(
        key="months",
        caption=_("每月收件"),
        columns=(Column("month", _("月份")), Column("filed", _("收件"), "num")),
        rows=[[Cell(words.month(one.first), one.first), tables.count(one.count)] for one in card.months],
        chart=Chart("month", ("filed",)),
        quiet=True,
    )


def ends(card: Scorecard) -> Table:
    """What became of them."""
    return Table(
        key="ends",
        caption=_("办理结果"),
        columns=(Column("end", _("结果")), Column("count", _("件数"), "num")),
        rows=[[tables.text(said), tables.count(card.ends[key])] for key, said in ENDS.items()],
        chart=Chart("end", ("count",), lying=True),
        quiet=True,
    )


def reasons(card: Scorecard) -> Table:
    """Why they were refused."""
    service = catalogue().get(card.service)
    known = service.reasons if service else {}
    return Table(
        key="reasons",
        caption=_("不予办理的理由"),
        columns=(Column("reason", _("理由")), Column("count", _("件数"), "num")),
        rows=[
            [
                tables.text(known[one.key].text if one.key in known else one.key or NO_REASON),
                tables.count(one.count),
            ]
            for one in card.reasons
        ],
        chart=Chart("reason", ("count",), lying=True),
        quiet=True,
    )


def flows(found: Iterable[Flow]) -> Table:
    """A row per pair of places."""
    return Table(
        key="flows",
        caption=_("两地之间的往来"),
        columns=(
            Column("origin", _("从")),
            Column("target", _("到")),
            Column("count", _("件数"), "num"),
        ),
        rows=[[_end_of(one.origin), _end_of(one.target), tables.count(one.count)] for one in found],
        first=FIRST,
        quiet=True,
    )


def _end_of(code: str) -> Cell:
    name = words.place_name(code)
    node = "chongqing" if code.startswith("50") else "sichuan"
    return Cell(name, name, html=format_html("{}\u00a0{}", sign(node), name))


def late(found: Iterable[Holder]) -> Table:
    """Who has something late, and since when: without counts, so that it may leave the office."""
    return Table(
        key="late",
        caption=_("有逾期办件的单位"),
        columns=(Column("agency", _("单位")), Column("first", _("最早的期限"), "tight")),
        rows=[[_agency(one.agency), tables.day(one.first)] for one in found if one.late],
        quiet=True,
    )


def holders(found: Iterable[Holder]) -> Table:
    """With whom open cases lie, exactly and now: for the office's own eyes, and in no file."""
    return Table(
        key="holders",
        caption=_("现在在谁手里"),
        columns=(
            Column("agency", _("单位")),
            Column("open", _("在办"), "num"),
            Column("late", _("逾期"), "num"),
            Column("first", _("最早的期限"), "tight"),
        ),
        rows=[
            [
                _agency(one.agency),
                tables.number(one.open),
                tables.number(one.late),
                tables.day(one.first) if one.first else Cell(gettext("没有期限")),
            ]
            for one in found
        ],
        quiet=True,
    )


def _agency(key: str) -> Cell:
    name = words.say(agency_name(key))
    return Cell(name, name, html=format_html("{}\u00a0{}", sign(key.partition("/")[0]), name))


def clauses(plan: Iterable[ClauseView], snapshot: Snapshot) -> Table:
    """The plan by clause and province: who leads, what works, how much it is used here."""
    return Table(
        key="plan",
        caption=_("行动方案：按条、按地方"),
        columns=(
            Column("number", _("条"), "num"),
            Column("name", _("任务")),
            *(Column(f"leads_{node}", _lead(node), sortable=False) for node in NODES),
            Column("working", _("可用的系统"), "num"),
            Column("total", _("要建的系统"), "num"),
            Column("filed", _filed(here()), "num"),
        ),
        rows=[_clause(clause, snapshot) for clause in plan],
        quiet=True,
    )


def _lead(node: str) -> str:
    return gettext("%(province)s牵头") % {"province": words.say(words.NODES[node])}


def _filed(node: str) -> str:
    return gettext("%(province)s收件") % {"province": words.say(words.NODES[node])}


def _clause(clause: ClauseView, snapshot: Snapshot) -> list[Cell]:
    keys = {service.key for system in clause.systems for service in system.services}
    keys |= {service.key for service in clause.others}
    cards = [card for card in snapshot.scorecards if card.service in keys]
    comma = gettext("、")
    leads = {
        node: comma.join(words.say(lead.name) for lead in clause.leads if lead.node == node) or "—" for node in NODES
    }
    href = f"{reverse('portal:plan')}#clause-{clause.number}"
    return [
        tables.number(clause.number),
        tables.text(clause.name, href=href),
        *(tables.text(leads[node]) for node in NODES),
        tables.number(clause.working),
        tables.number(clause.total),
        tables.count(together([card.filed for card in cards])) if cards else Cell("—"),
    ]
