"""What fails again and again in a file, or as a page, does not hold up what is behind it, and can be tried anew."""

import os
import shutil
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from depot import DAY, Depot, tap
from django.utils import timezone

from chuanyu.clearing.actions import ClearingError
from chuanyu.clearing.files import intake, paying, queries, setbacks, store
from chuanyu.clearing.models import Page, Setback, Upload
from chuanyu.core.ids import uuid7
from chuanyu.identity.actor import SYSTEM
from link import Link


@pytest.fixture
def depot(link: Link, monkeypatch: pytest.MonkeyPatch) -> Iterator[Depot]:
    monkeypatch.setenv("CHUANYU_TODAY", DAY)
    for own in link.nodes.places.values():
        shutil.rmtree(own.home / "uploads", ignore_errors=True)
    yield Depot(link)


@pytest.fixture
def poison(monkeypatch: pytest.MonkeyPatch) -> Iterator[set[str]]:
    """Rows of cards in this set can't be put into the table, as if the disk had a hole there."""
    cards: set[str] = set()
    put = store.put

    def failing(service: str, rows: Any) -> None:
        rows = list(rows)
        if cards & {stored.row.subject for stored in rows}:
            raise OSError("the disk has a hole here")
        put(service, rows)

    monkeypatch.setattr(store, "put", failing)
    yield cards


def until_set_aside(depot: Depot, *nodes: str) -> None:
    """Every pause passes at once."""
    for _ in range(setbacks.TRIES):
        depot.work()
        for node in nodes:
            with depot.at(node):
                Setback.objects.exclude(again=None).update(again=timezone.now() - timedelta(seconds=1))
    depot.work()


def two_parts(depot: Depot, monkeypatch: pytest.MonkeyPatch) -> Upload:
    """A file of two parts, a card in each; the first part's card is A."""
    monkeypatch.setattr(intake, "PART", 50)
    monkeypatch.setattr(intake, "PARTS", 2)
    cards: dict[int, str] = {}
    for n in range(64):
        card = f"{n:08X}"
        cards.setdefault(intake.zlib.crc32(card.encode()) % 2, card)
    rows = [tap(1, card=cards[0], issuer="chongqing"), tap(2, card=cards[1], issuer="chongqing")]
    made = depot.upload("sichuan", [*rows])
    assert made.parts == 2
    return made


def test_a_part_that_always_fails_is_set_aside_and_the_rest_goes_on(
    depot: Depot, poison: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = two_parts(depot, monkeypatch)
    with depot.at("sichuan"):
        poison.add(intake.part(first, 0)[0].cells[0])
    behind = depot.upload("sichuan", [tap(7, card="FFFFFFFF")], name="behind.csv")
    depot.work()
    assert depot.seen("sichuan", behind).state == "done"  # it waits for nobody
    seen = depot.seen("sichuan", first)
    assert (seen.state, seen.counted, seen.judged) == ("reading", 1, 1)
    until_set_aside(depot, "sichuan")
    seen = depot.seen("sichuan", first)
    assert (seen.state, seen.counted, seen.judged, seen.parts) == ("aside", 1, 1, 2)
    (aside,) = seen.setbacks
    assert (aside.part, aside.rows, aside.tries, aside.again) == (0, 1, setbacks.TRIES, None)
    assert "the disk has a hole here" in aside.reason
    depot.sound()


def test_what_was_set_aside_counts_once_it_is_tried_anew(
    depot: Depot, poison: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = two_parts(depot, monkeypatch)
    with depot.at("sichuan"):
        poison.add(intake.part(first, 0)[0].cells[0])
    until_set_aside(depot, "sichuan")
    poison.clear()
    depot.work()
    assert depot.seen("sichuan", first).state == "aside"  # nobody tries it by itself
    with depot.at("sichuan"):
        with pytest.raises(ClearingError, match="officer"):
            setbacks.retry(first.pk, actor=depot.clerk("sichuan"))
        assert setbacks.retry(first.pk, actor=SYSTEM("sichuan")) == 1
        with pytest.raises(ClearingError, match="not_aside"):
            setbacks.retry(first.pk, actor=SYSTEM("sichuan"))
    depot.work()
    seen = depot.seen("sichuan", first)
    assert (seen.state, seen.counted, seen.judged, seen.setbacks) == ("done", 2, 2, [])
    depot.sound()


def test_a_failure_that_passes_leaves_no_trace(depot: Depot, poison: set[str]) -> None:
    poison.add("8A01F0C3")
    made = depot.upload("sichuan", [tap(1)])
    depot.work()
    poison.clear()
    with depot.at("sichuan"):
        Setback.objects.update(again=timezone.now())
    depot.work()
    seen = depot.seen("sichuan", made)
    assert (seen.state, seen.counted, seen.setbacks) == ("done", 1, [])
    assert not (intake.folder(made.pk) / "000").exists()


def test_a_file_of_a_service_that_is_gone_says_so(depot: Depot) -> None:
    with depot.at("sichuan"):
        Upload.objects.create(service="gone", agency="sichuan/transport", name="x", by="x", sha256="x", size=1,
                              parts=1, rows=1)  # fmt: skip
    behind = depot.upload("sichuan", [tap(1)])
    until_set_aside(depot, "sichuan")
    assert depot.seen("sichuan", behind).state == "done"
    with depot.at("sichuan"):
        (seen,) = [u for u in queries.uploads(SYSTEM("sichuan")) if u.service == "gone"]
        assert seen.state == "aside"


def test_a_page_that_can_not_be_checked_is_set_aside_and_the_next_is_paid(
    depot: Depot, monkeypatch: pytest.MonkeyPatch
) -> None:
    depot.upload("sichuan", [tap(1)])
    checks, bad = paying._check, set[Any]()

    def check(service: Any, page: Page, items: Any) -> Any:
        if page.id in bad or not bad:
            bad.add(page.id)
            raise ZeroDivisionError("a rule that nobody tried on such a row")
        return checks(service, page, items)

    monkeypatch.setattr(paying, "_check", check)
    depot.work()
    depot.upload("sichuan", [tap(2, card="FFFFFFFF")], name="next.csv")
    depot.work()
    assert [p.state for p in depot.pages("chongqing")] == ["received", "received"]  # in their order, for a while
    until_set_aside(depot, "chongqing")
    assert [p.state for p in depot.pages("chongqing")] == ["aside", "paid"]
    monkeypatch.setattr(paying, "_check", checks)
    with depot.at("chongqing"):
        assert "ZeroDivisionError" in Setback.objects.get().reason
        assert setbacks.retry(bad.pop(), actor=SYSTEM("chongqing")) == 1
    depot.work()
    assert [p.state for p in depot.pages("chongqing")] == ["paid", "paid"]
    with depot.at("chongqing"):
        assert not Setback.objects.exists()
    depot.sound()


def test_an_answer_that_can_not_be_given_holds_up_no_other(depot: Depot, monkeypatch: pytest.MonkeyPatch) -> None:
    answer, seen = paying._answer, list[Any]()

    def failing(service: Any, page: Page, refused: Any) -> None:
        seen.append(page.id)
        if page.id == seen[0]:
            raise OSError("no room for it")
        answer(service, page, refused)

    monkeypatch.setattr(paying, "_answer", failing)
    depot.upload("sichuan", [tap(1)])
    for _ in range(5):
        depot.link.deliver()
        depot.step("sichuan"), depot.step("chongqing")
    depot.upload("sichuan", [tap(2, card="FFFFFFFF")], name="next.csv")
    for _ in range(8):
        depot.link.deliver()
        depot.step("sichuan"), depot.step("chongqing")
    assert [p.state for p in depot.pages("chongqing")] == ["paying", "paid"]
    monkeypatch.setattr(paying, "_answer", answer)
    depot.work()
    assert [p.state for p in depot.pages("chongqing")] == ["paid", "paid"]


# ---- what a kill leaves on disk


def test_folders_no_upload_names_are_swept_when_they_are_old(depot: Depot) -> None:
    kept = depot.upload("sichuan", [tap(1)])
    with depot.at("sichuan"):
        home = intake.home() / "uploads"
        old, fresh = home / str(uuid7()), home / str(uuid7())
        for folder in (old, fresh, home / "notes-of-somebody"):
            folder.mkdir()
            (folder / "file").write_bytes(b"card,issuer\n")
        for folder in (old, home / str(kept.pk), home / "notes-of-somebody"):
            long_ago = time.time() - 2 * 86400
            for each in (*folder.iterdir(), folder):
                os.utime(each, (long_ago, long_ago))
        assert intake.sweep() == 1
        assert {each.name for each in home.iterdir()} == {str(kept.pk), fresh.name, "notes-of-somebody"}
        shutil.rmtree(home)
        assert intake.sweep() == 0  # nothing was ever uploaded here


def test_what_a_kill_left_is_swept_and_what_still_comes_is_not(depot: Depot) -> None:
    with depot.at("sichuan"), intake.Spool() as coming:
        gone = coming.folder.with_name(str(uuid7()))
        gone.mkdir()
        (gone / "000").write_bytes(b"x" * 1000)
        long_ago = time.time() - 3600
        for each in (gone / "000", gone, coming.folder / "file", coming.folder):
            os.utime(each, (long_ago, long_ago))
        assert intake.sweep() == 1
        assert (gone.exists(), coming.folder.exists()) == (False, True)
