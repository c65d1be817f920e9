"""From the plain data of a service.yaml to what it declares, with or without the folder it came from.

A running case keeps its declaration by hash; the other node may replay it without ever having had the folder. So a
declaration that arrives from elsewhere is judged here as strictly as one of our own.
"""

from collections.abc import Mapping
from datetime import date
from typing import Any

from chuanyu.core.canonical import CanonicalError, digest
from chuanyu.core.grammar import SERVICE
from chuanyu.core.parameters import Parameter, Value
from chuanyu.core.service import (
    NODES,
    Act,
    Basis,
    Batch,
    Declared,
    DeclaredDocument,
    Holder,
    Party,
    Posting,
    Prepayment,
    Procedure,
    Promise,
    Reason,
    RowHistory,
    State,
)
from chuanyu.core.sheet import Finding
from chuanyu.core.soundness import findings
from chuanyu.core.text import Text

# What the platform itself answers, so that no service need declare it.
OWN_REASONS = {
    "duplicate": Reason(
        key="duplicate",
        text=Text("同一事项已经办理或正在办理。", "The same matter has been or is being dealt with."),
    ),
    "no_basis": Reason(
        key="no_basis",
        text=Text("没有查询依据或本人同意。", "There is no legal basis or consent for this."),
    ),
}


class DeclarationError(ValueError):
    """Plain data that is no sound declaration: `findings` say what and where."""

    def __init__(self, found: list[Finding]):
        super().__init__("; ".join(f"{finding.path}: {finding.message}" for finding in found))
        self.findings = found


def declared(plain: Mapping[str, Any]) -> Declared:
    """The declaration in `plain`. Raises DeclarationError when anything in it is amiss."""
    view, found = examine(plain)
    if found:
        raise DeclarationError(found)
    return view


def examine(plain: Any) -> tuple[Declared, list[Finding]]:
    """The declaration as far as it can be read (what is missing is blank), and everything wrong with it."""
    found: list[Finding] = []
    fitted = SERVICE.fit(plain, "", "the service", found)
    try:
        hashed = digest(plain)
    except CanonicalError as error:
        hashed = ""
        found.append(Finding("", "number", f"the service can't be hashed: {error}"))
    view = _declared(fitted, plain, hashed)
    shape = {finding.path for finding in found}
    found += [finding for finding in findings(view, fitted) if finding.path not in shape]
    return view, found


def _declared(fitted: dict[str, Any], plain: Any, hashed: str) -> Declared:
    promise = fitted.get("watch", {}).get("promise")
    cases = fitted.get("cases")
    reasons = {key: _reason(key, spec) for key, spec in fitted.get("reasons", {}).items()}
    return Declared(
        name=_text(fitted["name"]),
        summary=_text(fitted["summary"]),
        words=tuple(word for said in fitted.get("words", {}).values() for word in said),
        clause=fitted["clause"],
        leads=fitted["leads"],
        mode=fitted["mode"],
        life=tuple(fitted["life"]),
        basis={key: _basis(key, spec) for key, spec in fitted["basis"].items()},
        parameters={key: _parameter(key, spec) for key, spec in fitted.get("parameters", {}).items()},
        documents={
            name: DeclaredDocument(
                name=name,
                class_name=spec["class"],
                by=spec["by"],
                title=_text(spec["title"]) if "title" in spec else Text(name, name.replace("_", " ").capitalize()),
                register=spec.get("register", False),
                made=spec.get("made", False),
                explains=spec.get("explains") or "",
            )
            for name, spec in fitted.get("documents", {}).items()
        },
        reasons=OWN_REASONS | reasons,
        procedure=_procedure(cases) if cases else None,
        postings={name: _posting(name, spec) for name, spec in fitted.get("clearing", {}).items()},
        batch=_batch(fitted["batch"]) if "batch" in fitted else None,
        promise=Promise(**promise) if promise else None,
        declaration=plain,
        hash=hashed,
    )


def _text(spec: Mapping[str, str]) -> Text:
    return Text(spec["zh"], spec["en"])


def _basis(key: str, spec: Mapping[str, Any]) -> Basis:
    return Basis(
        key=key, title=_text(spec["title"]), since=spec["from"], until=spec.get("until"), url=spec.get("url", "")
    )


def _reason(key: str, spec: Mapping[str, Any]) -> Reason:
    remedy = spec.get("remedy")
    return Reason(key=key, text=_text(spec), remedy=_text(remedy) if remedy else None)


def _parameter(key: str, spec: Mapping[str, Any]) -> Parameter:
    values = [_value(value, None) for value in spec.get("values", ())]
    values += [_value(value, node) for node in NODES for value in spec.get(node, ())]
    return Parameter(key=key, title=_text(spec["title"]), unit=spec["unit"], values=tuple(values))


def _value(spec: Mapping[str, Any], at: str | None) -> Value:
    return Value(
        since=date.fromisoformat(spec["from"]),
        until=date.fromisoformat(spec["until"]) if spec.get("until") else None,
        value=spec["value"],
        ref=spec["ref"],
        certainty=spec["certainty"],
        at=at,
    )


def _procedure(spec: Mapping[str, Any]) -> Procedure:
    return Procedure(
        parties={name: Party(name=name, **party) for name, party in spec["parties"].items()},
        start_state=spec["start"]["state"],
        start_takes=tuple(spec["start"]["takes"]),
        states={name: _state(name, state) for name, state in spec["states"].items()},
        many=spec.get("many", False),
    )


def _posting(name: str, spec: Mapping[str, Any]) -> Posting:
    prepayment = spec.get("prepayment")
    return Posting(
        name=name,
        title=_text(spec["title"]) if "title" in spec else Text(name, name.replace("_", " ").capitalize()),
        payer=spec["payer"],
        payee=spec["payee"],
        unit=spec["unit"],
        cycle=spec["cycle"],
        window=spec.get("window") or "",
        source=spec.get("from") or "fund",
        target=spec.get("to") or "fund",
        prepayment=Prepayment(**prepayment) if prepayment else None,
        allowance=spec.get("allowance") or "",
        holder=Holder(**spec["holder"]) if spec.get("holder") else None,
    )


def _batch(spec: Mapping[str, Any]) -> Batch:
    history = spec.get("history")
    return Batch(
        document=spec["document"],
        agency=spec["agency"],
        key=tuple(spec["key"]),
        subject=spec["subject"],
        by=spec["by"],
        day=spec["day"],
        counts=spec["counts"],
        time=spec.get("time") or None,
        posts=spec.get("posts") or None,
        history=RowHistory(**history) if history else None,
    )


def _state(name: str, spec: Mapping[str, Any]) -> State:
    return State(
        name=name,
        title=_text(spec["title"]),
        owner=spec.get("owner") or None,
        term=spec.get("term") or None,
        does={act: _act(act, inner) for act, inner in spec.get("does", {}).items()},
        outside=spec.get("outside", False),
        final=spec.get("final", False),
    )


def _act(name: str, spec: Mapping[str, Any]) -> Act:
    return Act(
        name=name,
        title=_text(spec["title"]),
        by=spec["by"],
        to=spec["to"],
        takes=tuple(spec.get("takes", ())),
        decide=spec.get("decide") or None,
        makes=tuple(spec.get("makes", ())),
        reserve=tuple(spec.get("reserve", ())),
        post=tuple(spec.get("post", ())),
        void=tuple(spec.get("void", ())),
        reverse=tuple(spec.get("reverse", ())),
        note=spec.get("note", False),
        at=spec.get("at") or None,
    )
