"""One byte form for one piece of plain data."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chuanyu.core.canonical import DEPTH, INTEGER, CanonicalError, canonical, digest

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-INTEGER, INTEGER) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=20,
)


@given(PLAIN)
def test_round_trip(data: Any) -> None:
    assert json.loads(canonical(data)) == data
    assert canonical(json.loads(canonical(data))) == canonical(data)


@given(st.dictionaries(TEXT, st.integers(0, 9), max_size=6), st.randoms(use_true_random=False))
def test_order_of_keys_does_not_count(data: dict[str, int], chance: Any) -> None:
    shuffled = list(data.items())
    chance.shuffle(shuffled)
    assert digest(dict(shuffled)) == digest(data)


def test_keys_sort_by_utf16_code_unit() -> None:
    """The example of RFC 8785, 3.2.3: an emoji (a surrogate pair) comes before U+FB33."""
    data = {"\u20ac": 1, "\r": 2, "\ufb33": 3, "1": 4, "\U0001f600": 5, "\u0080": 6, "\u00f6": 7}
    assert list(json.loads(canonical(data)).values()) == [2, 4, 6, 7, 1, 5, 3]


def test_form() -> None:
    data = {"b": [True, None, -7], "a": '川"\\\n\x1f/', "": {}}
    assert canonical(data) == '{"":{},"a":"川\\"\\\\\\n\\u001f/","b":[true,null,-7]}'.encode()
    assert digest({}) == "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"


@pytest.mark.parametrize(
    "data", [0.5, {"a": 1.0}, INTEGER + 1, {1: "a"}, {"a"}, b"a", "\ud800", {"\ud800": 1}, object()]
)
def test_what_has_no_canonical_form(data: Any) -> None:
    with pytest.raises(CanonicalError):
        canonical(data)


def test_depth_is_limited() -> None:
    data: Any = []
    for _ in range(DEPTH):
        data = [data]
    with pytest.raises(CanonicalError):
        canonical(data)
