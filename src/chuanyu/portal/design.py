"""Every component on one page: to look at in each form (light, dark, large, print), and for tests to hold."""

from datetime import date
from typing import Annotated

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from chuanyu.core.catalogue import catalogue
from chuanyu.core.documents import Choice, Division, Document, FieldError, Meta, Title
from chuanyu.core.money import Money
from chuanyu.core.text import Text
from chuanyu.identity.here import here
from chuanyu.portal import forms, river
from chuanyu.portal.errors import problems

TOKENS = (
    "paper", "surface", "sunken", "ink", "ink-soft", "line", "line-strong", "river", "river-tint", "river-art", "clay",
    "clay-tint", "clay-art", "ok", "ok-tint", "warn", "warn-tint", "stop", "stop-tint", "band", "act",
)  # fmt: skip
ICONS = (
    "search", "person", "window", "agency", "office", "check", "cross", "dash", "wait", "ask", "late", "info", "arrow",
    "link-down", "link", "money", "eye", "paper", "printer", "text", "globe", "work", "move", "study", "ill", "old",
    "child", "home", "travel", "business", "help", "key", "plus", "out", "download", "refresh", "mail", "lock",
)  # fmt: skip
TONES = {
    "wait": Text("待受理", "Waiting"),
    "ask": Text("待补正", "To be corrected"),
    "done": Text("已办结", "Closed"),
    "stop": Text("不予办理", "Refused"),
    "quiet": Text("已撤回", "Withdrawn"),
    "late": Text("已逾期", "Overdue"),
}


class Way(Choice):
    """A short list of choices."""

    post = "post", "邮寄", "By post"
    counter = "counter", "到窗口", "At a counter"


class Month(Document):
    """An entry of a list."""

    year: Annotated[int, Title("年份", "Year"), Meta(ge=1949, le=2100)]
    wages: Annotated[Money, Title("缴费工资", "Wages")]


class Sample(Document):
    """One field of each kind."""

    name: Annotated[str, Title("名称", "Name", "按证照填写。", "As on the paper."), Meta(max_length=30)]
    on: Annotated[date, Title("日期", "Date")]
    amount: Annotated[Money, Title("金额", "Amount")]
    home: Annotated[Division | None, Title("户籍所在地", "Place of household registration")] = None
    way: Annotated[Way | None, Title("领取方式", "Collected")] = None
    agree: Annotated[bool, Title("本人确认", "Confirmed", "请读完再勾选。", "Read it before ticking.")] = False
    answer: Annotated[bool | None, Title("曾在外省参保", "Insured in another province before")] = None
    remark: Annotated[str, Title("说明", "Remark"), Meta(max_length=500)] = ""
    months: Annotated[tuple[Month, ...], Title("逐年缴费工资", "Wages by year")] = ()


WRONG = [
    FieldError("sample.on", Text("“日期”：没有 2025-02-30 这一天。", "“Date”: there is no day 2025-02-30.")),
    FieldError("sample.months[0].wages", Text("“缴费工资”应是金额。", "“Wages” must be an amount in yuan.")),
]
TYPED = {"sample-on": "2025-02-30", "sample-months-0-year": "2021", "sample-months-0-wages": "四万"}


def design(request: HttpRequest) -> HttpResponse:
    service = next(iter(catalogue().values()), None)
    context = {
        "tokens": TOKENS,
        "icons": ICONS,
        "tones": TONES.items(),
        "entries": forms.entries(Sample, TYPED, "sample", WRONG),
        "problems": problems(WRONG),
        "service": service,
        "bends": river.planned(service, here()) if service else [],
        "crumbs": [("/plan/", Text("上一级", "One above")), ("", Text("设计", "Design"))],
    }
    return render(request, "portal/design.html", context)
