"""What somebody tries on residents' pages who means no good: another one's things, tricks on requests, text that is code."""

import re
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from markup import hidden, read

from chuanyu.cases import queries as cases
from chuanyu.cases.models import Case, Event, Request
from chuanyu.core import days
from chuanyu.core.numbers import make_person_number
from chuanyu.delivery import ratings
from chuanyu.delivery.models import Rating
from chuanyu.exchange import known_facts
from chuanyu.identity import actions, consents, drafts, vault
from chuanyu.identity.models import Consent, Delegation, Draft, User
from chuanyu.identity.roles import ACCESS

pytestmark = pytest.mark.django_db

DAUGHTER = make_person_number("510000", date(1986, 9, 1), 4, "female")
APPLY = "/services/{}/apply/"
MARK = "<script>alert(1)</script><img src=x onerror=alert(2)>"
PERSONAL = ["portal:me", "portal:my_cases", "portal:messages", "portal:money", "portal:papers", "portal:consents",
            "portal:delegates", "portal:offer", "portal:accesses"]  # fmt: skip
SignIn = Callable[..., None]


@pytest.fixture
def daughter(house: None, sign_in: SignIn) -> Client:
    person = vault.enrol(DAUGHTER, "李小雨", "500112")
    client = Client()
    sign_in(client, actions.create_resident(username="daughter", password="x", person=person, display="*小雨"))
    return client


@pytest.fixture
def mandate(resident: Client, filed: str, daughter: Client) -> Delegation:
    """The daughter acts for the resident, in the pension transfer alone."""
    sent = {"offer-number": DAUGHTER, "offer-name": "李小雨", "offer-relation": "child", "offer-extent": "some",
            "offer-until": (days.today() + timedelta(days=9)).isoformat(), "services": ["pension_transfer"]}  # fmt: skip
    resident.post("/delegates/new/", sent)
    made = Delegation.objects.get()
    daughter.post(f"/delegates/{made.pk}/", {"do": "accept"})
    daughter.post("/delegates/act/", {"delegation": str(made.pk)})
    return made


def complain(client: Client, what: str = "窗口排队两小时。", **more: str) -> str:
    """File a complaint; the case's id."""
    typed = {"opinion-kind": "complaint", "opinion-about": "500000", "opinion-what": what, **more}
    address = APPLY.format("public_opinion")
    client.post(address, typed | {"go": "check"})
    answer = client.post(f"{address}check/", hidden(read(client.get(f"{address}check/"))))
    return str(answer.headers["Location"].split("/")[2])


def withdrawn(client: Client, case: str) -> str:
    """The token to rate the case with, once it has ended."""
    client.post(f"/cases/{case}/acts/withdraw/", hidden(read(client.get(f"/cases/{case}/acts/withdraw/"))))
    return ratings.token(UUID(case))


# ---- acting for another


def reached(client: Client, case: str) -> list[str]:
    """Which doors to a case open."""
    doors = [f"/cases/{case}/", f"/cases/{case}/sent/", f"/cases/{case}/acts/withdraw/", f"/api/cases/{case}"]
    return [door for door in doors if client.get(door).status_code == 200]


def test_a_delegate_sees_and_does_nothing_beyond_the_services_named(
    resident: Client, mandate: Delegation, daughter: Client
) -> None:
    other = complain(resident)
    reference = Case.objects.get(pk=other).reference
    assert reached(daughter, other) == []
    for page in ("/cases/", "/me/", "/messages/", "/money/", "/api/cases"):
        answer = daughter.get(page)
        assert answer.status_code == 200 and reference not in answer.content.decode()
    assert daughter.get(APPLY.format("public_opinion")).status_code == 403
    body = {
        "service": "public_opinion",
        "documents": {"opinion": {"kind": "complaint", "about": "500000", "what": "x"}},
    }
    answer = daughter.post("/api/cases", body, content_type="application/json")
    assert answer.status_code == 403 and Case.objects.count() == 2
    act = {"expects": 1, "documents": {}}
    assert daughter.post(f"/api/cases/{other}/acts/withdraw", act, content_type="application/json").status_code in (
        403,
        404,
    )
    daughter.post(f"/cases/{other}/acts/withdraw/", {"expects": "1", "request_id": str(uuid4())})
    daughter.post(f"/cases/{other}/files/", {})
    assert Case.objects.get(pk=other).state == "lodged" and not Request.objects.exists()


def test_a_delegates_look_is_shown_without_the_number_of_a_case(
    resident: Client, mandate: Delegation, daughter: Client
) -> None:
    daughter.post("/delegates/act/", {"delegation": ""})
    daughter.get("/delegates/")
    seen = read(resident.get("/accesses/"))
    assert "委托" in next(row.text for row in seen.root.all("tr") if "受托人" in row.text)
    assert cases.reference_of(mandate.pk) not in seen.text
    assert not [a for a in seen.root.all("a") if str(mandate.pk) in (a.get("href") or "")]


def test_a_delegation_that_ended_opens_nothing_at_the_next_request(
    resident: Client, filed: str, mandate: Delegation, daughter: Client
) -> None:
    assert len(reached(daughter, filed)) == 4
    form = hidden(read(daughter.get(f"/cases/{filed}/acts/withdraw/")))  # in hand when it ends
    resident.post(f"/delegates/{mandate.pk}/", {"do": "end"})
    daughter.post(f"/cases/{filed}/acts/withdraw/", form)
    assert Case.objects.get().state == "applied" and reached(daughter, filed) == []
    daughter.post("/delegates/act/", {"delegation": str(mandate.pk)})
    daughter.post(f"/delegates/{mandate.pk}/", {"do": "accept"})
    assert reached(daughter, filed) == []


def test_nobody_accepts_ends_or_uses_what_is_offered_to_another(
    resident: Client, mandate: Delegation, house: None, sign_in: SignIn
) -> None:
    person = vault.enrol(make_person_number("500000", date(1970, 1, 1), 9, "male"), "王生", "500112")
    stranger = Client()
    sign_in(stranger, actions.create_resident(username="stranger", password="x", person=person, display="*生"))
    stranger.post("/delegates/act/", {"delegation": str(mandate.pk)})
    stranger.post(f"/delegates/{mandate.pk}/", {"do": "end"})
    mandate.refresh_from_db()
    assert mandate.ended is None
    assert "您正在代" not in read(stranger.get("/me/")).text


def test_a_delegate_touches_nothing_that_is_the_persons_alone(
    resident: Client, mandate: Delegation, daughter: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(known_facts, "fetch", lambda *_, **__: pytest.fail("fetched"))
    for address in ("/accesses/", "/papers/", "/consents/", "/delegates/new/"):
        assert daughter.get(address).headers["Location"] == "/delegates/", address
    for address in (f"{APPLY.format('pension_transfer')}facts/", f"/consents/{uuid4()}/withdraw/", "/delegates/new/",
                    f"/delegates/{mandate.pk}/"):  # fmt: skip
        answer = daughter.post(address, {"agree": "yes", "period": "30", "do": "end"})
        assert answer.headers["Location"] == "/delegates/", address
    mandate.refresh_from_db()
    assert mandate.ended is None and not Consent.objects.exists()
    assert daughter.get("/api/accesses").status_code == 403


def test_a_draft_is_of_one_who_types_for_one_person(resident: Client, mandate: Delegation, daughter: Client) -> None:
    address = APPLY.format("pension_transfer")
    resident.post(address, {"application-employed_since": "2025-02-03", "go": "check"})
    assert read(daughter.get(address)).fields["application-employed_since"].get("value") == ""
    whom = {"visit": mandate.pk.hex}
    daughter.post(address, whom | {"application-employed_since": "2024-01-01", "go": "check"})
    assert Draft.objects.count() == 2
    daughter.post(address, whom | {"drop": "list"})
    assert read(resident.get(address)).fields["application-employed_since"].get("value") == "2025-02-03"
    assert "2025" not in str(bytes(Draft.objects.get().sealed))
    daughter.post("/delegates/act/", {})  # for herself again
    assert read(daughter.get(address)).fields["application-employed_since"].get("value") == ""
    who = User.objects.get(username="daughter")
    assert drafts.of(actor_of(who), person=Case.objects.get().person) == []


# ---- for whom a form was made


@pytest.fixture
def mothers(resident: Client, house: None, daughter: Client) -> Delegation:
    """The daughter may act for the resident, whose daughter she is, in everything; and has not begun to."""
    sent = {"offer-number": DAUGHTER, "offer-name": "李小雨", "offer-relation": "child", "offer-extent": "every",
            "offer-until": (days.today() + timedelta(days=9)).isoformat()}  # fmt: skip
    resident.post("/delegates/new/", sent)
    made = Delegation.objects.get()
    daughter.post(f"/delegates/{made.pk}/", {"do": "accept"})
    return made


OPINION = {"opinion-kind": "complaint", "opinion-about": "500000", "opinion-what": "窗口排队两小时。"}


def opened(client: Client) -> dict[str, str]:
    """The check page of a complaint, as it lies open in a tab."""
    address = APPLY.format("public_opinion")
    client.post(address, hidden(read(client.get(address))) | OPINION | {"go": "check"})
    return hidden(read(client.get(f"{address}check/")))


@pytest.mark.parametrize("begun", ["oneself", "mother"])
def test_a_form_left_open_is_not_filed_for_whom_one_acts_now(daughter: Client, mothers: Delegation, begun: str) -> None:
    address, mother = APPLY.format("public_opinion"), {"delegation": str(mothers.pk)}
    daughter.post("/delegates/act/", mother if begun == "mother" else {})
    tab = opened(daughter)
    daughter.post("/delegates/act/", {} if begun == "mother" else mother)  # in another tab
    for page, go in ((f"{address}check/", "go"), (address, "go"), (address, "drop")):
        answer = daughter.post(page, tab | {go: "check"}, follow=True)
        assert "没有办" in read(answer).text and answer.redirect_chain[-1][0] == "/delegates/", page
    assert not Case.objects.exists() and Draft.objects.count() == 1
    daughter.post("/delegates/act/", mother if begun == "mother" else {})  # back again, nothing is lost
    daughter.post(f"{address}check/", tab)
    whose = mothers.principal_id if begun == "mother" else mothers.delegate_id
    assert Case.objects.get().person == whose


def test_what_was_begun_under_a_delegation_is_not_done_as_ones_own_when_it_ends(
    resident: Client, daughter: Client, mothers: Delegation
) -> None:
    daughter.post("/delegates/act/", {"delegation": str(mothers.pk)})
    tab = opened(daughter)
    resident.post(f"/delegates/{mothers.pk}/", {"do": "end"})
    answer = daughter.post("/rate/x/", {"visit": ""}, follow=True)  # whatever it is, and whatever it carries
    assert "委托已经结束，刚才提交的没有办" in read(answer).text
    daughter.post(f"{APPLY.format('public_opinion')}check/", tab)
    assert not Case.objects.exists()


def test_a_program_is_told_that_the_delegation_has_ended(
    resident: Client, daughter: Client, mothers: Delegation
) -> None:
    daughter.post("/delegates/act/", {"delegation": str(mothers.pk)})
    resident.post(f"/delegates/{mothers.pk}/", {"do": "end"})
    body = {
        "service": "public_opinion",
        "documents": {"opinion": {"kind": "complaint", "about": "500000", "what": "x"}},
    }
    answer = daughter.post("/api/cases", body, content_type="application/json")
    assert answer.status_code == 403 and answer.json()["text"]["zh"].startswith("委托已经结束")
    assert not Case.objects.exists()


def test_answers_given_for_one_are_not_taken_for_another(daughter: Client, mothers: Delegation) -> None:
    address = "/services/pension_transfer/eligible/"
    daughter.post("/delegates/act/", {"delegation": str(mothers.pk)})
    tab = hidden(read(daughter.get(address)))
    daughter.post("/delegates/act/", {})
    assert daughter.post(address, tab | {"go": "ask"}).headers["Location"] == "/delegates/"


def actor_of(user: User) -> Any:
    from chuanyu.identity.actor import Actor

    return Actor(kind="resident", user=user.username, node="chongqing", person=user.person_id)


# ---- consent


def test_a_consent_taken_back_while_it_is_used_fetches_nothing(
    house: None, sign_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = vault.enrol(make_person_number("510000", date(1991, 4, 5), 21, "female"), "冉小溪")
    mover = Client()
    user = actions.create_resident(username="mover", password="x", person=person, display="*小溪")
    sign_in(mover, user)
    given = consents.give(actor_of(user), service="pension_transfer", agency="chongqing/hrss",
                          fields=["person.household"], period=30)  # fmt: skip
    asked = list[Any]()
    monkeypatch.setattr(known_facts, "fetch", lambda *a, **k: asked.append(a) or {"household": "511602"})
    use = consents.use

    def beaten(consent: UUID) -> Any:
        consents.withdraw(actor_of(user), consent)  # between the look and the use
        return use(consent)

    monkeypatch.setattr(consents, "use", beaten)
    page = read(mover.post(f"{APPLY.format('pension_transfer')}facts/", follow=True))
    assert "已经撤回或过期" in page.text and asked == []
    monkeypatch.setattr(consents, "use", use)
    assert "没有同意，就不会去调取" in read(mover.post(f"{APPLY.format('pension_transfer')}facts/", follow=True)).text
    assert asked == [] and Consent.objects.get(pk=given.id).used == 0


# ---- ratings


def test_staff_learn_nothing_from_a_token_and_cannot_use_it(resident: Client, staff: Any) -> None:
    token = withdrawn(resident, complain(resident))
    before = staff("clerk").get(f"/rate/{token}/")
    Client().post(f"/rate/{token}/", {"rating-level": "dissatisfied"})
    clerk = Client()
    clerk.cookies = staff("officer").cookies
    after = clerk.get(f"/rate/{token}/")
    assert before.status_code == after.status_code == 409  # rated or not, it looks the same to them
    assert "工作人员不能评价" in read(after).text and "已经评价过" not in read(after).text
    assert clerk.post(f"/rate/{token}/", {"rating-level": "satisfied"}).status_code == 409
    assert Rating.objects.get().level == "dissatisfied"


def test_a_token_is_good_once_for_one_case_at_one_node(resident: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = (withdrawn(resident, complain(resident)) for _ in range(2))
    anyone = Client()
    mixed = first[:22] + second[22:]
    for wrong in (mixed, first[:-1], f"{first}A", "A" * 44, "é" * 44, first.swapcase()):
        assert anyone.get(f"/rate/{wrong}/").status_code == 404, wrong
        assert anyone.post(f"/rate/{wrong}/", {"rating-level": "satisfied"}).status_code == 404
    assert not Rating.objects.exists()
    assert anyone.post(f"/rate/{first}/", {"rating-level": "satisfied"}).status_code == 302
    assert "已经评价过" in read(anyone.post(f"/rate/{first}/", {"rating-level": "very_dissatisfied"})).text
    assert [row.level for row in Rating.objects.all()] == ["satisfied"]


def test_no_door_of_staff_shows_which_case_an_anonymous_rating_was_of(resident: Client, staff: Any) -> None:
    cases = [complain(resident) for _ in range(6)]
    for case in cases:
        Client().post(f"/rate/{withdrawn(resident, case)}/", {"rating-level": "dissatisfied", "rating-comment": case})
    Rating.objects.update(agency="chongqing/hrss")
    assert staff("clerk").get("/office/ratings/").status_code == 403
    officer = Client()
    officer.cookies = staff("officer").cookies
    page = officer.get("/office/ratings/").content.decode()
    for case in Case.objects.all():
        assert case.reference not in page
    shown = re.findall("|".join(cases), page)  # the comments, which here tell the order
    assert len(shown) == 6
    by_chance = [row.comment for row in sorted(Rating.objects.all(), key=lambda row: row.pk)]
    assert shown == by_chance  # the order of random ids, not of their coming


def test_a_token_is_in_no_log_line(resident: Client) -> None:
    from structlog.testing import capture_logs

    token = withdrawn(resident, complain(resident))
    with capture_logs() as lines:
        Client().post(f"/rate/{token}/", {"rating-level": "dissatisfied"})
    assert [line["path"] for line in lines if line["event"] == "request"] == ["/rate/…/"]
    assert token not in str(lines)


# ---- requests


def addresses() -> dict[str, str]:
    """Every address of residents and of the public, filled with something."""
    filled = {"key": "pension_transfer", "service": "family_wallet", "unit": "CNY", "transfer": uuid4(), "case": uuid4(),
              "id_": uuid4(), "consent": uuid4(), "name": "withdraw", "token": "A" * 44, "act": "withdraw"}  # fmt: skip
    found = {}

    def walk(patterns: Any, space: str = "") -> None:
        for each in patterns:
            if isinstance(each, URLResolver):
                walk(each.url_patterns, f"{each.namespace}:" if each.namespace else space)
            elif isinstance(each, URLPattern) and each.name:
                name = f"{space}{each.name}"
                if ACCESS.get(name, frozenset()) & {"public", "resident"}:
                    words = each.pattern.converters
                    found[name] = reverse(name, kwargs={word: filled[word] for word in words})

    walk(get_resolver().url_patterns)
    return found


def test_no_post_passes_without_its_token(resident: Client) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = resident.cookies
    open_ones = [
        f"{name}: {status}"
        for name, address in addresses().items()
        if (status := strict.post(address, {"do": "x"}).status_code) not in (403, 405)
    ]
    assert not open_ones


def test_what_changes_something_is_not_asked_by_get(resident: Client, filed: str) -> None:
    steps = ["portal:large_text", "portal:facts", "portal:my_file", "portal:withdraw_consent",
             "portal:delegation", "portal:act_for"]  # fmt: skip
    known = addresses()
    assert {name: resident.get(known[name]).status_code for name in steps} == dict.fromkeys(steps, 405)
    resident.get(f"/cases/{filed}/acts/withdraw/?expects=1&go=1")
    resident.get("/accounts/logout/")
    assert Case.objects.get().state == "applied" and resident.get("/me/").status_code == 200


@pytest.mark.parametrize(
    "headers", [{"Sec-Fetch-Site": "cross-site"}, {"Sec-Purpose": "prefetch;prerender"}, {"Purpose": "prefetch"}, {}]
)
def test_messages_are_read_by_who_opens_the_page_not_by_a_link_or_a_prefetch(
    resident: Client, filed: str, staff: Any, headers: dict[str, str]
) -> None:
    staff("clerk").post(f"/counter/{filed}/acts/accept/", {"expects": "1"})
    resident.head("/messages/")
    resident.get("/messages/", headers=headers)
    assert (User.objects.get(username="someone").messages_seen is None) == bool(headers)


def test_no_personal_page_is_kept_by_a_browser_or_a_proxy(resident: Client, filed: str) -> None:
    token = withdrawn(resident, complain(resident))
    pages = [reverse(name) for name in PERSONAL] + [f"/cases/{filed}/", "/", "/services/pension_transfer/eligible/"]
    for address in [*pages, APPLY.format("unemployment_transfer"), f"/rate/{token}/", "/api/cases"]:
        assert "no-store" in resident.get(address).headers["Cache-Control"], address
    stranger = Client()
    assert "no-store" in stranger.get(f"/rate/{token}/").headers["Cache-Control"]
    assert stranger.get(f"/rate/{token}/").headers["Referrer-Policy"] in ("no-referrer", "same-origin")
    asked = {"person-birth": "1960-01-01", "person-sex": "male", "go": "ask"}
    said = stranger.post("/services/pension_transfer/eligible/", asked)
    assert "no-store" in said.headers["Cache-Control"]  # what somebody said of themselves, on a shared screen


@pytest.mark.parametrize(
    "away",
    ["https://evil.example/", "//evil.example/", "/\\evil.example", "javascript:alert(1)", "http:evil.example",
     "\thttps://evil.example", "///evil.example"],
)  # fmt: skip
def test_no_switch_or_sign_in_leads_elsewhere(resident: Client, away: str) -> None:
    switches = [("/large-text/", {"large": "1", "next": away}), ("/language", {"language": "en", "next": away})]
    visitor = Client()
    password = {"login": "someone", "password": "correct horse battery"}
    for client, (address, sent) in [(resident, each) for each in switches] + [
        (visitor, ("/accounts/login/", password | {"next": away})),
        (resident, ("/accounts/logout/", {"next": away})),
    ]:
        answer = client.post(address, sent)
        assert answer.status_code == 302 and "evil" not in answer.headers["Location"], address
        assert answer.headers["Location"].startswith("/") and not answer.headers["Location"].startswith("//")
    assert "evil" not in visitor.get("/cases/", headers={"HX-Request": "true", "HX-Current-URL": away}).headers.get(
        "HX-Redirect", ""
    )


# ---- what is typed


def test_what_is_typed_is_text_wherever_it_is_shown(resident: Client, staff: Any, sign_in: SignIn) -> None:
    case = complain(resident, MARK, **{"opinion-agency": MARK})
    clerk = Client()
    sign_in(clerk, actions.create_staff(username="clerk-dev", password="x", agency="dev", role="clerk"))
    clerk.post(f"/counter/{case}/acts/take_up/", {"expects": "1"})
    clerk.post(f"/counter/{case}/acts/answer/", {"expects": "2", "note": MARK})
    Client().post(f"/rate/{ratings.token(UUID(case))}/", {"rating-level": "dissatisfied", "rating-comment": MARK})
    officer = Client()
    sign_in(officer, actions.create_staff(username="officer-dev", password="x", agency="dev", role="officer"))
    shown = 0
    for client, address in (
        (resident, f"/cases/{case}/"), (resident, "/messages/"), (resident, "/cases/"), (clerk, f"/counter/{case}/"),
        (clerk, f"/counter/{case}/slip/"), (officer, "/office/ratings/"), (resident, f"/services/?q={MARK}"),
        (resident, f"{APPLY.format('public_opinion')}?opinion-what={MARK}&opinion-reference={MARK}"),
    ):  # fmt: skip
        page = client.get(address).content.decode()
        assert "<script>alert" not in page and "<img src=x" not in page, address
        shown += "&lt;script&gt;" in page
    assert shown >= 6


ODD = ["\x00", "a\x00b", "\ufffe", "\u202e反", "\U0001f980" * 50, "'; DROP TABLE cases_case; --", "%s%n{0}{{7*7}}", " "]


@pytest.mark.parametrize("odd", ODD)
def test_odd_characters_are_text_or_refused_in_words(resident: Client, odd: str) -> None:
    for address, sent in (
        (APPLY.format("public_opinion"), {"opinion-kind": "complaint", "opinion-about": "500000", "opinion-what": odd}),
        (APPLY.format("public_opinion") + "check/", {"opinion-kind": "complaint", "opinion-about": "500000",
                                                     "opinion-what": f"x{odd}", "request_id": str(uuid4())}),
        (APPLY.format("pension_transfer"), {"application-employed_since": odd, "go": "check"}),
        ("/services/pension_transfer/eligible/", {"application-household": odd, "go": "ask"}),
        ("/delegates/new/", {"offer-number": odd, "offer-name": odd, "offer-relation": odd, "services": [odd]}),
        ("/delegates/new/", {"offer-number": DAUGHTER, "offer-name": odd or "x", "offer-relation": "child",
                             "offer-extent": "every", "offer-until": (days.today() + timedelta(days=9)).isoformat()}),
        ("/delegates/act/", {"delegation": odd}),
        (f"{APPLY.format('pension_transfer')}facts/", {"agree": odd, "period": odd}),
        ("/accounts/login/", {"login": odd, "password": odd}),
    ):  # fmt: skip
        assert resident.post(address, sent).status_code < 500, address
    for address in ("/services/", "/cases/"):
        assert resident.get(address, {"q": odd, "life": odd}).status_code == 200
    token = withdrawn(resident, complain(resident))
    sent = {"rating-level": "dissatisfied", "rating-comment": f"x{odd}"}
    assert Client().post(f"/rate/{token}/", sent).status_code < 500


def test_what_is_too_much_is_refused_and_not_kept(resident: Client) -> None:
    address = APPLY.format("public_opinion")
    much = {"opinion-kind": "complaint", "opinion-about": "500000", "opinion-what": "字" * 2001, "go": "check"}
    assert resident.post(address, much).status_code == 422
    assert resident.post(address, much | {"opinion-what": "字" * 1_000_000}).status_code in (400, 413)
    many = {f"opinion-rows-{n}-x": "1" for n in range(1200)}
    assert resident.post(address, many).status_code in (400, 413)
    far = {
        "application-employed_since": "99999-01-01",
        "application-first_insured_here_on": "0001-01-01",
        "go": "check",
    }
    assert resident.post(APPLY.format("pension_transfer"), far).status_code == 422
    assert resident.get("/services/", {"q": "字" * 5000}).status_code == 200
    token = withdrawn(resident, complain(resident))
    assert (
        Client().post(f"/rate/{token}/", {"rating-level": "satisfied", "rating-comment": "字" * 501}).status_code == 422
    )
    assert not Rating.objects.exists() and Event.objects.filter(sequence=1).count() == 1


def test_what_is_said_once_is_said_by_this_node_alone_and_kept_by_nobody(resident: Client) -> None:
    resident.post("/delegates/act/", {})
    assert "messages" not in resident.cookies
    page = resident.get("/delegates/")
    assert "已结束代办" in read(page).text and page.headers["Cache-Control"] == "no-store"
