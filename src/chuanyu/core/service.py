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

    `register`: taken from the party's front register.
    """

    name: str
    class_name: str
    by: str
    title: Text
    register: bool = False


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
    """A verb on a state. `to` maps each outcome of `decide` to a state; without `decide`, the one key "accept"."""

    name: str
    title: Text
    by: str  # "owner" | "applicant" | a party's name
    to: Mapping[str, str]
    takes: tuple[str, ...] = ()
    decide: str | None = None
    post: str | None = None
    note: bool = False  # the actor writes a sentence the applicant will read


@dataclass(frozen=True)
class State:
    """A waiting state has an owner (a party) and a term (a parameter in working_days); a final one has neither."""

    name: str
    title: Text
    owner: str | None = None
    term: str | None = None
    does: Mapping[str, Act] = field(default_factory=dict)
    final: bool = False


@dataclass(frozen=True)
class Procedure:
    """The graph two agencies walk together."""

    parties: Mapping[str, Party]
    start_state: str
    start_takes: tuple[str, ...]
    states: Mapping[str, State]
    several: bool = False  # a person may have more than one open case of it


@dataclass(frozen=True)
class Posting:
    """What an act with `post` moves: the rule of the same name gives the amount."""

    name: str
    payer: str
    payee: str
    unit: str
    cycle: str  # gross | net


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
