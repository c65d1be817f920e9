"""A step that moves several sums moves all of them or none, and a case is looked at as it stood at one moment."""

from typing import Any

import msgspec
import pytest
from world import World

from chuanyu.cases import errors, moves, queries, shown
from chuanyu.cases.models import Case
from chuanyu.clearing import queries as clearing
from chuanyu.core.ids import uuid7

FEE = 100  # fen
TOO_MUCH = 10**12  # fen: no fund has it


def two_sums(monkeypatch: pytest.MonkeyPatch, second: int) -> None:
    """From now on every act that moves a sum moves another one of `second` fen with it."""
    one = moves.of_act

    def both(*given: Any) -> Any:
        transfers, used = one(*given)
        more = [msgspec.structs.replace(t, id=str(uuid7()), name=t.name, amount=second) for t in transfers]
        return (*transfers, *more), used

    monkeypatch.setattr(moves, "of_act", both)


def owed(world: World) -> dict[str, int]:
    found = {}
    for node, name in (("chongqing", "due_to/sichuan/hrss"), ("sichuan", "due_from/chongqing/hrss")):
        with world.at(node):
            found[node] = sum(a.balance for a in clearing.accounts() if a.name == name)
    return found


def test_when_one_is_refused_the_case_comes_back_and_nothing_has_moved(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.register("chongqing")
    case = world.start().case
    world.act("sichuan", case, "accept")
    world.settle()
    with monkeypatch.context() as wrong:
        two_sums(wrong, TOO_MUCH)
        world.act("chongqing", case, "release")
        world.settle()
    view = world.view("chongqing", case)
    assert (view.state, view.steps[-1].reason) == ("requested", errors.REASONS["posting_insufficient"])
    assert owed(world) == {"chongqing": 0, "sichuan": 0}
    two_sums(monkeypatch, FEE)
    world.act("chongqing", case, "release")
    world.settle()
    world.same(case)
    assert world.view("sichuan", case).state == "released"
    assert owed(world) == {"chongqing": 4066037 + FEE, "sichuan": -4066037 - FEE}


def test_a_step_taken_while_a_case_is_being_looked_at_is_not_half_seen(world: World) -> None:
    """The row is read, then its events and papers: what was appended in between belongs to the next look."""
    world.register("chongqing")
    case = world.start().case
    world.act("sichuan", case, "accept")
    world.settle()
    with world.at("chongqing"):
        clerk = world.clerk("chongqing")
        read = Case.objects.get(pk=case)
        before = shown.whole(read, clerk)
    world.act("chongqing", case, "release")  # it takes the account's record
    with world.at("chongqing"):
        after = shown.whole(read, clerk)
        assert (len(after.steps), after.documents) == (len(before.steps), before.documents)
        assert len(queries.view(case, clerk).documents) > len(before.documents)
