"""An account's statement: pages, CSV, and its balance as of any moment."""

import csv
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import pytest
from town import BOOK, Town

from chuanyu.clearing import posting, statements


@pytest.fixture
def paid(town: Town) -> Town:
    """Twenty-five payments out of Chongqing's fund, 1 to 25 fen, after the opening."""
    for amount in range(1, 26):
        town.pay("chongqing", amount)
        if amount % 7 == 0:
            with town.at("chongqing"):
                posting.work()
    town.work()
    return town


def test_pages_go_back_without_gap_or_overlap(paid: Town) -> None:
    with paid.at("chongqing"):
        seen, before, pages = [], None, 0
        while True:
            page = statements.page(book=BOOK, account="fund", before=before, size=10)
            seen += page.entries
            pages += 1
            before = page.before
            if before is None:
                break
    assert pages == 3
    assert [e.seq for e in seen] == list(range(26, 0, -1))
    assert [-e.amount for e in seen[:-1]] == list(range(25, 0, -1))
    assert all(a.after == b.after + a.amount for a, b in pairwise(seen))
    assert (seen[0].code, seen[0].other, seen[-1].other) == ("transfer_amount", "due_to/sichuan/hrss", "treasury")


def test_what_is_posted_meanwhile_does_not_shift_the_pages(paid: Town) -> None:
    with paid.at("chongqing"):
        first = statements.page(book=BOOK, account="fund", size=10)
    paid.pay("chongqing", 99)
    paid.work()
    with paid.at("chongqing"):
        second = statements.page(book=BOOK, account="fund", before=first.before, size=10)
    assert second.entries[0].seq == first.entries[-1].seq - 1


def test_the_balance_as_of_any_moment(paid: Town) -> None:
    with paid.at("chongqing"):
        entries = statements.page(book=BOOK, account="fund", size=50).entries
        for entry in entries:
            last = max((e for e in entries if e.at <= entry.at), key=lambda e: e.seq)
            assert statements.balance(book=BOOK, account="fund", at=entry.at) == last.after
        assert statements.balance(book=BOOK, account="fund", at=datetime(2000, 1, 1, tzinfo=UTC)) == 0
        assert statements.balance(book=BOOK, account="fund", at=datetime(2100, 1, 1, tzinfo=UTC)) == entries[0].after


def test_csv_is_the_whole_statement_in_yuan_and_local_time(paid: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statements, "CSV_PAGE", 7)
    with paid.at("chongqing"):
        rows = list(csv.DictReader(statements.lines(book=BOOK, account="fund")))
        entries = statements.page(book=BOOK, account="fund", size=50).entries
        assert [int(row["number"]) for row in rows] == [e.seq for e in entries]
        assert (rows[0]["amount"], rows[-1]["balance"]) == ("-0.25", "1000000.00")
        assert [(rows[n]["posting"], rows[n]["title"]) for n in (0, -1)] == [
            ("transfer_amount", "养老保险转移资金"),
            ("opening", "注入资金"),
        ]
        assert rows[0]["time"].endswith("+08:00")
        since = entries[10].at
        later = list(csv.DictReader(statements.lines(book=BOOK, account="fund", since=since)))
        assert len(later) == len([e for e in entries if e.at >= since])
        assert datetime.fromisoformat(rows[0]["time"]).tzinfo is not None


def test_an_account_that_is_not_there(town: Town) -> None:
    calls: list[Any] = [
        lambda: statements.page(book=BOOK, account="x"),
        lambda: statements.balance(book="x", account="fund", at=datetime.now(UTC)),
        lambda: next(statements.lines(book=BOOK, account="x")),
    ]
    with town.at("chongqing"):
        for call in calls:
            with pytest.raises(LookupError):
                call()
