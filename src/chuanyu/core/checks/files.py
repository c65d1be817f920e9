"""What `batch` says of files, against the class of a row and the rules that judge it."""

from collections.abc import Iterator

from chuanyu.core.catalogue import Draft, Problem
from chuanyu.core.documents import Document, Field, fields
from chuanyu.core.documents.fields import DefinitionError
from chuanyu.core.service import NODES, Batch, Declared, Rule
from chuanyu.core.sheet import Finding

COUNTS = frozenset({"accept", "refuse", "hold", "duplicate"})
CELLS = ("text", "integer", "date", "choice", "division")  # what can tell rows apart


def check(draft: Draft) -> list[Problem]:
    """Fields that are not there or not of their kind; rules that take or give something else."""
    declared = draft.declared
    if declared is None or declared.batch is None or draft.classes is None or draft.rules is None:
        return []
    return draft.located([*_fields(draft, declared, declared.batch), *_rules(declared, declared.batch, draft.rules)])


def _fields(draft: Draft, declared: Declared, batch: Batch) -> Iterator[Finding]:
    row = _of(draft, declared, batch.document)
    if row is None:
        return
    for field in row.values():
        if field.kind in ("list", "group"):
            message = f"field {field.name!r} of {batch.document!r} does not fit into one cell of a file"
            yield Finding("batch.document", "batch", message)
    posting = declared.postings.get(batch.posts or "")
    wanted: list[tuple[str, str, tuple[str, ...]]] = [("subject", batch.subject, CELLS), ("day", batch.day, ("date",))]
    wanted += [("key", name, CELLS) for name in batch.key]
    wanted += [("time", batch.time, ("text",))] if batch.time else []
    for at, name, kinds in wanted:
        field_ = row.get(name)
        if name and (field_ is None or field_.kind not in kinds or field_.nullable):
            yield Finding(f"batch.{at}", "batch", f"{at!r} of 'batch' is {name!r}: no field of a row that can be one")
    sides = [("batch.by", batch.by)] + ([(f"clearing.{posting.name}.payer", posting.payer)] if posting else [])
    for at, name in sides:
        field_ = row.get(name)
        if name and (field_ is None or {value for value, _ in field_.choices} != set(NODES)):
            message = f"{name!r} names no field of a row that is one of {' and '.join(NODES)}"
            yield Finding(at, "batch", message)
    yield from _history(draft, declared, batch, row)


def _history(draft: Draft, declared: Declared, batch: Batch, row: dict[str, Field]) -> Iterator[Finding]:
    if batch.history is None:
        return
    before = _of(draft, declared, batch.history.document)
    if before is None:
        return
    listed = before.get(batch.history.field)
    if listed is None or listed.kind != "list":
        yield Finding(
            "batch.history.field", "batch", f"{batch.history.field!r} is no list of {batch.history.document!r}"
        )
        return
    for field in listed.item:
        same = row.get(field.name)
        if same is None or (same.kind, same.cls) != (field.kind, field.cls):
            message = f"{field.name!r} of {batch.history.document!r} is no field of a row, so nothing fills it"
            yield Finding("batch.history.document", "batch", message)


def _rules(declared: Declared, batch: Batch, rules: dict[str, Rule]) -> Iterator[Finding]:
    takes = {batch.document} | ({batch.history.document} if batch.history else set())
    for at, name in (("counts", batch.counts), ("posts", batch.posts)):
        rule = rules.get(name or "")
        if not name or (at == "posts" and name not in declared.postings):
            continue
        if rule is None:
            yield Finding(f"batch.{at}", "batch", f"{at!r} of 'batch' is {name!r}, which is no rule")
            continue
        allowed = COUNTS if at == "counts" else {"value"}
        if not set(rule.outcomes) <= allowed:
            message = f"rule {name!r} may give {', '.join(sorted(allowed))} for a row of a file, and nothing else"
            yield Finding(f"batch.{at}", "batch", message)
        for taken in rule.documents if takes <= declared.documents.keys() else ():
            if taken not in takes and taken not in rule.optional:
                yield Finding(f"batch.{at}", "batch", f"rule {name!r} takes {taken!r}, which no row of a file brings")


def _of(draft: Draft, declared: Declared, document: str) -> dict[str, Field] | None:
    """The fields of a declared document by name; None where that has been reported already."""
    spec = declared.documents.get(document)
    cls: type[Document] | None = (draft.classes or {}).get(spec.class_name) if spec else None
    try:
        return {field.name: field for field in fields(cls)} if cls else None
    except DefinitionError:
        return None
