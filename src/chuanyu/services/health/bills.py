"""What bills of care have in common, in hospital or out of it: classes of the lists, a reversal, and who paid which line."""

from collections.abc import Iterator
from typing import Annotated, Any

from chuanyu.core.documents import Choice, Document, Meta, Title
from chuanyu.core.money import Money
from chuanyu.core.parameters import Parameters


class ListClass(Choice):
    """目录类别, by the lists of the place of care."""

    a = "a", "甲类", "Class A: in full"
    b = "b", "乙类", "Class B: after a share of one's own"
    c = "c", "丙类（目录外）", "Class C: outside the list"


class Reversal(Document):
    """结算撤销."""

    bill: Annotated[str, Title("结算单号", "Number of the bill"), Meta(min_length=1, max_length=40)]
    cause: Annotated[str, Title("撤销原因", "Cause"), Meta(min_length=1, max_length=500)]


def spread(fund: Money, base: Money, parts: Iterator[Money]) -> Iterator[Money]:
    """The fund's payment over the parts it may pay of, which add up to `base`.

    Rounded on the running total, so that the pieces add up to `fund` and none is more than its part.
    """
    seen = paid = 0
    for part in parts:
        seen += part.fen
        piece = (2 * fund.fen * seen + base.fen) // (2 * base.fen) - paid if base else 0
        paid += piece
        yield Money(piece)


def read(p: Parameters, key: str) -> tuple[Any, str]:
    """A parameter by its name, and the paper it stands in: the two provinces' papers differ."""
    found = getattr(p, key)
    return found, p.used[key]["ref"]
