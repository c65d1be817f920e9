"""Documents of the sample that takes files."""

from datetime import date
from typing import Annotated

from chuanyu.core.documents import Choice, Document, Meta, Title


class Node(Choice):
    """Which side."""

    chongqing = "chongqing", "重庆", "Chongqing"
    sichuan = "sichuan", "四川", "Sichuan"


class Reading(Document):
    """抄表记录."""

    at: Annotated[Node, Title("抄表方", "Read by")]
    owes: Annotated[Node, Title("付款方", "Paid by")]
    meter: Annotated[str, Title("表号", "Meter"), Meta(pattern="[0-9]{1,12}")]
    day: Annotated[date, Title("日期", "Day")]
    value: Annotated[int, Title("读数", "Reading"), Meta(ge=0)]
    sealed: Annotated[bool, Title("封印完好", "Seal intact")] = True


class Earlier(Document):
    """Before."""

    day: Annotated[date, Title("日期", "Day")]
    value: Annotated[int, Title("读数", "Reading"), Meta(ge=0)]
    units: Annotated[int, Title("用量", "Used")] = 0


class Before(Document):
    """以前的记录."""

    readings: Annotated[tuple[Earlier, ...], Title("记录", "Readings"), Meta(max_length=3)] = ()
