"""A bank's file, read whole and checked before anything of it is applied: CSV in UTF-8 or GB 18030. Pure."""

import csv
import io
import re
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from chuanyu.clearing import legs
from chuanyu.core.money import Money, MoneyError
from chuanyu.core.text import Text

COLUMNS = ("reference", "number", "direction", "amount", "day")
LONGEST = {"reference": 64, "number": 32}
DIRECTIONS = ("out", "in")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


class Unreadable(ValueError):
    """Not a bank's file, or a line that says nothing a bank can have meant. `field`: the column, "" for the whole line.

    `text` says where and what, `said` only what.
    """

    def __init__(self, text: Text, *, line: int = 0, field: str = "") -> None:
        where = Text(
            "，".join(filter(None, (f"第 {line} 行" if line else "", field))),
            ", ".join(filter(None, (f"line {line}" if line else "", field))),
        )
        self.text = Text(f"{where.zh}：{text.zh}", f"{where.en}: {text.en}") if where.en else text
        self.field, self.said = field, text
        super().__init__(self.text.en)


ENCODING = Text("文件既不是 UTF-8 也不是 GB 18030 编码的文本。", "The file is text neither in UTF-8 nor in GB 18030.")
EMPTY = Text("文件里没有回单行。", "The file has no lines.")
HEADER = Text(
    f"第一行须是列名，每列恰好一次：{','.join(COLUMNS)}。",
    f"The first line names the columns, each exactly once: {','.join(COLUMNS)}.",
)
WIDTH = Text("列数与第一行不符。", "It does not have as many fields as the first line.")
MISSING = Text("没有填写。", "It is empty.")
UNPRINTABLE = Text("含有不可打印的字符。", "It has characters that cannot be printed.")
DIRECTION = Text("须为 out（付出）或 in（收到）。", "It is out or in.")
AMOUNT = Text(
    "金额写成元，大于零，最多两位小数，例如 12345.60。", "Yuan above zero with at most two decimals, such as 12345.60."
)
DAY = Text("须为日期，例如 2025-04-02。", "It is a date like 2025-04-02.")


def decoded(content: bytes) -> str:
    """The text of a file. Raises Unreadable for what is in neither encoding."""
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise Unreadable(ENCODING)


def read(text: str | Iterable[str]) -> list[dict[str, Any]]:
    """Every line of a file, as `line` gives it. Raises Unreadable naming line and column; then nothing was read."""
    rows = csv.reader(io.StringIO(text, newline="") if isinstance(text, str) else text)
    try:
        header = [name.strip() for name in next(rows, [])]
        if not header:
            raise Unreadable(EMPTY)
        if len(set(header)) < len(header) or not set(COLUMNS) <= set(header):
            raise Unreadable(HEADER, line=1)
        found = []
        for row in rows:
            if not "".join(row).strip():
                continue
            if len(row) != len(header):
                raise Unreadable(WIDTH, line=rows.line_num)
            found.append(line(dict(zip(header, row, strict=True)), at=rows.line_num))
    except csv.Error as error:
        raise Unreadable(Text(f"不是 CSV（{error}）。", f"It is not CSV ({error})."), line=rows.line_num) from None
    if not found:
        raise Unreadable(EMPTY)
    return found


def line(fields: Mapping[str, str], *, at: int = 0) -> dict[str, Any]:
    """One line: reference, number, direction (out or in), amount in fen, day. `at`: its number. Raises Unreadable."""
    given = {name: fields[name].strip() for name in COLUMNS}
    for name, value in given.items():
        if not value:
            raise Unreadable(MISSING, line=at, field=name)
        if not value.isprintable():
            raise Unreadable(UNPRINTABLE, line=at, field=name)
        if len(value) > LONGEST.get(name, len(value)):
            most = LONGEST[name]
            raise Unreadable(Text(f"最多 {most} 个字符。", f"At most {most} characters."), line=at, field=name)
    if given["direction"] not in DIRECTIONS:
        raise Unreadable(DIRECTION, line=at, field="direction")
    return {
        "reference": given["reference"],
        "number": given["number"],
        "direction": given["direction"],
        "amount": _amount(given["amount"], at),
        "day": _day(given["day"], at),
    }


def _amount(value: str, at: int) -> int:
    try:
        fen = Money.parse(value).fen
    except MoneyError:
        fen = 0
    if not 0 < fen <= legs.MOST:
        raise Unreadable(AMOUNT, line=at, field="amount")
    return fen


def _day(value: str, at: int) -> date:
    try:
        if _DAY.fullmatch(value):
            return date.fromisoformat(value)
    except ValueError:
        pass
    raise Unreadable(DAY, line=at, field="day")
