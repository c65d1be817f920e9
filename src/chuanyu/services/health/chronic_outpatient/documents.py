"""What is exchanged to settle an outpatient visit for a chronic disease: who is qualified for what, and the bill."""

from datetime import date
from decimal import Decimal
from typing import Annotated

from chuanyu.core.documents import Choice, Division, Document, Meta, Title
from chuanyu.core.money import Money
from chuanyu.services.health.bills import ListClass
from chuanyu.services.health.bills import Reversal as Reversal

CODE = "M[0-9]{5}"


class Visit(Document):
    """就诊信息."""

    place: Annotated[
        Division, Title("就医地", "Place of care", "医院所在区县的代码。", "Code of the hospital's district.")
    ]
    hospital: Annotated[str, Title("医院名称", "Hospital"), Meta(max_length=80)] = ""


class Qualified(Document):
    """One disease a person is recognised for at home (门诊慢特病资格)."""

    disease: Annotated[str, Title("病种代码", "Disease code", "如 M03900。", "Like M03900."), Meta(pattern=CODE)]
    since: Annotated[date, Title("开始日期", "From")]
    until: Annotated[date | None, Title("结束日期", "Until")] = None


class Qualification(Document):
    """门诊慢特病资格, as the place of insurance holds it."""

    diseases: Annotated[tuple[Qualified, ...], Title("已认定病种", "Diseases recognised"), Meta(max_length=50)] = ()


class Scheme(Choice):
    """参保险种."""

    employee = "employee", "职工基本医疗保险", "Employees"
    resident = "resident", "城乡居民基本医疗保险", "Residents"


class Insurance(Document):
    """参保信息 of the day."""

    scheme: Annotated[Scheme, Title("参保险种", "Scheme")]
    suspended: Annotated[bool, Title("待遇暂停", "Benefits suspended")] = False


class Settled(Document):
    """One bill that has been settled."""

    number: Annotated[str, Title("结算单号", "Number of the bill"), Meta(min_length=1, max_length=40)]


class Spending(Document):
    """年度门诊累计: what counted towards deductibles and limits, and the bills it came from."""

    year: Annotated[int, Title("年度", "Year"), Meta(ge=2000, le=2100)]
    chronic_deductible: Annotated[Money, Title("慢特病起付线支付", "Deductible paid, chronic")] = Money(0)
    chronic_fund: Annotated[Money, Title("慢特病基金支付", "Paid by the fund, chronic")] = Money(0)
    ordinary_deductible: Annotated[Money, Title("普通门诊起付线支付", "Deductible paid, ordinary")] = Money(0)
    ordinary_fund: Annotated[Money, Title("普通门诊基金支付", "Paid by the fund, ordinary")] = Money(0)
    bills: Annotated[tuple[Settled, ...], Title("已结算的结算单", "Bills settled"), Meta(max_length=2000)] = ()
    before: Annotated[
        tuple[Settled, ...], Title("上年已结算的结算单", "Bills of the year before"), Meta(max_length=2000)
    ] = ()


class Opened(Document):
    """One disease the hospital may settle directly."""

    disease: Annotated[str, Title("病种代码", "Disease code"), Meta(pattern=CODE)]


class BillLine(Document):
    """One line. `disease`: what it treats, by the doctor; open where it treats none of the chronic ones."""

    name: Annotated[str, Title("项目名称", "Item"), Meta(min_length=1, max_length=100)]
    amount: Annotated[Money, Title("金额", "Amount")]
    disease: Annotated[str | None, Title("对应病种代码", "For the disease"), Meta(pattern=CODE)] = None
    list_class: Annotated[ListClass, Title("目录类别", "Class")] = ListClass.a
    self_share: Annotated[Decimal, Title("先行自付比例", "Share paid first"), Meta(ge=0, le=1)] = Decimal(0)


class Bill(Document):
    """门诊费用明细 of one visit, with the diseases the hospital is opened for."""

    number: Annotated[str, Title("结算单号", "Number of the bill"), Meta(min_length=1, max_length=40)]
    place: Annotated[Division, Title("就医地", "Place of care")]
    seen_on: Annotated[date, Title("就诊日期", "Seen on")]
    lines: Annotated[tuple[BillLine, ...], Title("费用明细", "Lines"), Meta(min_length=1, max_length=500)]
    opened: Annotated[
        tuple[Opened, ...], Title("医院已开通病种", "Diseases the hospital is opened for"), Meta(max_length=50)
    ] = ()
    hospital: Annotated[str, Title("医院名称", "Hospital"), Meta(max_length=80)] = ""


class Track(Choice):
    """By which benefit a line is settled."""

    chronic = "chronic", "门诊慢特病", "Chronic disease"
    ordinary = "ordinary", "普通门诊", "Ordinary outpatient"


class Why(Choice):
    """Why a line is on its track, or a part of it the patient's own."""

    qualified = "qualified", "已认定病种的费用，按门诊慢特病支付", "For a disease recognised at home"
    not_qualified = (
        "not_qualified",
        "参保地未认定该病种，转普通门诊",
        "Not recognised for it at home: ordinary outpatient",
    )
    not_direct = (
        "not_direct",
        "该病种不在跨省直接结算范围，转普通门诊",
        "Not among the diseases settled directly: ordinary outpatient",
    )
    no_disease = "no_disease", "未对应慢特病病种，按普通门诊", "For no chronic disease: ordinary outpatient"
    outside = "outside", "丙类（目录外），全部自费", "Outside the list: all your own"
    advance = "advance", "乙类先行自付部分，自费", "The share of class B paid first: your own"


class Row(Document):
    """A part of a line that has one reason. The rows of a line add up to its amount; fund and patient to the row's."""

    line: Annotated[int, Title("行号", "Line"), Meta(ge=1)]
    name: Annotated[str, Title("项目名称", "Item"), Meta(max_length=100)]
    track: Annotated[Track, Title("待遇类别", "Benefit")]
    amount: Annotated[Money, Title("金额", "Amount")]
    fund: Annotated[Money, Title("基金支付", "Paid by the fund")]
    patient: Annotated[Money, Title("个人负担", "Paid by the patient")]
    why: Annotated[Why, Title("原因", "Why")]
    article: Annotated[str, Title("依据", "Article"), Meta(max_length=80)]


class Tracks(Document):
    """费用分段: how much of the bill is on each track."""

    chronic: Annotated[Money, Title("门诊慢特病费用", "Chronic disease")]
    ordinary: Annotated[Money, Title("普通门诊费用", "Ordinary outpatient")]


class Share(Document):
    """One track settled."""

    track: Annotated[Track, Title("待遇类别", "Benefit")]
    total: Annotated[Money, Title("费用", "Amount")]
    base: Annotated[Money, Title("符合范围费用", "In scope")]
    deductible: Annotated[Money, Title("起付线", "Deductible")]
    ratio: Annotated[Decimal, Title("支付比例", "Ratio"), Meta(ge=0, le=1)]
    cap_left: Annotated[Money, Title("年度限额余额", "Left of the year's limit")]
    fund: Annotated[Money, Title("基金支付", "Paid by the fund")]
    article: Annotated[str, Title("依据", "Article"), Meta(max_length=80)]


class Settlement(Document):
    """结算单, by track and line by line. fund + patient is the bill, to the fen."""

    bill: Annotated[str, Title("结算单号", "Number of the bill"), Meta(max_length=40)]
    settled_on: Annotated[date, Title("结算日期", "Settled on")]
    total: Annotated[Money, Title("费用总额", "The bill")]
    fund: Annotated[Money, Title("基金支付", "Paid by the fund")]
    patient: Annotated[Money, Title("个人负担", "Paid by the patient")]
    shares: Annotated[tuple[Share, ...], Title("分类计算", "By track"), Meta(max_length=2)]
    rows: Annotated[tuple[Row, ...], Title("逐项说明", "Line by line"), Meta(max_length=2000)]
