"""Two nodes in one process, with a compact in force."""

from collections.abc import Iterator
from typing import Any

import pytest
from world import World

from chuanyu.exchange import installed


@pytest.fixture
def world(two_nodes: Any) -> Iterator[World]:
    """Both nodes, empty but for a compact, agencies and a million yuan in each pension fund."""
    installed.establish(two_nodes.places.values())
    yield World(two_nodes)
