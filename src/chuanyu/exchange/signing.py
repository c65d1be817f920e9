"""HTTP message signatures: one fixed profile of RFC 9421, and digests of RFC 9530.

Request   ("@method" "@target-uri" "content-digest")
Response  ("@status" "content-digest" "@method";req "@target-uri";req "content-digest";req "signature";req;key="…")

with created, keyid and tag="chuanyu". Because a response covers the signature of its request, an answer cannot be moved
to another question. (Only the refusal of a request whose headers could not be read leaves the last two out.) The profile
is fixed, so building the signature base is string work: a general library costs several times what the cryptography it
calls costs. What the RFC leaves open is closed here: exactly one signature, the components in this order, sha-256
digests, no `alg` needed (the key says its suite; a stated one must agree with it).

Two suites sit behind `sign` and `verify`, both with raw r ‖ s signatures of 64 bytes: "es256" (ecdsa-p256-sha256) for
everyone and "sm2" (SM2 with SM3) where the system's libcrypto has it. A hardware module joins by adding a `Suite`.
"""

import base64
import hashlib
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from chuanyu.core.text import Text
from chuanyu.exchange import sm2

TAG = "chuanyu"
LABEL = "chuanyu"


class SignatureError(ValueError):
    """The signature or the digest is missing, malformed or wrong. `code`: bad_signature | digest_mismatch."""

    def __init__(self, code: str, text: Text) -> None:
        super().__init__(f"{code}: {text.en}")
        self.code = code
        self.text = text


# --- keys and suites -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Key:
    """One key under its id. `handle` is the suite's own object; `public` the 65-byte uncompressed point."""

    id: str
    suite: str
    handle: Any
    public: bytes
    private: bool = False


@dataclass(frozen=True)
class Suite:
    """How one algorithm makes, loads and uses keys. `alg` is its registered RFC 9421 name, "" when it has none."""

    alg: str
    generate: Callable[[], bytes]
    load_private: Callable[[bytes], tuple[Any, bytes]]
    load_public: Callable[[bytes], Any]
    sign: Callable[[Any, bytes], bytes]
    verify: Callable[[Any, bytes, bytes], bool]


_ES256 = ec.ECDSA(SHA256())


def _es256_generate() -> bytes:
    return ec.generate_private_key(ec.SECP256R1()).private_numbers().private_value.to_bytes(32, "big")


def _es256_load_private(raw: bytes) -> tuple[Any, bytes]:
    if len(raw) != 32:
        raise ValueError("a P-256 private key is 32 bytes")
    key = ec.derive_private_key(int.from_bytes(raw, "big"), ec.SECP256R1())
    return key, key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def _es256_load_public(raw: bytes) -> Any:
    if len(raw) != 65:
        raise ValueError("a P-256 public key is an uncompressed point of 65 bytes")
    return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), raw)


def _es256_sign(handle: Any, data: bytes) -> bytes:
    r, s = decode_dss_signature(handle.sign(data, _ES256))
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def _es256_verify(handle: Any, data: bytes, signature: bytes) -> bool:
    der = encode_dss_signature(int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big"))
    try:
        handle.verify(der, data, _ES256)
    except InvalidSignature:
        return False
    return True


def _sm2_load_private(raw: bytes) -> tuple[Any, bytes]:
    key = sm2.load_private(raw)
    return key, key.public


_SUITES = {
    "es256": Suite(
        "ecdsa-p256-sha256", _es256_generate, _es256_load_private, _es256_load_public, _es256_sign, _es256_verify
    ),
    "sm2": Suite("", sm2.generate, _sm2_load_private, sm2.load_public, sm2.sign, sm2.verify),
}


def suites() -> tuple[str, ...]:
    """The suites this machine offers. "sm2" only after its known answer came out right (see `sm2.problem()`)."""
    return ("es256",) if sm2.problem() else ("es256", "sm2")


def _suite(name: str) -> Suite:
    if name not in _SUITES:
        raise ValueError(f"unknown suite {name!r}; known are {', '.join(_SUITES)}")
    return _SUITES[name]


def generate(suite: str) -> bytes:
    """A fresh private key as 32 bytes. sm2.Unavailable where the machine cannot do the suite."""
    return _suite(suite).generate()


def load_private(id: str, suite: str, raw: bytes) -> Key:
    """The 32 bytes of a private key as a key that signs. ValueError when they are none."""
    handle, public = _suite(suite).load_private(raw)
    return Key(id, suite, handle, public, private=True)


def load_public(id: str, suite: str, raw: bytes) -> Key:
    """A 65-byte point as a key that verifies. ValueError when it is not on the curve."""
    return Key(id, suite, _suite(suite).load_public(raw), raw)


def sign(key: Key, data: bytes) -> bytes:
    """64 bytes r ‖ s over `data`."""
    return _SUITES[key.suite].sign(key.handle, data)


def verify(key: Key, data: bytes, signature: bytes) -> bool:
    """Whether `signature` (r ‖ s) is this public key's over `data`. Never raises for a wrong one."""
    return len(signature) == 64 and _SUITES[key.suite].verify(key.handle, data, signature)


# --- the profile -----------------------------------------------------------------------------------------------------

_REQUEST = '"@method" "@target-uri" "content-digest"'
_RESPONSE = '"@status" "content-digest" "@method";req "@target-uri";req'
_ANSWERED = ' "content-digest";req "signature";req;key="{}"'
# sf-string without escapes for what we accept: key ids and tags never need them
_MEMBER = re.compile(r'([a-z*][a-z0-9_.*-]{0,63})=(\(([^()]*)\)((?:;[a-z]+=(?:[0-9]{1,15}|"[ !#-\[\]-~]{0,255}"))*))')
_PARAMETER = re.compile(r';([a-z]+)=(?:([0-9]{1,15})|"([^"]*)")')
_SIGNATURE = re.compile(r"([a-z*][a-z0-9_.*-]{0,63})=:([A-Za-z0-9+/]{86}==):")
_DIGEST = re.compile(r"sha-256=:([A-Za-z0-9+/]{43}=):")


@dataclass(frozen=True, slots=True)
class Proof:
    """One signature as it travels: everything of the three headers, read.

    `digest` is the value of Content-Digest; `params` the signature parameters exactly as signed; `value` the signature
    member ":…:". `input` and `signature` are the headers themselves, which the log keeps as evidence.
    """

    digest: str
    label: str
    params: str
    value: str
    key_id: str
    created: int
    alg: str

    @property
    def input(self) -> str:
        """The Signature-Input header."""
        return f"{self.label}={self.params}"

    @property
    def signature(self) -> str:
        """The Signature header."""
        return f"{self.label}={self.value}"

    @property
    def headers(self) -> list[tuple[str, str]]:
        """The three headers to send."""
        return [("content-digest", self.digest), ("signature-input", self.input), ("signature", self.signature)]

    @property
    def digest_hex(self) -> str:
        """The digest of the body as hex, the way logs and answers keep it."""
        return base64.b64decode(self.digest[9:-1]).hex()

    @property
    def evidence(self) -> str:
        """Both signature headers, one per line: with the digest, all a verifier needs besides the key and the URI."""
        return f"{self.input}\n{self.signature}"


def content_digest(body: bytes) -> str:
    """The Content-Digest header (RFC 9530) of `body`."""
    return f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode()}:"


def _request_base(method: str, uri: str, digest: str, params: str) -> bytes:
    return (
        f'"@method": {method}\n"@target-uri": {uri}\n"content-digest": {digest}\n"@signature-params": {params}'
    ).encode()


def _response_base(status: int, digest: str, params: str, *, method: str, uri: str, request: Proof | None) -> bytes:
    answered = (
        f'"content-digest";req: {request.digest}\n"signature";req;key="{request.label}": {request.value}\n'
        if request
        else ""
    )
    return (
        f'"@status": {status}\n"content-digest": {digest}\n"@method";req: {method}\n"@target-uri";req: {uri}\n'
        f'{answered}"@signature-params": {params}'
    ).encode()


def _response_components(request: Proof | None) -> str:
    return _RESPONSE + _ANSWERED.format(request.label) if request else _RESPONSE


def _params(components: str, key: Key, created: int) -> str:
    return f'({components});created={created};keyid="{key.id}";tag="{TAG}"'


def _proof(key: Key, digest: str, params: str, created: int, base: bytes) -> Proof:
    value = f":{base64.b64encode(sign(key, base)).decode()}:"
    return Proof(digest, LABEL, params, value, key.id, created, "")


def sign_request(key: Key, *, method: str, uri: str, body: bytes, created: int) -> Proof:
    """Sign a request. `uri` is the absolute target URI the receiver knows itself by; `created` in Unix seconds."""
    digest = content_digest(body)
    params = _params(_REQUEST, key, created)
    return _proof(key, digest, params, created, _request_base(method, uri, digest, params))


def sign_response(
    key: Key, *, status: int, body: bytes, method: str, uri: str, request: Proof | None, created: int
) -> Proof:
    """Sign a response so that it answers this one request. `request` is None when its headers could not be read."""
    digest = content_digest(body)
    params = _params(_response_components(request), key, created)
    base = _response_base(status, digest, params, method=method, uri=uri, request=request)
    return _proof(key, digest, params, created, base)


def _bad(zh: str, en: str) -> SignatureError:
    return SignatureError("bad_signature", Text(zh=zh, en=en))


def read_request(headers: Iterable[tuple[str, str]]) -> Proof:
    """Read the three headers of a request (names in lower case).

    Raises SignatureError when one is missing, doubled, malformed or outside the profile. Nothing is verified yet: the
    key id is needed to find the key.
    """
    return _read(headers, _REQUEST)


def read_response(headers: Iterable[tuple[str, str]], *, request: Proof | None) -> Proof:
    """Read the three headers of the response to `request`. Raises SignatureError like `read_request`."""
    return _read(headers, _response_components(request))


def _read(headers: Iterable[tuple[str, str]], components: str) -> Proof:
    found = {"content-digest": "", "signature-input": "", "signature": ""}
    for name, value in headers:
        if name in found:
            if found[name]:
                raise _bad(f"{name} 出现了两次", f"{name} is there twice")
            found[name] = value
    for name, value in found.items():
        if not value:
            raise _bad(f"缺少 {name}", f"{name} is missing")
    digest = found["content-digest"]
    if not _DIGEST.fullmatch(digest):
        raise _bad("content-digest 应为 sha-256=:…:", "content-digest must be sha-256=:…:")
    member, signature = _MEMBER.fullmatch(found["signature-input"]), _SIGNATURE.fullmatch(found["signature"])
    if member is None or signature is None or member[1] != signature[1]:
        raise _bad(
            "signature-input 与 signature 应各含一个同名签名（RFC 9421）",
            "signature-input and signature must hold one signature under the same label (RFC 9421)",
        )
    return _within_profile(digest, member, signature[2], components)


def _within_profile(digest: str, member: re.Match[str], value: str, components: str) -> Proof:
    if member[3] != components:
        raise _bad(f"签名应覆盖 ({components})", f"the signature must cover ({components})")
    numbers: dict[str, int] = {}
    words: dict[str, str] = {}
    for name, number, word in _PARAMETER.findall(member[4]):
        if name in numbers or name in words or name not in ("created", "expires", "keyid", "alg", "nonce", "tag"):
            raise _bad(f"签名参数 {name} 重复或未知", f"the signature parameter {name} is doubled or unknown")
        if number:
            numbers[name] = int(number)
        else:
            words[name] = word
    if "created" not in numbers or not words.get("keyid") or words.get("tag") != TAG or "expires" in numbers:
        raise _bad(
            f'签名须有 created、keyid 和 tag="{TAG}"，不用 expires',
            f'the signature must have created, keyid and tag="{TAG}", and no expires',
        )
    return Proof(digest, member[1], member[2], f":{value}:", words["keyid"], numbers["created"], words.get("alg", ""))


def _check(key: Key, proof: Proof, body: bytes | None, base: bytes) -> None:
    if body is not None and content_digest(body) != proof.digest:
        raise SignatureError(
            "digest_mismatch",
            Text(
                zh="内容与其摘要不符，可能在途中被改动",
                en="The content does not match its digest; it was changed on the way",
            ),
        )
    if proof.alg and proof.alg != _SUITES[key.suite].alg:
        raise _bad(f"密钥 {key.id} 不用 {proof.alg}", f"the key {key.id} is not for {proof.alg}")
    if not verify(key, base, base64.b64decode(proof.value[1:-1])):
        raise _bad(f"签名与密钥 {key.id} 不符", f"the signature is not one of key {key.id}")


def verify_request(key: Key, proof: Proof, *, method: str, uri: str, body: bytes | None) -> None:
    """Check digest and signature of a request. Raises SignatureError; the age of `proof.created` is the caller's.

    `body` is None when only its digest was kept: then the signature is checked over that.
    """
    _check(key, proof, body, _request_base(method, uri, proof.digest, proof.params))


def verify_response(
    key: Key, proof: Proof, *, status: int, body: bytes | None, method: str, uri: str, request: Proof | None
) -> None:
    """Check that a response is this key's answer to exactly this request. Raises SignatureError; `body` as above."""
    base = _response_base(status, proof.digest, proof.params, method=method, uri=uri, request=request)
    _check(key, proof, body, base)
