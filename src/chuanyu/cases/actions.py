"""Where cases are written: start, act, attach, and what follows from them, each in one transaction.

One node writes at a time: the one whose agency owns the state. A step of anyone else becomes a request to the owner.
"""

from typing import Any
from uuid import UUID

import structlog
from django.db import IntegrityError, transaction

from chuanyu.cases import declarations, errors, evidence, requests, steps, store
from chuanyu.cases.errors import CaseError
from chuanyu.cases.models import Attachment, Case, Event
from chuanyu.cases.replay import (
    MIGRATED,
    NOWHERE,
    POSTING_REFUSED,
    START,
    resolve,
)
from chuanyu.cases.replay import Event as Step
from chuanyu.cases.shipping import ship, will_ship
from chuanyu.cases.views import Acted
from chuanyu.clearing import queries as clearing
from chuanyu.core import days, divisions
from chuanyu.core.canonical import digest
from chuanyu.core.catalogue import catalogue
from chuanyu.core.ids import uuid7
from chuanyu.core.outcomes import Outcome
from chuanyu.core.service import Act, Procedure, Service, State
from chuanyu.identity import vault
from chuanyu.identity.actor import SYSTEM, Actor
from chuanyu.identity.here import here, peer

BATCH = 200  # automatic steps in one round, so that the worker's other jobs get their turn
log = structlog.get_logger("chuanyu.cases")
FILES = 20  # attachments a case can have
ORIGIN = "watch.flows"  # what the household is looked up for when a case begins


# ---- what people do


def start(*, service: str, actor: Actor, person: UUID, documents: dict[str, Any], request_id: UUID) -> Acted:
    """File a case for `person` here. The same `request_id` again answers with the same case.

    `documents`: name → plain data. Raises CaseError; code "duplicate" carries the first case.
    """
    try:
        with transaction.atomic():
            return _start(service, actor, person, documents, request_id)
    except IntegrityError:  # two at once: the other was first, and is seen by now
        with transaction.atomic():
            return _start(service, actor, person, documents, request_id)


def _start(service: str, actor: Actor, person: UUID, documents: dict[str, Any], request_id: UUID) -> Acted:
    if not (actor.is_person(person, service) or "clerk" in actor.roles or actor.is_system):
        raise CaseError("not_yours", errors.NOT_YOURS)
    declared, procedure, parties = check_may_file(actor, service)
    known = store.open_cases(request_id, service, person)
    if request_id in known:
        again = Case.objects.get(pk=request_id)
        if again.person != person or again.service != service:
            raise CaseError("not_yours", errors.NOT_YOURS)
        return steps.acted(again, None)
    if known and not procedure.many:
        raise CaseError("duplicate", errors.ALREADY_OPEN, case=known[0])
    taken = evidence.take(declared.documents, procedure.start_takes, documents)
    now = days.now()
    owner = parties[procedure.states[procedure.start_state].owner or ""]
    case = Case(
        id=request_id,
        reference=steps.reference(request_id),
        service=service,
        declaration_id=declarations.keep(declared),
        person=person,
        parties=parties,
        filed_at=here(),
        origin=_origin(person, request_id),
        filed=now,
        many=procedure.many,
    )
    step = Step(
        case=str(case.pk),
        sequence=1,
        previous="",
        at=steps.stamp(now),
        node=here(),
        agency=owner if steps.is_ours(owner) else next(a for a in parties.values() if steps.is_ours(a)),
        by="applicant" if actor.kind == "resident" else "staff",
        kind=START,
        source="",
        target=procedure.start_state,
        documents={name: digest(body) for name, body in taken.items()},
        declaration=case.declaration_id,
    )
    steps.append(case, step, NOWHERE, taken, actor)
    return steps.acted(case, None)


def check_may_file(actor: Actor, service: str) -> tuple[Service, Procedure, dict[str, str]]:
    """The service, its procedure and the parties a case filed here would have; CaseError where this actor files none of it."""
    declared = catalogue().get(service)
    if declared is None or declared.procedure is None:
        raise CaseError("no_procedure", errors.NO_PROCEDURE)
    parties = resolve(declared.procedure, here(), peer())
    if actor.kind == "staff" and not ("clerk" in actor.roles and f"{here()}/{actor.agency}" in parties.values()):
        raise CaseError("not_yours", errors.NOT_YOURS)
    return declared, declared.procedure, parties


@transaction.atomic
def act(
    *,
    case: UUID,
    act: str,
    actor: Actor,
    documents: dict[str, Any] | None = None,
    note: str = "",
    expects: int,
    request_id: UUID | None = None,
) -> Acted:
    """Take a step, or ask the owner to. `expects` is the sequence the person saw: if the case moved on since, nothing is done."""
    found = _locked(case)
    if not may_see(actor, found):
        raise CaseError("not_found", errors.NOT_FOUND)  # nor does it say how far the case is
    procedure = declarations.procedure(found.declaration_id)
    if found.final:
        raise CaseError("closed", errors.CLOSED)
    if found.sequence != expects:
        raise CaseError("moved_on", errors.MOVED_ON)
    step = procedure.states[found.state].does.get(act)
    if step is None:
        raise CaseError("no_such_step", errors.NO_SUCH_STEP)
    if not may(actor, found, step):
        raise CaseError("not_yours", errors.NOT_YOURS)
    note = "".join(c for c in note if c.isprintable() or c == "\n").strip()  # what a database and a page can hold
    if step.note and not note:
        raise CaseError("needs_sentence", errors.NEEDS_SENTENCE)
    if found.posting and step.by != "applicant":
        raise CaseError("posting", errors.POSTING)
    if not steps.is_ours(found.owner) or found.posting:
        return requests.ask_owner(found, step, actor, documents or {}, note, request_id or uuid7())
    done = steps.take(found, step, actor, documents or {}, note)
    if found.asked:
        requests.settle(found)
    return done


def may(actor: Actor, case: Case, act: Act) -> bool:
    """True if `actor` is who the declaration says takes this step, or a party's clerk with the applicant before them."""
    if act.by == "applicant":
        return actor.is_person(case.person, case.service) or (actor.assists(case.person) and is_party(actor, case))
    if act.by == "auto" and case.acts_at is not None and (act.at or case.acts_at <= days.now()):
        return False  # the node will; a clerk repeats only what it left, or what waits for money
    agency = case.owner if act.by in ("owner", "auto") else case.parties[act.by]
    node, _, code = agency.partition("/")
    return "clerk" in actor.roles and actor.serves(code, node)


def may_see(actor: Actor, case: Case) -> bool:
    """True for the person (or a delegate of theirs in this service), staff of the parties here, and the node itself."""
    if actor.is_system or actor.is_person(case.person, case.service):
        return True
    return actor.node == here() and is_party(actor, case)


def is_party(actor: Actor, case: Case) -> bool:
    """True if `actor` serves an agency that takes part in the case."""
    return any(
        actor.serves(code, node) for node, _, code in (agency.partition("/") for agency in case.parties.values())
    )


@transaction.atomic
def attach(*, case: UUID, actor: Actor, filename: str, content: bytes) -> UUID:
    """Add a file to an open case; its hash is sealed into the next step."""
    found = _locked(case)
    if not may_see(actor, found):
        raise CaseError("not_found", errors.NOT_FOUND)
    if found.final:
        raise CaseError("closed", errors.CLOSED)
    if found.files >= FILES:
        raise CaseError("too_many", errors.TOO_MANY)
    attachment = evidence.attachment(
        found, content, filename=filename, by=steps.by_of(actor), actor=actor.id, node=here()
    )
    attachment.save(force_insert=True)
    found.files += 1
    found.save(update_fields=["files"])
    return attachment.pk


@transaction.atomic
def detach(*, case: UUID, actor: Actor, attachment: UUID) -> None:
    """Take back a file that `actor` added, as long as no event carries its hash.

    Its bytes go; the row says what was there, whose it was and when it went.
    """
    found = _locked(case)
    row = Attachment.objects.defer("content").filter(pk=attachment, case=found, removed=None).first()
    if row is None or not may_see(actor, found):
        raise CaseError("not_found", errors.NOT_FOUND)
    if not may_detach(actor, row):
        raise CaseError("sealed", errors.SEALED)
    row.content, row.removed = b"", days.now()
    row.save(update_fields=["content", "removed"])
    found.files -= 1
    found.save(update_fields=["files"])


def may_detach(actor: Actor, file: Attachment) -> bool:
    """True for who added the file, until the next event seals its hash."""
    return file.sequence is None and file.node == here() and file.actor == actor.id


# ---- what follows


def posted(case: UUID, sequence: int) -> None:
    """The ledger took the money: once it took all of this step's, the hand-over may leave."""
    found = _locked(case)
    if not found.posting or found.sequence != sequence or clearing.waiting(case, sequence):
        return
    steps.enter(found, steps.step_of(Event.objects.get(case=found, sequence=sequence)))
    first, found.posting = found.shipped + 1, False
    if will_ship(found):
        found.shipped = found.sequence
        ship(found, first)
    found.save(update_fields=["posting", "shipped"])
    requests.settle(found)


def posting_refused(case: UUID, sequence: int, reason: str) -> None:
    """The ledger refused: the case goes back to the state before, with the reason, as one more event."""
    found = _locked(case)
    if not found.posting or found.sequence != sequence:
        return  # another transfer of the same step said so already
    event = Event.objects.get(case=found, sequence=sequence)
    step = Step(
        case=str(found.pk),
        sequence=found.sequence + 1,
        previous=found.head,
        at=steps.stamp(days.now()),
        node=here(),
        agency=event.body["agency"],
        by="system",
        kind=POSTING_REFUSED,
        source=found.state,
        target=event.body["source"],
        act=event.body["act"],
        outcome=Outcome(outcome="refuse", reason=f"posting_{reason}"),
        transfers=steps.step_of(event).transfers,
    )
    steps.append(found, step, steps.position(found, steps.step_of(event)), {}, SYSTEM(here()))
    requests.settle(found)


def act_due() -> int:
    """Do what is due by itself at this node. Returns how many steps were taken or left to a person."""
    count = 0
    while count < BATCH and (due := store.next_due()):
        try:
            _act_by_itself(due)
        except Exception:
            log.exception("automatic step failed", case=str(due))
            Case.objects.filter(pk=due).update(acts_at=days.now() + steps.AGAIN)
        count += 1
    return count


@transaction.atomic
def _act_by_itself(case: UUID) -> None:
    found = _locked(case)
    now = days.now()
    if found.acts_at is None or found.acts_at > now or found.posting or not steps.is_ours(found.owner):
        return
    state = declarations.procedure(found.declaration_id).states[found.state]
    if _still_short(found, state):
        found.acts_at = now + steps.AGAIN
        found.save(update_fields=["acts_at"])
        return
    moment, act = min((steps.moment(found, act, now), act.name) for act in state.does.values() if act.by == "auto")
    found.acts_at = moment if moment > now else None  # a hold leaves it to the clerk: it is not tried again by itself
    if moment <= now:
        try:
            with transaction.atomic():
                steps.take(found, state.does[act], SYSTEM(here()), {}, "")
            requests.settle(found)
            return
        except CaseError as error:
            log.warning("automatic step left to a person", case=str(case), code=error.code)
            found = _locked(case)
            found.acts_at = None
    found.save(update_fields=["acts_at"])


def _still_short(case: Case, state: State) -> bool:
    """Whether the ledger refused the last step for want of money, and would refuse it again: looked up, without an event."""
    last = steps.step_of(Event.objects.get(case=case, sequence=case.sequence))
    return steps.waits_for_money(last, state) and not clearing.covered(case.pk, case.sequence - 1)


def escalate() -> int:
    """Mark what passed its term at this node. Silence never approves: it shows the case to the officer, once."""
    today = days.today()
    return Case.objects.filter(final=False, due__lt=today, escalated=None, owner__startswith=f"{here()}/").update(
        escalated=days.now()
    )


@transaction.atomic
def migrate(*, case: UUID, target: str, was: str, state: str) -> bool:
    """Move one case, owned here and still in state `was`, to `state` of the declaration `target`. False if it moved on."""
    found = _locked(case)
    if found.final or found.posting or found.state != was or not steps.is_ours(found.owner):
        return False
    before = steps.position(found)
    step = Step(
        case=str(found.pk),
        sequence=found.sequence + 1,
        previous=found.head,
        at=steps.stamp(days.now()),
        node=here(),
        agency=found.owner,
        by="system",
        kind=MIGRATED,
        source=was,
        target=state,
        declaration=target,
    )
    found.declaration_id = target
    steps.append(found, step, before, {}, SYSTEM(here()))
    requests.settle(found)
    return True


# ---- small things


def _origin(person: UUID, case: UUID) -> str:
    """Where the person is registered, as coarse as flows need it: the county here and next door, elsewhere the province."""
    facts = vault.facts(person, purpose=ORIGIN, by=SYSTEM(here()).id, trace=str(case))
    code = facts.household or ""
    return code if divisions.node_of(code) else f"{code[:2]}0000" if code else ""


def _locked(case: UUID) -> Case:
    found = store.lock(case)
    if found is None:
        raise CaseError("not_found", errors.NOT_FOUND)
    return found
