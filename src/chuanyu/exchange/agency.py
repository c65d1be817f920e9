"""What one agency reads of the compact: the lines about it and the keys that speak for it. Read only."""

import hashlib
from datetime import datetime, timedelta

import msgspec

from chuanyu.exchange import compact as agreement
from chuanyu.exchange import installed
from chuanyu.exchange.errors import CompactError
from chuanyu.exchange.grants import Grant
from chuanyu.exchange.models import Compact as Row

SOON = timedelta(days=60)  # a key that ends within this time wants a successor


class CompactView(msgspec.Struct, frozen=True, kw_only=True):
    """The compact in force. `signatures`: node → id of the key that signed it."""

    version: int
    digest: str
    issued: datetime
    since: datetime
    signatures: dict[str, str]


class KeyView(msgspec.Struct, frozen=True, kw_only=True):
    """A public key of a node. use: sign | seal. state: counts | ends_soon | ended | not_yet. `fingerprint`: SHA-256, hex."""

    node: str
    id: str
    use: str
    suite: str
    fingerprint: str
    since: datetime
    until: datetime | None
    state: str


def compact_view() -> CompactView | None:
    """The compact in force; None before the first."""
    try:
        signed = installed.signed()
    except CompactError:
        return None
    return CompactView(
        version=signed.compact.version,
        digest=signed.compact.digest,
        issued=signed.compact.issued,
        since=Row.objects.values_list("since", flat=True).get(pk=signed.compact.version),
        signatures={node: signature.key for node, signature in sorted(signed.signatures.items())},
    )


def grants_of(agency: str) -> tuple[list[Grant], list[Grant]]:
    """What an agency ("sichuan/hrss") may send, and what it may be sent and answers for."""
    try:
        lines = installed.current().grants
    except CompactError:
        return [], []
    return [line for line in lines if line.from_ == agency], [line for line in lines if line.to == agency]


def public_keys(now: datetime) -> list[KeyView]:
    """The public keys of both nodes in the compact in force, those of one node together, the newest first."""
    try:
        nodes = installed.current().nodes
    except CompactError:
        return []
    return [
        KeyView(
            node=name,
            id=key.id,
            use=use,
            suite=key.suite,
            fingerprint=hashlib.sha256(key.point).hexdigest(),
            since=key.not_before,
            until=key.not_after,
            state=_state(key, now),
        )
        for name, node in sorted(nodes.items())
        for use, listed in (("sign", node.keys), ("seal", node.agreement))
        for key in sorted(listed, key=lambda key: key.not_before, reverse=True)
    ]


def _state(key: agreement.PublicKey, now: datetime) -> str:
    if now < key.not_before:
        return "not_yet"
    if not key.valid(now):
        return "ended"
    return "ends_soon" if key.not_after and key.not_after - now < SOON else "counts"
