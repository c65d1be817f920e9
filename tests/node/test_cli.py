"""The command line: every sub-command explains itself, errors are sentences."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from chuanyu.node import cli


@pytest.mark.parametrize("name", cli.names())
def test_every_command_explains_itself(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main([name, "--help"])
    assert ended.value.code == 0
    shown = capsys.readouterr().out
    assert name in shown
    assert cli.load(name).HELP.strip()


def test_the_manual_has_every_command_and_no_other() -> None:
    manual = (Path(__file__).parents[2] / "docs" / "how-to" / "operate.md").read_text()
    assert set(re.findall(r"^\| `chuanyu (\w+)", manual, re.MULTILINE)) == set(cli.names())


def test_an_error_is_a_sentence(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "chuanyu.node.cli", "migrate"],
        env={"CHUANYU_VAR": str(tmp_path), "PATH": "/usr/bin"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "is not set up yet" in done.stderr


def test_debug_shows_where(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "chuanyu.node.cli", "--debug", "migrate"],
        env={"CHUANYU_VAR": str(tmp_path), "PATH": "/usr/bin"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1 and "Traceback" in done.stderr


def test_unknown_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["dance"])
    assert ended.value.code == 2
    assert "dance" in capsys.readouterr().err
