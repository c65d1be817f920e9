"""The message log: what a row says, how it is hashed, and how a reader proves the log whole and a message in it.

Every message and every answer that crosses is one row at each node. Rows are written by `appender` only and never
changed. A row's leaf is SHA-256(0x00 ‖ canonical JSON of its columns), and the rows are the leaves of one Merkle tree,
so nobody can change, drop or reorder the past unseen: the root would differ.
"""

import base64
import os
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec

from chuanyu.exchange import merkle, signing
from chuanyu.exchange.envelope import Envelope

NOBODY = "00000000-0000-0000-0000-000000000000"  # the message id of what could not be read
SENT, RECEIVED, ANSWER_SENT, ANSWER_RECEIVED = "sent", "received", "answer_sent", "answer_received"

# the columns of exchange_log that the leaf covers; idx is the leaf's place in the tree
COLUMNS = (
    "at",
    "direction",
    "message",
    "peer",
    "from_agency",
    "to_agency",
    "service",
    "action",
    "purpose",
    "basis",
    "fields",
    "subject",
    "digest",
    "signature",
    "key_id",
    "status",
    "code",
)


class Entry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One row. Its fields stand in alphabetical order, so encoding them in turn is canonical JSON (RFC 8785).

    `at`: UTC with microseconds. `digest`: hex SHA-256 of the body, "" when it was never read. `signature`: the headers
    Signature-Input and Signature, one per line. `status`: HTTP status of an answer, 0 on a message.
    `v` is the version of this form: rows of an older one stay provable.
    """

    action: str = ""
    at: str
    basis: tuple[str, ...] = ()
    code: str = ""
    digest: str = ""
    direction: str
    fields: tuple[str, ...] = ()
    from_agency: str = ""
    key_id: str = ""
    message: str = NOBODY
    peer: str
    purpose: str = ""
    service: str = ""
    signature: str = ""
    status: int = 0
    subject: str | None = None
    to_agency: str = ""
    v: int = 1

    @property
    def data(self) -> bytes:
        """The canonical bytes the leaf is the hash of."""
        return _encode(self)

    @property
    def leaf(self) -> bytes:
        """The leaf hash, 32 bytes."""
        return merkle.leaf_hash(_encode(self))


_encode = msgspec.json.Encoder().encode


def moment(at: datetime) -> str:
    """A time as rows have it: UTC, always six digits of a second."""
    return at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def entry(
    direction: str,
    *,
    at: datetime,
    peer: str,
    envelope: Envelope | None = None,
    proof: signing.Proof | None = None,
    status: int = 0,
    code: str = "",
) -> Entry:
    """The row of one message or answer. What could not be read stays empty."""
    digest, signature, key_id = (proof.digest_hex, proof.evidence, proof.key_id) if proof else ("", "", "")
    if envelope is None:
        return Entry(
            direction=direction,
            at=moment(at),
            peer=peer,
            digest=digest,
            signature=signature,
            key_id=key_id,
            status=status,
            code=code,
        )
    return Entry(
        direction=direction,
        at=moment(at),
        peer=peer,
        digest=digest,
        signature=signature,
        key_id=key_id,
        message=envelope.id,
        from_agency=envelope.from_agency,
        to_agency=envelope.to_agency,
        service=envelope.service,
        action=envelope.action,
        purpose=envelope.purpose,
        basis=envelope.basis,
        fields=envelope.fields,
        subject=envelope.subject,
        status=status,
        code=code,
    )


def from_row(row: Mapping[str, Any]) -> Entry:
    """The entry of a stored row (columns by name, as Django or a driver returns them)."""
    values = {name: row[name] for name in COLUMNS}
    values |= {
        "at": moment(row["at"]),
        "message": str(UUID(str(row["message"]))),
        "basis": tuple(row["basis"]),
        "fields": tuple(row["fields"]),
    }
    return Entry(**values)


class LogError(Exception):
    """The log is not what it was or what it must be; the message says at which row."""


class Head(msgspec.Struct, frozen=True):
    """The state of a log: so many rows, this root (hex), seen at that time."""

    size: int
    root: str
    at: str


def verify(rows: Iterable[Mapping[str, Any]], last: Head | None, *, now: datetime) -> tuple[Head, merkle.Tree]:
    """Recompute every leaf, check that indexes have no gap, and that the log only grew since `last`.

    `rows` in order of idx, each with idx, leaf and COLUMNS. Raises LogError at the first thing wrong.
    """
    tree = merkle.Tree()
    for row in rows:
        if row["idx"] != len(tree):
            raise LogError(f"row {len(tree)} is missing: the next one there is {row['idx']}")
        leaf = from_row(row).leaf
        if leaf != bytes(row["leaf"]):
            raise LogError(f"row {row['idx']} was changed: its content does not give its leaf")
        tree.append(leaf)
    root = tree.root()
    if last is not None:
        if last.size > len(tree):
            raise LogError(f"the log had {last.size} rows on {last.at} and has {len(tree)} now: its end was cut off")
        proof = tree.consistency(last.size)
        if not merkle.verify_consistency(last.size, len(tree), bytes.fromhex(last.root), root, proof):
            raise LogError(f"the first {last.size} rows are not those of {last.at}: the past was rewritten")
    return Head(len(tree), root.hex(), moment(now)), tree


def read_head(file: Path) -> Head | None:
    """The head kept by the last verification; None before the first."""
    try:
        return msgspec.json.decode(file.read_bytes(), type=Head)
    except FileNotFoundError:
        return None
    except msgspec.DecodeError as error:
        raise LogError(f"{file} cannot be read ({error}); without it growth cannot be proven") from None


def keep_head(file: Path, head: Head) -> None:
    """Keep a verified head for the next verification, whole or not at all."""
    fresh = file.with_suffix(".new")
    with fresh.open("wb") as out:
        out.write(msgspec.json.encode(head) + b"\n")
        out.flush()
        os.fsync(out.fileno())
    fresh.replace(file)


# --- proof of one message, to be checked by anyone, offline -----------------------------------------------------------


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """One entry, its place, and the path (hex hashes) from its leaf to the root."""

    index: int
    entry: Entry
    path: tuple[str, ...]


class PublicKey(msgspec.Struct, frozen=True, kw_only=True):
    """A signing key as the compact lists it: suite and base64 of the 65-byte point."""

    suite: str
    public: str


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """All that proves a message: its rows in the log of `node`, and what is needed to check their signatures.

    `uris` are the addresses messages to each node were ever signed for, `keys` the signing keys named in the rows; a
    careful reader compares both with the compact.
    """

    node: str
    message: str
    size: int
    root: str
    places: tuple[Place, ...]
    uris: dict[str, tuple[str, ...]]
    keys: dict[str, PublicKey]


def prove(
    tree: merkle.Tree,
    rows: Iterable[Mapping[str, Any]],
    *,
    node: str,
    message: str,
    uris: dict[str, tuple[str, ...]],
    key: Callable[[str], PublicKey | None],
) -> Evidence:
    """The evidence for the rows of one message under the tree's root."""
    places = tuple(
        Place(index=row["idx"], entry=from_row(row), path=tuple(step.hex() for step in tree.inclusion(row["idx"])))
        for row in rows
    )
    if not places:
        raise LogError(f"the log of {node} has no message {message}")
    found = {name: key(name) for name in {place.entry.key_id for place in places}}
    return Evidence(
        node=node,
        message=message,
        size=len(tree),
        root=tree.root().hex(),
        places=places,
        uris=uris,
        keys={name: public for name, public in found.items() if public is not None},
    )


def check(evidence: Evidence) -> list[str]:
    """Check a proof with nothing but itself: one line per entry proven. Raises LogError at the first that is not."""
    try:
        root = bytes.fromhex(evidence.root)
        keys = {
            name: signing.load_public(name, key.suite, base64.b64decode(key.public))
            for name, key in evidence.keys.items()
        }
    except ValueError as error:
        raise LogError(f"the file is damaged: {error}") from None
    proven = []
    request: signing.Proof | None = None
    for place in evidence.places:
        path = [bytes.fromhex(step) for step in place.path]
        if not merkle.verify_inclusion(place.entry.leaf, place.index, evidence.size, path, root):
            raise LogError(f"entry {place.index} is not in the log with root {evidence.root}")
        if place.entry.message != evidence.message:
            raise LogError(f"entry {place.index} is about another message, {place.entry.message}")
        signed, proof = _signed(evidence, place.entry, request, keys)  # rows of one message are in the order of time
        if place.entry.direction in (SENT, RECEIVED):
            request = proof
        said = f"answered {place.entry.status} {place.entry.code}".rstrip() if place.entry.status else "message"
        proven.append(f"{place.index}  {place.entry.at}  {place.entry.direction}  {said}  {signed}")
    return proven


def _signed(
    evidence: Evidence, item: Entry, request: signing.Proof | None, keys: Mapping[str, signing.Key]
) -> tuple[str, signing.Proof | None]:
    """Check the signature an entry keeps: ("signed by …" or why that cannot be said, the signature)."""
    if not item.signature:
        return "unsigned", None
    key = keys.get(item.key_id)
    uris = evidence.uris.get(item.to_agency.partition("/")[0], ())
    wrong: Exception | None = None
    for uri in uris if key else ("",):
        try:
            proof = _kept(item, request, key, uri)
        except (signing.SignatureError, ValueError) as error:
            wrong = error
        else:
            return f"signed by {item.key_id}" + ("" if key else ", a key the file does not hold"), proof
    raise LogError(f"the signature kept in {item.direction} of {item.at} is wrong: {wrong or 'no address'}") from None


def _kept(item: Entry, request: signing.Proof | None, key: signing.Key | None, uri: str) -> signing.Proof:
    """The signature of an entry, verified under `key` when there is one."""
    digest = f"sha-256=:{base64.b64encode(bytes.fromhex(item.digest)).decode()}:"
    names = ("content-digest", "signature-input", "signature")
    headers = list(zip(names, (digest, *item.signature.split("\n")), strict=True))
    if item.direction in (SENT, RECEIVED):
        proof = signing.read_request(headers)
        if key:
            signing.verify_request(key, proof, method="POST", uri=uri, body=None)
        return proof
    proof = signing.read_response(headers, request=request)
    if key:
        signing.verify_response(key, proof, status=item.status, method="POST", uri=uri, request=request, body=None)
    return proof
