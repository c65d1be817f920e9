"""Division codes as of a day."""

import re
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chuanyu.core.divisions import division, divisions, full_name, node_of, provinces
from chuanyu.core.text import Text

LAST_OF_2025 = date(2025, 12, 31)
FIRST_OF_2026 = date(2026, 1, 1)


def test_yubei_and_jiangbei_became_liangjiang() -> None:
    for code in ("500105", "500112"):
        old = division(code, on=LAST_OF_2025)
        assert old is not None
        assert "500157" in old.became
        assert division(code, on=FIRST_OF_2026) is None
    assert division("500157", on=LAST_OF_2025) is None
    new = division("500157", on=FIRST_OF_2026)
    assert new is not None
    assert new.name == Text(zh="两江新区", en="Liangjiang New Area")
    assert new.certainty == "likely"


def test_counts_of_both_provinces() -> None:
    assert len(divisions("500000", on=LAST_OF_2025)) == 38
    assert len(divisions("500000", on=FIRST_OF_2026)) == 37
    assert len(divisions("510000", on=LAST_OF_2025)) == 183
    assert len(divisions("510000", on=date(2020, 11, 1))) == 183  # 会理 was a county then, not yet a city
    assert len(divisions("510000", on=LAST_OF_2025, level="prefecture")) == 21
    assert len(provinces()) == 34


def test_names_and_levels() -> None:
    guangan = division("511600", on=LAST_OF_2025)
    assert guangan is not None
    assert (guangan.level, guangan.name.en, guangan.prefecture) == ("prefecture", "Guang'an", "511600")
    assert full_name("511623", on=LAST_OF_2025) == Text(zh="四川省广安市邻水县", en="Linshui County, Guang'an, Sichuan")
    assert full_name("500112", on=LAST_OF_2025) == Text(zh="重庆市渝北区", en="Yubei District, Chongqing")
    assert full_name("440000", on=LAST_OF_2025) == Text(zh="广东省", en="Guangdong")
    assert full_name("999999", on=LAST_OF_2025) is None


@pytest.mark.parametrize(("code", "node"), [("500101", "chongqing"), ("511600", "sichuan"), ("440000", None)])
def test_node_of(code: str, node: str | None) -> None:
    assert node_of(code) == node


def test_every_row_is_whole() -> None:
    for province in provinces():
        for level in ("province", "prefecture", "county"):
            for row in divisions(province.code, on=LAST_OF_2025, level=level):  # type: ignore[arg-type]
                assert re.fullmatch("[1-8][0-9]{5}", row.code)
                assert re.fullmatch("[A-Z][A-Za-z' ]+", row.name.en)
                assert row.certainty in ("sure", "likely", "illustrative")
                if row.prefecture is not None:
                    assert division(row.prefecture, on=LAST_OF_2025) is not None


@given(st.integers(min_value=-400, max_value=400))
def test_what_a_code_became_exists_when_it_ends(offset: int) -> None:
    day = FIRST_OF_2026 + timedelta(days=offset)
    for code in ("500105", "500112"):
        row = division(code, on=day)
        assert (row is None) == (day >= FIRST_OF_2026)
        if row is None:
            assert division("500157", on=day) is not None
