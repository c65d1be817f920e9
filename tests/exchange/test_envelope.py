"""The envelope: what goes out comes back, and every field that does not fit is named by its path."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chuanyu.core.ids import uuid7
from chuanyu.exchange import envelope as envelopes
from chuanyu.exchange.envelope import BadEnvelope, BadJson, Envelope

GOOD = Envelope(
    id="0193a0e2-0000-7000-8000-000000000000",
    from_agency="sichuan/hrss",
    to_agency="chongqing/hrss",
    service="pension_transfer",
    action="case.events",
    subject="abc-_9",
    purpose="pension_transfer",
    basis=("gbf-2009-66", "gbf-2009-66#4", "consent:0193a0e2"),
    sent=datetime(2026, 1, 2, 3, 4, 5, 6000, tzinfo=UTC),
    fields=("application",),
    stream="0193a0e2-0000-7000-8000-000000000000",
    document={"姓名": "张", "amount": "40660.37"},
)


def test_the_form_on_the_wire() -> None:
    """Whoever writes another node reads this: names and forms must not change without a new version."""
    assert msgspec.json.decode(envelopes.encode(GOOD)) == {
        "id": "0193a0e2-0000-7000-8000-000000000000",
        "version": "1",
        "from_agency": "sichuan/hrss",
        "to_agency": "chongqing/hrss",
        "service": "pension_transfer",
        "action": "case.events",
        "subject": "abc-_9",
        "purpose": "pension_transfer",
        "basis": ["gbf-2009-66", "gbf-2009-66#4", "consent:0193a0e2"],
        "sent": "2026-01-02T03:04:05.006000Z",
        "fields": ["application"],
        "stream": "0193a0e2-0000-7000-8000-000000000000",
        "dry_run": False,
        "document": {"姓名": "张", "amount": "40660.37"},
    }
    assert (GOOD.from_node, GOOD.to_node) == ("sichuan", "chongqing")


json = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(json)
def test_any_document_crosses_unchanged(document: Any) -> None:
    sent = msgspec.structs.replace(GOOD, id=str(uuid7()), document=document)
    assert envelopes.decode(envelopes.encode(sent)) == sent


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("$.id", "0193a0e2-0000-4000-8000-000000000000"),
        ("$.id", "0193A0E2-0000-7000-8000-000000000000"),
        ("$.id", 7),
        ("$.version", "2"),
        ("$.from_agency", "hrss"),
        ("$.from_agency", "sichuan/hrss/more"),
        ("$.to_agency", "Chongqing/hrss"),
        ("$.service", "pension transfer"),
        ("$.service", "a" * 65),
        ("$.service", "pension_transfer\n"),
        ("$.service", "pension\u0000"),
        ("$.action", "case..events"),
        ("$.subject", ""),
        ("$.subject", "a=b"),
        ("$.subject", "a" * 513),
        ("$.purpose", ""),
        ("$.basis", "gbf-2009-66"),
        ("$.basis", ["x"] * 33),
        ("$.basis[0]", [" "]),
        ("$.sent", "2026-01-02T03:04:05"),
        ("$.sent", "yesterday"),
        ("$.fields[1]", ["application", "../etc/passwd"]),
        ("$.fields", ["x"] * 65),
        ("$.stream", "a" * 65),
        ("$.dry_run", "yes"),
    ],
)
def test_a_wrong_field_is_named(path: str, value: Any) -> None:
    name = path.removeprefix("$.").partition("[")[0]
    body = msgspec.json.encode(msgspec.to_builtins(GOOD) | {name: value})
    with pytest.raises(BadEnvelope) as refused:
        envelopes.decode(body)
    assert refused.value.path == path
    assert path in refused.value.text.zh and path in refused.value.text.en


@pytest.mark.parametrize("name", ["id", "from_agency", "to_agency", "service", "action", "purpose", "basis", "sent"])
def test_a_missing_field_is_named(name: str) -> None:
    body = {key: value for key, value in msgspec.to_builtins(GOOD).items() if key != name}
    with pytest.raises(BadEnvelope, match=name):
        envelopes.decode(msgspec.json.encode(body))


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b'{"id": NaN}', b"[" * 100_000, b'{"document":' * 50_000])
def test_what_is_no_json_is_said_to_be_none(body: bytes) -> None:
    with pytest.raises((BadJson, BadEnvelope)):
        envelopes.decode(body)


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    with pytest.raises((BadJson, BadEnvelope)):
        envelopes.decode(body)
