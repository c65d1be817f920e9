"""Sums in words, the same for offices and agencies: amounts, periods, whose money, for which service."""

from decimal import Decimal

from django.utils.html import format_html
from django.utils.translation import gettext

from chuanyu.clearing import periods
from chuanyu.core.catalogue import catalogue
from chuanyu.identity.queries import agency_name
from chuanyu.portal import words
from chuanyu.portal.tables import Cell
from chuanyu.portal.templatetags.portal import sign

MONEY = "CNY"


def figure(amount: int, unit: str) -> str:
    """1234567890 fen → "12,345,678.90"; other units as whole numbers with their name."""
    if unit == MONEY:
        return f"{Decimal(amount) / 100:,.2f}"
    return f"{amount:,} {gettext('积分') if unit == 'points' else gettext('件') if unit == 'items' else unit}"


def money(amount: int | None, unit: str = MONEY) -> Cell:
    """An amount of a table: right-aligned, sorted and drawn by its value; only money is drawn."""
    if amount is None:
        return Cell("—")
    return Cell(figure(amount, unit), Decimal(amount).scaleb(-2) if unit == MONEY else None)


def period(name: str) -> str:
    """ "2025-03" → 2025年3月; "2025-03-05" → 2025年3月5日."""
    last = periods.last_day(name)
    return words.month(last) if periods.kind_of(name) == "month" else words.day(last)


def service(key: str) -> str:
    found = catalogue().get(key)
    return words.say(found.name) if found else key


def agency(key: str) -> Cell:
    """An agency with its province's sign."""
    name = words.say(agency_name(key))
    return Cell(name, name, html=format_html("{} {}", sign(key.partition("/")[0]), name))
