"""Every check of the service catalogue. `check()` runs them all and reports everything, with file and line.

Reading a folder already finds what is misshapen or unsound (`sheet`, `shapes`, `soundness`, `source`, `catalogue`); the
modules here find what only shows when the files of a service are held against each other.
"""

from pathlib import Path

from chuanyu.core.catalogue import Draft, Problem, drafts
from chuanyu.core.checks import documents, examples, files, journeys, rules

__all__ = ["CODES", "Problem", "check", "check_draft"]

# Every problem a service can have. Each has a deliberately broken service in tests/core/broken.
CODES = {
    # the files
    "chapter": "the folder does not lie in a chapter of the plan",
    "duplicate_service": "two services have one name",
    "no_declaration": "a folder has no service.yaml",
    "yaml": "a file is not the plain YAML we use",
    "duplicate_key": "a key stands twice in one mapping",
    "number": "a number with decimals, or written oddly, is not in quotes",
    # the shape
    "unknown_key": "a key is unknown in its place",
    "missing_key": "a key is missing",
    "wrong_value": "a value is not of the kind its key holds",
    "text": "a text is missing in zh or en",
    "name": "a name is not in small letters, digits and _, or is taken",
    "clause": "the clause is not one of the plan's 22",
    "lead": "a province has no lead unit",
    "mode": "the mode is none of online, relay, joint",
    "words": "everyday words of a service are no lists of texts in both languages",
    "life": "an event of life is none of those residents look under",
    "basis_date": "a basis has no date",
    "party_node": "a party is at no possible node",
    # parameters
    "source": "a value has no source",
    "unit": "a parameter has no unit, or an unknown one",
    "certainty": "a value does not say how certain it is",
    "no_values": "a parameter has no values",
    "provinces": "a parameter has a value for one province but not for the other",
    "validity": "values overlap, end before they begin or are not in order",
    "value": "a value does not fit the unit",
    "ref": "a ref names no declared basis",
    "promise": "the public promise is incomplete, or no state's time counts towards it",
    # the procedure
    "state_owner": "a waiting state has no owner, or one that is no party",
    "state_term": "a waiting state has no term, or one that is not in working days",
    "state_unreachable": "a state can't be reached",
    "state_no_way_out": "no way leads from a state to an end",
    "final_acts": "a final state has acts, an owner or a term, or waits outside",
    "act_by": "an act is by nobody known",
    "target_unknown": "an act leads to an unknown state",
    "outcome_no_target": "an outcome of a decision leads nowhere",
    "outcome_impossible": "a target is given for an outcome that can't be",
    "document_unknown": "an act takes a document that is not declared",
    "auto": "an act done by itself can't be, or would never end",
    "made": "a document is made by no act, by another than its maker, or handed in although a rule makes it",
    "posting": "a posting is incomplete, unknown, never posted, not posted by its payer, or moved in an order that can't be",
    "prepayment": "a prepayment is incomplete, unknown, or not what the posting draws on",
    "batch": "what is said of files is incomplete, or does not fit the row, its rules or its posting",
    # the code
    "syntax": "a file is not Python",
    "import": "a file imports what a service must not have, or a module that is not beside it",
    "io": "a file reads or writes",
    "clock": "a file reads the clock",
    "import_fails": "a file fails when it is imported",
    "document_class": "a document has no class of its name, or one that is no Document",
    "document_by": "a document is made by nobody known",
    "document_unused": "a document is neither taken nor asked for",
    "document_absent": "a rule needs a document that may not be there yet",
    "field_title": "a field, or a choice, has no title in zh and en",
    "field_type": "a field has a type documents can't have",
    "rule_unknown": "an act decides by an unknown rule",
    "rule_argument": "a rule takes an argument that is no declared document",
    "parameter_unknown": "a rule reads a parameter that is not declared",
    "outcome_undeclared": "a rule gives an outcome it does not declare",
    "reason_literal": "a reason or ref is not written out",
    "reason_unknown": "a rule gives a reason that is not declared",
    "reason_unused": "a declared reason is never given",
    # the examples
    "rule_example": "a rule has no example",
    "outcome_example": "an outcome of a rule has no example",
    "example_rule": "an example is about an unknown rule",
    "example_decode": "an example's documents do not fit",
    "example_differs": "an example expects something else than the rule gives",
    "journey": "a journey takes a step that can't be taken",
}


def check(folder: Path | None = None) -> list[Problem]:
    """Every problem of every service below `folder` (default: the installed services), by file and line."""
    return sorted({problem for draft in drafts(folder) for problem in check_draft(draft)})


def check_draft(draft: Draft) -> list[Problem]:
    """Every problem of one service that has been read."""
    found = list(draft.problems)
    for module in (documents, rules, files, examples, journeys):
        found += module.check(draft)
    return found
