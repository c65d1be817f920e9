"""Documents of the sample service."""

from datetime import date
from typing import Annotated

from chuanyu.core.documents import Choice, Document, Meta, Title
from chuanyu.core.money import Money


class Urgency(Choice):
    """How much it presses."""

    usual = "usual", "一般", "Usual"
    urgent = "urgent", "紧急", "Urgent"


class Request(Document):
    """申请."""

    asked_on: Annotated[date, Title("申请日期", "")]  # expect: field_title
    urgency: Annotated[Urgency, Title("缓急", "Urgency")] = Urgency.usual


class Year(Document):
    """One year."""

    year: Annotated[int, Title("年份", "Year"), Meta(ge=1949, le=2100)]
    wages: Annotated[Money, Title("缴费工资", "Wages")]


class Record(Document):
    """缴费记录."""

    years: Annotated[tuple[Year, ...], Title("逐年工资", "Wages by year")]
