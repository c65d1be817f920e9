"""Documents of the sample payment."""

from typing import Annotated

from chuanyu.core.documents import Document, Title
from chuanyu.core.money import Money


class Visit(Document):
    """就诊."""

    bill: Annotated[Money, Title("费用", "Bill")]


class Account(Document):
    """累计."""

    spent: Annotated[Money, Title("累计支付", "Spent so far")]


class Result(Document):
    """结果."""

    fund: Annotated[Money, Title("基金支付", "Paid by the fund")]


class Quarter(Document):
    """上年第四季度."""

    total: Annotated[Money, Title("合计", "Total")]
