"""The counter's door: the worklist, the desk, the step. The person who stands there is in test_person.py."""

import itertools
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest
from django.conf import settings
from django.test import Client
from markup import read

from chuanyu.cases.models import Case, CaseDocument, Event
from chuanyu.cases.replay import Event as Step
from chuanyu.core import days
from chuanyu.core.canonical import digest
from chuanyu.core.ids import uuid7
from chuanyu.core.numbers import make_person_number
from chuanyu.delivery import ratings
from chuanyu.identity import vault
from chuanyu.identity.models import Reveal
from chuanyu.node import place

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
        (f"q={case.reference[:9]}", True), ("q=CY-0000", False), ("service=unemployment_transfer", False),
        ("turn=theirs", False), ("turn=all", True), ("page=9", False),
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
    assert page.summary[0][0] == "#note-recheck" and "请写一句" in page.error_of("note-recheck")
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
    answer = clerk.post("/counter/person/", {"sought-number": number, "sought-purpose": "counter.apply"})
    assert answer.status_code == 422
    page = read(answer)
    assert said in page.error_of("sought-number") and page.summary[0][0] == "#sought-number"


def desk(page: Any, case: str, act: str) -> dict[str, str]:
    """What the form of a step on the desk sends."""
    form = next(f for f in page.root.all("form") if f.get("action") == f"/counter/{case}/acts/{act}/")
    return {e.get("name"): e.get("value") for e in form.all("input") if e.get("name")}


def test_a_whole_reference_or_a_scanned_slip_opens_the_case(filed: str, staff: Staff) -> None:
    clerk, case = staff("clerk"), Case.objects.get()
    misread = case.reference.replace("-", "").lower().replace("0", "o").replace("1", "l")
    for typed in (case.reference, misread, f" {case.reference} ", filed, f"http://127.0.0.1:8051/cases/{filed}/"):
        answer = clerk.get("/counter/", {"q": typed})
        assert answer.headers.get("Location") == f"/counter/{filed}/", typed
    fragment = clerk.get("/counter/", {"q": case.reference}, headers={"HX-Request": "true"})
    assert fragment.headers["HX-Redirect"] == f"/counter/{filed}/"
    nobodys = clerk.get("/counter/", {"q": "01900000-0000-7000-8000-000000000000"})
    assert "没有这个编号的办件" in read(nobodys).text


def test_what_waits_for_the_applicant_is_not_in_the_way(filed: str, staff: Staff) -> None:
    clerk, reference = staff("clerk"), Case.objects.get().reference
    Case.objects.update(state="correcting")
    assert "都办完了" in read(clerk.get("/counter/")).text
    page = read(clerk.get("/counter/?turn=theirs"))
    assert reference in page.text and "等申请人 1" in page.text and "从最急的办起" not in page.text


def test_an_open_worklist_hears_what_changed_and_stays_as_it_is(filed: str, staff: Staff) -> None:
    clerk = staff("clerk")
    page = read(clerk.get("/counter/"))
    (live,) = [e for e in page.root.all("div") if e.get("id") == "live"]
    poll = live.get("hx-get")
    assert poll.startswith("/counter/counts/?seen=") and live.get("hx-trigger") == "every 20s"
    fragment = {"HX-Request": "true"}
    assert clerk.get(poll, headers=fragment).status_code == 204
    second = copy_of(filed)
    said = clerk.get(poll, headers=fragment).content.decode()
    assert "新到 1 件" in said and "更新列表" in said
    assert [e.get("role") for e in page.root.all("div") if e.get("id") == "news"] == ["status"]
    assert '<div id="news" hx-swap-oob="innerHTML">' in said  # the region stays, its words change
    assert "<table" not in said and "<html" not in said
    again = said.split('hx-get="')[1].split('"')[0].replace("&amp;", "&")
    assert clerk.get(again, headers=fragment).status_code == 204
    Case.objects.filter(pk=second).update(final=True)
    assert "新到" not in clerk.get(again, headers=fragment).content.decode()
    assert staff("officer").get("/counter/counts/", headers=fragment).status_code == 200


@pytest.mark.parametrize("was", ["x", "-1", "%00", "9" * 40])
def test_a_poll_that_was_tampered_with_breaks_nothing(filed: str, staff: Staff, was: str) -> None:
    assert staff("clerk").get(f"/counter/counts/?seen={was}&began={was}&was={was}&page={was}").status_code == 200


def test_a_poll_is_no_sign_of_a_person(filed: str, staff: Staff) -> None:
    clerk = staff("clerk")
    clerk.get("/counter/")
    session = clerk.session
    session["seen"] -= 500
    session.save()
    clerk.get("/counter/counts/?seen=x&poll=1", headers={"HX-Request": "true"})
    assert clerk.session["seen"] == session["seen"]
    clerk.get("/counter/")
    assert clerk.session["seen"] > session["seen"]


def test_long_queues_have_pages(filed: str, staff: Staff) -> None:
    for _ in range(60):
        copy_of(filed)
    clerk = staff("clerk")
    first, second = read(clerk.get("/counter/")), read(clerk.get("/counter/?page=2"))
    rows = [len(page.one("table").all("tr")) - 1 for page in (first, second)]
    assert rows == [50, 11]
    assert "第 1 页，共 2 页" in first.text and "61 件" in first.text
    assert "没有符合条件" in read(clerk.get("/counter/?page=3")).text


def test_the_next_case_is_the_one_after_this_and_stays_in_the_chosen_queue(filed: str, staff: Staff) -> None:
    a, b, c = filed, copy_of(filed), copy_of(filed, state="correcting")
    d = copy_of(filed)
    for number, each in enumerate((a, b, c, d), start=1):
        Case.objects.filter(pk=each).update(due=f"2099-01-0{number}")
    clerk = staff("clerk")
    assert next_of(clerk.get("/counter/")) == f"/counter/{a}/"
    assert next_of(clerk.get(f"/counter/{a}/")) == f"/counter/{b}/"
    assert next_of(clerk.get(f"/counter/{b}/")) == f"/counter/{d}/"  # c waits for its applicant
    assert next_of(clerk.get(f"/counter/{d}/")) == f"/counter/{a}/"  # round to the first that was passed over
    clerk.get("/counter/?state=applied&service=unemployment_transfer")
    assert next_of(clerk.get(f"/counter/{a}/")) == ""
    clerk.get("/counter/")
    sent = desk(read(clerk.get(f"/counter/{b}/")), b, "accept")
    answer = clerk.post(f"/counter/{b}/acts/accept/", sent)
    assert answer.headers["Location"] == f"/counter/{b}/?next={d}"  # not back to the first
    assert next_of(clerk.get(answer.headers["Location"])) == f"/counter/{d}/"
    Case.objects.filter(pk=d).update(final=True)
    assert next_of(clerk.get(answer.headers["Location"])) == f"/counter/{a}/"
    assert clerk.get(f"/counter/{b}/?next=x").status_code == 200


def test_two_clerks_with_one_queue_do_not_read_the_same_case(filed: str, staff: Staff, other_clerk: Client) -> None:
    b = copy_of(filed)
    Case.objects.filter(pk=filed).update(due="2099-01-01")
    clerk = staff("clerk")
    clerk.get(f"/counter/{filed}/")
    page = read(other_clerk.get("/counter/"))
    assert "clerk-hrss正在看" in page.text
    assert next_of(other_clerk.get("/counter/")) == f"/counter/{b}/"
    page = read(other_clerk.get(f"/counter/{filed}/"))
    assert "clerk-hrss 从" in page.text and "谁先办算谁的" in page.text
    clerk.get(f"/counter/{b}/")  # going on lets the first one go
    assert "正在看" not in read(other_clerk.get(f"/counter/{filed}/")).text
    sent = desk(read(other_clerk.get(f"/counter/{filed}/")), filed, "accept")
    clerk.get(f"/counter/{filed}/")
    assert other_clerk.post(f"/counter/{filed}/acts/accept/", sent).status_code == 302  # a courtesy, no lock
    assert clerk.post(f"/counter/{filed}/acts/accept/", sent).status_code == 409


def test_returned_for_correction_says_all_that_is_to_be_mended(filed: str, staff: Staff, resident: Client) -> None:
    clerk = staff("clerk")
    page = read(clerk.get(f"/counter/{filed}/"))
    sent = desk(page, filed, "send_back") | {"note": ""}
    sent.pop("wrong", None)
    answer = clerk.post(f"/counter/{filed}/acts/send_back/", sent)
    assert answer.status_code == 422 and "请写一句" in read(answer).error_of("note-send_back")
    answer = clerk.post(
        f"/counter/{filed}/acts/send_back/",
        sent
        | {"wrong": ["application.household", "application.employed_since", "no.such"], "note": "请带户口簿原件。"},
        follow=True,
    )
    assert "“退回补正”已完成" in read(answer).text
    assert Case.objects.get().state == "correcting"
    said = "请更正：户籍所在地、在本地就业日期。"
    assert Event.objects.get(sequence=2).body["note"] == f"{said}\n请带户口簿原件。"
    tracker = read(resident.get(f"/cases/{filed}/"))
    assert "轮到您了" in tracker.text and said in tracker.text and "请带户口簿原件" in tracker.text
    page = read(clerk.get(f"/counter/{filed}/"))
    assert "在等申请人" in page.text


def test_ticks_alone_are_a_sentence(filed: str, staff: Staff) -> None:
    clerk = staff("clerk")
    sent = desk(read(clerk.get(f"/counter/{filed}/")), filed, "send_back") | {"wrong": ["application.household"]}
    clerk.post(f"/counter/{filed}/acts/send_back/", sent)
    assert Event.objects.get(sequence=2).body["note"] == "请更正：户籍所在地。"


@pytest.mark.parametrize("language", ["zh-hans", "en"])
def test_the_slip_has_all_a_person_takes_home(filed: str, staff: Staff, language: str) -> None:
    clerk = staff("clerk")
    clerk.cookies["chuanyu_language"] = language
    looks = Reveal.objects.count()
    page = read(clerk.get(f"/counter/{filed}/slip/"))
    case = Case.objects.get()
    address = f"{settings.PLACE.portal_url}/cases/{filed}/"
    for said in (case.reference, address, "测试小雪", "500000**********"):
        assert said in page.text, said
    assert "50000019880412" not in page.text
    codes = [e for e in page.root.all("svg") if e.get("class") == "qr"]
    assert len({code.get("aria-label") for code in codes}) == 2  # the tracker, and where it is rated
    assert all(code.get("role") == "img" and code.get("aria-label") and len(code.all("path")) == 2 for code in codes)
    assert Reveal.objects.count() > looks
    sign = [p for div in page.root.all("div") if div.get("class") == "slip-sign" for p in div.all("p")]
    assert len(sign) == 2
    clerk.post(f"/counter/{filed}/acts/accept/", {"expects": "1"})
    page = read(clerk.get(f"/counter/{filed}/slip/"))
    sign = [p for div in page.root.all("div") if div.get("class") == "slip-sign" for p in div.all("p")]
    assert len(sign) == 3 and ("四川省" in sign[2].text or "Sichuan" in sign[2].text)  # it went over the border


def test_the_slip_leads_to_the_portal_where_the_case_was_filed(
    filed: str, staff: Staff, monkeypatch: pytest.MonkeyPatch
) -> None:
    clerk = staff("clerk")
    Case.objects.update(filed_at="sichuan")
    monkeypatch.setenv("CHUANYU_SICHUAN_PORTAL_URL", "https://sc.example")
    page = read(clerk.get(f"/counter/{filed}/slip/"))
    assert f"https://sc.example/cases/{filed}/" in page.text and f"{settings.PLACE.portal_url}/" not in page.text
    monkeypatch.delenv("CHUANYU_SICHUAN_PORTAL_URL")
    monkeypatch.setattr(place, "var", lambda: settings.PLACE.home)  # the other node is not set up beside this one
    page = read(clerk.get(f"/counter/{filed}/slip/"))
    assert f"/cases/{filed}/" not in page.text and not [e for e in page.root.all("svg") if e.get("class") == "qr"]
    assert "在四川提交的" in page.text and "四川的服务平台" in page.text and Case.objects.get().reference in page.text


def test_who_was_served_at_a_counter_can_rate_it_once_it_is_closed(filed: str, staff: Staff, client: Client) -> None:
    clerk = staff("clerk")
    text = read(clerk.get(f"/counter/{filed}/slip/")).text
    address = f"/rate/{ratings.token(UUID(filed))}/"
    assert settings.PLACE.portal_url + address in text and "办结以前还不能评" in text
    assert "办结后再评价" in read(client.get(address)).text
    Case.objects.update(final=True)
    assert client.get(address).status_code == 200


def test_the_slip_of_a_case_to_be_corrected_says_what_and_until_when(filed: str, staff: Staff) -> None:
    clerk = staff("clerk")
    sent = desk(read(clerk.get(f"/counter/{filed}/")), filed, "send_back") | {"wrong": ["application.household"]}
    clerk.post(f"/counter/{filed}/acts/send_back/", sent)
    text = read(clerk.get(f"/counter/{filed}/slip/")).text
    assert "需要您补正" in text and "请更正：户籍所在地。" in text and "请在此日前" in text


def test_the_day_s_work_by_step_and_outcome(filed: str, staff: Staff, other_clerk: Client) -> None:
    clerk = staff("clerk")
    assert "今天还没有办过" in read(clerk.get("/counter/today/")).text
    clerk.post(f"/counter/{filed}/acts/accept/", desk(read(clerk.get(f"/counter/{filed}/")), filed, "accept"))
    page = read(clerk.get("/counter/today/"))
    for said in ("受理", "通过", "已发联系函", Case.objects.get().reference, "查看过谁的信息", "企业职工基本养老保险"):
        assert said in page.text, said
    assert "测试小雪" not in page.text
    answer = clerk.get("/counter/today/?as=csv")
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    text = answer.content.decode("utf-8-sig")
    assert text.splitlines()[0] == "时间,办件,事项,步骤,结果,办后状态"
    assert f",{Case.objects.get().reference},企业职工基本养老保险关系转移接续,受理,通过,已发联系函" in text
    assert "今天还没有办过" in read(other_clerk.get("/counter/today/")).text  # everybody sees their own
    Event.objects.filter(sequence=2).update(stored="2020-01-01T00:00Z")
    assert "今天还没有办过" in read(clerk.get("/counter/today/")).text


@pytest.mark.parametrize("day", ["2020-01-01", "2999-01-01", "x", "%00", "2025-02-30"])
def test_a_day_that_cannot_be_asked_for_is_today(staff: Staff, day: str) -> None:
    assert "今天还没有办过" in read(staff("clerk").get(f"/counter/today/?day={day}")).text


def test_yesterday_has_a_page_too(staff: Staff) -> None:
    yesterday = days.today() - timedelta(days=1)
    text = read(staff("clerk").get(f"/counter/today/?day={yesterday}")).text
    assert "这一天没有办过" in text and "后一天" in text


def test_no_page_of_the_counter_is_kept_by_a_browser(filed: str, staff: Staff) -> None:
    clerk = staff("clerk")
    for address in (
        "/counter/",
        "/counter/person/",
        "/counter/today/",
        f"/counter/{filed}/",
        f"/counter/{filed}/slip/",
    ):
        assert clerk.get(address).headers["Cache-Control"] == "no-store", address


def test_a_screen_that_locks_says_so_to_its_script_and_without_one(filed: str, staff: Staff, resident: Client) -> None:
    page = read(staff("clerk").get(f"/counter/{filed}/"))
    assert page.one("body").get("data-idle") == "900" and page.one("body").get("data-alive") == "/accounts/alive/"
    (refresh,) = [e for e in page.root.all("meta") if e.get("http-equiv") == "refresh"]
    assert refresh.get("content") == f"905;url=/accounts/lock/?next=%2Fcounter%2F{filed}%2F" and refresh.inside(
        "noscript"
    )
    ones_own = read(resident.get("/cases/"))  # a resident's does not lock: it signs out, without one too
    assert ones_own.one("body").get("data-idle") == "1800" and "自动退出" in ones_own.root.text
    assert "锁屏" not in ones_own.root.text and not any(e.get("http-equiv") for e in ones_own.root.all("meta"))


def copy_of(case: str, **changes: Any) -> str:
    """Another case like this one, of somebody else."""
    made = Case.objects.get(pk=case)
    body = Event.objects.get(case=case, sequence=1).body
    made.pk = uuid7()
    made.reference = f"CY-TEST-{made.pk.hex[-4:].upper()}-{made.pk.hex[-8:-4].upper()}"
    for name, value in changes.items():
        setattr(made, name, value)
    made.person = vault.enrol(make_person_number("500000", date(1980, 1, 1), next(SEQUENCE), "male"))
    made.save(force_insert=True)
    event = msgspec.convert(body | {"case": str(made.pk)}, Step)
    Event.objects.create(case=made, sequence=1, hash=digest(event.plain()), body=event.plain())
    for paper in CaseDocument.objects.filter(case=case):
        CaseDocument.objects.create(case=made, sequence=1, name=paper.name, digest=paper.digest, body=paper.body)
    Case.objects.filter(pk=made.pk).update(head=digest(event.plain()))
    return str(made.pk)


SEQUENCE = itertools.count(1, 2)


def next_of(answer: Any) -> str:
    """Where the page leads on to; "" where it does not."""
    links = [a.get("href") for a in read(answer).root.all("a") if a.get("accesskey") == "n"]
    return str(links[0]) if links else ""
