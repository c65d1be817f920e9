"""Every worked example of every service holds, to the fen and to the article."""

from datetime import date
from typing import Any

import pytest

from chuanyu.core.catalogue import catalogue
from chuanyu.core.rules import decide
from chuanyu.core.service import NODES, Service

EXAMPLES = [
    pytest.param(service, example, node, id=f"{service.key}-{index}-{example['rule']}-{node}")
    for service in catalogue().values()
    for index, example in enumerate(service.examples.get("decisions", ()))
    for node in ([example["at"]] if example.get("at") else NODES)  # without a place it holds at both
]


@pytest.mark.parametrize(("service", "example", "node"), EXAMPLES)
def test_decision(service: Service, example: dict[str, Any], node: str) -> None:
    day = date.fromisoformat(example["as_of"])
    decision = decide(service, example["rule"], example["given"], day, node).plain()
    expected = example["expect"]
    if "value" in expected:
        expected = {"outcome": "value", **expected}
    assert {key: decision.get(key) for key in expected} == expected


@pytest.mark.parametrize("service", catalogue().values(), ids=lambda service: service.key)
def test_every_reason_is_shown_by_an_example(service: Service) -> None:
    shown = {example["expect"].get("reason") for example in service.examples["decisions"]}
    own = set(service.declaration.get("reasons", {}))
    assert own <= shown
