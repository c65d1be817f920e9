"""Concurrent requests become batches; a lone one waits for nothing; everybody gets an answer, whatever breaks."""

import asyncio
import json
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from books import Book

from chuanyu.clearing import collector, door
from chuanyu.clearing.collector import Busy, Collector, Row, Unfit
from chuanyu.clearing.reasons import REASONS
from chuanyu.core.ids import uuid7
from chuanyu.node import place

BOOK = "transport/transit_card"


class Wire:
    """A connection that writes down what it is asked. `answer` decides about each batch; each statement is a turn of the loop."""

    def __init__(self, answer: Callable[[list[Any]], list[int]]) -> None:
        self.said: list[str] = []
        self.batches: list[list[Any]] = []
        self.answer = answer
        self.closed = False

    async def execute(self, statement: str, *_: Any) -> None:
        await asyncio.sleep(0)
        self.said.append(statement.split("(")[0].rsplit("_", 1)[1])

    async def fetchval(self, _statement: str, _number: int, ids: list[Any], *_: Any) -> list[int]:
        await asyncio.sleep(0)
        self.said.append("post")
        self.batches.append(ids)
        return self.answer(ids)

    def terminate(self) -> None:
        self.closed = True


class Wires:
    """Gives the same connection again and again, and counts those that came back."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self.back = 0

    async def __call__(self) -> Wire:
        return self.wire

    async def give_back(self, wire: Wire) -> None:
        assert wire is self.wire
        self.back += 1


def made(answer: Callable[[list[Any]], list[int]] = lambda ids: [0] * len(ids)) -> tuple[Collector, Wire]:
    wire = Wire(answer)
    return Collector(Wires(wire)), wire


def row(**more: Any) -> Row:
    return Row(**({"id": uuid7(), "debit": 1, "credit": 2, "amount": 5, "code": "t"} | more))


def together(*work: Coroutine[Any, Any, Any]) -> list[Any]:
    async def run() -> list[Any]:
        return await asyncio.gather(*work, return_exceptions=True)

    return asyncio.run(run())


def test_a_lone_request_is_posted_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """No timer, no lock: nothing is between the request and its posting."""
    monkeypatch.setattr(asyncio, "wait_for", None)
    post, wire = made()
    assert together(post.post(7, BOOK, row())) == [0]
    assert wire.said == ["post"]


def test_a_crowd_holds_the_posters_lock() -> None:
    post, wire = made()
    assert together(*(post.post(7, BOOK, row()) for _ in range(3))) == [0] * 3
    assert wire.said == ["lock", "post", "unlock"]


def test_what_comes_meanwhile_is_the_next_batch() -> None:
    post, wire = made()
    assert together(*(post.post(7, BOOK, row()) for _ in range(1200))) == [0] * 1200
    assert [len(batch) for batch in wire.batches] == [500, 500, 200]
    assert wire.said.count("lock") == wire.said.count("unlock") == 1


def test_each_gets_its_own_answer() -> None:
    rows = [row(amount=n) for n in range(1, 50)]
    places = {r.id: n for n, r in enumerate(rows)}
    post, _ = made(lambda ids: [places[id_] for id_ in ids])
    assert together(*(post.post(7, BOOK, r) for r in rows)) == list(range(49))


def test_the_same_id_twice_at_once_is_asked_twice_in_different_batches() -> None:
    same, other = row(), row()
    post, wire = made()
    assert together(*(post.post(7, BOOK, r) for r in (same, same, other, same))) == [0] * 4
    assert wire.batches == [[same.id, other.id], [same.id], [same.id]]


def test_books_do_not_wait_for_each_other() -> None:
    post, wire = made()
    assert together(*(post.post(n, f"b{n}", row()) for n in range(3) for _ in range(4))) == [0] * 12
    assert sorted(len(batch) for batch in wire.batches) == [4, 4, 4]


def test_a_batch_that_collides_is_split_until_it_does_not() -> None:
    bad = row()

    def answer(ids: list[Any]) -> list[int]:
        if bad.id in ids and len(ids) > 1:
            raise asyncpg.UniqueViolationError("an id of another batch")
        return [2 if id_ == bad.id else 0 for id_ in ids]

    post, wire = made(answer)
    rows = [*(row() for _ in range(9)), bad]
    assert together(*(post.post(7, BOOK, r) for r in rows)) == [0] * 9 + [2]
    assert (wire.said[0], wire.said[-1]) == ("lock", "unlock")


def test_when_the_database_goes_everyone_is_told() -> None:
    def answer(_: list[Any]) -> list[int]:
        raise ConnectionResetError("killed")

    post, _ = made(answer)
    answers = together(*(post.post(7, BOOK, row()) for _ in range(700)))
    assert {type(one) for one in answers} == {Busy}
    assert post._queues == {}

    async def nobody() -> None:
        raise OSError("no server")

    lost = Collector(nobody)
    assert [type(one) for one in together(lost.post(7, BOOK, row()), lost.post(7, BOOK, row()))] == [Busy, Busy]
    assert lost._queues == {}


def test_one_row_the_database_cannot_take_fails_alone() -> None:
    bad = row()

    def answer(ids: list[Any]) -> list[int]:
        if bad.id in ids:
            raise asyncpg.DataError("a moment no calendar has")
        return [0] * len(ids)

    post, wire = made(answer)
    rows = [*(row() for _ in range(99)), bad, *(row() for _ in range(99))]
    answers = together(*(post.post(7, BOOK, r) for r in rows))
    assert answers.count(0) == 198 and type(answers[99]) is Unfit
    assert (wire.said[0], wire.said[-1], wire.closed) == ("lock", "unlock", False)


def test_who_comes_while_a_run_that_failed_gives_its_connection_back_is_posted() -> None:
    """The queue it finds is its own: the run before leaves it alone, and both connections come back."""
    broken = [ConnectionResetError("killed")]

    def answer(ids: list[Any]) -> list[int]:
        if broken:
            raise broken.pop()
        return [0] * len(ids)

    wire = Wire(answer)
    wires = Wires(wire)
    post = Collector(wires)

    async def late() -> int:
        while broken:
            await asyncio.sleep(0)
        return await post.post(7, BOOK, row())  # the first run unlocks just now

    async def run() -> list[Any]:
        found = await asyncio.gather(
            post.post(7, BOOK, row()), post.post(7, BOOK, row()), late(), return_exceptions=True
        )
        await asyncio.gather(*post._tasks)
        return found

    first, second, third = asyncio.run(run())
    assert (type(first), type(second), third) == (Busy, Busy, 0)
    assert (post._queues, wires.back) == ({}, 2)


def test_too_many_are_turned_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collector, "MOST", 10)
    post, _ = made()
    answers = together(*(post.post(7, BOOK, row()) for _ in range(30)))
    assert answers.count(0) == 10 and sum(isinstance(one, Busy) for one in answers) == 20


def test_a_client_that_hangs_up_disturbs_nobody() -> None:
    post, _ = made()

    async def run() -> list[Any]:
        tasks = [asyncio.create_task(post.post(7, BOOK, row())) for _ in range(3)]
        await asyncio.sleep(0)
        tasks[1].cancel()
        return await asyncio.gather(*tasks, return_exceptions=True)

    answers = asyncio.run(run())
    assert (answers[0], answers[2], type(answers[1])) == (0, 0, asyncio.CancelledError)


# --- over HTTP, with the real ledger ----------------------------------------------------------------------------------

SECRET = "s3cret"
TOKEN = door.token(SECRET, "transport")


@pytest.fixture
def asked(node: Any, own_place: place.Place) -> Iterator[Callable[..., list[tuple[int, dict[str, Any]]]]]:
    """`asked((path, body), …)`: all at once; (status, answer) of each. The book has cards a0 … a3, the first two with floor 0."""
    Book.open(node, BOOK, floors=[0, 0, None, None])

    def ask(*requests: tuple[str, Any], token: str = TOKEN, method: str = "POST") -> list[tuple[int, dict[str, Any]]]:
        return asyncio.run(_ask(own_place.database_url, requests, token, method))

    yield ask


async def _ask(url: str, requests: Any, token: str, method: str) -> list[tuple[int, dict[str, Any]]]:
    served = door.Door(url=url, secret=SECRET)

    async def one(path: str, body: Any) -> tuple[int, dict[str, Any]]:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        parts = [raw[:20], raw[20:]]
        sent: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            part = parts.pop(0)
            return {"type": "http.request", "body": part, "more_body": bool(parts)}

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        headers = [(b"authorization", f"Bearer {token}".encode())] if token else []
        scope = {"type": "http", "path": door.PREFIX + path, "method": method, "headers": headers}
        await served.serve(scope, receive, send)
        return sent[0]["status"], json.loads(sent[1]["body"])

    answers = await asyncio.gather(*(one(*request) for request in requests))
    await asyncio.gather(*served.collector._tasks)
    for connection in served._connections._idle:
        await connection.close()
    return answers


def wanted(**more: Any) -> dict[str, Any]:
    base = {
        "id": str(uuid7()),
        "service": "transit_card",
        "debit": "a2",
        "credit": "a0",
        "amount": "2.00",
        "code": "tap",
    }
    return base | more


def test_sixty_four_at_once_are_all_posted(asked: Any, node: Any) -> None:
    answers = asked(*(("transfers", wanted()) for _ in range(64)))
    assert answers == [(200, {"status": "posted"})] * 64
    assert node.execute("SELECT balance FROM ledger.account WHERE name = 'a0'").fetchone() == (12800,)


def test_a_crowd_of_clients_shares_a_few_connections(asked: Any) -> None:
    """More at once than the database takes connections: nobody is told that it is busy."""
    assert {status for status, _ in asked(*(("transfers", wanted()) for _ in range(200)))} == {200}


def test_a_row_the_database_cannot_take_spoils_nothing_for_others(asked: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even where the door forgot to look: whoever sent it is told so, and the others never notice."""
    monkeypatch.setattr(door, "YEARS", range(1, 10000))
    bad = wanted(kind="pending", expires="9999-12-31T23:59:59-23:59")
    first, *others = asked(("transfers", bad), *(("transfers", wanted()) for _ in range(40)))
    assert (first[0], first[1]["refused"]) == (400, "malformed")
    assert {status for status, _ in others} == {200}


def test_repeated_it_gets_the_same_answer_with_other_content_it_is_refused(asked: Any) -> None:
    same = wanted()
    (first, second) = asked(("transfers", same), ("transfers", same))
    assert (first[0], second[0]) == (200, 200)
    (third,) = asked(("transfers", same | {"amount": "3.00"}))
    assert (third[0], third[1]["refused"]) == (422, "id_reused")


def test_refusals_speak_both_languages_and_say_whether_they_are_final(asked: Any) -> None:
    ((status, answer),) = asked(("transfers", wanted(debit="a1", credit="a0")))
    assert (status, answer["refused"]) == (409, "insufficient")
    assert answer["text"]["zh"] and answer["text"]["en"]
    ((status, answer),) = asked(("transfers", wanted(credit="nobody")))
    assert (status, answer["refused"]) == (422, "unknown_account")


def test_reserve_post_void_and_reverse(asked: Any) -> None:
    held, paid = wanted(kind="pending", expires="2100-01-01T00:00:00Z"), wanted()
    post = wanted(kind="post", of=held["id"], amount="1.50")
    back = wanted(kind="reverse", of=paid["id"], debit="a0", credit="a2", amount="1.00")
    void = wanted(kind="void", of=held["id"])
    assert [s for s, _ in asked(("transfers", held), ("transfers", paid))] == [200, 200]
    assert [s for s, _ in asked(("transfers", post), ("transfers", back))] == [200, 200]
    ((status, answer),) = asked(("transfers", void))
    assert (status, answer["refused"]) == (409, "already_posted")


def test_accounts_are_opened_with_their_limits_once(asked: Any, node: Any) -> None:
    body = {
        "service": "transit_card",
        "accounts": [{"name": "card/9", "ceiling": 100000}, {"name": "shop", "unit": "points", "floor": None}],
    }
    assert asked(("accounts", body)) == [(200, {"open": ["card/9", "shop:points"]})]
    assert asked(("accounts", body))[0][0] == 200
    rows = node.execute(
        "SELECT name, unit, floor, ceiling FROM ledger.account WHERE name LIKE 'card%' OR name LIKE 'shop%' ORDER BY 1"
    )
    assert rows.fetchall() == [("card/9", "CNY", 0, 100000), ("shop:points", "points", None, None)]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"floor": 100}, "floor"), ({"ceiling": -1}, "ceiling"), ({"floor": -(10**30)}, "floor"), ({"ceiling": 2**63}, "ceiling"),
        ({"unit": "cny"}, "unit"), ({"unit": "Points"}, "unit"),
    ],
)  # fmt: skip
def test_no_account_opens_with_what_it_cannot_hold(asked: Any, node: Any, change: dict[str, Any], field: str) -> None:
    body = {"service": "transit_card", "accounts": [{"name": "good"}, {"name": "bad"} | change]}
    ((status, answer),) = asked(("accounts", body))
    assert (status, answer["refused"]) == (400, "malformed")
    assert f".{field}" in answer["text"]["en"] and f".{field}" in answer["text"]["zh"]
    assert node.execute("SELECT count(*) FROM ledger.account WHERE name IN ('good', 'bad')").fetchone() == (0,)


def test_an_account_twice_in_one_request_is_named(asked: Any) -> None:
    body = {
        "service": "transit_card",
        "accounts": [{"name": "twin"}, {"name": "twin", "unit": "points"}, {"name": "twin"}],
    }
    ((status, answer),) = asked(("accounts", body))
    assert (status, answer["refused"]) == (400, "malformed") and "$.accounts[2].name" in answer["text"]["en"]


@pytest.mark.parametrize("name", ["fund", "person/0197c2b0-0000-7000-8000-000000000000", "person/x"])
def test_what_the_node_opens_is_not_opened_without_its_floor(asked: Any, node: Any, name: str) -> None:
    body = {"service": "transit_card", "accounts": [{"name": name, "floor": None}]}
    ((status, answer),) = asked(("accounts", body))
    assert (status, answer["refused"]) == (403, "reserved_account") and "$.accounts[0].name" in answer["text"]["en"]
    assert node.execute("SELECT count(*) FROM ledger.account WHERE name = %s", [name]).fetchone() == (0,)


@pytest.mark.parametrize(
    "change",
    [
        {"id": "x"}, {"id": "00000000-0000-4000-8000-000000000000"}, {"amount": 2.5}, {"amount": "2.001"}, {"amount": 200},
        {"amount": "-x"}, {"amount": "99999999999999999.00"}, {"amount": "0.00"}, {"amount": "-1.00"}, {"amount": 2**80, "unit": "points"},
        {"debit": "a 2"}, {"debit": ""}, {"service": "../x"}, {"kind": "expire"}, {"kind": "adjust"}, {"colour": "red"}, {"code": None},
        {"expires": "2100-01-01T00:00:00"}, {"kind": "pending", "expires": "9999-12-31T23:59:59-23:59"},
        {"kind": "pending", "expires": "0001-01-01T00:00:00+23:59"}, {"unit": "points", "amount": "5"},
    ],
)  # fmt: skip
def test_what_is_malformed_is_named(asked: Any, change: dict[str, Any]) -> None:
    ((status, answer),) = asked(("transfers", wanted(**change)))
    assert (status, answer["refused"]) == (400, "malformed")


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff\xfe", b"[" * 5000, b"null"])
def test_what_is_no_json_is_refused(asked: Any, body: bytes) -> None:
    assert [(status, answer["refused"]) for status, answer in asked(("transfers", body))] == [(400, "malformed")]


def test_too_large_is_refused(asked: Any) -> None:
    assert asked(("transfers", b" " * (door.LIMIT + 1)))[0][0] == 413


@pytest.mark.parametrize(
    "name",
    ["due_to/sichuan/hrss", "due_from/x", "prepaid/x", "prepayment/x", "topup/x", "returns/x", "bank", "treasury"],
)
def test_what_stands_between_the_nodes_is_not_touched(asked: Any, name: str) -> None:
    for path, body in (
        ("transfers", wanted(debit=name)), ("transfers", wanted(credit=name)),
        ("accounts", {"service": "transit_card", "accounts": [{"name": name}]}),
    ):  # fmt: skip
        ((status, answer),) = asked((path, body))
        assert (status, answer["refused"]) == (403, "reserved_account")


@pytest.mark.parametrize(
    "token",
    [
        "",
        "transport.",
        "transport.00",
        ".",
        TOKEN[:-1],
        TOKEN.replace("transport", "hrss"),
        door.token("other", "transport"),
    ],
)
def test_without_the_agencys_token_nothing_opens(asked: Any, token: str) -> None:
    assert [(status, answer["refused"]) for status, answer in asked(("transfers", wanted()), token=token)] == [
        (401, "bad_token")
    ]


def test_a_token_opens_the_agencys_own_books_only(asked: Any) -> None:
    ((status, answer),) = asked(("transfers", wanted()), token=door.token(SECRET, "hrss"))
    assert (status, answer["refused"]) == (422, "unknown_account")  # hrss has no such book


@pytest.mark.parametrize(
    ("path", "method"), [("transfer", "POST"), ("", "POST"), ("transfers", "GET"), ("accounts", "DELETE")]
)
def test_there_is_nothing_else(asked: Any, path: str, method: str) -> None:
    assert asked((path, wanted()), method=method)[0][0] == 404


def test_without_the_database_it_says_so(own_place: place.Place) -> None:
    gone = "postgresql://nobody@/nothing?host=/nonexistent"
    ((status, answer),) = asyncio.run(_ask(gone, [("transfers", wanted())], TOKEN, "POST"))
    assert (status, answer["refused"]) == (503, "busy")


# --- as the page says -------------------------------------------------------------------------------------------------

PAGE = Path(__file__).parents[2] / "docs/reference/ledger-api.md"


def test_the_examples_of_the_page_are_answered_as_it_says(asked: Any, node: Any) -> None:
    text = PAGE.read_text(encoding="utf-8")
    accounts, transfer, chain = (json.loads(each.split("```")[0]) for each in text.split("```json\n")[1:])
    assert asked(("accounts", accounts)) == [(200, {"open": ["card/1001", "shop"]})]
    for _ in range(2):
        assert asked(("transfers", transfer)) == [(200, {"status": "posted"})]
        assert asked(("chains", chain)) == [(200, {"status": "posted"})]
    assert node.execute("SELECT balance FROM ledger.account WHERE name = 'card/1001'").fetchone() == (600,)


def test_the_page_has_every_code_under_its_status() -> None:
    lines = {line.split(" | ")[0].strip("| "): line for line in PAGE.read_text(encoding="utf-8").splitlines()}
    for reason in REASONS.values():
        if reason.code != "unknown_window":  # nobody names a window here
            assert f"`{reason.code}`" in lines["409" if reason.kept else "422"]


def test_a_chain_is_posted_whole_or_not_at_all(asked: Any, node: Any) -> None:
    fine, poor = wanted(credit="a1"), wanted(debit="a0", credit="a1")
    ((status, answer), (other, _)) = asked(("chains", {"transfers": [fine, poor]}), ("transfers", wanted(credit="a3")))
    assert (status, answer["refused"], other) == (409, "insufficient", 200)
    assert node.execute("SELECT balance FROM ledger.account WHERE name = 'a1'").fetchone() == (0,)


def test_chains_beside_each_other_do_not_mix(asked: Any) -> None:
    chains = [
        {"transfers": [wanted(), wanted(debit="a0", credit="a1", amount="1.00" if n % 2 else "900.00")]}
        for n in range(20)
    ]
    assert [status for status, _ in asked(*(("chains", chain) for chain in chains))] == [409, 200] * 10


def test_a_chain_of_two_books_or_of_one_id_is_malformed(asked: Any) -> None:
    one = wanted()
    for chain in ([one, wanted(service="other")], [one, one], [one], []):
        ((status, answer),) = asked(("chains", {"transfers": chain}))
        assert (status, answer["refused"]) == (400, "malformed")
