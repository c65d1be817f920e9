"""What is exchanged to move a pension: the application, the sending place's record, and what proves or places it."""

from datetime import date
from typing import Annotated

from chuanyu.core.documents import Choice, Division, Document, Meta, Title
from chuanyu.core.money import Money


class Application(Document):
    """转移申请: everything may be left open; what is needed and missing is asked for."""

    household: Annotated[
        Division | None,
        Title(
            "户籍所在地",
            "Place of household registration",
            "户口簿上的地址；与登记信息相同可不填。",
            "As in the household booklet; leave it open if the record is right.",
        ),
    ] = None
    first_insured_here_on: Annotated[
        date | None,
        Title(
            "首次在本地参保日期",
            "First insured here on",
            "在转入地第一次缴纳养老保险的日期；不填按就业日期，再不填按申请日计算。",
            "When you first paid pension insurance here. If left open: since you work here, else the day you apply.",
        ),
    ] = None
    employed_since: Annotated[date | None, Title("在本地就业日期", "Working here since")] = None
    moved_by_order: Annotated[
        bool,
        Title(
            "经组织批准调入",
            "Moved here by official order",
            "须有县级以上组织或人社部门的调动文件。",
            "Needs an order of a county or higher personnel department.",
        ),
    ] = False
    drawing: Annotated[bool, Title("已领取基本养老金", "Already drawing a basic pension")] = False


class ContributionYear(Document):
    """One calendar year at one place."""

    year: Annotated[int, Title("年份", "Year"), Meta(ge=1949, le=2100)]
    months: Annotated[int, Title("缴费月数", "Months paid"), Meta(ge=1, le=12)]
    wages: Annotated[Money, Title("缴费工资合计", "Contribution wages of the year")]


class BackPayment(Document):
    """Contributions of past months paid at once. `proved`: the sending place holds the papers already."""

    paid_on: Annotated[date, Title("缴费日期", "Paid on")]
    months: Annotated[int, Title("补缴月数", "Months paid back"), Meta(ge=1, le=600)]
    proved: Annotated[bool, Title("已有文书", "Papers are on file")] = False


class AccountRecord(Document):
    """参保缴费凭证与账户信息 (gbf-2009-66)."""

    personal_balance: Annotated[Money, Title("个人账户储存额", "Personal account balance")]
    years: Annotated[
        tuple[ContributionYear, ...], Title("逐年缴费工资", "Contribution wages by year"), Meta(max_length=100)
    ]
    back_payments: Annotated[
        tuple[BackPayment, ...], Title("一次性缴费", "Payments for past months"), Meta(max_length=100)
    ] = ()
    drawing: Annotated[bool, Title("已领取待遇", "Pension already drawn")] = False


class Issuer(Choice):
    """Who can prove an employment of the past (rsth-2019-94)."""

    court = "court", "人民法院", "Court"
    audit = "audit", "审计部门", "Audit office"
    inspection = "inspection", "劳动保障监察机构", "Labour inspection"
    arbitration = "arbitration", "劳动争议仲裁委员会", "Labour arbitration"


class Paper(Document):
    """One legal paper."""

    issuer: Annotated[Issuer, Title("出具机关", "Issued by")]
    number: Annotated[str, Title("文书编号", "Number of the paper"), Meta(max_length=80)]
    issued_on: Annotated[date, Title("出具日期", "Issued on")]


class EmploymentPapers(Document):
    """证明一次性缴费期间劳动关系的文书."""

    papers: Annotated[tuple[Paper, ...], Title("文书", "Papers"), Meta(min_length=1, max_length=20)]


class InsuredPeriod(Document):
    """Months paid without a gap at one place. `temporary`: into a temporary account."""

    place: Annotated[Division, Title("参保地", "Place of insurance")]
    since: Annotated[date, Title("起始月份", "First month", "填该月任意一天。", "Any day of that month.")]
    months: Annotated[int, Title("连续缴费月数", "Months paid from then on"), Meta(ge=1, le=720)]
    temporary: Annotated[bool, Title("临时账户", "Temporary account")] = False


class InsuranceHistory(Document):
    """全国参保经历: where a person was insured, all provinces."""

    periods: Annotated[tuple[InsuredPeriod, ...], Title("参保经历", "Periods of insurance"), Meta(max_length=200)] = ()
