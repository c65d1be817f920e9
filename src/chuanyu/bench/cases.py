"""Five-step cases a second in one process, every check on, beside two workflow engines doing five durable steps.

Ours: filed, asked for evidence, answered, asked again, answered again: permissions are checked, rules decide, documents
are validated and hashed, reveals audited, deadlines counted, events chained. Theirs: five steps that do nothing, each
stored before the next. The machine's limit beside them: pgbench's single-row writes.
"""

import re
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import date
from itertools import pairwise
from typing import Any

import psycopg

from chuanyu.bench.nodes import Node, one_node

SECONDS = 8.0  # of each measurement
CLERKS = 4  # at work at once in the one process, each on its own case
NODE = "sichuan"


def run() -> dict[str, Any]:
    """Figures by name; rates are per second, ratios say against what."""
    with one_node(NODE) as node:
        writes = pgbench(node)
        ours = _rate(_ours(node))
        figures: dict[str, Any] = {
            "five-step cases/s": round(ours, 1),
            "steps/s": round(ours * 5, 1),
            "pgbench single-row commits/s, one client": round(writes, 1),
            "commits of ours per commit of pgbench": round(ours * 5 / writes, 3),
        }
        for name, peer in (("dbos", _dbos), ("spiffworkflow", _spiff)):
            try:
                with peer(node) as five_steps:
                    theirs = _rate(five_steps)
            except ImportError:
                figures[f"{name} five-step workflows/s"] = "not installed: pip install chuanyu[bench]"
                continue
            figures[f"{name} five-step workflows/s"] = round(theirs, 1)
            figures[f"ours / {name}"] = round(ours / theirs, 2)
        return figures


def pgbench(node: Node) -> float:
    """Single-row durable updates a second from one connection: what a step can't beat."""
    with psycopg.connect(node.superuser_url, autocommit=True) as connection:
        connection.execute("DROP TABLE IF EXISTS bench_row")
        connection.execute("CREATE TABLE bench_row (id int PRIMARY KEY, n int)")
        connection.execute("INSERT INTO bench_row SELECT i, 0 FROM generate_series(1, 1000) i")
    script = node.folder / "row.sql"
    script.write_text("\\set id random(1, 1000)\nUPDATE bench_row SET n = n + 1 WHERE id = :id;\n")
    script.chmod(0o644)
    done = subprocess.run(
        [
            node.program("pgbench"),
            "-n",
            "-c",
            "1",
            "-M",
            "prepared",
            "-T",
            str(int(SECONDS)),
            "-f",
            str(script),
            node.superuser_url,
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    found = re.search(r"tps = ([0-9.]+)", done.stdout)
    assert found is not None, done.stdout
    return float(found.group(1))


def _rate(once: Callable[[], None]) -> float:
    """Runs a second of `once` by CLERKS threads of this process, after a short warm-up."""
    counts: list[int] = []

    def work(until: float) -> None:
        count = 0
        while time.perf_counter() < until:
            once()
            count += 1
        counts.append(count)

    for seconds in (0.5, SECONDS):  # the first round warms up
        counts.clear()
        began = time.perf_counter()
        threads = [threading.Thread(target=work, args=(began + seconds,)) for _ in range(CLERKS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    return sum(counts) / (time.perf_counter() - began)


def _ours(node: Node) -> Callable[[], None]:
    node.django()
    from chuanyu.cases import actions
    from chuanyu.core.ids import uuid7
    from chuanyu.core.numbers import make_person_number
    from chuanyu.identity import vault
    from chuanyu.identity.actor import Actor

    clerk = Actor(kind="staff", user="clerk", node=NODE, agency="hrss", roles=frozenset({"clerk"}))

    def people() -> Iterator[Actor]:
        """Men of 51 and more whose household registration is not on record: they are asked for it."""
        for i in range(100_000):
            born = date(1970, 1 + i % 12, 1 + i // 12 % 28)
            number = make_person_number(division="510000", birth=born, sequence=(1 + i // 336 * 2) % 999, sex="male")
            person = vault.enrol(number)
            yield Actor(kind="resident", user=f"r{i}", node=NODE, person=person, roles=frozenset({"resident"}))

    ready = people()
    crowd = [next(ready) for _ in range(4000)]  # enrolling is not what is measured

    def once() -> None:
        who = crowd.pop()
        assert who.person is not None
        case = actions.start(
            service="pension_transfer", actor=who, person=who.person, documents={"application": {}}, request_id=uuid7()
        ).case
        for sequence in (1, 3):
            asked = actions.act(case=case, act="accept", actor=clerk, expects=sequence)
            assert asked.state == "correcting"
            actions.act(case=case, act="resubmit", actor=who, expects=sequence + 1, documents={"application": {}})

    return once


@contextmanager
def _dbos(node: Node) -> Iterator[Callable[[], None]]:
    from dbos import DBOS, DBOSConfig

    url = node.make_database("bench_dbos")
    DBOS(config=DBOSConfig(name="bench", system_database_url=url, log_level="ERROR"))

    @DBOS.step()
    def step(i: int) -> int:
        return i

    @DBOS.workflow()
    def five() -> int:
        return sum(step(i) for i in range(5))

    DBOS.launch()
    try:
        yield lambda: _is(five(), 10)
    finally:
        DBOS.destroy()


def _is(found: int, expected: int) -> None:
    assert found == expected


@contextmanager
def _spiff(node: Node) -> Iterator[Callable[[], None]]:
    """A BPMN process of five manual tasks, serialised and stored after each, as its users do to survive a crash."""
    from SpiffWorkflow import TaskState
    from SpiffWorkflow.bpmn import BpmnWorkflow
    from SpiffWorkflow.bpmn.parser import BpmnParser
    from SpiffWorkflow.bpmn.serializer import BpmnWorkflowSerializer

    parser = BpmnParser()
    parser.add_bpmn_str(_bpmn().encode())
    spec = parser.get_spec("five")
    serializer = BpmnWorkflowSerializer()
    url = node.make_database("bench_spiff")
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE workflow (id bigserial PRIMARY KEY, state jsonb)")
    own = threading.local()
    with ExitStack() as stack:

        def once() -> None:
            connection = own.__dict__.get("connection")
            if connection is None:
                connection = own.connection = stack.enter_context(psycopg.connect(url))
            workflow = BpmnWorkflow(spec)
            row: tuple[int] | None = None
            for _ in range(5):
                workflow.do_engine_steps()
                workflow.get_next_task(state=TaskState.READY, manual=True).run()
                state = serializer.serialize_json(workflow)
                if row is None:
                    row = connection.execute(
                        "INSERT INTO workflow (state) VALUES (%s) RETURNING id", [state]
                    ).fetchone()
                else:
                    connection.execute("UPDATE workflow SET state = %s WHERE id = %s", [state, row[0]])
                connection.commit()
            workflow.do_engine_steps()
            assert workflow.completed

        yield once


def _bpmn() -> str:
    names = ["start", *(f"step{i}" for i in range(5)), "end"]
    nodes = (
        '<bpmn:startEvent id="start"/>'
        + "".join(f'<bpmn:manualTask id="{n}"/>' for n in names[1:-1])
        + '<bpmn:endEvent id="end"/>'
    )
    flows = "".join(
        f'<bpmn:sequenceFlow id="f{i}" sourceRef="{a}" targetRef="{b}"/>' for i, (a, b) in enumerate(pairwise(names))
    )
    return (
        '<bpmn:definitions xmlns:bpmn="http://www.omg.org/spec/BPMN/20100524/MODEL" targetNamespace="chuanyu">'
        f'<bpmn:process id="five" isExecutable="true">{nodes}{flows}</bpmn:process></bpmn:definitions>'
    )
