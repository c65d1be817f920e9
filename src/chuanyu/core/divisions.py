"""Administrative divisions as of a day: GB/T 2260 codes of both provinces to county level, and China's provinces.

`divisions.csv` beside this file is the table, a row per code and validity. An empty `since` or `until` means that no
change is recorded. A code that went away keeps its row and names what it became: old papers stay readable.
"""

import csv
from collections.abc import Mapping
from datetime import date
from functools import cache
from pathlib import Path
from typing import Literal

import msgspec

from chuanyu.core.text import Text

Level = Literal["province", "prefecture", "county"]

_NODES = {"50": "chongqing", "51": "sichuan"}


class Division(msgspec.Struct, frozen=True, kw_only=True):
    """Valid from `since` to `until`, both days included. The prefecture of a county of Chongqing is Chongqing itself."""

    code: str
    name: Text
    province: str
    prefecture: str | None
    since: date | None
    until: date | None
    became: tuple[str, ...]
    certainty: str

    @property
    def level(self) -> Level:
        if self.code == self.province:
            return "province"
        return "prefecture" if self.code == self.prefecture else "county"

    def valid(self, on: date) -> bool:
        """Whether the code stands on that day."""
        return (self.since is None or self.since <= on) and (self.until is None or on <= self.until)


def division(code: str, *, on: date) -> Division | None:
    """The division with that code as of `on`; None if there is none then."""
    return next((row for row in _table().get(code, ()) if row.valid(on)), None)


def last_known(code: str) -> Division | None:
    """The newest row of a code, whether it still stands or not."""
    rows = _table().get(code, ())
    return rows[-1] if rows else None


def divisions(province: str, *, on: date, level: Level = "county") -> list[Division]:
    """All divisions of one level in a province as of `on`, by code."""
    return [
        row
        for rows in _table().values()
        for row in rows
        if row.province == province and row.level == level and row.valid(on)
    ]


def provinces() -> list[Division]:
    """The provinces of China, by code; only Sichuan and Chongqing are known further down."""
    return [row for rows in _table().values() for row in rows if row.level == "province"]


def full_name(code: str, *, on: date) -> Text | None:
    """From the province down: 四川省广安市邻水县 / "Linshui County, Guang'an, Sichuan"; None for an unknown code."""
    row = division(code, on=on)
    if row is None:
        return None
    chain = [row.province, row.prefecture, row.code]
    rows = [division(c, on=on) for c in dict.fromkeys(chain) if c is not None]
    names = [r.name for r in rows if r is not None]
    return Text(zh="".join(n.zh for n in names), en=", ".join(n.en for n in reversed(names)))


def node_of(code: str) -> str | None:
    """The node that serves a place: "chongqing", "sichuan", or None for the rest of China."""
    return _NODES.get(code[:2])


@cache
def _table() -> Mapping[str, tuple[Division, ...]]:
    table: dict[str, tuple[Division, ...]] = {}
    with Path(__file__).with_name("divisions.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            entry = Division(
                code=row["code"],
                name=Text(zh=row["name"], en=row["name_en"]),
                province=row["province"],
                prefecture=row["prefecture"] or None,
                since=_day(row["since"]),
                until=_day(row["until"]),
                became=tuple(row["became"].split()),
                certainty=row["certainty"],
            )
            table[entry.code] = (*table.get(entry.code, ()), entry)
    return table


def _day(text: str) -> date | None:
    return date.fromisoformat(text) if text else None
