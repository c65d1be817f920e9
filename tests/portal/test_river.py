"""The course of a case: which lane each bend lies in, how the river flows on, and how a state looks."""

import pytest

from chuanyu.core.catalogue import catalogue
from chuanyu.portal import river

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("filed_at", "lanes", "flows"),
    [
        ("sichuan", ["sichuan", "chongqing", "sichuan", "sichuan"], ["across", "back", "left", ""]),
        ("chongqing", ["chongqing", "sichuan", "chongqing", "chongqing"], ["back", "across", "right", ""]),
    ],
)
def test_the_planned_course_follows_whoever_owns_the_state(filed_at: str, lanes: list[str], flows: list[str]) -> None:
    bends = river.planned(catalogue()["pension_transfer"], filed_at)
    assert [bend.lane for bend in bends] == lanes
    assert [bend.flow for bend in bends] == flows
    assert {bend.mark for bend in bends} == {"planned"}
    assert bends[1].owner and bends[1].owner.zh.startswith("重庆" if filed_at == "sichuan" else "四川")


@pytest.mark.parametrize(
    ("service", "state", "tone"),
    [
        ("pension_transfer", "applied", "wait"),
        ("pension_transfer", "correcting", "ask"),
        ("pension_transfer", "proving", "ask"),
        ("pension_transfer", "closed", "done"),
        ("pension_transfer", "refused", "stop"),
        ("pension_transfer", "withdrawn", "quiet"),
        ("unemployment_transfer", "rejected", "stop"),
        ("unemployment_transfer", "done", "done"),
        ("unemployment_transfer", "a_state_of_before", "wait"),
    ],
)
def test_how_a_state_looks_is_read_off_the_graph(service: str, state: str, tone: str) -> None:
    assert river.tone(catalogue()[service], state) == tone


def test_a_service_that_is_gone_still_has_a_look() -> None:
    assert river.tone(None, "anything") == "wait"
