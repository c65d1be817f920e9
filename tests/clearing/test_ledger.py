"""The ledger keeps to its rules against a plain Python model, and the node's role can do nothing but call it."""

from uuid import UUID

import psycopg
import pytest
from django.db import connection, transaction
from django.db.utils import ProgrammingError
from hypothesis import given, settings
from hypothesis import strategies as st

from chuanyu.core.ids import uuid7

pytestmark = pytest.mark.django_db

POSTED, REUSED, UNKNOWN, SAME, FLOOR, CLOSED, AMOUNT = 0, 2, 3, 4, 5, 6, 7


def open_book(name: str = "hrss/test", floors: tuple[int | None, ...] = (0, None, None)) -> tuple[int, list[int]]:
    with connection.cursor() as cursor:
        names = [f"a{i}" for i in range(len(floors))]
        cursor.execute(
            "SELECT book, id, name FROM ledger.open(%s, %s::text[], %s::text[], %s::bigint[])",
            [name, names, ["CNY"] * len(names), list(floors)],
        )
        rows = sorted(cursor.fetchall(), key=lambda row: row[2])
        return rows[0][0], [row[1] for row in rows]


def post(book: int, *transfers: tuple[UUID, int, int, int]) -> list[int]:
    with connection.cursor() as cursor:
        ids, debits, credits, amounts = zip(*transfers, strict=True)
        cursor.execute(
            "SELECT ledger.post(%s, %s::uuid[], %s::int[], %s::int[], %s::bigint[], %s::text[])",
            [book, list(ids), list(debits), list(credits), list(amounts), ["t"] * len(ids)],
        )
        return list(cursor.fetchone()[0])


def balances(book: int) -> dict[int, int]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT id, balance FROM ledger.account WHERE book = %s", [book])
        return dict(cursor.fetchall())


def test_a_transfer_moves_money_once_however_often_it_is_sent() -> None:
    book, (fund, treasury, _) = open_book()
    id_ = uuid7()
    assert post(book, (id_, treasury, fund, 4066037)) == [POSTED]
    assert post(book, (id_, treasury, fund, 4066037)) == [POSTED]
    assert balances(book)[fund] == 4066037


def test_the_same_id_with_other_content_is_refused() -> None:
    book, (fund, treasury, _) = open_book()
    id_ = uuid7()
    post(book, (id_, treasury, fund, 100))
    assert post(book, (id_, treasury, fund, 101)) == [REUSED]
    assert balances(book)[fund] == 100


def test_a_fund_cannot_lend_and_the_refusal_is_kept() -> None:
    book, (fund, treasury, other) = open_book()
    id_ = uuid7()
    assert post(book, (id_, fund, other, 1)) == [FLOOR]
    post(book, (uuid7(), treasury, fund, 100))
    assert post(book, (id_, fund, other, 1)) == [FLOOR]  # to try again the client makes a new id
    assert post(book, (uuid7(), fund, other, 1)) == [POSTED]


@pytest.mark.parametrize(
    ("debit", "credit", "amount", "status"),
    [(1, 9, 5, UNKNOWN), (1, 1, 5, SAME), (2, 1, 0, AMOUNT), (2, 1, -5, AMOUNT)],
)
def test_what_makes_no_sense_is_refused_and_not_kept(debit: int, credit: int, amount: int, status: int) -> None:
    book, _ = open_book()
    id_ = uuid7()
    assert post(book, (id_, debit, credit, amount)) == [status]
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM ledger.transfer WHERE id = %s", [id_])
        assert cursor.fetchone() == (0,)


def test_opening_again_changes_nothing() -> None:
    assert open_book() == open_book(floors=(None, 5, 5))


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO ledger.book (name) VALUES ('x')",
        "UPDATE ledger.account SET balance = 1",
        "DELETE FROM ledger.entry",
        "UPDATE ledger.transfer SET amount = 1",
        "TRUNCATE ledger.entry",
        "DROP SCHEMA ledger CASCADE",
        "CREATE TRIGGER t BEFORE INSERT ON ledger.entry EXECUTE FUNCTION now()",
        "ALTER TABLE ledger.account DISABLE ROW LEVEL SECURITY",
        "GRANT ALL ON ledger.account TO chuanyu_node",
    ],
)
def test_the_nodes_role_cannot_write_the_ledger(statement: str) -> None:
    with pytest.raises(ProgrammingError) as refused, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
        # PostgreSQL answers a GRANT of what one doesn't own with a warning and no effect
        cursor.execute("UPDATE ledger.account SET balance = 1")
    assert isinstance(refused.value.__cause__, psycopg.errors.InsufficientPrivilege | psycopg.errors.WrongObjectType)


transfers = st.lists(
    st.lists(
        st.tuples(st.integers(0, 30), st.integers(1, 4), st.integers(1, 4), st.integers(-1, 120)),
        min_size=1,
        max_size=12,
        unique_by=lambda t: t[0],
    ),
    max_size=8,
)


@settings(max_examples=60, deadline=None)
@given(batches=transfers)
def test_random_batches_equal_the_model(batches: list[list[tuple[int, int, int, int]]]) -> None:
    """Four accounts (floors 0, -50, none, and one that does not exist), ids that come again, refusals in the middle."""
    with transaction.atomic():
        book, accounts = open_book(f"model/{uuid7()}", floors=(0, -50, None))
        floor = {accounts[0]: 0, accounts[1]: -50, accounts[2]: None}
        balance = dict.fromkeys(accounts, 0)
        ids = [uuid7() for _ in range(31)]
        kept: dict[UUID, tuple[tuple[int, int, int], int]] = {}
        entries = 0
        for batch in batches:
            expected = []
            for number, debit, credit, amount in batch:
                content = (debit, credit, amount)
                if ids[number] in kept:
                    known, status = kept[ids[number]]
                    expected.append(status if known == content else REUSED)
                elif amount <= 0:
                    expected.append(AMOUNT)
                elif debit not in balance or credit not in balance:
                    expected.append(UNKNOWN)
                elif debit == credit:
                    expected.append(SAME)
                else:
                    low = floor[debit]
                    status = FLOOR if low is not None and balance[debit] - amount < low else POSTED
                    if status == POSTED:
                        balance[debit] -= amount
                        balance[credit] += amount
                        entries += 2
                    kept[ids[number]] = (content, status)
                    expected.append(status)
            assert post(book, *((ids[n], d, c, a) for n, d, c, a in batch)) == expected
        assert balances(book) == balance
        assert sum(balance.values()) == 0
        with connection.cursor() as cursor:
            cursor.execute(
                """SELECT count(*), bool_and(seq = place AND after = running) FROM (
                     SELECT seq, after, row_number() OVER w AS place, sum(amount) OVER w AS running
                       FROM ledger.entry WHERE book = %s WINDOW w AS (PARTITION BY account ORDER BY seq)) e""",
                [book],
            )
            count, whole = cursor.fetchone()
        assert count == entries
        assert whole in (True, None)
        transaction.set_rollback(True)
