"""Whatever knocks at a live gateway: a clear refusal, in the log, nothing changed, nothing shown, and the next one is served."""

import json
import time
from collections.abc import Callable
from typing import Any
from uuid import UUID

import msgspec
from scene import PENSION, Journey, Person, Scene, until
from stranger import THEM, US, Slow, Stranger

from chuanyu.cases.steps import reference
from chuanyu.core.canonical import digest
from chuanyu.core.ids import uuid7
from chuanyu.exchange import envelope as envelopes
from chuanyu.exchange import signing
from chuanyu.exchange.errors import CODES
from chuanyu.exchange.trust import PATH
from wires import CUT, OPEN

TABLES = ("exchange_inbox", "exchange_answer", "exchange_outbox", "cases_case", "cases_event", "cases_request",
          "cases_declaration", "clearing_instruction", "ledger.transfer", "identity_person")  # fmt: skip


class Quiet:
    """What Chongqing holds, to see that nothing changed."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.before = self.counts()
        self.rows = len(scene.log(US))
        self.said = self.spoken()

    def counts(self) -> dict[str, int]:
        return {table: self.scene.value(US, f"SELECT count(*) FROM {table}") for table in TABLES}

    def spoken(self) -> str:
        return "".join(
            (self.scene.places[US].home / "logs" / name).read_text() for name in ("gateway.log", "gateway.jsonl")
        )

    def logged(self, *codes: str) -> None:
        """These refusals are in the log, a message and its answer each; nothing else changed and no traceback is anywhere."""
        rows = self.scene.log(US)[self.rows :]
        assert [(row["direction"], row["code"]) for row in rows] == [
            each for code in codes for each in (("received", ""), ("answer_sent", code))
        ]
        assert self.counts() == self.before | {"exchange_answer": self.counts()["exchange_answer"]}
        assert "Traceback" not in self.spoken()[len(self.said) :]


def own_key(stranger: Stranger) -> signing.Key:
    """A stranger's key that claims to be Sichuan's."""
    return signing.load_private(stranger.key.id, "es256", signing.generate("es256"))


Knock = Callable[[Stranger], tuple[bytes, list[tuple[str, str]]]]


def signed(**change: Any) -> Knock:
    """An envelope with something changed, signed as it should be."""

    def make(stranger: Stranger) -> tuple[bytes, list[tuple[str, str]]]:
        body = envelopes.encode(stranger.envelope(**change))
        return body, stranger.sign(body)

    return make


def raw(body: bytes) -> Knock:
    """Any bytes, signed as they should be."""
    return lambda stranger: (body, stranger.sign(body))


def sealed_for_another_purpose(stranger: Stranger) -> tuple[bytes, list[tuple[str, str]]]:
    return signed(subject=stranger.sealer.seal("510000198804120028", "unemployment_transfer"))(stranger)


def changed_on_the_way(stranger: Stranger) -> tuple[bytes, list[tuple[str, str]]]:
    body, headers = signed()(stranger)
    return body.replace(b"sichuan/hrss", b"sichuan/edu"), headers


REFUSED: dict[str, tuple[Knock, str]] = {
    "no signature": (lambda s: (b"{}", []), "bad_signature"),
    "garbage for a signature": (
        lambda s: (b"{}", [("content-digest", "x"), ("signature-input", "y" * 9000), ("signature", "\xff")]),
        "bad_signature",
    ),
    "a key of their own under our peer's name": (
        lambda s: (b"{}", s.sign(b"{}", key=own_key(s))),
        "bad_signature",
    ),
    "a key nobody knows": (
        lambda s: (b"{}", s.sign(b"{}", key=signing.load_private("sichuan-0", "es256", signing.generate("es256")))),
        "unknown_key",
    ),
    "an old signature": (lambda s: (b"{}", s.sign(b"{}", age=3600)), "stale_date"),
    "a signature from the future": (lambda s: (b"{}", s.sign(b"{}", age=-3600)), "stale_date"),
    "changed on the way": (changed_on_the_way, "digest_mismatch"),
    "broken JSON": (raw(b'{"id": '), "bad_json"),
    "not UTF-8": (raw(b'{"id": "\xff\xfe"}'), "bad_json"),
    "nothing": (raw(b""), "bad_json"),
    "nested too deep": (raw(b"[" * 1_000_000), "bad_envelope"),
    "nested too deep inside": (lambda s: _nested(s, 100_000), "bad_json"),
    "not an envelope": (raw(b"[1, 2]"), "bad_envelope"),
    "a number nobody can hold": (raw(b'{"id": 1e999999}'), "bad_envelope"),
    "an unknown agency": (signed(from_agency="sichuan/nobody"), "unknown_agency"),
    "in Chongqing's own name": (signed(from_agency="chongqing/hrss"), "unknown_agency"),
    "an unknown service": (signed(service="sorcery"), "unknown_service"),
    "a document not granted": (signed(fields=("diary",)), "not_granted"),
    "not for Chongqing": (signed(to_agency="sichuan/hrss"), "not_for_us"),
    "a subject sealed for another purpose": (sealed_for_another_purpose, "bad_subject"),
    "a subject of nobody": (signed(subject="x" * 60), "bad_subject"),
}


def _nested(stranger: Stranger, depth: int) -> tuple[bytes, list[tuple[str, str]]]:
    body = envelopes.encode(stranger.envelope())
    deep = body.replace(b'"document":{}', b'"document":' + b'{"a":' * depth + b"1" + b"}" * depth)
    return deep, stranger.sign(deep)


def test_each_is_refused(scene: Scene, stranger: Stranger) -> None:
    """One after the other at one gateway; each answer is signed, says what is wrong, and where."""
    quiet = Quiet(scene)
    for name, (make, code) in REFUSED.items():
        body, headers = make(stranger)
        heard = stranger.knock(body, headers)
        assert (heard.body["refused"], heard.status) == (code, CODES[code].status), name
        assert all(heard.body["text"].values()) and heard.body["node"] == US and heard.body["trace"], name
        assert b"Traceback" not in heard.raw and b'File "' not in heard.raw, name
        stranger.signed_by_them(heard, headers)
    quiet.logged(*(code for _, code in REFUSED.values()))
    assert scene.is_up(US)


def test_fifty_megabytes(scene: Scene, stranger: Stranger) -> None:
    """Whether the length is stated or not, they are not read to their end."""
    quiet = Quiet(scene)
    headers = stranger.sign(b"x")
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers)
    head = f"POST {PATH} HTTP/1.1\r\nhost: x\r\n{lines}"
    megabyte = bytes(1024 * 1024)
    for told, piece, count in (
        ("content-length: 52428800", megabyte, 50),
        ("transfer-encoding: chunked", b"100000\r\n" + megabyte + b"\r\n", 50),
    ):
        heard = stranger.say(f"{head}{told}\r\n\r\n".encode(), *[piece] * count)
        # who goes on sending may find the door shut before the answer is read: then only the log knows it
        assert heard == b"" or (b" 413 " in heard.split(b"\r\n")[0] and b"too_large" in heard)
    until("both are logged", lambda: len(scene.log(US)) == quiet.rows + 4)
    quiet.logged("too_large", "too_large")


def test_an_id_used_again_for_other_content(scene: Scene, stranger: Stranger) -> None:
    """The first content stands, for what was taken and for what was refused."""
    for first in (stranger.envelope(fields=("diary",)), stranger.question()):
        said = stranger.knock(first)
        quiet = Quiet(scene)
        other = msgspec.structs.replace(first, fields=(), document={"other": True})
        heard = stranger.knock(other)
        assert (heard.status, heard.body["refused"]) == (409, "id_reused")
        again = stranger.knock(first)
        assert (again.status, again.raw) == (said.status, said.raw)
        quiet.logged("id_reused", said.body.get("refused", ""))


def test_messages_out_of_order_are_parked_not_refused(scene: Scene, stranger: Stranger) -> None:
    """A request overtakes the events that tell of its case: it waits for them, and then it is decided."""
    journey = Journey(scene, str(uuid7()))
    journey.do("start")
    scene.wires.put(CUT)
    journey.do("accept")
    seen = journey.seen_by(journey.resident)
    assert seen is not None
    path = f"/api/cases/{journey.case}/acts/withdraw"
    status, _ = journey.resident.ask("POST", path, {"expects": seen["sequence"], "documents": {}})
    assert status == 200
    events, request = (
        bytes(body)
        for (body,) in scene.sql(
            THEM, "SELECT envelope FROM exchange_outbox WHERE stream = %s ORDER BY position", journey.case
        )
    )
    assert stranger.knock(request).status == 200
    message = envelopes.decode(request).id
    until("it is parked", lambda: taken(scene, message)[:2] == ("parked", "case_missing"))
    assert scene.value(US, "SELECT count(*) FROM cases_case WHERE id = %s", journey.case) == 0
    assert stranger.knock(events).status == 200
    until("it is decided", lambda: taken(scene, message)[0] == "applied")
    scene.wires.put(OPEN)  # both are sent again, and known
    scene.at_rest()
    assert scene.same(journey.case)[:3] == ("withdrawn", True, "")


def test_a_second_case_that_overtakes_the_end_of_the_first_waits_for_it(scene: Scene, stranger: Stranger) -> None:
    """Cases are streams of their own. Where one is closed and the next one filed, the other side may hear of that first."""
    one = Journey(scene, str(uuid7()))
    for step in ("start", "accept", "release"):
        one.do(step)
    until(
        "the money is here",
        lambda: scene.value(THEM, "SELECT state FROM cases_case WHERE id = %s", one.case) == "released",
    )
    scene.at_rest()
    scene.wires.put(CUT)
    one.do("confirm")
    other = Journey(scene, str(uuid7()), resident=one.resident)
    other.do("start")
    other.do("accept")
    message, body = scene.sql(THEM, "SELECT id, envelope FROM exchange_outbox WHERE stream = %s", other.case)[0]
    assert stranger.knock(bytes(body)).status == 200
    until("it is parked", lambda: taken(scene, message)[:2] == ("parked", "another_open"))
    scene.wires.put(OPEN)
    one.completes(accesses=3)  # of the person: one of them is the second case's
    until(
        "it is taken", lambda: scene.value(US, "SELECT state FROM cases_case WHERE id = %s", other.case) == "requested"
    )
    scene.same(other.case)


def taken(scene: Scene, message: str | UUID) -> tuple[str, str, int]:
    """What became of a message in the inbox: state, code, tries."""
    ((state, code, tries),) = scene.sql(
        US, "SELECT state, error->>'code', tries FROM exchange_inbox WHERE id = %s", message
    )
    return state, code or "", tries


NUL = "\0"


def test_what_the_peer_says_wrongly_is_refused_once(scene: Scene, stranger: Stranger) -> None:
    """Well signed and well granted, yet nothing a case can take: refused at the first try, and its sender told."""
    journey = Journey(scene, str(uuid7()))
    for step in ("start", "accept"):
        journey.do(step)
    until("it arrived", lambda: scene.value(US, "SELECT state FROM cases_case WHERE id = %s", journey.case))
    ((body,),) = scene.sql(THEM, "SELECT envelope FROM exchange_outbox WHERE stream = %s", journey.case)
    real = envelopes.decode(bytes(body))
    somebody_new = stranger.sealer.seal("510000199909090038", PENSION)
    quiet = Quiet(scene)
    sent = {}
    for name, (action, document) in wrong(real.document).items():
        message = stranger.envelope(action=action, document=document, subject=somebody_new)
        assert stranger.knock(message).status == 200, name
        sent[name] = message.id
    for name, id_ in sent.items():
        until(f"{name} is settled", lambda id_=id_: taken(scene, id_)[0] not in ("new", "applied"), 20)  # type: ignore[misc]
    states = {name: taken(scene, id_) for name, id_ in sent.items()}
    assert {name: state for name, state in states.items() if (state[0], state[2]) != ("refused", 1)} == {}
    same = (
        "cases_case",
        "cases_event",
        "cases_request",
        "cases_declaration",
        "clearing_instruction",
        "ledger.transfer",
    )
    after = quiet.counts()
    assert [after[table] for table in same] == [quiet.before[table] for table in same]
    assert "Traceback" not in quiet.spoken()[len(quiet.said) :]
    until(
        "the sender was told",
        lambda: (
            scene.value(
                THEM, "SELECT count(*) FROM exchange_inbox WHERE state = 'applied' AND stream LIKE 'returned:%%'"
            )
            >= len(sent) - 3
        ),
    )


def wrong(real: dict[str, Any]) -> dict[str, tuple[str, Any]]:
    """Case messages that no case can take, made from one that a case took."""

    def events(**change: Any) -> tuple[str, Any]:
        return "case.events", {**real, **change}

    def first(**change: Any) -> tuple[str, Any]:
        id_ = str(uuid7())
        event = {**real["events"][0], "case": id_, **change}
        filed = {**real["filed"], "reference": reference(UUID(id_))}
        return "case.events", {**real, "case": id_, "filed": filed, "events": [event]}

    def filed(**change: Any) -> tuple[str, Any]:
        action, document = first()
        return action, {**document, "filed": {**document["filed"], **change}}

    def request(**change: Any) -> tuple[str, Any]:
        parts = {"act": "withdraw", "by": "applicant", "documents": {}, "note": "", "at": "2026-01-01T00:00:00Z"}
        return "case.request", {"case": real["case"], "id": str(uuid7()), **parts, **change}

    def file(**change: Any) -> tuple[str, Any]:
        parts = {"filename": "a", "media_type": "application/pdf", "by": "x", "at": "2026-01-01T00:00:00Z"}
        return "case.attachment", {"case": real["case"], "id": str(uuid7()), **parts, "content": "JVBERi0=", **change}

    return {
        "nothing": ("case.events", None),
        "a list": ("case.events", [1]),
        "an event without anything": events(case=str(uuid7()), events=[{}]),
        "an event with more": first(surprise=1),
        "an event of another case": first(case=real["case"]),
        "an event of another node": first(node="chongqing"),
        "an event at no time": first(at="yesterday"),
        "a float in an event": first(parameters={"rate": 0.5}),
        "depth in an event": first(parameters=json.loads('{"a":' * 300 + "1" + "}" * 300)),
        "NUL in an event": first(note=NUL),
        "NUL for a declaration": first(declaration=NUL),
        "another's reference": filed(reference=real["filed"]["reference"]),
        "a long reference": filed(reference="x" * 500),
        "other parties": filed(parties={}),
        "a time without a zone": filed(filed="2026-01-01T00:00:00"),
        "a declaration with a wrong hash": events(declarations={"0" * 64: {"x": 1}}),
        "a declaration of nothing": events(declarations={digest({"x": 1}): {"x": 1}}),
        "NUL in a document": events(case=str(uuid7()), documents=[{**real["documents"][0], "body": {"a": NUL}}]),
        "a request with NUL": request(note=NUL),
        "a request for a long act": request(act="x" * 500),
        "a request in the owner's name": request(by="sending"),
        "a request at no time": request(at="yesterday"),
        "a request without a zone": request(at="2026-01-01T00:00:00"),
        "a file that is none": file(content="!!!"),
        "a file of another kind": file(media_type="text/html"),
        "a file nobody announced": file(),
        "a return of nothing": ("returned", {}),
        "a return with NUL": ("returned", {"id": str(uuid7()), "refused": NUL}),
    }


def test_slow_bodies_end(scene: Scene, slow: Slow) -> None:
    """Each is given up after half a minute with a word why, and all the while everybody else was served."""
    until("all slow ones were answered", lambda: len(slow.borne) == slow.count, 60)
    assert all(seconds < 45 for seconds, _ in slow.borne), slow.borne
    assert all(b" 408 " in heard and b"too_slow" in heard for _, heard in slow.borne), slow.borne
    assert scene.is_up(US)


def test_slow_bodies_at_a_portal_hold_up_nobody(scene: Scene) -> None:
    """The page that asks who you are is open to everybody, also to those who never finish their sentence."""
    visitor = Person(scene.places[US])
    clerk = scene.clerk(US)
    visitor.opener.open(scene.places[US].portal_url + "/accounts/login/").read()
    cookies = "; ".join(f"{cookie.name}={cookie.value}" for cookie in visitor.cookies)
    form = "content-type: application/x-www-form-urlencoded\r\n"
    slow = Slow(scene.places[US].portal_port, f"POST /accounts/login/ HTTP/1.1\r\ncookie: {cookies}\r\n{form}")
    try:
        time.sleep(1)
        for _ in range(5):
            began = time.monotonic()
            assert clerk.ask("GET", "/api/cases")[0] == 200
            assert time.monotonic() - began < 5
        assert len(slow.borne) == 0  # they are all still there
    finally:
        slow.enough.set()
