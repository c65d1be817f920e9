"""What somebody has typed is kept while they type, for whom and for what it was typed, and shown again; nobody is left with a bare page."""

import io
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from markup import Page, hidden, read

from chuanyu.cases.models import Attachment, Case, Event
from chuanyu.core import days
from chuanyu.core.numbers import make_person_number
from chuanyu.identity import actions, drafts, vault
from chuanyu.identity.actor import Actor
from chuanyu.identity.models import Delegation, Draft

pytestmark = pytest.mark.django_db

APPLY = "/services/pension_transfer/apply/"
WHERE, FILE = "/counter/person/", "/counter/person/pension_transfer/"
SINCE = "application-employed_since"
ONE = make_person_number("500000", days.date(1970, 2, 3), 31, "male")
TWO = make_person_number("500000", days.date(1971, 2, 3), 33, "male")
DAUGHTER = make_person_number("510000", days.date(1986, 9, 1), 4, "female")
PNG = b"\x89PNG\r\n\x1a\n" + b"0" * 32
SENTENCE = "请带劳动合同原件。"
SignIn = Callable[..., None]


@pytest.fixture
def clerk(staff: Callable[[str], Client]) -> Client:
    return staff("clerk")


@pytest.fixture
def daughter(house: None, sign_in: SignIn) -> Client:
    person = vault.enrol(DAUGHTER, "李小雨", "500112")
    client = Client()
    sign_in(client, actions.create_resident(username="daughter", password="x", person=person, display="*小雨"))
    return client


def mandate(principal: Client, delegate: Client, *services: str) -> Delegation:
    sent = {"offer-number": DAUGHTER, "offer-name": "李小雨", "offer-relation": "child", "services": services,
            "offer-extent": "some" if services else "every", "offer-until": str(days.today() + timedelta(days=9))}  # fmt: skip
    principal.post("/delegates/new/", sent)
    made = Delegation.objects.latest("offered")
    delegate.post(f"/delegates/{made.pk}/", {"do": "accept"})
    return made


def find(client: Client, number: str, purpose: str = "counter.apply") -> None:
    client.post(WHERE, {"sought-number": number, "sought-purpose": purpose})


def form_of(page: Page, act: str) -> dict[str, str]:
    form = next(f for f in page.root.all("form") if f"/acts/{act}/" in f.get("action"))
    inputs = [e for e in form.all("input") if e.get("name") and e.get("type") != "checkbox"]
    return {e.get("name"): e.get("value") for e in inputs}


def kept_by_itself(client: Client, address: str, sent: dict[str, Any]) -> int:
    """As the page does while one types."""
    return client.post(f"{address}?keep=1", sent).status_code


def since(client: Client, address: str = APPLY) -> str:
    return read(client.get(address)).fields[SINCE].get("value")


def sentence(page: Page, act: str = "send_back") -> str:
    return page.fields[f"note-{act}"].text


# ---- while one types


def test_an_application_is_kept_while_it_is_typed(resident: Client, sign_in: SignIn) -> None:
    page = read(resident.get(APPLY))
    assert "已保存的草稿" not in page.text
    assert kept_by_itself(resident, APPLY, hidden(page) | {SINCE: "2025-02"}) == 204  # half a date
    page = read(resident.get(APPLY))
    assert page.fields[SINCE].get("value") == "2025-02" and "已保存的草稿" in page.text
    assert resident.get(f"{APPLY}check/").headers["Location"] == APPLY  # nobody is asked to send what is not whole
    answer = resident.post(APPLY, hidden(page) | {"drop": "form"}, follow=True)
    assert "草稿已删除" in read(answer).text and since(resident) == ""


def test_the_clerks_half_written_sentence_is_kept_for_that_step_of_that_case(clerk: Client, filed: str) -> None:
    address = f"/counter/{filed}/"
    sent = form_of(read(clerk.get(address)), "send_back") | {"note": SENTENCE, "wrong": ["application.household"]}
    assert kept_by_itself(clerk, f"{address}acts/send_back/", sent) == 204
    page = read(clerk.get(address))
    assert sentence(page) == SENTENCE and "已保存的草稿" in page.text
    assert [e.get("value") for e in page.root.all("input") if "checked" in e.attributes] == ["application.household"]
    assert not Event.objects.filter(sequence=2).exists()
    assert SENTENCE not in str(bytes(Draft.objects.get().sealed))
    clerk.post(f"{address}acts/send_back/", sent | {"drop": "form"})
    assert sentence(read(clerk.get(address))) == "" and not Draft.objects.exists()


def test_what_a_clerk_typed_is_gone_once_the_step_is_taken(clerk: Client, filed: str) -> None:
    address = f"/counter/{filed}/"
    sent = form_of(read(clerk.get(address)), "send_back") | {"note": SENTENCE}
    kept_by_itself(clerk, f"{address}acts/send_back/", sent)
    clerk.post(f"{address}acts/send_back/", sent)
    assert Case.objects.get().state == "correcting" and not Draft.objects.exists()


def test_nobody_reads_what_a_colleague_has_half_written(clerk: Client, other_clerk: Client, filed: str) -> None:
    address = f"/counter/{filed}/"
    sent = form_of(read(clerk.get(address)), "send_back") | {"note": SENTENCE}
    kept_by_itself(clerk, f"{address}acts/send_back/", sent)
    assert SENTENCE not in read(other_clerk.get(address)).text


def test_a_correction_is_kept_while_the_resident_types_it(clerk: Client, resident: Client, filed: str) -> None:
    clerk.post(f"/counter/{filed}/acts/send_back/", {"expects": "1", "note": SENTENCE})
    address = f"/cases/{filed}/acts/resubmit/"
    sent = hidden(read(resident.get(address))) | {SINCE: "2025-0"}
    assert kept_by_itself(resident, address, sent) == 204
    page = read(resident.get(address))
    assert page.fields[SINCE].get("value") == "2025-0" and "已保存的草稿" in page.text
    resident.post(address, sent | {"drop": "form"})
    assert since(resident, address) == ""


def test_a_record_being_mended_is_kept_for_whom_it_is_mended(clerk: Client) -> None:
    vault.enrol(ONE, "周明", "500103")
    find(clerk, ONE, "counter.correct")
    sent = hidden_of(read(clerk.get(WHERE)), "record-name") | {"record-name": "周铭"}
    assert kept_by_itself(clerk, WHERE, sent) == 204
    page = read(clerk.get(WHERE))
    assert page.fields["record-name"].get("value") == "周铭" and "已保存的草稿" in page.text
    clerk.post(WHERE, sent | {"drop": "form"})
    assert read(clerk.get(WHERE)).fields["record-name"].get("value") == "周明"


def hidden_of(page: Page, name: str) -> dict[str, str]:
    """What the form with this field carries by itself."""
    form = next(f for f in page.root.all("form") if name in {e.get("name") for e in f.all("input")})
    return {e.get("name"): e.get("value") for e in form.all("input") if e.get("name")}


def test_what_is_too_long_to_be_kept_is_not_said_to_be(
    clerk: Client, filed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drafts, "LIMIT", 10)
    assert kept_by_itself(clerk, f"/counter/{filed}/acts/send_back/", {"expects": "1", "note": SENTENCE}) == 409
    assert kept_by_itself(clerk, f"/counter/{filed}/acts/no_such/", {"expects": "1", "note": "x"}) == 409


# ---- the lock


def test_keeping_is_refused_at_a_locked_screen_and_signed_out_and_breaks_nothing(clerk: Client, filed: str) -> None:
    address = f"/counter/{filed}/acts/send_back/"
    clerk.post("/accounts/lock/", {"do": "lock"})
    assert kept_by_itself(clerk, address, {"expects": "1", "note": SENTENCE}) == 302
    assert kept_by_itself(Client(), address, {"expects": "1", "note": SENTENCE}) == 302
    assert not Draft.objects.exists()


def test_keeping_is_no_sign_of_a_person(clerk: Client, filed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    clerk.get("/counter/")
    now = time.time()
    half = settings.CHUANYU_STAFF_IDLE * 0.6
    monkeypatch.setattr(time, "time", lambda: now + half)
    assert kept_by_itself(clerk, f"/counter/{filed}/acts/send_back/", {"expects": "1", "note": SENTENCE}) == 204
    monkeypatch.setattr(time, "time", lambda: now + 2 * half)
    assert clerk.get(f"/counter/{filed}/").headers["Location"].startswith("/accounts/lock/")


# ---- the case has moved on


def test_words_written_too_late_are_shown_to_be_copied(clerk: Client, other_clerk: Client, filed: str) -> None:
    address = f"/counter/{filed}/"
    late = form_of(read(clerk.get(address)), "send_back") | {"note": SENTENCE}
    kept_by_itself(clerk, f"{address}acts/send_back/", late)
    other_clerk.post(f"{address}acts/accept/", {"expects": "1"})
    page = read(clerk.get(address))
    assert "“退回补正”写的没有发出" in page.text and SENTENCE in page.text
    answer = clerk.post(f"{address}acts/send_back/", late)
    assert answer.status_code == 409 and SENTENCE in read(answer).text and Event.objects.count() == 2
    clerk.post(f"{address}acts/send_back/", {"drop": "1"})
    assert SENTENCE not in read(clerk.get(address)).text


def test_words_written_too_late_fill_the_form_again_where_the_step_is_still_to_be_taken(
    clerk: Client, other_clerk: Client, resident: Client, filed: str
) -> None:
    address = f"/counter/{filed}/"
    late = form_of(read(clerk.get(address)), "send_back") | {"note": SENTENCE}
    other_clerk.post(f"{address}acts/send_back/", late | {"note": "请补户口簿。"})
    resident.post(f"/cases/{filed}/acts/resubmit/", {"expects": "2", SINCE: "2025-02-03"})
    assert Case.objects.get().sequence == 3
    answer = clerk.post(f"{address}acts/send_back/", late)
    assert answer.status_code == 409
    page = read(answer)
    assert sentence(page) == SENTENCE and form_of(page, "send_back")["expects"] == "3"
    assert sentence(read(clerk.get(address))) == SENTENCE  # and after a reload


def test_the_same_sentence_sent_twice_is_not_offered_again(clerk: Client, filed: str) -> None:
    sent = form_of(read(clerk.get(f"/counter/{filed}/")), "send_back") | {"note": SENTENCE}
    for _ in range(2):
        answer = clerk.post(f"/counter/{filed}/acts/send_back/", sent)
    assert answer.status_code == 409 and "没有发出" not in read(answer).text and not Draft.objects.exists()


def test_words_kept_late_of_a_step_that_was_taken_are_not_said_to_be_unsent(
    clerk: Client, resident: Client, filed: str
) -> None:
    address = f"/counter/{filed}/"
    sent = form_of(read(clerk.get(address)), "send_back") | {"note": SENTENCE, "wrong": ["application.household"]}
    clerk.post(f"{address}acts/send_back/", sent)
    assert kept_by_itself(clerk, f"{address}acts/send_back/", sent) == 204  # it was slower than the step itself
    assert "没有发出" not in read(clerk.get(address)).text and not Draft.objects.exists()
    mine = f"/cases/{filed}/acts/resubmit/"
    correction = hidden(read(resident.get(mine))) | {SINCE: "2025-02-03"}
    resident.post(mine, correction)
    clerk.post(f"{address}acts/accept/", {"expects": "3"})  # nor after a step more
    assert kept_by_itself(resident, mine, correction) == 204 and not Draft.objects.exists()


def test_what_was_ticked_is_read_as_the_sentence_it_makes_and_nothing_is_not_shown(
    clerk: Client, other_clerk: Client, filed: str
) -> None:
    address = f"/counter/{filed}/"
    sent = form_of(read(clerk.get(address)), "send_back") | {"note": ""}
    kept_by_itself(clerk, f"{address}acts/send_back/", sent | {"wrong": ["application.household"]})
    kept_by_itself(other_clerk, f"{address}acts/send_back/", sent)  # typed, and taken out again
    other_clerk.post(f"{address}acts/accept/", {"expects": "1"})
    assert "请更正：户籍所在地。" in read(clerk.get(address)).text
    kept_by_itself(other_clerk, f"{address}acts/send_back/", sent)
    assert "没有发出" not in read(other_clerk.get(address)).text


def test_only_what_the_step_asks_for_is_kept(clerk: Client, filed: str) -> None:
    sent = form_of(read(clerk.get(f"/counter/{filed}/")), "send_back") | {"note": SENTENCE, SINCE: "2025-02-03"}
    kept_by_itself(clerk, f"/counter/{filed}/acts/send_back/", sent)
    case = Case.objects.get()
    who = Actor(kind="staff", user="clerk-hrss", node="chongqing")
    assert drafts.of_case(who, person=case.person, case=case.pk)["send_back"].content["typed"] == {}


def test_a_resident_reads_on_the_form_what_they_had_typed_before_the_case_moved_on(
    clerk: Client, resident: Client, filed: str
) -> None:
    clerk.post(f"/counter/{filed}/acts/send_back/", {"expects": "1", "note": SENTENCE})
    address = f"/cases/{filed}/acts/resubmit/"
    kept_by_itself(resident, address, hidden(read(resident.get(address))) | {SINCE: "2024-11-30"})
    find(clerk, vault.reveal(Case.objects.get().person, purpose="test", by="test").number)
    form = form_of(read(clerk.get(f"/counter/{filed}/")), "resubmit") | {SINCE: "2025-02-03"}
    clerk.post(f"/counter/{filed}/acts/resubmit/", form)  # the applicant went to the counter instead
    clerk.post(f"/counter/{filed}/acts/send_back/", {"expects": "3", "note": SENTENCE})
    page = read(resident.get(address))
    assert page.fields[SINCE].get("value") == "2025-02-03"
    assert "没有发出" in page.text and "2024年11月30日" in page.text


def test_a_residents_correction_that_comes_late_is_not_lost(clerk: Client, resident: Client, filed: str) -> None:
    clerk.post(f"/counter/{filed}/acts/send_back/", {"expects": "1", "note": SENTENCE})
    address = f"/cases/{filed}/acts/resubmit/"
    tab = hidden(read(resident.get(address)))
    resident.post(address, tab | {SINCE: "2025-02-03"})  # in another tab
    answer = resident.post(address, tab | {SINCE: "2024-11-30"})
    page = read(answer)
    assert answer.status_code == 409 and "没有发出" in page.text and "2024年11月30日" in page.text
    clerk.post(f"/counter/{filed}/acts/send_back/", {"expects": "3", "note": SENTENCE})
    answer = resident.post(address, tab | {SINCE: "2024-11-30"})
    page = read(answer)
    assert answer.status_code == 409 and page.fields[SINCE].get("value") == "2024-11-30"
    assert hidden(page)["expects"] == "4" and since(resident, address) == "2024-11-30"


def test_what_is_typed_for_the_applicant_stays_when_they_have_gone(clerk: Client, filed: str) -> None:
    clerk.post(f"/counter/{filed}/acts/send_back/", {"expects": "1", "note": SENTENCE})
    number = vault.reveal(Case.objects.get().person, purpose="test", by="test").number
    find(clerk, number)
    sent = form_of(read(clerk.get(f"/counter/{filed}/")), "resubmit") | {SINCE: "2025-02-03"}
    clerk.post(WHERE, {"do": "end"})
    answer = clerk.post(f"/counter/{filed}/acts/resubmit/", sent)
    assert answer.status_code == 409 and "已存为草稿" in read(answer).text
    assert SINCE not in read(clerk.get(f"/counter/{filed}/")).fields
    find(clerk, number)
    assert since(clerk, f"/counter/{filed}/") == "2025-02-03"


def test_an_application_sent_from_one_tab_and_changed_in_another_is_not_said_to_be_what_was_sent(
    resident: Client,
) -> None:
    tabs = []
    for day in ("2025-02-03", "2024-11-30"):
        resident.post(APPLY, hidden(read(resident.get(APPLY))) | {SINCE: day, "go": "check"})
        tabs.append(hidden(read(resident.get(f"{APPLY}check/"))))
    for tab in (tabs[0], tabs[0]):  # by double click
        assert "先前已经交过" not in read(resident.post(f"{APPLY}check/", tab, follow=True)).text
    assert "先前已经交过" in read(resident.post(f"{APPLY}check/", tabs[1], follow=True)).text
    assert Case.objects.count() == 1 and since(resident) == "2024-11-30"


def test_an_application_changed_after_it_was_sent_is_never_said_to_be_sent_again(resident: Client) -> None:
    resident.post(APPLY, hidden(read(resident.get(APPLY))) | {SINCE: "2025-02-03", "go": "check"})
    draft = Draft.objects.get()
    resident.post(f"{APPLY}check/", hidden(read(resident.get(f"{APPLY}check/"))))
    draft.save(force_insert=True)  # another tab read it before it was sent, and kept it after
    resident.post(APPLY, hidden(read(resident.get(APPLY))) | {SINCE: "2024-11-30", "go": "check"})
    answer = resident.post(f"{APPLY}check/", hidden(read(resident.get(f"{APPLY}check/"))), follow=True)
    assert "先前已经交过" in read(answer).text and since(resident) == "2024-11-30" and Case.objects.count() == 1


def test_a_row_more_on_a_form_too_long_to_be_kept_loses_nothing(
    resident: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    form = hidden(read(resident.get(APPLY))) | {SINCE: "2025-02", "add": "application-none"}
    monkeypatch.setattr(drafts, "LIMIT", 10)
    page = read(resident.post(APPLY, form, follow=True))
    assert page.fields[SINCE].get("value") == "2025-02" and "填写的内容太多" in page.text


# ---- for whom it was typed


@pytest.mark.parametrize("next_one", [None, TWO], ids=["nobody-there", "somebody-else"])
@pytest.mark.parametrize("itself", [False, True], ids=["sent", "kept"])
def test_what_was_typed_for_the_person_before_is_kept_as_theirs(
    clerk: Client, next_one: str | None, itself: bool
) -> None:
    vault.enrol(ONE, "周明", "500103"), vault.enrol(TWO, "吴芳", "511602")
    find(clerk, ONE)
    form = hidden(read(clerk.get(FILE))) | {SINCE: "2025-02-03"}
    clerk.post(WHERE, {"do": "end"})
    if next_one:
        find(clerk, next_one)
    if itself:
        assert kept_by_itself(clerk, FILE, form) == 204
    else:
        page = read(clerk.post(FILE, form | {"go": "check"}, follow=True))
        assert "找到本人后接着填" in page.text
    if next_one:
        assert since(clerk, FILE) == ""
    find(clerk, ONE)
    assert since(clerk, FILE) == "2025-02-03" and not Case.objects.exists()


def test_a_page_of_a_visit_nobody_knows_is_said_to_be_lost(clerk: Client) -> None:
    vault.enrol(ONE, "周明", "500103")
    find(clerk, ONE)
    sent = {"visit": "made-up", SINCE: "2025-02-03", "go": "check"}
    assert "没有存下来" in read(clerk.post(FILE, sent, follow=True)).text
    assert kept_by_itself(clerk, FILE, sent) == 409 and not Draft.objects.exists()


def test_a_correction_of_the_person_before_does_not_say_that_nobody_is_there(clerk: Client) -> None:
    vault.enrol(ONE, "周明", "500103"), vault.enrol(TWO, "吴芳", "511602")
    find(clerk, ONE, "counter.correct")
    sent = hidden_of(read(clerk.get(WHERE)), "record-name") | {"record-name": "周铭"}
    clerk.post(WHERE, {"do": "end"})
    find(clerk, TWO)
    page = read(clerk.post(WHERE, sent, follow=True))
    assert "那位的草稿" in page.text and "吴芳" in page.text and "窗口前现在没有申请人" not in page.text


@pytest.mark.parametrize("begun", ["oneself", "mother"])
def test_what_a_delegate_typed_for_another_is_kept_as_the_other_ones(
    resident: Client, daughter: Client, begun: str
) -> None:
    made = mandate(resident, daughter, "pension_transfer")
    mother: dict[str, str] = {"delegation": str(made.pk)}
    first, then = (mother, {}) if begun == "mother" else ({}, mother)
    daughter.post("/delegates/act/", first)
    form = hidden(read(daughter.get(APPLY))) | {SINCE: "2025-02-03"}
    daughter.post("/delegates/act/", then)
    assert "已存为草稿" in read(daughter.post(APPLY, form | {"go": "check"}, follow=True)).text
    assert since(daughter) == ""
    assert kept_by_itself(daughter, APPLY, form | {SINCE: "2025-02-04"}) == 204
    daughter.post("/delegates/act/", first)
    assert since(daughter) == "2025-02-04" and since(resident) == ""


@pytest.mark.parametrize("itself", [False, True], ids=["sent", "kept"])
@pytest.mark.parametrize("ended", [False, True], ids=["in-force", "ended"])
def test_a_step_typed_for_another_is_kept_where_one_no_longer_acts_for_them(
    clerk: Client, resident: Client, daughter: Client, filed: str, itself: bool, ended: bool
) -> None:
    clerk.post(f"/counter/{filed}/acts/send_back/", {"expects": "1", "note": SENTENCE})
    made, address = mandate(resident, daughter, "pension_transfer"), f"/cases/{filed}/acts/resubmit/"
    daughter.post("/delegates/act/", {"delegation": str(made.pk)})
    form = hidden(read(daughter.get(address))) | {SINCE: "2025-02-03"}
    daughter.post("/delegates/act/", {})  # in another tab
    if ended:
        resident.post(f"/delegates/{made.pk}/", {"do": "end"})
    if itself:
        assert kept_by_itself(daughter, address, form) == (404 if ended else 204)
    else:
        answer = daughter.post(address, form, follow=True)
        assert answer.status_code == 404 if ended else "已存为草稿" in read(answer).text
    assert Case.objects.get().state == "correcting" and Draft.objects.exists() != ended
    assert daughter.get(address).status_code == 404 and since(resident, address) == ""
    if not ended:
        daughter.post("/delegates/act/", {"delegation": str(made.pk)})
        assert since(daughter, address) == "2025-02-03"


def test_nothing_is_kept_under_a_delegation_that_has_ended(resident: Client, daughter: Client) -> None:
    made = mandate(resident, daughter)
    daughter.post("/delegates/act/", {"delegation": str(made.pk)})
    form = hidden(read(daughter.get(APPLY))) | {SINCE: "2025-02-03"}
    daughter.post("/delegates/act/", {})
    resident.post(f"/delegates/{made.pk}/", {"do": "end"})
    assert kept_by_itself(daughter, APPLY, form) == 409
    assert "没有保存" in read(daughter.post(APPLY, form, follow=True)).text and not Draft.objects.exists()


def test_a_delegate_throws_a_draft_of_their_list_away(resident: Client, daughter: Client) -> None:
    made = mandate(resident, daughter)
    daughter.post("/delegates/act/", {"delegation": str(made.pk)})
    daughter.post(APPLY, hidden(read(daughter.get(APPLY))) | {SINCE: "2025-02-03", "go": "check"})
    page = read(daughter.get("/me/"))
    form = next(f for f in page.root.all("form") if f.get("action") == APPLY)
    daughter.post(APPLY, {e.get("name"): e.get("value") for e in form.all("input", "button")})
    assert not Draft.objects.exists()


# ---- a delegate


def test_a_delegate_outside_the_mandate_reads_for_whom_and_for_what_they_act(
    resident: Client, daughter: Client
) -> None:
    made = mandate(resident, daughter, "pension_transfer")
    daughter.post("/delegates/act/", {"delegation": str(made.pk)})
    answer = daughter.get("/services/public_opinion/apply/")
    page = read(answer)
    assert answer.status_code == 403
    assert "小雪" in page.text and "企业职工基本养老保险关系转移接续" in page.text and "结束代办" in page.text
    assert "密码与登录" not in read(daughter.get("/me/")).text
    daughter.post("/delegates/act/", {})
    assert "密码与登录" in read(daughter.get("/me/")).text
    assert daughter.get("/services/public_opinion/apply/").status_code == 200


@pytest.mark.parametrize("typed", [" 510000 19860901 {} ", "５１００００１９８６０９０１{}", "510000-19860901-{}"])
def test_a_number_on_the_delegation_form_is_read_as_people_write_it(
    resident: Client, daughter: Client, typed: str
) -> None:
    sent = {"offer-number": typed.format(DAUGHTER[14:]).lower(), "offer-name": "李小雨", "offer-relation": "child",
            "offer-extent": "every", "offer-until": str(days.today() + timedelta(days=9))}  # fmt: skip
    assert resident.post("/delegates/new/", sent).status_code == 302
    assert Delegation.objects.get().delegate_id


# ---- files


def upload(client: Client, address: str) -> None:
    file = io.BytesIO(PNG)
    file.name = "wrong.png"
    client.post(address, {"file": file})


def test_a_file_added_by_mistake_is_taken_back_before_a_step_rests_on_it(
    clerk: Client, resident: Client, filed: str
) -> None:
    mine, theirs = f"/cases/{filed}/files/", f"/counter/{filed}/files/"
    upload(resident, mine)
    row = Attachment.objects.get()
    assert "移除" not in read(clerk.get(f"/counter/{filed}/")).text  # somebody else's
    assert clerk.post(theirs, {"remove": str(row.pk)}).status_code == 422 and Case.objects.get().files == 1
    page = read(resident.get(f"/cases/{filed}/"))
    assert "移除" in page.text
    page = read(resident.post(mine, {"remove": str(row.pk)}, follow=True))
    assert "文件已移除" in page.text and "wrong.png" not in page.text
    assert resident.get(f"/files/{row.pk}/").status_code == 404 and Case.objects.get().files == 0
    row.refresh_from_db()  # that it was there, and whose, is still known; what was in it is not
    assert row.removed and row.actor == "chongqing/someone" and bytes(row.content) == b""
    clerk.post(f"/counter/{filed}/acts/accept/", {"expects": "1"})
    assert "attachments" not in Event.objects.get(sequence=2).body
    assert resident.post(mine, {"remove": str(row.pk)}).status_code == 404


def test_a_file_an_event_carries_stays(clerk: Client, resident: Client, filed: str) -> None:
    upload(resident, f"/cases/{filed}/files/")
    row = Attachment.objects.get()
    clerk.post(f"/counter/{filed}/acts/accept/", {"expects": "1"})
    assert "移除" not in read(resident.get(f"/cases/{filed}/")).text
    answer = resident.post(f"/cases/{filed}/files/", {"remove": str(row.pk)})
    assert answer.status_code == 422 and "不能移除" in read(answer).text
    row.refresh_from_db()
    assert row.removed is None and bytes(row.content) == PNG
