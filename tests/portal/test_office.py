"""The office's door: the overview, and messages that need a person."""

import csv
import io
import re
import zipfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.test import Client
from markup import read

from chuanyu.cases.models import Case
from chuanyu.core import days, divisions
from chuanyu.delivery.queries import plan
from chuanyu.exchange.models import Outbox
from chuanyu.identity import actions
from chuanyu.portal import tables
from chuanyu.portal.office import map
from chuanyu.watch import queries as watch

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


# ---- figures


def test_a_late_case_leads_to_where_it_stands_without_the_person(filed: str, staff: Staff) -> None:
    Case.objects.update(due="2025-01-10")
    reference, where = Case.objects.get().reference, f"/office/overdue/{filed}/"
    for role in ("office", "officer"):
        who = staff(role)
        assert where in [a.get("href") for a in read(who.get("/office/overdue/")).one("main").all("a")]
        page = read(who.get(where))
        for said in (
            reference,
            "企业职工基本养老保险关系转移接续",
            "待受理",
            "重庆市人力资源和社会保障局",
            "2025年1月10日",
            "超期工作日",
        ):
            assert said in page.text, (role, said)
        assert "小雪" not in page.root.text
        papers = f"/counter/{filed}/" in [a.get("href") for a in page.one("main").all("a")]
        assert papers == (role == "officer") and (who.get(f"/counter/{filed}/").status_code == 200) == papers
    assert staff("clerk").get(where).status_code == 403


def test_a_case_that_is_not_late_or_not_ones_own_is_not_shown(
    filed: str, staff: Staff, sign_in: Callable[..., None]
) -> None:
    where, reference = f"/office/overdue/{filed}/", Case.objects.get().reference
    assert "已不在逾期名单里" in read(staff("office").get(where, follow=True)).root.text
    Case.objects.update(due="2025-01-10")
    stranger = Client()
    sign_in(stranger, actions.create_staff(username="officer-edu", password="x", agency="edu", role="officer"))
    assert reference not in read(stranger.get("/office/overdue/")).text
    page = read(stranger.get(where, follow=True))
    assert "已不在逾期名单里" in page.root.text and reference not in page.root.text


@pytest.fixture
def past(house: None) -> Iterator[None]:
    """A year that never was, so that there is something to count."""
    from chuanyu.node.samples import past

    past.load(400)
    watch.forget()
    yield
    watch.forget()


PAGES = ["/office/", "/office/services/", "/office/services/pension_transfer/", "/office/flows/", "/office/report/",
         "/office/overdue/"]  # fmt: skip


@pytest.mark.parametrize("language", ["zh-hans", "en"])
@pytest.mark.parametrize("address", PAGES)
def test_pages_of_figures_are_sound(past: None, staff: Staff, address: str, language: str) -> None:
    office = staff("office")
    office.cookies["chuanyu_language"] = language
    page = read(office.get(address))
    assert page.root.all("table")
    if language == "en":
        assert not re.search("[\u4e00-\u9fff]", page.text.replace("渝府办发〔2025〕9号", ""))


def test_without_any_case_the_pages_say_so(house: None, staff: Staff) -> None:
    watch.forget()
    office = staff("office")
    assert "这段时间没有数据" in read(office.get("/office/flows/")).text
    assert "没有逾期的办件" in read(office.get("/office/overdue/")).text
    assert read(office.get("/office/report/")) and read(office.get("/office/services/unemployment_transfer/"))
    assert office.get("/office/services/no_such_service/").status_code == 404


def test_a_heading_sorts_and_sorts_back(past: None, staff: Staff) -> None:
    office = staff("office")
    page = read(office.get("/office/services/"))
    (head,) = [th for th in page.root.all("th") if th.text == "收件"]
    (link,) = head.all("a")
    assert link.get("href") == "?sort=services.-filed#services"  # numbers from the largest
    page = read(office.get("/office/services/?sort=services.-filed"))
    (head,) = [th for th in page.root.all("th") if th.text == "收件"]
    assert head.get("aria-sort") == "descending"
    cells = [td for td in page.root.all("td") if td.get("data-label") == "收件" and td.all("data")]
    values = [int(td.all("data")[0].get("value")) for td in cells]
    assert values == sorted(values, reverse=True)
    assert read(office.get("/office/services/?sort=services.nonsense"))
    assert read(office.get("/office/services/?sort=%00"))


def test_long_tables_begin_with_their_first_rows(past: None, staff: Staff) -> None:
    office = staff("office")
    some = read(office.get("/office/flows/"))
    every = read(office.get("/office/flows/?all=flows"))
    assert len(some.root.all("tr")) == 26 < len(every.root.all("tr"))


def test_a_table_is_taken_away_as_csv(past: None, staff: Staff) -> None:
    office = staff("office")
    answer = office.get("/office/flows/?csv=flows")
    assert answer.headers["Content-Type"].startswith("text/csv")
    kept_as = answer.headers["Content-Disposition"]
    assert re.fullmatch(r'attachment; filename="chuanyu-\w+-\d{4}-\d\d-\d\d-flows\.csv"', kept_as)
    rows = list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert rows[0] == ["从", "到", "件数"] and len(rows) > 26  # all of them, whatever the page shows
    assert all(row[2] == "少于 10" or row[2] == "—" or int(row[2]) % 10 == 0 for row in rows[1:])


def test_nothing_in_a_file_is_taken_for_a_formula() -> None:
    column = tables.Column("a", "=1+1")
    table = tables.Table("t", "t", (column,), [[tables.Cell("=HYPERLINK()")], [tables.Cell("-3", -3)]])
    assert tables.as_csv(table).decode("utf-8-sig").split() == ["'=1+1", "'=HYPERLINK()", "-3"]
    with zipfile.ZipFile(io.BytesIO(tables.as_workbook("x", ["=1"], [table]))) as book:
        assert not any(b"<f>" in book.read(name) for name in book.namelist() if "sheet" in name)


def test_a_file_has_local_times_and_words_for_what_only_sorts() -> None:
    moment = datetime(2025, 4, 20, 17, 30, 5, 999, tzinfo=UTC)
    columns = (tables.Column("at", "at"), tables.Column("state", "state"))
    table = tables.Table("t", "t", columns, [[tables.Cell("soon", moment), tables.Cell("paid", 1, rank=True)]])
    assert tables.as_csv(table).decode("utf-8-sig").splitlines()[1] == "2025-04-21 01:30:05,paid"
    with zipfile.ZipFile(io.BytesIO(tables.as_workbook("x", [], [table]))) as book:
        sheet = book.read("xl/worksheets/sheet2.xml").decode()
    (day,) = re.findall(r'<c r="A2"[^>]*><v>([^<]*)</v>', sheet)
    assert datetime(1899, 12, 30) + timedelta(seconds=round(float(day) * 86400)) == datetime(2025, 4, 21, 1, 30, 5)


def test_the_workbook_has_a_sheet_for_each_table_and_says_what_it_means(past: None, staff: Staff) -> None:
    answer = staff("office").get("/office/report.xlsx")
    with zipfile.ZipFile(io.BytesIO(answer.content)) as book:
        names = book.read("xl/workbook.xml").decode()
        said = book.read("xl/sharedStrings.xml").decode()
        cards = book.read("xl/worksheets/sheet3.xml").decode()
    assert "<v>0.95</v>" in cards  # a promise is a number that shows as percent; whether it was kept is a word
    words = re.findall("<t[^>]*>([^<]*)</t>", said)
    row = re.findall(r'<c r="([A-Z]+)2"[^>]*?( t="s")?><v>([^<]*)</v>', cards)
    kept = {column: words[int(value)] if text else value for column, text, value in row}
    assert kept["H"] in ("兑现", "未兑现", "难以判定", "—")
    share = kept["F"]  # a range, none, or a number shown as percent
    assert share.endswith("%") or share == "—" or 0 <= float(share) <= 1
    for sheet in ("说明", "行动方案：按条、按地方", "各事项成效", "两地之间的往来", "有逾期办件的单位"):
        assert f'name="{sheet}"' in names
    assert "少于10的不显示" in said


def test_no_page_shows_a_small_count(past: None, staff: Staff) -> None:
    """Of all counts on pages that may leave the office, none is 1 to 9."""
    office = staff("office")
    for address in ("/office/services/", "/office/services/pension_transfer/", "/office/flows/?all=flows"):
        page = read(office.get(address))
        labels = {"收件", "件数", "办件", "在办", "已作决定", "不予办理"}
        shown = [int(d.get("value")) for td in page.root.all("td") if td.get("data-label") in labels for d in td.all("data")]  # fmt: skip
        assert shown and all(value % 10 == 0 for value in shown), address


def test_exact_counts_of_the_offices_own_work_are_in_no_file(past: None, staff: Staff) -> None:
    office = staff("office")
    page = read(office.get("/office/"))
    assert page.root.all("table") and "?csv=holders" not in [a.get("href") for a in page.root.all("a")]
    assert office.get("/office/?csv=holders").headers["Content-Type"].startswith("text/html")
    (table,) = [each for each in read(office.get("/office/report/")).root.all("div") if each.get("id") == "late"]
    assert not table.all("data")


def test_every_county_of_today_is_on_the_map() -> None:
    drawing = (Path(map.__file__).parents[1] / "static" / "counties.svg").read_text()
    counties = [d.code for area in ("500000", "510000") for d in divisions.divisions(area, on=days.today())]
    assert len(counties) == 220
    missing = [code for code in counties if f'id="c{code}"' not in drawing or code not in map._places()]
    assert not missing
    assert len(drawing) < 60_000


def test_an_officer_reads_figures_and_a_clerk_does_not(house: None, staff: Staff) -> None:
    watch.forget()
    officer, clerk = staff("officer"), staff("clerk")
    for address in ("/office/services/", "/office/flows/"):
        assert officer.get(address).status_code == 200
        assert clerk.get(address).status_code == 403
    assert officer.get("/office/report/").status_code == 403
