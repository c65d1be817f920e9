"""The counter under a hostile hand, a hurried one and two at once."""

import csv
import io
import re
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from markup import hidden, read

from chuanyu.cases import actions as cases
from chuanyu.cases.models import Attachment, Case, Event
from chuanyu.core.numbers import make_person_number
from chuanyu.identity import actions, finding, vault
from chuanyu.identity.actor import Actor
from chuanyu.identity.models import Person, Reveal, Search

pytestmark = pytest.mark.django_db

Staff = Callable[[str], Client]
WHERE = "/counter/person/"
FILE = f"{WHERE}pension_transfer/"
ONE, TWO = "500000198506150044", "510000199001010026"
PNG = b"\x89PNG\r\n\x1a\n" + b"0" * 32


@pytest.fixture
def clerk(staff: Staff) -> Client:
    return staff("clerk")


@pytest.fixture
def stranger(house: None, sign_in: Callable[..., None]) -> Client:
    """A clerk of an agency that has nothing to do with pensions."""
    client = Client()
    sign_in(client, actions.create_staff(username="clerk-edu", password="x", agency="edu", role="clerk"))
    return client


def find(clerk: Client, number: str, purpose: str = "counter.apply") -> Any:
    return clerk.post(WHERE, {"sought-number": number, "sought-purpose": purpose})


# ---- other agencies' cases


def test_a_case_of_another_agency_does_not_exist(stranger: Client, filed: str, clerk: Client) -> None:
    file = Attachment.objects.get(
        pk=cases.attach(case=Case.objects.get().pk, actor=_clerk_of(clerk), filename="x.png", content=PNG)
    )
    before = Reveal.objects.count(), Event.objects.count()
    reference = Case.objects.get().reference
    for address in (f"/counter/{filed}/", f"/counter/{filed}/slip/", f"/files/{file.pk}/", f"/api/cases/{filed}"):
        assert stranger.get(address).status_code == 404, address
    for act in ("accept", "withdraw", "no_such_act"):
        assert stranger.post(f"/counter/{filed}/acts/{act}/", {"expects": "1"}).status_code == 404
        for expects in (1, 7):  # neither does it say how far the case is
            answer = stranger.post(
                f"/api/cases/{filed}/acts/{act}", {"expects": expects}, content_type="application/json"
            )
            assert answer.status_code == 404, answer.content
    upload = io.BytesIO(PNG)
    upload.name = "y.png"
    assert stranger.post(f"/counter/{filed}/files/", {"file": upload}).status_code == 404
    for typed in (reference, reference[:7], filed, f"http://127.0.0.1:8051/cases/{filed}/", "CY-"):
        page = read(stranger.get("/counter/", {"q": typed}))
        assert reference not in page.one("main").text.replace(typed, ""), typed
    assert "新到" not in stranger.get("/counter/counts/?seen=x&began=x&was=0").content.decode()
    assert (Reveal.objects.count(), Event.objects.count()) == before
    Case.objects.update(final=True)
    answer = stranger.post(f"/api/cases/{filed}/acts/accept", {"expects": 1}, content_type="application/json")
    assert answer.status_code == 404


def test_a_service_of_another_agency_is_not_applied_for(stranger: Client) -> None:
    vault.enrol(ONE, "周明")
    find(stranger, ONE)
    assert stranger.get(FILE).status_code == 404
    answer = stranger.post(
        "/api/cases", {"service": "pension_transfer", "number": ONE, "documents": {"application": {}}}, content_type="application/json"
    )  # fmt: skip
    assert answer.status_code == 403 and not Case.objects.exists()


# ---- the person who has gone


@pytest.mark.parametrize("next_one", [None, TWO], ids=["nobody-there", "somebody-else"])
def test_a_form_of_the_person_before_is_not_filed_for_the_next(clerk: Client, next_one: str | None) -> None:
    """Two tabs: in one stands the form of the first person, in the other the clerk has gone on."""
    one, two = vault.enrol(ONE, "周明", "500103"), vault.enrol(TWO, "吴芳", "511602")
    find(clerk, ONE)
    form = hidden(read(clerk.get(FILE)))
    clerk.post(FILE, form | {"application-household": "500103", "go": "check"})
    check = hidden(read(clerk.get(f"{FILE}check/")))
    clerk.post(WHERE, {"do": "end"})
    if next_one:
        find(clerk, next_one)
    answer = clerk.post(f"{FILE}check/", check, follow=True)
    assert not Case.objects.exists()
    page = read(answer)
    assert ("吴芳" in page.text) == bool(next_one) and "周明" not in page.text
    assert ("请先查找" in page.text) or ("刚才那位" in page.text)
    clerk.post(
        FILE, form | {"application-employed_since": "2025-02-03", "go": "check"}
    )  # nor does it become their draft
    if next_one:
        assert read(clerk.get(FILE)).fields["application-employed_since"].get("value") == ""
    find(clerk, ONE)
    answer = clerk.post(f"{FILE}check/", hidden(read(clerk.get(f"{FILE}check/"))))
    assert Case.objects.get().person == one != two


def test_a_correction_is_not_written_into_the_next_persons_record(clerk: Client) -> None:
    vault.enrol(ONE, "周明", "500103")
    two = vault.enrol(TWO, "吴芳", "511602")
    find(clerk, ONE, "counter.correct")
    sent = _form(read(clerk.get(WHERE)), "correct")
    find(clerk, TWO, "counter.correct")
    answer = clerk.post(WHERE, sent | {"do": "correct", "record-name": "周铭"}, follow=True)
    assert "刚才那位" in read(answer).text
    assert vault.reveal(two, purpose="test", by="test").name == "吴芳"


def test_the_same_person_found_again_keeps_the_form(clerk: Client) -> None:
    vault.enrol(ONE, "周明", "500103")
    find(clerk, ONE)
    clerk.post(FILE, hidden(read(clerk.get(FILE))) | {"go": "check"})
    check = hidden(read(clerk.get(f"{FILE}check/")))
    find(clerk, ONE)
    clerk.post(f"{FILE}check/", check)
    assert Case.objects.count() == 1


# ---- finding people


def test_who_looks_for_whom_is_written_down_found_or_not(clerk: Client) -> None:
    person = vault.enrol(ONE, "周明")
    find(clerk, ONE)
    find(clerk, TWO, "counter.follow")
    rows = list(Search.objects.order_by("at").values_list("actor", "purpose", "person"))
    assert rows == [("chongqing/clerk-hrss", "counter.apply", person), ("chongqing/clerk-hrss", "counter.follow", None)]
    clerk.get("/counter/today/")


def test_numbers_are_not_tried_one_after_the_other(
    clerk: Client, other_clerk: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    vault.enrol(ONE, "周明")
    numbers = _numbers(finding.MISSES + 1)
    for number in numbers[:-1]:
        assert "这里还没有这个人" in read(find(clerk, number)).text
    for number in (numbers[-1], ONE):  # from now on not even somebody known is found
        answer = find(clerk, number)
        assert answer.status_code == 429
        page = read(answer)
        assert "查找得太频繁" in page.text and "没有这个人" not in page.text
    sent = {"service": "pension_transfer", "number": ONE, "documents": {"application": {}}}
    answer = clerk.post("/api/cases", sent, content_type="application/json")
    assert answer.status_code == 429 and answer.json()["error"] == "too_often"
    assert find(other_clerk, ONE).status_code == 302  # who works as one should is not held up
    monkeypatch.setattr(finding, "WINDOW", timedelta(0))
    assert find(clerk, ONE).status_code == 302


def test_known_people_are_not_gone_through_either(clerk: Client) -> None:
    for number in _numbers(finding.MOST + 1):
        vault.enrol(number)
    for number in _numbers(finding.MOST):
        assert find(clerk, number).status_code == 302
    assert find(clerk, _numbers(finding.MOST + 1)[-1]).status_code == 429


def test_the_api_looks_for_people_as_the_counter_does(clerk: Client, stranger: Client, resident: Client) -> None:
    vault.enrol(ONE, "周明")
    sent = {"service": "pension_transfer", "number": ONE, "documents": {"application": {}}}
    assert clerk.post("/api/cases", sent, content_type="application/json").status_code == 200
    assert Search.objects.filter(purpose="pension_transfer", actor="chongqing/clerk-hrss").count() == 1
    before = Search.objects.count()
    # whoever may not file is told so before anybody is looked for
    for client, number in ((stranger, ONE), (stranger, TWO)):
        answer = client.post("/api/cases", sent | {"number": number}, content_type="application/json")
        assert (answer.status_code, answer.json()["error"]) == (403, "not_yours")
    assert Search.objects.count() == before


# ---- twice, at once, too late


def test_the_second_of_two_clerks_is_told_kindly_and_sees_what_happened(
    clerk: Client, other_clerk: Client, filed: str
) -> None:
    sent = _form(read(clerk.get(f"/counter/{filed}/")), "accept")
    late = _form(read(other_clerk.get(f"/counter/{filed}/")), "accept")
    assert clerk.post(f"/counter/{filed}/acts/accept/", sent).status_code == 302
    answer = other_clerk.post(f"/counter/{filed}/acts/accept/", late)
    assert answer.status_code == 409
    page = read(answer)
    assert "“受理”" in page.text and "没有重复办理" in page.text and "已发联系函" in page.text
    assert Event.objects.count() == 2


def test_the_same_step_sent_twice_is_one_step(clerk: Client, filed: str) -> None:
    sent = _form(read(clerk.get(f"/counter/{filed}/")), "accept")
    for _ in range(2):
        answer = clerk.post(f"/counter/{filed}/acts/accept/", sent)
    assert answer.status_code == 409 and "没有重复办理" in read(answer).text
    assert Event.objects.count() == 2


def test_what_a_clerk_wrote_is_not_lost_when_somebody_was_quicker(
    clerk: Client, other_clerk: Client, filed: str
) -> None:
    late = _form(read(other_clerk.get(f"/counter/{filed}/")), "send_back")
    clerk.post(f"/counter/{filed}/acts/accept/", _form(read(clerk.get(f"/counter/{filed}/")), "accept"))
    answer = other_clerk.post(f"/counter/{filed}/acts/send_back/", late | {"note": "请带劳动合同原件。"})
    assert "请带劳动合同原件。" in read(answer).text and Event.objects.count() == 2


def test_a_second_application_leads_the_clerk_to_the_first(clerk: Client, filed: str) -> None:
    number = vault.reveal(Case.objects.get().person, purpose="test", by="test").number
    find(clerk, number)
    clerk.post(FILE, hidden(read(clerk.get(FILE))) | {"go": "check"})
    answer = clerk.post(f"{FILE}check/", hidden(read(clerk.get(f"{FILE}check/"))))
    assert answer.status_code == 409
    assert f"/counter/{filed}/" in [a.get("href") for a in read(answer).root.all("a")]


# ---- files, sessions, forgeries


@pytest.mark.parametrize("first", ["=", "+", "-", "@", "\t", "\r"])
def test_a_spreadsheet_runs_nothing_from_the_days_csv(clerk: Client, filed: str, first: str) -> None:
    clerk.post(f"/counter/{filed}/acts/accept/", _form(read(clerk.get(f"/counter/{filed}/")), "accept"))
    step = Event.objects.get(sequence=2)
    # a declaration can come from the other node; its words are not ours
    Event.objects.filter(pk=step.pk).update(body=step.body | {"act": f"{first}cmd|'/c calc'!A1"})
    rows = list(csv.reader(io.StringIO(clerk.get("/counter/today/?as=csv").content.decode("utf-8-sig"), newline="")))
    cells = [cell for row in rows for cell in row]
    assert any("cmd|" in cell for cell in cells)
    assert not [cell for cell in cells if cell[:1] in "=+-@\t\r" and cell]


def test_a_locked_session_writes_nothing_by_the_api(clerk: Client, filed: str) -> None:
    clerk.post("/accounts/lock/", {"do": "lock"})
    for address, sent in (
        (f"/api/cases/{filed}/acts/accept", {"expects": 1}),
        ("/api/cases", {"service": "pension_transfer", "number": ONE, "documents": {"application": {}}}),
    ):
        answer = clerk.post(address, sent, content_type="application/json")
        assert answer.status_code == 401 and answer.json()["text"]["zh"].startswith("屏幕已锁")
    assert clerk.get("/api/openapi.json").status_code == 401
    assert (
        clerk.post(f"/counter/{filed}/acts/accept/", {"expects": "1"}).headers["Location"].startswith("/accounts/lock/")
    )
    assert Event.objects.count() == 1


def test_every_post_of_every_page_needs_the_token(clerk: Client, filed: str) -> None:
    """By the address book itself, so that a page added later is asked too."""
    strict = Client(enforce_csrf_checks=True, cookies=clerk.cookies)
    strict.cookies = clerk.cookies
    before = Event.objects.count(), Person.objects.count(), Search.objects.count()
    asked = 0
    for address in _addresses(filed):
        answer = strict.post(address, {"do": "enrol", "expects": "1"})
        assert answer.status_code in (403, 404, 405) or _stays_out(answer), (address, answer.status_code)
        asked += answer.status_code == 403
    assert asked > 25
    assert (Event.objects.count(), Person.objects.count(), Search.objects.count()) == before
    assert "locked" not in strict.session and strict.get("/counter/").status_code == 200


def _stays_out(answer: Any) -> bool:
    """Sent to the sign-in, a second factor or the way back: nothing was done. Pages that read alone may answer a POST."""
    return answer.status_code == 200 and "csrfmiddlewaretoken" in answer.content.decode()


def _addresses(case: str) -> list[str]:
    """Every address of the node, ids and keys filled in."""
    found: list[str] = []

    def walk(patterns: list[Any], prefix: str) -> None:
        for each in patterns:
            route = prefix + str(each.pattern)
            if isinstance(each, URLResolver):
                walk(each.url_patterns, route)
            elif isinstance(each, URLPattern) and "(?P" not in route:
                found.append(_filled(route, case))

    walk(get_resolver().url_patterns, "/")
    return found


def _filled(route: str, case: str) -> str:
    route = re.sub(r"<uuid:[^>]*>", case, route)
    route = route.replace("<slug:key>", "pension_transfer").replace("<slug:name>", "accept")
    return re.sub(r"<[^>]*>", "pension_transfer", route).replace("^", "").replace("$", "")


def _numbers(count: int) -> list[str]:
    return [make_person_number("500000", date(1970, 2, 3), sequence, "male") for sequence in range(1, 2 * count, 2)]


def _form(page: Any, act: str) -> dict[str, str]:
    """What the form of a step, or of the page's `do`, sends when nothing is changed."""
    for form in page.root.all("form"):
        if f"/acts/{act}/" in (form.get("action") or "") or any(b.get("value") == act for b in form.all("button")):
            return {
                e.get("name"): e.get("value") for e in form.all("input") if e.get("name") and e.get("name") != "wrong"
            }
    raise AssertionError(f"no form of {act}")


def _clerk_of(client: Client) -> Any:
    assert client.session  # signed in
    return Actor(kind="staff", user="clerk-hrss", node="chongqing", agency="hrss", roles=frozenset({"clerk"}))


def test_ids_of_forms_are_made_up_by_nobody_else(clerk: Client, filed: str) -> None:
    """A request id of somebody else's case files nothing and shows nothing."""
    vault.enrol(ONE, "周明")
    find(clerk, ONE)
    sent = hidden(read(clerk.get(FILE))) | {"request_id": filed, "application-household": ""}
    answer = clerk.post(f"{FILE}check/", sent)
    assert answer.status_code == 403 and Case.objects.count() == 1
