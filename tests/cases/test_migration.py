"""A change of procedure takes running cases along, by a map of states, and the other side follows."""

import copy
import dataclasses
from typing import Any

import pytest
from world import World

from chuanyu.cases import declarations, migration
from chuanyu.core import catalogue as catalogues
from chuanyu.core.declaration import declared


@pytest.fixture
def renamed(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The pension service with its state `applied` renamed to `filed` and a shorter term, from the moment it is called."""

    def change() -> None:
        old = catalogues.catalogue()["pension_transfer"]
        plain = copy.deepcopy(dict(old.declaration))
        states = plain["cases"]["states"]
        plain["cases"]["states"] = {("filed" if name == "applied" else name): state for name, state in states.items()}
        plain["cases"]["start"]["state"] = "filed"
        plain["cases"]["states"]["filed"]["does"]["accept"]["to"]["hold"] = "filed"
        plain["cases"]["states"]["correcting"]["does"]["resubmit"]["to"] = "filed"
        new = declared(plain)
        service = dataclasses.replace(old, procedure=new.procedure, declaration=new.declaration, hash=new.hash)
        known = dict(catalogues.catalogue()) | {"pension_transfer": service}
        for module in ("actions", "evidence", "shown", "migration"):
            monkeypatch.setattr(f"chuanyu.cases.{module}.catalogue", lambda: known)

    return change


def test_a_case_moves_to_the_new_declaration_and_the_other_side_follows(world: World, renamed: Any) -> None:
    world.register("chongqing")
    case = world.start().case
    with world.at("sichuan"):
        ((old, state, count, newest),) = migration.open_cases("pension_transfer")
        assert (state, count, newest) == ("applied", 1, True)
    renamed()
    with world.at("sichuan"):
        assert [m.target for m in migration.plan("pension_transfer", old, {})] == [
            None
        ]  # no counterpart: nothing happens
        moves = migration.plan("pension_transfer", old, {"applied": "filed"})
        assert [(m.state, m.target, m.cases) for m in moves] == [("applied", "filed", [case])]
        assert world.state("sichuan", case) == "applied"  # planning changes nothing
        assert migration.carry_out("pension_transfer", moves) == 1
        assert migration.carry_out("pension_transfer", moves) == 0  # it has moved on
    assert world.state("sichuan", case) == "filed"
    world.act("sichuan", case, "accept")
    world.settle()
    world.same(case)
    assert world.view("chongqing", case).declaration != old
    world.act("chongqing", case, "release")
    world.settle()
    world.same(case)


def test_a_running_case_keeps_the_declaration_it_began_under(world: World, renamed: Any) -> None:
    case = world.start().case
    renamed()
    accepted = world.act("sichuan", case, "accept")
    assert accepted.state == "requested"
    with world.at("sichuan"):
        assert "applied" in declarations.procedure(world.view("sichuan", case).declaration).states


def test_an_unknown_declaration_is_named(world: World) -> None:
    with world.at("sichuan"), pytest.raises(LookupError):
        migration.plan("pension_transfer", "0" * 12, {})
