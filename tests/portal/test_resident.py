"""The resident's door: apply, correct, follow, withdraw; every mistake is said at its field."""

from typing import Any
from uuid import UUID, uuid4

import pytest
from django.test import Client
from markup import hidden, read

from chuanyu.cases.models import Case
from chuanyu.core.ids import uuid7
from chuanyu.exchange import queries as exchange

pytestmark = pytest.mark.django_db

APPLY = "/services/pension_transfer/apply/"
CHECK = f"{APPLY}check/"


def test_apply_check_send_and_be_told_what_comes_next(resident: Client) -> None:
    form = read(resident.get(APPLY))
    assert "测试小雪" in form.text and "四川省广安市广安区" in form.text  # known, so not asked
    assert "500000198804120" not in form.text  # and the number is never whole on a page
    answer = resident.post(APPLY, {"application-first_insured_here_on": "2025-02-03", "go": "check"})
    assert answer.status_code == 302 and answer.headers["Location"] == CHECK
    check = resident.get(CHECK)
    page = read(check)
    assert "2025年2月3日" in page.text
    answer = resident.post(CHECK, hidden(page))
    case = Case.objects.get()
    assert answer.status_code == 302 and answer.headers["Location"] == f"/cases/{case.pk}/sent/"
    sent = read(resident.get(f"/cases/{case.pk}/sent/"))
    assert case.reference in sent.text and "最迟" in sent.text
    assert case.pk == UUID(check.context["request_id"])


def test_sending_twice_makes_one_case(resident: Client) -> None:
    resident.post(APPLY, {"go": "check"})
    sent = hidden(read(resident.get(CHECK)))
    first, second = resident.post(CHECK, sent), resident.post(CHECK, sent)
    assert first.headers["Location"] == second.headers["Location"]
    assert Case.objects.count() == 1


def test_a_second_application_leads_to_the_first(resident: Client, filed: str) -> None:
    resident.post(APPLY, {"go": "check"})
    answer = resident.post(CHECK, hidden(read(resident.get(CHECK))))
    assert answer.status_code == 409
    page = read(answer)
    assert "不用重复申请" in page.text and f"/cases/{filed}/" in [a.get("href") for a in page.root.all("a")]


@pytest.mark.parametrize(
    ("language", "typed", "said"),
    [
        ("zh-hans", "2025-02-30", "没有 2025-02-30 这一天"),
        ("en", "2025-02-30", "there is no day 2025-02-30"),
        ("zh-hans", "去年", "应是日期，如 2025-03-03"),
        ("en", "last year", "must be a date like 2025-03-03"),
    ],
)
def test_an_impossible_date_is_named_at_its_field(resident: Client, language: str, typed: str, said: str) -> None:
    resident.cookies["chuanyu_language"] = language
    answer = resident.post(
        APPLY, {"application-first_insured_here_on": typed, "application-drawing": "true", "go": "check"}
    )
    assert answer.status_code == 422
    page = read(answer)
    assert said in page.error_of("application-first_insured_here_on")
    assert page.summary == [("#application-first_insured_here_on", page.summary[0][1])] and said in page.summary[0][1]
    assert page.fields["application-first_insured_here_on"].get("value") == typed
    assert "checked" in page.fields["application-drawing"].attributes  # nothing else is lost
    assert read(resident.get(APPLY)).fields["application-first_insured_here_on"].get("value") == typed  # a draft


def test_a_place_that_is_none_is_named_at_its_field(resident: Client) -> None:
    page = read(resident.post(APPLY, {"application-household": "9", "go": "check"}))
    assert page.error_of("application-household")


def test_what_was_changed_on_the_way_is_checked_again(resident: Client) -> None:
    answer = resident.post(CHECK, {"application-first_insured_here_on": "2025-13-01", "request_id": str(uuid7())})
    assert answer.status_code == 422
    assert read(answer).error_of("application-first_insured_here_on")
    assert resident.post(CHECK, {"request_id": "no id"}).headers["Location"] == APPLY


def test_nobody_checks_what_was_not_filled_in(resident: Client) -> None:
    assert resident.get(CHECK).headers["Location"] == APPLY


@pytest.mark.parametrize("language", ["zh-hans", "en"])
def test_the_tracker_says_who_since_when_and_until_when(resident: Client, filed: str, language: str) -> None:
    resident.cookies["chuanyu_language"] = language
    page = read(resident.get(f"/cases/{filed}/"))
    for said in (
        ("重庆市人力资源和社会保障局", "待受理", "撤回")
        if language == "zh-hans"
        else ("Waiting for acceptance", "Withdraw")
    ):
        assert said in page.text
    assert [e for e in page.root.all("li") if e.get("aria-current") == "step"]
    assert read(resident.get("/cases/")).text.count(Case.objects.get().reference) == 1


def test_the_tracker_refreshes_only_its_own_part(resident: Client, filed: str) -> None:
    part = resident.get(f"/cases/{filed}/", headers={"HX-Request": "true"}).content.decode()
    assert "<html" not in part and "待受理" in part


def test_the_tracker_leaves_the_page_alone_while_nothing_happens(resident: Client, filed: str, staff: Any) -> None:
    looks = resident.get(f"/cases/{filed}/").context["looks"]
    again = {"HX-Request": "true"}
    assert resident.get(f"/cases/{filed}/?seen={looks}", headers=again).status_code == 204
    staff("clerk").post(f"/counter/{filed}/acts/accept/", {"expects": "1"})
    assert "已移交对方" in resident.get(f"/cases/{filed}/?seen={looks}", headers=again).content.decode()


def test_an_update_of_the_tracker_reaches_the_head_and_is_said(resident: Client, filed: str, staff: Any) -> None:
    whole = read(resident.get(f"/cases/{filed}/"))
    assert [e.get("role") for e in whole.root.all("p") if e.get("id") == "said"] == ["status"]
    assert [e for e in whole.root.all("details") if e.get("hx-preserve")]  # a chosen file stays chosen
    staff("clerk").post(f"/counter/{filed}/acts/accept/", {"expects": "1"})
    answer = resident.get(f"/cases/{filed}/", headers={"HX-Request": "true"})
    part, state = answer.content.decode(), answer.context["case"].title.zh
    assert state != "待受理" and f'data-title="{state} · ' in part
    head, said = part.split('id="standing" hx-swap-oob="innerHTML"')[1].split('id="said" hx-swap-oob="innerHTML"')
    assert state in head and state in said.partition("</p>")[0]


def test_the_guide_leads_to_the_case_one_has(resident: Client, filed: str) -> None:
    page = read(resident.get("/services/pension_transfer/"))
    assert f"/cases/{filed}/" in [a.get("href") for a in page.root.all("a")]
    assert "开始办理" not in page.text


def test_withdrawing_is_asked_once_more_and_done(resident: Client, filed: str) -> None:
    page = read(resident.get(f"/cases/{filed}/acts/withdraw/"))
    answer = resident.post(f"/cases/{filed}/acts/withdraw/", hidden(page), follow=True)
    assert "“撤回”已完成" in read(answer).text
    assert Case.objects.get().state == "withdrawn"
    again = resident.post(f"/cases/{filed}/acts/withdraw/", hidden(page))
    assert again.status_code == 409 and read(again)


def test_a_page_that_is_out_of_date_does_nothing(resident: Client, filed: str) -> None:
    answer = resident.post(f"/cases/{filed}/acts/withdraw/", {"expects": "7"})
    assert answer.status_code == 409
    assert "已经过时" in read(answer).text and Case.objects.get().state == "applied"


def test_nobody_else_sees_the_case(resident: Client, filed: str, staff: Any, client: Client) -> None:
    assert client.get(f"/cases/{filed}/").headers["Location"].startswith("/accounts/login/")
    assert staff("clerk").get(f"/cases/{filed}/").status_code == 403
    assert resident.get(f"/cases/{uuid4()}/").status_code == 404
    assert resident.get(f"/counter/{filed}/").status_code == 403


def test_a_correction_starts_from_what_was_said(resident: Client, filed: str, staff: Any) -> None:
    Case.objects.update(state="correcting")
    page = read(resident.get(f"/cases/{filed}/"))
    assert "轮到您了" in page.text
    form = read(resident.get(f"/cases/{filed}/acts/resubmit/"))
    wrong = hidden(form) | {"application-employed_since": "2025-02-31"}
    answer = resident.post(f"/cases/{filed}/acts/resubmit/", wrong)
    assert answer.status_code == 422 and read(answer).error_of("application-employed_since")
    answer = resident.post(
        f"/cases/{filed}/acts/resubmit/", wrong | {"application-employed_since": "2025-02-03"}, follow=True
    )
    assert "“补正”已完成" in read(answer).text and Case.objects.get().state == "applied"
    assert "2025年2月3日" in read(answer).text


def test_rows_grow_and_shrink_without_a_script(resident: Client, filed: str) -> None:
    Case.objects.update(state="proving", owner="chongqing/hrss")
    where = f"/cases/{filed}/acts/supply/"
    form = read(resident.get(where))
    typed = hidden(form) | {"employment_papers-papers-0-number": "渝仲〔2015〕7号"}
    more = read(resident.post(where, typed | {"add": "employment_papers-papers"}))
    assert more.fields["employment_papers-papers-0-number"].get("value") == "渝仲〔2015〕7号"
    assert "employment_papers-papers-1-number" in more.fields
    less = read(
        resident.post(where, typed | {"employment_papers-papers-1-number": "b", "remove": "employment_papers-papers-0"})
    )
    assert less.fields["employment_papers-papers-0-number"].get("value") == "b"
    answer = resident.post(where, typed)
    assert answer.status_code == 422
    assert "必须填写" in read(answer).error_of("employment_papers-papers-0-issued_on")


def test_files_are_added_given_back_and_judged_by_what_they_are(resident: Client, filed: str, staff: Any) -> None:
    from django.core.files.uploadedfile import SimpleUploadedFile as File

    def add(name: str, content: bytes) -> str:
        answer = resident.post(f"/cases/{filed}/files/", {"file": File(name, content)}, follow=True)
        return read(answer).text

    assert "文件已添加" in add("户口簿.pdf", b"%PDF-1.4 x")
    assert "只接受 PDF" in add("x.pdf", b"<html>")
    assert "不能超过 2 MB" in add("x.pdf", b"%PDF-1.4" + bytes(2_200_000))
    assert "不能超过 2 MB" in add("x.pdf", b"%PDF-1.4" + bytes(5_000_000))
    assert "请先选择" in read(resident.post(f"/cases/{filed}/files/", follow=True)).text
    assert "证明.hta.pdf" in add("证明.hta", b"%PDF-1.4 <script>")
    link = next(a for a in read(resident.get(f"/cases/{filed}/")).root.all("a") if a.get("href").startswith("/files/"))
    answer = resident.get(link.get("href"))
    assert answer.content == b"%PDF-1.4 x"
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_who_used_my_data_when_the_other_side_is_silent(
    resident: Client, filed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from datetime import UTC, datetime

    from chuanyu.exchange.own_data import Access

    access = Access(
        at=datetime.now(UTC), message_id=uuid7(), direction="sent", from_agency="chongqing/hrss", to_agency="sichuan/hrss",
        service="pension_transfer", action="case.event", purpose="pension_transfer", basis=("gbf-2009-66",),
        fields=("application",), here=True,
    )  # fmt: skip
    monkeypatch.setattr(exchange, "used", lambda person: exchange.Used(accesses=[access], looks=[], there=False))
    page = read(resident.get("/accesses/"))
    assert "对方未答" in page.text and "转移接续申请表" in page.text and "国办发〔2009〕66号" in page.text
