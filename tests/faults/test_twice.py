"""Several hands at once on live nodes: one case, one step, one amount; everybody is told what became of theirs."""

import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from scene import PENSION, Journey, Scene, until

from chuanyu.core.ids import uuid7

HANDS = 16


def at_once(*acts: Callable[[], tuple[int, Any]]) -> list[tuple[int, Any]]:
    """Do all of these at the same moment; what each was told, in order."""
    told: list[tuple[int, Any]] = [(0, None)] * len(acts)
    ready = threading.Barrier(len(acts))

    def hand(n: int) -> None:
        ready.wait()
        told[n] = acts[n]()

    hands = [threading.Thread(target=hand, args=(n,)) for n in range(len(acts))]
    for one in hands:
        one.start()
    for one in hands:
        one.join(60)
    return told


def test_one_application_sent_sixteen_times_is_one_case(scene: Scene) -> None:
    """The same id from a page that was sent again and again: every answer names the same case, and none is an error."""
    person, case = scene.traveller(), str(uuid7())
    body = {"id": case, "service": PENSION, "documents": {"application": {}}}
    told = at_once(*[lambda: person.ask("POST", "/api/cases", body)] * HANDS)
    assert {(status, said.get("case"), said.get("sequence")) for status, said in told} == {(200, case, 1)}, told
    assert scene.sql("sichuan", "SELECT sequence FROM cases_event WHERE case_id = %s", case) == [(1,)]


def test_sixteen_applications_of_one_person_are_one_case(scene: Scene) -> None:
    """Other ids, the same person: the first one counts, and the others are led to it."""
    person = scene.traveller()
    bodies = [{"id": str(uuid7()), "service": PENSION, "documents": {"application": {}}} for _ in range(HANDS)]
    told = at_once(*[lambda body=body: person.ask("POST", "/api/cases", body) for body in bodies])
    assert Counter((status, said.get("error")) for status, said in told) == {
        (200, None): 1,
        (409, "duplicate"): HANDS - 1,
    }
    assert len({said["case"] for _, said in told}) == 1
    _, mine = person.ask("GET", "/api/cases")
    assert len(mine) == 1


@pytest.mark.parametrize(("step", "before"), [("accept", 1), ("release", 2), ("confirm", 3)])
def test_two_clerks_take_one_step(scene: Scene, step: str, before: int) -> None:
    """One event; the other clerk is told that the case moved on, and sees where to."""
    journey = Journey(scene, str(uuid7()))
    for earlier in Journey.STEPS[:before]:
        journey.do(earlier)
    node = Journey.WHO[step]
    clerks = [scene.clerk(node), scene.clerk(node, "clerk-hrss-2")]
    until(
        "it is on the desk",
        lambda: step in [act["name"] for act in (journey.seen_by(clerks[0]) or {"acts": []})["acts"]],
    )
    body = {"expects": before, "documents": {}, "note": ""}
    path = f"/api/cases/{journey.case}/acts/{step}"
    told = at_once(*[lambda clerk=clerk: clerk.ask("POST", path, body) for clerk in clerks for _ in range(2)])
    refused = "closed" if step == "confirm" else "moved_on"
    assert Counter((status, said.get("error")) for status, said in told) == {(200, None): 1, (409, refused): 3}, told
    for rest in Journey.STEPS[before + 1 :]:
        journey.do(rest)
    journey.completes()


def test_two_withdrawals_are_one_request(scene: Scene) -> None:
    """Asked of the owner at the other node from two windows at once."""
    journey = Journey(scene, str(uuid7()))
    journey.do("start")
    journey.do("accept")
    body = {"expects": 2, "documents": {}, "note": ""}
    path = f"/api/cases/{journey.case}/acts/withdraw"
    told = at_once(*[lambda: journey.resident.ask("POST", path, body)] * 4)
    assert Counter(status for status, _ in told) == {200: 1, 409: 3}, told
    assert {said["error"] for status, said in told if status != 200} <= {"already_asked", "moved_on", "closed"}
    scene.at_rest()
    assert scene.same(journey.case)[:2] == ("withdrawn", True)
    assert scene.sql("chongqing", "SELECT status FROM cases_request WHERE case_id = %s", journey.case) == [("done",)]
