"""No person number, password or token reaches a log line."""

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from chuanyu.node import logs

NUMBER = "500000199001011236"


@pytest.fixture
def lines(tmp_path: Path) -> Iterator[Path]:
    root = logging.getLogger()
    kept, level = root.handlers[:], root.level
    file = tmp_path / "worker.jsonl"
    structlog.contextvars.clear_contextvars()  # a command that ran here before says who gave it
    logs.configure(file, node="sichuan")
    yield file
    for handler in root.handlers:
        handler.close()
    root.handlers[:], root.level = kept, level
    logs.configure(None, node="chongqing")


def read(file: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in file.read_text().splitlines()]


def test_one_json_object_a_line(lines: Path) -> None:
    structlog.get_logger("x").info("took", case="a", n=3)
    logging.getLogger("y").warning("plain %s", "words")
    first, second = read(lines)
    assert first | {"timestamp": ""} == {
        "event": "took",
        "case": "a",
        "n": 3,
        "level": "info",
        "logger": "x",
        "node": "sichuan",
        "timestamp": "",
    }
    assert second["event"] == "plain words" and second["level"] == "warning"


@pytest.mark.parametrize(
    "value", [NUMBER, NUMBER[:-1] + "X", f"number {NUMBER}.", {"deep": [f"<{NUMBER}>"]}, f"号码{NUMBER}的人"]
)
def test_person_numbers_are_hidden(lines: Path, value: object) -> None:
    structlog.get_logger("x").info("found", value=value)
    assert NUMBER[:-1] not in lines.read_text()
    assert "[number]" in lines.read_text()


def test_longer_digits_are_no_person_number() -> None:
    assert logs.redact("1" * 19) == "1" * 19


def test_tracebacks_too(lines: Path) -> None:
    try:
        raise ValueError(f"bad {NUMBER} at postgresql://chuanyu_node:hunter2@/chuanyu")
    except ValueError:
        structlog.get_logger("x").exception("failed", password="hunter2")
    text = lines.read_text()
    assert NUMBER not in text and "hunter2" not in text and "ValueError" in text


@pytest.mark.parametrize("name", ["password", "local_token", "secret_key", "totp_code", "session_cookie"])
def test_values_with_secret_names_are_hidden(lines: Path, name: str) -> None:
    structlog.get_logger("x").info("e", **{name: "hunter2", "nested": {name: "hunter2"}})
    assert "hunter2" not in lines.read_text()
