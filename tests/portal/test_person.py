"""The person at the counter: found, registered or corrected; applied for and stood in for; let go again."""

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from django.test import Client
from markup import Page, hidden, read

from chuanyu.cases.models import Case, Event, Request
from chuanyu.core.numbers import make_person_number
from chuanyu.identity import vault
from chuanyu.identity.models import Person, Reveal

pytestmark = pytest.mark.django_db

Staff = Callable[[str], Client]

WHERE = "/counter/person/"
NUMBER = "500000198506150044"
FILE = f"{WHERE}pension_transfer/"


@pytest.fixture
def clerk(staff: Staff) -> Client:
    return staff("clerk")


def find(clerk: Client, number: str = NUMBER, purpose: str = "counter.apply") -> Any:
    return clerk.post(WHERE, {"sought-number": number, "sought-purpose": purpose})


def visit(clerk: Client) -> dict[str, str]:
    """What a form carries that was made for who stands there now."""
    return {"visit": clerk.session["at_the_counter"]["visit"]}


def here(clerk: Client) -> Page:
    return read(clerk.get(WHERE))


def test_somebody_known_is_found_by_number_and_purpose_alone(clerk: Client) -> None:
    person = vault.enrol(NUMBER, "周明", "500103")
    assert "必须填写" in read(clerk.post(WHERE, {})).error_of("sought-number")
    assert not Reveal.objects.exists()
    assert find(clerk).headers["Location"] == WHERE
    page = here(clerk)
    assert "周明" in page.text and "渝中区" in page.text and NUMBER not in page.text
    look = Reveal.objects.get()
    assert (look.person_id, look.actor, look.purpose) == (person, "chongqing/clerk-hrss", "counter.apply")
    clerk.post(WHERE, {"do": "end"})
    assert "周明" not in here(clerk).text


def test_a_number_is_found_as_it_is_read_out(clerk: Client) -> None:
    """In groups, or in the wide digits of a Chinese keyboard."""
    vault.enrol(NUMBER, "周明", "500103")
    wide = "".join(chr(ord(digit) + 0xFEE0) for digit in NUMBER)
    for written in (f"{NUMBER[:6]} {NUMBER[6:14]} {NUMBER[14:]}", wide):
        answer = clerk.post(WHERE, {"do": "find", "sought-number": written, "sought-purpose": "counter.apply"})
        assert answer.status_code == 302, written
        clerk.post(WHERE, {"do": "end"})


def test_looking_makes_nobody_known_registering_does(clerk: Client) -> None:
    page = read(find(clerk))
    assert "这里还没有这个人" in page.text and not Person.objects.exists()
    forms = [
        form for form in page.one("main").all("form") if any(e.get("value") == "enrol" for e in form.all("button"))
    ]
    sent = {e.get("name"): e.get("value") for e in forms[0].all("input") if e.get("type") == "hidden"}
    nameless = clerk.post(WHERE, sent | {"do": "enrol", "new-name": ""})
    assert nameless.status_code == 422 and "必须填写" in read(nameless).error_of("new-name")
    wrong = clerk.post(WHERE, sent | {"do": "enrol", "new-name": "周明", "new-household": "9"})
    assert wrong.status_code == 422 and read(wrong).error_of("new-household")
    assert not Person.objects.exists()
    answer = clerk.post(WHERE, sent | {"do": "enrol", "new-name": "周明", "new-household": "500103"}, follow=True)
    page = read(answer)
    assert "已登记" in page.text and "周明" in page.text and "渝中区" in page.text
    assert clerk.post(WHERE, {"do": "enrol", "sought-number": "1", "new-name": "x"}).status_code == 422


def test_a_record_is_corrected_only_where_that_was_the_purpose(clerk: Client) -> None:
    person = vault.enrol(NUMBER, "周明", "500103")
    find(clerk)
    assert "更正登记信息" not in here(clerk).text
    refused = clerk.post(WHERE, {"do": "correct", "record-name": "周铭"}, follow=True)
    assert "没有办" in read(refused).text
    assert vault.reveal(person, purpose="test", by="test").name == "周明"
    find(clerk, purpose="counter.correct")
    page = here(clerk)
    assert page.fields["record-name"].get("value") == "周明"
    assert clerk.post(WHERE, visit(clerk) | {"do": "correct", "record-name": ""}).status_code == 422
    same = clerk.post(WHERE, visit(clerk) | {"do": "correct", "record-name": "周明"}, follow=True)
    assert "没有改动" in read(same).text
    mended = {"do": "correct", "record-name": "周铭", "record-household": "511623"}
    done = clerk.post(WHERE, visit(clerk) | mended, follow=True)
    assert "已更正" in read(done).text and "周铭" in read(done).text
    opened = vault.reveal(person, purpose="test", by="test")
    assert (opened.name, opened.household, opened.number) == ("周铭", "511623", NUMBER)
    assert Reveal.objects.filter(purpose="counter.correct", trace="amend", actor="chongqing/clerk-hrss").count() == 2


def test_an_application_from_the_card_to_the_slip(clerk: Client) -> None:
    vault.enrol(NUMBER, "周明", "500103")
    find(clerk)
    assert FILE in [a.get("href") for a in here(clerk).root.all("a")]
    assert read(clerk.get(FILE))
    clerk.post(FILE, visit(clerk) | {"application-household": "500103", "go": "check"})
    check = read(clerk.get(f"{FILE}check/"))
    assert "念给申请人听" in check.text
    answer = clerk.post(f"{FILE}check/", hidden(check))
    case = Case.objects.get()
    assert answer.headers["Location"] == f"/counter/{case.pk}/slip/"
    slip = read(clerk.get(answer.headers["Location"]))
    assert "请打印回执" in slip.text and case.reference in slip.text and "周明" in slip.text
    assert "转移接续申请表" in slip.text and WHERE in [a.get("href") for a in slip.root.all("a")]
    assert case.reference in here(clerk).text
    page = read(clerk.get(f"/counter/{case.pk}/"))
    assert "申请人在窗口填写" in page.text and "申请人在窗口办理" in page.text
    event = Event.objects.get()
    assert event.body["by"] == "staff" and event.actor == "chongqing/clerk-hrss"
    again = clerk.post(f"{FILE}check/", hidden(check))
    assert again.headers["Location"] == answer.headers["Location"] and Case.objects.count() == 1


def test_a_form_begun_is_there_when_the_person_is_found_again(clerk: Client) -> None:
    vault.enrol(NUMBER, "周明")
    find(clerk)
    clerk.post(FILE, visit(clerk) | {"application-employed_since": "2025-02-31", "go": "check"})
    clerk.post(WHERE, {"do": "end"})
    for address in (FILE, f"{FILE}check/"):
        assert "请先查找" in read(clerk.get(address, follow=True)).text
    find(clerk)
    assert read(clerk.get(FILE)).fields["application-employed_since"].get("value") == "2025-02-31"
    assert clerk.get(f"{WHERE}no_such_service/").status_code == 404
    other = make_person_number("510000", date(1988, 3, 12), 7, "female")
    vault.enrol(other)
    assert find(clerk, other).status_code == 302
    assert read(clerk.get(FILE)).fields["application-employed_since"].get("value") == ""  # nobody sees another's draft


def test_a_correction_and_a_withdrawal_at_the_counter(clerk: Client, filed: str, resident: Client) -> None:
    Case.objects.update(state="correcting")
    page = read(clerk.get(f"/counter/{filed}/"))
    assert "可以代为办理" not in page.text  # nobody stands there
    number = vault.reveal(Case.objects.get().person, purpose="test", by="test").number
    find(clerk, number, "counter.follow")
    page = read(clerk.get(f"/counter/{filed}/"))
    assert "可以代为办理" in page.text
    sent = act_form(page, filed, "resubmit")
    wrong = clerk.post(f"/counter/{filed}/acts/resubmit/", sent | {"application-household": "9"})
    assert wrong.status_code == 422 and read(wrong).error_of("application-household")
    done = clerk.post(f"/counter/{filed}/acts/resubmit/", sent | {"application-household": "500103"}, follow=True)
    assert "“补正”已完成" in read(done).text and Case.objects.get().state == "applied"
    assert "申请人在窗口办理" in read(resident.get(f"/cases/{filed}/")).text
    sent = act_form(read(clerk.get(f"/counter/{filed}/")), filed, "withdraw")
    clerk.post(f"/counter/{filed}/acts/withdraw/", sent)
    assert Case.objects.get().state == "withdrawn"


def test_what_the_other_side_holds_is_asked_of_it(clerk: Client, filed: str) -> None:
    clerk.post(f"/counter/{filed}/acts/accept/", {"expects": "1"})
    number = vault.reveal(Case.objects.get().person, purpose="test", by="test").number
    find(clerk, number, "counter.follow")
    sent = act_form(read(clerk.get(f"/counter/{filed}/")), filed, "withdraw")
    done = clerk.post(f"/counter/{filed}/acts/withdraw/", sent, follow=True)
    assert "由持有办件的一方办理" in read(done).text
    assert Request.objects.get().by == "applicant"


def test_nobody_else_is_stood_in_for(
    clerk: Client, other_clerk: Client, filed: str, staff: Staff, resident: Client
) -> None:
    number = vault.reveal(Case.objects.get().person, purpose="test", by="test").number
    vault.enrol(NUMBER, "周明")
    find(clerk)  # somebody, but not whose case it is
    find(other_clerk, number, "counter.follow")  # at another counter
    for client in (clerk, resident):
        assert client.post(f"/counter/{filed}/acts/withdraw/", {"expects": "1"}).status_code in (403, 409)
    assert Case.objects.get().state == "applied"
    assert (
        clerk.post(f"/api/cases/{filed}/acts/withdraw", {"expects": 1}, content_type="application/json").status_code
        == 403
    )


def act_form(page: Page, case: str, act: str) -> dict[str, str]:
    """What the form of a step sends when nothing is changed."""
    form = next(f for f in page.root.all("form") if f.get("action") == f"/counter/{case}/acts/{act}/")
    return {
        e.get("name"): e.get("value")
        for e in form.all("input")
        if e.get("type") in ("hidden", "text") and e.get("name")
    }


def test_the_person_reads_who_looked_at_them_and_what_for(clerk: Client, filed: str, resident: Client) -> None:
    page = read(resident.get("/accesses/"))
    assert "还没有单位打开过您的身份信息" in page.text  # their own pages are no look of others
    number = vault.reveal(Case.objects.get().person, purpose="test", by="chongqing/system").number
    find(clerk, number, "counter.follow")
    here(clerk)
    clerk.get(f"/counter/{filed}/")
    clerk.get(f"/counter/{filed}/slip/")
    page = read(resident.get("/accesses/"))
    for said in (
        "重庆市人力资源和社会保障局",
        "本人到窗口查询、补正或撤回办件",
        "企业职工基本养老保险关系转移接续",
        Case.objects.get().reference,
    ):
        assert said in page.one("main").text, said
    assert f"/cases/{filed}/" in [a.get("href") for a in page.one("main").all("a")]
    assert "clerk-hrss" not in page.text and "对方未答" not in page.text
    told = resident.get("/api/accesses").json()  # a program is told the same
    assert told["looks"] and {one["agency"] for one in told["looks"]} == {"chongqing/hrss"}
    assert {"counter.follow", "pension_transfer"} <= {one["purpose"] for one in told["looks"]}
    assert "clerk-hrss" not in str(told) and told["there"] in (True, False)
