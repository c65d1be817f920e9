"""The made-up past: its cases replay, both nodes agree on them, and figures come out of them."""

from typing import Any

import pytest

from chuanyu.cases import declarations, evidence
from chuanyu.cases.models import Case, Event
from chuanyu.cases.replay import NOWHERE, advance
from chuanyu.core.service import NODES
from chuanyu.delivery.models import Rating
from chuanyu.identity.here import here
from chuanyu.node.samples import past
from chuanyu.watch import queries


def test_a_made_up_case_replays_to_where_it_stands(db: None) -> None:
    written = past.load(300)
    assert written == Case.objects.count() >= 150
    for case in Case.objects.all():
        position = NOWHERE
        for event in Event.objects.filter(case=case).order_by("sequence"):
            procedure = declarations.procedure(case.declaration_id)
            step = evidence.step_of(event.body)
            position = advance(position, step, procedure=procedure, parties=case.parties, filed_at=case.filed_at)
            assert position.head == event.hash
        assert (position.state, position.final, position.owner) == (case.state, case.final, case.owner)
        assert (case.due is None) == case.final or case.due is not None
    assert past.load(300) == 0  # a second time nothing is added
    queries.forget()
    assert queries.snapshot().filed.value
    queries.forget()


def test_both_nodes_agree_on_what_both_know(two_nodes: Any) -> None:
    known: dict[str, dict[Any, Any]] = {}
    for node in NODES:
        with two_nodes.at(node):
            past.load(200)
            known[node] = {case.pk: (case.head, case.state, case.filed_at) for case in Case.objects.all()}
            assert not Case.objects.exclude(filed_at=here()).exclude(origin="").exists()
    first, second = known.values()
    both = set(first) & set(second)
    assert both and all(first[case] == second[case] for case in both)


@pytest.mark.parametrize("index", range(3))
def test_the_same_number_is_the_same_case(index: int) -> None:
    one, two = past.made(index), past.made(index)
    assert one.case.pk == two.case.pk and one.number == two.number
    assert [step.target for step, _ in one.events][:1] == [step.target for step, _ in two.events][:1]


def test_some_rated_and_the_scorecard_says_how(db: None) -> None:
    past.load(400)
    queries.forget()
    rated = [card.satisfied for card in queries.snapshot().scorecards if card.satisfied]
    assert rated and all(0 <= one.low <= one.high <= 1 for one in rated)
    assert all(one.rated.value or one.rated.kind == "small" for one in rated)  # few of a service are not counted out
    assert not Rating.objects.filter(bad=True, due=None).exists()
    assert not Rating.objects.exclude(case=None).exists()  # nobody can tell who it was
    queries.forget()
