"""What samples.py makes up: valid documents, the same again from the same seed, plausible and never empty."""

import importlib
import inspect
from collections.abc import Callable
from datetime import date
from random import Random

import pytest

from chuanyu.core.catalogue import catalogue
from chuanyu.core.documents import Document, Person, Sex, decode, encode
from chuanyu.core.rules import decide
from chuanyu.core.service import Service

Make = Callable[[Random, Person], Document]


def _makers() -> list[tuple[Service, str, Make]]:
    found = []
    for service in catalogue().values():
        if (service.folder / "samples.py").exists():
            module = importlib.import_module(f"chuanyu.services.{service.chapter}.{service.key}.samples")
            found += [
                (service, name, make)
                for name, make in inspect.getmembers(module, inspect.isfunction)
                if make.__module__ == module.__name__
            ]
    return found


@pytest.mark.parametrize(("service", "name", "make"), _makers(), ids=lambda item: getattr(item, "key", None))
def test_samples(service: Service, name: str, make: Make) -> None:
    assert service.documents[name].register
    for seed in range(200):
        person = Person(birth=date(1955 + seed % 50, 1 + seed % 12, 1 + seed % 28), sex=Sex.female)
        made = make(Random(seed), person)
        assert made == make(Random(seed), person)
        assert decode(service.documents[name].cls, encode(made)) == made


def test_sample_records_may_be_released() -> None:
    for seed in range(100):
        person = Person(birth=date(1970 + seed % 35, 3, 3), sex=Sex.male)
        for service, name, make in _makers():
            rule = {"pension_transfer": "may_release", "unemployment_transfer": "may_hand_over"}.get(service.key)
            if rule is None:
                continue
            record = encode(make(Random(seed), person))
            assert decide(service, rule, {name: record}, date(2025, 3, 3), "chongqing").outcome.outcome == "accept"
