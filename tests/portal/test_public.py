"""The pages anyone may open, in both languages: sound markup, and what they promise to say."""

from typing import Any

import pytest
from django.test import Client
from markup import read

from chuanyu.core.catalogue import catalogue

pytestmark = pytest.mark.django_db

PUBLIC = ["/", "/services/", "/services/?q=养老转移", "/services/?q=pension", "/services/?life=work", "/services/?q=没有这样的事",
          "/services/pension_transfer/", "/services/unemployment_transfer/", "/plan/", "/agency/", "/design/",
          "/agency/documents/", "/agency/documents/pension_transfer/account_record/", "/agency/api/",
          "/accounts/login/", "/nowhere/"]  # fmt: skip


@pytest.mark.parametrize("language", ["zh-hans", "en"])
@pytest.mark.parametrize("large", ["0", "1"])
@pytest.mark.parametrize("address", PUBLIC)
def test_every_public_page_is_sound(house: None, client: Client, address: str, language: str, large: str) -> None:
    client.cookies["chuanyu_language"], client.cookies["chuanyu_large"] = language, large
    answer = client.get(address)
    assert answer.status_code == (404 if address == "/nowhere/" else 200)
    page = read(answer)
    html = page.one("html")
    assert html.get("lang") == ("en" if language == "en" else "zh-Hans")
    assert (html.get("data-size") == "large") == (large == "1")
    assert page.root.all("a")[0].get("href") == "#main"


def test_english_pages_are_english(house: None, client: Client) -> None:
    """What is left in Chinese on an English page is a name (a file of the law, a place sign, the switch back)."""
    client.cookies["chuanyu_language"] = "en"
    for address in (
        "/",
        "/services/",
        "/services/pension_transfer/",
        "/plan/",
        "/agency/",
        "/agency/documents/",
        "/agency/api/",
    ):
        page = read(client.get(address))
        data = {
            word for each in page.root.all("pre") for word in each.text.split()
        }  # what the program answers has both
        # the number of a paper (文号) is the same in every language
        words = [word for word in page.text.split() if word not in data and "〔" not in word]
        chinese = [word for word in words if any("\u4e00" <= c <= "\u9fff" for c in word)]
        assert not chinese, (address, chinese)


def test_the_search_finds_by_words_characters_and_life(house: None, client: Client) -> None:
    def found(query: str) -> list[str]:
        return [service.key for service in client.get(f"/services/?{query}").context["services"]]

    assert found("q=养老保险") == ["pension_transfer"]
    assert found("q=养老转移") == ["pension_transfer"]
    assert found("q=PENSION transfer") == ["pension_transfer"]
    assert found("q=失业") == ["unemployment_transfer"]
    assert found("q=捕鱼许可") == []
    assert set(found("life=move")) == {key for key, service in catalogue().items() if "move" in service.life}


def test_a_part_of_a_page_is_kept_by_no_cache(house: None, client: Client) -> None:
    part = client.get("/services/?q=ylbx", headers={"HX-Request": "true", "HX-Target": "found"})
    assert "no-store" in part["Cache-Control"]
    for answer in (part, client.get("/services/?q=ylbx")):
        assert {"HX-Request", "HX-Target"} <= set(answer["Vary"].split(", "))


def test_a_search_while_typing_names_itself(house: None, client: Client) -> None:
    """The title, the heading and the count follow; the address is replaced."""
    whole = read(client.get("/services/"))
    assert [e for e in whole.root.all("form") if e.get("hx-replace-url") == "true"]
    assert [e.get("role") for e in whole.root.all("p") if e.get("id") == "count"] == ["status"]
    part = client.get("/services/?q=ylbx", headers={"HX-Request": "true", "HX-Target": "found"}).content.decode()
    assert 'data-title="搜索“ylbx”"' in part
    assert '<h1 id="title" hx-swap-oob="innerHTML">搜索“ylbx”</h1>' in part
    assert '<p id="count" hx-swap-oob="innerHTML">找到' in part and "role=" not in part.partition("<div")[0]


def test_a_search_is_words_and_nothing_else(house: None, client: Client) -> None:
    page = read(client.get("/services/", {"q": "<script>alert(1)</script>"}))
    assert "<script>alert(1)</script>" in page.text
    assert not [e for e in page.root.all("script") if not e.get("src")]


def test_the_guide_says_who_what_how_long_how_much_and_on_which_basis(house: None, client: Client) -> None:
    text = read(client.get("/services/pension_transfer/")).text
    for said in ("企业职工基本养老保险关系转移接续", "45 个工作日", "12%", "国办发〔2009〕66号", "40,660.37 元", "待补正", "户籍所在地",
                 "参保缴费凭证与账户信息表", "两地相同", "人力资源社会保障厅", "市人力社保局"):  # fmt: skip
        assert said in text, said


def test_a_guide_is_only_there_for_a_service(house: None, client: Client) -> None:
    assert client.get("/services/no_such_service/").status_code == 404


def test_the_plan_shows_all_clauses_and_what_is_missing(house: None, client: Client) -> None:
    page = read(client.get("/plan/"))
    assert len([e for e in page.root.all("article") if e.get("id").startswith("clause-")]) == 22
    clause = next(e for e in page.root.all("article") if e.get("id") == "clause-15")
    assert "/services/pension_transfer/" in [a.get("href") for a in clause.all("a")]
    assert "还没有的" in clause.text


def test_large_text_is_kept_and_leads_back(house: None, client: Client) -> None:
    answer = client.post("/large-text/", {"large": "1", "next": "/plan/"})
    assert answer.headers["Location"] == "/plan/" and answer.cookies["chuanyu_large"].value == "1"
    assert read(client.get("/plan/")).one("html").get("data-size") == "large"
    client.post("/large-text/", {"large": "0", "next": "/"})
    assert read(client.get("/plan/")).one("html").get("data-size") == ""


@pytest.mark.parametrize("away", ["https://elsewhere.example/", "//elsewhere.example", "javascript:alert(1)", ""])
def test_switches_lead_nowhere_else(house: None, client: Client, away: str) -> None:
    assert client.post("/large-text/", {"large": "1", "next": away}).headers["Location"] == "/"
    assert client.get("/large-text/").status_code == 405


def test_the_language_is_chosen_without_a_script(house: None, client: Client) -> None:
    answer = client.post("/language", {"language": "en", "next": "/plan/"})
    assert answer.headers["Location"] == "/plan/"
    assert "The action plan" in read(client.get("/plan/")).text


def test_codes_of_a_service_are_read_in_its_own_words(house: None, client: Client) -> None:
    wallet = client.get("/services/family_wallet/").content.decode()
    assert "配偶、父母、子女" in wallet and "spouse" not in wallet
    assert "就高" in client.get("/services/gaozhu_pilot/").content.decode()


@pytest.mark.parametrize("language", ["zh-hans", "en"])
def test_the_accessibility_statement_is_true(house: None, client: Client, settings: Any, language: str) -> None:
    client.cookies["chuanyu_language"] = language
    text = read(client.get("/accessibility/")).text
    hours, counter = (
        ("8 小时", "发展和改革委员会的窗口") if language == "zh-hans" else ("8 hours", "Development and Reform")
    )
    assert hours in text and counter in text
    for untrue in ("没有限时", "任一服务窗口", "no time limits", "any counter"):
        assert untrue not in text
    assert settings.CHUANYU_RESIDENT_IDLE == 1800
    assert ("30 分钟" if language == "zh-hans" else "30 minutes") in text


def test_the_diagram_keeps_the_size_of_the_text(house: None, client: Client) -> None:
    (drawing,) = [
        e for e in read(client.get("/services/medical_settlement/")).root.all("svg") if e.get("class") == "diagram"
    ]
    width = float(drawing.get("viewbox").split()[2])
    assert drawing.get("width") == f"{width / 16}rem"  # a phone scrolls it, it does not shrink it
