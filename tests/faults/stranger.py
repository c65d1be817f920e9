"""Someone at a live gateway's door: with no key, with a key of their own, or with the peer's real one."""

import http.client
import socket
import threading
import time
from dataclasses import dataclass
from typing import Any

import msgspec
from scene import PENSION, Scene

from chuanyu.core.ids import uuid7
from chuanyu.exchange import compact as agreement
from chuanyu.exchange import envelope as envelopes
from chuanyu.exchange import installed, keys, signing
from chuanyu.exchange.envelope import Envelope
from chuanyu.exchange.subject import Sealer
from chuanyu.exchange.trust import METHOD, PATH, uri

US, THEM = "chongqing", "sichuan"
Headers = list[tuple[str, str]]


@dataclass
class Heard:
    """What came back."""

    status: int
    headers: Headers
    raw: bytes

    @property
    def body(self) -> dict[str, Any]:
        return msgspec.json.decode(self.raw, type=dict[str, Any])


class Stranger:
    """Knocks at Chongqing's gateway, past the wire, with Sichuan's key in hand."""

    def __init__(self, scene: Scene) -> None:
        self.port = scene.places[US].gateway_port
        home = scene.places[THEM].home
        self.compact = agreement.parse_signed((home / installed.FILE).read_bytes()).compact
        held = keys.load(home, THEM)
        self.key = held.signer(self.compact)
        self.sealer = Sealer(held, self.compact)
        self.uri = uri(self.compact, US)

    def envelope(self, **change: Any) -> Envelope:
        """A case message that the compact grants, about nobody and with nothing in it."""
        parts: dict[str, Any] = {
            "id": str(uuid7()),
            "from_agency": "sichuan/hrss",
            "to_agency": "chongqing/hrss",
            "service": PENSION,
            "action": "case.events",
            "purpose": PENSION,
            "basis": ("gbf-2009-66",),
            "sent": envelopes.now(),
            "document": {},
        }
        return Envelope(**(parts | change))

    def question(self) -> Envelope:
        """A question that the compact grants, about nobody."""
        portals = {"from_agency": "sichuan/portal", "to_agency": "chongqing/portal"}
        return self.envelope(**portals, service="own_data", action="own_data", purpose="own_data", basis=("pipl-45",))

    def sign(self, body: bytes, *, key: signing.Key | None = None, age: float = 0) -> Headers:
        """The three headers over `body`, made `age` seconds ago."""
        proof = signing.sign_request(
            key or self.key, method=METHOD, uri=self.uri, body=body, created=int(time.time() - age)
        )
        return proof.headers

    def knock(self, body: bytes | Envelope, headers: Headers | None = None, *, path: str = PATH) -> Heard:
        """One POST, signed as Sichuan unless other headers are given."""
        content = envelopes.encode(body) if isinstance(body, Envelope) else body
        door = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            door.request("POST", path, content, dict(self.sign(content) if headers is None else headers))
            response = door.getresponse()
            return Heard(
                response.status, [(name.lower(), value) for name, value in response.getheaders()], response.read()
            )
        finally:
            door.close()

    def say(self, *parts: bytes, patience: float = 10) -> bytes:
        """Bytes as they are; returns what comes back until it is closed or nothing comes for `patience` seconds."""
        heard = b""
        with socket.create_connection(("127.0.0.1", self.port), timeout=patience) as wire:
            try:
                for part in parts:
                    wire.sendall(part)
                while data := wire.recv(65536):
                    heard += data
            except OSError:  # it hung up, or waits for more
                pass
        return heard

    def signed_by_them(self, heard: Heard, headers: Headers) -> None:
        """The answer is Chongqing's own, to exactly this request. SignatureError when not."""
        try:
            request: signing.Proof | None = signing.read_request(headers)
        except signing.SignatureError:
            request = None
        proof = signing.read_response(heard.headers, request=request)
        listed = self.compact.signing_key(US, proof.key_id)
        assert listed is not None
        key = signing.load_public(listed.id, listed.suite, listed.point)
        signing.verify_response(
            key, proof, status=heard.status, body=heard.raw, method=METHOD, uri=self.uri, request=request
        )


class Slow:
    """Connections on which `head` is followed by a body that trickles in, from now on and while other tests run."""

    count = 24

    def __init__(self, port: int, head: str) -> None:
        self.borne: list[tuple[float, bytes]] = []  # how long each was borne, and what it was told
        self.enough = threading.Event()
        for _ in range(self.count):
            threading.Thread(target=self._drip, args=(port, head), daemon=True).start()

    def _drip(self, port: int, head: str) -> None:
        began, heard = time.monotonic(), b""
        with socket.create_connection(("127.0.0.1", port), timeout=0.5) as wire:
            wire.sendall(f"{head}host: 127.0.0.1:{port}\r\ncontent-length: 4000\r\n\r\n".encode())
            while time.monotonic() - began < 90 and not self.enough.is_set():
                try:
                    wire.sendall(b"{")
                    data = wire.recv(65536)
                except TimeoutError:
                    continue
                except OSError:
                    break
                if not data:
                    break
                heard += data
        self.borne.append((time.monotonic() - began, heard))
