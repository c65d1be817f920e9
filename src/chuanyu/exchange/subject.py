"""The person in an envelope, sealed: the number itself never travels.

AES-SIV (RFC 5297, 64-byte key) over the id type and the number, with the purpose as associated data. So the same person
under the same purpose looks the same, which lets a node find them again; under two purposes the tokens can't be joined;
and a token made for one purpose does not open under another. The key belongs to one pair of agreement keys, one of each
node (static ECDH, HKDF-SHA256), so only these two nodes can make or open a token. The token begins with the id of that
pair, which is how rotation works: old tokens keep opening while new ones are made under the newest pair.
"""

import base64
import binascii
import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from chuanyu.core.text import Text
from chuanyu.exchange.compact import Compact, PublicKey
from chuanyu.exchange.errors import SubjectError
from chuanyu.exchange.keys import Agreement, Keys, current

NUMBER = "gb11643"  # the id type: 公民身份号码. Others may join; the type is sealed with the number.
PREFIX = 8  # characters of a token that name the pair of keys
_INFO = b"chuanyu subject v1"


def pair_id(key: str, other: str) -> str:
    """The 8 characters that stand for two agreement keys, the same from either side."""
    return hashlib.sha256("|".join(sorted((key, other))).encode()).hexdigest()[:PREFIX]


def derive(private: Agreement, public: PublicKey, *, key: str, node: str, peer: str) -> AESSIV:
    """The cipher of one pair of keys. `key` is the id of `private`; both sides derive the same."""
    point = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), public.point)
    shared = private.exchange(ec.ECDH(), point)
    # names and key ids in one order, so both sides bind the same text
    bound = "|".join(f"{name}|{one}" for name, one in sorted(((node, key), (peer, public.id))))
    return AESSIV(HKDF(algorithm=SHA256(), length=64, salt=None, info=_INFO + b"|" + bound.encode()).derive(shared))


class Sealer:
    """Seals and opens subjects between this node and its peer. Holds derived keys: make one per compact and keep it."""

    def __init__(self, keys: Keys, compact: Compact) -> None:
        self._node = keys.node
        self._keys = keys
        self._compact = compact
        (self._peer,) = (name for name in compact.nodes if name != keys.node)
        self._ciphers: dict[str, AESSIV] = {}
        for mine, theirs in self._pairs():
            self._ciphers[pair_id(mine.id, theirs.id)] = derive(
                keys.agreements[mine.id], theirs, key=mine.id, node=self._node, peer=self._peer
            )

    def seal(self, number: str, purpose: str, now: datetime | None = None) -> str:
        """The token for this person and purpose: always the same while the newest pair of keys is.

        Raises SubjectError when no pair of keys counts now.
        """
        at = now or datetime.now(UTC)
        mine = current(self._compact.nodes[self._node].agreement, self._keys.agreements, at)
        listed = self._compact.nodes[self._peer].agreement
        theirs = current(listed, [key.id for key in listed], at)
        if mine is None or theirs is None:
            raise SubjectError("no_key", Text("现在没有可用的协商密钥。", "There is no agreement key that counts now."))
        return self._seal(pair_id(mine.id, theirs.id), number, purpose)

    def tokens(self, number: str, purpose: str) -> list[str]:
        """Every token this person has ever had for this purpose under a pair we hold: what to look for in the log."""
        return [self._seal(pair, number, purpose) for pair in self._ciphers]

    def open(self, token: str, purpose: str) -> str:
        """The number in a token sealed for `purpose`. Raises SubjectError("bad_subject") for anything else."""
        cipher = self._ciphers.get(token[:PREFIX])
        if cipher is None:
            raise _bad("未知的密钥对", "unknown pair of keys")
        try:
            text = token[PREFIX:]
            sealed = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
            kind, _, number = cipher.decrypt(sealed, [purpose.encode()]).decode("ascii").partition("|")
        except (InvalidTag, binascii.Error, ValueError):
            raise _bad("不是为此目的而封装的", "not sealed for this purpose") from None
        if kind != NUMBER:
            raise _bad("未知的证件类型", "unknown type of id")
        return number

    def _seal(self, pair: str, number: str, purpose: str) -> str:
        sealed = self._ciphers[pair].encrypt(f"{NUMBER}|{number}".encode("ascii"), [purpose.encode()])
        return pair + base64.urlsafe_b64encode(sealed).rstrip(b"=").decode()

    def _pairs(self) -> Iterator[tuple[PublicKey, PublicKey]]:
        # retired keys stay: what was sealed under them must still open, and be found in the log
        for mine in self._compact.nodes[self._node].agreement:
            if mine.id in self._keys.agreements:
                for theirs in self._compact.nodes[self._peer].agreement:
                    yield mine, theirs


def _bad(zh: str, en: str) -> SubjectError:
    return SubjectError("bad_subject", Text(f"当事人标识无法打开：{zh}。", f"The subject cannot be opened: {en}."))
