"""SM2 signatures with SM3 (GB/T 32918.2, GB/T 32905) through the system's libcrypto, by ctypes.

The `cryptography` wheel carries no SM2, the system's OpenSSL 3 does. Before the suite is offered, a known answer is
checked: the worked example of GB/T 32918.5. Where libcrypto is missing, too old or built without SM2, `problem()` says
so in a sentence and every other function raises `Unavailable`; nothing else of the exchange changes.

Keys are plain bytes: a private key is its 32-byte scalar, a public key the 65-byte uncompressed point (04 ‖ x ‖ y).
Signatures are the raw 64 bytes r ‖ s. The signer's identity is the standard's default "1234567812345678".
"""

import ctypes
import ctypes.util
from functools import cache
from typing import Any

from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

IDENTITY = b"1234567812345678"

# DER around the bare key: AlgorithmIdentifier ecPublicKey with curve 1.2.156.10197.1.301
_CURVE = bytes.fromhex("06082a811ccf5501822d")
_PUBLIC_PREFIX = bytes.fromhex("3059301306072a8648ce3d0201") + _CURVE + bytes.fromhex("034200")
_PRIVATE_PREFIX = bytes.fromhex("30310201010420")
_PRIVATE_SUFFIX = bytes.fromhex("a00a") + _CURVE

_ORDER = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123

# GB/T 32918.5, annex A.2: signing "message digest" under the default identity
_KNOWN_PRIVATE = bytes.fromhex("3945208f7b2144b13f36e38ac6d39f95889393692860b51a42fb81ef4df7c5b8")
_KNOWN_PUBLIC = bytes.fromhex(
    "04"
    "09f9df311e5421a150dd7d161e4bc5c672179fad1833fc076bb08ff356f35020"
    "ccea490ce26775a52dc6ea718cc1aa600aed05fbf35e084a6632f6072da9ad13"
)
_KNOWN_SIGNATURE = bytes.fromhex(
    "f5a03b0648d2c4630eeac513e1bb81a15944da3827d5b74143ac7eaceee720b3"
    "b1b6aa29df212fd8763182bc0d421ca1bb9038fd1f7f42d4840b69c485bbc1aa"
)


class Unavailable(RuntimeError):
    """This machine cannot do SM2; the message says why."""


class Handle:
    """An EVP_PKEY that frees itself. Safe to use from several threads: libcrypto only reads it."""

    __slots__ = ("_free", "public", "value")

    def __init__(self, value: int, public: bytes, free: Any) -> None:
        self.value = value
        self.public = public  # 65 bytes
        self._free = free

    def __del__(self) -> None:
        self._free(self.value)


def _declare(crypto: Any) -> None:
    """Give every function used its types: ctypes would cut pointers to 32 bits otherwise."""
    pointer, size = ctypes.c_void_p, ctypes.c_size_t
    signatures: dict[str, tuple[Any, tuple[Any, ...]]] = {
        "OpenSSL_version_num": (ctypes.c_ulong, ()),
        "EVP_sm3": (pointer, ()),
        "EVP_MD_CTX_new": (pointer, ()),
        "EVP_MD_CTX_free": (None, (pointer,)),
        "EVP_MD_CTX_set_pkey_ctx": (None, (pointer, pointer)),
        "EVP_PKEY_CTX_new": (pointer, (pointer, pointer)),
        "EVP_PKEY_CTX_free": (None, (pointer,)),
        "EVP_PKEY_CTX_set1_id": (ctypes.c_int, (pointer, ctypes.c_char_p, ctypes.c_int)),
        "EVP_DigestSignInit": (ctypes.c_int, (pointer, pointer, pointer, pointer, pointer)),
        "EVP_DigestSign": (ctypes.c_int, (pointer, pointer, pointer, ctypes.c_char_p, size)),
        "EVP_DigestVerifyInit": (ctypes.c_int, (pointer, pointer, pointer, pointer, pointer)),
        "EVP_DigestVerify": (ctypes.c_int, (pointer, ctypes.c_char_p, size, ctypes.c_char_p, size)),
        "EVP_PKEY_Q_keygen": (pointer, (pointer, ctypes.c_char_p, ctypes.c_char_p)),
        "EVP_PKEY_free": (None, (pointer,)),
        "d2i_PUBKEY": (pointer, (pointer, pointer, ctypes.c_long)),
        "d2i_AutoPrivateKey": (pointer, (pointer, pointer, ctypes.c_long)),
        "i2d_PUBKEY": (ctypes.c_int, (pointer, pointer)),
        "i2d_PrivateKey": (ctypes.c_int, (pointer, pointer)),
        "ERR_clear_error": (None, ()),
    }
    for name, (returns, takes) in signatures.items():
        function = getattr(crypto, name)
        function.restype, function.argtypes = returns, takes


@cache
def _load() -> tuple[Any, str]:
    """(libcrypto, "") or (None, why not)."""
    for name in ("libcrypto.so.3", ctypes.util.find_library("crypto")):
        try:
            crypto = ctypes.CDLL(name) if name else None
        except OSError:
            continue
        if crypto is None:
            continue
        try:
            _declare(crypto)
        except AttributeError as error:
            return None, f"SM2 is not offered: the system's libcrypto lacks {error.args[0].rpartition(' ')[2]}"
        if crypto.OpenSSL_version_num() < 0x30000000:
            return None, "SM2 is not offered: the system's libcrypto is older than OpenSSL 3"
        return crypto, _known_answer(crypto)
    return None, "SM2 is not offered: this machine has no libcrypto (OpenSSL 3)"


def _known_answer(crypto: Any) -> str:
    """Check the standard's example, a fresh signature and a wrong one; "" when all is well."""
    try:
        public, private = _public(crypto, _KNOWN_PUBLIC), _private(crypto, _KNOWN_PRIVATE)
        right = (
            private.public == _KNOWN_PUBLIC
            and _verify(crypto, public, b"message digest", _KNOWN_SIGNATURE)
            and _verify(crypto, public, b"fresh", _sign(crypto, private, b"fresh"))
            and not _verify(crypto, public, b"message digesT", _KNOWN_SIGNATURE)
        )
    except (ValueError, Unavailable) as error:
        return f"SM2 is not offered: the system's libcrypto cannot do it ({error})"
    return "" if right else "SM2 is not offered: the system's libcrypto fails the known answer of GB/T 32918.5"


def problem() -> str:
    """Why this machine cannot offer SM2, as a sentence; "" when it can. The known answer is checked once a process."""
    return _load()[1]


def _crypto() -> Any:
    crypto, why_not = _load()
    if why_not:
        raise Unavailable(why_not)
    return crypto


def _decode(crypto: Any, function: Any, der: bytes, what: str) -> int:
    start = ctypes.c_char_p(der)
    value = function(None, ctypes.byref(start), len(der))
    if not value:
        crypto.ERR_clear_error()
        raise ValueError(f"this is no SM2 {what} key")
    return int(value)


def _encode(function: Any, value: int) -> bytes:
    buffer = ctypes.create_string_buffer(512)
    start = ctypes.c_void_p(ctypes.addressof(buffer))
    length = function(value, ctypes.byref(start))
    return buffer.raw[: max(length, 0)]


def _public(crypto: Any, raw: bytes) -> Handle:
    if len(raw) != 65 or raw[0] != 4:
        raise ValueError("an SM2 public key is an uncompressed point of 65 bytes")
    return Handle(_decode(crypto, crypto.d2i_PUBKEY, _PUBLIC_PREFIX + raw, "public"), raw, crypto.EVP_PKEY_free)


def _private(crypto: Any, raw: bytes) -> Handle:
    # libcrypto takes 0 and gives a key that cannot sign; the standard allows 1 … n-2
    if len(raw) != 32 or not 1 <= int.from_bytes(raw, "big") <= _ORDER - 2:
        raise ValueError("an SM2 private key is 32 bytes, between 1 and the order of the curve less 2")
    value = _decode(crypto, crypto.d2i_AutoPrivateKey, _PRIVATE_PREFIX + raw + _PRIVATE_SUFFIX, "private")
    return Handle(value, _encode(crypto.i2d_PUBKEY, value)[-65:], crypto.EVP_PKEY_free)


def load_public(raw: bytes) -> Handle:
    """A 65-byte point as a key. ValueError when it is not on the curve."""
    return _public(_crypto(), raw)


def load_private(raw: bytes) -> Handle:
    """A 32-byte scalar as a key. ValueError when it is none of the curve."""
    return _private(_crypto(), raw)


def generate() -> bytes:
    """A fresh private key: 32 bytes."""
    crypto = _crypto()
    value = crypto.EVP_PKEY_Q_keygen(None, None, b"SM2")
    if not value:
        crypto.ERR_clear_error()
        raise Unavailable("libcrypto could not make an SM2 key")
    try:
        der = _encode(crypto.i2d_PrivateKey, value)
    finally:
        crypto.EVP_PKEY_free(value)
    at = der.index(b"\x02\x01\x01\x04\x20") + 5  # ECPrivateKey (RFC 5915): version 1, then the scalar as 32 octets
    return der[at : at + 32]


class _Context:
    """A digest context bound to a key and the standard's identity, freed at the end of the block."""

    def __init__(self, crypto: Any, key: Handle) -> None:
        self.crypto = crypto
        self.key_context = crypto.EVP_PKEY_CTX_new(key.value, None)
        self.digest = crypto.EVP_MD_CTX_new()
        if crypto.EVP_PKEY_CTX_set1_id(self.key_context, IDENTITY, len(IDENTITY)) != 1:
            self.__exit__()
            raise Unavailable("libcrypto takes no SM2 identity")
        crypto.EVP_MD_CTX_set_pkey_ctx(self.digest, self.key_context)

    def __enter__(self) -> int:
        return int(self.digest)

    def __exit__(self, *_: object) -> None:
        self.crypto.EVP_MD_CTX_free(self.digest)
        self.crypto.EVP_PKEY_CTX_free(self.key_context)


def _sign(crypto: Any, key: Handle, data: bytes) -> bytes:
    with _Context(crypto, key) as context:
        length = ctypes.c_size_t(80)
        buffer = ctypes.create_string_buffer(80)
        done = crypto.EVP_DigestSignInit(context, None, crypto.EVP_sm3(), None, key.value) == 1 and (
            crypto.EVP_DigestSign(context, buffer, ctypes.byref(length), data, len(data)) == 1
        )
    if not done:
        crypto.ERR_clear_error()
        raise Unavailable("libcrypto could not sign with SM2")
    r, s = decode_dss_signature(buffer.raw[: length.value])
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def _verify(crypto: Any, key: Handle, data: bytes, signature: bytes) -> bool:
    der = encode_dss_signature(int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big"))
    with _Context(crypto, key) as context:
        if crypto.EVP_DigestVerifyInit(context, None, crypto.EVP_sm3(), None, key.value) != 1:
            crypto.ERR_clear_error()
            raise Unavailable("libcrypto could not prepare an SM2 verification")
        right = bool(crypto.EVP_DigestVerify(context, der, len(der), data, len(data)) == 1)
    if not right:
        crypto.ERR_clear_error()
    return right


def sign(key: Handle, data: bytes) -> bytes:
    """r ‖ s, 64 bytes, over SM3(Z ‖ data)."""
    return _sign(_crypto(), key, data)


def verify(key: Handle, data: bytes, signature: bytes) -> bool:
    """Whether the 64 bytes r ‖ s are this key's signature over `data`."""
    return len(signature) == 64 and _verify(_crypto(), key, data, signature)
