"""The agency's door: the catalogue of documents, the API, and what the compact, the clock and the log say of one agency."""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client
from django.urls import reverse
from markup import read

from chuanyu.cases.models import Case
from chuanyu.core.catalogue import catalogue
from chuanyu.core.days import SHANGHAI
from chuanyu.core.ids import uuid7
from chuanyu.exchange import envelope
from chuanyu.exchange import log as logs
from chuanyu.exchange.envelope import Envelope
from chuanyu.exchange.grants import CASE_ACTIONS, CLEARING_ACTIONS, FILE_ACTIONS
from chuanyu.exchange.models import Outbox
from chuanyu.identity import actions
from chuanyu.node.api import api, meaning, meanings
from chuanyu.portal.agency import reference
from chuanyu.portal.agency.mine import ACTIONS
from link import log

pytestmark = pytest.mark.django_db

Staff = Callable[[str], Client]
OURS = ("/agency/grants/", "/agency/keys/", "/agency/levels/", "/agency/messages/")


def links(page: Any) -> list[str]:
    return [a.get("href") for a in page.one("main").all("a")]


def test_the_door_leads_to_every_room(house: None, client: Client, staff: Staff) -> None:
    home = read(client.get("/"))
    assert "/agency/" in links(home)  # and from there each is one more click
    for who in (client, staff("clerk"), staff("officer"), staff("office")):
        assert {"/agency/documents/", "/agency/api/", *OURS} <= set(links(read(who.get("/agency/"))))
    for address in OURS:
        assert client.get(address).headers["Location"].startswith("/accounts/login/")


@pytest.mark.parametrize("language", ["zh-hans", "en"])
@pytest.mark.parametrize("address", OURS)
@pytest.mark.parametrize("role", ["clerk", "officer", "office"])
def test_every_room_is_sound_for_all_staff(filed: str, staff: Staff, role: str, address: str, language: str) -> None:
    cache.clear()
    client = staff(role)
    client.cookies["chuanyu_language"] = language
    page = read(client.get(address))
    assert [a for a in page.root.all("a") if a.get("aria-current") == "page" and a.get("href") == address]
    if language == "en":
        words = [w for w in page.text.split() if re.search("[\u4e00-\u9fff]", w) and "〔" not in w]
        assert not words


def test_every_document_has_its_page_and_its_schema(house: None, client: Client) -> None:
    listed = links(read(client.get("/agency/documents/")))
    for service in catalogue().values():
        for name in service.documents:
            where = f"/agency/documents/{service.key}/{name}/"
            assert where in listed
            assert read(client.get(where))
            schema = json.loads(client.get(f"{where}?as=json").content)
            assert schema["$id"] == f"{service.key}.{name}" and schema["type"] == "object"
    for nothing in ("pension_transfer/nothing", "nothing/application"):
        assert client.get(f"/agency/documents/{nothing}/").status_code == 404


def test_a_document_says_who_makes_it_what_is_in_it_and_when(house: None, client: Client) -> None:
    text = read(client.get("/agency/documents/pension_transfer/account_record/")).text
    for said in (
        "四川省人力资源和社会保障厅",
        "前置库",
        "personal_balance",
        "years[].wages",
        "金额",
        "不大于 12",
        "转出",
    ):
        assert said in text, said


def test_every_reference_of_the_openapi_document_leads_somewhere() -> None:
    document = json.loads(json.dumps(api.get_openapi_schema(), default=str))
    known = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
    assert known >= set(re.findall(r'"\$ref": "([^"]+)"', json.dumps(document)))
    assert "x-components" not in json.dumps(document)


def test_every_operation_speaks_chinese_too(rf: Any) -> None:
    for one in reference.operations(reference.openapi(rf.get("/"))):
        assert re.search("[\u4e00-\u9fff]", one.says.zh) and not re.search("[\u4e00-\u9fff]", one.says.en), one.path
        assert one.roles


def test_the_reference_shows_every_address_who_may_call_it_and_how(house: None, client: Client) -> None:
    page = read(client.get("/agency/api/"))
    for said in ("/api/cases/{case}/acts/{act}", "窗口人员", "不用登录", "expects", "CaseView", "X-CSRFToken", "curl"):
        assert said in page.text, said
    assert reverse("api:openapi-json") in links(page)
    assert len([e for e in page.root.all("span") if e.get("class").startswith("method ")]) == 2 * len(
        [1 for path in api.get_openapi_schema()["paths"].values() for _ in path]
    )


def test_what_we_may_ask_stands_there_with_basis_and_documents(house: None, staff: Staff) -> None:
    page = read(staff("clerk").get("/agency/grants/"))
    for said in (
        "企业职工基本养老保险关系转移接续",
        "四川省人力资源和社会保障厅",
        "国办发〔2009〕66号",
        "参保缴费凭证与账户信息表",
        "申请人的文件",
        "移交办件和每一步",
        "pension_transfer:chongqing/hrss>sichuan/hrss",
    ):
        assert said in page.text, said


def test_the_keys_that_speak_for_us_and_who_signed(house: None, staff: Staff) -> None:
    text = read(staff("officer").get("/agency/keys/")).text
    for said in ("es256", "ecdh-p256", "有效", "给报文和协议签名", "现行协议", "已签名", "未定"):
        assert said in text, said


def test_levels_show_what_was_done_on_time(filed: str, staff: Staff) -> None:
    clerk = staff("clerk")
    clerk.post(f"/counter/{filed}/acts/accept/", {"expects": "1"})
    cache.clear()
    page = read(clerk.get("/agency/levels/"))
    assert "1 步" in page.text and "100%" in page.text and "待受理" in page.text and "0 个工作日" in page.text
    assert [e.get("value") for e in page.root.all("progress")] == ["1"]


def test_levels_show_what_is_open_and_late(filed: str, staff: Staff) -> None:
    cache.clear()
    Case.objects.update(due="2025-01-10")
    page = read(staff("clerk").get("/agency/levels/"))
    assert "待受理" in page.text and "/counter/?overdue=1" in links(page)
    assert "/office/overdue/" in links(read(staff("officer").get("/agency/levels/")))


def test_messages_are_shown_by_their_outside(house: None, staff: Staff) -> None:
    def message(**change: Any) -> Envelope:
        parts: dict[str, Any] = {
            "id": str(uuid7()), "from_agency": "chongqing/hrss", "to_agency": "sichuan/hrss", "service": "pension_transfer",
            "action": "case.events", "subject": "a-sealed-token", "purpose": "pension_transfer", "basis": ("gbf-2009-66",),
            "sent": datetime.now(UTC), "document": {"name": "测试小雪"}, "fields": ("application",),
        }  # fmt: skip
        return Envelope(**(parts | change))

    sent, refused = message(), message(service="unemployment_transfer")
    log(logs.SENT, sent)
    log(logs.ANSWER_RECEIVED, sent, status=200)
    log(logs.SENT, refused)
    log(logs.ANSWER_RECEIVED, refused, status=403, code="not_granted")
    clerk = staff("clerk")
    answer = clerk.get("/agency/messages/")
    page = read(answer)
    for said in ("已收下", "拒绝", "协议没有授权这次请求", "转移接续申请表", "移交办件和每一步", sent.id[-8:]):
        assert said in page.text, said
    assert "测试小雪" not in page.text and "a-sealed-token" not in answer.content.decode()
    assert sent.id in page.text  # whole, to be copied
    only = read(clerk.get("/agency/messages/?answer=refused")).one("tbody").text
    assert "拒绝" in only and "已收下" not in only
    only = read(clerk.get("/agency/messages/?service=pension_transfer")).one("tbody").text
    assert "已收下" in only and "协议没有授权" not in only
    for text in (sent.id, sent.id.replace("-", "").upper(), f" {sent.id} "):
        page = read(clerk.get("/agency/messages/", {"q": text}))
        assert sent.id in page.text and refused.id not in page.text
    assert refused.id in read(clerk.get(f"/agency/messages/?day={datetime.now(SHANGHAI):%Y-%m-%d}")).text
    for nothing in (
        "service=%00&answer=x&service=x",
        "q=%00nothing",
        "q=CY-0000-0000-0000",
        "day=2001-01-01",
        f"q={uuid7()}",
    ):
        assert "没有符合条件的报文" in read(clerk.get(f"/agency/messages/?{nothing}")).text, nothing
    for odd in ("before=x", "before=٣", "before=-1", "before=9999999999999999999", "day=x", "answer=x"):
        assert sent.id in read(clerk.get(f"/agency/messages/?{odd}")).text, odd
    assert clerk.post("/agency/messages/", {"do": "resend"}).status_code == 405


def test_the_messages_of_a_case_are_found_by_its_reference(
    filed: str, staff: Staff, sign_in: Callable[..., None]
) -> None:
    clerk, case = staff("clerk"), Case.objects.get()
    clerk.post(f"/counter/{filed}/acts/accept/", {"expects": "1"})
    for row in Outbox.objects.all():
        log(logs.SENT, envelope.decode(bytes(row.envelope)))
    number = str(Outbox.objects.get().pk)
    assert number in read(clerk.get("/agency/messages/", {"q": case.reference})).text
    assert number in read(clerk.get("/agency/messages/", {"q": case.reference.lower().replace("-", " ")})).text
    stranger = Client()
    sign_in(stranger, actions.create_staff(username="clerk-edu", password="x", agency="edu", role="clerk"))
    assert "没有符合条件的报文" in read(stranger.get("/agency/messages/", {"q": case.reference})).text


@pytest.mark.parametrize("address", OURS)
def test_an_agency_without_anything_reads_that(db: None, sign_in: Callable[..., None], address: str) -> None:
    cache.clear()
    client = Client()
    sign_in(client, actions.create_staff(username="officer-tcm", password="x", agency="sport", role="officer"))
    assert read(client.get(address))


def test_every_operation_has_its_words_and_an_example_that_fits(house: None, client: Client) -> None:
    """What is said by hand about an operation names nothing the program does not have, and leaves out nothing it has."""
    document = json.loads(client.get("/api/openapi.json").content)
    known = document["components"]["schemas"]
    for path, methods in document["paths"].items():
        for method, found in methods.items():
            contents = found["responses"]["200"]["content"]
            if content := contents.get("application/json"):
                example, schema = content["example"], content.get("schema", {})
                one = example[0] if isinstance(example, list) else example
                ref = (schema.get("items") or schema).get("$ref", "").rpartition("/")[2]
                if ref:
                    assert one.keys() <= known[ref]["properties"].keys(), (method, path)
            else:
                assert "text/csv" in contents, (method, path)
            body = found.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
            fields = known[body["$ref"].rpartition("/")[2]]["properties"] if body else {}
            named = {each["name"] for each in found["parameters"]} | fields.keys()
            assert found.get("x-parameters", {}).keys() == named, (method, path)
            assert found.get("x-sent", {}).keys() <= fields.keys()
    (summary,) = [each for each in client.get("/api/services").json() if each["key"] == "pension_transfer"]
    said = document["paths"]["/api/services"]["get"]["responses"]["200"]["content"]["application/json"]["example"][0]
    assert said.items() <= summary.items()
    text = read(client.get("/agency/api/")).text
    assert "同一个 id 再发一次" in text and "您看到的 sequence" in text and "回答的样子" in text


@pytest.mark.parametrize("language", ["zh-hans", "en"])
def test_no_line_of_the_compact_is_left_in_keys(house: None, staff: Staff, language: str) -> None:
    clerk = staff("clerk")
    clerk.cookies["chuanyu_language"] = language
    page = read(clerk.get("/agency/grants/"))
    said = [dd.text for dd in page.one("main").all("dd")]
    assert said and not [text for text in said if re.search(r"_|/|^consent$", text)], said


def test_every_field_of_every_structure_has_words_in_both_languages(house: None, client: Client) -> None:
    document = api.get_openapi_schema(path_prefix="/api/")
    fields = {(name, field): each for name, schema in document["components"]["schemas"].items()
              for field, each in schema.get("properties", {}).items()}  # fmt: skip
    assert not [f"{name}.{field}: a line in node/fields.yaml" for (name, field) in fields if not meaning(name, field)]
    used = {key for name, field in fields for key in (f"{name}.{field}", field)}
    assert not set(meanings()) - used
    page = read(client.get("/agency/api/")).text
    assert "这一步最迟哪天办完" in page and "谁打开过" in page


def test_every_action_of_a_grant_has_words() -> None:
    assert set(CASE_ACTIONS + CLEARING_ACTIONS + FILE_ACTIONS) <= set(ACTIONS)


def test_the_document_says_how_one_signs_in_and_what_may_be_refused(house: None, client: Client) -> None:
    document = json.loads(client.get("/api/openapi.json").content)
    assert document["components"]["securitySchemes"].keys() == {"session", "csrf", "token"}
    problem = {"schema": {"$ref": "#/components/schemas/Problem"}}
    for path, methods in document["paths"].items():
        for method, found in methods.items():
            refusals = found["responses"].keys() - {"200"}
            assert all(found["responses"][each]["content"]["application/json"] == problem for each in refusals)
            public = path.startswith("/api/services")
            assert public is not ({"401", "403"} <= refusals), (method, path)
            assert ("404" in refusals) is ("{" in path)
            assert method == "get" or {"400", "409", "422"} <= refusals
            assert [set(each) for each in found["security"]] == (
                [] if public else [{"session"} if method == "get" else {"session", "csrf"}]
            )
    text = read(client.get("/agency/api/")).text
    assert "401 · 403 · 404" in text and "Authorization: Bearer" in text


def test_errors_have_one_shape_everywhere(house: None, client: Client, resident: Client, staff: Staff) -> None:
    def sent(who: Client, body: str) -> Any:
        return who.post("/api/cases", body, content_type="application/json")

    nobody = "0193d0e5-7c00-7000-8000-0000000000a1"
    guarded = Client(enforce_csrf_checks=True)
    guarded.cookies = resident.cookies
    for answer, status, word in (
        (client.get("/api/cases"), 401, "sign_in"),
        (resident.get("/api/clearing/windows"), 403, "forbidden"),
        (sent(guarded, "{}"), 403, "forbidden"),
        (client.get("/api/nothing"), 404, "not_found"),
        (client.get("/api/services/nothing"), 404, "not_found"),
        (resident.get(f"/api/cases/{nobody}"), 404, "not_found"),
        (staff("officer").get(f"/api/clearing/windows/{nobody}"), 404, "not_found"),
        (sent(resident, "{"), 400, "bad_request"),
        (sent(resident, "{}"), 422, "invalid"),
        (resident.get("/api/cases?limit=0"), 422, "invalid"),
    ):
        said = answer.json()
        assert (answer.status_code, said["error"]) == (status, word), said
        assert said["text"]["zh"] and said["text"]["en"] and said["trace"] == answer.headers["X-Trace-Id"], said
        assert said.keys() <= {"error", "text", "fields", "case", "trace"}


def test_lists_of_cases_are_paged_within_bounds(filed: str, resident: Client, staff: Staff) -> None:
    for who in (resident, staff("officer")):
        assert len(who.get("/api/cases?limit=1").json()) <= 1
        assert who.get("/api/cases?start=1&limit=200").json() == []
        for wrong in ("limit=0", "limit=201", "limit=x", "start=-1", "start=1000000000000"):
            answer = who.get(f"/api/cases?{wrong}")
            assert answer.status_code == 422, wrong
            assert [one["path"] for one in answer.json()["fields"]] == [wrong.partition("=")[0]]
    assert [one["id"] for one in resident.get("/api/cases").json()] == [filed]
