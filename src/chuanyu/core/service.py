"""What a service declares, as frozen objects. `catalogue.py` builds them from folders; the capabilities run them.

Nothing here decides or stores. A `Service` is immutable and safe to share between threads.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from chuanyu.core.documents import Document
from chuanyu.core.parameters import Parameter
from chuanyu.core.text import Text

NODES = ("chongqing", "sichuan")


@dataclass(frozen=True)
class Basis:
    """A legal act by its 文号: `key` is how parameters and reasons refer to it."""

    key: str
    title: Text
    since: str  # ISO date
    until: str | None = None
    url: str = ""


@dataclass(frozen=True, kw_only=True)
class DeclaredDocument:
    """`by`: "applicant", "node" (facts the node knows, e.g. `person`) or a party.

    `register`: taken from the party's front register. `made`: the value of the rule of the same name, when an act `makes` it;
    made and register together: what is made is the register's new entry, and stays there.
    `explains`: the document whose lines this one, made, explains one by one: a bill and its settlement.
    """

    name: str
    class_name: str
    by: str
    title: Text
    register: bool = False
    made: bool = False
    explains: str = ""

    @property
    def stays(self) -> bool:
        """True for an entry that a step makes for its own register: it never leaves the node."""
        return self.made and self.register


@dataclass(frozen=True, kw_only=True)
class DocumentSpec(DeclaredDocument):
    """A declared document with its class, where the service's folder is at hand."""

    cls: type[Document]


@dataclass(frozen=True)
class Reason:
    """A sentence the applicant can read and a clerk can say aloud."""

    key: str
    text: Text
    remedy: Text | None = None  # what to do about it


@dataclass(frozen=True)
class Rule:
    """A pure function of named documents, `p` (parameters of the day) and `day`."""

    name: str
    function: Callable[..., Any]
    outcomes: tuple[str, ...]
    on: str  # which date counts: application | event | decision
    documents: tuple[str, ...]  # in signature order; optional ones are in `optional`
    optional: frozenset[str]
    wants_parameters: bool
    wants_day: bool
    title: str = ""  # first line of the docstring


@dataclass(frozen=True)
class Party:
    """`node`: "filed_at", "other", "chongqing" or "sichuan"."""

    name: str
    agency: str
    node: str


@dataclass(frozen=True)
class Act:
    """A verb on a state. `to` maps each outcome of `decide` to a state; without `decide`, the one key "accept".

    Order: take the documents, decide; where that is an accept, make the documents, then move the money. By "auto" the
    owner's node acts by itself: when the state is entered or, with `at`, at the moment that rule gives. What it holds (hold)
    is left to the owner's clerk, who may repeat it.
    """

    name: str
    title: Text
    by: str  # "owner" | "applicant" | "auto" | a party's name
    to: Mapping[str, str]
    takes: tuple[str, ...] = ()
    decide: str | None = None
    makes: tuple[str, ...] = ()  # documents: each the value of the rule of its name, in this order
    reserve: tuple[str, ...] = ()  # postings: each of the amount the rule of its name gives, pending
    post: tuple[str, ...] = ()  # what was reserved, by what the rule gives now; else a plain transfer
    void: tuple[str, ...] = ()  # the reservation is given back
    reverse: tuple[str, ...] = ()  # what was posted goes back by an opposite transfer in the current window
    note: bool = False  # the actor writes a sentence the applicant will read
    at: str | None = None  # by "auto" only: a rule whose value is the moment (datetime, legal time) to act at

    @property
    def moves(self) -> tuple[str, ...]:
        """Every posting the act touches."""
        return (*self.reserve, *self.post, *self.void, *self.reverse)


@dataclass(frozen=True)
class State:
    """A waiting state has an owner (a party) and a term (a parameter in working_days); a final one has neither.

    `outside`: it waits for what is in no agency's hands, such as a stay in hospital or the applicant's correction. Its term
    runs, so that it is not forgotten, but the time in it is counted neither into the time allowed nor against the promise.
    """

    name: str
    title: Text
    owner: str | None = None
    term: str | None = None
    does: Mapping[str, Act] = field(default_factory=dict)
    outside: bool = False
    final: bool = False


@dataclass(frozen=True)
class Procedure:
    """The graph two agencies walk together."""

    parties: Mapping[str, Party]
    start_state: str
    start_takes: tuple[str, ...]
    states: Mapping[str, State]
    many: bool = False  # a person may have several open cases of the service at once


@dataclass(frozen=True)
class Prepayment:
    """Money the payer has put in before: its opening amount by a rule, its alarms by the share of it that is used."""

    rule: str
    yellow: str  # parameters, ratios
    red: str


@dataclass(frozen=True)
class Holder:
    """Whose account at the payee's a posting goes to: the person about whom the payee's register holds `document` with what
    the case's document `of` says in the fields of the same names."""

    document: str
    of: str


@dataclass(frozen=True)
class Posting:
    """What an act moves: the rule of the same name gives the amount (Money, or int for points and items).

    title: what the money is for, as a statement of an account says it.
    payer, payee: a party, or "applicant" with `source` or `target` "person": a personal account in the book of the party that
    owns the state. `allowance`: a rule of registered documents and the moment alone, whose value (a Document) tells the holder of
    a personal account what may still be moved now.
    """

    name: str
    title: Text
    payer: str
    payee: str
    unit: str  # CNY | points | items
    cycle: str  # gross | net
    window: str = ""  # day | month: settled with all others of it; "": by an order of its own
    source: str = "fund"  # fund | prepayment | person
    target: str = "fund"  # fund | person | holder
    prepayment: Prepayment | None = None
    allowance: str = ""
    holder: Holder | None = None


@dataclass(frozen=True)
class RowHistory:
    """What a rule knows of a subject's rows before: `document`, whose list `field` holds those of the day and `days` before."""

    document: str
    field: str
    days: int


@dataclass(frozen=True)
class Batch:
    """Files that agencies' systems hand in, row by row. Names of fields are those of `document`, which each row is.

    `by`: the field that says at which node the row was made: only the agency there may upload it. With `posts`, the payee
    of that posting is `by`, its payer another such field, and the rule of its name gives what the row costs.
    """

    document: str
    agency: str  # its code; the same at both nodes
    key: tuple[str, ...]  # what identifies a row, for ever
    subject: str  # whose rows follow on each other
    by: str
    day: str
    counts: str  # the rule that says whether a row counts
    time: str | None = None
    posts: str | None = None
    history: RowHistory | None = None


@dataclass(frozen=True)
class Promise:
    """The public promise an indicator measures: `share` of cases within `within` `unit`."""

    within: int
    unit: str
    share: str
    ref: str
    certainty: str


@dataclass(frozen=True, kw_only=True)
class Declared:
    """What a declaration says, without the folder it came from: enough to replay a case that began under it.

    `declaration` is service.yaml as plain data; `hash` its SHA-256 over canonical JSON.
    `declaration.declared` builds it.
    """

    name: Text
    summary: Text
    words: tuple[str, ...] = ()  # what people call it: only the search reads them
    clause: int
    leads: Mapping[str, str]
    mode: str
    life: tuple[str, ...]
    basis: Mapping[str, Basis]
    parameters: Mapping[str, Parameter]
    documents: Mapping[str, DeclaredDocument]
    reasons: Mapping[str, Reason]
    procedure: Procedure | None
    postings: Mapping[str, Posting]
    batch: Batch | None = None
    promise: Promise | None
    declaration: Mapping[str, Any]
    hash: str


@dataclass(frozen=True, kw_only=True)
class Service(Declared):
    """One service, whole: what it declares, and the code of its folder."""

    key: str  # the folder's name
    chapter: str  # education | health | culture | employment | living | safety
    folder: Path
    documents: Mapping[str, DocumentSpec]
    rules: Mapping[str, Rule]
    examples: Mapping[str, Any]  # {"decisions": [...], "journeys": [...]}
    lines: Mapping[str, int] = field(default_factory=dict)  # dotted path in service.yaml → line
