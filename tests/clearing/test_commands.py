"""`chuanyu clearing`: what it prints, and that it names whose account gave the command."""

import os
import pwd
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from depot import DAY, SERVICE, Depot, csv_of, tap

from chuanyu.clearing.files import store
from chuanyu.clearing.models import RowNote, Upload
from chuanyu.identity import actor
from chuanyu.node import cli
from link import Link

WHO = f"system:{pwd.getpwuid(os.getuid()).pw_name}"


@pytest.fixture
def depot(link: Link, monkeypatch: pytest.MonkeyPatch) -> Iterator[Depot]:
    monkeypatch.setenv("CHUANYU_TODAY", DAY)
    monkeypatch.delenv("SUDO_USER", raising=False)
    monkeypatch.setattr(cli, "django", lambda node=None, **_: None)
    yield Depot(link)
    structlog.contextvars.clear_contextvars()


def said(depot: Depot, capsys: pytest.CaptureFixture[str], *words: str, node: str = "sichuan", code: int = 0) -> str:
    """What `chuanyu clearing …` prints at a node."""
    capsys.readouterr()
    with depot.at(node):
        assert cli.main(["clearing", *words, "--at", node]) == code
    out, err = capsys.readouterr()
    return out + err


def test_who_gave_the_command_is_kept_with_the_file_and_the_decision(
    depot: Depot, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / "taps.csv"
    file.write_bytes(csv_of([tap(1), tap(2, day="2025-05-20")]))
    assert "2 rows" in said(depot, capsys, "upload", str(file), "--service", SERVICE)
    depot.work()
    with depot.at("sichuan"):
        assert Upload.objects.get().by == f"sichuan/{WHO}"
    held = said(depot, capsys, "held", "--service", SERVICE)
    row = held.split()[0]
    assert "line 3" in held
    said(depot, capsys, "held", "--service", SERVICE, "--release", row, "--reason", "终端故障，补传")
    with depot.at("sichuan"):
        assert RowNote.objects.get(kind="released").by == f"sichuan/{WHO}"
    assert structlog.contextvars.get_contextvars()["by"] == f"sichuan/{WHO}"  # with every line of the log


@pytest.mark.parametrize(
    ("uid", "sudo", "name"), [(0, "", "root"), (0, "anna", "anna"), (1, "anna", None), (98765, "", "98765")]
)
def test_whose_account_it_is(monkeypatch: pytest.MonkeyPatch, uid: int, sudo: str, name: str | None) -> None:
    """Who became root by sudo is named; nobody else can claim to be somebody by a variable."""
    monkeypatch.setattr(os, "getuid", lambda: uid)
    monkeypatch.setenv("SUDO_USER", sudo)
    assert actor.account() == (name or pwd.getpwuid(uid).pw_name)


def test_open_windows_show_what_the_ledger_has_now(depot: Depot, capsys: pytest.CaptureFixture[str]) -> None:
    depot.upload("sichuan", [tap(1), tap(2, card="FFFFFFFF")])
    depot.work()
    line = said(depot, capsys, "windows", node="chongqing")
    assert "open" in line and "we pay 3.60 in 1, they pay 0.00 in 0 so far" in line
    depot.next_day()
    depot.work()
    line = said(depot, capsys, "windows", node="chongqing")
    assert "closed" in line and "we pay 3.60 in 1, they pay 0.00 in 0" in line and "so far" not in line


def test_what_fails_is_listed_with_its_reason_and_tried_anew(
    depot: Depot, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    put = store.put

    def failing(service: str, rows: object) -> None:
        raise OSError("the disk has a hole here")

    monkeypatch.setattr(store, "put", failing)
    monkeypatch.setattr("chuanyu.clearing.files.setbacks.TRIES", 1)
    made = depot.upload("sichuan", [tap(1)])
    depot.work()
    listed = said(depot, capsys, "files")
    assert "aside" in listed and "part 0 of 1, 1 rows: failed 1 times, set aside" in listed and "a hole here" in listed
    monkeypatch.setattr(store, "put", put)
    assert "tried anew" in said(depot, capsys, "retry", str(made.pk))
    depot.work()
    assert "done" in said(depot, capsys, "files") and "aside" not in said(depot, capsys, "files")
    assert "搁置" in said(depot, capsys, "retry", str(made.pk), code=1)
