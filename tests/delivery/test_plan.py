"""The plan as data: whole, honest about what works, and no service may contradict it."""

from dataclasses import replace
from pathlib import Path

import pytest

from chuanyu.core.catalogue import catalogue
from chuanyu.delivery import queries
from chuanyu.delivery.checks import plan_is_whole
from chuanyu.delivery.plan import FILE, PlanError, disagreements, load
from chuanyu.identity.queries import declared_agencies

# 1-22 as the plan numbers them
SYSTEMS = [2, 2, 5, 4, 4, 3, 6, 6, 6, 4, 5, 3, 7, 3, 5, 5, 4, 5, 7, 0, 2, 4]


def test_the_plan_is_whole() -> None:
    plan = load()
    assert [clause.number for clause in plan.clauses] == list(range(1, 23))
    assert [len(clause.systems) for clause in plan.clauses] == SYSTEMS
    assert sum(SYSTEMS) == 92
    assert plan.number == "渝府办发〔2025〕9号"
    assert plan_is_whole() == []


def test_every_lead_unit_is_an_agency_on_record() -> None:
    on_record = {(agency.node, agency.code) for agency in declared_agencies()}
    named = {(lead.node, lead.code) for clause in queries.plan() for lead in clause.leads}
    assert named <= on_record


def test_texts_are_simplified_and_in_both_languages() -> None:
    text = FILE.read_text(encoding="utf-8")
    assert not set("務養險關係實無與為個開區縣業醫療會") & set(text)
    for clause in queries.plan():
        for said in (clause.name, clause.ask, *(system.name for system in clause.systems)):
            assert said.zh and said.en
            assert said.en.isascii()


def test_what_works_and_what_does_not_yet() -> None:
    clauses = {clause.number: clause for clause in queries.plan()}
    social = clauses[15]
    assert (social.working, social.total) == (sum(system.works for system in social.systems), 5)
    pension = social.systems[1]
    assert pension.works
    assert [service.key for service in pension.services] == ["pension_transfer"]
    assert not social.systems[0].works
    assert {lead.name.zh for lead in social.leads} == {"市人力社保局", "人力资源社会保障厅"}
    assert (clauses[20].leads, clauses[20].systems, clauses[20].total) == ((), (), 0)
    shown = [s.key for c in clauses.values() for s in (*c.others, *(s for y in c.systems for s in y.services))]
    assert sorted(shown) == sorted(catalogue())  # each service once
    assert [service.key for clause in clauses.values() for service in clause.others] == []  # and counted as its system


def test_a_service_that_contradicts_the_plan_is_reported() -> None:
    plan = load()
    pension = catalogue()["pension_transfer"]
    assert disagreements(plan, {"pension_transfer": pension}) == []
    moved = replace(pension, clause=3)
    problems = disagreements(plan, {"pension_transfer": moved})
    assert any("市人力社保局" in problem and "clause 3" in problem for problem in problems)
    assert any("system 15.2" in problem for problem in problems)
    assert disagreements(plan, {"x": replace(pension, key="x", leads={**pension.leads, "sichuan": "教育厅"})})
    assert any("it has none" in problem for problem in disagreements(plan, {"x": replace(pension, key="x", clause=20)}))


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("  - number: 7\n", "  - number: 8\n", "1 to 22"),
        ("section: living", "section: house", "no section 'house'"),
        ('id: "9.2"', 'id: "9.7"', "system 2 is numbered 9.7"),
        ("by: [pool, watch]", "by: [pond]", "no capability 'pond'"),
        ("leads: {chongqing: [sport], sichuan: [sport]}", "leads: {chongqing: [], sichuan: [sport]}", "needs a lead"),
        ("leads: {chongqing: [sport], sichuan: [sport]}", "leads: {chongqing: [sprot], sichuan: [sport]}", "sprot"),
        ("    name: {zh: 体育资源, en: Sport}\n", "", "name"),
    ],
)
def test_a_broken_plan_says_what_is_wrong(tmp_path: Path, old: str, new: str, problem: str) -> None:
    text = FILE.read_text(encoding="utf-8")
    assert old in text
    broken = tmp_path / "plan.yaml"
    broken.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(PlanError) as caught:
        load(broken)
    assert any(problem in one for one in caught.value.problems)
