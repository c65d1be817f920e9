"""An agency's messages: found, filtered and paged, without their content, and without reading the whole log."""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest
from django.db import connection

from chuanyu.core.ids import uuid7
from chuanyu.exchange import console
from chuanyu.exchange import log as logs
from chuanyu.exchange.envelope import Envelope
from chuanyu.exchange.errors import CODES
from chuanyu.exchange.models import Inbox, Outbox
from chuanyu.identity.actor import Actor
from link import APPEND, log

pytestmark = pytest.mark.django_db

US, THEM = "chongqing/hrss", "sichuan/hrss"
NOW = datetime(2026, 3, 3, 8, 0, tzinfo=UTC)
CLERK = Actor(kind="staff", user="clerk-hrss", node="chongqing", agency="hrss", roles=frozenset({"clerk"}))


def message(**change: Any) -> Envelope:
    parts: dict[str, Any] = {
        "id": str(uuid7()), "from_agency": US, "to_agency": THEM, "service": "pension_transfer", "action": "case.events",
        "subject": "a-sealed-token", "purpose": "pension_transfer", "basis": ("gbf-2009-66",), "sent": NOW,
        "document": {"name": "测试小雪"}, "fields": ("application",),
    }  # fmt: skip
    return Envelope(**(parts | change))


def found(**asked: Any) -> list[str]:
    return [str(one.id) for one in console.messages(CLERK, **asked).rows]


def test_messages_are_shown_by_their_outside() -> None:
    sent, late, refused, open_ = (message() for _ in range(4))
    theirs = message(from_agency=THEM, to_agency=US, action="case.request")
    strangers = message(from_agency="chongqing/edu", to_agency="sichuan/edu")
    log(logs.SENT, sent)
    log(logs.ANSWER_RECEIVED, sent, status=200)
    log(logs.SENT, late)
    log(logs.ANSWER_RECEIVED, late, status=425, code="not_yet")
    log(logs.SENT, refused)
    log(logs.ANSWER_RECEIVED, refused, status=403, code="not_granted")
    log(logs.RECEIVED, theirs)
    log(logs.ANSWER_SENT, theirs, status=200)
    log(logs.SENT, strangers)
    log(logs.SENT, open_)
    page = console.messages(CLERK)
    assert [str(one.id) for one in page.rows] == [each.id for each in (open_, theirs, refused, late, sent)]
    assert [one.answer for one in page.rows] == ["none", "accepted", "refused", "later", "accepted"]
    assert [one.sent for one in page.rows] == [True, False, True, True, True]
    assert page.rows[0].took is None and page.rows[4].took is not None and page.rows[4].took >= 0
    assert page.rows[2].code == "not_granted" and page.rows[2].text == CODES["not_granted"].text
    said = msgspec.json.encode(page).decode()
    assert "a-sealed-token" not in said and "测试小雪" not in said
    for answer, those in (("refused", [refused]), ("later", [late]), ("none", [open_]), ("accepted", [theirs, sent])):
        assert found(answer=answer) == [each.id for each in those]
    assert found(service="unemployment_transfer") == []


def test_a_message_sent_again_is_one_message() -> None:
    one = message()
    for _ in range(3):
        log(logs.SENT, one)
        log(logs.ANSWER_RECEIVED, one, status=503, code="busy")
    log(logs.SENT, one)
    log(logs.ANSWER_RECEIVED, one, status=200)
    (view,) = console.messages(CLERK).rows
    assert (view.tries, view.answer, view.code) == (4, "accepted", "")


def test_an_answer_alone_is_no_message() -> None:
    log(logs.ANSWER_SENT, message(), status=400, code="bad_envelope")
    assert found() == []


def test_nobody_but_the_agencys_own_staff_reads_them() -> None:
    log(logs.SENT, message())
    assert found()
    nobody = frozenset[str]()
    for who in (
        msgspec.structs.replace(CLERK, agency="edu"),
        msgspec.structs.replace(CLERK, node="sichuan"),
        msgspec.structs.replace(CLERK, agency=None),
        Actor(kind="resident", user="someone", node="chongqing", agency="hrss", person=uuid4(), roles=nobody),
    ):
        assert console.messages(who).rows == []


def test_a_message_is_found_by_its_number_its_trace_and_its_stream() -> None:
    ours, theirs, other = message(), message(from_agency=THEM, to_agency=US), message()
    strangers = message(from_agency="chongqing/edu", to_agency="sichuan/edu")
    case, trace, failed = str(uuid7()), uuid4(), uuid4()
    for each in (ours, other, strangers):
        log(logs.SENT, each)
    log(logs.RECEIVED, theirs)
    Outbox.objects.bulk_create(
        Outbox(
            id=UUID(each.id), stream=case, position=n, to_node="sichuan", envelope=b"", last_error={"trace": trace.hex}
        )
        for n, each in enumerate((ours, strangers))
    )
    Inbox.objects.create(id=UUID(theirs.id), stream=case, envelope=b"", error={"trace": failed.hex})
    assert found(among=console.by_number(UUID(other.id))) == [other.id]
    assert found(among=console.by_number(trace)) == [ours.id]  # the strangers' has it too
    assert found(among=console.by_number(failed)) == [theirs.id]
    assert found(among=console.by_stream(case)) == [theirs.id, ours.id]
    assert found(among=console.by_number(uuid4())) == found(among=set()) == found(among=console.by_stream("")) == []


MANY = 6_000


def many() -> None:
    """A log of some thousand messages, one a minute; every third is ours."""
    rows = []
    for n in range(MANY):
        at = (NOW + timedelta(minutes=n)).isoformat()
        ours = US if n % 3 == 0 else "chongqing/edu"
        service = "unemployment_transfer" if n < 10 else "pension_transfer"
        for direction, status in ((logs.SENT, 0), (logs.ANSWER_RECEIVED, 200)):
            said = (direction, str(UUID(int=n)), "sichuan", ours, THEM, service, "case.events", "", "[]", "[]", None)
            rows.append((at, *said, "", "", "", status, "", b""))
    with connection.cursor() as cursor:
        cursor.execute(APPEND, [list(column) for column in zip(*rows, strict=True)])


def test_pages_follow_one_another_without_a_gap() -> None:
    many()
    seen, before = list[str](), None
    for _ in range(100):
        page = console.messages(CLERK, before=before)
        seen += [str(one.id) for one in page.rows]
        if (before := page.next) is None:
            break
    assert len(seen) == len(set(seen)) == MANY // 3 and seen == sorted(seen, reverse=True)
    assert found(before=10**15)[:50] == seen[:50]  # no such row: from the newest


def test_a_day_is_that_of_the_clock_in_china() -> None:
    many()
    (first, *_), last = found(day=date(2026, 3, 3)), found(day=date(2026, 3, 3), before=2 * 500)
    assert int(first.replace("-", ""), 16) == 477  # 23:57 of the third of March is the last third minute of that day
    assert last and found(day=date(2026, 3, 2)) == found(day=date.max) == found(day=date.min) == []


def test_a_page_looks_no_further_than_it_may_and_says_how_far(monkeypatch: pytest.MonkeyPatch) -> None:
    many()
    monkeypatch.setattr(console, "LOOKED", 400)
    page = console.messages(CLERK, service="unemployment_transfer")
    assert page.rows == [] and page.until is not None and page.until > NOW + timedelta(days=2)
    rounds = 0
    while not page.rows and page.next is not None:
        page, rounds = console.messages(CLERK, service="unemployment_transfer", before=page.next), rounds + 1
    assert rounds == 4 and len(page.rows) == 4  # 0, 3, 6 and 9


@pytest.mark.django_db(transaction=True)
def test_the_log_is_read_along_its_index(analysed: Callable[[str], None]) -> None:
    """What the database does for one page: no more rows than it looks through at once, whatever the log's length."""
    many()
    analysed("exchange_log")
    now = {"at": NOW + timedelta(days=2), "idx": 6000, "agency": US, "among": [UUID(int=3)], "limit": console.AT_ONCE}
    with connection.cursor() as cursor:
        for statement, index in ((console._ALL, "log_console"), (console._AMONG, "log_")):
            cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", now | console._span(None))
            ((((plan,)),),) = cursor.fetchall()
            nodes = list(parts(plan["Plan"]))
            assert not [each for each in nodes if each["Node Type"] == "Seq Scan"], plan
            assert any(str(each.get("Index Name", "")).startswith(index) for each in nodes), plan
            read = sum(
                each["Actual Rows"] + each.get("Rows Removed by Filter", 0) for each in nodes if "Index Name" in each
            )
            assert read <= console.AT_ONCE


def parts(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for each in plan.get("Plans", ()):
        yield from parts(each)
