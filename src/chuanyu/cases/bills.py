"""A bill explained: what the fund pays and what the person pays, in total, step by step and line by line.

Nothing here knows a service. A made document that `explains` another (service.yaml) has totals, `rows` with a reason each and,
as it likes, steps or shares of the computation; the other has the `lines`. Rows are put under their lines, steps keep their
order, and each says the paper it rests on and how certain that figure is.
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec

from chuanyu.cases import declarations
from chuanyu.cases.views import CaseView, DocumentView
from chuanyu.core.catalogue import catalogue
from chuanyu.core.documents import Document, Field, fields
from chuanyu.core.money import Money
from chuanyu.core.parameters import CERTAINTIES
from chuanyu.core.service import Declared, DocumentSpec
from chuanyu.core.text import Text

ROWS, LINES, ARTICLE = "rows", "lines", "article"
TOTALS = ("total", "fund", "patient")
PARTS = ("line", "name", "amount", "fund", "patient", "why", "article")


class Fact(msgspec.Struct, frozen=True, kw_only=True):
    """One field as it is read. `kind`: of core's Field, or share (0.85 is 85 %) or points (-0.20 is 20 points off).

    `value` is plain data; of a choice it is the key, and `said` its words.
    """

    name: str
    title: Text
    kind: str
    value: Any
    said: Text | None = None


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One step of the computation. `ref`: "key#article", "" where it follows from the others; `certainty` of what it read."""

    title: Text
    figures: tuple[Fact, ...]
    ref: str = ""
    certainty: str = ""


class Formula(msgspec.Struct, frozen=True, kw_only=True):
    """(base - deductible) × ratio = product; `cut` when the year's limit allowed less. Only where that is what happened.

    `of`: how the ratio came to be, a share and the points added to it; empty where it was read as it is.
    """

    base: str
    deductible: str
    ratio: str
    product: str
    fund: str
    cut: bool
    of: tuple[Fact, ...] = ()


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """Steps that belong together: the whole computation, or one share of it with its own words."""

    title: Text
    steps: tuple[Step, ...]
    formula: Formula | None = None


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a line with one reason."""

    amount: str
    fund: str
    patient: str
    why: Text
    ref: str
    certainty: str
    facts: tuple[Fact, ...] = ()


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the bill as it was sent, and its parts. Their amounts add up to `amount`."""

    number: int
    name: str
    facts: tuple[Fact, ...]
    amount: str
    fund: str
    patient: str
    parts: tuple[Part, ...]


class Bill(msgspec.Struct, frozen=True, kw_only=True):
    """A bill as it was settled. Amounts in yuan, "22627.00"; total = fund + patient = the sum of the lines."""

    case: UUID
    reference: str
    service: str
    name: Text
    document: str
    title: Text
    at: str
    node: str
    digest: str
    total: Fact
    fund: Fact
    patient: Fact
    facts: tuple[Fact, ...]
    groups: tuple[Group, ...]
    lines: tuple[Line, ...]
    parameters: dict[str, Any]


def names(case: CaseView) -> list[str]:
    """The documents of the case that explain a bill, in the order they came."""
    return [view.name for view, _, _ in _explaining(case)]


def told(case: CaseView) -> list[str]:
    """The documents whose lines such a bill explains: what they say is said there, line by line."""
    return [source.name for _, _, source in _explaining(case) if source is not None]


def bill(case: CaseView, name: str) -> Bill | None:
    """The bill that the document explains; None where there is none. Who may see the case may see its bill."""
    for view, spec, told in _explaining(case):
        if view.name == name:
            return _bill(case, view, spec, told)
    return None


def bills(case: CaseView) -> list[Bill]:
    """Every bill of the case."""
    return [_bill(case, view, spec, told) for view, spec, told in _explaining(case)]


# ---- inside


def _explaining(case: CaseView) -> Iterator[tuple[DocumentView, DocumentSpec, DocumentView | None]]:
    """(made document, its class, the document it explains). What an older declaration made may not have the shape."""
    service = catalogue().get(case.service)
    if service is None:
        return
    held = {view.name: view for view in case.documents}
    for name, view in held.items():
        spec = service.documents.get(name)
        if spec is not None and spec.explains and all(key in view.body for key in (*TOTALS, ROWS)):
            yield view, spec, held.get(spec.explains)


def _bill(case: CaseView, view: DocumentView, spec: DocumentSpec, told: DocumentView | None) -> Bill:
    service = catalogue()[case.service]
    declared = declarations.by_hash(case.declaration)
    known = {field.name: field for field in fields(spec.cls)}
    used: dict[str, Any] = {}
    for step in case.steps:
        if step.at == view.at:
            used |= step.parameters
    sure = _Certainty(declared, used)
    computed = [field for field in known.values() if field.kind == "list" and field.name != ROWS]
    body = view.body
    lines_cls = service.documents[spec.explains].cls if spec.explains in service.documents else None
    return Bill(
        case=case.id,
        reference=case.reference,
        service=case.service,
        name=case.name,
        document=view.name,
        title=view.title,
        at=view.at.isoformat(),
        node=view.node,
        digest=view.digest,
        total=_fact(known["total"], body["total"]),
        fund=_fact(known["fund"], body["fund"]),
        patient=_fact(known["patient"], body["patient"]),
        facts=tuple(
            _fact(field, body[field.name])
            for field in known.values()
            if field.kind not in ("list", "group") and field.name not in TOTALS and _there(body.get(field.name))
        ),
        groups=tuple(group for field in computed for group in _groups(field, body, sure)),
        lines=tuple(_lines(known[ROWS], body[ROWS], lines_cls, told, sure)),
        parameters=used,
    )


class _Certainty:
    """How certain a figure is: as the parameter it was read from, or as the least certain one of the same paper."""

    def __init__(self, declared: Declared, used: Mapping[str, Any]) -> None:
        self.read = [
            (read["ref"], read["certainty"], _number(read["value"]))
            for key, read in used.items()
            if key in declared.parameters and declared.parameters[key].unit in ("CNY", "ratio")
        ]

    def of(self, ref: str, figures: tuple[Fact, ...] = ()) -> str:
        if not ref:
            return ""
        numbers = {abs(n) for fact in figures if (n := _number(fact.value)) is not None}
        same = [certainty for key, certainty, _ in self.read if key == ref]
        exact = [certainty for key, certainty, value in self.read if key == ref and value in numbers]
        return max(exact or same, key=CERTAINTIES.index, default="")


def _groups(field: Field, body: Mapping[str, Any], sure: _Certainty) -> Iterator[Group]:
    """A list of single steps is one group; a list of whole computations (each with figures of its own) is one each."""
    entries = body.get(field.name) or []
    figures = [each for each in field.item if each.kind in ("money", "decimal", "integer")]
    label = next((each for each in field.item if each.kind == "choice"), None)
    if not entries or label is None:
        return
    if all(not each.required for each in figures):
        steps = tuple(_step(label, figures, entry, sure) for entry in entries)
        limit = next((e.get("amount") for e in entries if e.get(label.name) == "cap_left"), None)
        formula = _formula(body, limit)
        if formula is not None:
            formula = msgspec.structs.replace(formula, of=_ratio(steps, Decimal(formula.ratio)))
        yield Group(title=field.title, steps=steps, formula=formula)
        return
    for entry in entries:
        ref = str(entry.get(ARTICLE) or "")
        facts = [_fact(each, entry[each.name]) for each in figures if _there(entry.get(each.name))]
        yield Group(
            title=_words(label, entry[label.name]),
            steps=tuple(Step(title=fact.title, figures=(fact,), **_paper(fact, ref, sure)) for fact in facts),
            formula=_formula(entry, entry.get("cap_left")),
        )


def _step(label: Field, figures: list[Field], entry: Mapping[str, Any], sure: _Certainty) -> Step:
    facts = tuple(_fact(each, entry[each.name]) for each in figures if _there(entry.get(each.name)))
    ref = str(entry.get(ARTICLE) or "")
    return Step(title=_words(label, entry[label.name]), figures=facts, ref=ref, certainty=sure.of(ref, facts))


def _paper(fact: Fact, ref: str, sure: _Certainty) -> dict[str, str]:
    """In a share of a computation sums rest on nothing but the steps before; what was read rests on the paper."""
    if fact.name in ("total", "base", "fund", "patient"):
        return {}
    return {"ref": ref, "certainty": sure.of(ref, (fact,))}


def _ratio(steps: tuple[Step, ...], ratio: Decimal) -> tuple[Fact, ...]:
    """The last share that was read and the points after it, if they come to the ratio."""
    found: list[Fact] = []
    for step in steps:
        for fact in step.figures:
            if fact.kind == "share":
                found = [fact]
            elif fact.kind == "points" and len(step.figures) == 1:
                found.append(fact)
    return tuple(found) if len(found) > 1 and sum(Decimal(fact.value) for fact in found) == ratio else ()


def _formula(body: Mapping[str, Any], limit: Any) -> Formula | None:
    """The computation in one line where it is one multiplication; a second band, say, is not."""
    if not all(_there(body.get(key)) for key in ("base", "deductible", "ratio", "fund")):
        return None
    base, deductible, fund = (Money.parse(body[key]) for key in ("base", "deductible", "fund"))
    product = ((base - deductible) * Decimal(body["ratio"])).to_fen()
    left = Money.parse(limit) if _there(limit) else product
    if min(product, left) != fund:
        return None
    return Formula(
        base=str(base),
        deductible=str(deductible),
        ratio=str(body["ratio"]),
        product=str(product),
        fund=str(fund),
        cut=fund < product,
    )


def _lines(
    rows: Field, entries: list[dict[str, Any]], cls: type[Document] | None, told: DocumentView | None, sure: _Certainty
) -> Iterator[Line]:
    sent = list(told.body.get(LINES) or []) if told else []
    item = next((field.item for field in fields(cls) if field.name == LINES), ()) if cls else ()
    inner = {field.name: field for field in rows.item}
    taken = {field.name for field in item}
    grouped: dict[int, list[dict[str, Any]]] = {}
    for entry in entries:
        grouped.setdefault(int(entry["line"]), []).append(entry)
    for number, own in grouped.items():
        source = sent[number - 1] if 0 < number <= len(sent) else {}
        parts = tuple(
            Part(
                amount=entry["amount"],
                fund=entry["fund"],
                patient=entry["patient"],
                why=_words(inner["why"], entry["why"]),
                ref=str(entry.get(ARTICLE) or ""),
                certainty=sure.of(str(entry.get(ARTICLE) or "")),
                facts=tuple(  # what a row says beyond its own and the line's: the track it is on
                    _fact(field, entry[field.name])
                    for field in rows.item
                    if field.name not in PARTS and field.name not in taken and _there(entry.get(field.name))
                ),
            )
            for entry in own
        )
        yield Line(
            number=number,
            name=str(own[0]["name"]),
            facts=tuple(
                _fact(field, source[field.name])
                for field in item
                if field.name not in ("name", "amount") and _there(source.get(field.name))
            ),
            amount=_sum(part.amount for part in parts),
            fund=_sum(part.fund for part in parts),
            patient=_sum(part.patient for part in parts),
            parts=parts,
        )


def _fact(field: Field, value: Any) -> Fact:
    kind: str = field.kind
    if kind == "decimal" and field.le == 1 and field.ge in (0, -1):
        kind = "share" if field.ge == 0 else "points"
    said = _words(field, value) if kind == "choice" else None
    return Fact(name=field.name, title=field.title, kind=kind, value=value, said=said)


def _words(field: Field, value: Any) -> Text:
    return next((text for key, text in field.choices if key == value), Text(str(value), str(value)))


def _sum(amounts: Iterator[str]) -> str:
    return str(sum((Money.parse(amount) for amount in amounts), start=Money(0)))


def _there(value: Any) -> bool:
    return value not in (None, "")


def _number(value: Any) -> Decimal | None:
    try:
        return Decimal(str(value))
    except ArithmeticError:
        return None
