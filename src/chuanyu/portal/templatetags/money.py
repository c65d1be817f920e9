"""How figures of bills and wallets are said on a page."""

from decimal import Decimal
from typing import Any

from django import template
from django.utils.translation import gettext, ngettext

from chuanyu.cases.bills import Fact
from chuanyu.core.documents import Document, encode
from chuanyu.portal import papers, words

register = template.Library()


@register.filter
def fact(given: Fact) -> str:
    """A fact of a bill in words: 27,500.00 元, 85%, −20 个百分点, 甲类, 2025年6月10日."""
    value: Any = given.value
    match given.kind:
        case "money":
            return words.amount(value, "CNY")
        case "share":
            return words.amount(value, "ratio")
        case "points":
            return points(Decimal(str(value)))
        case "choice":
            return words.say(given.said)
        case "date":
            return words.day(str(value))
        case "flag":
            return gettext("是") if value else gettext("否")
        case "division":
            return words.place_name(str(value))
        case "decimal":
            return f"{Decimal(str(value)).normalize():f}"
    return str(value)


@register.filter
def points(value: Decimal) -> str:
    """Percentage points with their sign: −20 个百分点."""
    number = (abs(value) * 100).normalize()
    said = ngettext("%(number)s 个百分点", "%(number)s 个百分点", 1 if number == 1 else 2) % {"number": f"{number:f}"}
    return f"{'−' if value < 0 else '+'}{said}"


@register.filter
def told(facts: tuple[Fact, ...]) -> list[Fact]:
    """What is worth saying of a line: not a share of nothing, and no "no"."""
    return [
        each
        for each in facts
        if not (each.kind == "share" and Decimal(str(each.value)) == 0) and not (each.kind == "flag" and not each.value)
    ]


@register.filter
def document(value: Document | None) -> list[papers.Line]:
    """A document that a rule gave, as it is read."""
    return papers.lines(type(value), encode(value)) if value is not None else []


@register.filter
def out_of_hundred(part: str, whole: str) -> int:
    """The part as whole percent, for a bar."""
    total = Decimal(whole)
    return int(Decimal(part) * 100 / total) if total else 0
