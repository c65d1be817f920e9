"""The door between nodes: what it takes, and every way it says no: clearly, signed, logged, and changing nothing."""

import asyncio
import time
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import msgspec
import psycopg
import pytest
import structlog
from django.db import connections
from door import NUMBER, THEM, US, Door, Heard, Knock, envelope, hear, question, replaced, tamper, without

from chuanyu.core.numbers import make_person_number
from chuanyu.core.text import Text
from chuanyu.exchange import compact as agreement
from chuanyu.exchange import envelope as envelopes
from chuanyu.exchange import gateway as gateways
from chuanyu.exchange import handlers, installed, keys, log, signing
from chuanyu.exchange.compact import Signed
from chuanyu.exchange.errors import CODES
from chuanyu.exchange.gateway import Gateway
from chuanyu.exchange.handlers import Asked, Refused
from chuanyu.exchange.models import Log
from chuanyu.exchange.wire import LIMIT
from chuanyu.identity import vault
from link import Link

REFUSAL = {"refused", "text", "line", "would_allow", "node", "trace"}


@pytest.fixture
def door(link: Link) -> Door:
    return Door(link.nodes)


def test_a_message_is_taken_in_and_receipted(door: Door) -> None:
    sent = envelope(subject=door.seal("pension_transfer"))
    knock = door.signed(sent)
    (heard,) = door.knock(knock)
    assert (heard.status, heard.body) == (200, {"receipt": sent.id, "log": 0})
    door.check(knock, heard)
    (taken,) = door.inbox()
    assert (str(taken.id), taken.stream, bytes(taken.envelope), taken.state) == (
        sent.id,
        "case-1",
        knock.parts[0],
        "new",
    )
    received, answered = door.rows()
    assert (received.direction, received.status, received.subject) == ("received", 0, sent.subject)
    assert (answered.direction, answered.status, str(answered.message)) == ("answer_sent", 200, sent.id)
    assert received.signature.splitlines() == [value for name, value in knock.headers if name.startswith("signature")]
    assert "500000198506150044" not in str([vars(row) for row in door.rows()])


def other_key(door: Door) -> signing.Key:
    """A key that is not Sichuan's under Sichuan's key id."""
    return signing.load_private(door.key.id, "es256", signing.generate("es256"))


def altered(**change: str) -> Callable[[Door], Knock]:
    def make(door: Door) -> Knock:
        knock = door.signed(envelope())
        knock.headers = replaced(knock.headers, **change)
        return knock

    return make


def wrong_signature(door: Door) -> Knock:
    knock = door.signed(envelope())
    knock.headers = [(name, tamper(value) if name == "signature" else value) for name, value in knock.headers]
    return knock


def other_body(door: Door) -> Knock:
    knock = door.signed(envelope())
    knock.parts = [knock.parts[0].replace(b'"n":1', b'"n":2')]
    return knock


def with_field(**change: Any) -> Callable[[Door], Knock]:
    """The envelope with raw JSON values changed."""

    def make(door: Door) -> Knock:
        return door.signed(msgspec.json.encode(msgspec.to_builtins(envelope()) | change))

    return make


def unknown_key(door: Door) -> Knock:
    return door.signed(envelope(), key=signing.load_private("sichuan-000000000000", "es256", signing.generate("es256")))


REFUSALS: dict[str, tuple[Callable[[Door], Knock], str, str]] = {
    "wrong signature": (wrong_signature, "bad_signature", "not one of key"),
    "somebody else's key": (lambda d: d.signed(envelope(), key=other_key(d)), "bad_signature", "not one of key"),
    "signed for another address": (
        lambda d: d.signed(envelope(), uri="http://127.0.0.1:1/exchange/v1/message"),
        "bad_signature",
        "not one of key",
    ),
    "no signature": (altered(signature=""), "bad_signature", "signature is missing"),
    "no digest": (altered(content_digest=""), "bad_signature", "content-digest is missing"),
    "garbage headers": (altered(signature_input="\xff\xfe()"), "bad_signature", "RFC 9421"),
    "unknown key": (unknown_key, "unknown_key", "not in the compact"),
    "our own key": (
        lambda d: d.signed(envelope(), key=keys.load(d.nodes.places[US].home, US).signer(d.compact)),
        "unknown_key",
        "not in the compact",
    ),
    "other content": (other_body, "digest_mismatch", "does not match its digest"),
    "signed too long ago": (lambda d: d.signed(envelope(), created=time.time() - 302), "stale_date", "300 seconds"),
    "signed in the future": (lambda d: d.signed(envelope(), created=time.time() + 302), "stale_date", "300 seconds"),
    "sent in the future": (
        lambda d: d.signed(envelope(sent=envelopes.now() + timedelta(seconds=302))),
        "stale_date",
        "300 seconds",
    ),
    "an old question": (
        lambda d: d.signed(question(sent=envelopes.now() - timedelta(seconds=302))),
        "stale_date",
        "300 seconds",
    ),
    "broken JSON": (lambda d: d.signed(b'{"id": '), "bad_json", "not valid JSON"),
    "no UTF-8": (lambda d: d.signed(b'{"id": "\xff"}'), "bad_json", "not valid JSON"),
    "nested for ever": (lambda d: d.signed(b'{"document":' + b"[" * 200_000), "bad_json", "not valid JSON"),
    "empty": (lambda d: d.signed(b""), "bad_json", "not valid JSON"),
    "no object": (lambda d: d.signed(b"[]"), "bad_envelope", "at $"),
    "no id": (with_field(id=None), "bad_envelope", "$.id"),
    "an id that is no UUIDv7": (with_field(id="00000000-0000-4000-8000-000000000000"), "bad_envelope", "$.id"),
    "unknown field": (with_field(urgent=True), "bad_envelope", "urgent"),
    "wrong basis": (with_field(basis=["gbf-2009-66", 7]), "bad_envelope", "$.basis[1]"),
    "another version": (with_field(version="2"), "bad_envelope", "$.version"),
    "a line break in a word": (with_field(service="pension_transfer\n"), "bad_envelope", "$.service"),
    "unknown agency": (with_field(from_agency="sichuan/nobody"), "unknown_agency", "sichuan/nobody"),
    "our own agency as theirs": (with_field(from_agency="chongqing/hrss"), "unknown_agency", "does not speak for"),
    "unknown service": (with_field(service="sorcery"), "unknown_service", "sorcery"),
    "action not granted": (with_field(action="own_data"), "not_granted", "own_data"),
    "purpose not granted": (with_field(purpose="curiosity"), "not_granted", "curiosity"),
    "basis not granted": (with_field(basis=["gossip"]), "not_granted", "gossip"),
    "document not granted": (with_field(fields=["diary"]), "not_granted", "diary"),
    "not for us": (with_field(to_agency="sichuan/hrss"), "not_for_us", "not at this node"),
    "subject for another purpose": (
        lambda d: d.signed(envelope(subject=d.seal("unemployment_transfer"))),
        "bad_subject",
        "cannot be opened",
    ),
    "subject of nobody": (lambda d: d.signed(envelope(subject="x" * 40)), "bad_subject", "cannot be opened"),
    "subject with no number": (
        lambda d: d.signed(envelope(subject=d.seal("pension_transfer", "hello"))),
        "bad_subject",
        "cannot be opened",
    ),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_a_refusal_is_clear_signed_logged_and_changes_nothing(door: Door, name: str) -> None:
    make, code, words = REFUSALS[name]
    knock = make(door)
    (heard,) = door.knock(knock)
    assert (heard.body["refused"], heard.status) == (code, CODES[code].status)
    assert heard.body.keys() == REFUSAL
    assert words in heard.body["text"]["en"] + heard.body["line"]
    assert heard.body["text"]["zh"] and heard.body["node"] == US and len(heard.body["trace"]) == 32
    assert b"Traceback" not in heard.raw and b'File "' not in heard.raw
    door.check(knock, heard)
    received, answered = door.rows()
    assert (received.direction, answered.direction) == ("received", "answer_sent")
    assert (answered.code, answered.status) == (code, heard.status)
    assert not door.inbox()


def test_all_refusals_at_once_are_each_logged(door: Door) -> None:
    heard = door.knock(*(make(door) for make, _, _ in REFUSALS.values()))
    assert [one.body["refused"] for one in heard] == [code for _, code, _ in REFUSALS.values()]
    assert len(door.rows()) == 2 * len(REFUSALS)


def test_a_forged_message_leaves_no_trace_under_a_real_ones_id(door: Door) -> None:
    """Nobody but the peer can make this node remember an answer or name a message in the log."""
    forged = wrong_signature(door)
    door.knock(forged)
    assert {str(row.message) for row in door.rows()} == {log.NOBODY}
    assert not door.answers()


def test_the_same_message_again_gets_the_same_answer(door: Door) -> None:
    sent = envelope()
    (first,) = door.knock(sent)
    knock = door.signed(sent, created=time.time() - 5)
    (again,) = door.knock(knock)
    assert again.raw == first.raw and again.headers != first.headers
    door.check(knock, again)
    assert len(door.inbox()) == 1 and len(door.rows()) == 4


def test_a_refusal_is_final_too(door: Door) -> None:
    sent = envelope(fields=("diary",))
    (first,) = door.knock(sent)
    (again,) = door.knock(sent)
    assert again.raw == first.raw and again.body["refused"] == "not_granted"


def test_an_id_with_other_content_is_refused(door: Door) -> None:
    first = envelope()
    other = msgspec.structs.replace(first, document={"n": 2})
    assert [one.status for one in door.knock(first)] == [200]
    knock = door.signed(other)
    (heard,) = door.knock(knock)
    assert (heard.status, heard.body["refused"]) == (409, "id_reused")
    door.check(knock, heard)
    (kept,) = door.inbox()
    assert bytes(kept.envelope) == envelopes.encode(first)
    assert [one.body for one in door.knock(first)] == [{"receipt": first.id, "log": 0}]


def test_twins_at_the_same_moment_are_one(door: Door) -> None:
    sent = envelope()
    twin = msgspec.structs.replace(sent, document={"n": 2})
    heard = door.knock(*[sent] * 20, twin)
    assert {one.raw for one in heard[:20]} == {heard[0].raw} and heard[20].status == 409
    assert len(door.inbox()) == 1 and len(door.answers()) == 1 and len(door.rows()) == 42


def test_two_gateways_on_one_log_leave_no_gap(door: Door) -> None:
    """It happens while one is being replaced: the one that is late counts again, and an id is still answered once."""
    sent = [envelope(stream=f"case-{n}") for n in range(10)]

    async def both(first: Gateway) -> Any:
        second = Gateway(door.nodes.places[US], lookup=vault.lookup)
        await second.start()
        try:
            knocks = [hear(gateway, door.signed(one)) for one in sent for gateway in (first, second)]
            return await asyncio.gather(*knocks)
        finally:
            await second.stop()

    heard = door.run(both)
    assert all(one.status == 200 for one in heard)
    assert all(one.raw == other.raw for one, other in zip(heard[::2], heard[1::2], strict=True))
    assert len(door.inbox()) == 10 and len(door.rows()) == 40


class TestTooLarge:
    def test_a_stated_length_is_believed_before_reading(self, door: Door) -> None:
        knock = door.signed(envelope())
        knock.headers.append(("content-length", str(50 * 1024 * 1024)))
        (heard,) = door.knock(knock)
        assert (heard.status, heard.body["refused"], knock.read) == (413, "too_large", 0)
        door.check(knock, heard)
        assert [row.code for row in door.rows()] == ["", "too_large"] and not door.inbox()

    def test_without_a_length_reading_ends_at_the_limit(self, door: Door) -> None:
        knock = door.signed(envelope())
        knock.parts = [bytes(1024 * 1024)] * 50
        (heard,) = door.knock(knock)
        assert heard.status == 413 and knock.read == LIMIT // 1024**2 + 1
        door.check(knock, heard)

    def test_even_without_a_signature(self, door: Door) -> None:
        knock = Knock([("content-length", "50000000")], [])
        (heard,) = door.knock(knock)
        assert heard.status == 413
        door.check(knock, heard)


class TestDryRun:
    def test_granted(self, door: Door) -> None:
        knock = door.signed(envelope(dry_run=True))
        (heard,) = door.knock(knock)
        assert heard.body["dry_run"] and "sichuan/hrss>chongqing/hrss" in heard.body["granted"]
        door.check(knock, heard)
        assert not door.inbox() and not door.answers() and len(door.rows()) == 2

    def test_refused_with_the_line_that_refuses(self, door: Door) -> None:
        (heard,) = door.knock(envelope(dry_run=True, fields=("diary",)))
        assert heard.body["refused"] == "not_granted" and "fields" in heard.body["line"]
        assert "application" in heard.body["would_allow"]
        assert not door.answers()


class TestQuestions:
    def test_it_is_answered(self, door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
        with door.nodes.at(US):
            person = vault.enrol(NUMBER)

        async def answer(asked: Asked) -> dict[str, Any]:
            assert (asked.person, asked.number) == (person, NUMBER)
            return {"n": await asked.connection.fetchval("SELECT 7")}

        monkeypatch.setitem(handlers.queries, "own_data", answer)
        sent = question(subject=door.seal("own_data"))
        knock = door.signed(sent)
        (heard,) = door.knock(knock)
        assert heard.body == {"answers": sent.id, "document": {"n": 7}}
        door.check(knock, heard)
        assert not door.inbox()

    def test_a_handler_cannot_write(self, door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
        async def answer(asked: Asked) -> dict[str, Any]:
            await asked.connection.execute("DELETE FROM exchange_inbox")
            return {}

        monkeypatch.setitem(handlers.queries, "own_data", answer)
        (heard,) = door.knock(question())
        assert (heard.status, heard.body["refused"]) == (500, "error")

    def test_every_no_is_the_same_no(self, door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
        """Unknown person, no consent, not permitted: one answer; the reason is in this node's own log, by trace."""
        with door.nodes.at(US):
            vault.enrol(NUMBER)
        reasons = iter(("no_consent", "not_permitted"))

        async def answer(asked: Asked) -> dict[str, Any]:
            reason = next(reasons) if asked.person else "unknown_person"
            raise Refused(reason, Text("内部原因", f"internal: {reason}"))

        monkeypatch.setitem(handlers.queries, "own_data", answer)
        stranger = make_person_number("510000", date(1990, 3, 7), 2, "female")
        subjects = door.seal("own_data", stranger), door.seal("own_data"), door.seal("own_data")
        took = []

        async def visit(gateway: Gateway) -> list[Heard]:
            heard = []
            for subject in subjects:
                began = time.perf_counter()
                heard.append(await hear(gateway, door.signed(question(subject=subject))))
                took.append(time.perf_counter() - began)
            return heard

        with structlog.testing.capture_logs() as logged:
            heard = door.run(visit)
        assert min(took) > 0.049  # whatever the reason, it leaves at the next multiple of 50 ms
        assert {one.status for one in heard} == {404}
        assert len({msgspec.json.encode(without(one.body, "trace")) for one in heard}) == 1
        assert len({len(one.raw) for one in heard}) == 1
        kept = {line["trace"]: line["reason"] for line in logged if line.get("event") == "nothing given"}
        assert [kept[one.body["trace"]] for one in heard] == ["unknown_person", "no_consent", "not_permitted"]
        assert "internal" not in str([one.raw for one in heard])

    def test_a_failing_handler_shows_a_trace_and_nothing_else(
        self, door: Door, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def answer(asked: Asked) -> dict[str, Any]:
            raise RuntimeError("secret detail")

        monkeypatch.setitem(handlers.queries, "own_data", answer)
        sent = question()
        knock = door.signed(sent)
        with structlog.testing.capture_logs() as logged:
            (heard,) = door.knock(knock)
        assert (heard.status, heard.body["refused"]) == (500, "error") and b"secret" not in heard.raw
        door.check(knock, heard)
        assert any(line.get("trace") == heard.body["trace"] for line in logged)
        assert [row.code for row in door.rows()] == ["", "error"]

        async def well(asked: Asked) -> dict[str, Any]:
            return {}

        monkeypatch.setitem(handlers.queries, "own_data", well)  # it was not final: the same id may try again
        assert [one.status for one in door.knock(sent)] == [200]


def test_old_answers_are_forgotten_and_their_ids_are_not(door: Door) -> None:
    asked, sent = question(), envelope()
    door.knock(asked, sent)
    with psycopg.connect(door.nodes.places[US].database_url) as connection:
        connection.execute("UPDATE exchange_answer SET at = at - interval '61 minutes'")
        connection.execute("SET enable_seqscan = off")
        plan = connection.execute(f"EXPLAIN {gateways._FORGET}").fetchall()
        assert any("answer_to_forget" in line for (line,) in plan)

    async def visit(gateway: Gateway) -> list[Heard]:
        async with asyncio.timeout(5):
            while any(answer.body and str(answer.id) == asked.id for answer in await asyncio.to_thread(kept)):
                await asyncio.sleep(0.02)
        other = msgspec.structs.replace(asked, document={"n": 2})
        return [await hear(gateway, door.signed(one)) for one in (asked, other, sent)]

    def kept() -> list[Any]:
        try:
            return door.answers()
        finally:
            connections["default"].close()

    again, other, message = door.run(visit)
    assert again.body["refused"] == "stale_date" and other.body["refused"] == "id_reused"
    assert message.body == {"receipt": sent.id, "log": message.body["log"]}  # a receipt is kept for good


class TestSlowness:
    def test_a_body_that_trickles_is_given_up(self, door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(gateways, "BODY_SECONDS", 0.1)
        knock = door.signed(envelope())
        knock.parts.insert(0, b"")
        knock.pause = 1.0
        (heard,) = door.knock(knock)
        assert (heard.status, heard.body["refused"]) == (408, "too_slow") and not door.rows()

    def test_whoever_hangs_up_is_not_answered(self, door: Door) -> None:
        knock = door.signed(envelope())
        knock.parts = []
        assert door.knock(knock) == [None] and not door.rows()


def test_an_action_we_do_not_know_yet_may_come_again(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    sent = envelope()
    with monkeypatch.context() as patch:
        patch.delitem(handlers.messages, "case.events")
        (heard,) = door.knock(sent)
        assert (heard.status, heard.body["refused"]) == (425, "not_yet")
    assert [one.status for one in door.knock(sent)] == [200]


def test_nothing_but_the_doors_is_there(door: Door) -> None:
    with_token = [("authorization", f"Bearer {door.nodes.places[US].local_token}")]
    away = "203.0.113.7"
    knocks = [
        Knock([], [b""], path="/"),
        Knock([], [b""], path="/exchange/v1/message", method="GET"),
        Knock([], [b""], path="/metrics", method="GET", client=away),
        Knock([("x-forwarded-for", away)], [b""], path="/metrics", method="GET"),
        Knock(with_token, [b"{}"], path="/local/ask", client=away),
        Knock([], [b"{}"], path="/local/ask"),
        Knock([("authorization", "Bearer wrong")], [b"{}"], path="/local/ask"),
        Knock(with_token, [b"{}"], path="/local/ask"),
        Knock([], [b""], path="/metrics", method="GET"),
        Knock([], [b""], path="/exchange/v1/health", method="GET"),
    ]
    heard = door.knock(*knocks)
    assert [one.status for one in heard] == [404, 404, 404, 404, 404, 401, 401, 400, 200, 200]
    assert b"chuanyu_received" in heard[8].raw
    with door.nodes.at(US):
        assert heard[9].body == {"node": US, "compact": installed.current().version, "log": 0}
    assert not door.rows()


@pytest.mark.parametrize("suite", signing.suites())
def test_a_key_is_replaced_without_a_pause(door: Door, suite: str) -> None:
    """Sichuan takes a new key while Chongqing's gateway runs: the old one works until it ends, the new one at once."""
    home = door.nodes.places[THEM].home
    old = door.key
    fresh = keys.add_signing_key(home, THEM, suite=suite)
    node = agreement.with_key(door.compact.nodes[THEM], fresh, overlap=timedelta(hours=1))
    proposed = agreement.propose(
        door.compact,
        nodes={**door.compact.nodes, THEM: node},
        agencies=door.compact.agencies,
        grants=door.compact.grants,
        issued=envelopes.now(),
    )
    signers = {name: keys.load(door.nodes.places[name].home, name).signer(door.compact) for name in (US, THEM)}
    signed = Signed(compact=proposed, signatures={name: agreement.sign(proposed, key) for name, key in signers.items()})
    new = keys.load(home, THEM).signers[fresh.id]

    def install() -> None:
        with door.nodes.at(US):
            installed.install(signed)

    async def visit(gateway: Gateway) -> list[tuple[int, str]]:
        said = [await hear(gateway, door.signed(envelope(), key=key)) for key in (old, new)]
        await asyncio.to_thread(install)
        async with asyncio.timeout(5):  # a NOTIFY tells the gateway
            while (await hear(gateway, door.signed(envelope(dry_run=True), key=new))).status != 200:
                await asyncio.sleep(0.02)
        said += [await hear(gateway, door.signed(envelope(), key=key)) for key in (old, new)]
        return [(one.status, one.body.get("refused", "")) for one in said]

    try:
        assert door.run(visit) == [(200, ""), (401, "unknown_key"), (200, ""), (200, "")]
    finally:  # the homes outlive the test
        for file in (home / "keys").glob(f"signing-{fresh.id}.*"):
            file.unlink()


class TestTheLogIsAppendOnly:
    @pytest.mark.parametrize(
        "statement",
        [
            "INSERT INTO exchange_log SELECT * FROM exchange_log",
            "UPDATE exchange_log SET status = 200",
            "DELETE FROM exchange_log",
            "TRUNCATE exchange_log",
            "ALTER TABLE exchange_log DISABLE TRIGGER ALL",
            "DROP FUNCTION exchange_append",
        ],
    )
    def test_the_nodes_role_cannot_change_it(self, door: Door, statement: str) -> None:
        door.knock(envelope())
        with (
            psycopg.connect(door.nodes.places[US].database_url) as connection,
            pytest.raises(psycopg.errors.InsufficientPrivilege),
        ):
            connection.execute(statement)

    def test_the_owners_tampering_is_seen(self, door: Door) -> None:
        door.knock(*(envelope() for _ in range(5)))
        rows = [vars(row) for row in door.rows()]
        head, _ = log.verify(rows, None, now=envelopes.now())
        assert head.size == 10
        owner = psycopg.connect(door.nodes.places[US].owner_url, autocommit=True)
        with owner as connection:
            connection.execute("UPDATE exchange_log SET service = 'other' WHERE idx = 4")
        with door.nodes.at(US), pytest.raises(log.LogError, match="row 4 was changed"):
            log.verify(Log.objects.order_by("idx").values(), None, now=envelopes.now())
