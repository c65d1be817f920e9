"""The search: words, pinyin whole, by initials or mixed, characters; better matches first, and quickly."""

import pytest

from chuanyu.core.catalogue import catalogue
from chuanyu.portal import finding


def found(asked: str) -> list[str]:
    return [service.key for service in finding.search(catalogue().values(), asked)]


@pytest.mark.parametrize(
    "asked",
    [
        "养老保险",
        "养老转移",
        "ylbx",
        "YLBX",
        "yanglaobaoxian",
        "yanglao baoxian",
        "yanglbx",
        "ylbaoxian",
        "ylzy",
        "qyzg",
        "pension",
    ],
)
def test_one_service_by_many_words(asked: str) -> None:
    assert found(asked)[0] == "pension_transfer"


@pytest.mark.parametrize(
    ("asked", "first"),
    [("sybx", "unemployment_transfer"), ("shiye", "unemployment_transfer"), ("tousu", "public_opinion"),
     ("ts", "public_opinion"), ("hcp", "service_rating"), ("complaint", "public_opinion")],
)  # fmt: skip
def test_others_by_theirs(asked: str, first: str) -> None:
    assert found(asked)[0] == first


@pytest.mark.parametrize("asked", ["buyuxukezheng", "捕鱼许可", "zzzz", "q1w2", "ylbxq"])
def test_what_is_not_there_is_not_found(asked: str) -> None:
    assert found(asked) == []


@pytest.mark.parametrize(
    ("asked", "first"),
    [("退休", "pension_transfer"), ("养老金转到重庆", "pension_transfer"), ("怎么转养老保险", "pension_transfer"),
     ("办社保", "pension_transfer"), ("ＹＬＢＸ", "pension_transfer"), ("养老保脸", "pension_transfer"),
     ("养脸保险", "pension_transfer"), ("pensoin", "pension_transfer"), ("how do i move my pension", "pension_transfer"),
     ("报销", "medical_settlement"), ("baoxiao", "medical_settlement"), ("社保卡", "medical_settlement"),
     ("gjk", "transit_card"), ("公交卡", "transit_card"), ("gjj", "provident_fund_transfer")],
)  # fmt: skip
def test_everyday_words_sentences_and_typing_errors(asked: str, first: str) -> None:
    assert first in found(asked)[: 2 if first == "medical_settlement" else 1]


def test_what_sounds_the_same_is_found() -> None:
    assert "pension_transfer" in found("转义")


def test_every_term_must_fit_and_none_gives_all() -> None:
    assert found("ylbx 转移") == ["pension_transfer"]
    assert found("ylbx 驾照") == []
    assert set(found("")) == set(catalogue())


def test_words_come_before_pinyin() -> None:
    assert found("shiye ") == ["unemployment_transfer"]
    assert set(found("转移")) <= set(found("zhuanyi"))  # 转一 sounds the same


def test_a_search_of_any_length_is_answered() -> None:
    for asked in ("yi" * 40, "y" * 80, "zhuanyi" * 11, "企" * 80):
        assert set(found(asked)) < set(catalogue())
