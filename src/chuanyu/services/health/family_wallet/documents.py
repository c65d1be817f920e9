"""What is exchanged to send money from a personal medical account to a relative's wallet in the other province, and to pay with it."""

from datetime import date
from typing import Annotated

from chuanyu.core.documents import Choice, Document, Meta, Time, Title
from chuanyu.core.money import Money

# A wallet's code, never an identity number: the relative shows it, or finds it in the own insurance app.
Wallet = Annotated[str, Meta(pattern="[0-9A-Z]{8,20}", max_length=20)]


class Relation(Choice):
    """Near relatives by the Civil Code, art. 1045; all others in one, so that a register can say so and a rule refuse."""

    spouse = "spouse", "配偶", "Spouse"
    parent = "parent", "父母", "Parent"
    child = "child", "子女", "Child"
    sibling = "sibling", "兄弟姐妹", "Brother or sister"
    grandparent = "grandparent", "祖父母、外祖父母", "Grandparent"
    grandchild = "grandchild", "孙子女、外孙子女", "Grandchild"
    other = "other", "其他亲属（非近亲属）", "Other relative, not near"


class Gift(Document):
    """转账申请."""

    wallet: Annotated[
        Wallet,
        Title(
            "收款医保钱包号", "Wallet of the receiver", "8到20位数字或大写字母。", "8 to 20 digits or capital letters."
        ),
    ]
    amount: Annotated[Money, Title("金额", "Amount")]


class Insurance(Document):
    """参保信息 of the sender on the day."""

    employee: Annotated[bool, Title("参加职工医保", "Insured as an employee")]
    suspended: Annotated[bool, Title("个人账户冻结", "Personal account frozen")] = False


class Relative(Document):
    """One relative, confirmed by the registers of the police or of civil affairs."""

    wallet: Annotated[Wallet, Title("医保钱包号", "Wallet")]
    relation: Annotated[Relation, Title("关系", "Relation")]
    insured: Annotated[bool, Title("参加基本医保", "In basic medical insurance")] = True


class Kinship(Document):
    """亲属关系核验结果: proved at its source, not claimed by the sender."""

    relatives: Annotated[tuple[Relative, ...], Title("亲属", "Relatives"), Meta(max_length=50)] = ()


class Sent(Document):
    """One transfer sent lately."""

    day: Annotated[date, Title("日期", "Day")]
    wallet: Annotated[Wallet, Title("收款钱包号", "Wallet")]


class Tally(Document):
    """近期转账记录 of the sender: for the count of the day, and for how many receivers there are."""

    sent: Annotated[tuple[Sent, ...], Title("转账", "Transfers"), Meta(max_length=400)] = ()


class Allowance(Document):
    """可转额度: what the sender may still send now, as the wallet shows it."""

    open: Annotated[bool, Title("现在可以转账", "Open now")]
    left_today: Annotated[int, Title("今天还可转（笔）", "Transfers left today"), Meta(ge=0)]
    most_each: Annotated[Money, Title("每笔最多", "Most in one")]
    opens_at: Annotated[Time, Title("每日开始", "Opens")]
    closes_at: Annotated[Time, Title("每日结束", "Closes")]
    returns_at: Annotated[Time, Title("未接收的次日退回时间", "Not accepted: back the next day at")]


class Offer(Document):
    """待接收的转账. `wallet` is the receiver's; not accepted before the moment of return, the money goes back."""

    wallet: Annotated[Wallet, Title("收款钱包号", "Wallet")]
    amount: Annotated[Money, Title("金额", "Amount")]
    returns_on: Annotated[date, Title("退回日期", "Goes back on")]
    returns_at: Annotated[Time, Title("退回时间", "at")]


class Holder(Document):
    """医保钱包持有人: whose wallet it is, as the receiver's place of insurance has it."""

    wallet: Annotated[Wallet, Title("医保钱包号", "Wallet")]


class Review(Document):
    """核查结论 about a sender with many receivers."""

    cleared: Annotated[bool, Title("可以继续", "May go on")]
    remark: Annotated[str, Title("说明", "Remark"), Meta(max_length=1000)] = ""


class Merchant(Choice):
    """Where a wallet is shown, as the place's own list of designated institutions has it."""

    hospital = "hospital", "定点医疗机构", "Designated hospital or clinic"
    pharmacy = "pharmacy", "定点零售药店", "Designated pharmacy"
    other = "other", "非医保定点商户", "Not designated"


class Use(Choice):
    """What is paid for."""

    care = "care", "医疗费用个人负担部分", "The patient's own share of care"
    drug = "drug", "药品", "Medicines"
    supplies = "supplies", "医疗器械、医用耗材", "Medical devices and supplies"
    premium = "premium", "居民医保、长护险个人缴费", "Own premium of residents' or care insurance"
    other = "other", "非医疗用途（食品、日用品、保健品等）", "Anything else: food, goods, tonics"


class Purchase(Document):
    """用钱包付款 at a till, asked of the wallet's place of insurance before the money is taken."""

    merchant: Annotated[Merchant, Title("商户类别", "Merchant")]
    use: Annotated[Use, Title("用途", "For")]
    amount: Annotated[Money, Title("金额", "Amount")]
    left: Annotated[Money, Title("钱包余额", "Left in the wallet")]


class Acceptance(Document):
    """接收确认, as the receiver's place of insurance has it from the receiver."""

    wallet: Annotated[Wallet, Title("收款钱包号", "Wallet")]
