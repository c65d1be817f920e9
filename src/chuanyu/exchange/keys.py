"""This node's own private keys: files outside the database, readable by the node only (0600, var/<node>/keys).

Two kinds. A *signing* key proves who sent a message. An *agreement* key (P-256 ECDH) makes, with the other node's, the
secret under which subjects are sealed. The compact says from when until when each counts; several may be on disk while
one replaces another.
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from chuanyu.core.text import Text
from chuanyu.exchange import signing
from chuanyu.exchange.compact import AGREEMENT, Compact, PublicKey, b64, key_id
from chuanyu.exchange.errors import CompactError

Agreement = ec.EllipticCurvePrivateKey


@dataclass(frozen=True)
class Keys:
    """Every private key on disk, by key id."""

    node: str
    signers: dict[str, signing.Key]
    agreements: dict[str, Agreement]

    def signer(self, compact: Compact, now: datetime | None = None) -> signing.Key:
        """The key to sign with now: of those the compact lists as valid and we hold, the one that began last.

        Raises CompactError when there is none.
        """
        found = current(compact.nodes[self.node].keys, self.signers, now or datetime.now(UTC))
        if found is None:
            raise CompactError(
                "no_key",
                Text(
                    f"{self.node} 没有现行协议中有效的签名密钥。",
                    f"{self.node} holds no signing key that counts now under the compact in force.",
                ),
            )
        return self.signers[found.id]


def current(listed: Iterable[PublicKey], held: Iterable[str], now: datetime) -> PublicKey | None:
    """Of the listed keys that count now and whose id is in `held`, the one that began last."""
    ids = frozenset(held)
    usable = [key for key in listed if key.id in ids and key.valid(now)]
    return max(usable, key=lambda key: (key.not_before, key.id), default=None)


def make_keys(home: Path, node: str) -> Keys:
    """Load the node's keys, making a first one of each kind where there is none."""
    keys = load(home, node)
    if not keys.signers:
        add_signing_key(home, node)
    if not keys.agreements:
        add_agreement_key(home, node)
    return load(home, node)


def load(home: Path, node: str) -> Keys:
    """Every key in home/keys. Raises CompactError on a file that is no key."""
    signers: dict[str, signing.Key] = {}
    agreements: dict[str, Agreement] = {}
    for file in sorted((home / "keys").glob("*-*.*")):
        kind, _, name = file.stem.partition("-")
        if kind not in ("signing", "agreement"):
            continue  # the vault's keys live in the same folder
        try:
            if kind == "agreement":
                agreements[name] = _read_pem(file)
            else:
                signers[name] = _read_signing(file, name)
        except ValueError as error:
            raise CompactError(
                "bad_key", Text(f"密钥文件 {file.name} 无法读取：{error}", f"{file.name} is no key: {error}")
            ) from None
    return Keys(node, signers, agreements)


def add_signing_key(home: Path, node: str, *, suite: str = "es256", not_before: datetime | None = None) -> PublicKey:
    """Make a signing key on disk and return what the next compact must list for it."""
    raw = signing.generate(suite)
    key = signing.load_private("", suite, raw)
    name = key_id(node, key.public)
    if suite == "es256":
        _write(home / "keys" / f"signing-{name}.pem", _pem(ec.derive_private_key(int.from_bytes(raw), ec.SECP256R1())))
    else:
        _write(home / "keys" / f"signing-{name}.{suite}", raw.hex().encode() + b"\n")
    return _listed(name, suite, key.public, not_before)


def add_agreement_key(home: Path, node: str, *, not_before: datetime | None = None) -> PublicKey:
    """Make an agreement key on disk and return what the next compact must list for it."""
    private = ec.generate_private_key(ec.SECP256R1())
    point = _point(private)
    name = key_id(node, point)
    _write(home / "keys" / f"agreement-{name}.pem", _pem(private))
    return _listed(name, AGREEMENT, point, not_before)


def public_keys(keys: Keys) -> tuple[tuple[PublicKey, ...], tuple[PublicKey, ...]]:
    """What a first compact lists for these keys, valid from now: (signing, agreement)."""
    return (
        tuple(_listed(name, key.suite, key.public, None) for name, key in keys.signers.items()),
        tuple(_listed(name, AGREEMENT, _point(key), None) for name, key in keys.agreements.items()),
    )


def _listed(name: str, suite: str, point: bytes, not_before: datetime | None) -> PublicKey:
    begin = (not_before or datetime.now(UTC)).replace(microsecond=0)
    return PublicKey(id=name, suite=suite, public=b64(point), not_before=begin)  # type: ignore[arg-type]


def _point(private: Agreement) -> bytes:
    return private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def _pem(private: Agreement) -> bytes:
    return private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _read_pem(file: Path) -> Agreement:
    private = load_pem_private_key(file.read_bytes(), password=None)
    if not isinstance(private, ec.EllipticCurvePrivateKey) or private.curve.name != "secp256r1":
        raise ValueError("not a P-256 private key")
    return private


def _read_signing(file: Path, name: str) -> signing.Key:
    suite = file.suffix[1:]
    if suite == "pem":
        raw = _read_pem(file).private_numbers().private_value.to_bytes(32)
        return signing.load_private(name, "es256", raw)
    return signing.load_private(name, suite, bytes.fromhex(file.read_text().strip()))


def _write(file: Path, content: bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
        out.write(content)
        out.flush()
        os.fsync(out.fileno())
