"""What is exchanged to move unemployment insurance: the application and the old place's record."""

from datetime import date
from typing import Annotated

from chuanyu.core.documents import Choice, Division, Document, Meta, Title


class Status(Choice):
    """Where the applicant stands today."""

    jobless = "jobless", "失业", "Out of work"
    employed = "employed", "已在转入地就业", "Employed at the new place"


class Application(Document):
    """转移申请: everything may be left open; what is needed and missing is asked for."""

    status: Annotated[
        Status,
        Title(
            "就业状态",
            "Employment",
            "已就业的只转移关系，缴费年限合并计算。",
            "If employed, the relation alone moves and the years add up.",
        ),
    ] = Status.jobless
    household: Annotated[
        Division | None,
        Title(
            "户籍所在地",
            "Place of household registration",
            "与登记信息相同可不填。",
            "Leave it open if the record is right.",
        ),
    ] = None
    left_work_on: Annotated[date | None, Title("失业日期", "Out of work since")] = None
    drawing_pension: Annotated[bool, Title("已领取基本养老金", "Drawing a basic pension")] = False


class InsuranceRecord(Document):
    """失业保险缴费和待遇记录, as the old place holds it."""

    paid_months: Annotated[int, Title("累计缴费月数", "Months paid, not yet used up"), Meta(ge=0, le=720)]
    drawn_months: Annotated[int, Title("已领取月数", "Months of benefit drawn"), Meta(ge=0, le=24)] = 0
    left_by_own_will: Annotated[bool, Title("因本人意愿中断就业", "Left work by own will")] = False
    drawn_while_employed: Annotated[
        int, Title("就业后仍领取的月数（未处理）", "Months drawn while employed, not settled"), Meta(ge=0, le=24)
    ] = 0
