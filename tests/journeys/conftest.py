"""One browser and one pair of live nodes for all journeys."""

from collections.abc import Iterator
from typing import Any

import pytest
from browser import Town, program
from visits import Scene


@pytest.fixture(scope="session")
def _town(live_nodes: Any) -> Iterator[Town]:
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as running:
        town = Town(running, live_nodes)
        yield town
        town.browser.close()


@pytest.fixture
def town(request: pytest.FixtureRequest) -> Iterator[Town]:
    """Both nodes and a browser. At the end no page may have complained or asked anybody else."""
    if program() is None:
        pytest.skip("no browser: apt-get install chromium fonts-noto-cjk")
    town: Town = request.getfixturevalue("_town")
    town.faults.clear()
    yield town
    assert not town.faults, "\n".join(town.faults)


@pytest.fixture(scope="session")
def _scene(_town: Town) -> Scene:
    return Scene(_town)


@pytest.fixture
def scene(town: Town, request: pytest.FixtureRequest) -> Scene:
    """Something on every page (see visits.Scene), made once."""
    found: Scene = request.getfixturevalue("_scene")
    return found


@pytest.fixture(scope="session")
def seen() -> set[str]:
    """The parts of pages that have been looked at, to the letter."""
    return set()
