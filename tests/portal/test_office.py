"""The office's door: the overview, and messages that need a person."""

from collections.abc import Callable

import pytest
from django.test import Client
from markup import read

from chuanyu.cases.models import Case
from chuanyu.delivery.queries import plan
from chuanyu.exchange.models import Outbox

pytestmark = pytest.mark.django_db

Staff = Callable[[str], Client]
REFUSED = {"refused": "not_granted", "text": {"zh": "协议没有授权这次请求。", "en": "The compact does not grant this request."},
           "line": "grants: hrss → hrss", "would_allow": "a grant of case.event", "trace": "abc123"}  # fmt: skip


@pytest.fixture
def letter(filed: str, staff: Staff) -> str:
    """A message of ours that the other node refused."""
    clerk = staff("clerk")
    clerk.post(f"/counter/{filed}/acts/accept/", {"expects": str(Case.objects.get().sequence)})
    row = Outbox.objects.get()
    Outbox.objects.filter(pk=row.pk).update(state=Outbox.DEAD, last_error=REFUSED, answered=True, tries=3)
    return str(row.pk)


@pytest.mark.parametrize("language", ["zh-hans", "en"])
def test_the_overview_counts_what_works_and_what_is_stuck(letter: str, staff: Staff, language: str) -> None:
    office = staff("office")
    office.cookies["chuanyu_language"] = language
    page = read(office.get("/office/"))
    working, total = (sum(getattr(clause, part) for clause in plan()) for part in ("working", "total"))
    assert total == 92 and f"{working} / 92" in page.text
    assert "/office/letters/" in [a.get("href") for a in page.one("main").all("a")]


def test_a_letter_says_where_it_was_refused_and_what_would_allow_it(letter: str, staff: Staff) -> None:
    text = read(staff("officer").get("/office/letters/")).text
    for said in ("协议没有授权这次请求", "grants: hrss → hrss", "a grant of case.event", "abc123"):
        assert said in text


def test_a_letter_is_sent_again(letter: str, staff: Staff) -> None:
    officer = staff("officer")
    answer = officer.post("/office/letters/", {"message": letter, "do": "resend"}, follow=True)
    assert "已重新发送" in read(answer).text
    assert Outbox.objects.get().state == Outbox.WAITING
    again = officer.post("/office/letters/", {"message": letter, "do": "resend"}, follow=True)
    assert "没有这封待处理的报文" in read(again).text


def test_a_letter_is_given_up_only_with_a_reason(letter: str, staff: Staff) -> None:
    officer = staff("officer")
    answer = officer.post("/office/letters/", {"message": letter, "do": "drop", "why": " "}, follow=True)
    assert "请写明放弃的原因" in read(answer).text and Outbox.objects.get().state == Outbox.DEAD
    officer.post("/office/letters/", {"message": letter, "do": "drop", "why": "重复"})
    assert Outbox.objects.get().state == Outbox.DROPPED
    assert "没有停住的消息" in read(officer.get("/office/letters/")).text
    assert read(officer.post("/office/letters/", {"message": "x"}, follow=True))


def test_a_clerk_has_no_business_here(house: None, staff: Staff) -> None:
    clerk = staff("clerk")
    for address in ("/office/", "/office/overdue/", "/office/letters/"):
        assert clerk.get(address).status_code == 403
