"""Where a node lives: its folder, ports, addresses and secrets. Read from var/<node>/node.json, written once by set-up."""

import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

import msgspec

from chuanyu.core.service import NODES

PORTAL_BASE = 8050  # Chongqing here, Sichuan one above; gateways a hundred above their portals
GATEWAY_ABOVE = 100


class PlaceError(Exception):
    """A node has not been set up here, or its node.json can't be read. The message is a sentence for people."""


@dataclass(frozen=True)
class Place:
    """One node's place. Secrets are kept out of `repr`."""

    node: str
    peer: str
    home: Path  # var/<node>
    host: str  # what the portal listens on; the gateway's port too
    portal_port: int
    gateway_port: int
    portal_url: str
    gateway_url: str  # where the other node reaches the gateway
    door_url: str  # where this node's own programs reach it: loopback
    database_url: str = field(repr=False)  # as the role that owns nothing
    owner_url: str = field(repr=False)  # as the owner of the database: migrations only
    secret_key: str = field(repr=False)
    local_token: str = field(repr=False)  # opens the gateway's loopback door /local/ask
    superuser_password: str = field(repr=False)  # of the embedded server: set-up only
    sockets: Path  # short folder without spaces for the embedded server's socket
    embedded: bool  # False when CHUANYU_<NODE>_DATABASE_URL names a server of yours

    @property
    def peer_portal_url(self) -> str:
        """Where the other node's portal is: said from outside, or set up beside this one; "" when nobody has said."""
        if said := _outside(self.peer, "PORTAL_URL"):
            return said
        try:
            return type(self).load(self.peer).portal_url if self.home.parent == var() else ""
        except PlaceError:
            return ""

    @classmethod
    def load(cls, node: str) -> Self:
        """The place of `node` as set-up wrote it, with CHUANYU_<NODE>_{DATABASE,OWNER,PORTAL,GATEWAY}_URL from outside."""
        if node not in NODES:
            raise PlaceError(f"There is no node “{node}”; it is one of {', '.join(NODES)}.")
        file = var() / node / "node.json"
        try:
            data: dict[str, Any] = msgspec.json.decode(file.read_bytes())
        except FileNotFoundError:
            raise PlaceError(f"The node “{node}” is not set up yet ({file} is missing): run `chuanyu up`.") from None
        except (OSError, msgspec.DecodeError) as error:
            raise PlaceError(f"{file} can't be read: {error}.") from error
        return cls.of(node, file.parent, data)

    @classmethod
    def of(cls, node: str, home: Path, data: dict[str, Any]) -> Self:
        """The place described by `data`, the content of node.json."""
        outside = _outside(node, "DATABASE_URL")
        sockets, database = Path(data["sockets"]), data["database"]
        portal_port, gateway_port = data["portal_port"], data["gateway_port"]
        return cls(
            node=node,
            peer=NODES[1 - NODES.index(node)],
            home=home,
            host=data["host"],
            portal_port=portal_port,
            gateway_port=gateway_port,
            portal_url=_outside(node, "PORTAL_URL") or f"http://127.0.0.1:{portal_port}",
            gateway_url=_outside(node, "GATEWAY_URL") or f"http://127.0.0.1:{gateway_port}",
            door_url=f"http://127.0.0.1:{gateway_port}",
            database_url=outside or socket_url("chuanyu_node", data["node_password"], database, sockets),
            owner_url=_outside(node, "OWNER_URL")
            or outside
            or socket_url("chuanyu_owner", data["owner_password"], database, sockets),
            secret_key=data["secret_key"],
            local_token=data["local_token"],
            superuser_password=data["superuser_password"],
            sockets=sockets,
            embedded=not outside,
        )


def var() -> Path:
    """The folder of everything a node keeps: CHUANYU_VAR, else ./var."""
    return Path(os.environ.get("CHUANYU_VAR") or "var").absolute()


def socket_url(role: str, password: str, database: str, sockets: Path) -> str:
    """A PostgreSQL address over a unix socket, as psycopg, asyncpg and psql read it."""
    return f"postgresql://{role}:{quote(password, safe='')}@/{database}?host={quote(str(sockets), safe='/')}"


def new(
    node: str, *, port_base: int = PORTAL_BASE, host: str = "127.0.0.1", sockets: Path | None = None
) -> dict[str, Any]:
    """What a fresh node.json holds: ports and new secrets. `sockets` defaults to a folder with an unguessable name in /tmp."""
    return {
        "node": node,
        "host": host,
        **ports(node, port_base),
        "database": "chuanyu",
        "sockets": str(sockets or Path("/tmp") / f"chuanyu-{secrets.token_hex(5)}"),
        "secret_key": secrets.token_urlsafe(48),
        "local_token": secrets.token_urlsafe(32),
        "superuser_password": secrets.token_urlsafe(24),
        "owner_password": secrets.token_urlsafe(24),
        "node_password": secrets.token_urlsafe(24),
    }


def ports(node: str, port_base: int) -> dict[str, int]:
    """The ports of a node when the first node's portal is at `port_base`."""
    portal = port_base + NODES.index(node)
    return {"portal_port": portal, "gateway_port": portal + GATEWAY_ABOVE}


def write(node: str, data: dict[str, Any]) -> Path:
    """Write var/<node>/node.json, readable by its owner only, whole or not at all. Returns the node's folder."""
    home = var() / node
    # 0711: when root runs this, PostgreSQL runs as another user and must pass through to its own folder
    home.mkdir(parents=True, exist_ok=True, mode=0o711)
    (home / "keys").mkdir(exist_ok=True, mode=0o700)
    (home / "logs").mkdir(exist_ok=True, mode=0o700)
    fresh = home / "node.json.new"
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
        out.write(msgspec.json.format(msgspec.json.encode(data), indent=2) + b"\n")
        out.flush()
        os.fsync(out.fileno())
    fresh.replace(home / "node.json")
    return home


def _outside(node: str, what: str) -> str:
    return os.environ.get(f"CHUANYU_{node.upper()}_{what}", "")
