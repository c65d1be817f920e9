"""The documents a service declares, against its procedure and its rules."""

from collections.abc import Iterator

from chuanyu.core.catalogue import Draft, Problem
from chuanyu.core.documents import DefinitionError, Document, Field, fields
from chuanyu.core.sheet import Finding

# What a document that explains a bill has at least, so that every page can read it: field → kind.
EXPLAINED = {"total": "money", "fund": "money", "patient": "money", "rows": "list"}
ROW = {"line": "integer", "name": "text", "amount": "money", "fund": "money", "patient": "money", "why": "choice",
       "article": "text"}  # fmt: skip


def check(draft: Draft) -> list[Problem]:
    """Documents nobody needs. (What is wrong with their classes shows when the folder is read.)"""
    return draft.located([*_unused(draft), *_explains(draft), *_held(draft)])


def _explains(draft: Draft) -> Iterator[Finding]:
    """A document that explains another's lines has the totals and the rows that pages show."""
    for name, document in (draft.declared.documents if draft.declared else {}).items():
        cls = (draft.classes or {}).get(document.class_name)
        told = draft.declared.documents.get(document.explains) if draft.declared else None
        if not document.explains or cls is None or told is None:
            continue
        at = f"documents.{name}.explains"
        own = _kinds(cls)
        if not own:
            continue  # a class that can't be read: that has been said
        rows = next((field.item for field in own.values() if field.name == "rows"), ())
        lacks = [f"{key} ({kind})" for key, kind in EXPLAINED.items() if key not in own or own[key].kind != kind]
        inner = {field.name: field.kind for field in rows}
        lacks += [f"rows.{key} ({kind})" for key, kind in ROW.items() if rows and inner.get(key) != kind]
        if lacks:
            yield Finding(at, "made", f"document {name!r} explains {document.explains!r} but has no {', '.join(lacks)}")
        source = (draft.classes or {}).get(told.class_name)
        held = _kinds(source) if source is not None else {}
        if held and getattr(held.get("lines"), "kind", "") != "list":
            yield Finding(at, "made", f"document {name!r} explains {document.explains!r}, which has no list 'lines'")


def _held(draft: Draft) -> Iterator[Finding]:
    """What a holder is known by stands in the case's document too, field by field."""
    declared, classes = draft.declared, draft.classes or {}
    for posting in declared.postings.values() if declared else ():
        holder = posting.holder
        if declared is None or holder is None or not {holder.document, holder.of} <= declared.documents.keys():
            continue
        held, said = (classes.get(declared.documents[name].class_name) for name in (holder.document, holder.of))
        lacks = sorted(_kinds(held).keys() - _kinds(said).keys()) if held and said else []
        if lacks:
            message = f"{holder.of!r} has no {', '.join(lacks)}, by which posting {posting.name!r} knows the holder"
            yield Finding(f"clearing.{posting.name}.holder", "posting", message)


def _kinds(cls: type[Document]) -> dict[str, Field]:
    try:
        return {field.name: field for field in fields(cls)}
    except DefinitionError:
        return {}


def _unused(draft: Draft) -> Iterator[Finding]:
    """A document is taken by the start or an act; what is already held (by the node, in a register) may be asked for
    by a rule alone, and in a service without a procedure so may any."""
    declared = draft.declared
    if declared is None or draft.rules is None:
        return
    procedure = declared.procedure
    taken = set(procedure.start_takes) if procedure else set()
    for state in procedure.states.values() if procedure else ():
        for act in state.does.values():
            taken.update(act.takes)
            taken.update(act.makes)
    asked = {name for rule in draft.rules.values() for name in rule.documents}
    asked |= {posting.holder.document for posting in declared.postings.values() if posting.holder}
    for name, document in declared.documents.items():
        held = procedure is None or document.register or document.by == "node"
        if name not in taken and not (held and name in asked):
            message = f"nobody takes document {name!r}" + (", and no rule asks for it" if held else "")
            yield Finding(f"documents.{name}", "document_unused", message)
