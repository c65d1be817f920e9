"""Replay is pure: the same events lead both sides to the same place, and no event that does not fit leads anywhere."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chuanyu.cases.replay import ACT, NOWHERE, START, Event, Fork, Gap, Invalid, Position, advance, resolve
from chuanyu.core.catalogue import catalogue
from chuanyu.core.outcomes import Outcome
from chuanyu.core.service import Procedure

SERVICES = [service for service in catalogue().values() if service.procedure]
HOME, OTHER = "sichuan", "chongqing"


def walk(data: st.DataObject, procedure: Procedure, steps: int = 12) -> list[Event]:
    """A case as its declaration allows it: any act, any of its outcomes."""
    parties = resolve(procedure, HOME, OTHER)
    state = procedure.start_state
    owner = parties[procedure.states[state].owner or ""]
    agency = owner if owner.startswith(HOME) else next(a for a in parties.values() if a.startswith(HOME))
    first = Event(
        case="c", sequence=1, previous="", at="2025-03-03T00:00:00+00:00", node=HOME, agency=agency, by="applicant",
        kind=START, source="", target=state,
    )  # fmt: skip
    events, position = [first], step(NOWHERE, first, procedure)
    for _ in range(data.draw(st.integers(0, steps))):
        declared = procedure.states[position.state]
        if declared.final or not declared.does:
            break
        act = data.draw(st.sampled_from(list(declared.does.values())))
        outcome, target = data.draw(st.sampled_from(list(act.to.items())))
        event = Event(
            case="c", sequence=position.sequence + 1, previous=position.head, at="2025-03-04T00:00:00+00:00",
            node=position.owner.partition("/")[0], agency=position.owner, by="staff", kind=ACT,
            source=position.state, target=target, act=act.name,
            outcome=Outcome(outcome=outcome) if act.decide else None,  # type: ignore[arg-type]
        )  # fmt: skip
        events.append(event)
        position = step(position, event, procedure)
    return events


def step(position: Position, event: Event, procedure: Procedure) -> Position:
    return advance(position, event, procedure=procedure, parties=resolve(procedure, HOME, OTHER), filed_at=HOME)


def fold(events: list[Event], procedure: Procedure) -> Position:
    position = NOWHERE
    for event in events:
        position = step(position, event, procedure)
    return position


@given(st.data())
def test_both_sides_reach_the_same_place_over_the_wire(data: st.DataObject) -> None:
    procedure = data.draw(st.sampled_from(SERVICES)).procedure
    assert procedure is not None
    events = walk(data, procedure)
    sent = [msgspec.convert(msgspec.json.decode(msgspec.json.encode(event)), Event) for event in events]
    assert fold(events, procedure) == fold(sent, procedure)
    assert fold(events, procedure).final == procedure.states[events[-1].target].final


@given(st.data())
def test_an_event_that_was_changed_is_not_followed_by_the_rest(data: st.DataObject) -> None:
    """Whatever is altered in an event that has a successor, the successor no longer follows it."""
    procedure = data.draw(st.sampled_from(SERVICES)).procedure
    assert procedure is not None
    events = walk(data, procedure)
    place = data.draw(st.integers(0, len(events) - 1))
    changed = msgspec.structs.replace(events[place], note="x")
    forged = [*events[:place], changed, *events[place + 1 :]]
    if place == len(events) - 1:
        assert fold(forged, procedure).head != fold(events, procedure).head
    else:
        with pytest.raises(Fork):
            fold(forged, procedure)


@given(st.data())
def test_what_does_not_fit_the_declaration_leads_nowhere(data: st.DataObject) -> None:
    procedure = data.draw(st.sampled_from(SERVICES)).procedure
    assert procedure is not None
    events = walk(data, procedure)
    last, before = events[-1], fold(events[:-1], procedure)
    changes: list[dict[str, Any]] = [
        {"target": "no_such_state"},
        {"source": "no_such_state"},
        {"node": OTHER if last.node == HOME else HOME},
        {"agency": "sichuan/edu"},
        {"kind": "no_such_kind"},
        {"act": "no_such_act"} if last.kind == ACT else {"target": "closed"},
        {"sequence": last.sequence + 1},
        {"sequence": last.sequence - 1},
        {"previous": "0" * 64},
    ]
    change = data.draw(st.sampled_from(changes))
    with pytest.raises((Gap, Fork, Invalid)):
        step(before, msgspec.structs.replace(last, **change), procedure)


def test_a_closed_case_stays_closed() -> None:
    procedure = catalogue()["pension_transfer"].procedure
    assert procedure is not None
    closed = Position(sequence=4, head="h", state="closed", owner="", final=True, writer="")
    for kind in ("act", "request_refused", "migrated", "posting_refused"):
        event = Event(
            case="c", sequence=5, previous="h", at="2025-03-04T00:00:00+00:00", node=HOME, agency="sichuan/hrss",
            by="staff", kind=kind, source="closed", target="applied",
        )  # fmt: skip
        with pytest.raises(Invalid):
            step(closed, event, procedure)
