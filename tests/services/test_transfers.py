"""The two transfers beyond their examples: terms on real calendars, input that doesn't fit, amounts for any record."""

from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chuanyu.core.catalogue import catalogue
from chuanyu.core.days import add_working_days
from chuanyu.core.documents import DocumentError
from chuanyu.core.money import Money
from chuanyu.core.parameters import Parameters
from chuanyu.core.rules import decide

DAY = date(2025, 3, 3)

years = st.lists(
    st.fixed_dictionaries(
        {
            "year": st.integers(min_value=1992, max_value=2024),
            "months": st.integers(min_value=1, max_value=12),
            "wages": st.integers(min_value=0, max_value=10**10).map(lambda fen: str(Money(fen))),
        }
    ),
    max_size=30,
)


def test_the_three_steps_of_a_pension_transfer_on_the_calendar_of_2025() -> None:
    pension = catalogue()["pension_transfer"]
    assert pension.procedure is not None
    received = DAY
    due = []
    for state in ("applied", "requested", "released"):  # each step taken on its last day
        term = pension.procedure.states[state].term
        assert term is not None
        received = add_working_days(received, getattr(Parameters(pension.parameters, DAY, "sichuan"), term)).date
        due.append(received)
    assert due == [date(2025, 3, 24), date(2025, 4, 15), date(2025, 5, 8)]


@pytest.mark.parametrize("key", ["pension_transfer", "unemployment_transfer"])
def test_every_waiting_state_has_a_term_on_any_day_a_case_can_have(key: str) -> None:
    service = catalogue()[key]
    assert service.procedure is not None
    for node in ("chongqing", "sichuan"):
        for state in service.procedure.states.values():
            if not state.final:
                assert state.term is not None
                assert getattr(Parameters(service.parameters, DAY, node), state.term) > 0


@given(years, st.integers(min_value=0, max_value=10**12))
@settings(max_examples=60)
def test_the_pension_amount_is_exact_for_any_record(rows: list[dict[str, Any]], balance: int) -> None:
    record = {"personal_balance": str(Money(balance)), "years": rows}
    decision = decide(catalogue()["pension_transfer"], "transfer_amount", {"account_record": record}, DAY, "chongqing")
    wages = sum(Fraction(row["wages"]) * 100 for row in rows if row["year"] >= 1998)
    exact = balance + wages * Fraction(12, 100)
    assert decision.outcome.value == Money(int(exact + Fraction(1, 2)))
    assert decision.used["pooled_rate"]["certainty"] == "sure"


@given(st.integers(min_value=0, max_value=720), st.integers(min_value=0, max_value=24))
def test_the_unemployment_amount_never_goes_below_zero(paid: int, drawn: int) -> None:
    given_documents = {"application": {}, "insurance_record": {"paid_months": paid, "drawn_months": drawn}}
    decision = decide(catalogue()["unemployment_transfer"], "transfer_amount", given_documents, DAY, "chongqing")
    longest = 24 if paid >= 120 else 18 if paid >= 60 else 12 if paid >= 12 else 0
    assert decision.outcome.value == (Money.yuan(1650) * max(0, longest - drawn) * Decimal("1.5")).to_fen()


@pytest.mark.parametrize(
    ("key", "rule", "documents", "path"),
    [
        ("pension_transfer", "transfer_amount", {}, "account_record"),
        ("pension_transfer", "transfer_amount", {"account_record": {"years": []}}, "account_record.personal_balance"),
        (
            "pension_transfer",
            "transfer_amount",
            {"account_record": {"personal_balance": "1", "years": [{"year": 2021, "months": 13, "wages": "1"}]}},
            "account_record.years[0].months",
        ),
        (
            "pension_transfer",
            "transfer_amount",
            {"account_record": {"personal_balance": "-1.00", "years": []}},
            "account_record.personal_balance",
        ),
        (
            "pension_transfer",
            "place_of_entitlement",
            {"person": {"birth": "1968-02-01", "sex": "male"}, "insurance_history": {"periods": [{"place": "5000"}]}},
            "insurance_history.periods[0].place",
        ),
        (
            "unemployment_transfer",
            "benefit_months",
            {"insurance_record": {"paid_months": -1}},
            "insurance_record.paid_months",
        ),
    ],
)
def test_input_that_does_not_fit_names_its_field(key: str, rule: str, documents: dict[str, Any], path: str) -> None:
    with pytest.raises(DocumentError) as caught:
        decide(catalogue()[key], rule, documents, DAY, "chongqing")
    assert path in [error.path for error in caught.value.errors]
