"""Both live nodes, whole before and after every test here."""

from collections.abc import Iterator
from typing import Any

import pytest
from scene import Scene
from stranger import US, Slow, Stranger

from chuanyu.exchange.trust import PATH


@pytest.fixture(scope="session")
def whole_scene(live_nodes: Any, live_wires: Any) -> Scene:
    return Scene(live_nodes, live_wires)


@pytest.fixture
def scene(whole_scene: Scene) -> Iterator[Scene]:
    """The two live nodes, a test may break them; what it left broken is mended after it."""
    whole_scene.begin()
    yield whole_scene
    whole_scene.mend()


@pytest.fixture(scope="session")
def stranger(whole_scene: Scene) -> Stranger:
    """Someone at Chongqing's door with Sichuan's key."""
    return Stranger(whole_scene)


@pytest.fixture(scope="session")
def slow(whole_scene: Scene) -> Slow:
    """Slow bodies at Chongqing's door; who asks for them early need not wait for their end later."""
    return Slow(whole_scene.places[US].gateway_port, f"POST {PATH} HTTP/1.1\r\n")
