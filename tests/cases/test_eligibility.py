"""Am I eligible: the clerk's own first rule, before anybody applies; what needs an agency's record is not asked."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from chuanyu.cases import eligibility
from chuanyu.cases.errors import CaseError
from chuanyu.cases.models import Case
from chuanyu.core.catalogue import catalogue
from chuanyu.core.rules import decide

PENSION = catalogue()["pension_transfer"]
DAY = date(2025, 3, 3)


def foresee(application: dict[str, Any], **person: Any) -> Any:
    facts = {"birth": "1988-04-12", "sex": "female"} | person
    return eligibility.foresee(PENSION, {"application": application, "person": facts}, day=DAY, node="sichuan")


def test_it_asks_what_the_first_decision_rests_on() -> None:
    question = eligibility.question(PENSION)
    assert question and (question.act.name, question.rule.name) == ("accept", "may_transfer")
    assert [spec.name for spec in question.asked] == ["application"]
    assert [spec.name for spec in question.known] == ["person"]


@pytest.mark.parametrize(
    ("application", "person", "outcome", "reason"),
    [
        ({}, {}, "accept", ""),
        ({"drawing": True}, {}, "refuse", "已按国家规定领取"),
        ({}, {"birth": "1980-01-01"}, "ask", "户籍所在地"),
        ({}, {"birth": "1980-01-01", "household": "500112"}, "refuse", "临时账户"),
        ({"first_insured_here_on": "2030-01-01"}, {}, "ask", "不可能"),
    ],
)
def test_it_says_what_the_clerks_rule_will_say(
    application: dict[str, Any], person: dict[str, Any], outcome: str, reason: str
) -> None:
    seen = foresee(application, **person)
    assert seen.outcome == outcome and reason in (seen.reason.zh if seen.reason else "")
    facts = {"birth": "1988-04-12", "sex": "female"} | person
    decided = decide(PENSION, "may_transfer", {"application": application, "person": facts}, DAY, "sichuan")
    assert (decided.outcome.outcome, decided.outcome.ref) == (seen.outcome, seen.ref)
    assert set(decided.used) == set(seen.parameters)


def test_what_is_wrong_is_said_at_its_field() -> None:
    with pytest.raises(CaseError) as caught:
        foresee({"first_insured_here_on": "2025-02-30"}, birth="gestern")
    assert {field.path for field in caught.value.fields} == {"application.first_insured_here_on", "person.birth"}


def test_a_day_without_figures_is_said() -> None:
    with pytest.raises(CaseError) as caught:
        eligibility.foresee(
            PENSION,
            {"application": {}, "person": {"birth": "1960-01-01", "sex": "male"}},
            day=date(1999, 1, 1),
            node="sichuan",
        )
    assert "还没有公布" in caught.value.fields[0].message.zh


def test_what_needs_an_agencys_record_is_not_asked() -> None:
    assert eligibility.question(catalogue()["service_rating"]) is None  # nothing to apply for
    procedure = PENSION.procedure
    assert procedure
    later = replace(PENSION, procedure=replace(procedure, start_state="requested"))  # its act takes the record
    assert eligibility.question(later) is None
    with pytest.raises(CaseError):
        eligibility.foresee(later, {}, day=DAY, node="sichuan")


@pytest.mark.parametrize("service", ["family_wallet", "gaozhu_pilot", "provident_fund_transfer"])
def test_what_may_need_an_agencys_record_is_not_asked_either(service: str) -> None:
    """Without it the rule would refuse everybody: that is no answer to give."""
    assert eligibility.question(catalogue()[service]) is None


@pytest.mark.django_db
def test_nothing_is_stored() -> None:
    foresee({})
    assert not Case.objects.exists()
