"""The documents a service declares, against its procedure and its rules."""

from collections.abc import Iterator

from chuanyu.core.catalogue import Draft, Problem
from chuanyu.core.sheet import Finding


def check(draft: Draft) -> list[Problem]:
    """Documents nobody needs. (What is wrong with their classes shows when the folder is read.)"""
    return draft.located(_unused(draft))


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
    for name, document in declared.documents.items():
        held = procedure is None or document.register or document.by == "node"
        if name not in taken and not (held and name in asked):
            message = f"nobody takes document {name!r}" + (", and no rule asks for it" if held else "")
            yield Finding(f"documents.{name}", "document_unused", message)
