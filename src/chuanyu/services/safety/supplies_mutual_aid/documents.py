"""What is exchanged to lend emergency supplies, and to settle what did not come back."""

from datetime import date
from typing import Annotated

from chuanyu.core.documents import Choice, Division, Document, Meta, Title
from chuanyu.core.money import Money

MOST = 10_000_000  # items of one kind


class Kind(Choice):
    """Kinds of supplies both provinces keep."""

    tent = "tent", "帐篷", "Tents"
    cot = "cot", "折叠床", "Folding beds"
    quilt = "quilt", "棉被", "Quilts"
    pump = "pump", "排水泵", "Pumps"
    generator = "generator", "发电机", "Generators"
    boat = "boat", "冲锋舟", "Boats"


class Request(Document):
    """调用申请, by the officer on duty of the borrowing side."""

    event: Annotated[str, Title("事件名称", "Event"), Meta(min_length=1, max_length=100)]
    site: Annotated[Division, Title("使用地点", "Where it is needed")]
    kind: Annotated[Kind, Title("物资种类", "Supplies")]
    quantity: Annotated[int, Title("数量", "Quantity"), Meta(ge=1, le=MOST)]
    until: Annotated[date | None, Title("预计归还日期", "Back by, as expected")] = None


class Stock(Document):
    """库存 of one kind at the lending side, when the request is looked at."""

    kind: Annotated[Kind, Title("物资种类", "Supplies")]
    stock: Annotated[int, Title("库存数量", "In stock"), Meta(ge=0, le=MOST)]
    floor: Annotated[int, Title("本地保底储备", "Own reserve, not to be lent"), Meta(ge=0, le=MOST)]
    book_value: Annotated[Money, Title("账面单价", "Book value of one")]


class Loan(Document):
    """出借单. `short`: how many of the request could not be lent."""

    kind: Annotated[Kind, Title("物资种类", "Supplies")]
    lent: Annotated[int, Title("出借数量", "Lent"), Meta(ge=0, le=MOST)]
    short: Annotated[int, Title("未满足数量", "Not met"), Meta(ge=0, le=MOST)]
    book_value: Annotated[Money, Title("账面单价", "Book value of one")]


class Return(Document):
    """归还单, by the borrowing side. Replacements are new ones of the same kind."""

    returned: Annotated[int, Title("归还数量", "Brought back"), Meta(ge=0, le=MOST)]
    replaced: Annotated[int, Title("以同类新品补还数量", "Replaced by new ones"), Meta(ge=0, le=MOST)] = 0


class Inspection(Document):
    """验收单, by the lending side: how many of what came are fit for use."""

    fit: Annotated[int, Title("合格数量", "Fit for use"), Meta(ge=0, le=MOST)]
    remark: Annotated[str, Title("说明", "Remark"), Meta(max_length=500)] = ""


class Settlement(Document):
    """结算单: what did not come back, at book value."""

    lent: Annotated[int, Title("出借数量", "Lent"), Meta(ge=0, le=MOST)]
    fit: Annotated[int, Title("合格归还数量", "Back and fit"), Meta(ge=0, le=MOST)]
    missing: Annotated[int, Title("缺损数量", "Missing"), Meta(ge=0, le=MOST)]
    book_value: Annotated[Money, Title("账面单价", "Book value of one")]
    owed: Annotated[Money, Title("应付金额", "Owed")]
