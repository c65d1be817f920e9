"""The transfers of one step of a case are posted all or none: what is refused takes the others with it."""

from uuid import UUID

import pytest
from town import Town, sql

from chuanyu.clearing import batches, posting
from chuanyu.clearing.models import Instruction
from chuanyu.core.ids import uuid7

TOO_MUCH = 100000001  # fen: one more than the fund has


def step(town: Town, *amounts: int, **more: object) -> list[UUID]:
    """Several transfers of one event."""
    case = uuid7()
    return [town.pay("chongqing", amount, case=case, sequence=3, **more) for amount in amounts]


def statuses(town: Town, ids: list[UUID]) -> list[tuple[str, str]]:
    return [town.status("chongqing", id_) for id_ in ids]


@pytest.mark.parametrize("amounts", [(1000, TOO_MUCH), (TOO_MUCH, 1000), (1000, TOO_MUCH, 500)])
def test_one_that_is_refused_takes_the_others_with_it(town: Town, amounts: tuple[int, ...]) -> None:
    ids = step(town, *amounts)
    alone = town.pay("chongqing", 7)
    town.work()
    wanted = [("refused", "insufficient" if amount == TOO_MUCH else "linked") for amount in amounts]
    assert statuses(town, ids) == wanted
    assert town.status("chongqing", alone) == ("posted", "")
    assert town.balances("chongqing")["fund"] == 100000000 - 7
    first_heard = next(told for _, told in town.heard if told.id in ids)
    assert first_heard.reason == "insufficient"  # it is the reason the case is told
    town.sound()


def test_all_are_posted_when_none_is_refused(town: Town) -> None:
    ids = step(town, 1000, 2000, 3000)
    town.work()
    assert statuses(town, ids) == [("posted", "")] * 3
    assert town.balances("sichuan")["due_from/chongqing/hrss"] == -6000
    town.sound()


def test_all_or_none_holds_across_windows(town: Town) -> None:
    """A monthly and a daily one, and a reservation given back, in the same step."""
    held = town.pay("chongqing", 400, kind="pending")
    town.work()
    case = uuid7()
    ids = [
        town.pay("chongqing", 0, kind="void", of=held, case=case, sequence=2),
        town.pay("chongqing", 1000, window="month", case=case, sequence=2),
        town.pay("chongqing", TOO_MUCH, window="day", case=case, sequence=2),
    ]
    town.work()
    assert statuses(town, ids) == [("refused", "linked"), ("refused", "linked"), ("refused", "insufficient")]
    with town.at("chongqing"):
        assert sql("SELECT sum(pending_out) FROM ledger.account") == [(400,)]
    again = [
        town.pay("chongqing", 0, kind="void", of=held, case=case, sequence=4),
        town.pay("chongqing", 1000, window="month", case=case, sequence=4),
        town.pay("chongqing", 2000, window="day", case=case, sequence=4),
    ]
    town.work()
    assert statuses(town, again) == [("posted", "")] * 3
    assert town.balances("chongqing")["fund"] == 100000000 - 3000
    town.sound()


def test_a_full_batch_does_not_cut_a_step_in_two(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(posting, "BATCH", 2)
    alone = town.pay("chongqing", 1)
    ids = step(town, 1000, TOO_MUCH)
    town.work()
    assert town.status("chongqing", alone) == ("posted", "")
    assert statuses(town, ids) == [("refused", "linked"), ("refused", "insufficient")]
    town.sound()


def test_a_batch_that_collides_is_never_split_through_a_step(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    from django.db.utils import OperationalError

    asked: list[list[int]] = []
    real = batches.post

    def colliding(book: str, postings: list[batches.Posting], **more: object) -> list[int]:
        asked.append([p.amount for p in postings])
        if len(postings) > 2:
            raise OperationalError("deadlock detected")
        return real(book, postings, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(batches, "post", colliding)
    town.pay("chongqing", 1)
    step(town, 1000, 2000)
    town.pay("chongqing", 2)
    with town.at("chongqing"):
        assert posting.work() == 4
    assert [1000, 2000] in [amounts[-2:] for amounts in asked] + [amounts[:2] for amounts in asked]
    assert not [amounts for amounts in asked if (1000 in amounts) != (2000 in amounts)]
    town.on_its_way.clear()


def test_an_answer_is_stored_for_all_or_for_none(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """The worker dies while it stores the second: both are asked again, and get the same answers."""
    ids = step(town, 1000, 2000)
    real, failing = posting._follow, [True]

    def follow(instruction: Instruction) -> None:
        if instruction.amount == 2000 and failing.pop():
            raise RuntimeError("killed")
        real(instruction)

    monkeypatch.setattr(posting, "_follow", follow)
    with town.at("chongqing"):
        assert posting.work() == 0
        assert set(Instruction.objects.values_list("status", flat=True)) == {"waiting"}
        failing.append(False)
        assert posting.work() == 2
    assert statuses(town, ids) == [("posted", "")] * 2
    assert town.balances("chongqing")["fund"] == 100000000 - 3000


def test_a_step_waits_whole_for_what_one_of_it_refers_to(town: Town) -> None:
    from datetime import timedelta

    from django.utils import timezone

    held = town.pay("chongqing", 1000, kind="pending")
    case = uuid7()
    ids = [
        town.pay("chongqing", 5, case=case, sequence=2),
        town.pay("chongqing", 1000, kind="post", of=held, case=case, sequence=2),
    ]
    with town.at("chongqing"):
        Instruction.objects.filter(pk=held).update(at=timezone.now() + timedelta(seconds=5))
        assert posting.work() == 1
    assert statuses(town, ids) == [("waiting", "")] * 2
    town.work()
    assert statuses(town, ids) == [("posted", "")] * 2
