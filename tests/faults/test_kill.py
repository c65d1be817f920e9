"""kill -9 of everything, everywhere: the journey completes, nothing is lost and nothing happens twice.

Three ways of choosing the moment: between two steps; at an exact point inside a step, where a held lock makes the victim
stand still; and at random. Random moments print their seed; CHUANYU_SEEDS=7,8 runs others.
"""

import os
import random
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from scene import PROGRAMS, Journey, Scene, until

from chuanyu.core.ids import uuid7
from chuanyu.core.service import NODES
from chuanyu.node import postgres

SEEDS = [int(seed) for seed in os.environ.get("CHUANYU_SEEDS", "1,2").split(",")]


@pytest.fixture
def journey(scene: Scene) -> Journey:
    for node in NODES:
        scene.clerk(node)  # signed in before anything dies
    return Journey(scene, str(uuid7()))


@pytest.mark.parametrize("node", NODES)
def test_a_whole_node_between_any_two_steps(scene: Scene, journey: Journey, node: str) -> None:
    """Right after each click, while what follows from it is still on its way: all processes of a node at once.

    Once only its supervisor: the programs follow it on their own, and may still be there when the next one comes.
    """
    for step in Journey.STEPS:
        journey.do(step)
        (scene.kill_supervisor if step == "release" else scene.kill_node)(node)
    journey.completes()


@pytest.mark.parametrize("seed", SEEDS)
def test_any_program_at_any_moment(scene: Scene, journey: Journey, seed: int) -> None:
    """Around each click up to three programs of either node die."""
    if SEEDS.index(seed) % 2 and SEEDS.index(seed) > 1:
        for node in NODES:  # a supervisor grows patient with a program that keeps dying; a new one is not
            scene.kill_node(node)
    chance = random.Random(seed)
    victims = [(node, program) for node in NODES for program in PROGRAMS]
    for step in Journey.STEPS:
        plan = sorted((chance.uniform(0, 1), *chance.choice(victims)) for _ in range(chance.choice((1, 2, 3))))
        print(f"seed {seed}, {step}: {plan}")
        killer = threading.Thread(target=_kill, args=(scene, plan))
        killer.start()
        journey.do(step)
        killer.join()
    journey.completes()


def _kill(scene: Scene, plan: list[tuple[float, str, str]]) -> None:
    began = time.monotonic()
    for moment, node, program in plan:
        time.sleep(max(0.0, began + moment - time.monotonic()))
        scene.kill(node, program)


# --- at an exact point ------------------------------------------------------------------------------------------------


class Click:
    """A step taken in a thread of its own, because it stands still somewhere."""

    def __init__(self, journey: Journey, step: str) -> None:
        self._pool = ThreadPoolExecutor(1)
        self._done = self._pool.submit(journey.do, step)

    def done(self) -> None:
        self._done.result(90)
        self._pool.shutdown()


def test_at_every_exact_point(scene: Scene, journey: Journey) -> None:
    """One journey; at each point the victim has done the one thing and not yet the next, and dies there."""
    # filing: the case is not yet written
    hold = scene.hold("sichuan", "cases_event")
    click = Click(journey, "start")
    hold.somebody_waits()
    scene.kill("sichuan", "portal")
    hold.let_go()
    click.done()

    # accepting: the step is written, the letter to the other side is not, nothing is committed
    hold = scene.hold("sichuan", "exchange_outbox")
    arriving = scene.hold("chongqing", "exchange_inbox")
    click = Click(journey, "accept")
    hold.somebody_waits()
    scene.kill("sichuan", "portal")
    hold.let_go()
    click.done()

    # the letter arrived and is not yet stored
    arriving.somebody_waits()
    scene.kill("chongqing", "gateway")
    applying = scene.hold("chongqing", "cases_event")
    arriving.let_go()

    # it is stored and not yet applied
    applying.somebody_waits()
    scene.kill("chongqing", "worker")
    applying.let_go()

    # releasing: the step is written, the posting is not yet instructed
    hold = scene.hold("chongqing", "clearing_instruction")
    click = Click(journey, "release")
    hold.somebody_waits()
    scene.kill("chongqing", "portal")
    posting = scene.hold("chongqing", "clearing_order")
    hold.let_go()
    click.done()

    # the ledger has the money and nobody has heard of it
    posting.somebody_waits()
    assert _posted_and_known(journey, "chongqing") == (1, "waiting")
    scene.kill("chongqing", "worker")
    posting.let_go()

    # the same again, and now it is the database that dies
    posting = scene.hold("chongqing", "clearing_order")
    posting.somebody_waits()
    assert _posted_and_known(journey, "chongqing") == (1, "waiting")
    arriving = scene.hold("sichuan", "exchange_inbox")
    scene.kill("chongqing", "postgres")

    # the hand-over is taken and answered, and not yet marked as sent
    arriving.somebody_waits()
    sending = scene.hold("chongqing", "exchange_outbox")
    applying = scene.hold("sichuan", "clearing_instruction")
    arriving.let_go()
    sending.somebody_waits()
    scene.kill("chongqing", "gateway")
    sending.let_go()

    # it is being applied: the step is written, the mirror is not yet instructed
    applying.somebody_waits()
    scene.kill("sichuan", "worker")
    posting = scene.hold("sichuan", "ledger.entry")
    applying.let_go()

    # the ledger is asked, and will answer nobody
    posting.somebody_waits()
    scene.kill("sichuan", "worker")
    posting.let_go()

    # confirming: the database dies with the step in its hands
    hold = scene.hold("sichuan", "exchange_outbox")
    click = Click(journey, "confirm")
    hold.somebody_waits()
    arriving = scene.hold("chongqing", "exchange_answer")
    scene.kill("sichuan", "postgres")
    click.done()

    # the last letter is stored after its gateway died: it is sent again, and known
    arriving.somebody_waits()
    scene.kill("chongqing", "gateway")
    arriving.let_go()
    journey.completes()


def _posted_and_known(journey: Journey, node: str) -> tuple[int, str]:
    """How many transfers the ledger has for the case, and what clearing knows of it."""
    id_, status = journey.scene.sql(
        node, 'SELECT id, status FROM clearing_instruction WHERE "case" = %s', journey.case
    )[0]
    return journey.scene.value(node, "SELECT count(*) FROM ledger.transfer WHERE id = %s AND status = 0", id_), status


# --- the database's own start -------------------------------------------------------------------------------------------


def test_a_number_that_something_else_bears_does_not_stop_the_database(tmp_path: Path) -> None:
    """A killed server's number may belong to a zombie nobody reaps, or after a restart to any program of the same user."""
    tmp_path.chmod(0o711)
    for folder in tmp_path.parents[:2]:
        folder.chmod(0o711)
    sockets = Path("/tmp") / f"chuanyu-{uuid7().hex[-10:]}"
    server = postgres.Server(home=tmp_path / "node", sockets=sockets, password="secret", durable=False)
    server.create()
    user = {"user": server.user.pw_uid, "group": server.user.pw_gid} if server.user else {}
    stranger = subprocess.Popen(["sleep", "60"], **user)  # type: ignore[call-overload]
    try:
        server.start()
        _, *rest = (server.data / "postmaster.pid").read_text().split("\n")
        server.stop()
        (server.data / "postmaster.pid").write_text("\n".join([str(stranger.pid), *rest]))
        server.start()
        assert server.ready()
    finally:
        stranger.kill()
        stranger.wait()
        server.stop()
        server.remove()


def test_once_the_database_is_back_nobody_sees_an_error(scene: Scene) -> None:
    """The programs outlive their database: connections of before are not handed to anybody."""
    clerk = scene.clerk("sichuan")
    with ThreadPoolExecutor(8) as pool:  # so that connections are open
        list(pool.map(lambda _: clerk.ask("GET", "/api/cases"), range(16)))
        before = scene.value("sichuan", "SELECT pg_postmaster_start_time()")
        scene.kill("sichuan", "postgres")
        until("another one runs", lambda: scene.value("sichuan", "SELECT pg_postmaster_start_time()") != before)
        told = list(pool.map(lambda _: clerk.ask("GET", "/api/cases")[0], range(32)))
    assert set(told) == {200}, told
    assert scene.pair.answers("sichuan")


def test_the_command_says_that_the_logs_are_whole(scene: Scene) -> None:
    """`chuanyu log verify`, after all this."""
    for node in NODES:
        assert "no gap, every leaf right" in scene.pair.command("log", "verify", "--at", node).stdout
