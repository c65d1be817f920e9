"""What readers of a case see: plain frozen structures, the same for pages and the API."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec

from chuanyu.core.text import Text


class DocumentView(msgspec.Struct, frozen=True, kw_only=True):
    """A document as it stands in the case. `title`: from the declaration's class; `body`: plain data; `by`: as of a step."""

    name: str
    title: Text
    body: dict[str, Any]
    by: str
    node: str
    at: datetime
    digest: str


class AttachmentView(msgspec.Struct, frozen=True, kw_only=True):
    id: UUID
    filename: str
    media_type: str
    size: int
    sha256: str
    by: str
    node: str
    at: datetime
    here: bool  # the bytes are at this node (they cross with the next hand-over)
    removable: bool  # the viewer added it, and no step rests on it yet


class TransferView(msgspec.Struct, frozen=True, kw_only=True):
    """Money of this case. `amount` in the unit, "40660.37". status: posting | posted | refused; of what was reserved:
    reserved | used | released | expired; of what was posted and then taken back: reversed; of what
    the other node never had, so that the books were put right: adjusted.
    """

    id: UUID
    name: str
    title: Text  # what it is for
    amount: str
    unit: str
    payer: Text
    payee: Text
    status: str
    reason: str
    at: datetime | None
    order: str  # number of the payment order, "" before it exists
    kind: str = "plain"  # plain | pending | post | void | reverse | adjust

    @property
    def stands(self) -> bool:
        """False for a reservation that something came of, and for what only puts books right: what it came to is shown."""
        return self.kind != "adjust" and (self.kind != "pending" or self.status in ("posting", "reserved", "refused"))


class StepView(msgspec.Struct, frozen=True, kw_only=True):
    """One event of the case, as the applicant may read it."""

    sequence: int
    at: datetime
    act: str
    title: Text  # the act's title
    state: str
    state_title: Text  # the state after it
    by: str  # applicant | counter (the applicant, through a clerk) | staff | system
    node: str
    agency: Text | None
    outcome: str  # accept, refuse, … or ""
    reason: Text | None
    remedy: Text | None
    ref: str
    ref_title: Text | None
    note: str
    parameters: dict[str, Any]  # what the decision read: key → {value, since, ref, certainty}
    transfer: TransferView | None
    moved: bool  # the case changed hands with it
    delegated: bool = False  # the applicant's delegate took it (known where they did)


class ActView(msgspec.Struct, frozen=True, kw_only=True):
    """Something the viewer can do now. `takes`: document names with a form; `register`: those taken from the front register."""

    name: str
    title: Text
    takes: tuple[str, ...]
    register: tuple[str, ...]
    decide: str | None
    rule_title: str
    refs: tuple[str, ...]  # basis keys the step rests on
    note: bool
    moves: tuple[str, ...]  # postings the step touches
    requested: bool  # the viewer's node does not own the state: it will be asked of the owner


class RequestView(msgspec.Struct, frozen=True, kw_only=True):
    """An act asked of the owner by somebody else. status: waiting | done | refused."""

    id: UUID
    act: str
    title: Text
    at: datetime
    status: str
    reason: Text | None


class CaseView(msgspec.Struct, frozen=True, kw_only=True):
    id: UUID
    reference: str  # short, for people: "CY-7K3M-92QD"
    service: str
    name: Text
    state: str
    title: Text
    final: bool
    outside: bool  # it waits for what is in no agency's hands
    owner: str  # party, "" when final
    owner_node: str
    owner_agency: Text | None
    here: bool  # this node owns the state
    since: datetime
    due: date | None
    provisional: bool
    overdue: bool
    escalated: bool
    posting: bool  # waits for the ledger
    filed_at: str
    filed: datetime
    person: UUID
    sequence: int
    head: str  # hash of the last event
    declaration: str
    documents: tuple[DocumentView, ...]
    attachments: tuple[AttachmentView, ...]
    steps: tuple[StepView, ...]
    acts: tuple[ActView, ...]
    requests: tuple[RequestView, ...]
    transfers: tuple[TransferView, ...]
    queued: int  # messages of this case still on their way to the other node


class RowView(msgspec.Struct, frozen=True, kw_only=True):
    """A case in a list. Lists carry no names: opening a case is what shows (and records) whose it is."""

    id: UUID
    reference: str
    service: str
    name: Text
    state: str
    title: Text
    final: bool
    owner_node: str
    owner_agency: Text | None
    here: bool
    since: datetime
    filed: datetime
    filed_at: str
    due: date | None
    provisional: bool
    overdue: bool
    escalated: bool
    posting: bool
    waiting: int  # requests waiting for the owner


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """How many cases of one state wait for an agency. `ours`: staff can take a step there; else it is the applicant's turn."""

    service: str
    declaration: str
    state: str
    title: Text
    count: int
    late: int
    newest: datetime
    ours: bool


class DoneView(msgspec.Struct, frozen=True, kw_only=True):
    """A step that one member of staff took. `act` is "" where the case was filed; `outcome` is "" where no rule decided."""

    at: datetime
    case: UUID
    reference: str
    service: str
    name: Text
    act: str
    title: Text
    outcome: str
    state: str
    state_title: Text


class LevelView(msgspec.Struct, frozen=True, kw_only=True):
    """How an agency keeps the term of one state. `days`: the median of working days a step took; None where none was taken."""

    service: str
    name: Text
    state: str
    title: Text
    term: int  # working days, as of today
    done: int
    on_time: int
    days: int | None
    open: int
    late: int

    @property
    def share(self) -> Decimal | None:
        """The share on time, 0 to 1; None where nothing was done."""
        return Decimal(self.on_time) / self.done if self.done else None


class Acted(msgspec.Struct, frozen=True, kw_only=True):
    """What an action did. `request` is set when the step was asked of the owner instead of taken here."""

    case: UUID
    reference: str
    sequence: int
    state: str
    outcome: str
    reason: Text | None
    request: UUID | None = None


class Foreseen(msgspec.Struct, frozen=True, kw_only=True):
    """What a step would come to if it were taken now. `amount` in the unit, "" where the step moves no money."""

    outcome: str
    state_title: Text
    reason: Text | None
    remedy: Text | None
    ref: str
    amount: str
    unit: str
    parameters: dict[str, Any]
    final: bool = False  # it would end the case
