"""The log read back: every leaf recomputed, growth proven, the past unchangeable, a message proven to anyone, offline."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from door import THEM, US, Door, envelope

from chuanyu.core.canonical import canonical
from chuanyu.exchange import log, merkle
from chuanyu.exchange.log import Entry, Evidence, LogError, from_row
from chuanyu.node import cli
from link import Link

NOW = datetime(2026, 11, 23, tzinfo=UTC)


def row(number: int, **change: Any) -> dict[str, Any]:
    """A stored row with its right leaf; `change` is applied after the leaf was made."""
    made = {
        "idx": number,
        "at": NOW,
        "direction": "received",
        "message": "0193a0e2-0000-7000-8000-000000000000",
        "peer": "sichuan",
        "from_agency": "sichuan/hrss",
        "to_agency": "chongqing/hrss",
        "service": "pension_transfer",
        "action": "case.events",
        "purpose": "pension_transfer",
        "basis": ["gbf-2009-66"],
        "fields": ["application"],
        "subject": None,
        "digest": "00" * 32,
        "signature": "",
        "key_id": "",
        "status": 0,
        "code": f"row {number}",
    }
    return {**made, "leaf": from_row(made).leaf, **change}


def rows(count: int) -> list[dict[str, Any]]:
    return [row(number) for number in range(count)]


def test_an_entry_is_canonical_json() -> None:
    entry = from_row(row(3))
    assert entry.data == canonical(msgspec.to_builtins(entry))
    assert list(Entry.__struct_fields__) == sorted(Entry.__struct_fields__)
    assert entry.leaf == merkle.leaf_hash(entry.data)


@pytest.mark.parametrize("name", log.COLUMNS)
def test_every_column_counts(name: str) -> None:
    changed = {"at": NOW.replace(microsecond=1), "status": 7, "basis": [], "fields": [], "subject": "x"}
    changed["message"] = log.NOBODY
    with pytest.raises(LogError, match="row 1 was changed"):
        log.verify([row(0), row(1, **{name: changed.get(name, "other")}), row(2)], None, now=NOW)


def test_a_log_that_grew_is_well(tmp_path: Path) -> None:
    file = tmp_path / "head.json"
    assert log.read_head(file) is None
    for size in (0, 1, 5, 5, 8):
        head, tree = log.verify(rows(size), log.read_head(file), now=NOW)
        log.keep_head(file, head)
        assert (head.size, head.root) == (size, tree.root().hex())
    assert log.read_head(file) == head


@pytest.mark.parametrize(
    ("found", "words"),
    [
        ([row(0), row(2)], "row 1 is missing"),
        ([row(1)], "row 0 is missing"),
        (rows(4), "its end was cut off"),
        ([*rows(4), row(4, code="new", leaf=from_row(row(4) | {"code": "new"}).leaf)], "the past was rewritten"),
    ],
)
def test_a_log_that_lost_or_changed_rows_is_not(found: list[dict[str, Any]], words: str) -> None:
    """The last one is consistent in itself: row and leaf both new. Only the head of before tells."""
    head, _ = log.verify(rows(5), None, now=NOW)
    with pytest.raises(LogError, match=words):
        log.verify(found, head, now=NOW)


@pytest.fixture
def door(link: Link) -> Door:
    return Door(link.nodes)


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, door: Door, capsys: pytest.CaptureFixture[str]) -> Any:
    """Run `chuanyu log …` at Chongqing: (exit code, stdout, stderr)."""
    monkeypatch.setattr(cli, "django", lambda *_: None)

    def run(*arguments: str) -> tuple[int, str, str]:
        with door.nodes.at(US):
            code = cli.main(["log", *arguments])
        out = capsys.readouterr()
        return code, out.out, out.err

    return run


def test_the_command_verifies_and_remembers(door: Door, command: Any) -> None:
    door.knock(envelope())
    code, said, _ = command("verify")
    assert code == 0 and "chongqing: 2 rows, no gap, every leaf right" in said
    door.knock(envelope())
    code, said, _ = command("verify")
    assert code == 0 and "4 rows" in said and "2 more than on" in said
    head = door.nodes.places[US].home / "log-head.json"
    head.write_bytes(msgspec.json.encode(log.Head(4, "00" * 32, "then")))
    code, said, error = command("verify")
    assert code == 1 and "the past was rewritten" in error and not said
    head.unlink()


def test_a_message_is_proven_offline(door: Door, command: Any, tmp_path: Path) -> None:
    sent, file = envelope(), tmp_path / "proof.json"
    door.knock(envelope(), sent, envelope())
    door.knock(sent)
    _, proof, _ = command("prove", sent.id)
    file.write_text(proof)
    code, said, _ = command("check", str(file))
    assert code == 0
    lines = said.splitlines()
    assert sent.id in lines[0] and "8 rows" in lines[0]
    directions = [line.split()[2] for line in lines[1:5]]
    assert directions == ["received", "answer_sent", "received", "answer_sent"]
    assert all(f"signed by {node}-" in line for node, line in zip((THEM, US, THEM, US), lines[1:5], strict=True))
    root = json.loads(proof)["root"]
    assert command("check", str(file), "--root", root)[0] == 0
    code, _, error = command("check", str(file), "--root", "00" * 32)
    assert code == 1 and "not to the one given" in error


def wrong_entry(proof: dict[str, Any]) -> None:
    proof["places"][0]["entry"]["purpose"] = "curiosity"


def wrong_place(proof: dict[str, Any]) -> None:
    proof["places"][0]["index"] += 1


def wrong_root(proof: dict[str, Any]) -> None:
    proof["root"] = "00" * 32


def wrong_key(proof: dict[str, Any]) -> None:
    first, second = proof["keys"].values()
    first["public"], second["public"] = second["public"], first["public"]


def wrong_address(proof: dict[str, Any]) -> None:
    proof["uris"][US] = ["https://elsewhere.example/exchange/v1/message"]


def no_hex(proof: dict[str, Any]) -> None:
    proof["root"] = "root"


@pytest.mark.parametrize("change", [wrong_entry, wrong_place, wrong_root, wrong_key, wrong_address, no_hex])
def test_a_changed_proof_proves_nothing(door: Door, command: Any, tmp_path: Path, change: Any) -> None:
    sent, file = envelope(), tmp_path / "proof.json"
    door.knock(sent, envelope())
    proof = json.loads(command("prove", sent.id)[1])
    change(proof)
    file.write_text(json.dumps(proof))
    code, _, error = command("check", str(file))
    assert code == 1 and error.startswith("chuanyu log: ") and len(error.splitlines()) == 1


def test_a_message_moved_into_another_proof_is_seen(door: Door, command: Any) -> None:
    one, other = envelope(), envelope()
    door.knock(one, other)
    proofs = [msgspec.json.decode(command("prove", each.id)[1], type=Evidence) for each in (one, other)]
    mixed = msgspec.structs.replace(proofs[0], places=proofs[1].places)
    with pytest.raises(LogError, match="is about another message"):
        log.check(mixed)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("prove", "nonsense"), "is no message id"),
        (("prove", "0193a0e2-0000-7000-8000-000000000000"), "has no message"),
        (("check", "/nonexistent"), "can't be read"),
        (("check", __file__), "is no proof"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence(command: Any, arguments: tuple[str, ...], words: str) -> None:
    code, said, error = command(*arguments)
    assert code == 1 and words in error and not said and "Traceback" not in error
