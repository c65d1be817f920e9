"""Parameters: the value of the day at the node, typed by its unit."""

from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chuanyu.core.money import Money
from chuanyu.core.parameters import UNITS, NoParameter, Parameter, Parameters, UnitError, Value, typed
from chuanyu.core.text import Text


def parameter(*values: Value, key: str = "x", unit: str = "count") -> Mapping[str, Parameter]:
    return {key: Parameter(key=key, title=Text("某数", "A number"), unit=unit, values=values)}


def value(since: date, what: Any, *, until: date | None = None, at: str | None = None) -> Value:
    return Value(since=since, until=until, value=what, ref="act-1#1", certainty="sure", at=at)


DAYS = st.dates(date(1990, 1, 1), date(2060, 12, 31))


@given(st.lists(DAYS, min_size=1, max_size=6, unique=True), DAYS)
def test_the_last_value_that_has_begun_holds(begins: list[date], day: date) -> None:
    begins.sort()
    p = Parameters(parameter(*(value(since, index) for index, since in enumerate(begins))), day, "sichuan")
    begun = [index for index, since in enumerate(begins) if since <= day]
    if begun:
        assert p.x == begun[-1]
    else:
        with pytest.raises(NoParameter):
            _ = p.x


@given(st.lists(DAYS, min_size=2, max_size=2, unique=True))
def test_both_ends_are_inclusive(ends: list[date]) -> None:
    since, until = sorted(ends)
    declared = parameter(value(since, 1, until=until))
    one = timedelta(days=1)
    held = [declared["x"].value_on(day, "sichuan") for day in (since - one, since, until, until + one)]
    assert [found is not None for found in held] == [False, True, True, False]


def test_a_gap_is_no_value() -> None:
    declared = parameter(value(date(2020, 1, 1), 1, until=date(2020, 12, 31)), value(date(2022, 1, 1), 2))
    assert Parameters(declared, date(2020, 12, 31), "sichuan").x == 1
    with pytest.raises(NoParameter) as caught:
        _ = Parameters(declared, date(2021, 6, 1), "sichuan").x
    assert str(caught.value) == "parameter 'x' has no value on 2021-06-01 at sichuan"
    assert Parameters(declared, date(2022, 1, 1), "sichuan").x == 2


def test_provinces_differ_by_value() -> None:
    since = date(2020, 1, 1)
    declared = parameter(value(since, 1, at="chongqing"), value(since, 2, at="sichuan"))
    assert Parameters(declared, since, "chongqing").x == 1
    assert Parameters(declared, since, "sichuan").x == 2


def test_what_was_read_is_remembered() -> None:
    declared = {
        **parameter(value(date(2020, 1, 1), "0.12"), unit="ratio"),
        **parameter(value(date(2020, 1, 1), 3), key="y"),
    }
    p = Parameters(declared, date(2025, 3, 3), "sichuan")
    assert p.x == Decimal("0.12")
    assert p.used == {"x": {"value": "0.12", "since": "2020-01-01", "ref": "act-1#1", "certainty": "sure"}}


def test_unknown_parameter_is_a_mistake_in_the_rule() -> None:
    with pytest.raises(AttributeError, match="declares no parameter 'z'"):
        _ = Parameters({}, date(2025, 1, 1), "sichuan").z


@pytest.mark.parametrize(
    ("unit", "plain", "expected"),
    [
        ("ratio", "0.12", Decimal("0.12")),
        ("ratio", "1", Decimal(1)),
        ("CNY", "1650.00", Money(165_000)),
        *((unit, 15, 15) for unit in ("months", "years", "days", "working_days", "count", "age")),
        ("date", "1998-01-01", date(1998, 1, 1)),
        ("flag", False, False),
        ("codes", ["500000"], ("500000",)),
    ],
)
def test_units(unit: str, plain: Any, expected: Any) -> None:
    found = typed(unit, plain)
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("unit", "plain"),
    [
        *(("ratio", plain) for plain in (0.12, 1, "-0.1", "1e-1", "12%", None, True)),
        *(("CNY", plain) for plain in (1650, 1650.0, "1650.005", "-1.00", "")),
        *(("count", plain) for plain in ("15", 1.0, -1, True, None, 10**12)),
        *(("date", plain) for plain in ("1998-02-30", "19980101", 1998)),
        *(("flag", plain) for plain in ("true", 1, None)),
        *(("codes", plain) for plain in ([], "500000", [500000], [""])),
        ("percent", "12"),
    ],
)
def test_what_does_not_fit_its_unit(unit: str, plain: Any) -> None:
    with pytest.raises(UnitError):
        typed(unit, plain)


def test_every_unit_is_typed() -> None:
    for unit in UNITS:
        with pytest.raises(UnitError) as caught:
            typed(unit, object())
        assert "unknown unit" not in str(caught.value)
