"""The fixed RFC 9421 profile, cross-checked with the general library from PyPI in both directions, and both suites."""

import base64
import contextlib
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from http_message_signatures import (
    HTTPMessageSigner,
    HTTPMessageVerifier,
    InvalidSignature,
    MappingKeyResolver,
    algorithms,
)
from hypothesis import given
from hypothesis import strategies as st

from chuanyu.exchange import signing, sm2
from chuanyu.exchange.signing import SignatureError

URI = "https://gateway.sichuan.example:8443/exchange/v1/message"
BODY = '{"问": "谁"}'.encode()
ANSWER = b'{"document": {}}'
NOW = int(datetime.now(UTC).timestamp())
REQUEST = ("@method", "@target-uri", "content-digest")


def response_components(label: str) -> tuple[str, ...]:
    return (
        "@status",
        "content-digest",
        '"@method";req',
        '"@target-uri";req',
        '"content-digest";req',
        f'"signature";req;key="{label}"',
    )


@pytest.fixture(params=signing.suites())
def pair(request: pytest.FixtureRequest) -> tuple[signing.Key, signing.Key]:
    private = signing.load_private("sc-1", request.param, signing.generate(request.param))
    return private, signing.load_public("sc-1", request.param, private.public)


@pytest.fixture
def es256() -> tuple[signing.Key, signing.Key]:
    private = signing.load_private("sc-1", "es256", signing.generate("es256"))
    return private, signing.load_public("sc-1", "es256", private.public)


def asked(key: signing.Key, body: bytes = BODY, uri: str = URI) -> signing.Proof:
    return signing.sign_request(key, method="POST", uri=uri, body=body, created=NOW)


def answered(key: signing.Key, request: signing.Proof, body: bytes = ANSWER, status: int = 200) -> signing.Proof:
    return signing.sign_response(key, status=status, body=body, method="POST", uri=URI, request=request, created=NOW)


def message(proof: signing.Proof, *, status: int = 0, request: object = None) -> SimpleNamespace:
    """A request or response as the library reads it."""
    headers = dict(proof.headers)
    if status:
        return SimpleNamespace(headers=headers, status_code=status, request=request)
    return SimpleNamespace(headers=headers, method="POST", url=URI)


def library(private: signing.Key) -> tuple[HTTPMessageSigner, HTTPMessageVerifier]:
    assert isinstance(private.handle, ec.EllipticCurvePrivateKey)
    keys = MappingKeyResolver(
        public_keys={private.id: private.handle.public_key()}, private_keys={private.id: private.handle}
    )
    algorithm = algorithms.ECDSA_P256_SHA256
    return (
        HTTPMessageSigner(signature_algorithm=algorithm, key_resolver=keys),
        HTTPMessageVerifier(signature_algorithm=algorithm, key_resolver=keys),
    )


def test_a_round_trip_in_each_suite(pair: tuple[signing.Key, signing.Key]) -> None:
    private, public = pair
    request = asked(private)
    read = signing.read_request(request.headers)
    assert (read.key_id, read.created, read.digest_hex) == ("sc-1", NOW, request.digest_hex)
    signing.verify_request(public, read, method="POST", uri=URI, body=BODY)
    response = signing.read_response(answered(private, read).headers, request=read)
    signing.verify_response(public, response, status=200, body=ANSWER, method="POST", uri=URI, request=request)


def test_ours_is_read_by_the_library(es256: tuple[signing.Key, signing.Key]) -> None:
    private, _ = es256
    _, verifier = library(private)
    proof = asked(private)
    request = message(proof)
    (result,) = verifier.verify(request, expect_tag="chuanyu", require_components=REQUEST, body=BODY)
    assert result.parameters["keyid"] == "sc-1"
    response = message(answered(private, proof, status=403), status=403, request=request)
    verifier.verify(response, expect_tag="chuanyu", require_components=response_components("chuanyu"), body=ANSWER)
    moved = message(asked(private, body=b"{}"))
    with pytest.raises(InvalidSignature):
        verifier.verify(message(answered(private, proof), status=200, request=moved), expect_tag="chuanyu")


@pytest.mark.parametrize("include_alg", [True, False])
def test_theirs_is_read_by_us(es256: tuple[signing.Key, signing.Key], include_alg: bool) -> None:
    private, public = es256
    signer, _ = library(private)
    request = SimpleNamespace(headers={}, method="POST", url=URI)
    settings = {"key_id": "sc-1", "tag": "chuanyu", "include_alg": include_alg}
    signer.sign(request, label="theirs", covered_component_ids=REQUEST, body=BODY, **settings)
    proof = signing.read_request(lower(request.headers))
    assert proof.label == "theirs"
    signing.verify_request(public, proof, method="POST", uri=URI, body=BODY)

    response = SimpleNamespace(headers={}, status_code=200, request=request)
    signer.sign(response, covered_component_ids=response_components("theirs"), body=ANSWER, **settings)
    answer = signing.read_response(lower(response.headers), request=proof)
    signing.verify_response(public, answer, status=200, body=ANSWER, method="POST", uri=URI, request=proof)
    with pytest.raises(SignatureError):
        signing.verify_response(public, answer, status=403, body=ANSWER, method="POST", uri=URI, request=proof)


def lower(headers: dict[str, str]) -> list[tuple[str, str]]:
    return [(name.lower(), value) for name, value in headers.items()]


def test_an_answer_cannot_be_moved(es256: tuple[signing.Key, signing.Key]) -> None:
    private, public = es256
    first, second = asked(private), asked(private)  # the same question twice: only the signatures differ
    response = answered(private, first)
    signing.verify_response(public, response, status=200, body=ANSWER, method="POST", uri=URI, request=first)
    for change in ({"request": second}, {"uri": URI + "x"}, {"method": "PUT"}, {"status": 201}):
        given = {"status": 200, "body": ANSWER, "method": "POST", "uri": URI, "request": first} | change
        with pytest.raises(SignatureError) as refused:
            signing.verify_response(public, response, **given)  # type: ignore[arg-type]
        assert refused.value.code == "bad_signature"


def test_the_refusal_of_an_unreadable_request_is_signed_too(es256: tuple[signing.Key, signing.Key]) -> None:
    private, public = es256
    refused = {"status": 401, "body": ANSWER, "method": "POST", "uri": URI, "request": None}
    proof = signing.sign_response(private, created=NOW, **refused)  # type: ignore[arg-type]
    signing.verify_response(public, signing.read_response(proof.headers, request=None), **refused)  # type: ignore[arg-type]
    with pytest.raises(SignatureError, match="must cover"):  # but it passes for no answer to a readable one
        signing.read_response(proof.headers, request=asked(private))


def test_a_signature_is_checked_when_only_the_digest_is_left(es256: tuple[signing.Key, signing.Key]) -> None:
    private, public = es256
    signing.verify_request(public, asked(private), method="POST", uri=URI, body=None)
    with pytest.raises(SignatureError):
        signing.verify_request(
            public, replace(asked(private), digest=signing.content_digest(b"")), method="POST", uri=URI, body=None
        )


@pytest.mark.parametrize(
    "change",
    [{"uri": "https://gateway.chongqing.example/exchange/v1/message"}, {"method": "PUT"}],
)
def test_a_request_cannot_be_moved(pair: tuple[signing.Key, signing.Key], change: dict[str, str]) -> None:
    private, public = pair
    with pytest.raises(SignatureError) as refused:
        signing.verify_request(public, asked(private), **({"method": "POST", "uri": URI, "body": BODY} | change))
    assert refused.value.code == "bad_signature"


def test_another_body_is_a_digest_mismatch(pair: tuple[signing.Key, signing.Key]) -> None:
    private, public = pair
    with pytest.raises(SignatureError) as refused:
        signing.verify_request(public, asked(private), method="POST", uri=URI, body=BODY + b" ")
    assert refused.value.code == "digest_mismatch"


def test_another_key_is_refused(pair: tuple[signing.Key, signing.Key]) -> None:
    private, _ = pair
    other = signing.load_private("sc-1", private.suite, signing.generate(private.suite))
    stranger = signing.load_public("sc-1", other.suite, other.public)
    with pytest.raises(SignatureError, match="bad_signature"):
        signing.verify_request(stranger, asked(private), method="POST", uri=URI, body=BODY)


def test_a_stated_algorithm_must_be_the_keys(es256: tuple[signing.Key, signing.Key]) -> None:
    private, public = es256
    proof = replace(asked(private), alg="hmac-sha256")
    with pytest.raises(SignatureError, match="not for hmac-sha256"):
        signing.verify_request(public, proof, method="POST", uri=URI, body=BODY)


@pytest.mark.parametrize("suite", signing.suites())
@pytest.mark.parametrize("raw", [b"\0" * 64, b"\xff" * 64, b"", b"\1" * 63, b"\1" * 65])
def test_nonsense_signatures_never_raise(suite: str, raw: bytes) -> None:
    private = signing.load_private("k", suite, signing.generate(suite))
    assert not signing.verify(signing.load_public("k", suite, private.public), b"data", raw)


MADE = 1767225600  # fixed: what a test is called by must be the same in every process
HEADERS = {
    "content-digest": signing.content_digest(BODY),
    "signature-input": f'a=("@method" "@target-uri" "content-digest");created={MADE};keyid="sc-1";tag="chuanyu"',
    "signature": f"a=:{base64.b64encode(bytes(64)).decode()}:",
}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("content-digest", ""),
        ("content-digest", "sha-512=:AAAA:"),
        ("content-digest", HEADERS["content-digest"] + ", sha-512=:AAAA:"),
        ("signature-input", ""),
        ("signature-input", "a=()"),
        ("signature-input", HEADERS["signature-input"].replace('"@target-uri" ', "")),
        ("signature-input", HEADERS["signature-input"].replace('"@method" "@target-uri"', '"@target-uri" "@method"')),
        ("signature-input", HEADERS["signature-input"].replace(';tag="chuanyu"', "")),
        ("signature-input", HEADERS["signature-input"].replace(f";created={MADE}", "")),
        ("signature-input", HEADERS["signature-input"] + ";created=1"),
        ("signature-input", HEADERS["signature-input"] + ";expires=1"),
        ("signature-input", HEADERS["signature-input"] + ";other=1"),
        ("signature-input", HEADERS["signature-input"].replace(f"={MADE}", '="1"')),
        ("signature-input", HEADERS["signature-input"] + ", " + HEADERS["signature-input"].replace("a=", "b=")),
        ("signature-input", HEADERS["signature-input"] + "\n"),
        ("signature", ""),
        ("signature", "a=:AAAA:"),
        ("signature", "b" + HEADERS["signature"][1:]),
        ("signature", HEADERS["signature"][2:]),
    ],
)
def test_headers_outside_the_profile_are_refused(name: str, value: str) -> None:
    signing.read_request(HEADERS.items())
    with pytest.raises(SignatureError) as refused:
        signing.read_request((HEADERS | {name: value}).items())
    assert refused.value.code == "bad_signature"


def test_a_header_twice_is_refused() -> None:
    with pytest.raises(SignatureError, match="twice"):
        signing.read_request([*HEADERS.items(), ("signature", HEADERS["signature"])])


@given(st.dictionaries(st.sampled_from(list(HEADERS)), st.text(alphabet=st.characters(max_codepoint=255))))
def test_any_headers_are_read_or_refused(headers: dict[str, str]) -> None:
    with contextlib.suppress(SignatureError):
        signing.read_request((HEADERS | headers).items())


def test_rfc_9530_digest() -> None:
    """RFC 9530, appendix D (with the line feed of the example)."""
    assert signing.content_digest(b'{"hello": "world"}\n') == "sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:"


def test_an_unknown_suite_is_named() -> None:
    with pytest.raises(ValueError, match="unknown suite 'rot13'"):
        signing.generate("rot13")


@pytest.mark.parametrize("suite", signing.suites())
@pytest.mark.parametrize("raw", [b"", b"\4" + b"\1" * 64, b"\0" * 65])
def test_bytes_that_are_no_key_are_refused(suite: str, raw: bytes) -> None:
    with pytest.raises(ValueError):
        signing.load_public("k", suite, raw)
    with pytest.raises(ValueError):
        signing.load_private("k", suite, bytes(32))


class TestSm2:
    """GB/T 32918.5, annex A.2."""

    def test_known_answer(self) -> None:
        if sm2.problem():
            pytest.skip(sm2.problem())
        public = signing.load_public("k", "sm2", sm2._KNOWN_PUBLIC)
        assert signing.verify(public, b"message digest", sm2._KNOWN_SIGNATURE)
        assert not signing.verify(public, b"message digesT", sm2._KNOWN_SIGNATURE)

    def test_a_machine_without_it_says_so(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sm2, "_load", lambda: (None, "SM2 is not offered: this machine has no libcrypto"))
        assert signing.suites() == ("es256",)
        with pytest.raises(sm2.Unavailable, match="no libcrypto"):
            signing.generate("sm2")

    def test_a_wrong_known_answer_withdraws_the_suite(self, monkeypatch: pytest.MonkeyPatch) -> None:
        crypto, problem = sm2._load()
        if problem:
            pytest.skip(problem)
        monkeypatch.setattr(sm2, "_KNOWN_SIGNATURE", bytes(63) + b"\1")
        assert "fails the known answer" in sm2._known_answer(crypto)
