"""`chuanyu compact` and `chuanyu register`: what two operators do, each at their own node, with a file between them."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from chuanyu.core.service import NODES
from chuanyu.exchange import compact as agreement
from chuanyu.exchange import installed, keys, queries
from chuanyu.exchange.models import Compact as Row
from chuanyu.identity import vault
from chuanyu.node import cli
from link import Link

NUMBER = "500000198506150044"


class Operator:
    """Types commands at one node."""

    def __init__(self, link: Link, settings: Any, capsys: pytest.CaptureFixture[str]) -> None:
        self.link, self.settings, self.capsys = link, settings, capsys

    def __call__(self, node: str, *words: str | Path) -> str:
        """The output; the sentence of a refusal is raised as cli.Stop."""
        command = cli.load(str(words[0]))
        options = cli.parser(str(words[0])).parse_args([*map(str, words), "--at", node])
        self.settings.PLACE = self.link.nodes.places[node]
        self.capsys.readouterr()
        with self.link.at(node):
            code = command.run(options)
        out, err = self.capsys.readouterr()
        assert code == 0, err
        return out


@pytest.fixture
def operator(
    link: Link, settings: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Operator:
    monkeypatch.setattr(cli, "django", lambda *args, **parts: None)
    return Operator(link, settings, capsys)


@pytest.fixture
def homes(link: Link) -> Any:
    """The homes' compact and keys as they were, so that other tests begin with them."""
    kept = {node: (link.nodes.places[node].home / installed.FILE).read_bytes() for node in NODES}
    yield link
    for node, body in kept.items():
        (link.nodes.places[node].home / installed.FILE).write_bytes(body)


def test_a_key_is_rotated_by_two_operators(operator: Operator, homes: Link, tmp_path: Path) -> None:
    file = tmp_path / "next.json"
    with homes.at("sichuan"):
        before = installed.current()
        held = keys.load(homes.nodes.places["sichuan"].home, "sichuan")
    lines = operator(
        "sichuan", "compact", "propose", "--output", file, "--rotate", "signing", "--begin", "0"
    ).splitlines()
    assert lines[0] == f"Version {before.version} → {before.version + 1}"
    assert any(line.startswith("+ key sichuan-") for line in lines) and any("counts until" in line for line in lines)
    with pytest.raises(cli.Stop, match="not signed by chongqing"):
        operator("chongqing", "compact", "verify", file)
    operator("sichuan", "compact", "sign", file)
    assert "密钥 sichuan-" in operator("chongqing", "compact", "diff", file, "--language", "zh")
    with pytest.raises(cli.Stop, match="not signed by chongqing"):
        operator("chongqing", "compact", "install", file)
    assert "chongqing, sichuan" in operator("chongqing", "compact", "sign", file)
    assert "fit to install" in operator("chongqing", "compact", "verify", file)
    for node in NODES:
        assert f"Compact {before.version + 1} is in force" in operator(node, "compact", "install", file)
    with homes.at("sichuan"):
        now = keys.load(homes.nodes.places["sichuan"].home, "sichuan")
        assert now.signer(installed.current()).id not in held.signers
    assert f"{before.version + 1}  " in operator("chongqing", "compact", "show")
    shown = agreement.parse_signed(operator("chongqing", "compact", "show", "--json"))
    agreement.verify(shown, trusted=before, now=shown.compact.issued)
    with pytest.raises(cli.Stop, match="not newer"):
        operator("chongqing", "compact", "install", file)


def test_two_operators_make_the_first_compact(operator: Operator, homes: Link, tmp_path: Path) -> None:
    for node in NODES:
        with homes.at(node):
            Row.objects.all().delete()
    with pytest.raises(cli.Stop, match="no compact installed"):
        operator("chongqing", "compact", "show")
    one, both = tmp_path / "one.json", tmp_path / "both.json"
    operator("chongqing", "compact", "propose", "--output", one)
    operator("sichuan", "compact", "propose", "--join", one, "--output", both)
    operator("sichuan", "compact", "sign", both)
    operator("chongqing", "compact", "sign", both)
    digest = operator("chongqing", "compact", "verify", both).split()[-1]
    with pytest.raises(cli.Stop, match=digest):
        operator("chongqing", "compact", "install", both)
    for node in NODES:
        operator(node, "compact", "install", both, "--trust", digest)
    with pytest.raises(cli.Stop, match="can't be read"):
        operator("chongqing", "compact", "diff", tmp_path / "missing.json")


def test_a_register_file_is_entered_or_every_error_named(operator: Operator, homes: Link, tmp_path: Path) -> None:
    file = tmp_path / "records.csv"
    head = "person,valid_from,personal_balance,years.1.year,years.1.months,years.1.wages\n"
    file.write_text(head + f"{NUMBER},2025-01-01,16900.37,2021,10,40000.00\n{NUMBER},2025-01-01,x,2021,10,1\n")
    words = ("register", "import", file, "--agency", "hrss", "--document", "pension_transfer.account_record")
    with pytest.raises(cli.Stop, match="1 errors; nothing was imported"):
        operator("chongqing", *words)
    assert "records.csv:3: personal_balance: " in operator.capsys.readouterr().err
    file.write_text(head + f"{NUMBER},2025-01-01,16900.37,2021,10,40000.00\n", encoding="gb18030")
    assert operator("chongqing", *words) == "1 rows entered.\n"
    with homes.at("chongqing"):
        person = vault.find(NUMBER)
        assert person and queries.register("hrss", "pension_transfer.account_record", person, date(2025, 5, 1))
    with pytest.raises(cli.Stop, match="no agency mint"):
        operator(
            "chongqing", "register", "import", file, "--agency", "mint", "--document", "pension_transfer.account_record"
        )
    with pytest.raises(cli.Stop, match="No service declares"):
        operator("chongqing", "register", "import", file, "--agency", "hrss", "--document", "pension_transfer.x")
    with pytest.raises(cli.Stop, match="can't be read"):
        operator("chongqing", "register", "import", tmp_path / "no.csv", "--agency", "hrss", "--document", "a.b")
