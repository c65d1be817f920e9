"""The catalogue: folders become frozen services; a declaration stands without its folder."""

import copy
import shutil
from dataclasses import FrozenInstanceError
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chuanyu.core.canonical import digest
from chuanyu.core.catalogue import CatalogueError, catalogue, load
from chuanyu.core.declaration import DeclarationError, declared
from chuanyu.core.service import NODES, Prepayment, Service
from chuanyu.core.sheet import read

SOUND = Path(__file__).parent / "sound"


@cache
def sample() -> Service:
    return load(SOUND)["sample"]


@pytest.fixture
def service() -> Service:
    return sample()


def test_a_folder_becomes_a_service(service: Service) -> None:
    assert (service.key, service.chapter, service.clause, service.mode) == ("sample", "employment", 15, "online")
    assert service.procedure is not None
    assert service.procedure.start_takes == ("request",)
    assert service.procedure.states["filed"].does["withdraw"].to == {"accept": "withdrawn"}
    assert service.procedure.states["asked"].does["release"].note
    assert service.documents["record"].cls.__name__ == service.documents["record"].class_name == "Record"
    assert service.documents["record"].register
    assert {value.at for value in service.parameters["rate"].values} == set(NODES)
    assert service.basis["act-1"].since == "2020-01-01"
    assert service.reasons["too_late"].remedy is not None
    assert service.reasons["duplicate"].text.zh
    assert service.promise is not None
    assert service.lines["cases.states.asked.term"] > service.lines["cases.states.filed.term"]


def test_acts_that_move_money_and_make_documents() -> None:
    payment = load(SOUND)["payment"]
    assert payment.procedure is not None and payment.procedure.many
    compute = payment.procedure.states["filed"].does["compute"]
    assert (compute.by, compute.makes, compute.reserve, compute.moves) == (
        "auto",
        ("result",),
        ("fund_share",),
        ("fund_share",),
    )
    assert payment.procedure.states["paying"].does["pay"].post == ("fund_share", "own_share")
    assert payment.procedure.states["offered"].does["lapse"].at == "lapses_at"
    assert payment.procedure.states["dropping"].does["drop"].void == ("fund_share",)
    assert payment.procedure.states["paid"].does["undo"].reverse == ("fund_share", "own_share")
    assert payment.documents["result"].made and not payment.documents["result"].register
    assert payment.documents["account"].made and payment.documents["account"].register
    fund, own = payment.postings["fund_share"], payment.postings["own_share"]
    assert (fund.window, fund.source, fund.target) == ("month", "prepayment", "fund")
    assert fund.prepayment == Prepayment("prepayment", "yellow", "red")
    assert (own.payer, own.unit, own.window, own.source, own.target) == ("applicant", "points", "day", "person", "fund")
    view = declared(payment.declaration)
    assert view.procedure == payment.procedure and view.postings == payment.postings
    assert view.documents["result"].made


def test_the_older_grammar_means_what_it_meant(service: Service) -> None:
    assert service.procedure is not None and not service.procedure.many
    release = service.procedure.states["asked"].does["release"]
    assert (release.post, release.reserve, release.makes, release.at) == (("amount",), (), (), None)
    amount = service.postings["amount"]
    assert (amount.window, amount.source, amount.target, amount.prepayment) == ("", "fund", "fund", None)


def test_services_are_frozen(service: Service) -> None:
    with pytest.raises(FrozenInstanceError):
        service.clause = 3  # type: ignore[misc]
    with pytest.raises(TypeError):
        load(SOUND)["x"] = service  # type: ignore[index]


def test_the_hash_is_of_the_facts_not_of_their_writing(service: Service, tmp_path: Path) -> None:
    shutil.copytree(SOUND, tmp_path / "services")
    file = tmp_path / "services/employment/sample/service.yaml"
    file.write_text("# another comment\n" + file.read_text(encoding="utf-8"), encoding="utf-8")
    assert load(tmp_path / "services")["sample"].hash == service.hash == digest(service.declaration)
    file.write_text(file.read_text(encoding="utf-8").replace("clause: 15", "clause: 14"), encoding="utf-8")
    assert load(tmp_path / "services")["sample"].hash != service.hash


def test_a_folder_read_again_has_changed(tmp_path: Path) -> None:
    shutil.copytree(SOUND, tmp_path / "services")
    rules = tmp_path / "services/employment/sample/rules.py"
    load(tmp_path / "services")
    rules.write_text(
        rules.read_text(encoding="utf-8").replace("Nobody asks tomorrow.", "Today or never."), encoding="utf-8"
    )
    assert load(tmp_path / "services")["sample"].rules["may_move"].title == "Today or never."


def test_load_refuses_and_says_all(tmp_path: Path) -> None:
    shutil.copytree(SOUND, tmp_path / "services")
    file = tmp_path / "services/employment/sample/service.yaml"
    text = file.read_text(encoding="utf-8").replace("mode: online", "mode: x").replace("clause: 15", "clause: 0")
    file.write_text(text, encoding="utf-8")
    with pytest.raises(CatalogueError) as caught:
        load(tmp_path / "services")
    assert [problem.code for problem in caught.value.problems] == ["clause", "mode"]


def test_the_installed_catalogue_is_read_once() -> None:
    assert catalogue() is catalogue()


def test_a_declaration_stands_alone(service: Service) -> None:
    view = declared(service.declaration)
    assert view.hash == service.hash
    assert view.procedure == service.procedure
    assert view.parameters == service.parameters
    assert view.postings == service.postings
    assert view.reasons == service.reasons
    assert view.documents["record"].class_name == "Record"
    assert view.documents["record"].title.en == "Record"


def changed(service: Service, path: str, value: Any) -> dict[str, Any]:
    plain: dict[str, Any] = copy.deepcopy(dict(service.declaration))
    *way, last = path.split(".")
    inner = plain
    for key in way:
        inner = inner[key]
    inner[last] = value
    return plain


@pytest.mark.parametrize(
    ("path", "value", "code"),
    [
        ("cases.states.asked.does.release.to", "nowhere", "target_unknown"),
        ("cases.states.asked.owner", "nobody", "state_owner"),
        ("cases.states.asked.term", None, "state_term"),
        ("parameters.rate.sichuan", [], "no_values"),
        ("name", "示例", "text"),
        ("extra", 1, "unknown_key"),
        ("clearing.amount.payer", 0.5, "number"),
    ],
)
def test_a_declaration_from_elsewhere_is_judged_as_strictly(service: Service, path: str, value: Any, code: str) -> None:
    with pytest.raises(DeclarationError) as caught:
        declared(changed(service, path, value))
    assert code in {finding.code for finding in caught.value.findings}


PATHS = [
    "name",
    "leads",
    "life",
    "basis",
    "parameters.rate",
    "documents",
    "reasons",
    "cases",
    "cases.parties",
    "clearing",
]
PATHS += [
    "cases.start",
    "cases.states",
    "cases.states.filed",
    "cases.states.filed.does.accept.to",
    "watch",
    "watch.promise",
]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(PATHS), JSON)
def test_nothing_a_peer_sends_is_more_than_refused(path: str, value: Any) -> None:
    plain = changed(sample(), path, value)
    try:
        declared(plain)
    except DeclarationError as error:
        assert error.findings


def test_lines_of_a_sheet(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text("a:\n  - {b: 1,\n     c: 2025-01-01}\n  - yes\nd: true\n", encoding="utf-8")
    sheet = read(file)
    assert sheet.data == {"a": [{"b": 1, "c": "2025-01-01"}, "yes"], "d": True}
    assert [sheet.line(path) for path in ("a", "a.0.b", "a.0.c", "a.1", "d", "a.0.missing.thing", "x")] == [
        1,
        2,
        3,
        4,
        5,
        2,
        1,
    ]


@pytest.mark.parametrize("text", ["", "a: [", "\x00", "a: {b: " * 2000, "- a", "? [x]\n: y", "\tx: 1"])
def test_a_file_that_is_no_sheet(tmp_path: Path, text: str) -> None:
    file = tmp_path / "a.yaml"
    file.write_text(text, encoding="utf-8")
    assert {finding.code for finding in read(file).findings} == {"yaml"}
