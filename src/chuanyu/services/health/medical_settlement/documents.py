"""What is exchanged to settle a stay away from home: the registration, the bill line by line, and what comes of it."""

from datetime import date
from decimal import Decimal
from typing import Annotated

from chuanyu.core.documents import Choice, Division, Document, Meta, Points, Share, Title
from chuanyu.core.money import Money
from chuanyu.services.health.bills import ListClass
from chuanyu.services.health.bills import Reversal as Reversal


class Visit(Document):
    """就医信息: where care is sought. A planned stay may leave the day open."""

    place: Annotated[
        Division,
        Title("就医地", "Place of care", "就医医院所在的区县代码。", "Code of the district the hospital is in."),
    ]
    hospital: Annotated[str, Title("医院名称", "Hospital"), Meta(max_length=80)] = ""
    admitted_on: Annotated[date | None, Title("入院日期", "Admitted on")] = None


class Kind(Choice):
    """人员类别 of a registration. The first three are long-term, the others temporary."""

    retired = "retired", "异地安置退休人员", "Retired and settled there"
    resident = "resident", "异地长期居住人员", "Living there"
    posted = "posted", "常驻异地工作人员", "Posted there for work"
    referred = "referred", "异地转诊就医人员", "Referred there"
    emergency = "emergency", "异地急诊抢救人员", "Emergency rescue"
    other = "other", "其他跨省临时外出就医人员", "There for the time being, other"


class RegistrationRequest(Document):
    """备案申请."""

    kind: Annotated[Kind, Title("人员类别", "Kind")]
    place: Annotated[
        Division, Title("备案就医地", "Place of care", "填市或省的代码。", "Code of the city or of the province.")
    ]
    since: Annotated[date, Title("开始日期", "From")]
    until: Annotated[
        date | None,
        Title(
            "结束日期",
            "Until",
            "长期居住不填；临时外出不填的，自开始日期起按最短有效期计算。",
            "Open for those who live there. For others the shortest term counts if left open.",
        ),
    ] = None


class Referral(Document):
    """转诊转院证明: what a designated hospital at the place of insurance gave, as the place of insurance holds it."""

    number: Annotated[str, Title("转诊单号", "Number"), Meta(min_length=1, max_length=40)]
    hospital: Annotated[str, Title("转出医院", "Referring hospital"), Meta(min_length=1, max_length=80)]
    place: Annotated[Division, Title("转往就医地", "Referred to")]
    issued_on: Annotated[date, Title("开具日期", "Issued on")]


class Registration(Document):
    """异地就医备案, as the place of insurance holds it."""

    kind: Annotated[Kind, Title("人员类别", "Kind")]
    place: Annotated[Division, Title("备案就医地", "Place of care")]
    since: Annotated[date, Title("开始日期", "From")]
    registered_on: Annotated[date, Title("备案日期", "Registered on")]
    until: Annotated[date | None, Title("结束日期", "Until")] = None


class Scheme(Choice):
    """参保险种. Residents pay one of two bands."""

    employee = "employee", "职工基本医疗保险", "Employees"
    resident_first = "resident_first", "城乡居民基本医疗保险一档", "Residents, first band"
    resident_second = "resident_second", "城乡居民基本医疗保险二档", "Residents, second band"


class Insurance(Document):
    """参保信息 of the day."""

    scheme: Annotated[Scheme, Title("参保险种", "Scheme")]
    retired: Annotated[bool, Title("退休人员", "Retired")] = False
    suspended: Annotated[bool, Title("待遇暂停", "Benefits suspended")] = False


class Admission(Document):
    """One stay that has been settled, at home or away."""

    number: Annotated[str, Title("结算单号", "Number of the bill"), Meta(min_length=1, max_length=40)]
    place: Annotated[Division, Title("就医地", "Place of care")]
    admitted_on: Annotated[date, Title("入院日期", "Admitted on")]
    discharged_on: Annotated[date, Title("出院日期", "Discharged on")]
    deductible: Annotated[Money, Title("起付线支付", "Deductible paid")] = Money(0)
    fund: Annotated[Money, Title("统筹基金支付", "Paid by the fund")] = Money(0)


class Benefits(Document):
    """年度待遇累计: every stay settled in one year; those of the year before, so that none is settled again."""

    year: Annotated[int, Title("年度", "Year"), Meta(ge=2000, le=2100)]
    admissions: Annotated[tuple[Admission, ...], Title("住院结算", "Stays settled"), Meta(max_length=200)] = ()
    before: Annotated[
        tuple[Admission, ...], Title("上年住院结算", "Those of the year before"), Meta(max_length=200)
    ] = ()


class Level(Choice):
    """医院等级."""

    community = "community", "社区医疗机构", "Community"
    one = "one", "一级", "Level 1"
    two = "two", "二级", "Level 2"
    three = "three", "三级", "Level 3"


class Matter(Choice):
    """What a line is for."""

    drug = "drug", "药品", "Drug"
    service = "service", "医疗服务", "Service"
    supplies = "supplies", "医用耗材", "Supplies"


class BillLine(Document):
    """One line, as the place of care's lists have it. Its amount is quantity × price, rounded half up."""

    name: Annotated[str, Title("项目名称", "Item"), Meta(min_length=1, max_length=100)]
    list_class: Annotated[ListClass, Title("目录类别", "Class")]
    price: Annotated[Money, Title("单价", "Price")]
    quantity: Annotated[Decimal, Title("数量", "Quantity"), Meta(ge=0, le=100000)] = Decimal(1)
    code: Annotated[str, Title("国家编码", "National code"), Meta(max_length=40)] = ""
    matter: Annotated[Matter, Title("类型", "Kind")] = Matter.service
    limit_price: Annotated[
        Money | None, Title("支付上限（单价）", "Price limit", "高于上限的部分自费。", "What lies above is your own.")
    ] = None
    self_share: Annotated[
        Decimal,
        Title("先行自付比例", "Share paid first", "乙类项目由就医地目录确定，如 0.1。", "Class B only, e.g. 0.1."),
        Meta(ge=0, le=1),
    ] = Decimal(0)


class Bill(Document):
    """住院费用明细 of one stay, by the hospital."""

    number: Annotated[str, Title("结算单号", "Number of the bill"), Meta(min_length=1, max_length=40)]
    place: Annotated[Division, Title("就医地", "Place of care")]
    level: Annotated[Level, Title("医院等级", "Level of the hospital")]
    admitted_on: Annotated[date, Title("入院日期", "Admitted on")]
    discharged_on: Annotated[date, Title("出院日期", "Discharged on")]
    lines: Annotated[tuple[BillLine, ...], Title("费用明细", "Lines"), Meta(min_length=1, max_length=5000)]
    hospital: Annotated[str, Title("医院名称", "Hospital"), Meta(max_length=80)] = ""
    emergency: Annotated[bool, Title("急诊抢救", "Emergency rescue")] = False
    transferred: Annotated[
        bool,
        Title("转院", "Transferred", "出院后直接转入本院继续治疗。", "Moved here straight from another hospital."),
    ] = False
    self_paid_on: Annotated[
        date | None,
        Title("已自费结算日期", "Paid by the patient on", "已全额自费出院的填写。", "If the patient has paid it all."),
    ] = None


class Why(Choice):
    """Why a part of a line is paid as it is."""

    outside = "outside", "丙类（目录外），全部自费", "Outside the list: all your own"
    over_limit = "over_limit", "超过支付上限的部分，自费", "Above the price limit: your own"
    advance = "advance", "乙类先行自付部分，自费", "The share of class B paid first: your own"
    shared = "shared", "符合范围，扣除起付线后按比例支付", "In scope: shared after the deductible"
    capped = "capped", "符合范围，统筹基金已达年度限额", "In scope, but the fund's limit of the year is reached"


class Row(Document):
    """A part of a line that has one reason. The rows of a line add up to its amount; fund and patient to the row's."""

    line: Annotated[int, Title("行号", "Line"), Meta(ge=1)]
    name: Annotated[str, Title("项目名称", "Item"), Meta(max_length=100)]
    list_class: Annotated[ListClass, Title("目录类别", "Class")]
    amount: Annotated[Money, Title("金额", "Amount")]
    fund: Annotated[Money, Title("统筹基金支付", "Paid by the fund")]
    patient: Annotated[Money, Title("个人负担", "Paid by the patient")]
    why: Annotated[Why, Title("原因", "Why")]
    article: Annotated[str, Title("依据", "Article"), Meta(max_length=80)]


class What(Choice):
    """A step of the computation."""

    total = "total", "费用总额", "The bill"
    outside = "outside", "目录外", "Outside the list"
    over_limit = "over_limit", "超过支付上限", "Above price limits"
    advance = "advance", "乙类先行自付", "Shares of class B paid first"
    base = "base", "符合范围费用", "In scope"
    deductible = "deductible", "起付线", "Deductible"
    ratio = "ratio", "支付比例（按医院等级）", "Ratio by level"
    retired = "retired", "退休人员支付比例", "Ratio of the retired"
    age = "age", "年龄增加百分点", "Points for age"
    cut = "cut", "异地就医降低百分点", "Points cut for care away from home"
    band = "band", "分段增加百分点", "Points above the band"
    before_cap = "before_cap", "按比例应支付", "By the ratio"
    cap_left = "cap_left", "年度限额余额", "Left of the year's limit"
    fund = "fund", "统筹基金支付", "Paid by the fund"
    patient = "patient", "个人负担", "Paid by the patient"


class Step(Document):
    """One step: an amount, a ratio, or percentage points (-0.10 takes ten points off)."""

    what: Annotated[What, Title("步骤", "Step")]
    amount: Annotated[Money | None, Title("金额", "Amount")] = None
    ratio: Annotated[Share | None, Title("比例", "Ratio")] = None
    points: Annotated[Points | None, Title("百分点", "Points")] = None
    article: Annotated[str, Title("依据", "Article"), Meta(max_length=80)] = ""


class Settlement(Document):
    """结算单, explained step by step and line by line. fund + patient is the bill, to the fen."""

    bill: Annotated[str, Title("结算单号", "Number of the bill"), Meta(max_length=40)]
    settled_on: Annotated[date, Title("结算日期", "Settled on")]
    kind: Annotated[Kind, Title("人员类别", "Kind")]
    total: Annotated[Money, Title("费用总额", "The bill")]
    base: Annotated[Money, Title("符合范围费用", "In scope")]
    deductible: Annotated[Money, Title("起付线", "Deductible")]
    ratio: Annotated[Decimal, Title("支付比例", "Ratio"), Meta(ge=0, le=1)]
    fund: Annotated[Money, Title("统筹基金支付", "Paid by the fund")]
    patient: Annotated[Money, Title("个人负担", "Paid by the patient")]
    steps: Annotated[tuple[Step, ...], Title("计算过程", "How it was computed"), Meta(max_length=30)]
    rows: Annotated[tuple[Row, ...], Title("逐项说明", "Line by line"), Meta(max_length=20000)]
    registered_on: Annotated[
        date | None,
        Title("备案日期", "Registered on", "备案晚于入院的，可据此核查。", "For a look at one made after admission."),
    ] = None


class Finding(Choice):
    """What a review of a held bill found."""

    real = "real", "情况属实，可以结算", "It is as it says"
    lent = "lent", "冒名就医", "Someone else used the card"
    divided = "divided", "分解住院", "One stay split in two"


class Review(Document):
    """核查结论."""

    finding: Annotated[Finding, Title("结论", "Finding")]
    remark: Annotated[str, Title("说明", "Remark"), Meta(max_length=1000)] = ""


class Quarter(Document):
    """上年第四季度清算金额, by month: what the place of insurance paid for care at the other place."""

    october: Annotated[Money, Title("10月", "October")]
    november: Annotated[Money, Title("11月", "November")]
    december: Annotated[Money, Title("12月", "December")]


class Usage(Document):
    """预付金使用情况."""

    opening: Annotated[Money, Title("预付金额度", "Prepayment")]
    used: Annotated[Money, Title("本期已用", "Used of it")]


class Window(Document):
    """清算期: one month, as both places have signed it."""

    month: Annotated[date, Title("月份", "Month", "该月任意一天。", "Any day of it.")]
    chongqing_owes: Annotated[Money, Title("重庆应付四川", "Chongqing owes Sichuan")]
    sichuan_owes: Annotated[Money, Title("四川应付重庆", "Sichuan owes Chongqing")]


class Province(Choice):
    """One of the two."""

    chongqing = "chongqing", "重庆市", "Chongqing"
    sichuan = "sichuan", "四川省", "Sichuan"


class Order(Document):
    """付款通知."""

    payer: Annotated[Province, Title("付款方", "Payer")]
    payee: Annotated[Province, Title("收款方", "Payee")]
    amount: Annotated[Money, Title("金额", "Amount")]


class Orders(Document):
    """全额清算: each side pays the whole of what it owes. The difference is information only; nobody pays it."""

    orders: Annotated[tuple[Order, ...], Title("付款通知", "Payment orders"), Meta(max_length=2)]
    net: Annotated[Money, Title("差额（仅供参考）", "Difference, for information")]


class Timetable(Document):
    """清算时间表 of one month's bills."""

    declare_by: Annotated[date, Title("申报截止", "Declared by")]
    pay_by: Annotated[date, Title("拨付截止", "Paid by")]
    close_by: Annotated[date, Title("年度清算截止", "The year is closed by")]
