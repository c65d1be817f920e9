"""Files of rows at the agency's door: handed in, followed, decided by an officer, compared with the other node; the office reads."""

import csv
import io
import re
import shutil
from collections.abc import Callable
from typing import Any
from urllib.parse import urljoin

import pytest
from depot import csv_of, tap
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from markup import Page, read

from chuanyu.clearing.files import intake, judging, queries
from chuanyu.clearing.models import (
    FileRow,
    Instruction,
    Reconciliation,
    RowDifference,
    RowNote,
    Setback,
    Upload,
)
from chuanyu.clearing.models import Page as Sheet
from chuanyu.core.ids import uuid7
from chuanyu.identity import actions as people
from chuanyu.identity.models import User
from chuanyu.portal.agency import files as view

pytestmark = pytest.mark.django_db

Staff = Callable[[str], Client]
DAY, SERVICE = "2025-06-10", "transit_card"
OURS, THEIRS = "chongqing/transport", "sichuan/transport"
ROOMS = ("/agency/files/", "/agency/files/held/", "/agency/files/pages/")


def ours(counter: int, **more: str) -> tuple[str, ...]:
    """A tap at this node's terminals, with a card of the other one."""
    return tap(counter, **{"operator": "chongqing", "issuer": "sichuan"} | more)


@pytest.fixture
def transport(house: None, sign_in: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> Staff:
    """`transport("officer")`: signed in at the agency whose service takes files; it is 10 June 2025."""
    monkeypatch.setenv("CHUANYU_TODAY", DAY)
    shutil.rmtree(intake.home() / "uploads", ignore_errors=True)

    def make(role: str) -> Client:
        client, name = Client(), f"{role}-transport"
        known = User.objects.filter(username=name).first()
        sign_in(client, known or people.create_staff(
            username=name, password="x" * 20, agency="transport", role=role, display=f"测试{role}"
        ))  # fmt: skip
        return client

    return make


def hand_in(client: Client, rows: list[tuple[str, ...]] | bytes, *, name: str = "taps.csv") -> Any:
    body = rows if isinstance(rows, bytes) else csv_of(rows)
    file = SimpleUploadedFile(name, body, "text/csv")
    return client.post("/agency/files/new/", {"service": SERVICE, "file": file}, follow=True)


def judge() -> None:
    while judging.work():
        pass


LATE = "2025-05-20"  # more than a week before: an officer looks at it


@pytest.fixture
def handed(transport: Staff) -> Upload:
    """Five lines: two count, one stands there twice, one has a bad fare, one is late."""
    rows = [ours(1), ours(2, time="13:00:00"), ours(2, time="13:00:00"), ours(3, fare="-1"), ours(4, day=LATE)]
    hand_in(transport("clerk"), rows)
    judge()
    return Upload.objects.get()


@pytest.fixture
def clerk(handed: Upload, transport: Staff) -> Client:
    return transport("clerk")


def links(page: Page) -> list[str]:
    return [a.get("href") for a in page.one("main").all("a")]


def cell(page: Page, caption: str, row: int, column: str) -> str:
    (table,) = [t for t in page.root.all("table") if caption in t.all("caption")[0].text]
    line = table.all("tbody")[0].all("tr")[row]
    return next(e.text for e in line.all("th", "td") if e.get("data-label") == column)


# ---- the way there, and who may


def test_the_room_is_two_clicks_from_the_first_page(transport: Staff, staff: Staff) -> None:
    for client in (transport("clerk"), transport("officer"), staff("office")):
        nav = [a.get("href") for a in read(client.get("/accessibility/")).root.all("a")]
        assert "/agency/" in nav and "/agency/files/" in links(read(client.get("/agency/")))
        assert "/agency/files/" in links(read(client.get("/agency/files/")))  # among the rooms


def test_an_agency_without_such_a_service_has_no_such_room(handed: Upload, staff: Staff) -> None:
    for role in ("clerk", "officer"):
        client = staff(role)
        assert "/agency/files/" not in links(read(client.get("/agency/")))
        for address in ROOMS:
            page = read(client.get(address))
            assert "taps.csv" not in page.text and not page.root.all("textarea")
        assert client.get(f"/agency/files/{handed.pk}/").status_code == 404
        assert client.get(f"/agency/files/{handed.pk}/lines/").status_code == 404
    answer = hand_in(client, [ours(9)])
    assert answer.status_code == 422 and Upload.objects.count() == 1


@pytest.mark.parametrize("language", ["zh-hans", "en"])
@pytest.mark.parametrize("role", ["officer", "office"])
def test_every_page_is_sound_in_both_languages(
    handed: Upload, transport: Staff, staff: Staff, role: str, language: str
) -> None:
    unlike()
    Setback.objects.create(upload=handed.pk, part=0, service=SERVICE, tries=6, reason="OSError: no room")
    client = transport("officer") if role == "officer" else staff("office")
    client.cookies["chuanyu_language"] = language
    for address in (*ROOMS, f"/agency/files/{handed.pk}/"):
        page = read(client.get(address))
        if language == "en":
            names = page.text.replace("测试clerk", "")
            assert not re.search("[\u4e00-\u9fff]", names), (address, names)


def test_the_office_reads_and_decides_nothing(handed: Upload, staff: Staff) -> None:
    office = staff("office")
    assert not read(office.get("/agency/files/")).root.all("form")[0].get("enctype")
    assert "taps.csv" in read(office.get("/agency/files/")).text
    page = read(office.get("/agency/files/held/"))
    assert "1 行等着核查" in page.text and not page.one("main").all("textarea")
    for address in ("/agency/files/new/", "/agency/files/held/decide/", "/agency/files/pages/settle/"):
        assert office.post(address, {}).status_code == 403, address


# ---- handing in


def test_a_file_is_taken_in_and_one_sees_what_became_of_its_rows(clerk: Client, handed: Upload) -> None:
    page = read(clerk.get("/agency/files/"))
    said = [cell(page, "上传的文件", 0, name) for name in ("记录", "计入", "重复", "不计", "待核查", "金额")]
    assert said == ["5", "2", "1", "1", "1", "3.60"]
    assert "处理完" in cell(page, "上传的文件", 0, "状态")
    page = read(clerk.get(f"/agency/files/{handed.pk}/"))
    assert "测试clerk 上传" in page.text
    kinds = {cell(page, "没有直接计入", n, "行"): cell(page, "没有直接计入", n, "结果") for n in range(3)}
    assert kinds == {"4": "重复", "5": "不计", "6": "待核查"}
    assert cell(page, "没有直接计入", 1, "字段") == "fare"


def test_how_far_it_is_shows_without_a_script(transport: Staff, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "PART", 200)
    clerk = transport("clerk")
    answer = hand_in(clerk, [ours(n, card=f"{n:08X}") for n in range(40)])
    assert "已收下 40 行" in read(answer).text
    made = Upload.objects.get()
    judging.work()
    for address in ("/agency/files/", f"/agency/files/{made.pk}/"):
        page = read(clerk.get(address))
        (bar,) = page.root.all("progress")
        assert (bar.get("value"), bar.get("max")) == ("1", str(made.parts)) and bar.get("aria-label")
        assert "处理中" in page.text and "看看进展" in page.text
    judge()
    assert not read(clerk.get(f"/agency/files/{made.pk}/")).root.all("progress")


def test_an_open_page_asks_for_news_and_is_told_when_there_is_none(
    transport: Staff, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake, "PART", 200)
    clerk = transport("clerk")
    hand_in(clerk, [ours(n, card=f"{n:08X}") for n in range(40)])
    for address in ("/agency/files/", f"/agency/files/{Upload.objects.get().pk}/"):
        page = read(clerk.get(address))
        (poll,) = [e.get("hx-get") for e in page.root.all("div") if "part=" in e.get("hx-get")]
        asked = {"headers": {"HX-Request": "true"}}
        poll = urljoin(address, poll)
        assert clerk.get(poll, **asked).status_code == 204
        judging.work()
        assert "<html" not in (news := clerk.get(poll, **asked)).content.decode() and news.status_code == 200
        assert 'id="said"' not in news.content.decode()  # not every two seconds: once, at the end
        assert [e.get("role") for e in page.root.all("p") if e.get("id") == "said"] == ["status"]
    judge()
    for address, said in (("/agency/files/", "都处理完了"), (f"/agency/files/{Upload.objects.get().pk}/", "处理完")):
        part = "list" if address.endswith("/files/") else "state"
        told = clerk.get(address, {"part": part}, **asked).content.decode()
        assert re.search(rf'<p id="said" hx-swap-oob="innerHTML">[^<]*{said}', told)


def test_the_same_file_again_says_when_it_came(clerk: Client, handed: Upload) -> None:
    rows = [ours(1), ours(2, time="13:00:00"), ours(2, time="13:00:00"), ours(3, fare="-1"), ours(4, day=LATE)]
    answer = hand_in(clerk, rows, name="again.csv")
    assert "没有再计一次" in read(answer).text and answer.redirect_chain[-1][0] == f"/agency/files/{handed.pk}/"
    assert Upload.objects.count() == 1


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (None, "请选择要上传的文件"),
        (b"", "没有记录"),
        (b"card,issuer\n", "“operator”这一列缺少"),
        (csv_of([ours(1)]).replace(b"fare", b"fair"), "fair"),
        (b"\x1f\x8b\x08broken", "压缩文件不完整"),
        (b"\x00\x01\x02,\x03\n1,2\n", "UTF-8"),
        (b"x" * 3000, "文件过大"),
    ],
)
def test_a_file_that_can_not_be_taken_says_why_at_its_field(
    transport: Staff, monkeypatch: pytest.MonkeyPatch, body: bytes | None, said: str
) -> None:
    monkeypatch.setattr(view, "LARGEST", 2000)
    clerk = transport("clerk")
    data = {"service": SERVICE} | ({} if body is None else {"file": SimpleUploadedFile("taps.csv", body)})
    answer = clerk.post("/agency/files/new/", data)
    assert answer.status_code == 422
    page = read(answer)
    assert any(where == "#file" and said in text for where, text in page.summary), page.summary
    (field,) = [e for e in page.root.all("input") if e.get("id") == "file"]
    (error,) = [e for e in page.root.all("div") if e.get("id") == "file-error"]
    assert field.get("aria-invalid") == "true" and "file-error" in field.get("aria-describedby") and said in error.text
    assert not Upload.objects.exists() and not list((intake.home() / "uploads").glob("*"))


def stray(page: Page) -> list[str]:
    """Ways on from a page that was answered to a POST which lead back to where only a POST may go."""
    main = page.one("main")
    ways = [a.get("href") for a in main.all("a")] + [e.get("hx-get") for e in main.all("div")]
    ways += [f.get("action") or "?" for f in main.all("form") if f.get("method") == "get"]
    return [each for each in ways if each.startswith("?")]


def test_from_a_refused_form_every_way_leads_on(transport: Staff, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(view, "HELD", 2)
    monkeypatch.setattr(view, "SHOWN", 1)
    several = queries.services
    monkeypatch.setattr(queries, "services", lambda who: several(who) * 2)
    officer = transport("officer")
    hand_in(officer, [ours(n, day=LATE, time=f"{n:02d}:00:00") for n in range(3)])
    judge()
    hand_in(officer, [ours(9)])  # not judged yet: the page asks for news
    unlike()
    for address, sent in (
        ("/agency/files/new/", {"service": SERVICE}),
        ("/agency/files/held/decide/", {"service": SERVICE, "do": "drop"}),
        ("/agency/files/pages/settle/", {"service": SERVICE, "page": str(uuid7()), "do": "adjust", "at": "1"}),
    ):
        answer = officer.post(address, sent)
        assert answer.status_code == 422 and stray(read(answer)) == [], (address, stray(read(answer)))


def test_without_a_token_nothing_is_taken(transport: Staff) -> None:
    client = transport("clerk")
    client.handler.enforce_csrf_checks = True
    assert hand_in(client, [ours(1)]).status_code == 403 and not Upload.objects.exists()
    assert client.get("/agency/files/new/").status_code == 405


def test_the_lines_come_as_a_file_with_their_reasons(clerk: Client, handed: Upload) -> None:
    answer = clerk.get(f"/agency/files/{handed.pk}/lines/")
    text = b"".join(answer.streaming_content).decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [(row["行"], row["结果"], row["字段"]) for row in rows] == [
        ("4", "重复", ""),
        ("5", "不计", "fare"),
        ("6", "待核查", ""),
    ]
    assert "超过规定天数" in rows[2]["原因"] and all(row["时间"] for row in rows)


def test_a_long_list_of_lines_is_read_in_steps(clerk: Client, handed: Upload, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queries, "STEP", 2)
    text = b"".join(clerk.get(f"/agency/files/{handed.pk}/lines/").streaming_content).decode("utf-8-sig")
    assert [row["行"] for row in csv.DictReader(io.StringIO(text))] == ["4", "5", "6"]


def test_many_files_are_paged(transport: Staff, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(view, "SHOWN", 2)
    clerk = transport("clerk")
    for n in range(5):
        hand_in(clerk, [ours(n)], name=f"file-{n}.csv")
    seen, address = [], "/agency/files/"
    while address:
        page = read(clerk.get(address))
        seen += re.findall(r"file-\d\.csv", page.text)
        address = next(
            (
                f"/agency/files/{a.get('href').removeprefix('/agency/files/')}"
                for a in page.root.all("a")
                if a.get("rel") == "next"
            ),
            "",
        )
    assert seen == [f"file-{n}.csv" for n in (4, 3, 2, 1, 0)]


def test_what_was_set_aside_stands_there_with_its_reason_and_the_command(clerk: Client, handed: Upload) -> None:
    Setback.objects.create(upload=handed.pk, part=0, service=SERVICE, tries=6, reason="OSError: no room on the disk")
    Upload.objects.update(state="aside")
    page = read(clerk.get(f"/agency/files/{handed.pk}/"))
    for said in ("已搁置", "试了 6 次", "no room on the disk", f"chuanyu clearing retry {handed.pk}"):
        assert said in page.text, said
    assert "有部分搁置" in read(clerk.get("/agency/files/")).text


# ---- what is held


def test_an_officer_lets_a_row_count_and_is_named(handed: Upload, transport: Staff) -> None:
    officer = transport("officer")
    page = read(officer.get(f"/agency/files/held/?service={SERVICE}&upload={handed.pk}"))
    for said in ("超过规定天数", "8A01F0C3", "第 6 行", "成都天府通", "公交"):  # in words, not in codes
        assert said in page.text, said
    row = FileRow.objects.get(state="held")
    answer = officer.post(
        "/agency/files/held/decide/",
        {"service": SERVICE, "row": str(row.pk), "reason": "终端断网，补传。", "do": "release"}, follow=True,
    )  # fmt: skip
    page = read(answer)
    assert "已放行 1 行" in page.text and "没有等着核查的记录" in page.text
    assert cell(page, "已处理的", 0, "谁") == "测试officer" and cell(page, "已处理的", 0, "理由") == "终端断网，补传。"
    row.refresh_from_db()
    assert (row.state, row.amount) == ("counted", 180)
    assert RowNote.objects.get(kind="released").by == "chongqing/officer-transport"
    seen = read(officer.get(f"/agency/files/{handed.pk}/"))
    assert "都处理了" in seen.text and cell(seen, "没有直接计入", 3, "结果") == "已放行"


def test_all_of_a_page_are_dropped_at_once(transport: Staff) -> None:
    officer = transport("officer")
    hand_in(officer, [ours(n, day=LATE, time=f"{n:02d}:00:00") for n in range(3)])
    judge()
    page = read(officer.get("/agency/files/held/"))
    shown = page.one("main").all("input")
    ids = next(e.get("value") for e in shown if e.get("name") == "shown")
    answer = officer.post(
        "/agency/files/held/decide/",
        {"service": SERVICE, "shown": ids, "all": "1", "reason": "重复补传", "do": "drop"}, follow=True,
    )  # fmt: skip
    assert "已剔除 3 行" in read(answer).text and FileRow.objects.filter(state="dropped").count() == 3


def test_nothing_is_decided_without_rows_and_a_reason(handed: Upload, transport: Staff) -> None:
    officer = transport("officer")
    answer = officer.post("/agency/files/held/decide/", {"service": SERVICE, "do": "release"})
    page = read(answer)
    assert answer.status_code == 422 and [where for where, _ in page.summary] == ["#all", "#reason"]
    row = FileRow.objects.get(state="held")
    answer = officer.post("/agency/files/held/decide/", {"service": SERVICE, "row": row.pk, "do": "release"})
    page = read(answer)
    assert [where for where, _ in page.summary] == ["#reason"] and page.fields[f"row-{row.pk}"].attributes.get(
        "checked"
    ) is not None
    gone = officer.post(
        "/agency/files/held/decide/", {"service": SERVICE, "row": "999", "reason": "x", "do": "drop"}, follow=True
    )
    assert "已经处理" in read(gone).text and FileRow.objects.filter(state="held").exists()


def test_a_clerk_reads_what_is_held(clerk: Client) -> None:
    page = read(clerk.get("/agency/files/held/"))
    assert (
        "1 行等着核查" in page.text and "由承办单位的负责人决定" in page.text and not page.one("main").all("textarea")
    )
    assert clerk.post("/agency/files/held/decide/", {}).status_code == 403


# ---- between the nodes


def sheet(side: str, state: str, **more: Any) -> Sheet:
    return Sheet.objects.create(
        id=uuid7(), service=SERVICE, side=side, own=OURS, peer=THEIRS, day=DAY, state=state,
        **{"rows": 2, "total": 360, "accepted": 2, "amount": 360, "digest": "x"} | more,
    )  # fmt: skip


def unlike() -> tuple[Sheet, Sheet]:
    """A page of either direction: on ours one row differs, on theirs one was not accepted by us."""
    sold, bought = sheet("payee", "paid"), sheet("payer", "paid", period=DAY)
    for payer in (OURS, THEIRS):
        Reconciliation.objects.create(
            window=1, service=SERVICE, period=DAY, payer=payer, rows=2, total=360, sha256="a" * 64, their_rows=2,
            their_total=360 if payer == OURS else 380, their_sha256=("a" if payer == OURS else "b") * 64,
        )  # fmt: skip
    RowDifference.objects.create(window=1, page=sold.id, key="chongqing|B-1|1", payer=THEIRS, ours=180, theirs=200)
    FileRow.objects.create(
        service=SERVICE, key="sichuan|B-1|2", by="sichuan", payer="chongqing", subject="c", day=DAY, cells="[]",
        state="disputed", amount=180, page=bought.id, line=1,
    )  # fmt: skip
    RowNote.objects.create(page=bought.id, line=1, kind="disputed", code="price", zh="金额不符", en="Not the price")
    return sold, bought


def test_pages_and_windows_are_compared_row_by_row(handed: Upload, transport: Staff) -> None:
    unlike()
    page = read(transport("clerk").get("/agency/files/pages/"))
    assert [cell(page, "逐行对账", n, "结果") for n in range(2)] == ["相同", "不同"]
    assert cell(page, "逐行对账", 1, "对方金额") == "3.80"
    assert "chongqing|B-1|1" in page.text and "2.00" in page.text and "金额不符" in page.text
    states = [cell(page, "清算页，", n, "状态") for n in range(3)]
    assert states == ["待对方核对", "已付", "已付"]
    assert not page.one("main").all("textarea")  # a clerk reads
    counts = read(transport("officer").get("/agency/files/")).one("main").all("dd")
    assert [dd.text.split()[0] for dd in counts[:3]] == ["1", "1", "2"]


def test_an_officer_pays_what_a_row_differs_by(transport: Staff) -> None:
    sold, bought = unlike()
    officer = transport("officer")
    forms = [f for f in read(officer.get("/agency/files/pages/")).root.all("form") if f.all("textarea")]
    sent = [{e.get("name"): e.get("value") for e in f.all("input")} for f in forms]
    assert {each["page"] for each in sent} == {str(sold.id), str(bought.id)}
    answer = officer.post("/agency/files/pages/settle/", sent[0] | {"do": "adjust"})
    assert answer.status_code == 422 and [where for where, _ in read(answer).summary] == ["#note-1"]
    answer = officer.post("/agency/files/pages/settle/", sent[0] | {"do": "adjust", "note": "按对方的算"}, follow=True)
    assert "已提交补付" in read(answer).text
    assert [i.amount for i in Instruction.objects.filter(name="adjustment")] == [20]
    again = officer.post("/agency/files/pages/settle/", sent[0] | {"do": "adjust", "note": "x"}, follow=True)
    assert "没有应付的差额" in read(again).text


def test_an_officer_pays_a_page_the_fund_could_not(transport: Staff) -> None:
    unpaid = sheet("payer", "unpaid", reason="insufficient", transfer=uuid7())
    officer = transport("officer")
    page = read(officer.get("/agency/files/pages/"))
    assert "付款账户余额不足" in page.text and "等我方付款的页" in page.text
    asked = {"service": SERVICE, "page": str(unpaid.id), "do": "pay"}
    assert "已重新提交付款" in read(officer.post("/agency/files/pages/settle/", asked, follow=True)).text
    unpaid.refresh_from_db()
    assert unpaid.state == "paying"
    assert "没有待付的款项" in read(officer.post("/agency/files/pages/settle/", asked, follow=True)).text
    assert officer.post("/agency/files/pages/settle/", {"page": "x"}).status_code == 404


def test_a_page_that_was_set_aside_says_why(transport: Staff) -> None:
    stuck = sheet("payer", "aside", accepted=0, amount=0)
    Setback.objects.create(page=stuck.id, service=SERVICE, tries=6, reason="ZeroDivisionError: a rule")
    page = read(transport("clerk").get("/agency/files/pages/"))
    assert "搁置" in page.text and "ZeroDivisionError" in page.text


@pytest.mark.parametrize("address", ["?before=x", "held/?after=-1&upload=x&service=%00", "pages/?service=nothing"])
def test_addresses_nobody_made_are_the_plain_page(clerk: Client, address: str) -> None:
    assert read(clerk.get(f"/agency/files/{address}"))
