"""Rules: what a decorated function says of itself, and the one way to run it."""

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from chuanyu.core import outcomes
from chuanyu.core.catalogue import load
from chuanyu.core.documents import DocumentError
from chuanyu.core.money import Amount, Money
from chuanyu.core.outcomes import Outcome
from chuanyu.core.parameters import NoParameter, Parameter, Parameters, Value
from chuanyu.core.rules import RuleError, UnknownRule, decide, plain_outcome, plain_value, rule
from chuanyu.core.service import Rule, Service
from chuanyu.core.text import Text

DAY = date(2025, 3, 3)
RECORD = {"record": {"years": [{"year": 2023, "wages": "100.04"}, {"year": 2024, "wages": "0.01"}]}}


@pytest.fixture(scope="module")
def service() -> Service:
    return load(Path(__file__).parent / "sound")["sample"]


def test_a_rule_says_what_it_takes(service: Service) -> None:
    found = service.rules["may_move"]
    assert found.documents == ("request", "person")
    assert found.optional == {"person"}
    assert (found.wants_day, found.wants_parameters, found.on) == (True, False, "application")
    assert found.outcomes == ("accept", "refuse")
    assert found.title == "Nobody asks tomorrow."
    assert service.rules["amount"].on == "event"


def test_amount_is_rounded_once_and_parameters_are_remembered(service: Service) -> None:
    decision = decide(service, "amount", RECORD, DAY, "chongqing")
    assert decision.outcome == outcomes.value(Money(1201))  # 0.12 × 100.05 = 12.006
    assert decision.plain() == {"outcome": "value", "value": "12.01"}
    assert decision.used == {"rate": {"value": "0.12", "since": "2024-01-01", "ref": "act-1#1", "certainty": "likely"}}


def test_day_and_node_choose_the_parameters(service: Service) -> None:
    given = {"record": {"years": [{"year": 2020, "wages": "100.00"}]}}
    assert decide(service, "amount", given, date(2023, 12, 31), "chongqing").plain()["value"] == "10.00"
    assert decide(service, "amount", given, date(2024, 1, 1), "chongqing").plain()["value"] == "12.00"
    assert decide(service, "amount", given, date(2024, 1, 1), "sichuan").plain()["value"] == "11.00"
    with pytest.raises(NoParameter):
        decide(service, "amount", given, date(2019, 12, 31), "sichuan")


def test_a_running_case_brings_its_own_parameters(service: Service) -> None:
    value = Value(since=date(2000, 1, 1), value="1", ref="", certainty="sure")
    rate = Parameter(key="rate", title=Text("比例", "Share"), unit="ratio", values=(value,))
    decision = decide(service, "amount", RECORD, DAY, "sichuan", parameters={"rate": rate})
    assert decision.plain()["value"] == "100.05"


def test_refusal_has_reason_and_ref(service: Service) -> None:
    decision = decide(service, "may_move", {"request": {"asked_on": "2025-03-04"}}, DAY, "sichuan")
    assert decision.plain() == {"outcome": "refuse", "reason": "too_late", "ref": "act-1#1"}


def test_every_wrong_field_is_reported(service: Service) -> None:
    given = {"request": {"asked_on": "2025-02-30"}, "person": {"birth": "1990-01-01", "sex": "x"}, "letter": {}}
    with pytest.raises(DocumentError) as caught:
        decide(service, "may_move", given, DAY, "sichuan")
    assert [error.path for error in caught.value.errors] == ["letter", "request.asked_on", "person.sex"]


def test_missing_document(service: Service) -> None:
    with pytest.raises(DocumentError) as caught:
        decide(service, "amount", {}, DAY, "sichuan")
    assert [(error.path, error.code) for error in caught.value.errors] == [("record", "required")]


def test_documents_of_the_case_a_rule_does_not_take_are_left_unread(service: Service) -> None:
    assert decide(service, "amount", RECORD | {"request": "?"}, DAY, "sichuan").outcome.outcome == "value"


def test_unknown_rule(service: Service) -> None:
    with pytest.raises(UnknownRule):
        decide(service, "amounts", {}, DAY, "sichuan")


def only(function: Any, service: Service) -> Service:
    fields = {name: getattr(service, name) for name in Service.__dataclass_fields__}
    found: Rule = function.__rule__
    return Service(**fields | {"rules": {found.name: found}})


@pytest.mark.parametrize("given", [outcomes.refuse("x", "y"), 1.5, None, object()])
def test_a_rule_that_breaks_its_word(given: Any, service: Service) -> None:
    @rule(outcomes="accept value")
    def broken() -> Any:
        """Gives what it has not declared."""
        return given

    with pytest.raises(RuleError):
        decide(only(broken, service), "broken", {}, DAY, "sichuan")


def test_an_amount_inside_an_outcome_is_rounded_too(service: Service) -> None:
    @rule(outcomes="value")
    def half() -> Outcome:
        """Half a fen."""
        return outcomes.value(Money(1) * Decimal("0.5"), "act-1#1")

    assert decide(only(half, service), "half", {}, DAY, "sichuan").outcome == outcomes.value(Money(1), "act-1#1")


def test_plain_values() -> None:
    assert plain_value(Money(4_066_037)) == "40660.37"
    assert plain_value(date(2025, 3, 3)) == "2025-03-03"
    assert plain_value(Decimal("1E+2")) == "100"
    assert plain_value((1, True, "x")) == [1, True, "x"]
    for wrong in (1.5, Amount, {"a": 1}, None):
        with pytest.raises(TypeError):
            plain_value(wrong)
    assert plain_outcome(outcomes.value(0)) == {"outcome": "value", "value": 0}
    assert plain_outcome(outcomes.duplicate("42")) == {"outcome": "duplicate", "reason": "duplicate", "value": "42"}


@pytest.mark.parametrize("wrong", ["", "accept accept", "yes"])
def test_outcomes_are_out_of_the_list(wrong: str) -> None:
    with pytest.raises(TypeError):
        rule(outcomes=wrong)


def test_a_rule_takes_plain_arguments_and_counts_by_a_known_day() -> None:
    with pytest.raises(TypeError):
        rule(outcomes="accept", on="birthday")
    with pytest.raises(TypeError):

        @rule(outcomes="accept")
        def anything(*documents: Any, p: Parameters) -> Outcome:
            return outcomes.accept()
