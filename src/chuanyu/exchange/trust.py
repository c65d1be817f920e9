"""What a running gateway knows by the compact in force: whose keys count, how it signs, how subjects open, who lives where.

A snapshot, read from the database and the node's key files. The gateway makes a new one when the compact or the key
folder changes, and lets the old one go: requests under way finish with what they began with.
"""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from chuanyu.exchange import compact as agreement
from chuanyu.exchange import keys as key_files
from chuanyu.exchange import signing
from chuanyu.exchange.compact import Compact
from chuanyu.exchange.keys import Keys
from chuanyu.exchange.subject import Sealer

METHOD, PATH = "POST", "/exchange/v1/message"
SKEW = 300  # seconds a signature may be old, or ahead: clocks of two provinces differ, and a retry signs anew
_SIGNER_SECONDS = 5  # how long the choice of our own key is kept

_NEWEST = "SELECT version, body FROM exchange_compact ORDER BY version DESC LIMIT 1"


class Trust:
    """One compact and this node's keys, ready to use. `stamp` changes when either does."""

    def __init__(self, *, node: str, compact: Compact, keys: Keys, stamp: tuple[Any, ...] = ()) -> None:
        (peer,) = (name for name in compact.nodes if name != node)
        self.node, self.peer = node, peer
        self.compact = compact
        self.stamp = stamp
        self.sealer = Sealer(keys, compact)
        self.uri, self.peer_uri = uri(compact, node), uri(compact, peer)
        self._keys = keys
        self._public: dict[str, signing.Key] = {}
        self._signer: tuple[signing.Key, float] | None = None

    def signer(self, now: float) -> signing.Key:
        """Our signing key that counts at `now` (Unix seconds). Raises CompactError when there is none."""
        if self._signer is None or not 0 <= now - self._signer[1] < _SIGNER_SECONDS:
            self._signer = self._keys.signer(self.compact, datetime.fromtimestamp(now, UTC)), now
        return self._signer[0]

    def peer_key(self, key_id: str, created: float, now: float) -> signing.Key | None:
        """The peer's key with that id, if this machine can use its suite and it counts.

        It counts by the peer's clock when it signed (`created`) or by ours (`now`): the two differ by up to SKEW, and
        neither a key that just began nor one that just ended may fail for that.
        """
        listed = self.compact.signing_key(self.peer, key_id)
        if listed is None or listed.suite not in signing.suites():
            return None
        if not any(listed.valid(datetime.fromtimestamp(at, UTC)) for at in (created, now)):
            return None
        if key_id not in self._public:
            self._public[key_id] = signing.load_public(key_id, listed.suite, listed.point)
        return self._public[key_id]


def uri(compact: Compact, node: str) -> str:
    """The address messages to `node` are sent to and signed for."""
    return compact.nodes[node].gateway.rstrip("/") + PATH


async def load(connection: Any, *, node: str, home: Path, known: Trust | None) -> Trust | None:
    """The trust in force, `known` itself when nothing changed; None before the first compact.

    `connection`: asyncpg. Raises CompactError when the keys or the compact cannot be read.
    """
    version = await connection.fetchval("SELECT max(version) FROM exchange_compact")
    if version is None:
        return None
    stamp = (version, *_key_files(home))
    if known is not None and known.stamp == stamp:
        return known
    body = (await connection.fetchrow(_NEWEST))["body"]
    return Trust(node=node, compact=agreement.parse(body), keys=key_files.load(home, node), stamp=stamp)


def _key_files(home: Path) -> list[tuple[str, int]]:
    return sorted((file.name, file.stat().st_mtime_ns) for file in (home / "keys").glob("*-*.*"))
