"""Settlement accounts as agencies.yaml declares them."""

from pathlib import Path

import pytest

from chuanyu.identity import accounts, checks, queries

WHOLE = """
chongqing:
  hrss: {zh: 甲, en: A, account: {bank: {zh: 示例银行, en: Sample Bank}, number: "0000000000000000101"}}
  edu:  {zh: 乙, en: B}
sichuan:
  hrss: {zh: 丙, en: C}
"""


def read(tmp_path: Path, text: str) -> dict[str, accounts.Account]:
    file = tmp_path / "agencies.yaml"
    file.write_text(text, encoding="utf-8")
    return accounts.read(file)


def test_what_is_declared_is_whole_and_plainly_a_sample() -> None:
    """No real account is in the repository."""
    assert checks.settlement_accounts_are_whole() == []
    declared = accounts.read()
    assert "chongqing/hrss" in declared and set(declared) < {view.key for view in queries.declared_agencies()}
    assert all(one.is_sample and "示例" in one.bank.zh and "Sample" in one.bank.en for one in declared.values())
    assert accounts.of("chongqing/edu") is None and accounts.of("nowhere/hrss") is None


def test_a_number_is_shown_whole_or_by_its_end(tmp_path: Path) -> None:
    (one,) = read(tmp_path, WHOLE).values()
    assert (one.masked, one.grouped) == ("**** 0101", "0000 0000 0000 0000 101")
    (real,) = read(tmp_path, WHOLE.replace("0000000000000000101", "123456789012")).values()
    assert not real.is_sample


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"0000000000000000101"', "101", "12 to 32 digits"),
        ('"0000000000000000101"', '"0000 0000 0000 0101"', "12 to 32 digits"),
        ('"0000000000000000101"', f'"{"1" * 33}"', "12 to 32 digits"),
        ("{zh: 示例银行, en: Sample Bank}", "示例银行", "zh and en"),
        ("{zh: 示例银行, en: Sample Bank}", '{zh: 示例银行, en: ""}', "zh and en"),
        ("bank:", "branch:", "bank and number"),
        (
            "{zh: 乙, en: B}",
            '{zh: 乙, en: B, account: {bank: {zh: 示, en: S}, number: "0000000000000000101"}}',
            "has this number already",
        ),
    ],
)
def test_what_is_no_account_is_named_with_its_line(tmp_path: Path, old: str, new: str, said: str) -> None:
    with pytest.raises(ValueError, match=r"agencies\.yaml:[34]: chongqing/\w+: .*" + said) as caught:
        read(tmp_path, WHOLE.replace(old, new))
    assert "0000000000000000101" not in str(caught.value)
