"""The course of a case as two lanes of one river: who acted at which bend, where it lies now, what still lies ahead."""

from dataclasses import dataclass, replace

from chuanyu.cases.diagram import main_path
from chuanyu.cases.ends import End, end
from chuanyu.cases.views import CaseView, StepView
from chuanyu.core.catalogue import catalogue
from chuanyu.core.service import NODES, Party, Procedure, Service, State
from chuanyu.core.text import Text
from chuanyu.identity.queries import agency_name

ENDS: dict[End, str] = {"done": "done", "refused": "stop", "withdrawn": "quiet"}


@dataclass(frozen=True)
class Bend:
    """One bend. `lane`: the node it lies at; `to`: the node of the next bend, "" at the mouth.

    `mark`: "" taken, "now", "end", "ahead", and "planned" where nothing has happened yet. Taken bends carry their
    `step`, the others a title and an owner.
    """

    lane: str
    mark: str
    title: Text
    to: str = ""
    step: StepView | None = None
    owner: Text | None = None
    term: str = ""

    @property
    def flow(self) -> str:
        """Which piece of river leads on: down, across (left to right), back (right to left), or none."""
        if not self.to:
            return ""
        if self.to == self.lane:
            return "left" if self.lane == LEFT else "right"
        return "across" if self.lane == LEFT else "back"

    @property
    def dry(self) -> bool:
        return self.mark in ("now", "ahead")


LEFT = "sichuan"


def course(case: CaseView) -> list[Bend]:
    """The steps taken, the state the case is in, and the main path from there."""
    taken = [Bend(step.node, "", step.title, step=step) for step in case.steps]
    if case.final:
        taken[-1] = replace(taken[-1], mark="end")
        return _joined(taken)
    now = Bend(case.owner_node, "now", case.title, owner=case.owner_agency)
    service = catalogue().get(case.service)
    ahead = _ahead(service, case.state, case.filed_at) if service and case.state in _states(service) else []
    return _joined([*taken, now, *ahead])


def planned(service: Service, filed_at: str) -> list[Bend]:
    """The main path of a service, as if filed at that node."""
    if service.procedure is None:
        return []
    start = service.procedure.start_state
    bends = [_bend(service.procedure, start, filed_at), *_ahead(service, start, filed_at)]
    return _joined([replace(bend, mark="planned") for bend in bends])


def node_of(party: Party, filed_at: str) -> str:
    """Where a party of a case filed at `filed_at` sits."""
    if party.node == "filed_at":
        return filed_at
    return NODES[1 - NODES.index(filed_at)] if party.node == "other" else party.node


def owners(procedure: Procedure, filed_at: str) -> dict[str, Text]:
    """The agencies that play the parties of a case filed at that node."""
    return {
        name: agency_name(f"{node_of(party, filed_at)}/{party.agency}") for name, party in procedure.parties.items()
    }


def tone(service: Service | None, state: str) -> str:
    """How a state looks: wait, ask (the applicant must act), done, stop (refused), quiet (withdrawn).

    Read off the graph, so that a service need not say it: a state whose first act is the applicant's waits for them.
    """
    procedure = service.procedure if service else None
    found = procedure.states.get(state) if procedure else None
    if procedure is None or found is None:
        return "wait"
    if not found.final:
        first = next(iter(found.does.values()), None)
        return "ask" if first and first.by == "applicant" else "wait"
    return ENDS[end(procedure, state)]


def _states(service: Service) -> dict[str, State]:
    return dict(service.procedure.states) if service.procedure else {}


def _ahead(service: Service, state: str, filed_at: str) -> list[Bend]:
    """What the main path still holds after `state`; from a side state, the path it leads back to."""
    procedure = service.procedure
    assert procedure is not None
    path, name, seen = main_path(procedure), state, {state}
    while name not in path:
        acts = list(procedure.states[name].does.values())
        name = next(iter(acts[0].to.values())) if acts else path[-1]
        if name in seen:
            return []
        seen.add(name)
    rest = path[path.index(name) + (1 if name == state else 0) :]
    return [_bend(procedure, each, filed_at) for each in rest]


def _bend(procedure: Procedure, name: str, filed_at: str) -> Bend:
    state = procedure.states[name]
    if state.owner is None:
        return Bend("", "ahead", state.title)
    party = procedure.parties[state.owner]
    node = node_of(party, filed_at)
    return Bend(node, "ahead", state.title, owner=agency_name(f"{node}/{party.agency}"), term=state.term or "")


def _joined(bends: list[Bend]) -> list[Bend]:
    """Each bend told where the next one lies; an end without an owner stays in the lane it was reached in."""
    lanes: list[str] = []
    for bend in bends:
        lanes.append(bend.lane or (lanes[-1] if lanes else LEFT))
    return [replace(bend, lane=lane, to=to) for bend, lane, to in zip(bends, lanes, [*lanes[1:], ""], strict=True)]
