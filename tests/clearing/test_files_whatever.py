"""Files in any order, cut in any way, by workers that are killed: each row once, and both nodes the same."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import psycopg
import pytest
from depot import DAY, SERVICE, Depot, tap
from hypothesis import HealthCheck, given, settings

from chuanyu.clearing.files import intake, judging, pages
from chuanyu.clearing.models import FileRow, Page, Upload
from chuanyu.core.service import NODES
from chuanyu.identity.here import other
from link import Link

TABLES = (
    "ledger.book, ledger.account, ledger.window, ledger.transfer, ledger.entry, clearing_window, clearing_instruction,"
    " clearing_difference, clearing_order, clearing_bankline, clearing_upload, clearing_page, clearing_filerow,"
    " clearing_rownote, clearing_reconciliation, clearing_rowdifference, exchange_outbox, exchange_inbox"
)
EXAMPLES = int(os.environ.get("CHUANYU_EXAMPLES", "8"))


@pytest.fixture
def depot(link: Link, monkeypatch: pytest.MonkeyPatch) -> Iterator[Depot]:
    monkeypatch.setenv("CHUANYU_TODAY", DAY)
    for own in link.nodes.places.values():
        shutil.rmtree(own.home / "uploads", ignore_errors=True)
    yield Depot(link)


def _taps(rng: random.Random, count: int) -> list[tuple[str, ...]]:
    """Few cards, two days, both operators: many changes, and many rows of one card."""
    made = []
    for n in range(count):
        operator = rng.choice(NODES)
        made.append(
            tap(
                n,
                card=f"{rng.randrange(5):08X}",
                issuer=other(operator) if rng.random() < 0.8 else operator,
                operator=operator,
                day=rng.choice(("2025-06-09", DAY)),
                time=f"{rng.randrange(24):02d}:{rng.randrange(60):02d}:00",
                fare=rng.choice(("1.00", "2.00", "3.00", "7.00")),
            )
        )
    return made


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), database=None)
@given(data=st.data(), seed=st.integers(0, 10**6), count=st.integers(1, 40), lose=st.integers(0, 2))
def test_any_split_over_files_in_any_order_counts_each_row_once(
    link: Link, data: st.DataObject, seed: int, count: int, lose: int
) -> None:
    for own in link.nodes.places.values():
        shutil.rmtree(own.home / "uploads", ignore_errors=True)
        with psycopg.connect(own.owner_url, autocommit=True) as owner:
            owner.execute(f"TRUNCATE {TABLES} RESTART IDENTITY CASCADE")
    depot = Depot(link)
    rng = random.Random(seed)
    rows = _taps(rng, count)
    files: list[tuple[str, list[tuple[str, ...]]]] = []
    for node in NODES:
        own_rows = [row for row in rows if row[2] == node]
        cuts = data.draw(st.integers(1, 4))
        split: list[list[tuple[str, ...]]] = [[] for _ in range(cuts)]
        for row in own_rows:
            split[rng.randrange(cuts)].append(row)
            if rng.random() < 0.2:  # some come twice, in the same file or in another
                split[rng.randrange(cuts)].append(row)
        files += [(node, part) for part in split if part]
    rng.shuffle(files)
    link.lose = lose
    for node, part in files:
        depot.upload(node, part)
        if rng.random() < 0.5:
            depot.work()
        elif rng.random() < 0.5:
            depot.step(node)
    link.lose = 0
    depot.work()
    for node in NODES:
        mine = {f"{node}|B-101|{row[4]}" for row in rows if row[2] == node}
        assert set(depot.rows(node, by=node)) == mine
        away = depot.rows(node, by=node, payer=other(node))
        assert depot.rows(other(node), by=node) == away
        assert {state for state, _ in away.values()} <= {"counted"}, "the payer disputes what the rules gave"
        owed = sum(amount or 0 for _, amount in away.values())
        assert depot.balances(other(node)).get(f"due_to/{node}/transport", 0) == owed
        assert -depot.balances(node).get(f"due_from/{other(node)}/transport", 0) == owed
    depot.sound()
    depot.next_day()
    assert all(equal for equal, *_ in depot.reconciled())


def test_parts_and_pages_of_any_size_come_to_the_same(depot: Depot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "PART", 500)
    monkeypatch.setattr(pages, "ROWS", 7)
    rng = random.Random(5)
    rows = [row for row in _taps(rng, 300) if row[2] == "sichuan"]
    upload = depot.upload("sichuan", rows)
    assert upload.parts > 10
    depot.work()
    seen = depot.seen("sichuan", upload)
    assert (seen.counted, seen.state) == (len(rows), "done")
    assert max(page.rows for page in depot.pages("sichuan")) == 7
    depot.sound()


def test_a_thousand_taps_of_one_card_do_not_stop_the_file(depot: Depot) -> None:
    rows = [tap(n, time=f"{n // 60 % 24:02d}:{n % 60:02d}:00") for n in range(1500)]
    upload = depot.upload("sichuan", rows)
    depot.work()
    assert depot.seen("sichuan", upload).counted == 1500
    depot.sound()


def test_a_part_that_breaks_off_leaves_nothing_and_is_judged_again(
    depot: Depot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake, "PART", 500)
    depot.upload("sichuan", [tap(n, card=f"{n:08X}") for n in range(60)])
    real, calls = judging.store.note, []

    def breaks(notes: Any) -> None:
        calls.append(1)
        if len(calls) == 3:
            raise SystemExit("killed")  # an error would be a setback: test_setbacks.py
        real(notes)

    monkeypatch.setattr(judging.store, "note", breaks)
    with depot.at("sichuan"):
        judging.work()
        judging.work()
        before = (FileRow.objects.count(), Page.objects.count(), Upload.objects.get().part)
        with pytest.raises(SystemExit):
            judging.work()
        assert (FileRow.objects.count(), Page.objects.count(), Upload.objects.get().part) == before
    depot.work()
    assert len(depot.rows("sichuan")) == 60
    depot.sound()


def test_parts_that_were_lost_are_made_again(depot: Depot) -> None:
    upload = depot.upload("sichuan", [tap(n, card=f"{n:08X}") for n in range(20)])
    with depot.at("sichuan"):
        intake.forget_parts(upload.pk)
    depot.work()
    assert depot.seen("sichuan", upload).counted == 20


_JUDGE = """
import sys
from chuanyu.node import cli
cli.django(sys.argv[1])
from chuanyu.clearing.files import judging
print("ready", flush=True)
while judging.work():
    pass
"""


def test_a_worker_killed_again_and_again_judges_every_row_once(depot: Depot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "PART", 4000)
    rng = random.Random(3)
    rows = [tap(n, card=f"{rng.randrange(200):08X}", time=f"{rng.randrange(24):02d}:00:00") for n in range(3000)]
    upload = depot.upload("sichuan", rows)
    place = depot.link.nodes.places["sichuan"]
    env = {**os.environ, "CHUANYU_NODE": "sichuan", "CHUANYU_VAR": str(place.home.parent), "CHUANYU_TODAY": DAY}
    for _ in range(5):
        worker = subprocess.Popen([sys.executable, "-c", _JUDGE, "sichuan"], env=env, stdout=subprocess.PIPE)
        assert worker.stdout is not None and worker.stdout.readline() == b"ready\n"
        time.sleep(rng.random() * 0.4)
        done = worker.poll() is not None
        worker.send_signal(signal.SIGKILL)
        worker.wait()
        if done:
            break
    depot.work()
    seen = depot.seen("sichuan", upload)
    assert (seen.state, seen.counted, seen.total) == (
        "done",
        3000,
        sum(a or 0 for _, a in depot.rows("sichuan").values()),
    )
    assert len(depot.rows("chongqing")) == 3000
    depot.sound()


def test_a_file_made_up_by_the_sample_command_is_what_it_says(depot: Depot, tmp_path: Path) -> None:
    from chuanyu.node.samples import volume

    file = tmp_path / "taps.csv"
    lines = list(volume.taps(rows=3000, operator="sichuan", day=date.fromisoformat(DAY), away=0.5, faults=0.05))
    volume.write(iter(lines), file, total=3000)
    assert lines == list(volume.taps(rows=3000, operator="sichuan", day=date.fromisoformat(DAY), away=0.5, faults=0.05))
    upload = depot.upload("sichuan", file.read_bytes())
    depot.work()
    seen = depot.seen("sichuan", upload)
    assert seen.rows == 3000
    assert seen.counted + seen.duplicates + seen.refused + seen.held == 3000
    assert 0 < seen.duplicates < 100 < seen.refused + seen.duplicates < 250
    depot.sound()


def test_bills_made_up_are_documents_and_cost_what_their_lines_say() -> None:
    import msgspec

    from chuanyu.core.documents import decode
    from chuanyu.node.samples import volume
    from chuanyu.services.health.medical_settlement.documents import Bill

    lines = list(volume.bills(rows=200))
    assert lines == list(volume.bills(rows=200))
    bills = [decode(Bill, msgspec.json.decode(line)) for line in lines]
    assert len({bill.number for bill in bills}) == 200
    assert all(bill.lines and bill.discharged_on > bill.admitted_on for bill in bills)
    assert SERVICE == "transit_card"
