"""Money in integer fen. Computation is exact; only `Amount.to_fen` rounds, half up, once, at the end.

`Money` is what is paid, stored and sent (JSON: the string "40660.37"). `Amount` is what a computation passes through:
a fraction of a fen is kept, so the order of additions and multiplications can't change the result.
No float is accepted anywhere: 0.1 has no exact binary form.
"""

import re
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import total_ordering
from typing import Self, overload

LIMIT = 10**18  # fen; fits PostgreSQL's bigint with room for a sum of nine such amounts

_YUAN = re.compile(r"-?[0-9]{1,16}(?:\.[0-9]{1,2})?")


class MoneyError(ValueError):
    """Not an amount of yuan with at most two decimals, or beyond `LIMIT`."""


@total_ordering
@dataclass(frozen=True, slots=True, eq=False)
class Money:
    """An exact number of fen (1 yuan = 100 fen); may be negative, never more than `LIMIT` either way."""

    fen: int

    def __post_init__(self) -> None:
        if type(self.fen) is not int:
            raise TypeError(f"fen must be an int, not {type(self.fen).__name__}")
        if abs(self.fen) > LIMIT:
            raise MoneyError(f"{self.fen} fen is beyond the limit of {LIMIT}")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Yuan as written in documents: "40660.37", "54000", "-12.5". No sign +, spaces, separators or exponent."""
        if not isinstance(text, str):
            raise TypeError(f"Money.parse takes a str, not {type(text).__name__}")
        if not _YUAN.fullmatch(text):
            raise MoneyError(f"{text[:40]!r} is not an amount of yuan with at most two decimals")
        whole, _, part = text.lstrip("-").partition(".")
        fen = int(whole) * 100 + int(part.ljust(2, "0") if part else 0)
        return cls(-fen if text[0] == "-" else fen)

    @classmethod
    def yuan(cls, amount: str | int | Decimal) -> Self:
        """Like `parse`, and from an int or an exact Decimal too; more than two decimals is an error, not a rounding."""
        if isinstance(amount, str):
            return cls.parse(amount)
        if isinstance(amount, bool) or not isinstance(amount, int | Decimal):
            raise TypeError(f"Money.yuan takes str, int or Decimal, not {type(amount).__name__}")
        if isinstance(amount, Decimal) and not amount.is_finite():
            raise MoneyError(f"{amount} is not an amount of yuan")
        fen = Fraction(amount) * 100
        if fen.denominator != 1:
            raise MoneyError(f"{amount} has more than two decimals")
        return cls(int(fen))

    def __str__(self) -> str:
        whole, part = divmod(abs(self.fen), 100)
        return f"{'-' if self.fen < 0 else ''}{whole}.{part:02d}"

    def __bool__(self) -> bool:
        return self.fen != 0

    def __hash__(self) -> int:
        return hash(self.fen)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Money):
            return self.fen == other.fen
        return NotImplemented  # an Amount compares itself with us

    def __lt__(self, other: "Money") -> bool:
        if isinstance(other, Money):
            return self.fen < other.fen
        return NotImplemented

    @overload
    def __add__(self, other: "Money") -> "Money": ...
    @overload
    def __add__(self, other: "Amount") -> "Amount": ...
    def __add__(self, other: "Money | Amount") -> "Money | Amount":
        if isinstance(other, Money):
            return Money(self.fen + other.fen)
        return NotImplemented

    @overload
    def __sub__(self, other: "Money") -> "Money": ...
    @overload
    def __sub__(self, other: "Amount") -> "Amount": ...
    def __sub__(self, other: "Money | Amount") -> "Money | Amount":
        if isinstance(other, Money):
            return Money(self.fen - other.fen)
        return NotImplemented

    def __neg__(self) -> "Money":
        return Money(-self.fen)

    @overload
    def __mul__(self, factor: int) -> "Money": ...
    @overload
    def __mul__(self, factor: Decimal) -> "Amount": ...
    def __mul__(self, factor: int | Decimal) -> "Money | Amount":
        if isinstance(factor, bool):
            return NotImplemented
        if isinstance(factor, int):
            return Money(self.fen * factor)
        if isinstance(factor, Decimal):
            above, below = factor.as_integer_ratio()
            return Amount(Fraction(self.fen * above, below))
        return NotImplemented

    __rmul__ = __mul__


@total_ordering
@dataclass(frozen=True, slots=True, eq=False)
class Amount:
    """An exact rational number of fen on its way to `to_fen`. Equal to a `Money` of the same size."""

    exact: Fraction  # fen

    def __post_init__(self) -> None:
        if not isinstance(self.exact, Fraction):
            raise TypeError(f"an Amount holds a Fraction of fen, not {type(self.exact).__name__}")

    def to_fen(self) -> Money:
        """Round half up (a tie goes away from zero, so a reversal is exactly the negative)."""
        twice = abs(self.exact) * 2
        fen = int((twice + 1) // 2)
        return Money(-fen if self.exact < 0 else fen)

    def __str__(self) -> str:
        return str(self.to_fen())

    def __hash__(self) -> int:
        return hash(self.exact)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Money | Amount):
            return self.exact == _exact(other)
        return NotImplemented

    def __lt__(self, other: "Money | Amount") -> bool:
        if isinstance(other, Money | Amount):
            return self.exact < _exact(other)
        return NotImplemented

    def __add__(self, other: "Money | Amount") -> "Amount":
        if isinstance(other, Money | Amount):
            return Amount(self.exact + _exact(other))
        return NotImplemented

    __radd__ = __add__

    def __sub__(self, other: "Money | Amount") -> "Amount":
        if isinstance(other, Money | Amount):
            return Amount(self.exact - _exact(other))
        return NotImplemented

    def __rsub__(self, other: Money) -> "Amount":
        if isinstance(other, Money):
            return Amount(other.fen - self.exact)
        return NotImplemented

    def __neg__(self) -> "Amount":
        return Amount(-self.exact)

    def __mul__(self, factor: int | Decimal) -> "Amount":
        if isinstance(factor, bool) or not isinstance(factor, int | Decimal):
            return NotImplemented
        return Amount(self.exact * Fraction(factor))

    __rmul__ = __mul__


def _exact(value: Money | Amount) -> Fraction:
    return value.exact if isinstance(value, Amount) else Fraction(value.fen)
