"""Group commit: many in one call, one that does not fit alone, a database that goes away and comes back."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from django.db import connection
from door import THEM, US, Door, envelope, hear

from chuanyu.core.ids import uuid7
from chuanyu.exchange import log
from chuanyu.exchange.appender import Answered, Appender, Known, NotStored, Rows
from chuanyu.exchange.gateway import Gateway
from chuanyu.exchange.log import Entry
from link import Link


@pytest.fixture
def door(link: Link) -> Door:
    return Door(link.nodes)


def row(code: str, **change: Any) -> Entry:
    made: dict[str, Any] = {"direction": log.SENT, "at": log.moment(datetime.now(UTC)), "peer": THEM, "code": code}
    return Entry(**(made | change))


def run(door: Door, visit: Callable[[Appender], Awaitable[Any]]) -> Any:
    async def scene() -> Any:
        appender = Appender(door.nodes.places[US].database_url)
        await appender.start()
        try:
            async with asyncio.timeout(20):
                return await visit(appender)
        finally:
            await appender.stop()

    return asyncio.run(scene())


def test_many_are_one_commit_and_each_knows_its_place(door: Door) -> None:
    async def visit(appender: Appender) -> list[int]:
        def work(number: int) -> Callable[[int], Rows[int]]:
            return lambda first: Rows([row(f"{number} at {first + i}") for i in range(number % 3)], first)

        return list(await asyncio.gather(*(appender.store(work(number)) for number in range(100))))

    placed = run(door, visit)
    rows = door.rows()
    assert len(rows) == 99
    for number, first in enumerate(placed):
        assert [rows[first + i].code for i in range(number % 3)] == [
            f"{number} at {first + i}" for i in range(number % 3)
        ]
    with psycopg.connect(door.nodes.places[US].database_url) as session:
        found = session.execute("SELECT count(DISTINCT xmin::text) FROM exchange_log").fetchone()
    assert found is not None and found[0] <= 3


def test_one_that_does_not_fit_falls_alone(door: Door) -> None:
    def broken(_: int) -> Rows[None]:
        raise KeyError("mine")

    async def visit(appender: Appender) -> list[Any]:
        works: list[Callable[[int], Rows[Any]]] = [
            lambda first: Rows((row("a"),), "a"),
            lambda first: Rows((row("b", status=99_999),), "b"),  # no smallint
            lambda first: Rows((row("c", service="nul\0"),), "c"),  # no text of PostgreSQL's
            broken,
            lambda first: Rows((row("d"),), "d"),
        ]
        return list(await asyncio.gather(*(appender.store(work) for work in works), return_exceptions=True))

    a, b, c, mine, d = run(door, visit)
    assert (a, d) == ("a", "d")
    assert isinstance(b, NotStored) and isinstance(c, NotStored) and isinstance(mine, KeyError)
    assert [one.code for one in door.rows()] == ["a", "d"]


def test_an_answer_already_there_stores_nothing_of_its_work(door: Door) -> None:
    message = str(uuid7())

    def work(code: str, id: str) -> Callable[[int], Rows[str]]:
        return lambda first: Rows((row(code),), code, Answered(id, "00" * 32, 200, b"{}"))

    async def visit(appender: Appender) -> list[Any]:
        await appender.store(work("first", message))
        works = [work("again", message), work("other", str(uuid7()))]
        return list(await asyncio.gather(*map(appender.store, works), return_exceptions=True))

    again, other = run(door, visit)
    assert isinstance(again, Known) and other == "other"
    assert [one.code for one in door.rows()] == ["first", "other"]


def test_without_a_database_nobody_gets_an_answer_that_is_not_stored(door: Door) -> None:
    """Its connections are cut under it: what was under way is told to come again, and the next one is served."""

    async def visit(gateway: Gateway) -> list[Any]:
        sent = [envelope(stream=f"case-{n}") for n in range(4)]
        before = await hear(gateway, door.signed(sent[0]))
        await asyncio.to_thread(cut, door)
        after = [before]
        for one in sent[1:]:
            async with asyncio.timeout(10):
                while (heard := await hear(gateway, door.signed(one))).status != 200:
                    assert heard.body["refused"] == "busy"
                    await asyncio.sleep(0.05)
            after.append(heard)
        return after

    heard = door.run(visit)
    with door.nodes.at(US):
        connection.close()  # this test's own was cut too
    assert [one.status for one in heard] == [200] * 4
    assert len(door.inbox()) == 4


def cut(door: Door) -> None:
    """End every session of the node's database but this one, as the server does when it restarts."""
    with psycopg.connect(door.nodes.places[US].database_url) as session:
        session.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE pid <> pg_backend_pid() AND usename = current_user AND datname = current_database()"
            " AND application_name = ''"
        )
