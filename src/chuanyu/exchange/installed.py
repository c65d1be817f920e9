"""The compact this node has installed: taking up a new one, reading the one in force, and a first one for a sample pair.

Nothing here decides what is acceptable: `compact.verify` and `compact.problems` do.
"""

import fcntl
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Protocol

import msgspec
from django.db import connection, transaction

from chuanyu.core.catalogue import catalogue
from chuanyu.core.service import Service
from chuanyu.core.text import Text
from chuanyu.exchange import compact as agreement
from chuanyu.exchange import grants, keys
from chuanyu.exchange.compact import Compact, Node, Signed
from chuanyu.exchange.errors import CompactError
from chuanyu.exchange.models import Compact as Row
from chuanyu.exchange.subject import Sealer
from chuanyu.identity import sql
from chuanyu.identity.here import here, home
from chuanyu.identity.queries import declared_agencies

FILE = "compact.json"  # in the node's home: the newest signed compact that set-up or an operator put there
CHANNEL = "chuanyu_compact"  # NOTIFY: a gateway that hears it reads the compact again
_TRUST = 16  # hex digits of the digest a person must give for the first compact


class Home(Protocol):
    """What `establish` needs to know of a node: its name, its folder, and where the peer reaches its gateway."""

    @property
    def node(self) -> str: ...
    @property
    def home(self) -> Path: ...
    @property
    def gateway_url(self) -> str: ...


def current() -> Compact:
    """The compact in force at this node. Raises CompactError("no_compact") before the first is installed."""
    newest = sql.row("SELECT version, since FROM exchange_compact ORDER BY version DESC LIMIT 1", [])
    if newest is None:
        raise CompactError("no_compact", Text("本节点还没有安装协议。", "This node has no compact installed."))
    return _installed(here(), *newest)


def signed() -> Signed:
    """The compact in force with its signatures, as the file others can verify. Raises CompactError."""
    compact = current()
    signatures = Row.objects.values_list("signatures", flat=True).get(pk=compact.version)
    return Signed(compact=compact, signatures=msgspec.convert(signatures, dict[str, agreement.Signature]))


@lru_cache(maxsize=64)
def _installed(node: str, version: int, since: datetime) -> Compact:
    """Read once: a row never changes. `since` tells two databases apart in which the same version was installed."""
    return agreement.parse(Row.objects.values_list("body", flat=True).get(pk=version))


def purposes() -> frozenset[str]:
    """Every purpose of every compact this node ever installed: the log may speak of any."""
    installed = Row.objects.values_list("version", "since")
    return frozenset[str]().union(*(_installed(here(), version, since).purposes for version, since in installed))


def sealer(compact: Compact | None = None) -> Sealer:
    """What seals and opens subjects under `compact` (default: the one in force), with this node's keys."""
    return _sealer(here(), home(), (compact or current()).body)


@lru_cache(maxsize=8)
def _sealer(node: str, folder: Path, body: bytes) -> Sealer:
    return Sealer(keys.load(folder, node), agreement.parse(body))


def install(signed: Signed, *, trust: str = "", now: datetime | None = None) -> Compact:
    """Put a compact in force here. Refuses one that both nodes of the compact in force have not signed, one that is not
    newer, and one that names an agency or service this node does not know. Raises CompactError.

    The very first has nothing to be checked against: `trust` must then be its digest (16 digits or more), which a
    person has compared with the other province.
    """
    new = signed.compact
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(hashtext('chuanyu compact'))")
        old = current() if Row.objects.exists() else None
        if old is not None and new.version <= old.version:
            raise CompactError(
                "not_newer",
                Text(
                    f"协议第 {new.version} 版不比现行的第 {old.version} 版新。",
                    f"Compact {new.version} is not newer than the one in force, {old.version}.",
                ),
            )
        agreement.verify(signed, trusted=old, now=now or datetime.now(UTC))
        if old is None and not (len(trust) >= _TRUST and new.digest.startswith(trust)):
            raise CompactError(
                "not_trusted",
                Text(
                    f"第一份协议须由人核对：其摘要为 {new.digest}，请与对方核对后给出。",
                    f"The first compact must be compared by a person: its digest is {new.digest}. Read it to the other "
                    "province, then give it.",
                ),
            )
        if wrong := agreement.problems(new, agencies=known_agencies(), services=catalogue()):
            raise CompactError("unfit", Text(" ".join(text.zh for text in wrong), " ".join(text.en for text in wrong)))
        Row.objects.create(
            version=new.version, body=new.body.decode(), signatures=msgspec.to_builtins(signed.signatures)
        )
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_notify(%s, '')", [CHANNEL])
    return new


def adopt() -> Compact:
    """Install the compact in this node's home folder if it is newer than the one in force; what set-up calls.

    The folder is the operator's own, so a first compact found there is trusted. Raises CompactError.
    """
    signed = agreement.parse_signed((home() / FILE).read_bytes())
    row = Row.objects.order_by("-version").first()
    if row is not None and (row.version > signed.compact.version or row.body == signed.compact.body.decode()):
        return current()
    return install(signed, trust=signed.compact.digest)


def known_agencies() -> dict[str, Text]:
    """Every agency a compact may name: those on record at both nodes, and the two portals."""
    return {**{view.key: view.name for view in declared_agencies()}, **grants.PORTALS}


def establish(homes: Iterable[Home], *, services: Iterable[Service] | None = None) -> Signed:
    """A compact for nodes set up by one hand (samples, tests, trials): keys made, signed by all, put in each home folder.

    Called again it changes nothing, unless services or addresses changed: then the next version follows, signed by the
    keys of the one before. `adopt` in each node's own process then installs it. Needs no database.
    """
    places = {place.node: place for place in homes}
    with _alone(next(iter(places.values())).home.parent):
        return _establish(places, catalogue().values() if services is None else services)


def _establish(places: dict[str, Home], services: Iterable[Service]) -> Signed:
    held = {name: keys.make_keys(place.home, name) for name, place in places.items()}
    found = [
        agreement.parse_signed(file.read_bytes()) for place in places.values() if (file := place.home / FILE).exists()
    ]
    last = max(found, key=lambda signed: signed.compact.version, default=None)
    nodes = {name: _node(name, place, held[name], last.compact if last else None) for name, place in places.items()}
    proposed = agreement.propose(
        last.compact if last else None,
        nodes=nodes,
        agencies=known_agencies(),
        grants=grants.of_services(services),
        issued=datetime.now(UTC),
    )
    if last is not None and _same(last.compact, proposed):
        signed = last
    else:
        authority = last.compact if last else proposed
        signatures = {name: agreement.sign(proposed, held[name].signer(authority)) for name in sorted(places)}
        signed = Signed(compact=proposed, signatures=signatures)
    for place in places.values():
        write(place.home / FILE, signed)
    return signed


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One process at a time: both nodes' set-ups may run at once, and must not make two compacts."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "compact.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def write(file: Path, signed: Signed) -> None:
    """Write a signed compact whole or not at all."""
    fresh = file.with_name(file.name + ".new")
    fresh.write_bytes(signed.encode())
    os.replace(fresh, file)


def _node(name: str, place: Home, held: keys.Keys, last: Compact | None) -> Node:
    if last is not None and name in last.nodes:
        return msgspec.structs.replace(last.nodes[name], gateway=place.gateway_url)
    signing, agreement_keys = keys.public_keys(held)
    return Node(gateway=place.gateway_url, keys=signing, agreement=agreement_keys)


def _same(old: Compact, new: Compact) -> bool:
    return (old.nodes, old.agencies, old.grants) == (new.nodes, new.agencies, new.grants)
