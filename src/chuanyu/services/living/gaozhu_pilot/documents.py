"""What is exchanged to top a benefit up in the pilot area: the application, where one lives, and what was paid already."""

from datetime import date
from typing import Annotated

from chuanyu.core.documents import Choice, Document, Meta, Title
from chuanyu.core.money import Money


class Item(Choice):
    """Benefits the pilot treats as one. Made up until the two sides agree on a list."""

    care = "care", "高龄老人护理补贴（示例）", "Care allowance of the very old (sample)"
    meals = "meals", "老年助餐补贴（示例）", "Meals of the old (sample)"
    travel = "travel", "老年乘车补贴（示例）", "Travel of the old (sample)"


class Mode(Choice):
    """How the pilot pays an item, agreed item by item."""

    home = "HOME", "各按户籍地标准", "Each as their own province"
    higher = "TAKE_HIGHER", "就高", "The higher of the two"
    unified = "UNIFY_AT", "统一标准", "One amount for all"


class Application(Document):
    """试点补差申请: one item, one month."""

    item: Annotated[Item, Title("待遇项目", "Benefit")]
    month: Annotated[date, Title("月份", "Month", "填该月任意一天。", "Any day of it.")]


class Residence(Document):
    """新区居住登记, by grid address, whatever the household registration."""

    grid: Annotated[str, Title("网格编号", "Grid"), Meta(min_length=1, max_length=40)]
    since: Annotated[date, Title("入住日期", "Lives there since")]
    until: Annotated[date | None, Title("迁出日期", "Moved out on")] = None
    verified: Annotated[bool, Title("网格员已核实", "Verified on the spot")] = False


class Payment(Document):
    """One month of one item paid."""

    item: Annotated[Item, Title("待遇项目", "Benefit")]
    month: Annotated[date, Title("月份", "Month")]


class Payments(Document):
    """待遇发放记录 of one province."""

    paid: Annotated[tuple[Payment, ...], Title("已发放", "Paid"), Meta(max_length=2000)] = ()


class Entitlement(Document):
    """补差核定: the own province's amount, what the pilot fund adds, and the sum."""

    item: Annotated[Item, Title("待遇项目", "Benefit")]
    month: Annotated[date, Title("月份", "Month")]
    mode: Annotated[Mode, Title("试点方式", "Mode of the pilot")]
    bearer: Annotated[str, Title("补差资金承担方", "Who bears the difference"), Meta(max_length=40)]
    own: Annotated[Money, Title("户籍省（市）标准", "The own province pays")]
    pilot: Annotated[Money, Title("试点资金补差", "The pilot fund adds")]
    total: Annotated[Money, Title("合计", "In all")]
