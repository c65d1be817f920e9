"""Two gateways as programs, as `chuanyu up` runs them: real HTTP, real kills. No portal and no worker: what arrives stays."""

import http.client
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import msgspec
import psycopg
import pytest
from door import NUMBER, THEM, US, Door, envelope
from test_outbox import send

from chuanyu.core.service import NODES
from chuanyu.exchange import actions
from chuanyu.exchange import envelope as envelopes
from chuanyu.exchange import log as logs
from chuanyu.exchange.errors import AskRefused, Unreachable
from chuanyu.exchange.models import Inbox, Log, Outbox
from chuanyu.exchange.trust import PATH
from chuanyu.identity import vault
from chuanyu.node import processes, supervisor
from link import Link

REAL_DOOR = actions.at_the_door  # before a fixture replaces it


class Running:
    """The gateways of the two test nodes."""

    def __init__(self, nodes: Any) -> None:
        self.nodes = nodes
        self.programs: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, *names: str) -> None:
        for name in names or NODES:
            place = self.nodes.places[name]
            command = [sys.executable, "-m", "granian", "--interface", "asgi", "--loop", "uvloop", "--workers", "1"]
            self.programs[name] = subprocess.Popen(
                [*command, "--no-ws", "--port", str(place.gateway_port), "chuanyu.exchange.gateway:app"],
                env={**os.environ, "CHUANYU_NODE": name, "CHUANYU_PROCESS": "gateway"},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                preexec_fn=processes.dies_with_parent(signal.SIGKILL),
                process_group=0,
            )
        for name in names or NODES:
            port = self.nodes.places[name].gateway_port
            until(lambda port=port: supervisor.responds(port, "/exchange/v1/health"), 30)

    def kill(self, *names: str) -> None:
        """With -9, the server and its worker process."""
        for name in names or tuple(self.programs):
            program = self.programs.pop(name)
            os.killpg(program.pid, signal.SIGKILL)
            program.wait()

    @contextmanager
    def call(self, name: str) -> Iterator[http.client.HTTPConnection]:
        connection = http.client.HTTPConnection("127.0.0.1", self.nodes.places[name].gateway_port, timeout=30)
        try:
            yield connection
        finally:
            connection.close()


def until(right: Callable[[], Any], seconds: float) -> None:
    end = time.monotonic() + seconds
    while not right():
        assert time.monotonic() < end, "it did not come right in time"
        time.sleep(0.05)


@pytest.fixture
def running(link: Link, monkeypatch: pytest.MonkeyPatch) -> Iterator[Running]:
    monkeypatch.setattr(actions, "at_the_door", REAL_DOOR)
    made = Running(link.nodes)
    try:
        yield made
    finally:
        made.kill()


@pytest.fixture
def door(running: Running) -> Door:
    return Door(running.nodes)


def test_fifty_megabytes_are_refused_unread(running: Running, door: Door) -> None:
    running.start(US)
    knock = door.signed(envelope())
    with running.call(US) as connection:
        connection.putrequest("POST", PATH)
        for name, value in (*knock.headers, ("content-length", str(50 * 1024 * 1024))):
            connection.putheader(name, value)
        connection.endheaders()
        sent = 0
        try:
            while sent < 50 * 1024 * 1024:
                connection.sock.sendall(bytes(1024 * 1024))
                sent += 1024 * 1024
        except OSError:  # it hung up on us
            pass
        response = connection.getresponse()
        body = msgspec.json.decode(response.read())
    assert response.status == 413 and body["refused"] == "too_large"
    assert response.headers["signature"]
    assert [row.code for row in door.rows()] == ["", "too_large"]
    with running.call(US) as connection:  # and the next one is served
        knock = door.signed(envelope())
        connection.request("POST", PATH, knock.parts[0], dict(knock.headers))
        assert connection.getresponse().status == 200


@pytest.mark.parametrize(
    "raw",
    [
        b"POST /exchange/v1/message HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n{}",
        b"POST /exchange/v1/message HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        b"GET\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01",
        b"POST /exchange/v1/message HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n{}",
    ],
)
def test_broken_http_hurts_nobody_else(running: Running, door: Door, raw: bytes) -> None:
    running.start(US)
    with socket.create_connection(("127.0.0.1", running.nodes.places[US].gateway_port), timeout=5) as wire:
        wire.sendall(raw)
        wire.shutdown(socket.SHUT_WR)
        assert b"Traceback" not in wire.recv(65536)
    knock = door.signed(envelope())
    with running.call(US) as connection:
        connection.request("POST", PATH, knock.parts[0], dict(knock.headers))
        assert connection.getresponse().status == 200


def ask(**change: Any) -> dict[str, Any]:
    parts: dict[str, Any] = {
        "to_agency": "chongqing/portal",
        "from_agency": "sichuan/portal",
        "service": "own_data",
        "action": "own_data",
        "person": None,
        "purpose": "own_data",
        "basis": ["pipl-45"],
        "document": {},
    }
    return actions.ask(**(parts | change))


def test_a_question_is_answered_and_logged_at_both_nodes(running: Running) -> None:
    running.start()
    with running.nodes.at(THEM), settings_of(running, THEM):
        person = vault.enrol(NUMBER)
        assert ask(person=person) == {"accesses": [], "looks": []}
        asked = list(Log.objects.order_by("idx"))
    assert [row.direction for row in asked] == ["sent", "answer_received"]
    with running.nodes.at(US):
        answered = list(Log.objects.order_by("idx"))
    assert [row.direction for row in answered] == ["received", "answer_sent"]
    # the same message, the same signatures, in both logs: neither side can tell another story
    assert [(row.message, row.signature, row.digest) for row in asked] == [
        (row.message, row.signature, row.digest) for row in answered
    ]


def test_a_question_to_nobody_ends_soon(running: Running) -> None:
    running.start(THEM)
    with running.nodes.at(THEM), settings_of(running, THEM):
        began = time.monotonic()
        with pytest.raises(Unreachable):
            ask()
        assert time.monotonic() - began < 5
        assert [row.direction for row in Log.objects.all()] == ["sent"]


def test_an_answer_by_somebody_else_is_not_believed(running: Running) -> None:
    """Sichuan asks Chongqing, but at that address Sichuan's own gateway listens: wrong keys, wrong address."""
    running.start(THEM)
    with impostor(running.nodes.places[US].gateway_port), running.nodes.at(THEM), settings_of(running, THEM):
        with pytest.raises((Unreachable, AskRefused)):
            ask()
        last = Log.objects.order_by("-idx")[0]
        assert (last.direction, last.code, last.signature) == ("answer_received", "bad_answer", "")


@contextmanager
def impostor(port: int) -> Iterator[None]:
    """Something at the peer's address that answers everything, unsigned."""
    body = b'{"answers": "x", "document": {"accesses": []}}'
    answer = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body)
    with socket.create_server(("127.0.0.1", port)) as server:

        def serve() -> None:
            while True:
                try:
                    wire, _ = server.accept()
                except OSError:
                    return
                with wire:
                    wire.recv(65536)
                    wire.sendall(answer)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield
        server.shutdown(socket.SHUT_RDWR)


@contextmanager
def settings_of(running: Running, node: str) -> Iterator[None]:
    """`actions.ask` finds its own gateway by the settings' place."""
    from django.conf import settings

    kept, settings.PLACE = settings.PLACE, running.nodes.places[node]
    try:
        yield
    finally:
        settings.PLACE = kept


def arrived(running: Running) -> list[tuple[str, UUID]]:
    """What is in Chongqing's inbox, in the order it came: (stream, message)."""
    with running.nodes.at(US):
        return list(Inbox.objects.order_by("received", "id").values_list("stream", "id"))


def outbox(running: Running) -> dict[str, int]:
    with running.nodes.at(THEM):
        states = list(Outbox.objects.values_list("state", flat=True))
    return {state: states.count(state) for state in set(states)}


STREAMS, EACH = 8, 12


def fill(running: Running) -> dict[str, list[UUID]]:
    with running.nodes.at(THEM):
        return {f"case-{n}": [send(f"case-{n}", document={"n": i}) for i in range(EACH)] for n in range(STREAMS)}


def assert_all_once_in_order(running: Running, sent: dict[str, list[UUID]]) -> None:
    until(lambda: outbox(running) == {"sent": STREAMS * EACH}, 60)
    came: dict[str, list[UUID]] = {stream: [] for stream in sent}
    for stream, message in arrived(running):
        came[stream].append(message)
    assert came == sent
    for node in NODES:
        with running.nodes.at(node):
            logs.verify(Log.objects.order_by("idx").values(), None, now=envelopes.now())


def test_the_outbox_is_carried_in_order(running: Running) -> None:
    sent = fill(running)
    running.start(US)
    running.start(THEM)
    assert_all_once_in_order(running, sent)
    with running.nodes.at(THEM):
        row = Outbox.objects.get(pk=sent["case-0"][0])
        assert row.receipt["receipt"] == str(row.id) and row.tries == 1 and row.sent and row.answered
        later = send("case-0")  # a NOTIFY wakes the courier: no waiting for its next look
        until(lambda: Outbox.objects.get(pk=later).state == "sent", 3)


@pytest.mark.parametrize("victim", NODES)
def test_killing_a_gateway_anywhere_loses_and_doubles_nothing(running: Running, victim: str) -> None:
    sent = fill(running)
    running.start()
    for pause in (0.0, 0.02, 0.05, 0.1):
        time.sleep(pause)
        running.kill(victim)
        running.start(victim)
    assert_all_once_in_order(running, sent)


def test_a_dead_row_stops_its_stream_only(running: Running) -> None:
    with running.nodes.at(THEM):
        bad, after = send("bad"), send("bad")
        good = send("good")
    spoil(running, bad)
    running.start()
    until(lambda: [stream for stream, _ in arrived(running)] == ["good"], 20)
    with running.nodes.at(THEM):
        until(lambda: Outbox.objects.get(pk=bad).state == "dead", 10)
        row = Outbox.objects.get(pk=bad)
        assert row.last_error["refused"] == "not_granted" and row.answered and not row.told
        assert Outbox.objects.get(pk=after).state == "waiting"
    assert arrived(running) == [("good", good)]


def spoil(running: Running, message: UUID) -> None:
    """Make a row of the outbox something the peer will never take: a purpose the compact does not grant."""
    with psycopg.connect(running.nodes.places[THEM].database_url) as connection:
        (body,) = connection.execute("SELECT envelope FROM exchange_outbox WHERE id = %s", [message]).fetchone() or ()
        spoilt = msgspec.structs.replace(envelopes.decode(bytes(body)), purpose="curiosity")
        connection.execute(
            "UPDATE exchange_outbox SET envelope = %s WHERE id = %s", [envelopes.encode(spoilt), message]
        )


def test_a_cut_link_is_waited_for_in_silence(running: Running) -> None:
    running.start(THEM)
    sent = fill(running)
    time.sleep(4)
    with running.nodes.at(THEM):
        tries = Log.objects.filter(direction="sent").count()
        assert 1 <= tries <= 3 * STREAMS  # one round, and no message signed and logged again and again after it
        assert Outbox.objects.exclude(last_error=None).count() >= 1
    running.start(US)
    assert_all_once_in_order(running, sent)
