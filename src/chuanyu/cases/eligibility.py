"""Am I eligible: what the first decision of a service would be on a few answers, before anybody applies. Nothing is stored.

It is the very rule a clerk runs later, on the same documents; so it can be asked only where the rule needs nothing but
what the applicant says and what a node knows. Reading it out is no decision: only the owner of the case decides.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from chuanyu.cases import declarations, errors
from chuanyu.cases.errors import CaseError
from chuanyu.cases.replay import target_of
from chuanyu.cases.views import Foreseen
from chuanyu.core.documents import DocumentError, FieldError
from chuanyu.core.parameters import NoParameter
from chuanyu.core.rules import decide
from chuanyu.core.service import Act, DocumentSpec, Rule, Service, State
from chuanyu.core.text import Text

NO_VALUE = Text(
    "这一天、这个地方还没有公布标准，暂时不能试算。", "No figures are published for this day and place yet."
)


@dataclass(frozen=True)
class Question:
    """What can be asked in advance. `asked`: documents the applicant fills in; `known`: those a node knows."""

    state: State
    act: Act
    rule: Rule
    asked: tuple[DocumentSpec, ...]
    known: tuple[DocumentSpec, ...]


def question(service: Service) -> Question | None:
    """The first decision of a service, if answers alone can foretell it."""
    procedure = service.procedure
    if procedure is None:
        return None
    state = procedure.states[procedure.start_state]
    act = next((each for each in state.does.values() if each.decide and not each.takes), None)
    if act is None or act.decide is None:
        return None
    rule = service.rules[act.decide]
    asked, known = [], []
    for name in rule.documents:
        spec = service.documents[name]
        if name in procedure.start_takes:
            asked.append(spec)
        elif spec.by == "node":
            known.append(spec)
        elif spec.register or name not in rule.optional:  # a record of an agency: nobody looks into it for a question
            return None
    return Question(state, act, rule, tuple(asked), tuple(known)) if asked or known else None


def foresee(service: Service, documents: Mapping[str, Any], *, day: date, node: str) -> Foreseen:
    """What would come of an application with these documents on `day` at `node`.

    Raises CaseError "documents" with every wrong field, "no_rule" where nothing can be foretold.
    """
    asked = question(service)
    if asked is None:
        raise CaseError("no_rule", errors.NO_RULE)
    given = {spec.name: documents.get(spec.name) for spec in (*asked.asked, *asked.known)}
    try:
        decision = decide(service, asked.rule.name, given, day, node)
    except DocumentError as error:
        raise CaseError("documents", errors.DOCUMENTS, fields=tuple(error.errors)) from None
    except NoParameter:
        raise CaseError("documents", errors.DOCUMENTS, fields=(FieldError("", NO_VALUE),)) from None
    outcome = decision.outcome
    target = target_of(asked.act, outcome)
    reason, remedy = declarations.reason(service, outcome.reason)
    procedure = service.procedure
    assert procedure is not None
    state = procedure.states[target or asked.state.name]
    return Foreseen(
        outcome=outcome.outcome,
        state_title=state.title,
        reason=reason,
        remedy=remedy,
        ref=outcome.ref,
        amount="",
        unit="",
        parameters=dict(decision.used),
        final=state.final,
    )
