"""The counter's door: the worklist, the desk, the step, and the person who stands there."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from markup import hidden, read

from chuanyu.cases.models import Case, CaseDocument
from chuanyu.identity.models import Reveal

pytestmark = pytest.mark.django_db

Staff = Callable[[str], Client]


@pytest.mark.parametrize("language", ["zh-hans", "en"])
def test_the_worklist_shows_what_waits_and_filters(filed: str, staff: Staff, language: str) -> None:
    clerk = staff("clerk")
    clerk.cookies["chuanyu_language"] = language
    case = Case.objects.get()
    assert case.reference in read(clerk.get("/counter/")).text
    for query, there in (
        ("service=pension_transfer", True), ("state=applied", True), ("state=released", False), ("overdue=1", False),
        (f"q={case.reference}", True), ("q=CY-0000", False), ("service=unemployment_transfer", False),
    ):  # fmt: skip
        assert (case.reference in read(clerk.get(f"/counter/?{query}")).text) == there, query
    assert "<html" not in clerk.get("/counter/", headers={"HX-Request": "true"}).content.decode()


@pytest.mark.parametrize(
    "query", ["q=%00", "state=%00&service=%00", "q='; DROP TABLE cases_case; --", "q=%25", "service=x&state=y"]
)
def test_a_filter_that_means_nothing_breaks_nothing(filed: str, staff: Staff, query: str) -> None:
    assert read(staff("clerk").get(f"/counter/?{query}"))


def test_what_is_late_is_marked_and_counted(filed: str, staff: Staff) -> None:
    Case.objects.update(due="2025-01-10")
    page = read(staff("clerk").get("/counter/?overdue=1"))
    assert "已逾期 1" in page.text and Case.objects.get().reference in page.text
    for role, shows in (("officer", True), ("office", True)):
        page = read(staff(role).get("/office/overdue/"))
        assert (Case.objects.get().reference in page.text) == shows


def test_the_desk_shows_the_papers_the_law_and_what_the_rule_says(filed: str, staff: Staff) -> None:
    before = Reveal.objects.count()
    page = read(staff("clerk").get(f"/counter/{filed}/"))
    for said in ("测试小雪", "转移接续申请表", "规则的回答", "可以办理", "国办发〔2009〕66号", "办理经过"):
        assert said in page.text, said
    assert Reveal.objects.count() > before  # looking is written down


def test_the_sentence_the_applicant_will_read_is_there_before_the_step(filed: str, staff: Staff) -> None:
    row = CaseDocument.objects.get()
    CaseDocument.objects.filter(pk=row.pk).update(body=row.body | {"drawing": True})
    page = read(staff("clerk").get(f"/counter/{filed}/"))
    assert "不予办理" in page.text and "申请人会读到" in page.text and "养老保险关系不再转移" in page.text


def test_accepting_hands_the_case_over(filed: str, staff: Staff, resident: Client) -> None:
    clerk = staff("clerk")
    page = read(clerk.get(f"/counter/{filed}/"))
    answer = clerk.post(f"/counter/{filed}/acts/accept/", desk(page, filed, "accept"), follow=True)
    assert "“受理”已完成" in read(answer).text
    case = Case.objects.get()
    assert (case.state, case.owner) == ("requested", "sichuan/hrss")
    tracker = read(resident.get(f"/cases/{filed}/"))
    assert "已移交对方" in tracker.text and "四川省人力资源和社会保障厅" in tracker.text
    assert "正在送往对方" in tracker.text


def test_a_stale_desk_does_nothing(filed: str, staff: Staff) -> None:
    clerk = staff("clerk")
    sent = desk(read(clerk.get(f"/counter/{filed}/")), filed, "accept")
    clerk.post(f"/counter/{filed}/acts/accept/", sent)
    again = clerk.post(f"/counter/{filed}/acts/accept/", sent)
    assert again.status_code == 409 and read(again)
    assert clerk.post(f"/counter/{filed}/acts/no_such_act/", sent).status_code == 409
    assert clerk.get(f"/counter/{filed}/acts/accept/").headers["Location"] == f"/counter/{filed}/"


def test_a_step_with_a_sentence_needs_the_sentence(filed: str, staff: Staff, resident: Client) -> None:
    Case.objects.update(state="proving", owner="chongqing/hrss")
    clerk = staff("clerk")
    sent = desk(read(clerk.get(f"/counter/{filed}/")), filed, "recheck")
    answer = clerk.post(f"/counter/{filed}/acts/recheck/", sent)
    assert answer.status_code == 422
    page = read(answer)
    assert page.summary[0][0] == "#note" and "请写一句" in page.error_of("note")
    clerk.post(f"/counter/{filed}/acts/recheck/", sent | {"note": "已核对原始凭证，重新核定。"})
    assert "已核对原始凭证" in read(resident.get(f"/cases/{filed}/")).text


def test_an_officer_reads_and_does_not_act(filed: str, staff: Staff) -> None:
    officer = staff("officer")
    page = read(officer.get(f"/counter/{filed}/"))
    assert "现在不由您办" in page.text
    assert officer.post(f"/counter/{filed}/acts/accept/", {"expects": "1"}).status_code == 403


@pytest.mark.parametrize(
    ("language", "number", "said"),
    [
        ("zh-hans", "50000019850615004X", "校验位不符"),
        ("en", "50000019850615004X", "check digit"),
        ("zh-hans", "510000190002290014", "不是有效的出生日期"),
        ("en", "510000190002290014", "not a possible date of birth"),
        ("zh-hans", "5000001985", "应为18位"),
    ],
)
def test_a_wrong_number_is_named_at_its_field(staff: Staff, language: str, number: str, said: str) -> None:
    clerk = staff("clerk")
    clerk.cookies["chuanyu_language"] = language
    answer = clerk.post(
        "/counter/person/", {"sought-number": number, "sought-name": "某", "sought-purpose": "counter.apply"}
    )
    assert answer.status_code == 422
    page = read(answer)
    assert said in page.error_of("sought-number") and page.summary[0][0] == "#sought-number"


def test_a_person_at_the_counter_is_applied_for_and_let_go(staff: Staff) -> None:
    clerk = staff("clerk")
    assert "必须填写" in read(clerk.post("/counter/person/", {})).error_of("sought-number")
    sought = {"sought-number": "500000198506150044", "sought-name": "周明", "sought-purpose": "counter.apply"}
    clerk.post("/counter/person/", sought)
    page = read(clerk.get("/counter/person/"))
    assert "周明" in page.text and "500000198506150044" not in page.text
    assert Reveal.objects.filter(purpose="counter.apply").exists()
    where = "/counter/person/pension_transfer/"
    assert read(clerk.get(where))
    clerk.post(where, {"application-household": "500103", "go": "check"})
    answer = clerk.post(f"{where}check/", hidden(read(clerk.get(f"{where}check/"))))
    case = Case.objects.get()
    assert answer.headers["Location"] == f"/counter/{case.pk}/"
    assert case.reference in read(clerk.get("/counter/person/")).text
    clerk.post("/counter/person/", {"do": "end"})
    assert "周明" not in read(clerk.get("/counter/person/")).text
    assert clerk.get(where).status_code == 404


def desk(page: Any, case: str, act: str) -> dict[str, str]:
    """What the form of a step on the desk sends."""
    form = next(f for f in page.root.all("form") if f.get("action") == f"/counter/{case}/acts/{act}/")
    return {e.get("name"): e.get("value") for e in form.all("input") if e.get("name")}
