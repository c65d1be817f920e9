"""Both live nodes, whole before and after every test here."""

from collections.abc import Iterator
from typing import Any

import pytest
from scene import Scene


@pytest.fixture(scope="session")
def whole_scene(live_nodes: Any, live_wires: Any) -> Scene:
    return Scene(live_nodes, live_wires)


@pytest.fixture
def scene(whole_scene: Scene) -> Iterator[Scene]:
    """The two live nodes, a test may break them; what it left broken is mended after it."""
    whole_scene.begin()
    yield whole_scene
    whole_scene.mend()
