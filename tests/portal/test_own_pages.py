"""What is a resident's own: mine, messages, money, consents, delegates, drafts, ratings; sound in both languages."""

from collections.abc import Callable
from copy import copy
from datetime import date, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from markup import hidden, read

from chuanyu.cases.models import Case, Event
from chuanyu.core import days
from chuanyu.core.catalogue import catalogue
from chuanyu.core.numbers import make_person_number
from chuanyu.delivery import ratings
from chuanyu.delivery.models import Rating
from chuanyu.exchange import known_facts
from chuanyu.exchange.actions import NotGranted
from chuanyu.exchange.errors import AskRefused, Unreachable, refusal
from chuanyu.identity import actions, consents, vault
from chuanyu.identity.models import Consent, Delegation, Draft, User

pytestmark = pytest.mark.django_db

APPLY = "/services/pension_transfer/apply/"
CHECK = f"{APPLY}check/"
ELIGIBLE = "/services/pension_transfer/eligible/"
OWN = ["/me/", "/messages/", "/papers/", "/money/", "/consents/", "/delegates/", "/delegates/new/", ELIGIBLE]
DAUGHTER = make_person_number("510000", date(1986, 9, 1), 4, "female")
SignIn = Callable[..., None]


@pytest.fixture
def mover(house: None, sign_in: SignIn) -> Client:
    """A resident whose household this node does not know."""
    person = vault.enrol(make_person_number("510000", date(1991, 4, 5), 21, "female"), "冉小溪")
    client = Client()
    sign_in(client, actions.create_resident(username="mover", password="x", person=person, display="*小溪"))
    return client


@pytest.fixture
def daughter(house: None, sign_in: SignIn) -> Client:
    person = vault.enrol(DAUGHTER, "李小雨", "500112")
    client = Client()
    sign_in(client, actions.create_resident(username="daughter", password="x", person=person, display="*小雨"))
    return client


def closed(filed: str, resident: Client) -> str:
    resident.post(f"/cases/{filed}/acts/withdraw/", hidden(read(resident.get(f"/cases/{filed}/acts/withdraw/"))))
    return filed


@pytest.mark.parametrize("language", ["zh-hans", "en"])
@pytest.mark.parametrize("large", ["0", "1"])
def test_every_page_of_ones_own_is_sound(
    resident: Client, filed: str, staff: Any, daughter: Client, language: str, large: str
) -> None:
    staff("clerk").post(f"/counter/{filed}/acts/accept/", {"expects": "1"})
    offer(resident)
    resident.post("/services/unemployment_transfer/apply/", {"application-left_work_on": "2025-01-03", "go": "check"})
    for client in (resident, daughter):
        client.cookies["chuanyu_language"], client.cookies["chuanyu_large"] = language, large
        for address in [*OWN, f"/cases/{filed}/" if client is resident else "/cases/"]:
            answer = client.get(address)
            assert answer.status_code == 200, address
            page = read(answer)
            assert page.one("html").get("lang") == ("en" if language == "en" else "zh-Hans")
            assert len(page.root.all("h1")) == 1


@pytest.mark.parametrize("address", ["/life/work/", "/life/old/", "/accessibility/", ELIGIBLE, "/services/public_opinion/",
                                     "/services/service_rating/"])  # fmt: skip
@pytest.mark.parametrize("language", ["zh-hans", "en"])
def test_public_pages_of_residents_are_sound(house: None, client: Client, address: str, language: str) -> None:
    client.cookies["chuanyu_language"] = language
    answer = client.get(address)
    assert answer.status_code == 200
    page = read(answer)
    if language == "en" and "service" not in address:
        chinese = [w for w in page.text.split() if any("\u4e00" <= c <= "\u9fff" for c in w) and "〔" not in w]
        assert not chinese, chinese


def test_home_leads_to_every_life_event_and_to_ones_own(resident: Client) -> None:
    hrefs = [a.get("href") for a in read(resident.get("/")).root.all("a")]
    for key in ("study", "work", "ill", "old", "child", "home", "travel", "move", "business", "help"):
        assert f"/life/{key}/" in hrefs
    assert {"/me/", "/messages/", "/accessibility/", "/services/public_opinion/"} <= set(hrefs)
    mine = {a.get("href") for a in read(resident.get("/me/")).root.all("a")}
    assert {"/cases/", "/messages/", "/papers/", "/money/", "/consents/", "/delegates/", "/accesses/"} <= mine
    assert resident.get("/life/none/").status_code == 404


# ---- eligibility


def test_am_i_eligible_for_somebody_nobody_knows(house: None, client: Client) -> None:
    form = read(client.get(ELIGIBLE))
    assert {"person-birth", "application-household"} <= set(form.fields)
    answer = client.post(ELIGIBLE, {"person-birth": "1960-01-01", "person-sex": "male", "application-household": "511602",
                                    "application-first_insured_here_on": "2020-01-01", "go": "ask"})  # fmt: skip
    text = read(answer).text
    assert "现在办不成" in text and "临时账户" in text and "国办发〔2009〕66号 第5条" in text and "正常缴费" in text
    young = read(client.post(ELIGIBLE, {"person-birth": "1990-01-01", "person-sex": "male", "go": "ask"}))
    assert "可以办" in young.text and "登录后申请" in young.text


def test_am_i_eligible_asks_a_resident_only_what_is_not_known_and_stores_nothing(resident: Client) -> None:
    form = read(resident.get(ELIGIBLE))
    assert "person-birth" not in form.fields and "四川省广安市广安区" in form.text
    page = read(resident.post(ELIGIBLE, {"application-employed_since": "2025-02-03", "go": "ask"}))
    assert "可以办" in page.text
    assert not Case.objects.exists() and not Draft.objects.exists()
    # the answers go on into the application, so that nothing is asked twice
    carry = {"application-employed_since": "2025-02-03", "go": "check"}
    assert carry.items() <= (hidden(page) | {"go": "check"}).items()
    assert resident.post(APPLY, carry).headers["Location"] == CHECK
    assert "2025年2月3日" in read(resident.get(CHECK)).text


@pytest.mark.parametrize("language", ["zh-hans", "en"])
def test_am_i_eligible_says_mistakes_at_the_field(house: None, client: Client, language: str) -> None:
    client.cookies["chuanyu_language"] = language
    answer = client.post(
        ELIGIBLE, {"person-birth": "x", "application-first_insured_here_on": "2025-02-30", "go": "ask"}
    )
    page = read(answer)
    assert answer.status_code == 422
    assert page.error_of("person-birth") and page.error_of("application-first_insured_here_on")
    assert page.fields["person-birth"].get("value") == "x"


def test_what_cannot_be_foretold_is_not_asked(house: None, client: Client) -> None:
    assert client.get("/services/service_rating/eligible/").status_code == 404
    assert client.get("/services/nothing/eligible/").status_code == 404


def test_what_needs_an_agency_s_records_says_why_it_cannot_be_asked_in_advance(house: None, client: Client) -> None:
    for key, service in catalogue().items():
        if service.procedure is None:
            continue
        guide, asked = read(client.get(f"/services/{key}/")), client.get(f"/services/{key}/eligible/")
        if asked.status_code == 200:
            assert "先看我能不能办" in guide.text and "不能事先试算" not in guide.text
        else:
            assert asked.headers["Location"] == f"/services/{key}/#not-in-advance"
            assert "不能事先试算" in guide.text and "先看我能不能办" not in guide.text
    assert client.get("/services/medical_settlement/eligible/").status_code == 302
    links = [a.get("href") for a in read(client.get("/services/pension_transfer/")).root.all("a")]
    assert ELIGIBLE in links


# ---- drafts


def test_a_draft_outlives_the_session_and_is_deleted_with_the_filing(resident: Client, sign_in: SignIn) -> None:
    resident.post(APPLY, {"application-employed_since": "2025-02-03", "go": "check"})
    resident.post("/accounts/logout/")
    again = Client()
    sign_in(again, User.objects.get(username="someone"))
    assert read(again.get(APPLY)).fields["application-employed_since"].get("value") == "2025-02-03"
    assert APPLY in [a.get("href") for a in read(again.get("/me/")).root.all("a")]
    again.post(CHECK, hidden(read(again.get(CHECK))))
    assert Case.objects.count() == 1 and not Draft.objects.exists()


def test_a_draft_can_be_thrown_away(resident: Client) -> None:
    resident.post(APPLY, {"application-employed_since": "2025-02-03", "go": "check"})
    page = read(resident.post(APPLY, {"drop": "list"}, follow=True))
    assert "草稿已删除" in page.text and not Draft.objects.exists()
    assert read(resident.get(APPLY)).fields["application-employed_since"].get("value") == ""


def test_what_is_too_long_to_be_kept_is_said(resident: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chuanyu.identity.drafts.LIMIT", 10)
    answer = resident.post(APPLY, {"application-employed_since": "2025-02-03", "go": "check"})
    assert answer.status_code == 422 and "填写的内容太多" in read(answer).text


def test_an_address_can_begin_a_form(resident: Client) -> None:
    page = read(resident.get("/services/public_opinion/apply/?opinion-reference=CY-1&opinion-kind=objection&other=x"))
    assert page.fields["opinion-reference"].get("value") == "CY-1"
    assert not Draft.objects.exists()


def test_an_objection_asks_nothing_the_case_answers(resident: Client, filed: str, staff: Any) -> None:
    clerk = staff("clerk")
    clerk.post(f"/counter/{filed}/acts/accept/", {"expects": "1"})
    tracker = read(resident.get(f"/cases/{filed}/"))
    (address,) = [a.get("href") for a in tracker.root.all("a") if "opinion-reference" in (a.get("href") or "")]
    page = read(resident.get(address))
    assert page.fields["opinion-reference"].get("value") == Case.objects.get().reference
    assert "人力资源和社会保障局" in page.fields["opinion-agency"].get("value")
    assert "opinion-about=500000" in address


def test_a_case_number_one_does_not_have_is_told_at_the_field(resident: Client, filed: str) -> None:
    sent = {"opinion-kind": "objection", "opinion-about": "500000", "opinion-what": "缴费年限算少了。", "go": "check"}
    address, own = "/services/public_opinion/apply/", Case.objects.get().reference
    told = set()
    other = Case.objects.get()
    other.pk, other.person, other.reference = uuid4(), uuid4(), "CY-0000-0000-0001"
    other.save(force_insert=True)
    for number in ("CY-0000-0000-0000", other.reference):
        answer = resident.post(address, sent | {"opinion-reference": number})
        assert answer.status_code == 422
        told.add(read(answer).error_of("opinion-reference"))
    assert len(told) == 1 and "没有这个编号" in told.pop()  # whether somebody else has it is nobody's business
    assert resident.post(address, sent | {"opinion-reference": own.lower()}).status_code == 302
    there = sent | {"opinion-reference": "CY-0000-0000-0000", "opinion-about": "510000"}
    assert resident.post(address, there).status_code == 302


def test_a_form_begins_with_what_is_known(resident: Client) -> None:
    def chosen(address: str) -> list[str]:
        place = read(resident.get(address)).fields["application-household"]
        return [o.get("value") for o in place.all("option") if "selected" in o.attributes]

    assert chosen(APPLY) == ["511602"]
    assert chosen(f"{APPLY}?application-household=500101") == ["500101"]


# ---- messages and money


def test_messages_are_unread_until_they_were_looked_at(resident: Client, filed: str, staff: Any) -> None:
    def news() -> str:
        return next((a.text for a in read(resident.get("/")).root.all("a") if a.get("href") == "/messages/"), "")

    assert "1" not in news()
    staff("clerk").post(f"/counter/{filed}/acts/accept/", {"expects": "1"})
    assert "1" in news()
    page = read(resident.get("/messages/"))
    assert "“受理”" in page.text and "已发联系函" in page.text and "1 条新消息" in page.text
    assert "1" not in news()
    assert "没有新消息" in read(resident.get("/messages/")).text
    Event.objects.update(stored=timezone.now() + timedelta(minutes=1))
    assert "1" in news()


def test_what_is_new_costs_one_indexed_question_on_every_page(
    resident: Client, filed: str, staff: Any, daughter: Client
) -> None:
    offer(
        daughter,
        **{"offer-number": make_person_number("500000", date(1988, 4, 12), 7, "female"), "offer-name": "测试小雪"},
    )
    staff("clerk").post(f"/counter/{filed}/acts/accept/", {"expects": "1"})
    with CaptureQueriesContext(connection) as asked:
        page = read(resident.get("/accessibility/"))
    assert "2" in next(a.text for a in page.root.all("a") if a.get("href") == "/messages/")
    (news,) = [each["sql"] for each in asked if "cases_event" in each["sql"] or "identity_delegation" in each["sql"]]
    crowd(filed, 2000)
    plan = plan_of(news)
    assert "Index Cond: (person = " in plan and "Index Cond: (case_id = " in plan and "Seq Scan on cases" not in plan, (
        plan
    )
    assert len(asked) <= 4  # the session, the user, the news


def crowd(filed: str, people: int) -> None:
    """Cases of others with an event each, so that reading all of them is dear."""
    case = Case.objects.get(pk=filed)
    others = [copy(case) for _ in range(people)]
    for number, other in enumerate(others):
        other.pk, other.person, other.reference = uuid4(), uuid4(), f"other-{number}"
    Case.objects.bulk_create(others)
    Event.objects.bulk_create(Event(case=other, sequence=1, hash="", body={}) for other in others)


def plan_of(sql: str) -> str:
    """The plan of a statement when tables are large: that there are indices for it."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("SET LOCAL enable_hashjoin = off")
        cursor.execute("SET LOCAL enable_mergejoin = off")
        cursor.execute(f"EXPLAIN {sql}")
        return "\n".join(line for (line,) in cursor.fetchall())


def test_money_is_the_transfers_of_ones_cases(resident: Client, filed: str) -> None:
    assert "还没有划转过资金" in read(resident.get("/money/")).text
    from chuanyu.clearing.models import Instruction

    Instruction.objects.create(
        id=uuid4(), case=filed, sequence=2, service="pension_transfer", name="transfer_amount", side="payee",
        payer="sichuan/hrss", payee="chongqing/hrss", amount=4066037, unit="CNY", cycle="gross", status="posted",
        settled=timezone.now(),
    )  # fmt: skip
    text = read(resident.get("/money/")).text
    assert "40,660.37 元" in text and "已入账" in text and "已入账合计" in text


# ---- consents


def agree(client: Client, **change: str) -> Any:
    return client.post(f"{APPLY}facts/", {"agree": "yes", "period": "30"} | change, follow=True)


def test_what_this_node_lacks_is_fetched_on_consent_and_shown_with_its_origin(
    mover: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(known_facts, "fetch", lambda person, consent: {"household": "511602"})
    before = read(mover.get(APPLY))
    assert "可以向四川调取" in before.text and "户籍所在地" in before.text
    page = read(agree(mover))
    assert "已调取并填好" in page.text and "凭您的同意从四川取得" in page.text
    assert "来自四川，可以改" in page.text
    assert "删除草稿" in page.text  # what came can be thrown away as well
    consent = Consent.objects.get()
    assert (consent.service, consent.agency, consent.source, consent.fields) == (
        "pension_transfer", "chongqing/hrss", "sichuan", ["person.household"],
    )  # fmt: skip
    assert consent.used == 1 and consent.until == days.today() + timedelta(days=30)
    chosen = next(e for e in page.root.all("option") if e.get("value") == "511602")
    assert "selected" in chosen.attributes
    mover.post(APPLY, hidden(page) | {"application-household": "511602", "go": "check"})
    assert "四川省广安市广安区" in read(mover.get(CHECK)).text
    page = read(mover.get("/consents/"))
    assert "户籍所在地" in page.text and "重庆市人力资源和社会保障局" in page.text
    page = read(mover.post(f"/consents/{consent.pk}/withdraw/", follow=True))
    assert "已撤回" in page.text and consents.of(consent.person_id)[0].status == "withdrawn"


def test_a_consent_that_stands_is_not_asked_again(mover: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(known_facts, "fetch", lambda person, consent: {"household": "511602"})
    agree(mover)
    mover.post(APPLY, {"drop": "form"})
    assert "您已同意调取" in read(mover.get(APPLY)).text
    mover.post(f"{APPLY}facts/")
    assert Consent.objects.count() == 1 and Consent.objects.get().used == 2


@pytest.mark.parametrize("sent", [{"agree": ""}, {"period": "3650"}, {"period": "x"}])
def test_without_consent_nothing_is_fetched(
    mover: Client, sent: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(known_facts, "fetch", lambda *_, **__: pytest.fail("fetched"))
    assert "没有同意，就不会去调取" in read(agree(mover, **sent)).text
    assert not Consent.objects.exists()


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (Unreachable("x"), "暂时联系不上对方"),
        (NotGranted(refusal("not_granted")), "暂时联系不上对方"),
        (AskRefused("no_answer", refusal("not_granted").text), "没有可以提供的记录"),
        (consents.NoConsent(), "没有调取"),
    ],
)
def test_what_could_not_be_fetched_is_said(
    mover: Client, wrong: Exception, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> Any:
        raise wrong

    monkeypatch.setattr(known_facts, "fetch", fail)
    assert said in read(agree(mover)).text


def test_who_is_known_whole_is_not_asked_to_consent(resident: Client) -> None:
    assert "可以向四川调取" not in read(resident.get(APPLY)).text
    assert resident.post(f"{APPLY}facts/", {"agree": "yes", "period": "30"}).headers["Location"] == APPLY
    assert not Consent.objects.exists()


def test_another_ones_consent_is_not_there(mover: Client, resident: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(known_facts, "fetch", lambda person, consent: {})
    agree(mover)
    assert resident.post(f"/consents/{Consent.objects.get().pk}/withdraw/").status_code == 404


# ---- delegates


def offer(client: Client, **change: Any) -> Any:
    typed = {"offer-number": DAUGHTER, "offer-name": "李小雨", "offer-relation": "child", "offer-extent": "some",
             "offer-until": (days.today() + timedelta(days=100)).isoformat(), "services": ["pension_transfer"]}  # fmt: skip
    return client.post("/delegates/new/", typed | change, follow=True)


def test_offer_accept_act_and_end(resident: Client, filed: str, daughter: Client) -> None:
    assert "等对方接受" in read(offer(resident)).text
    assert "1" in next(a.text for a in read(daughter.get("/")).root.all("a") if a.get("href") == "/messages/")
    assert "测试小雪" in read(daughter.get("/delegates/")).text
    made = Delegation.objects.get()
    daughter.post(f"/delegates/{made.pk}/", {"do": "accept"})
    page = read(daughter.post("/delegates/act/", {"delegation": str(made.pk)}, follow=True))
    banner = next(e.text for e in page.root.all("section") if e.get("class") == "acting")
    assert "您正在代" in banner and "*试小雪" in banner and "1 个事项" in banner
    assert read(daughter.get("/cases/")).text.count(Case.objects.get().reference) == 1
    assert "对办理有意见" not in read(daughter.get(f"/cases/{filed}/")).text  # that is another service
    sent = hidden(read(daughter.get(f"/cases/{filed}/acts/withdraw/")))
    daughter.post(f"/cases/{filed}/acts/withdraw/", sent)
    assert Case.objects.get().state == "withdrawn"
    assert Event.objects.order_by("-sequence")[0].actor == f"chongqing/daughter~{made.pk.hex}"
    assert "申请人的代办人" in read(resident.get(f"/cases/{filed}/")).text
    assert "您的代办人" in read(resident.get("/messages/")).text
    assert daughter.get("/services/unemployment_transfer/apply/").status_code == 403
    assert daughter.get("/accesses/").headers["Location"] == "/delegates/"
    resident.post(f"/delegates/{made.pk}/", {"do": "end"})
    page = read(daughter.get("/cases/"))
    assert "委托已经结束" in page.text and "您还没有办过事项" in page.text


def test_a_delegates_look_leaves_the_messages_unread(
    resident: Client, filed: str, daughter: Client, staff: Any
) -> None:
    offer(resident)
    made = Delegation.objects.get()
    daughter.post(f"/delegates/{made.pk}/", {"do": "accept"})
    daughter.post("/delegates/act/", {"delegation": str(made.pk)})
    staff("clerk").post(f"/counter/{filed}/acts/accept/", {"expects": "1"})
    assert "“受理”" in read(daughter.get("/messages/")).text
    assert "1 条新消息" in read(resident.get("/messages/")).text


@pytest.mark.parametrize("language", ["zh-hans", "en"])
def test_what_is_wrong_with_an_offer_is_said_at_its_field(resident: Client, language: str) -> None:
    resident.cookies["chuanyu_language"] = language
    answer = offer(resident, **{"offer-number": "50000019850615004X", "services": [], "offer-until": "2020-01-01"})
    page = read(answer)
    assert answer.status_code == 422
    assert page.error_of("offer-number") and page.error_of("offer-until") and page.error_of("services")
    assert page.fields["offer-name"].get("value") == "李小雨"
    blank = read(resident.post("/delegates/new/", {}))
    assert blank.error_of("offer-relation") and blank.error_of("offer-extent")
    assert not Delegation.objects.exists()


# ---- ratings and opinions


def test_a_closed_case_asks_to_be_rated_once(resident: Client, filed: str, client: Client) -> None:
    assert "这次办得怎么样" not in read(resident.get(f"/cases/{filed}/")).text
    closed(filed, resident)
    link = f"/rate/{ratings.token(Case.objects.get().pk)}/"
    assert link in [a.get("href") for a in read(resident.get(f"/cases/{filed}/")).root.all("a")]
    assert link in [a.get("href") for a in read(resident.get("/me/")).root.all("a")]
    page = read(client.get(link))  # whoever has the link, without a sign-in
    assert "非常不满意" in page.text and Case.objects.get().reference not in page.text
    answer = client.post(link, {})
    assert answer.status_code == 422 and read(answer).error_of("rating-level")
    page = read(client.post(link, {"rating-level": "very_dissatisfied", "rating-named": "true"}, follow=True))
    assert "谢谢您的评价" in page.text and "前核实整改" in page.text
    assert client.post(link, {"rating-level": "satisfied"}).status_code == 200
    assert Rating.objects.count() == 1
    assert "这次办得怎么样" not in read(resident.get(f"/cases/{filed}/")).text
    assert client.get(link[:-3] + "AA/").status_code == 404


def test_staff_rate_nothing(resident: Client, filed: str, staff: Any) -> None:
    link = f"/rate/{ratings.token(Case.objects.get().pk)}/"
    assert staff("clerk").get(link).status_code == 409  # not closed yet
    closed(filed, resident)
    assert staff("officer").post(link, {"rating-level": "satisfied"}).status_code == 409
    assert not Rating.objects.exists()


@pytest.mark.parametrize("language", ["zh-hans", "en"])
def test_an_officer_looks_into_bad_ratings(
    resident: Client, filed: str, client: Client, staff: Any, language: str
) -> None:
    closed(filed, resident)
    client.post(f"/rate/{ratings.token(Case.objects.get().pk)}/",
                {"rating-level": "dissatisfied", "rating-comment": "等了太久", "rating-named": "true"})  # fmt: skip
    row = Rating.objects.get()
    officer = staff("officer")
    officer.cookies["chuanyu_language"] = language
    page = read(officer.get("/office/ratings/"))
    assert "等了太久" in page.text and Case.objects.get().reference in page.text
    answer = officer.post(f"/office/ratings/{row.pk}/", {"result": "", "answer": " "})
    page = read(answer)
    assert answer.status_code == 422 and page.error_of(f"answer-{row.pk}") and page.error_of(f"result-{row.pk}")
    officer.post(f"/office/ratings/{row.pk}/", {"result": "corrected", "answer": "已增开一个窗口。"})
    assert "已增开一个窗口。" in read(officer.get("/office/ratings/")).text
    assert "已增开一个窗口。" in read(resident.get(f"/cases/{filed}/")).text
    assert officer.post(f"/office/ratings/{uuid4()}/", {"result": "corrected", "answer": "x"}).status_code == 404
    assert staff("clerk").get("/office/ratings/").status_code == 403


def test_an_objection_begins_with_the_case_it_is_about(resident: Client, filed: str) -> None:
    Case.objects.update(state="refused", final=True, owner="")
    link = next(
        a.get("href")
        for a in read(resident.get(f"/cases/{filed}/")).root.all("a")
        if "opinion-reference" in a.get("href")
    )
    page = read(resident.get(link))
    assert page.fields["opinion-reference"].get("value") == Case.objects.get().reference
    assert "checked" in next(e for e in page.root.all("input") if e.get("value") == "objection").attributes
