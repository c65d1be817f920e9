"""Which node this is."""

from pathlib import Path

import pytest

from chuanyu.identity.here import as_node, here, home, other, peer
from chuanyu.node.place import Place


def test_the_place_decides(own_place: Place) -> None:
    assert (here(), peer(), home()) == (own_place.node, own_place.peer, own_place.home)


def test_a_block_can_act_as_the_other_node(own_place: Place, tmp_path: Path) -> None:
    with as_node("sichuan"):
        assert (here(), peer(), home()) == ("sichuan", "chongqing", own_place.home.parent / "sichuan")
        with as_node("chongqing", tmp_path):
            assert (here(), home()) == ("chongqing", tmp_path)
        assert here() == "sichuan"
    assert here() == own_place.node


def test_there_are_two_nodes() -> None:
    assert other("sichuan") == "chongqing"
    with pytest.raises(ValueError, match="guizhou"), as_node("guizhou"):
        pass
