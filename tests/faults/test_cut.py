"""The link between the nodes fails in every way a link can; both sides go on working, and in the end they agree."""

import time
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import pytest
from scene import PENSION, Journey, Person, Scene, until

from chuanyu.core.ids import uuid7
from chuanyu.core.service import NODES
from wires import CUT, DARK, DEAF, OPEN

pytestmark = pytest.mark.usefixtures("slow")  # strangers' slow bodies are there all the time, and hurt nobody


def journey(scene: Scene) -> Journey:
    return Journey(scene, str(uuid7()))


def arrived(scene: Scene, one: Journey, node: str, state: str) -> None:
    until(
        f"{one.case} is {state} at {node}",
        lambda: scene.value(node, "SELECT state FROM cases_case WHERE id = %s", one.case) == state,
    )


def ask_to_withdraw(one: Journey) -> UUID:
    """The resident asks for it in Sichuan while Chongqing owns the case."""
    seen = one.seen_by(one.resident)
    assert seen is not None and seen["state"] == "requested"
    body = {"expects": seen["sequence"], "documents": {}, "note": ""}
    status, said = one.resident.ask("POST", f"/api/cases/{one.case}/acts/withdraw", body)
    assert status == 200, said
    return UUID(said["request"])


def quick(person: Person, path: str) -> None:
    """Pages do not wait for the other node."""
    began = time.monotonic()
    status, _ = person.ask("GET", path)
    assert status == 200 and time.monotonic() - began < 5


def test_both_sides_work_on_while_the_link_is_cut(scene: Scene) -> None:
    """One author at a time decides: a release that was first stands, a withdrawal that was alone is done."""
    late, alone, new, whole = (journey(scene) for _ in range(4))
    for one in (late, alone, whole):
        one.do("start")
        one.do("accept")
        arrived(scene, one, "chongqing", "requested")
    scene.wires.put(CUT)
    ask_to_withdraw(late)
    ask_to_withdraw(alone)
    late.do("release")
    whole.do("release")
    new.do("start")
    new.do("accept")
    for node in NODES:
        quick(scene.clerk(node), f"/api/cases/{whole.case}")
        until(f"letters wait at {node}", lambda node=node: queued(scene, node) >= 2)  # type: ignore[misc]
    _, used = whole.resident.ask("GET", "/api/accesses")
    assert [one["there"] for one in used["accesses"] if one["service"] == PENSION] == [None]  # said, not guessed
    assert used["there"] is False
    assert scene.value("sichuan", "SELECT state FROM cases_case WHERE id = %s", whole.case) == "requested"
    assert scene.value("chongqing", "SELECT count(*) FROM cases_case WHERE id = %s", new.case) == 0
    assert scene.log("sichuan") and scene.log("chongqing")

    scene.wires.put(OPEN)
    for one in (late, whole):
        one.do("confirm")
    late.completes(steps=5)  # the withdrawal that came too late is a step too
    whole.completes()
    (told,) = scene.sql("sichuan", "SELECT act, status, reason FROM cases_request WHERE case_id = %s", late.case)
    assert told == ("withdraw", "refused", "too_late")
    arrived(scene, alone, "sichuan", "withdrawn")
    assert scene.same(alone.case)[:3] == ("withdrawn", True, "")
    assert scene.value("sichuan", 'SELECT count(*) FROM clearing_instruction WHERE "case" = %s', alone.case) == 0
    new.do("release")
    new.do("confirm")
    new.completes()


def queued(scene: Scene, node: str) -> int:
    return int(scene.value(node, "SELECT count(*) FROM exchange_outbox WHERE state = 'waiting'"))


HOPS = {"accept": ("chongqing", "requested"), "release": ("sichuan", "released"), "confirm": ("chongqing", "closed")}


def test_every_answer_is_lost_at_first(scene: Scene) -> None:
    """Each message is taken, its receipt is lost, it is sent again: taken once, and the same receipt given again."""
    one = journey(scene)
    one.do("start")
    for step, (receiver, state) in HOPS.items():
        scene.at_rest()  # and nobody believes the link to be down
        wire = scene.wires.to[receiver]
        lost = wire.lost
        scene.wires.put(DEAF, receiver)
        one.do(step)
        arrived(scene, one, receiver, state)
        until("an answer is lost", lambda wire=wire, lost=lost: wire.lost > lost)  # type: ignore[misc]
        scene.wires.put(OPEN)
    one.completes()
    messages = [
        (receiver, message)
        for sender, receiver in (NODES, NODES[::-1])
        for (message,) in scene.sql(sender, "SELECT id FROM exchange_outbox WHERE stream = %s", one.case)
    ]
    assert len(messages) == 3
    for receiver, message in messages:
        rows = [row for row in scene.log(receiver) if row["message"] == message and row["direction"] == "answer_sent"]
        assert len(rows) >= 2 and {row["status"] for row in rows} == {200}
        assert len({row["digest"] for row in rows}) == 1  # the same answer, signed anew


def test_the_other_side_takes_everything_and_says_nothing(scene: Scene) -> None:
    """A dark link costs each question a wait, and the node that asks must not wait with it."""
    one = journey(scene)
    one.do("start")
    one.do("accept")
    arrived(scene, one, "chongqing", "requested")
    scene.wires.put(DARK)
    one.do("release")
    others = [scene.traveller() for _ in range(6)]
    with ThreadPoolExecutor(len(others)) as pool:
        asking = [pool.submit(person.ask, "GET", "/api/accesses") for person in others]
        time.sleep(0.5)
        for _ in range(5):
            quick(scene.clerk("sichuan"), f"/api/cases/{one.case}")
        assert [status for status, _ in (each.result(30) for each in asking)] == [200] * len(others)
    scene.wires.put(OPEN)
    one.do("confirm")
    one.completes()
