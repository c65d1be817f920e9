"""Files of taps between two operators: each tap once, priced as the rules say, paid page by page, settled net."""

import gzip
import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from depot import AGENCY, BOOK, DAY, FIELDS, SERVICE, Depot, csv_of, tap

from chuanyu.clearing.actions import ClearingError
from chuanyu.clearing.files import intake, judging, pages, paying, queries, reconcile
from chuanyu.clearing.models import FileRow, Instruction, Order, Page, RowDifference, Window
from chuanyu.core.documents import DocumentError
from chuanyu.core.ids import uuid7
from chuanyu.core.service import NODES
from chuanyu.exchange.models import Inbox, Outbox
from chuanyu.identity.here import other
from link import Link


@pytest.fixture
def depot(link: Link, monkeypatch: pytest.MonkeyPatch) -> Iterator[Depot]:
    monkeypatch.setenv("CHUANYU_TODAY", DAY)
    for own in link.nodes.places.values():
        shutil.rmtree(own.home / "uploads", ignore_errors=True)
    yield Depot(link)


def test_a_tap_away_is_priced_paid_settled_and_the_same_at_both_nodes(depot: Depot) -> None:
    """The catalogue's example: 08:00, then 08:59 with fare 2 is free and with 3 is 1.00; 09:01 would be 1.80 in Chongqing."""
    rows = [
        tap(1, issuer="sichuan", operator="chongqing"),
        tap(2, issuer="sichuan", operator="chongqing", time="08:59:00", fare="3.00"),
        tap(3, issuer="sichuan", operator="chongqing", time="08:59:30"),
        tap(4, issuer="sichuan", operator="chongqing", time="09:01:00"),
    ]
    upload = depot.upload("chongqing", rows)
    depot.work()
    seen = depot.seen("chongqing", upload)
    assert (seen.state, seen.rows, seen.counted, seen.total) == ("done", 4, 4, 180 + 100 + 0 + 180)
    expected = {f"chongqing|B-101|{n}": ("counted", a) for n, a in ((1, 180), (2, 100), (3, 0), (4, 180))}
    assert depot.rows("chongqing") == depot.rows("sichuan") == expected
    (page,) = depot.pages("sichuan")
    assert (page.side, page.state, page.amount, page.period) == ("payer", "paid", 460, DAY)
    depot.sound()
    depot.next_day()
    assert [depot.window(node).state for node in NODES] == ["closed", "closed"]
    with depot.at("sichuan"):
        assert [(o.payer, o.amount) for o in Order.objects.all()] == [("sichuan/transport", 460)]
    assert depot.reconciled() == [(True, 0, 0), (True, 4, 460)] * 2
    depot.sound()


def test_both_directions_are_settled_by_one_order_for_the_difference(depot: Depot) -> None:
    """Chongqing's cards in Chengdu 22,340.00, Chengdu's in Chongqing 18,650.50: Chongqing pays 3,689.50."""
    for node, total in (("sichuan", 2234000), ("chongqing", 1865050)):
        fares = enumerate(_fares(total))
        depot.upload(node, [tap(n, card=f"{n:08X}", operator=node, issuer=other(node), fare=fare) for n, fare in fares])
    depot.work()
    depot.next_day()
    with depot.at("chongqing"):
        (order,) = Order.objects.all()
        assert (order.payer, order.payee, order.amount) == ("chongqing/transport", "sichuan/transport", 368950)
    depot.sound()


def _fares(total: int) -> list[str]:
    """Fares whose prices (10 % off, rounded) sum to `total` fen."""
    fares, left = [], total
    while left > 0:
        price = min(left, 9000)
        fare = round(price / 0.9)
        while (9 * fare + 5) // 10 != price:
            fare += 1
        fares.append(f"{fare // 100}.{fare % 100:02d}")
        left -= price
    return fares


def test_the_same_file_is_the_first_upload(depot: Depot) -> None:
    rows = [tap(n, card=f"{n:08X}") for n in range(3)]
    first, new = depot.uploaded("sichuan", rows)
    again, new_again = depot.uploaded("sichuan", rows, name="again.csv")
    assert (new, new_again, again.pk) == (True, False, first.pk)
    depot.work()
    third, _ = depot.uploaded("sichuan", rows)
    assert third.pk == first.pk
    assert len(depot.rows("sichuan")) == 3


def test_the_same_tap_in_another_file_counts_once(depot: Depot) -> None:
    depot.upload("sichuan", [tap(1), tap(2, time="12:00:00")])
    depot.work()
    second = depot.upload(
        "sichuan", [tap(2, time="12:00:00"), tap(3, time="15:00:00"), tap(3, time="15:00:00", fare="2.0")]
    )
    depot.work()
    seen = depot.seen("sichuan", second)
    assert (seen.counted, seen.duplicates, seen.refused) == (1, 2, 0)
    assert depot.codes("sichuan", second) == [(2, "", "duplicate"), (4, "", "duplicate")]
    depot.sound()


def test_a_key_with_other_content_is_refused(depot: Depot) -> None:
    depot.upload("sichuan", [tap(1)])
    depot.work()
    second = depot.upload("sichuan", [tap(1, fare="3.00"), tap(1, card="FFFFFFFF")])
    depot.work()
    assert [code for *_, code in depot.codes("sichuan", second)] == ["key_reused", "key_reused"]
    assert depot.seen("sichuan", second).refused == 2


@pytest.mark.parametrize(
    ("row", "field", "code"),
    [
        (tap(1, card="8A01F0C3;DROP"), "card", "form"),
        (tap(1, card="8A"), "card", "form"),
        (tap(1, fare="-2.00"), "fare", "range"),
        (tap(1, fare="2.001"), "fare", "form"),
        (tap(1, fare="=2+2"), "fare", "form"),
        (tap(1, day="2025-06-31"), "day", "form"),
        (tap(1, day="2025-06-11"), "", "tomorrow"),
        (tap(1, time="24:00:00"), "time", "form"),
        (tap(1, operator="chongqing", issuer="sichuan"), "operator", "not_yours"),
        (tap(1, operator="guizhou"), "operator", "choice"),
        (tap(1, terminal="@SUM(A1)"), "terminal", "form"),
        (tap(1, day="2010-01-01"), "", "late"),
        (tap(1, card="\udcff\udcfe" * 4), "card", "form"),
        (tap(-1), "counter", "range"),
        (tap(1)[:5], "", "width"),
        ((*tap(1), "x"), "", "width"),
    ],
)
def test_a_row_that_is_not_well_is_said_with_its_field_and_the_others_count(
    depot: Depot, row: tuple[str, ...], field: str, code: str
) -> None:
    good = tap(7, card="AAAAAAAA")
    body = "".join(",".join(r) + "\n" for r in (FIELDS, good, row, tap(8, card="BBBBBBBB")))
    upload = depot.upload("sichuan", body.encode("utf-8", "surrogateescape"))
    depot.work()
    seen = depot.seen("sichuan", upload)
    assert [(n.line, n.field, n.code) for n in seen.notes] == [(3, field, code)]
    assert seen.counted == 2
    assert seen.refused + seen.held == 1
    assert seen.notes[0].text.zh and seen.notes[0].text.en


def test_eight_days_late_waits_for_an_officer_who_says_why(depot: Depot) -> None:
    late = [
        tap(1, day="2025-06-02"),
        tap(2, day="2025-06-02", time="08:30:00"),
        tap(3, day="2025-06-03", time="10:00:00"),
    ]
    upload = depot.upload("sichuan", late)
    depot.work()
    assert depot.seen("sichuan", upload).held == 2
    with depot.at("sichuan"):
        waiting = [row.id for row in queries.held(SERVICE, depot.clerk("sichuan"))]
        decide = {"service": SERVICE, "rows": waiting[:1], "release": True}
        for actor, reason, code in (
            (depot.clerk("sichuan"), "x", "not_allowed"),
            (depot.clerk("sichuan", "officer", "hrss"), "x", "not_allowed"),
            (depot.clerk("sichuan", "officer"), " ", "no_reason"),
        ):
            with pytest.raises(ClearingError) as refused:
                judging.decide(**decide, actor=actor, reason=reason)
            assert refused.value.code == code
        officer = depot.clerk("sichuan", "officer")
        assert judging.decide(**decide, actor=officer, reason="终端在隧道内断网") == {"released": 1, "total": 180}
        judging.decide(service=SERVICE, rows=waiting[1:], release=False, actor=officer, reason="查无此车")
        with pytest.raises(ClearingError) as refused:
            judging.decide(**decide, actor=officer, reason="again")
        assert refused.value.code == "not_held"
    depot.work()
    states = {key: state for key, (state, _) in depot.rows("sichuan").items()}
    assert states == {"sichuan|B-101|1": "counted", "sichuan|B-101|2": "dropped", "sichuan|B-101|3": "counted"}
    assert depot.rows("chongqing") == depot.rows("sichuan", state="counted")
    depot.sound()
    with depot.at("sichuan"):
        text = "".join(queries.results(upload.pk, depot.clerk("sichuan")))
    assert "终端在隧道内断网" in text


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "empty"),
        (b"\xef\xbb\xbf", "empty"),
        (csv_of([]), "empty"),
        (b"\n\n", "empty"),
        (b"\x00\x01\x02\x03", "not_text"),
        (b"\x1f\x8b\x08\x00broken", "bad_gzip"),
        ("卡号,发卡方\n1,2\n".encode("gbk"), "not_text"),
    ],
)
def test_a_file_that_is_none_is_refused_whole(depot: Depot, body: bytes, code: str) -> None:
    with pytest.raises((ClearingError, DocumentError)) as refused:
        depot.upload("sichuan", body)
    assert getattr(refused.value, "code", "header") in (code, "header")
    with depot.at("sichuan"):
        assert not list((intake.home() / "uploads").iterdir())


@pytest.mark.parametrize(
    ("fields", "paths"),
    [
        (FIELDS[:2] + FIELDS[3:], ["operator"]),
        ((*FIELDS, "fares"), ["fares"]),
        ((*FIELDS, "fare"), ["fare"]),
        (("=cmd()", *FIELDS[1:]), ["=cmd()", "card"]),
    ],
)
def test_a_heading_names_every_column_that_is_wrong(depot: Depot, fields: tuple[str, ...], paths: list[str]) -> None:
    with pytest.raises(DocumentError) as refused:
        depot.upload("sichuan", csv_of([tap(1)], fields=fields))
    assert [error.path for error in refused.value.errors] == paths


def test_bom_crlf_gzip_columns_in_another_order_and_json_lines_are_read_alike(depot: Depot) -> None:
    order = (4, 0, 1, 2, 3, 5, 6, 7)  # without `mode`, which has a default
    turned = csv_of([[tap(2, time="12:00:00")[n] for n in order]], fields=[FIELDS[n] for n in order])
    files = [
        b"\xef\xbb\xbf" + csv_of([tap(1)], end="\r\n"),
        turned,
        b'{"card":"8A01F0C3","issuer":"chongqing","operator":"sichuan","terminal":"B-101","counter":3,"day":"2025-06-10",'
        b'"time":"15:00:00","fare":"2.00"}\n',
    ]
    for body in files:
        depot.upload("sichuan", body)
    depot.uploaded("sichuan", [tap(4, time="18:00:00")], packed=True)
    depot.work()
    assert depot.rows("sichuan") == {f"sichuan|B-101|{n}": ("counted", 180) for n in (1, 2, 3, 4)}
    depot.sound()


def test_too_much_is_refused_and_leaves_nothing(depot: Depot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "LIMIT", 5000)
    with pytest.raises(ClearingError) as refused:
        depot.upload("sichuan", [tap(n) for n in range(200)])
    assert refused.value.code == "too_large"
    monkeypatch.setattr(intake, "LIMIT", 10**6)
    monkeypatch.setattr(intake, "UNPACKED", 5000)
    with pytest.raises(ClearingError) as refused:
        depot.uploaded("sichuan", [tap(n) for n in range(2000)], packed=True)
    assert refused.value.code == "too_large"
    with depot.at("sichuan"):
        assert not list((intake.home() / "uploads").iterdir())


def left(depot: Depot) -> list[str]:
    """Folders on disk, of uploads or of nobody."""
    with depot.at("sichuan"):
        return [each.name for each in (intake.home() / "uploads").iterdir()]


@pytest.mark.parametrize(("limit", "most"), [("ROWS", 1000), ("WRITTEN", 20_000)])
def test_more_rows_or_more_to_write_than_the_disk_is_for_is_refused(
    depot: Depot, monkeypatch: pytest.MonkeyPatch, limit: str, most: int
) -> None:
    monkeypatch.setattr(intake, limit, most)
    with pytest.raises(ClearingError) as refused:
        depot.upload("sichuan", [tap(n) for n in range(1001)])
    assert refused.value.code == "too_large" and left(depot) == []
    depot.upload("sichuan", [tap(n) for n in range(100)])


def test_a_file_whose_lines_are_nearly_all_unreadable_is_refused_whole_and_early(
    depot: Depot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A small gzip of short lines: it stops long before its end, and nothing of it stays on disk."""
    read: list[int] = []
    lines = intake._Lines.__iter__

    def counted(self: Any) -> Any:
        for line in lines(self):
            read.append(1)
            yield line

    monkeypatch.setattr(intake._Lines, "__iter__", counted)
    for lead, line in ((csv_of([tap(1)]), b"a\n"), (b'{"card":"1"}\n', b"{]\n"), (b"{}\n", b'{"a":1}\n')):
        read.clear()
        with pytest.raises(ClearingError) as refused:
            depot.upload("sichuan", gzip.compress(lead + line * 200_000))
        assert refused.value.code == "not_this_file" and len(read) < 20_000
    assert left(depot) == []


def test_many_wrong_lines_among_more_right_ones_are_said_one_by_one(
    depot: Depot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake, "NOT_THIS", 5)
    body = csv_of([tap(n, time=f"{n:02d}:00:00") for n in range(8)]) + b"a\n" * 7
    upload = depot.upload("sichuan", body)
    with depot.at("sichuan"):
        parts = sum(file.stat().st_size for file in intake.folder(upload.pk).glob("[0-9][0-9][0-9]"))
        assert parts < 2 * len(body)  # a code for each, no sentences
    depot.work()
    seen = depot.seen("sichuan", upload)
    assert (seen.counted, seen.refused) == (8, 7)
    assert {note.code for note in seen.notes} == {"width"} and seen.notes[0].text.zh


def test_parts_an_earlier_version_wrote_are_made_again(depot: Depot) -> None:
    upload = depot.upload("sichuan", csv_of([tap(1)]) + b"a\n")
    with depot.at("sichuan"):
        (part,) = intake.folder(upload.pk).glob("[0-9][0-9][0-9]")
        part.write_bytes(part.read_bytes() + '[4,[],["width","字","words"]]\n'.encode())
    depot.work()
    seen = depot.seen("sichuan", upload)
    assert (seen.counted, seen.refused, [n.line for n in seen.notes]) == (1, 1, [3])


@pytest.mark.parametrize("bad", ['"unclosed', '8A01F0C3,"chongqing', '"8A01F0C3"x,chongqing', '"two\nlines",x'])
def test_a_quote_that_is_not_closed_spoils_its_own_line_alone(depot: Depot, bad: str) -> None:
    rows = [tap(n, card=f"{n:08X}") for n in range(50)]
    first, *rest = csv_of(rows).splitlines(keepends=True)
    upload = depot.upload("sichuan", first + bad.encode() + b"\n" + b"".join(rest))
    depot.work()
    seen = depot.seen("sichuan", upload)
    assert (seen.counted, seen.refused) == (50, len(bad.splitlines()))
    assert (seen.notes[0].line, seen.notes[0].code) == (2, "unreadable")


def test_cells_in_quotes_are_read_as_they_are_meant(depot: Depot) -> None:
    head, line = csv_of([tap(1)]).splitlines()
    quoted = b",".join(b'"' + cell + b'"' for cell in line.split(b","))
    upload = depot.upload("sichuan", head + b"\r\n" + quoted + b"\r\n")
    depot.work()
    assert depot.seen("sichuan", upload).counted == 1


def test_a_line_without_end_is_one_refused_line(depot: Depot) -> None:
    body = csv_of([tap(1)]) + b"x" * 500_000 + b"\n" + ",".join(tap(2, card="AAAAAAAA")).encode() + b"\n"
    upload = depot.upload("sichuan", body)
    depot.work()
    seen = depot.seen("sichuan", upload)
    assert (seen.counted, seen.refused, [n.line for n in seen.notes]) == (2, 1, [3])


def test_only_the_agency_of_the_service_may_upload(depot: Depot) -> None:
    with pytest.raises(ClearingError) as refused:
        depot.upload("sichuan", [tap(1)], agency="hrss")
    assert refused.value.code == "not_allowed"
    with depot.at("sichuan"), pytest.raises(ClearingError):
        intake.upload(service=SERVICE, actor=depot.clerk("chongqing"), name="", chunks=[csv_of([tap(1)])])
    with depot.at("sichuan"), pytest.raises(ClearingError):
        intake.upload(service="pension_transfer", actor=depot.clerk("sichuan"), name="", chunks=[])


def test_cards_of_the_own_province_are_counted_and_not_cleared(depot: Depot) -> None:
    upload = depot.upload("sichuan", [tap(1, issuer="sichuan")])
    depot.work()
    assert depot.seen("sichuan", upload).total == 180
    assert depot.pages("sichuan") == depot.pages("chongqing") == []


def test_results_can_be_opened_in_a_spreadsheet(depot: Depot) -> None:
    upload = depot.upload("sichuan", [tap(1, terminal="-1+1"), tap(2), tap(3, fare="=1")])
    depot.work()
    with depot.at("sichuan"):
        lines = "".join(queries.results(upload.pk, depot.clerk("sichuan"))).splitlines()
        with pytest.raises(ClearingError):
            queries.results(upload.pk, depot.clerk("sichuan", agency="hrss"))
    assert lines[0] == "line,result,key,amount,field,code,zh,en"
    assert [line.split(",")[1] for line in lines[1:]] == ["refused", "counted", "refused"]
    assert not any(cell.startswith(("=", "+", "-", "@")) for line in lines for cell in line.split(","))
    assert queries.row_of_csv(["=1", "+1", "-1", "@x", "a"]) == "'=1,'+1,'-1,'@x,a\n"


# --- the payer --------------------------------------------------------------------------------------------------------


def test_a_price_the_rules_do_not_give_is_refused_line_by_line_and_the_rest_is_paid(
    depot: Depot, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = judging.Judge.amount
    monkeypatch.setattr(
        judging.Judge, "amount", lambda self, row, h: real(self, row, h) + (5 if row.document.counter == 2 else 0)
    )  # type: ignore[attr-defined]
    upload = depot.upload("sichuan", [tap(n, card=f"{n:08X}") for n in range(5)])
    with depot.at("sichuan"):
        judging.work()
    monkeypatch.setattr(judging.Judge, "amount", real)
    depot.work()
    (page,) = depot.pages("sichuan")
    assert (page.rows, page.total, page.accepted, page.amount, page.state) == (5, 905, 4, 720, "paid")
    for node in NODES:
        assert depot.rows(node)["sichuan|B-101|2"] == ("disputed", 185)
        with depot.at(node):
            assert [(row.key, code) for row, code in queries.disputed()] == [("sichuan|B-101|2", "price")]
    assert (4, "", "price") in depot.codes("sichuan", upload)
    depot.sound()
    # the payer's officer looks at it and pays after all, by an adjustment in the current window
    with depot.at("chongqing"):
        officer = depot.clerk("chongqing", "officer")
        with pytest.raises(ClearingError):
            reconcile.adjust(page=page.id, key="sichuan|B-101|2", actor=depot.clerk("chongqing"), note="x")
        reconcile.adjust(page=page.id, key="sichuan|B-101|2", actor=officer, note="按对方票价表")
        with pytest.raises(ClearingError):
            reconcile.adjust(page=page.id, key="sichuan|B-101|2", actor=officer, note="twice")
    depot.work()
    assert depot.balances("chongqing")["due_to/sichuan/transport"] == 905
    assert depot.balances("sichuan")["due_from/chongqing/transport"] == -905
    depot.next_day()
    assert depot.window("sichuan").state == "closed"


def test_what_the_fund_does_not_have_is_said_and_paid_later(link: Link, monkeypatch: pytest.MonkeyPatch) -> None:
    from chuanyu.clearing import actions
    from chuanyu.core.money import Money

    monkeypatch.setenv("CHUANYU_TODAY", DAY)
    depot = Depot(link, fund="")
    depot.upload("sichuan", [tap(1)])
    depot.work()
    for node in NODES:
        (page,) = depot.pages(node)
        assert (page.state, page.reason) == ("unpaid", "insufficient")
    with depot.at("chongqing"):
        with pytest.raises(ClearingError):
            paying.pay(page=page.id, actor=depot.clerk("chongqing"))
        actions.fund(agency=AGENCY, service=SERVICE, amount=Money.parse("10.00"))
        paying.pay(page=page.id, actor=depot.clerk("chongqing", "officer"))
        with pytest.raises(ClearingError):
            paying.pay(page=page.id, actor=depot.clerk("chongqing", "officer"))
    depot.work()
    assert [p.state for node in NODES for p in depot.pages(node)] == ["paid", "paid"]
    assert depot.balances("chongqing")["fund"] == 1000 - 180
    depot.sound()


def _page_message(depot: Depot) -> Any:
    """The message with the first page that left Sichuan."""
    from chuanyu.exchange import envelope

    with depot.at("sichuan"):
        return envelope.decode(
            bytes(Outbox.objects.filter(stream__startswith="clearing.page:").earliest("position").envelope)
        )


def _replay(depot: Depot, document: dict[str, Any], *, node: str = "chongqing", action: str = pages.PAGE) -> str:
    """Send something as the peer's agency would; what became of it at the node."""
    from chuanyu.exchange import actions as exchange
    from chuanyu.exchange import inbox

    sender = other(node)
    with depot.at(sender):
        id_ = exchange.send(
            to_agency=f"{node}/{AGENCY}", from_agency=f"{sender}/{AGENCY}", service=SERVICE, action=action, person=None,
            purpose=SERVICE, basis=["jtt-978"], document=document, stream=str(uuid7()),
        )  # fmt: skip
    depot.link.deliver()
    with depot.at(node):
        inbox.work()
        row = Inbox.objects.get(pk=id_)
        return row.state if row.error is None else str(row.error["code"])


def test_a_page_sent_again_changes_nothing_and_with_other_content_is_refused(depot: Depot) -> None:
    depot.upload("sichuan", [tap(1), tap(2, time="12:00:00")])
    depot.work()
    body = dict(_page_message(depot).document)
    assert _replay(depot, body) == "applied"
    depot.work()
    forged = _packed([pages.Item(tap(9), 99999)])
    assert _replay(depot, body | {"content": forged, "rows": 1, "total": 99999}) == "id_reused"
    with depot.at("chongqing"):
        assert Page.objects.count() == 1
        assert Instruction.objects.count() == 1
    depot.sound()


def _packed(items: list[pages.Item]) -> str:
    import base64
    import zlib

    import msgspec

    return base64.b64encode(zlib.compress(msgspec.json.encode(items))).decode()


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"total": 1}, "malformed"),
        ({"rows": 2}, "malformed"),
        ({"fields": ["card"]}, "malformed"),
        ({"content": "!!!"}, "malformed"),
        ({"content": ""}, "malformed"),
        ({"page": "x"}, "malformed"),
        ({"extra": 1}, "malformed"),
        ({"day": "2025-06-12"}, "tomorrow"),
    ],
)
def test_a_page_that_is_none_is_refused(depot: Depot, change: dict[str, Any], code: str) -> None:
    body = {
        "page": str(uuid7()), "day": DAY, "rows": 1, "total": 180, "fields": list(FIELDS),
        "content": _packed([pages.Item(tap(1), 180)]),
    }  # fmt: skip
    assert _replay(depot, body | change) == code
    with depot.at("chongqing"):
        assert not Page.objects.exists()


def test_a_bomb_of_a_page_is_refused(depot: Depot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paying, "LARGEST", 1000)
    items = [pages.Item(tap(n), 0) for n in range(100)]
    body = {
        "page": str(uuid7()),
        "day": DAY,
        "rows": 100,
        "total": 0,
        "fields": list(FIELDS),
        "content": _packed(items),
    }
    assert _replay(depot, body) == "malformed"


def test_rows_nobody_here_owes_are_refused_one_by_one(depot: Depot) -> None:
    items = [
        pages.Item(tap(1, operator="chongqing"), 180),  # made here, so not theirs to send
        pages.Item(tap(2, issuer="sichuan"), 180),  # their own card
        pages.Item(("x",), 180),
        pages.Item(tap(3), 180),
        pages.Item(tap(3), 180),
        pages.Item(tap(4, day="2025-06-01", time="12:00:00"), 180),  # late, and nobody says that it was looked at
        pages.Item(tap(5, card="CCCCCCCC", day="2025-06-01"), 180, "查过"),
    ]
    page = str(uuid7())
    body = {"page": page, "day": DAY, "rows": 7, "total": 1260, "fields": list(FIELDS), "content": _packed(items)}
    assert _replay(depot, body) == "applied"
    with depot.at("chongqing"):
        paying.work()
        found = Page.objects.get(id=page)
        from chuanyu.clearing.models import RowNote

        codes = list(RowNote.objects.filter(page=page).order_by("line").values_list("line", "code"))
    assert codes == [(0, "not_ours"), (1, "not_ours"), (2, "malformed"), (4, "duplicate"), (5, "not_released")]
    assert (found.accepted, found.amount) == (2, 360)


def test_an_answer_must_come_to_what_the_page_says(depot: Depot) -> None:
    depot.upload("sichuan", [tap(1), tap(2, time="12:00:00")])
    with depot.at("sichuan"):
        judging.work()
    (page,) = depot.pages("sichuan")
    paid = {
        "page": str(page.id),
        "state": "paid",
        "transfer": str(uuid7()),
        "period": DAY,
        "accepted": 2,
        "amount": 360,
    }
    for change in (
        {"amount": 359},
        {"accepted": 1},
        {"transfer": None},
        {"refused": [[9, "x", "x", "x"]]},
        {"refused": [[0, "x", "x", "x"]]},
    ):
        assert _replay(depot, paid | change, node="sichuan", action=pages.ANSWER) == "amount"
    assert _replay(depot, paid | {"period": "soon"}, node="sichuan", action=pages.ANSWER) == "malformed"
    assert _replay(depot, paid | {"page": str(uuid7())}, node="sichuan", action=pages.ANSWER) == "unknown_page"
    (page,) = depot.pages("sichuan")
    assert page.state == "sent"
    assert _replay(depot, paid, node="sichuan", action=pages.ANSWER) == "applied"
    assert _replay(depot, paid, node="sichuan", action=pages.ANSWER) == "applied"
    assert _replay(depot, paid | {"transfer": str(uuid7())}, node="sichuan", action=pages.ANSWER) == "unknown_page"


# --- reconciling ------------------------------------------------------------------------------------------------------


def test_a_row_changed_at_one_node_is_found_and_resolved_by_an_adjustment(depot: Depot) -> None:
    depot.upload("sichuan", [tap(n, card=f"{n:08X}") for n in range(50)])
    depot.work()
    depot.next_day()
    assert depot.reconciled() == [(True, 50, 9000), (True, 0, 0)] * 2
    depot.tamper("chongqing", "UPDATE clearing_filerow SET amount = 100 WHERE key = 'sichuan|B-101|7'")
    depot.tamper("chongqing", "DELETE FROM clearing_filerow WHERE key = 'sichuan|B-101|8'")
    for node in NODES:
        with depot.at(node):
            reconcile.compare(Window.objects.get(service=SERVICE, period=DAY))
    with depot.at("chongqing"):
        lines = {d.key: (d.ours, d.theirs) for d in queries.differences()}
        assert lines == {"sichuan|B-101|7": (100, 180), "sichuan|B-101|8": (None, 180)}
        page = RowDifference.objects.first().page  # type: ignore[union-attr]
        reconcile.adjust(page=page, key="sichuan|B-101|7", actor=depot.clerk("chongqing", "officer"), note="补付")
    with depot.at("sichuan"), pytest.raises(ClearingError) as refused:
        reconcile.adjust(page=page, key="sichuan|B-101|8", actor=depot.clerk("sichuan", "officer"), note="x")
    assert refused.value.code == "nothing_to_pay"
    depot.work()
    for node in NODES:
        with depot.at(node):
            assert [d.key for d in queries.differences()] == ["sichuan|B-101|8"]
            assert Instruction.objects.get(name="adjustment").amount == 80
    assert FileRow.objects.filter(key="sichuan|B-101|7").exists()
    assert BOOK == "transport/transit_card"
