"""How facts are said on a page: numbers, days, places, sources, in the language of the moment."""

import math
import re
import sys
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any

from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import get_language, gettext

from chuanyu.core import days, divisions
from chuanyu.core.catalogue import catalogue
from chuanyu.core.documents import Choice
from chuanyu.core.service import Service
from chuanyu.core.text import Text
from chuanyu.watch.suppression import Shown

_NUMBER = re.compile(r"[A-Z/]+ [\d.—–-]+|\S*")
OLDEST = 1990  # papers older than this name their place in words

NODES = {"chongqing": Text("重庆", "Chongqing"), "sichuan": Text("四川", "Sichuan")}
SIGNS = {"chongqing": Text("渝", "CQ"), "sichuan": Text("川", "SC")}
MODES = {
    "online": Text("全程网办", "Fully online"),
    "relay": Text("异地代收代办", "Handed in anywhere, decided at home"),
    "joint": Text("多地联办", "Both sides together"),
}
MODE_HINTS = {
    "online": Text("从申请到办结都在网上，不用跑。", "From application to result online; no visit needed."),
    "relay": Text("就近窗口收件，由有权的一方办理。", "Any counter takes your papers; the responsible side decides."),
    "joint": Text("一处申请，两地一起办。", "Apply once; both sides work on it together."),
}
CERTAINTY = {
    "sure": Text("已核定", "Confirmed"),
    "likely": Text("待核对", "To be verified"),
    "illustrative": Text("示例参数", "Illustrative"),
}
CHAPTERS = {
    "education": Text("教育", "Education"),
    "health": Text("健康", "Health"),
    "culture": Text("文旅体", "Culture, travel and sport"),
    "employment": Text("就业与社保", "Work and social insurance"),
    "living": Text("住房与出行", "Housing and transport"),
    "safety": Text("安全与治理", "Safety"),
    "delivery": Text("意见与评价", "Opinions and ratings"),
}
# What residents look for, in the order of a life: key of `life` in service.yaml → (words, icon)
LIVES = {
    "study": (Text("上学", "Study"), "study"),
    "work": (Text("就业", "Work"), "work"),
    "ill": (Text("看病", "Fall ill"), "ill"),
    "child": (Text("生育", "Have a child"), "child"),
    "home": (Text("买房租房", "Buy or rent a home"), "home"),
    "move": (Text("迁居", "Move"), "move"),
    "travel": (Text("出行", "Travel"), "travel"),
    "business": (Text("创业", "Start a business"), "business"),
    "old": (Text("养老", "Grow old"), "old"),
    "help": (Text("求助", "Need help"), "help"),
}
# What changes for whoever crosses the border then, and the clauses of the plan that are about it
LIFE_NOTES = {
    "study": (
        Text(
            "孩子跟着您走，学籍、入学、学分和课程在两地都算数。",
            "Your children come with you; school rolls, places and credits count on both sides.",
        ),
        (3, 4, 5, 6),
    ),
    "work": (
        Text(
            "换到对岸工作，参保、档案、职称和维权不从头来。",
            "A job across the border: insurance, records, titles and rights don't begin anew.",
        ),
        (13, 15),
    ),
    "ill": (
        Text(
            "在哪边看病，检查结果和医保结算都接得上。",
            "Wherever you see a doctor, results are known and the insurance settles.",
        ),
        (7, 8),
    ),
    "child": (
        Text(
            "生育登记、生育保险和疫苗接种，两地接着办。",
            "Registration, maternity insurance and vaccinations go on across the border.",
        ),
        (7, 8),
    ),
    "home": (
        Text("公积金、公租房，两地一样申请。", "Housing fund and public rental homes, asked for alike on both sides."),
        (16,),
    ),
    "move": (Text("户口、社保和证照跟着人迁。", "Registration, insurance and papers move with you."), (15, 19)),
    "travel": (
        Text("一张卡乘车，两地景区、场馆同等对待。", "One card for the ride; sights and venues treat you alike."),
        (10, 11, 12, 17),
    ),
    "business": (
        Text(
            "创业补贴、担保贷款和园区，两地都能找。",
            "Subsidies, guaranteed loans and sites, to be found on both sides.",
        ),
        (14,),
    ),
    "old": (
        Text(
            "换个地方养老，补贴、机构和医养服务不断档。",
            "Growing old somewhere else: allowances, homes and care go on.",
        ),
        (6, 9),
    ),
    "help": (
        Text(
            "遇险、走失、求助，最近的力量先到；有意见，在哪边说都行。",
            "In danger or lost, the nearest help comes first; and you may complain at either side.",
        ),
        (18, 19, 22),
    ),
}
UNITS = {
    "years": Text("年", "years"),
    "months": Text("个月", "months"),
    "days": Text("天", "days"),
    "working_days": Text("个工作日", "working days"),
    "age": Text("周岁", "years of age"),
}


def language() -> str:
    return get_language() or "zh-hans"


def say(text: Any) -> str:
    """A `Text` in the language of the page; None as nothing; anything else as it is."""
    if text is None:
        return ""
    return text.say(language()) if isinstance(text, Text) else str(text)


def pair(data: Any) -> Text:
    """A Text out of the {zh, en} of a YAML or JSON file; a plain string counts for both."""
    return Text(data["zh"], data["en"]) if isinstance(data, dict) else Text(str(data), str(data))


def day(value: date | datetime | str | None) -> str:
    """2025年3月3日 / 3 March 2025; a moment counts as its day in Asia/Shanghai; a text is an ISO date."""
    if not value:
        return ""
    if isinstance(value, str):
        value = date.fromisoformat(value)
    if isinstance(value, datetime):
        value = localtime(value).date()
    return _day(value, language())


@lru_cache(maxsize=4096)
def _day(value: date, language: str) -> str:
    return date_format(value, "j F Y" if language.startswith("en") else "Y年n月j日")


def moment(value: datetime | None) -> str:
    """The day and the minute, in Asia/Shanghai."""
    if value is None:
        return ""
    return f"{day(value)} {localtime(value):%H:%M}"


def money(value: Any) -> str:
    """ "40660.37" → "40,660.37". What is no number stays as it is."""
    try:
        return f"{Decimal(str(value)):,.2f}"
    except InvalidOperation:
        return str(value)


def amount(value: Any, unit: str, service: Service | None = None) -> str:
    """A value with its unit, as a sentence carries it: 12%, 1,650.00 元, 15 个工作日; codes in the service's own words."""
    if isinstance(value, tuple | list):
        known = _choices(service.key, service.hash) if service else {}
        return gettext("、").join(say(known[v]) if v in known else place_name(str(v)) for v in value)
    if unit == "CNY":
        return gettext("%(amount)s 元") % {"amount": money(value)}
    if unit == "ratio":
        return f"{(Decimal(str(value)) * 100).normalize():f}%"
    if unit == "date":
        return day(value)
    if unit == "flag":
        return gettext("是") if value in (True, "true") else gettext("否")
    if unit in UNITS:
        return f"{value} {say(UNITS[unit])}" if language().startswith("en") else f"{value} {UNITS[unit].zh}"
    return str(value)


@lru_cache(maxsize=256)
def _choices(key: str, _hash: str) -> dict[str, Text]:
    """What the choices of a service's documents are called, by their values."""
    found = catalogue().get(key)
    modules = {spec.cls.__module__ for spec in found.documents.values()} if found else set()
    kinds = [kind for name in sorted(modules) for kind in vars(sys.modules[name]).values() if isinstance(kind, type)]
    return {str(one): one.text for kind in kinds if issubclass(kind, Choice) for one in kind}


def count(shown: Shown) -> str:
    """A published count of people: rounded to tens; few people are only said to be few."""
    if shown.kind == "small":
        return gettext("少于 10")
    return "—" if shown.value is None else f"{shown.value:,}"


def percent(value: Any) -> str:
    """A share between 0 and 1 as whole percent, never rounded up to 100 or down to 0."""
    whole = math.floor(float(value) * 100 + 0.5)
    if whole == 100 and value < 1:
        whole = 99
    return f"{1 if whole == 0 and value > 0 else whole}%"


def month(value: date) -> str:
    """2025年3月 / March 2025."""
    return date_format(value, "F Y" if language().startswith("en") else "Y年n月")


def place_name(code: str) -> str:
    """The full name of a division: of today, else the last one it had; what is no division code stays as it is."""
    return _place_name(code, days.today(), language())


@lru_cache(maxsize=4096)
def _place_name(code: str, today: date, language: str) -> str:
    if len(code) != 6 or not code.isdigit():
        return code
    dates = [today, *(date(year, 1, 1) for year in range(today.year, OLDEST, -1))]
    return next((name.say(language) for on in dates if (name := divisions.full_name(code, on=on))), code)


def source(service: Service, ref: str) -> str:
    """ "gbf-2009-66#4" → 国办发〔2009〕66号 第4条; an unknown key stays visible rather than vanishing.

    The number (文号) stands before the first space of a Chinese title and the first comma of an English one; that of a
    standard ("JT/T 978 …") has a space in it.
    """
    key, _, article = ref.partition("#")
    if not key:
        return ""
    basis = service.basis.get(key)
    title = key
    if basis:
        title = basis.title.en.split(", ")[0] if language().startswith("en") else _NUMBER.match(basis.title.zh)[0]  # type: ignore[index]
    if not article:
        return title
    return gettext("%(title)s 第%(article)s条") % {"title": title, "article": article}
