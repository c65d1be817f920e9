"""The compact: what the two provinces agreed, as one canonical JSON document both have signed. Pure; nothing is stored.

Verification never trusts what it verifies: an update must be signed by keys of the compact in force, so someone who
brings keys of their own cannot swap themselves in. Only the first compact is trusted as it comes, by its digest, which
a person compares with what the other province read out.
"""

import base64
import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, Literal

import msgspec

from chuanyu.core.canonical import canonical
from chuanyu.core.service import NODES
from chuanyu.core.text import Text
from chuanyu.exchange import signing
from chuanyu.exchange.errors import CompactError
from chuanyu.exchange.grants import BUILT_IN, Grant

Index = dict[tuple[str, str, str, str, str], tuple[tuple[str, frozenset[str], frozenset[str]], ...]]


AGREEMENT = "ecdh-p256"


class PublicKey(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A public key and when it counts: from `not_before` until just before `not_after` (None: open).

    `public` is base64 of the 65-byte uncompressed point; `id` is "<node>-" and 12 hex digits of the point's SHA-256.
    """

    id: str
    suite: Literal["es256", "sm2", "ecdh-p256"]
    public: str
    not_before: datetime
    not_after: datetime | None = None

    def valid(self, at: datetime) -> bool:
        """Whether the key counts at that moment."""
        return self.not_before <= at and (self.not_after is None or at < self.not_after)

    @property
    def point(self) -> bytes:
        """The 65 bytes. ValueError when `public` is no base64."""
        return base64.b64decode(self.public, validate=True)


class Node(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a node's gateway answers, the keys it signs with and the keys subjects are sealed with."""

    gateway: str
    keys: tuple[PublicKey, ...]
    agreement: tuple[PublicKey, ...]


class Signature(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A detached signature over the canonical bytes: key id, and base64 of raw r‖s."""

    key: str
    signature: str


class Compact(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, dict=True):
    """The whole agreement. `agencies` are "node/code"; `grants` are all there is: what is not granted is refused."""

    version: int
    issued: datetime
    nodes: dict[str, Node]
    agencies: dict[str, Text]
    grants: tuple[Grant, ...]

    @cached_property
    def index(self) -> Index:
        """Grants by from, to, service, action and purpose: (grant id, basis, fields)."""
        found: Index = {}
        for grant in self.grants:
            row = (grant.id, frozenset(grant.basis), frozenset(grant.fields))
            for action in grant.actions:
                key = (grant.from_, grant.to, grant.service, action, grant.purpose)
                found[key] = (*found.get(key, ()), row)
        return found

    @cached_property
    def services(self) -> frozenset[str]:
        """Every service some grant names."""
        return frozenset(grant.service for grant in self.grants)

    @cached_property
    def purposes(self) -> frozenset[str]:
        """Every purpose some grant names."""
        return frozenset(grant.purpose for grant in self.grants)

    @cached_property
    def _keys(self) -> dict[tuple[str, str], PublicKey]:
        return {(name, key.id): key for name, node in self.nodes.items() for key in node.keys}

    def signing_key(self, node: str, key_id: str) -> PublicKey | None:
        """The signing key of that node by its id, valid or not; None when the compact has none."""
        return self._keys.get((node, key_id))

    @cached_property
    def body(self) -> bytes:
        """The canonical bytes: what is signed, compared and stored."""
        return canonical(msgspec.to_builtins(self))

    @cached_property
    def digest(self) -> str:
        """Hex SHA-256 of the canonical bytes: what two people compare by telephone."""
        return hashlib.sha256(self.body).hexdigest()


class Signed(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A compact with the signatures it has so far: the file the provinces pass to each other."""

    compact: Compact
    signatures: dict[str, Signature] = {}

    def encode(self) -> bytes:
        """The file, indented for reading."""
        return msgspec.json.format(msgspec.json.encode(self), indent=2) + b"\n"


def parse(body: bytes | str) -> Compact:
    """A compact from JSON. Raises CompactError with the path of what does not fit."""
    return _decode(body, Compact)


def parse_signed(body: bytes | str) -> Signed:
    """A signed compact from its file. Raises CompactError."""
    return _decode(body, Signed)


def _decode(body: bytes | str, kind: type[Any]) -> Any:
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise CompactError(
            "bad_compact", Text(f"协议文件不符合格式：{error}", f"The compact does not fit its format: {error}")
        ) from None


def propose(
    current: Compact | None,
    *,
    nodes: Mapping[str, Node],
    agencies: Mapping[str, Text],
    grants: Iterable[Grant],
    issued: datetime,
) -> Compact:
    """The next version, unsigned: one above the compact in force, 1 when there is none."""
    return Compact(
        version=current.version + 1 if current else 1,
        issued=issued.replace(microsecond=0),
        nodes=dict(nodes),
        agencies=dict(sorted(agencies.items())),
        grants=tuple(grants),
    )


def with_key(node: Node, key: PublicKey, *, overlap: timedelta) -> Node:
    """The node with `key` added (its suite says to which kind); the keys it replaces end `overlap` after it begins.

    Inside the overlap both verify, so messages under way and a peer that installs late lose nothing.
    """
    end = key.not_before + overlap

    def ended(old: PublicKey) -> PublicKey:
        return msgspec.structs.replace(old, not_after=min(old.not_after or end, end))

    if key.suite == AGREEMENT:
        return msgspec.structs.replace(node, agreement=(*map(ended, node.agreement), key))
    return msgspec.structs.replace(node, keys=(*map(ended, node.keys), key))


def sign(compact: Compact, key: signing.Key) -> Signature:
    """One province's detached signature, with its private key."""
    return Signature(key=key.id, signature=b64(signing.sign(key, compact.body)))


def verify(signed: Signed, *, trusted: Compact | None, now: datetime) -> None:
    """Check that every node of `trusted` signed, with a key `trusted` lists and that counts now. Raises CompactError.

    `trusted` is the compact in force; None only for the very first, which is checked against itself.
    """
    authority = trusted or signed.compact
    for node in sorted(authority.nodes):
        signature = signed.signatures.get(node)
        if signature is None:
            raise CompactError("unsigned", Text(f"协议缺少 {node} 的签名。", f"The compact is not signed by {node}."))
        key = authority.signing_key(node, signature.key)
        if key is None:
            raise CompactError(
                "unknown_key",
                Text(
                    f"{node} 的签名密钥 {signature.key} 不在现行协议中。",
                    f"{node} signed with {signature.key}, a key the compact in force does not list.",
                ),
            )
        if not key.valid(now):
            raise CompactError(
                "key_not_valid",
                Text(
                    f"{node} 的签名密钥 {key.id} 现在无效。", f"{node} signed with {key.id}, which does not count now."
                ),
            )
        if not _verifies(key, signed.compact.body, signature.signature):
            raise CompactError("bad_signature", Text(f"{node} 的签名不正确。", f"The signature of {node} is wrong."))


def _verifies(key: PublicKey, data: bytes, signature: str) -> bool:
    try:
        public = signing.load_public(key.id, key.suite, key.point)
        return signing.verify(public, data, base64.b64decode(signature, validate=True))
    except ValueError:
        return False


def problems(compact: Compact, *, agencies: Collection[str], services: Collection[str]) -> list[Text]:
    """What makes a compact unfit for this node: names this node does not know, and lines that contradict each other."""
    found: list[Text] = []
    if set(compact.nodes) != set(NODES):
        both = " + ".join(NODES)
        found.append(Text(f"协议须由 {both} 两个节点订立。", f"A compact is between {both}."))
    for name, node in compact.nodes.items():
        if not node.keys or not node.agreement:
            found.append(Text(f"节点 {name} 没有密钥。", f"The node {name} has no keys."))
        found += [
            Text(f"密钥 {key.id} 与其编号不符。", f"The key {key.id} does not match its id.")
            for key in (*node.keys, *node.agreement)
            if not _named_after_itself(name, key)
        ]
    for name in compact.agencies:
        if name not in agencies or name.partition("/")[0] not in compact.nodes:
            found.append(Text(f"本节点不认识单位 {name}。", f"This node knows no agency {name}."))
    seen: set[str] = set()
    for grant in compact.grants:
        if grant.id in seen:
            found.append(Text(f"授权 {grant.id} 出现两次。", f"The grant {grant.id} appears twice."))
        seen.add(grant.id)
        found += [
            Text(f"授权 {grant.id} 指向未知单位 {name}。", f"The grant {grant.id} names the unknown agency {name}.")
            for name in (grant.from_, grant.to)
            if name not in compact.agencies
        ]
        if grant.service not in services and grant.service not in BUILT_IN:
            found.append(
                Text(
                    f"授权 {grant.id} 指向未知服务 {grant.service}。",
                    f"The grant {grant.id} names the unknown service {grant.service}.",
                )
            )
    return found


def b64(raw: bytes) -> str:
    """Base64 as every document of exchange writes it: standard alphabet, padded."""
    return base64.b64encode(raw).decode()


def key_id(node: str, point: bytes) -> str:
    """The id a key must have: it names the node and the key itself, so two keys never share one."""
    return f"{node}-{hashlib.sha256(point).hexdigest()[:12]}"


def _named_after_itself(node: str, key: PublicKey) -> bool:
    try:
        return key.id == key_id(node, key.point)
    except ValueError:
        return False


def diff(old: Compact | None, new: Compact) -> Iterator[Text]:
    """What changes, one line for people each: nodes and keys first, then agencies, then grants."""
    before = old or Compact(version=0, issued=new.issued, nodes={}, agencies={}, grants=())
    yield Text(f"版本 {before.version} → {new.version}", f"Version {before.version} → {new.version}")
    for name in sorted({*before.nodes, *new.nodes}):
        yield from _node_diff(name, before.nodes.get(name), new.nodes.get(name))
    for name in sorted({*before.agencies, *new.agencies}):
        if name not in before.agencies:
            yield Text(f"+ 单位 {name} {new.agencies[name].zh}", f"+ agency {name} {new.agencies[name].en}")
        elif name not in new.agencies:
            yield Text(f"- 单位 {name}", f"- agency {name}")
        elif before.agencies[name] != new.agencies[name]:
            yield Text(f"~ 单位 {name} 更名 {new.agencies[name].zh}", f"~ agency {name} is now {new.agencies[name].en}")
    was, now = ({grant.id: grant for grant in one.grants} for one in (before, new))
    for name in sorted({*was, *now}):
        if name not in was:
            yield Text(f"+ 授权 {name}：{_terms(now[name])}", f"+ grant {name}: {_terms(now[name])}")
        elif name not in now:
            yield Text(f"- 授权 {name}", f"- grant {name}")
        elif was[name] != now[name]:
            changed = "; ".join(_changes(was[name], now[name]))
            yield Text(f"~ 授权 {name}：{changed}", f"~ grant {name}: {changed}")


def _node_diff(name: str, old: Node | None, new: Node | None) -> Iterator[Text]:
    if new is None:
        yield Text(f"- 节点 {name}", f"- node {name}")
        return
    if old is None or old.gateway != new.gateway:
        yield Text(f"~ 节点 {name} 网关 {new.gateway}", f"~ node {name} gateway {new.gateway}")
    was = {key.id: key for key in (*old.keys, *old.agreement)} if old else {}
    for key in (*new.keys, *new.agreement):
        if key.id not in was:
            yield Text(f"+ 密钥 {key.id}（{key.suite}）", f"+ key {key.id} ({key.suite})")
        elif was[key.id].not_after != key.not_after:
            until = key.not_after.isoformat() if key.not_after else "…"
            yield Text(f"~ 密钥 {key.id} 有效至 {until}", f"~ key {key.id} counts until {until}")
        elif was[key.id] != key:
            yield Text(f"~ 密钥 {key.id}", f"~ key {key.id}")
    for gone in sorted(was.keys() - {key.id for key in (*new.keys, *new.agreement)}):
        yield Text(f"- 密钥 {gone}", f"- key {gone}")


def _terms(grant: Grant) -> str:
    return f"{', '.join(grant.actions)} | {grant.purpose} | {', '.join(grant.basis)} | {', '.join(grant.fields) or '-'}"


def _changes(old: Grant, new: Grant) -> Iterator[str]:
    for part in ("from_", "to", "service", "purpose"):
        if getattr(old, part) != getattr(new, part):
            yield f"{part.strip('_')} {getattr(old, part)} → {getattr(new, part)}"
    for part in ("actions", "basis", "fields"):
        was, now = set(getattr(old, part)), set(getattr(new, part))
        marks = [*(f"+{one}" for one in sorted(now - was)), *(f"-{one}" for one in sorted(was - now))]
        if marks:
            yield f"{part} {' '.join(marks)}"
