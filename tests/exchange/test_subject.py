"""Sealed subjects: the same for one person and purpose, unjoinable over two, and open to the peer only."""

from datetime import timedelta
from pathlib import Path

import msgspec
import pair
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pair import NOW, Pair

from chuanyu.exchange import compact as agreement
from chuanyu.exchange import keys
from chuanyu.exchange.errors import SubjectError
from chuanyu.exchange.subject import PREFIX, Sealer

NUMBER = "500000198506150044"
numbers = st.from_regex(r"[0-9]{17}[0-9X]", fullmatch=True)
purposes = st.from_regex(r"[a-z][a-z0-9_]{0,20}(\.[a-z]{1,8})?", fullmatch=True)


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    return pair.make(tmp_path_factory.mktemp("pair"))


@pytest.fixture(scope="module")
def sichuan(two: Pair) -> Sealer:
    return Sealer(two.held("sichuan"), two.compact)


@pytest.fixture(scope="module")
def chongqing(two: Pair) -> Sealer:
    return Sealer(two.held("chongqing"), two.compact)


@given(number=numbers, purpose=purposes)
def test_either_side_opens_what_the_other_sealed(sichuan: Sealer, chongqing: Sealer, number: str, purpose: str) -> None:
    token = sichuan.seal(number, purpose, NOW)
    assert chongqing.open(token, purpose) == sichuan.open(token, purpose) == number
    assert chongqing.seal(number, purpose, NOW) == token  # the same person looks the same from both sides
    assert number not in token and len(token) < 100


@given(number=numbers, one=purposes, other=purposes)
def test_another_purpose_opens_nothing_and_looks_different(sichuan: Sealer, number: str, one: str, other: str) -> None:
    if one == other:
        return
    first, second = sichuan.seal(number, one, NOW), sichuan.seal(number, other, NOW)
    assert first[PREFIX:] != second[PREFIX:]
    with pytest.raises(SubjectError, match="bad_subject"):
        sichuan.open(first, other)


@given(number=numbers, other=numbers)
def test_two_people_look_different(sichuan: Sealer, number: str, other: str) -> None:
    assert (sichuan.seal(number, "moving", NOW) == sichuan.seal(other, "moving", NOW)) == (number == other)


@given(place=st.integers(0, 60), change=st.sampled_from("AZaz09-_"))
def test_a_changed_token_opens_nothing(sichuan: Sealer, place: int, change: str) -> None:
    token = sichuan.seal(NUMBER, "moving", NOW)
    place %= len(token)
    changed = token[:place] + change + token[place + 1 :]
    if changed == token:
        return
    try:  # the last character has bits base64 ignores: then it is the same token
        assert sichuan.open(changed, "moving") == NUMBER and place == len(token) - 1
    except SubjectError as error:
        assert error.code == "bad_subject"


@pytest.mark.parametrize("token", ["", "x", "12345678", "12345678AAAA", "不是标识", "A" * 512])
def test_rubbish_opens_nothing(sichuan: Sealer, token: str) -> None:
    with pytest.raises(SubjectError, match="bad_subject"):
        sichuan.open(token, "moving")


def test_a_third_party_opens_nothing(two: Pair, sichuan: Sealer, tmp_path: Path) -> None:
    """Neither with keys of its own, nor under a compact in which it put itself in the peer's place."""
    thief = pair.make(tmp_path)
    token = sichuan.seal(NUMBER, "moving", NOW)
    with pytest.raises(SubjectError):
        Sealer(thief.held("chongqing"), thief.compact).open(token, "moving")
    placed = two.next(nodes={**two.compact.nodes, "chongqing": thief.compact.nodes["chongqing"]})
    with pytest.raises(SubjectError):
        Sealer(thief.held("chongqing"), placed).open(token, "moving")


def test_an_agreement_key_is_replaced_without_a_pause(tmp_path: Path) -> None:
    two = pair.make(tmp_path)
    before = Sealer(two.held("sichuan"), two.compact).seal(NUMBER, "moving", NOW)
    begin = NOW + timedelta(days=1)
    key = keys.add_agreement_key(tmp_path / "chongqing", "chongqing", not_before=begin)
    chongqing = agreement.with_key(two.compact.nodes["chongqing"], key, overlap=timedelta(days=7))
    compact = two.next(nodes={**two.compact.nodes, "chongqing": chongqing})
    ours, theirs = (Sealer(two.held(node), compact) for node in ("sichuan", "chongqing"))
    assert ours.seal(NUMBER, "moving", NOW) == before  # not before the new key counts
    after = ours.seal(NUMBER, "moving", begin)
    assert after != before
    for token in (before, after):  # what was sealed under the old pair still opens, and is found in the log
        assert theirs.open(token, "moving") == NUMBER
        assert token in ours.tokens(NUMBER, "moving") and token in theirs.tokens(NUMBER, "moving")


def test_no_key_that_counts_is_a_clear_error(two: Pair, sichuan: Sealer) -> None:
    with pytest.raises(SubjectError, match="no_key"):
        sichuan.seal(NUMBER, "moving", pair.BEGIN - timedelta(days=1))


def test_the_order_of_nodes_does_not_matter(two: Pair) -> None:
    turned = msgspec.structs.replace(two.compact, nodes=dict(reversed(two.compact.nodes.items())))
    token = Sealer(two.held("sichuan"), turned).seal(NUMBER, "moving", NOW)
    assert Sealer(two.held("chongqing"), two.compact).open(token, "moving") == NUMBER
