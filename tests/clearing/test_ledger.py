"""What ledger.sql promises, one promise per test. Random transfers against a model: test_against_model.py."""

import re
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from typing import Any

import psycopg
import pytest
from books import Book
from ledger_model import (
    ADJUSTMENT,
    ALREADY_POSTED,
    ALREADY_VOIDED,
    AMOUNT,
    BAD_KIND,
    CEILING,
    CLOSED,
    CLOSING,
    EXCEEDS,
    EXPIRE,
    EXPIRED,
    FLOOR,
    LINKED,
    MISMATCH,
    NO_ORIGIN,
    NO_WINDOW,
    PENDING,
    POST,
    POSTED,
    REUSED,
    REVERSAL,
    SAME,
    SHUT,
    UNIT,
    UNKNOWN,
    VOID,
    WINDOW_SHUT,
    Transfer,
)

from chuanyu.clearing import batches
from chuanyu.core.ids import uuid7
from chuanyu.node import place

SOON = timedelta(hours=1)


@pytest.fixture
def book(node: psycopg.Connection[Any]) -> Book:
    """Accounts: a fund with floor 0, a treasury, another, a purse with ceiling 500, and one in points."""
    return Book.open(
        node, "hrss/test", floors=[0, None, None, 0, None], ceilings=[None, None, None, 500, None],
        units=["CNY", "CNY", "CNY", "CNY", "points"],
    )  # fmt: skip


def move(book: Book, debit: int, credit: int, amount: int, **more: Any) -> Transfer:
    """A transfer between accounts by their place in the fixture."""
    accounts = book.accounts
    return Transfer(
        id=more.pop("id", None) or uuid7(), debit=accounts[debit], credit=accounts[credit], amount=amount, **more
    )


def stored(book: Book, transfer: Transfer) -> int | None:
    """The status the ledger keeps."""
    rows = book.all("SELECT status FROM ledger.transfer WHERE book = %s AND id = %s", transfer.id)
    return rows[0][0] if rows else None


def row(book: Book, account: int) -> tuple[int, int, int]:
    """(balance, pending out, pending in) of an account by its place."""
    (found,) = book.all(
        "SELECT balance, pending_out, pending_in FROM ledger.account WHERE book = %s AND id = %s",
        book.accounts[account],
    )
    return found  # type: ignore[no-any-return]


FUND, TREASURY, OTHER, PURSE, POINTS = range(5)


# --- plain transfers --------------------------------------------------------------------------------------------------


def test_a_transfer_moves_money_once_however_often_it_is_sent(book: Book) -> None:
    transfer = move(book, TREASURY, FUND, 4066037)
    assert book.post(transfer) == book.post(transfer) == [POSTED]
    assert row(book, FUND) == (4066037, 0, 0)


@pytest.mark.parametrize(
    "change",
    [
        {"amount": 101}, {"debit": 3}, {"credit": 3}, {"code": "other"}, {"kind": PENDING},
        {"kind": PENDING, "expires": datetime(2100, 1, 1, tzinfo=UTC)},
    ],
)  # fmt: skip
def test_the_same_id_with_other_content_is_refused(book: Book, change: dict[str, Any]) -> None:
    import dataclasses

    transfer = move(book, TREASURY, FUND, 100)
    book.post(transfer)
    assert book.post(dataclasses.replace(transfer, **change)) == [REUSED]
    assert row(book, FUND) == (100, 0, 0)


def test_the_same_id_with_another_expiry_is_refused(book: Book) -> None:
    import dataclasses

    transfer = move(book, TREASURY, FUND, 100, kind=PENDING, expires=datetime.now(UTC) + SOON)
    assert book.post(transfer) == [POSTED]
    assert book.post(dataclasses.replace(transfer, expires=datetime.now(UTC) + 2 * SOON)) == [REUSED]


def test_a_fund_cannot_lend_and_the_refusal_is_kept(book: Book) -> None:
    transfer = move(book, FUND, OTHER, 1)
    assert book.post(transfer) == [FLOOR]
    book.post(move(book, TREASURY, FUND, 100))
    assert book.post(transfer) == [FLOOR]  # to try again the client makes a new id
    assert book.post(move(book, FUND, OTHER, 1)) == [POSTED]


def test_a_ceiling_holds_for_what_has_come_and_what_may_come(book: Book) -> None:
    assert book.post(move(book, TREASURY, PURSE, 300), move(book, TREASURY, PURSE, 150, kind=PENDING)) == [POSTED] * 2
    refused = move(book, TREASURY, PURSE, 51)
    assert book.post(refused) == [CEILING]
    assert stored(book, refused) == CEILING
    assert book.post(move(book, TREASURY, PURSE, 50)) == [POSTED]


def test_a_refusal_in_the_middle_does_not_disturb_those_after_it(book: Book) -> None:
    batch = [
        move(book, FUND, OTHER, 5),
        move(book, TREASURY, FUND, 10),
        move(book, FUND, OTHER, 6),
        move(book, FUND, OTHER, 5),
    ]
    assert book.post(*batch) == [FLOOR, POSTED, POSTED, FLOOR]
    assert row(book, FUND)[0] == 4


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"credit": 99}, UNKNOWN), ({"debit": 99}, UNKNOWN), ({"credit": 2}, SAME), ({"amount": 0}, AMOUNT), ({"amount": -5}, AMOUNT),
        ({"amount": 10**15 + 1}, AMOUNT), ({"amount": 2**62}, AMOUNT), ({"credit": 5}, UNIT), ({"kind": 7}, BAD_KIND),
        ({"kind": -1}, BAD_KIND), ({"kind": POST}, BAD_KIND), ({"origin": uuid7()}, BAD_KIND),
        ({"expires": datetime(2100, 1, 1, tzinfo=UTC)}, BAD_KIND), ({"kind": REVERSAL, "origin": uuid7()}, NO_ORIGIN),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused_and_not_kept(book: Book, change: dict[str, Any], status: int) -> None:
    transfer = Transfer(**({"id": uuid7(), "debit": 2, "credit": 3, "amount": 5} | change))
    assert book.post(transfer) == [status]
    assert stored(book, transfer) is None


def test_no_balance_outgrows_its_number(book: Book, owner: psycopg.Connection[Any]) -> None:
    """Accounts without limits have them all the same, long before 2^63: a refusal, not an error that stops the batch."""
    most = 4 * 10**18
    for account, balance in ((TREASURY, -most), (OTHER, most)):
        owner.execute(
            "UPDATE ledger.account SET balance = %s WHERE book = %s AND id = %s", [balance, book.number, account + 1]
        )
    out, into, fine = move(book, TREASURY, FUND, 1), move(book, TREASURY, OTHER, 1), move(book, OTHER, FUND, 10**15)
    assert book.post(out, into, fine) == [FLOOR, FLOOR, POSTED]
    assert book.post(move(book, FUND, OTHER, 10**15), move(book, FUND, OTHER, 1)) == [POSTED, FLOOR]
    owner.execute("UPDATE ledger.account SET balance = 5 WHERE book = %s AND id = 1", [book.number])
    assert book.post(move(book, FUND, OTHER, 1, kind=PENDING)) == [CEILING]


def test_a_closed_account_takes_nothing_and_gives_nothing(book: Book) -> None:
    reserved = move(book, TREASURY, OTHER, 1, kind=PENDING)
    book.post(reserved)
    close = "SELECT ledger.close(%s, %s)"
    assert book.one(close, book.number, book.accounts[OTHER]) == (False,)  # not while something is reserved on it
    book.post(move(book, TREASURY, OTHER, 1, kind=VOID, origin=reserved.id))
    assert book.one(close, book.number, book.accounts[OTHER]) == (True,)
    for refused in (move(book, OTHER, TREASURY, 1), move(book, TREASURY, OTHER, 1)):
        assert book.post(refused) == [CLOSED]
        assert stored(book, refused) == CLOSED


def test_opening_again_changes_nothing(book: Book) -> None:
    again = Book.open(book.connection, "hrss/test", floors=[7, 7, 7, 7, 7])
    assert (again.number, again.accounts) == (book.number, book.accounts)
    assert book.all("SELECT floor FROM ledger.account WHERE book = %s ORDER BY id")[0] == (0,)


@pytest.mark.parametrize("limits", [{"floors": [1]}, {"floors": [0], "ceilings": [-1]}])
def test_no_account_opens_outside_its_limits(node: psycopg.Connection[Any], limits: dict[str, Any]) -> None:
    with pytest.raises(psycopg.errors.CheckViolation):
        Book.open(node, "hrss/limits", **limits)


def test_books_and_derived_ids_are_numbered_alike_in_python(book: Book) -> None:
    id_ = uuid7()
    assert batches.number("hrss/test") == book.number
    for name in ("", "医保/异地就医", "nhsa/" + "x" * 200):
        assert book.one("SELECT ledger.number(%s)", name) == (batches.number(name),)
    assert book.one("SELECT ledger.derived(%s, 'expire')", id_) == (batches.derived(id_, "expire"),)
    assert batches.derived(id_, "expire").version == 8


# --- calls that are wrong as a whole ----------------------------------------------------------------------------------


def test_an_id_twice_in_one_batch_is_an_error_and_nothing_is_posted(book: Book) -> None:
    twice = move(book, TREASURY, FUND, 5)
    with pytest.raises(psycopg.errors.UniqueViolation):
        book.post(move(book, TREASURY, FUND, 7), twice, twice)
    assert row(book, FUND) == (0, 0, 0)


def test_a_torn_chain_is_an_error(book: Book) -> None:
    with pytest.raises(psycopg.errors.ArraySubscriptError, match="torn"):
        book.post(*(move(book, TREASURY, FUND, 5, chain=chain) for chain in (1, 0, 1)))


def test_arrays_of_different_length_and_nulls_are_errors(book: Book) -> None:
    ask = "SELECT ledger.post(%s, 0, %s::uuid[], %s::int[], %s::int[], %s::bigint[], %s::text[])"
    with pytest.raises(psycopg.errors.ArraySubscriptError):
        book.one(ask, book.number, [uuid7(), uuid7()], [2], [1], [5], ["t"])
    with pytest.raises(psycopg.errors.NullValueNotAllowed):
        book.one(ask, book.number, [uuid7()], [2], [1], [None], ["t"])
    assert book.one(ask, book.number, [], [], [], [], []) == ([],)


def test_it_insists_on_read_committed(book: Book) -> None:
    book.connection.execute("SET default_transaction_isolation = 'repeatable read'")
    with pytest.raises(psycopg.errors.FeatureNotSupported):
        book.post(move(book, TREASURY, FUND, 5))


# --- reservations -----------------------------------------------------------------------------------------------------


def test_a_pending_reserves_and_its_post_moves_all_or_part(book: Book) -> None:
    book.post(move(book, TREASURY, FUND, 100))
    whole, part = (move(book, FUND, OTHER, 40, kind=PENDING) for _ in range(2))
    assert book.post(whole, part) == [POSTED, POSTED]
    assert (row(book, FUND), row(book, OTHER)) == ((100, 80, 0), (0, 0, 80))
    assert book.post(move(book, FUND, OTHER, 21)) == [FLOOR]  # what is reserved can't be spent
    assert book.post(move(book, FUND, OTHER, 40, kind=POST, origin=whole.id)) == [POSTED]
    assert book.post(move(book, FUND, OTHER, 15, kind=POST, origin=part.id)) == [POSTED]
    assert (row(book, FUND), row(book, OTHER)) == ((45, 0, 0), (55, 0, 0))


def test_a_pending_resolves_once(book: Book) -> None:
    pending = move(book, TREASURY, FUND, 40, kind=PENDING)
    first = move(book, TREASURY, FUND, 40, kind=POST, origin=pending.id)
    book.post(pending, first)
    assert book.post(first) == [POSTED]
    again, void = (move(book, TREASURY, FUND, 40, kind=kind, origin=pending.id) for kind in (POST, VOID))
    assert book.post(again, void) == [ALREADY_POSTED] * 2
    assert stored(book, again) == ALREADY_POSTED
    assert row(book, FUND) == (40, 0, 0)
    other = move(book, TREASURY, FUND, 40, kind=PENDING)
    late = move(book, TREASURY, FUND, 1, kind=POST, origin=other.id)
    assert book.post(other, move(book, TREASURY, FUND, 40, kind=VOID, origin=other.id), late) == [
        POSTED,
        POSTED,
        ALREADY_VOIDED,
    ]


def test_a_post_takes_no_more_than_was_reserved_and_the_same_accounts(book: Book) -> None:
    pending = move(book, TREASURY, FUND, 40, kind=PENDING)
    assert book.post(pending, move(book, TREASURY, FUND, 41, kind=POST, origin=pending.id)) == [POSTED, EXCEEDS]
    assert book.post(move(book, TREASURY, OTHER, 4, kind=POST, origin=pending.id)) == [MISMATCH]
    assert book.post(move(book, TREASURY, FUND, 4, kind=VOID, origin=pending.id)) == [MISMATCH]
    assert row(book, FUND) == (0, 0, 40)


def test_what_has_expired_is_given_back_once_and_can_no_longer_be_posted(
    book: Book, owner: psycopg.Connection[Any]
) -> None:
    pending = move(book, TREASURY, FUND, 40, kind=PENDING, expires=datetime.now(UTC) + SOON)
    early = move(book, TREASURY, FUND, 40, kind=EXPIRE, origin=pending.id)
    assert book.post(pending, early) == [POSTED, MISMATCH]
    owner.execute("UPDATE ledger.transfer SET expires = expires - interval '2 hours'")
    late = move(book, TREASURY, FUND, 40, kind=POST, origin=pending.id)
    assert book.post(late) == [EXPIRED]
    assert row(book, FUND) == (0, 0, 40)
    assert [book.one("SELECT ledger.expire(%s)", book.number) for _ in range(2)] == [(1,), (0,)]
    assert row(book, FUND) == (0, 0, 0)
    assert stored(book, Transfer(id=batches.derived(pending.id, "expire"), debit=0, credit=0, amount=1)) == POSTED
    assert book.post(late) == [EXPIRED]
    assert book.post(move(book, TREASURY, FUND, 40, kind=POST, origin=pending.id)) == [EXPIRED]


def test_a_pending_that_comes_too_late_is_refused_and_kept(book: Book) -> None:
    late = move(book, TREASURY, FUND, 40, kind=PENDING, expires=datetime.now(UTC) - SOON)
    assert book.post(late) == [EXPIRED]
    assert stored(book, late) == EXPIRED


# --- reversals and adjustments ----------------------------------------------------------------------------------------


def test_a_reversal_gives_back_in_parts_and_never_more_than_the_whole(book: Book) -> None:
    original = move(book, TREASURY, FUND, 100)
    parts = [move(book, FUND, TREASURY, amount, kind=REVERSAL, origin=original.id) for amount in (60, 41, 40)]
    assert book.post(original, *parts) == [POSTED, POSTED, EXCEEDS, POSTED]
    assert book.post(move(book, FUND, TREASURY, 1, kind=REVERSAL, origin=original.id)) == [EXCEEDS]
    assert row(book, FUND) == (0, 0, 0)


def test_a_reversal_goes_back_where_it_came_from(book: Book) -> None:
    original = move(book, TREASURY, FUND, 100)
    book.post(original, move(book, TREASURY, FUND, 50))
    for debit, credit in ((FUND, OTHER), (OTHER, TREASURY), (TREASURY, FUND)):
        assert book.post(move(book, debit, credit, 1, kind=REVERSAL, origin=original.id)) == [MISMATCH]
    # a mirror's money may come from elsewhere: what the peer has reversed can't be refused here
    assert book.post(move(book, OTHER, TREASURY, 1, kind=REVERSAL, origin=original.id), mirror=True) == [POSTED]


def test_a_reversal_is_not_reversed(book: Book) -> None:
    """Who gave back too much pays anew: otherwise nobody could say what is left of the first transfer."""
    original = move(book, TREASURY, FUND, 100)
    back = move(book, FUND, TREASURY, 30, kind=REVERSAL, origin=original.id)
    again = move(book, TREASURY, FUND, 30, kind=REVERSAL, origin=back.id)
    assert book.post(original, back, again) == [POSTED, POSTED, MISMATCH]
    assert book.post(again) == [MISMATCH]
    assert row(book, FUND)[0] == 70


def test_an_adjustment_undoes_all_of_it_once(book: Book) -> None:
    original = move(book, TREASURY, FUND, 100)
    adjust = [move(book, FUND, TREASURY, amount, kind=ADJUSTMENT, origin=original.id) for amount in (99, 100, 100)]
    assert book.post(original, *adjust) == [POSTED, MISMATCH, POSTED, ALREADY_POSTED]
    assert book.post(move(book, FUND, TREASURY, 1, kind=REVERSAL, origin=original.id)) == [ALREADY_POSTED]


# --- chains -----------------------------------------------------------------------------------------------------------


def test_a_chain_is_posted_all_or_none_and_the_one_that_failed_keeps_its_reason(book: Book) -> None:
    chain = [
        move(book, TREASURY, FUND, 10, chain=1),
        move(book, FUND, OTHER, 11, chain=1),
        move(book, TREASURY, FUND, 1, chain=1),
    ]
    after = move(book, TREASURY, FUND, 7)
    assert book.post(*chain, after) == [LINKED, FLOOR, LINKED, POSTED]
    assert row(book, FUND) == (7, 0, 0)
    assert [stored(book, t) for t in chain] == [LINKED, FLOOR, LINKED]
    assert book.post(*chain) == [LINKED, FLOOR, LINKED]


def test_a_chain_undoes_reservations_posts_and_reversals_too(book: Book) -> None:
    pending, original = move(book, TREASURY, FUND, 40, kind=PENDING), move(book, TREASURY, FUND, 100)
    book.post(pending, original)
    before = [row(book, account) for account in range(5)]

    def chain() -> list[Transfer]:
        return [
            move(book, TREASURY, FUND, 30, kind=POST, origin=pending.id, chain=1),
            move(book, FUND, TREASURY, 70, kind=REVERSAL, origin=original.id, chain=1),
            move(book, TREASURY, OTHER, 5, kind=PENDING, chain=1),
            move(book, FUND, OTHER, 10**6, chain=1),
        ]

    later = [
        move(book, TREASURY, FUND, 40, kind=POST, origin=pending.id),
        move(book, FUND, TREASURY, 100, kind=REVERSAL, origin=original.id),
    ]
    undone = [LINKED, LINKED, LINKED, FLOOR]
    assert book.post(*chain()) == undone
    assert [row(book, account) for account in range(5)] == before
    assert book.post(*chain(), *later) == [*undone, POSTED, POSTED]  # also for what follows in the same batch


def test_a_callers_mistake_in_a_chain_is_not_kept(book: Book) -> None:
    good, bad = move(book, TREASURY, FUND, 10, chain=1), move(book, TREASURY, FUND, 0, chain=1)
    assert book.post(good, bad) == [LINKED, AMOUNT]
    assert book.post(good) == [POSTED]


def test_nothing_is_added_to_a_chain_that_has_an_answer(book: Book) -> None:
    first, second = move(book, TREASURY, FUND, 10, chain=1), move(book, TREASURY, FUND, 10, chain=1)
    assert book.post(first, second) == book.post(first, second) == [POSTED, POSTED]
    assert book.post(first, move(book, TREASURY, FUND, 10, chain=1)) == [POSTED, LINKED]
    assert row(book, FUND)[0] == 20


# --- windows ----------------------------------------------------------------------------------------------------------


def test_a_closing_window_takes_mirrors_only_and_a_closed_one_nothing(book: Book) -> None:
    window = book.begin("w")
    known, mirrored = move(book, TREASURY, FUND, 5), move(book, TREASURY, FUND, 5)
    assert book.post(known, window=window) == [POSTED]
    assert book.shut(window, CLOSING) == CLOSING
    refused = move(book, TREASURY, FUND, 5)
    assert book.post(refused, window=window) == [WINDOW_SHUT]
    assert stored(book, refused) is None  # it may be posted to the next window
    assert book.post(mirrored, window=window, mirror=True) == [POSTED]
    assert book.shut(window, SHUT) == SHUT
    assert book.post(move(book, TREASURY, FUND, 5), window=window, mirror=True) == [WINDOW_SHUT]
    assert book.post(known, window=window) == [POSTED]  # it was, and that stays the answer
    assert book.shut(window, CLOSING) == SHUT  # never back
    assert book.post(refused, window=99) == [NO_WINDOW]


def test_what_both_have_signed_is_not_adjusted(book: Book) -> None:
    window, current = book.begin("w"), book.begin("v")
    original = move(book, TREASURY, FUND, 5)
    book.post(original, window=window)
    book.shut(window, SHUT)
    adjust = move(book, FUND, TREASURY, 5, kind=ADJUSTMENT, origin=original.id)
    assert book.post(adjust, window=current) == [WINDOW_SHUT]
    assert book.post(move(book, FUND, TREASURY, 5, kind=REVERSAL, origin=original.id), window=current) == [POSTED]


# --- reading ----------------------------------------------------------------------------------------------------------


def test_any_balance_as_of_any_moment_is_one_index_probe(book: Book, owner: psycopg.Connection[Any]) -> None:
    for amount in range(1, 200):
        book.post(move(book, TREASURY, FUND, amount), move(book, TREASURY, OTHER, 1))
    owner.execute("ANALYZE ledger.entry")
    entries = book.all(
        "SELECT at, seq, after FROM ledger.entry WHERE book = %s AND account = %s ORDER BY seq", book.accounts[FUND]
    )
    assert [e[0] for e in entries] == sorted(e[0] for e in entries)
    ask = "SELECT after FROM ledger.entry WHERE book = %s AND account = %s AND at <= %s ORDER BY at DESC, seq DESC LIMIT 1"
    for account in (FUND, TREASURY):
        moved = "SELECT amount, after FROM ledger.entry WHERE book = %s AND account = %s ORDER BY seq"
        amounts, balances = zip(*book.all(moved, book.accounts[account]), strict=True)
        assert list(accumulate(amounts)) == list(balances)
    for at, _, after in entries[::20]:
        assert book.all(ask, book.accounts[FUND], at) == [(after,)]
    plan = "\n".join(
        line for (line,) in book.all("EXPLAIN (ANALYZE, BUFFERS OFF) " + ask, book.accounts[FUND], entries[100][0])
    )
    assert "Index Scan Backward using entry_pkey" in plan
    assert re.search(r"actual time=\S+ rows=1", plan) and "Sort" not in plan and "Filter" not in plan


def test_time_never_goes_back_along_an_account(book: Book, owner: psycopg.Connection[Any]) -> None:
    """A clock that was set back: what is posted then is no earlier than what was posted before."""
    window = book.begin("w")
    book.post(move(book, TREASURY, FUND, 1), window=window)
    owner.execute("UPDATE ledger.entry SET at = at + interval '1 hour'")
    owner.execute("UPDATE ledger.account SET at = at + interval '1 hour'")
    book.post(move(book, TREASURY, FUND, 2), window=window)
    entries = book.all(
        "SELECT seq FROM ledger.entry WHERE book = %s AND account = %s ORDER BY at, seq", book.accounts[FUND]
    )
    assert entries == [(1,), (2,)]
    owner.execute("UPDATE ledger.window SET opened = now() + interval '2 hours'")
    late = move(book, OTHER, PURSE, 3)
    book.post(late, window=window)
    assert book.one("SELECT t.at >= w.opened FROM ledger.transfer t, ledger.window w WHERE t.id = %s", late.id) == (
        True,
    )


# --- who may what -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO ledger.book (book, name) VALUES (1, 'x')",
        "UPDATE ledger.account SET balance = 1",
        "DELETE FROM ledger.entry",
        "UPDATE ledger.transfer SET amount = 1",
        "UPDATE ledger.window SET state = 0",
        "TRUNCATE ledger.entry",
        "SELECT * FROM ledger.account FOR UPDATE",
        "DROP SCHEMA ledger CASCADE",
        "CREATE TABLE ledger.mine (n int)",
        "CREATE TRIGGER t BEFORE INSERT ON ledger.entry EXECUTE FUNCTION now()",
        "ALTER TABLE ledger.account DISABLE ROW LEVEL SECURITY",
        "ALTER FUNCTION ledger.close RENAME TO open2",
        "CREATE OR REPLACE FUNCTION ledger.close(p_book int, p_account int) RETURNS boolean LANGUAGE sql RETURN true",
        "SET ROLE chuanyu_owner",
    ],
)
def test_the_nodes_role_cannot_write_the_ledger(book: Book, statement: str) -> None:
    with pytest.raises((psycopg.errors.InsufficientPrivilege, psycopg.errors.WrongObjectType)):
        book.connection.execute(statement)  # type: ignore[call-overload]


def test_the_nodes_role_cannot_give_itself_more(book: Book) -> None:
    """PostgreSQL answers a GRANT of what one doesn't own with a warning and no effect."""
    book.connection.execute("GRANT ALL ON ledger.account TO chuanyu_node")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        book.connection.execute("UPDATE ledger.account SET balance = 1")


TRAP = """
CREATE FUNCTION pg_temp.evil() RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
  IF current_user <> 'chuanyu_node' THEN UPDATE ledger.account SET floor = NULL; END IF;
  RETURN true;
END $$;
CREATE DOMAIN pg_temp.uuid AS pg_catalog.uuid CHECK (pg_temp.evil());
CREATE DOMAIN pg_temp.int AS pg_catalog.int4 CHECK (pg_temp.evil());
CREATE DOMAIN pg_temp.int4 AS pg_catalog.int4 CHECK (pg_temp.evil());
CREATE DOMAIN pg_temp.int2 AS pg_catalog.int2 CHECK (pg_temp.evil());
CREATE DOMAIN pg_temp.int8 AS pg_catalog.int8 CHECK (pg_temp.evil());
CREATE DOMAIN pg_temp.text AS pg_catalog.text CHECK (pg_temp.evil());
CREATE DOMAIN pg_temp.timestamptz AS pg_catalog.timestamptz CHECK (pg_temp.evil());
"""


def test_no_type_of_the_nodes_role_runs_as_the_owner(own_place: place.Place, owner: psycopg.Connection[Any]) -> None:
    """Even where somebody let the node's role make temporary objects: the ledger's functions don't find its types."""
    (name,) = owner.execute("SELECT current_database()").fetchone()  # type: ignore[misc]
    owner.execute(f"GRANT TEMP ON DATABASE {name} TO chuanyu_node")
    try:
        with psycopg.connect(own_place.database_url, autocommit=True) as robber:
            robber.execute(TRAP)
            book = Book.open(robber, "hrss/trap", floors=[0, None])
            window = book.begin("w")
            assert book.post(Transfer(id=uuid7(), debit=2, credit=1, amount=5), window=window) == [POSTED]
            pending = Transfer(id=uuid7(), debit=1, credit=2, amount=1, kind=PENDING)
            assert book.post(pending, Transfer(id=uuid7(), debit=1, credit=2, amount=1, kind=2, origin=pending.id)) == [
                0,
                0,
            ]
            book.one("SELECT ledger.expire(%s)", book.number)
            book.one("SELECT ledger.close(%s, 2)", book.number)
            book.shut(window, 1)
    finally:
        owner.execute(f"REVOKE TEMP ON DATABASE {name} FROM chuanyu_node")
    floors = owner.execute("SELECT floor FROM ledger.account WHERE book = %s ORDER BY id", [book.number]).fetchall()
    assert floors == [(0,), (None,)]
