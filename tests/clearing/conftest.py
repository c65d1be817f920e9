"""What the tests of clearing share."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from town import SERVICE, Town

from chuanyu.clearing import differences, handlers, timetable
from chuanyu.node import place
from link import Link, link

__all__ = ["link"]


@pytest.fixture(autouse=True)
def declared(monkeypatch: pytest.MonkeyPatch) -> None:
    """The town's service settles in months and days too; by its own declaration each transfer settles alone."""
    real = timetable.declared
    town = {("CNY", "gross", "month"), ("CNY", "net", "day"), ("points", "gross", "month")}
    monkeypatch.setattr(timetable, "declared", lambda service: town if service == SERVICE else real(service))


@pytest.fixture
def town(link: Link, monkeypatch: pytest.MonkeyPatch) -> Iterator[Town]:
    """Two nodes that owe each other money; it is 10 March 2025."""
    monkeypatch.setenv("CHUANYU_TODAY", "2025-03-10")
    monkeypatch.setattr(differences, "PATIENCE", 0.0)
    made = Town(link)
    monkeypatch.setattr(handlers, "_settled", [lambda transfer: made.heard.append(("settled", transfer))])
    monkeypatch.setattr(handlers, "_expired", [lambda transfer: made.heard.append(("expired", transfer))])
    yield made


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
