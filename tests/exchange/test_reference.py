"""The example in docs/reference/exchange.md is true: it verifies, opens, and names every refusal there is."""

import base64
import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from chuanyu.exchange import answers, envelope, signing
from chuanyu.exchange.compact import AGREEMENT, Compact, Node, PublicKey, b64, key_id
from chuanyu.exchange.errors import CODES
from chuanyu.exchange.keys import Keys
from chuanyu.exchange.subject import Sealer

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "exchange.md").read_text()
URI = "https://exchange.chongqing.example/exchange/v1/message"


def block(name: str) -> str:
    found = re.search(rf"^```{name}\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
    assert found, f"no block {name}"
    return found[1].rstrip("\n")


def http(name: str) -> tuple[list[tuple[str, str]], bytes]:
    """Headers in lower case, and the body."""
    head, _, body = block(name).partition("\n\n")
    lines = [line.partition(": ") for line in head.split("\n")[1:]]
    return [(key.lower(), value) for key, _, value in lines], body.encode()


@pytest.fixture
def keys() -> dict[str, signing.Key]:
    listed = json.loads(block("json keys"))
    for name, key in listed.items():
        assert name == key_id(name.partition("-")[0], base64.b64decode(key["public"]))
    return {
        name: signing.load_public(name, key["suite"], base64.b64decode(key["public"])) for name, key in listed.items()
    }


def test_request_and_answer_verify(keys: dict[str, signing.Key]) -> None:
    headers, body = http("http request")
    request = signing.read_request(headers)
    signing.verify_request(keys[request.key_id], request, method="POST", uri=URI, body=body)
    key = keys[request.key_id]
    assert signing.verify(key, block("text base").encode(), base64.b64decode(request.value.strip(":")))
    headers, body = http("http response")
    answer = signing.read_response(headers, request=request)
    signing.verify_response(keys[answer.key_id], answer, status=200, body=body, method="POST", uri=URI, request=request)
    assert answers.read(200, body).body["receipt"] == envelope.decode(http("http request")[1]).id


def test_the_subject_opens() -> None:
    example = json.loads(block("json subject"))
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    nodes, held = {}, {}
    for node in ("sichuan", "chongqing"):
        private = ec.derive_private_key(example[node]["private"], ec.SECP256R1())
        point = private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        assert example[node]["id"] == key_id(node, point)
        listed = PublicKey(id=example[node]["id"], suite=AGREEMENT, public=b64(point), not_before=begin)
        nodes[node] = Node(gateway="", keys=(), agreement=(listed,))
        held[node] = Keys(node, {}, {listed.id: private})
    compact = Compact(version=1, issued=begin, nodes=nodes, agencies={}, grants=())
    token = Sealer(held["sichuan"], compact).seal(example["number"], example["purpose"], begin)
    assert token == example["token"] == envelope.decode(http("http request")[1]).subject
    assert Sealer(held["chongqing"], compact).open(token, example["purpose"]) == example["number"]


def test_every_refusal_and_every_member_is_listed() -> None:
    rows = re.findall(r"^\| `([a-z_]+)` \| ([0-9]{3}) \| (yes|no) \|", PAGE, re.MULTILINE)
    assert {code: (int(status), final == "yes") for code, status, final in rows} == {
        name: (code.status, code.final) for name, code in CODES.items()
    }
    members = set(re.findall(r"`([a-z_]+)`", PAGE.split("## Envelope")[1].split("## Subject")[0]))
    assert members >= set(envelope.Envelope.__struct_fields__)
    body: dict[str, Any] = json.loads(block("json refusal"))
    assert set(body) == {"refused", "text", "line", "would_allow", "node", "trace"}
