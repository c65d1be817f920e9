"""A second service that takes files needs its folder alone: meter readings, whose bill is what was used since the reading before."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from depot import Depot

from chuanyu.clearing import actions, queries
from chuanyu.clearing.files import intake, judging, reconcile
from chuanyu.clearing.files import queries as files
from chuanyu.clearing.models import FileRow, Order, Page
from chuanyu.core import catalogue as catalogues
from chuanyu.core.money import Money
from chuanyu.core.service import NODES
from chuanyu.identity.actor import SYSTEM

SOUND = Path(__file__).parents[1] / "core" / "sound" / "living" / "readings"
HEADING = b"at,owes,meter,day,value,sealed\n"


@pytest.fixture
def readings(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The installed services and the sample one."""
    both = MappingProxyType({**catalogues.load(), **catalogues.load(SOUND)})
    monkeypatch.setattr(catalogues, "load", lambda folder=None: both)
    catalogues.catalogue.cache_clear()
    yield
    monkeypatch.undo()
    catalogues.catalogue.cache_clear()


@pytest.mark.django_db(transaction=True)
def test_readings_are_billed_by_what_was_used_and_paid_in_the_month(
    readings: None, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    link: Any = request.getfixturevalue("link")  # after the services: the compact is made of them
    for own in link.nodes.places.values():
        shutil.rmtree(own.home / "uploads", ignore_errors=True)
    monkeypatch.setenv("CHUANYU_TODAY", "2025-06-10")
    depot = Depot(link, fund="")
    for node in NODES:
        with depot.at(node):
            actions.fund(agency="housing", service="readings", amount=Money.parse("1000.00"))
    depot.turn("2025-06-20")
    lines = [
        b"sichuan,chongqing,1,2025-05-01,100,true\n",
        b"sichuan,chongqing,1,2025-06-01,130,\n",
        b"sichuan,chongqing,1,2025-06-15,120,\n",
    ]
    with depot.at("sichuan"):
        upload, _ = intake.upload(
            service="readings", actor=SYSTEM("sichuan"), name="r", chunks=[HEADING + b"".join(lines)]
        )
    depot.work()
    with depot.at("sichuan"):
        seen = files.upload(upload.pk, SYSTEM("sichuan"))
        assert (seen.counted, seen.refused, seen.total) == (2, 1, 5000 + 1500)
        assert [(note.line, note.code) for note in seen.notes] == [(4, "backwards")]
    with depot.at("chongqing"):
        assert FileRow.objects.filter(service="readings", state="counted").count() == 2
        assert [(p.state, p.amount, p.period) for p in Page.objects.all()] == [("paid", 6500, "2025-06")]
    depot.turn("2025-07-01")
    depot.work()
    for node in NODES:
        with depot.at(node):
            reconcile.work()
            assert all(found.equal for found in files.reconciliations())
            assert [w.state for w in queries.windows()] == ["closed"]
    with depot.at("chongqing"):
        assert [(o.payer, o.amount) for o in Order.objects.all()] == [("chongqing/housing", 6500)]
    assert judging.work is not None
