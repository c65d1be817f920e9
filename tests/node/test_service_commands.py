"""`chuanyu check`, `services` and `decide`, as one types them."""

import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from chuanyu.core.catalogue import catalogue
from chuanyu.node.cli import main

SOUND = Path(__file__).parents[1] / "core/sound"
BROKEN = Path(__file__).parents[1] / "core/broken"
RECORD = {"personal_balance": "16900.37", "years": [{"year": 2021, "months": 10, "wages": "40000.00"}]}


@pytest.fixture
def type_in(monkeypatch: pytest.MonkeyPatch) -> Any:
    def typed(data: Any) -> None:
        raw = data if isinstance(data, bytes) else json.dumps(data).encode()
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(raw)))

    return typed


def test_decide(type_in: Any, capsys: pytest.CaptureFixture[str]) -> None:
    type_in({"account_record": RECORD})
    assert main(["decide", "pension_transfer", "transfer_amount", "--on", "2025-03-03"]) == 0
    assert json.loads(capsys.readouterr().out) == {"outcome": "value", "value": "21700.37"}


def test_decide_at_the_other_node(type_in: Any, capsys: pytest.CaptureFixture[str]) -> None:
    person = {"birth": "1973-06-01", "sex": "male", "household": "511602"}
    outcomes = []
    for node in ("chongqing", "sichuan"):
        type_in({"person": person, "application": {}})
        assert main(["decide", "pension_transfer", "temporary_account", "--on", "2025-03-03", "--at", node]) == 0
        outcomes.append(json.loads(capsys.readouterr().out)["outcome"])
    assert outcomes == ["refuse", "accept"]


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({"account_record": {**RECORD, "personal_balance": "12.345"}}, "account_record.personal_balance: "),
        (
            {"account_record": {**RECORD, "years": [{"year": 1, "months": 1, "wages": "1"}]}},
            "account_record.years[0].year: ",
        ),
        ({}, "account_record: "),
        ({"account_record": RECORD, "letter": {}}, "letter: "),
        (b"{", "the input is not JSON"),
        (b"\xff", "the input is not JSON"),
        (b"[" * 100_000, "the input is not JSON"),
        ([], "the input must be an object"),
        (b" " * (4 * 1024 * 1024 + 1), "the input is larger"),
    ],
)
def test_input_that_does_not_fit(typed: Any, said: str, type_in: Any, capsys: pytest.CaptureFixture[str]) -> None:
    type_in(typed)
    assert main(["decide", "pension_transfer", "transfer_amount", "--on", "2025-03-03"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith(said)
    assert "Traceback" not in captured.err


def test_unknown_service_rule_and_day(type_in: Any, capsys: pytest.CaptureFixture[str]) -> None:
    type_in({})
    assert main(["decide", "pension", "transfer_amount"]) == 2
    assert "pension_transfer" in capsys.readouterr().err
    assert main(["decide", "pension_transfer", "amount"]) == 2
    assert "transfer_amount" in capsys.readouterr().err
    with pytest.raises(SystemExit) as caught:
        main(["decide", "pension_transfer", "transfer_amount", "--on", "2025-02-30"])
    assert caught.value.code == 2
    type_in({"account_record": RECORD})
    assert main(["decide", "pension_transfer", "transfer_amount", "--on", "1990-01-01"]) == 2
    assert "has no value on 1990-01-01" in capsys.readouterr().err


@pytest.mark.parametrize("service", catalogue())
def test_decide_works_for_every_rule(service: str, type_in: Any, capsys: pytest.CaptureFixture[str]) -> None:
    for example in catalogue()[service].examples["decisions"]:
        type_in(example["given"])
        asked = ["--on", example["as_of"], "--at", example.get("at", "chongqing")]
        assert main(["decide", service, example["rule"], *asked]) == 0
        said = json.loads(capsys.readouterr().out)
        assert {key: said[key] for key in example["expect"]} == example["expect"]


def test_check(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check"]) == 0
    assert main(["check", str(SOUND)]) == 0
    assert capsys.readouterr().out == ""
    assert main(["check", str(BROKEN / "chapter")]) == 1
    (line,) = capsys.readouterr().out.splitlines()
    assert "tourism/other/service.yaml:1: " in line
    assert main(["check", "/nowhere"]) == 2


def test_services(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["services"]) == 0
    assert "pension_transfer" in capsys.readouterr().out
    assert main(["services", "--json"]) == 0
    services = {service["key"]: service for service in json.loads(capsys.readouterr().out)}
    assert set(services) == set(catalogue())
    pension = services["pension_transfer"]
    assert pension["documents"]["account_record"]["schema"]["required"] == ["personal_balance", "years"]
    assert "transfer_amount" in {rule["name"] for rule in pension["rules"]}
    assert "applied" in {state["name"] for state in pension["states"]}
