"""What the tests of clearing share."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from chuanyu.node import place


@pytest.fixture
def node(transactional_db: None, own_place: place.Place) -> Iterator[psycopg.Connection[Any]]:
    """The database as the node's role, every statement a transaction of its own."""
    with psycopg.connect(own_place.database_url, autocommit=True) as connection:
        yield connection


@pytest.fixture
def owner(transactional_db: None, own_place: place.Place) -> Iterator[psycopg.Connection[Any]]:
    """The database as its owner: for what no program of the node may do, such as turning the clock."""
    with psycopg.connect(own_place.owner_url, autocommit=True) as connection:
        yield connection
