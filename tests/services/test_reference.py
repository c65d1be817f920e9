"""The reference pages name what there is: acts, rules, documents and fields, and every key of the language."""

import re
from pathlib import Path

from chuanyu.core.catalogue import catalogue
from chuanyu.core.documents import Document, fields
from chuanyu.core.grammar import ACT, CASES, POSTING
from chuanyu.services.health.medical_settlement.documents import BillLine, Kind, Row, Settlement, Why

DOCS = Path(__file__).parents[2] / "docs/reference"
NATIONAL = re.compile(r"^\| (?:\d{4}(?: \?)?|`[a-z_]+`) \|")


def rows(page: str, section: str) -> list[list[str]]:
    text = (DOCS / page).read_text(encoding="utf-8")
    part = text.partition(f"## {section}\n")[2].partition("\n## ")[0]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in part.splitlines() if NATIONAL.match(line)]


def words(cell: str) -> list[str]:
    return re.findall(r"`([a-z_]+)(?:\[\])?`", cell)


def names(cls: type[Document]) -> set[str]:
    return {field.name for field in fields(cls)}


def test_every_transaction_has_its_counterpart() -> None:
    found = rows("medical-settlement.md", "Transactions")
    assert {"2206", "2207", "2208", "2304", "2601", "3201", "3202", "3260"} <= {
        row[0].removesuffix(" ?") for row in found
    }
    for _, _, here, _ in found:
        for service in (catalogue()["medical_settlement"], catalogue()["chronic_outpatient"]):
            if service.key == "medical_settlement" and "chronic_outpatient" in here:
                continue
            assert service.procedure is not None
            acts = {act for state in service.procedure.states.values() for act in state.does}
            known = acts | set(service.rules) | set(service.documents) | set(service.postings) | {service.key}
            if service.key in here or service.key == "medical_settlement":
                assert set(words(here)) - set(Kind) <= known, here


def test_every_field_has_its_counterpart() -> None:
    for _, _, here in rows("medical-settlement.md", "A bill's line"):
        assert set(words(here)) - set("abc") <= names(BillLine), here
    for _, _, here in rows("medical-settlement.md", "What comes back"):
        assert set(words(here)) <= names(Settlement) | names(Row) | set(Why), here


def test_every_parameter_and_rule_the_page_names_is_there() -> None:
    service = catalogue()["medical_settlement"]
    text = (DOCS / "medical-settlement.md").read_text(encoding="utf-8")
    assert set(re.findall(r"`((?:cut|prepayment)_[a-z]+)`", text)) <= set(service.parameters) | set(service.rules)
    assert set(re.findall(r"rule `([a-z_]+)`", text)) <= set(service.rules)


def test_every_key_of_the_language_is_explained() -> None:
    text = (DOCS / "service-money.md").read_text(encoding="utf-8")
    plain = {"title", "takes", "to", "note"}  # of any procedure
    for key in (set(ACT.keys) | set(POSTING.keys)) - plain:
        assert re.search(rf"`{key}\b|^ +{key}:", text, re.MULTILINE), key
    assert "many" in CASES.keys and "`cases: {many: true}`" in text
