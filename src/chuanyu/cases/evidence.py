"""What a step rests on: the documents given and held, the facts of the person, the register, and the rule that decides."""

import hashlib
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

import msgspec

from chuanyu.cases import errors, store
from chuanyu.cases.errors import CaseError
from chuanyu.cases.models import Attachment, Case
from chuanyu.cases.replay import Event
from chuanyu.core import days
from chuanyu.core.catalogue import catalogue
from chuanyu.core.documents import DocumentError, FieldError, Moment, decode, encode
from chuanyu.core.ids import uuid7
from chuanyu.core.outcomes import Outcome
from chuanyu.core.parameters import Parameters
from chuanyu.core.rules import decide as decide_rule
from chuanyu.core.service import Declared, DocumentSpec, Service
from chuanyu.exchange import actions as exchange_actions
from chuanyu.exchange import queries as exchange
from chuanyu.identity import vault
from chuanyu.identity.actor import Actor

ATTACHMENT_LIMIT = 2 * 1024 * 1024  # bytes; in base64 it still fits the gateway's 4 MiB
MEDIA_TYPES = {b"%PDF-": "application/pdf", b"\x89PNG\r\n\x1a\n": "image/png", b"\xff\xd8\xff": "image/jpeg"}
ENDINGS = {"application/pdf": (".pdf",), "image/png": (".png",), "image/jpeg": (".jpg", ".jpeg")}  # the first is given
NAME_LIMIT = 200  # characters of a file's name


class Evidence:
    """What the owner of a state can see of a case. Nothing is fetched before a rule or a step asks for it."""

    def __init__(self, case: Case, *, agency: str, actor: Actor) -> None:
        self.case = case
        self.agency = agency
        self.actor = actor
        self.taken: dict[str, Any] = {}
        self._held: dict[str, Any] | None = None
        self._register: dict[str, Any] = {}

    @property
    def specs(self) -> Mapping[str, DocumentSpec]:
        """The document classes this node has for the service."""
        return _service(self.case.service).documents

    def get(self, name: str, moment: datetime) -> Any:
        """A document as plain data: just taken, held by the case, from the register, or what the node knows. None if absent.

        What a step makes for the register is read there and nowhere else: other cases write it too, and what the ledger
        refused was never entered.
        """
        if name in self.taken:
            return self.taken[name]
        spec = self.specs.get(name)
        if spec is not None and spec.stays:
            return self.registered(name)
        if self._held is None:
            self._held = {document: body for document, _, body in store.documents(self.case.pk)}
        if name in self._held:
            return self._held[name]
        if spec is None:
            return None
        if spec.cls is Moment:
            legal = moment.astimezone(days.SHANGHAI)
            return {"day": legal.date().isoformat(), "time": legal.time().isoformat("seconds")}
        if spec.by == "node":
            self._held[name] = encode(
                vault.facts(self.case.person, purpose=self.case.service, by=self.actor.id, trace=str(self.case.pk))
            )
            return self._held[name]
        return self.registered(name) if spec.register else None

    def registered(self, name: str) -> Any:
        """The agency's own record in the front register, valid today. None if it has none."""
        if name not in self._register:
            key = f"{self.case.service}.{name}"
            self._register[name] = exchange.register(self.agency, key, self.case.person, days.today())
        return self._register[name]

    def enter(self, name: str, body: Any, *, day: date) -> None:
        """What was made becomes the register's entry that is valid from `day` on."""
        exchange_actions.put(
            agency=self.agency,
            document=f"{self.case.service}.{name}",
            person=self.case.person,
            body=body,
            valid_from=day,
            source=self.case.reference,
        )

    def take(self, names: tuple[str, ...], given: Mapping[str, Any]) -> dict[str, Any]:
        """The documents a step takes: as given, or from the register. Kept here for the rule that decides."""
        self.taken = take(self.specs, names, given, self)
        return self.taken


def take(
    specs: Mapping[str, DocumentSpec],
    names: tuple[str, ...],
    given: Mapping[str, Any],
    evidence: Evidence | None = None,
) -> dict[str, Any]:
    """`given` validated against the declared classes, as plain data. Raises CaseError "documents" with every wrong field."""
    wrong = [FieldError(name, errors.NOT_NEEDED, "unknown") for name in given if name not in names]
    taken: dict[str, Any] = {}
    for name in names:
        body = given.get(name)
        if body is None and specs[name].register and evidence is not None:
            body = evidence.registered(name)
        if body is None:
            wrong.append(FieldError(name, errors.MISSING_DOCUMENT, "required"))
            continue
        try:
            taken[name] = encode(decode(specs[name].cls, body))
        except DocumentError as error:
            wrong += [FieldError(f"{name}.{e.path}" if e.path else name, e.message) for e in error.errors]
    if wrong:
        raise CaseError("documents", errors.DOCUMENTS, fields=tuple(wrong))
    return taken


def decide(
    evidence: Evidence, declared: Declared, name: str, now: datetime, *, node: str
) -> tuple[Outcome, dict[str, Any]]:
    """Run the rule `name` on this evidence with the parameters of the case's own declaration. Returns it and what it read."""
    service = _service(evidence.case.service)
    rule = service.rules.get(name)
    if rule is None:
        raise CaseError("no_rule", errors.NO_RULE)
    day = days.legal_day(evidence.case.filed if rule.on == "application" else now)
    moment = evidence.case.filed if rule.on == "application" else now
    documents = {document: body for document in rule.documents if (body := evidence.get(document, moment)) is not None}
    missing = [document for document in rule.documents if document not in documents and document not in rule.optional]
    if missing:
        raise CaseError(
            "documents",
            errors.DOCUMENTS,
            fields=tuple(FieldError(m, errors.MISSING_DOCUMENT, "required") for m in missing),
        )
    decision = decide_rule(service, name, documents, day=day, node=node, parameters=declared.parameters)
    return decision.outcome, dict(decision.used)


def make(evidence: Evidence, declared: Declared, names: tuple[str, ...], now: datetime, *, node: str) -> dict[str, Any]:
    """The documents that rules make, each the value of the rule of its name; they count as taken. Returns what was read."""
    used: dict[str, Any] = {}
    for name in names:
        outcome, read = decide(evidence, declared, name, now, node=node)
        evidence.taken[name] = encode(outcome.value)
        used |= read
    return used


def term(declared: Declared, name: str, *, day: date, node: str) -> int:
    """A state's term in working days, as of `day`."""
    days_: int = getattr(Parameters(declared.parameters, day, node), name)
    return days_


def attachment(case: Case, content: bytes, *, filename: str, by: str, actor: str, node: str) -> Attachment:
    """A file checked by what it is, not by what it says it is."""
    kind = media_type(content)
    if kind is None:
        raise CaseError("media_type", errors.NOT_ALLOWED_TYPE, fields=(FieldError("file", errors.NOT_ALLOWED_TYPE),))
    if len(content) > ATTACHMENT_LIMIT:
        raise CaseError("too_large", errors.TOO_LARGE, fields=(FieldError("file", errors.TOO_LARGE),))
    return Attachment(
        id=uuid7(),
        case=case,
        filename=safe_name(filename, kind),
        media_type=kind,
        size=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        content=content,
        by=by,
        actor=actor,
        node=node,
        at=days.now(),
    )


def safe_name(filename: str, kind: str) -> str:
    """What a file of media type `kind` is called here: the last part of its name, ending in what it is.

    What shows as nothing or turns the line around goes, what no system has in a name becomes "_".
    """
    last = filename.replace("\\", "/").rpartition("/")[2]
    name = "".join("_" if c in '<>:"|?*' else c for c in last if c.isprintable()).strip()
    ending = next((each for each in ENDINGS[kind] if name.lower().endswith(each)), "")
    stem, ending = (name[: -len(ending)], name[-len(ending) :]) if ending else (name, ENDINGS[kind][0])
    return (stem[: NAME_LIMIT - len(ending)] or "file") + ending


def media_type(content: bytes) -> str | None:
    """What a file is by its first bytes; None for what we do not take."""
    return next((media for magic, media in MEDIA_TYPES.items() if content.startswith(magic)), None)


def step_of(body: dict[str, Any]) -> Event:
    """An event from its stored or received body. Raises msgspec.ValidationError."""
    return msgspec.convert(body, Event)


def _service(key: str) -> Service:
    service = catalogue().get(key)
    if service is None:
        raise CaseError("no_procedure", errors.NO_PROCEDURE)
    return service
