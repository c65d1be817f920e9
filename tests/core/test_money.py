"""Money: exact until the end, half up once, and no float gets in."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chuanyu.core.money import LIMIT, Amount, Money, MoneyError

fens = st.integers(min_value=-(10**14), max_value=10**14)
ratios = st.decimals(min_value=-4, max_value=4, places=6)


def test_pension_of_the_worked_example() -> None:
    wages = sum((Money.parse(w) for w in ("40000.00", "54000.00", "60000.00", "44000.00")), start=Money(0))
    assert str(wages) == "198000.00"
    assert str((wages * Decimal("0.12")).to_fen()) == "23760.00"
    assert str((Money.parse("16900.37") + wages * Decimal("0.12")).to_fen()) == "40660.37"


@pytest.mark.parametrize(
    ("text", "fen"),
    [("0", 0), ("0.01", 1), ("12.5", 1250), ("40660.37", 4066037), ("-3.20", -320), ("-0.05", -5), ("007", 700)],
)
def test_parse(text: str, fen: int) -> None:
    assert Money.parse(text).fen == fen == Money.yuan(text).fen


@pytest.mark.parametrize(
    "text", ["", "-", ".5", "5.", "1.234", "+1", " 1", "1 ", "1\n", "1,000", "1e3", "NaN", "0x1", "１２", "٣", "9" * 17]
)
def test_parse_refuses(text: str) -> None:
    with pytest.raises(MoneyError):
        Money.parse(text)


def test_yuan_takes_exact_numbers_only() -> None:
    assert Money.yuan(5) == Money(500) == Money.yuan(Decimal("5.00"))
    with pytest.raises(MoneyError):
        Money.yuan(Decimal("0.005"))
    with pytest.raises(MoneyError):
        Money.yuan(Decimal("NaN"))


def test_no_float_and_no_bool() -> None:
    for make in (Money, Money.yuan, Money.parse):
        for bad in (0.1, True):
            with pytest.raises(TypeError):
                make(bad)  # type: ignore[operator]
    for operation in (
        lambda: Money(1) * 0.5,  # type: ignore[operator]
        lambda: Money(1) * True,
        lambda: Money(1) + 1,  # type: ignore[operator]
        lambda: Money(1) < 1,  # type: ignore[operator]
        lambda: Amount(Fraction(1)) * 0.5,  # type: ignore[operator]
        lambda: Amount(Fraction(1)) + 1,  # type: ignore[operator]
        lambda: Amount(0.5),  # type: ignore[arg-type]
        lambda: sum([Money(1)]),  # type: ignore[list-item]
    ):
        with pytest.raises(TypeError):
            operation()


@pytest.mark.parametrize(
    ("exact", "fen"),
    [("0.5", 1), ("0.4999999999999999999999", 0), ("1.5", 2), ("2.5", 3), ("-0.5", -1), ("-0.49", 0), ("-2.5", -3)],
)
def test_half_up(exact: str, fen: int) -> None:
    assert Amount(Fraction(exact)).to_fen() == Money(fen)


def test_rounds_once_not_at_each_step() -> None:
    # three thirds of a half fen: rounding each part would give 0 or 3
    part = Money(1) * Decimal("0.5")
    assert (part + part + part).to_fen() == Money(2)


def test_limits() -> None:
    assert Money(LIMIT).fen == LIMIT
    with pytest.raises(MoneyError):
        Money(LIMIT + 1)
    with pytest.raises(MoneyError):
        Money(LIMIT) + Money(1)


@given(fens)
def test_text_round_trip(fen: int) -> None:
    assert Money.parse(str(Money(fen))).fen == fen


@given(fens, fens, ratios)
def test_arithmetic_is_that_of_fractions(a: int, b: int, ratio: Decimal) -> None:
    assert (Money(a) + Money(b)).fen == a + b
    assert (Money(a) - Money(b)).fen == a - b
    assert (Money(a) * ratio).exact == a * Fraction(ratio) == (ratio * Money(a)).exact
    assert (Money(a) + Money(b) * ratio).exact == a + b * Fraction(ratio)
    assert (Money(a) - Money(b) * ratio).exact == a - b * Fraction(ratio)
    assert Money(a) * ratio + Money(b) * ratio == (Money(a) + Money(b)) * ratio
    assert (-(Money(a) * ratio)).to_fen() == -((Money(a) * ratio).to_fen())


@given(fens, fens)
def test_order_and_equality_agree_between_money_and_amount(a: int, b: int) -> None:
    amount = Amount(Fraction(b))
    assert (Money(a) < Money(b)) == (a < b) == (Money(a) < amount)
    assert (Money(a) >= Money(b)) == (a >= b) == (Money(a) >= amount)
    assert (Money(a) == amount) == (a == b)
    if a == b:
        assert hash(Money(a)) == hash(amount)
