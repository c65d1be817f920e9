"""What is exchanged to move a housing provident fund account: the application and both places' records."""

from datetime import date
from typing import Annotated

from chuanyu.core.documents import Document, Meta, Title
from chuanyu.core.money import Money


class Application(Document):
    """转移接续申请. The centres hold everything else."""

    employer: Annotated[str, Title("现工作单位", "Employer now"), Meta(max_length=100)] = ""
    left_on: Annotated[date | None, Title("离开原单位日期", "Left the former employer on")] = None


class NewAccount(Document):
    """转入地账户, as the new place's centre holds it."""

    opened_on: Annotated[date, Title("开户日期", "Opened on")]
    months: Annotated[
        int,
        Title("连续足额缴存月数", "Months paid in full without a gap", "到今天为止。", "Up to today."),
        Meta(ge=0, le=720),
    ]


class OldAccount(Document):
    """转出地账户, as the old place's centre holds it on the day. Interest is what has accrued since it was last added."""

    balance: Annotated[Money, Title("账户余额", "Balance")]
    interest: Annotated[Money, Title("应计未结利息", "Interest accrued, not yet added")]
    months: Annotated[int, Title("累计缴存月数", "Months paid"), Meta(ge=0, le=720)]
    sealed: Annotated[bool, Title("已封存", "Sealed")]
    loan: Annotated[bool, Title("有未结清公积金贷款", "A provident fund loan is open")] = False
    frozen: Annotated[bool, Title("被司法冻结", "Frozen by a court")] = False


class Moved(Document):
    """转出记录 at the old place: what was there when it was moved. A record that has not changed since is the same money."""

    balance: Annotated[Money, Title("转出时余额", "Balance when moved")]
    interest: Annotated[Money, Title("转出时利息", "Interest when moved")]
    months: Annotated[int, Title("转出时缴存月数", "Months when moved"), Meta(ge=0, le=720)]
    moved_on: Annotated[date, Title("转出日期", "Moved on")]


class Joined(Document):
    """接续结果: what the resident has at the new place."""

    moved: Annotated[Money, Title("转入金额", "Money moved")]
    months: Annotated[int, Title("合并缴存月数", "Months added up"), Meta(ge=0, le=1440)]
