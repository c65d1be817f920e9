"""Bills of any kind: every fen of them is paid by somebody, once, for one reason; limits hold through a whole year."""

from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import product
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chuanyu.core.catalogue import catalogue
from chuanyu.core.money import Money
from chuanyu.core.parameters import Parameters
from chuanyu.core.rules import decide
from chuanyu.core.service import NODES

SERVICE = catalogue()["medical_settlement"]
DAY = date(2025, 6, 10)
SCHEMES = ("employee", "resident_first", "resident_second")
LEVELS = ("community", "one", "two", "three")
KINDS = ("retired", "resident", "posted", "referred", "emergency", "other")
PLACES = {"chongqing": "510107", "sichuan": "500103"}  # of care, for someone insured at the node

money = st.integers(min_value=0, max_value=30_000_00).map(lambda fen: str(Money(fen)))
shares = st.integers(min_value=0, max_value=100).map(lambda points: str(Decimal(points) / 100))
lines = st.lists(
    st.one_of(
        st.fixed_dictionaries({"list_class": st.sampled_from("ac"), "price": money}),
        st.fixed_dictionaries({"list_class": st.just("b"), "price": money, "self_share": shares}),
        st.fixed_dictionaries(
            {
                "list_class": st.sampled_from("ab"),
                "price": money,
                "limit_price": money,
                "quantity": st.integers(min_value=0, max_value=3000).map(lambda n: str(Decimal(n) / 100)),
            }
        ),
    ).map(lambda line: line | {"name": "项目"}),
    min_size=1,
    max_size=12,
)
nodes, schemes, levels, kinds = (st.sampled_from(words) for words in (NODES, SCHEMES, LEVELS, KINDS))
births = st.dates(min_value=date(1930, 1, 1), max_value=date(2020, 1, 1))


def settled(
    bill_lines: list[dict[str, Any]],
    node: str = "chongqing",
    scheme: str = "employee",
    level: str = "three",
    kind: str = "resident",
    *,
    birth: date = date(1980, 5, 1),
    benefits: dict[str, Any] | None = None,
    number: str = "B-1",
    **changed: Any,
) -> dict[str, Any]:
    parameters = dict(SERVICE.parameters)
    for key, value in changed.items():
        parameter = parameters[key]
        values = tuple(msgspec.structs.replace(one, value=value) for one in parameter.values)
        parameters[key] = msgspec.structs.replace(parameter, values=values)
    documents = {
        "person": {"birth": birth.isoformat(), "sex": "female"},
        "insurance": {"scheme": scheme},
        "registration": {
            "kind": kind,
            "place": PLACES[node][:2] + "0000",
            "since": "2025-01-01",
            "registered_on": "2025-01-01",
        },
        "bill": {
            "number": number,
            "place": PLACES[node],
            "level": level,
            "admitted_on": "2025-06-01",
            "discharged_on": "2025-06-10",
            "lines": bill_lines,
        },
        "benefits": benefits,
    }
    value = decide(SERVICE, "settlement", documents, DAY, node, parameters=parameters).plain()["value"]
    return {"documents": documents, **value}


def yuan(text: str) -> Fraction:
    return Fraction(text)


def a_line(fen: int) -> dict[str, Any]:
    return {"name": "项目", "list_class": "a", "price": str(Money(fen))}


@settings(max_examples=200, deadline=None)
@given(lines, nodes, schemes, levels, kinds, births)
def test_every_fen_is_paid_once_and_for_one_reason(
    bill_lines: list[dict[str, Any]], node: str, scheme: str, level: str, kind: str, birth: date
) -> None:
    result = settled(bill_lines, node, scheme, level, kind, birth=birth)
    rows = result["rows"]
    assert yuan(result["fund"]) + yuan(result["patient"]) == yuan(result["total"])
    assert sum(yuan(row["fund"]) for row in rows) == yuan(result["fund"])
    assert sum(yuan(row["patient"]) for row in rows) == yuan(result["patient"])
    for row in rows:
        assert yuan(row["fund"]) + yuan(row["patient"]) == yuan(row["amount"])
        assert yuan(row["fund"]) >= 0 and yuan(row["patient"]) >= 0
        assert yuan(row["fund"]) == 0 or row["why"] in ("shared", "capped")
    for number, line in enumerate(bill_lines, start=1):
        amount = (Money.parse(line["price"]) * Decimal(line.get("quantity", "1"))).to_fen()
        assert sum(yuan(row["amount"]) for row in rows if row["line"] == number) == yuan(str(amount))
    assert yuan(result["fund"]) <= yuan(result["base"]) - yuan(result["deductible"])
    assert 0 <= Decimal(result["ratio"]) <= 1


@settings(max_examples=100, deadline=None)
@given(lines, nodes, schemes, levels, kinds, st.integers(min_value=1, max_value=10**6))
def test_a_longer_bill_never_costs_anyone_less(
    bill_lines: list[dict[str, Any]], node: str, scheme: str, level: str, kind: str, more: int
) -> None:
    before = settled(bill_lines, node, scheme, level, kind)
    after = settled([*bill_lines, a_line(more)], node, scheme, level, kind)
    assert yuan(after["fund"]) >= yuan(before["fund"])
    assert yuan(after["patient"]) >= yuan(before["patient"])


@settings(max_examples=100, deadline=None)
@given(st.integers(min_value=0, max_value=5_000_000), nodes, schemes, levels)
def test_the_cut_is_in_points_of_what_is_shared(fen: int, node: str, scheme: str, level: str) -> None:
    home, referred, other = (
        settled([a_line(fen)], node, scheme, level, kind) for kind in ("posted", "referred", "other")
    )
    shared = yuan(home["base"]) - yuan(home["deductible"])
    for result, points in ((referred, Fraction(10, 100)), (other, Fraction(20, 100))):
        assert abs(yuan(home["fund"]) - yuan(result["fund"]) - shared * points) <= Fraction(1, 100)
        assert Decimal(home["ratio"]) - Decimal(result["ratio"]) == Decimal(float(points)).quantize(Decimal("0.01"))


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(min_value=0, max_value=10_000_000), min_size=1, max_size=8), nodes, schemes, levels, kinds)
def test_the_limit_of_the_year_holds_however_the_stays_are_split(
    bills: list[int], node: str, scheme: str, level: str, kind: str
) -> None:
    benefits, paid = None, Fraction(0)
    for number, fen in enumerate(bills):
        result = settled([a_line(fen)], node, scheme, level, kind, benefits=benefits, number=f"B-{number}")
        documents = {
            "bill": result["documents"]["bill"],
            "settlement": {key: value for key, value in result.items() if key != "documents"},
            "benefits": benefits,
        }
        added = decide(SERVICE, "benefits", documents, DAY, node).plain()["value"]
        undone = decide(
            SERVICE,
            "benefits",
            documents | {"benefits": added, "reversal": {"bill": f"B-{number}", "cause": "撤销"}},
            DAY,
            node,
        ).plain()["value"]
        assert undone["admissions"] == (benefits or {"admissions": []})["admissions"]
        benefits = added
        paid += yuan(result["fund"])
    cap = getattr(Parameters(SERVICE.parameters, DAY, node), f"cap_{scheme}")
    assert paid <= yuan(str(cap))


@settings(max_examples=100, deadline=None)
@given(st.integers(min_value=0, max_value=20_000_000), nodes, schemes, levels, kinds, births)
def test_the_fund_pays_what_a_calculator_says(
    fen: int, node: str, scheme: str, level: str, kind: str, birth: date
) -> None:
    p = Parameters(SERVICE.parameters, DAY, node)
    who = "employee" if scheme == "employee" else "resident"
    ratio = Fraction(getattr(p, f"ratio_{scheme}_{level}"))
    years = DAY.year - birth.year - ((DAY.month, DAY.day) < (birth.month, birth.day))
    if scheme == "employee" and node == "sichuan" and years >= 50:
        ratio = min(Fraction(1), ratio + Fraction(2, 100) * ((years - 50) // 10 + 1))
    ratio -= {"referred": Fraction(1, 10), "emergency": Fraction(1, 10), "other": Fraction(1, 5)}.get(kind, Fraction(0))
    shared = max(0, fen - getattr(p, f"deductible_{who}_{level}").fen)
    expected = min((shared * ratio * 2 + 1) // 2, getattr(p, f"cap_{scheme}").fen)
    result = settled([a_line(fen)], node, scheme, level, kind, birth=birth)
    assert Money.parse(result["fund"]).fen == expected


@pytest.mark.parametrize(("node", "scheme", "level", "kind"), list(product(NODES, SCHEMES, LEVELS, KINDS)))
def test_there_is_a_policy_for_everyone(node: str, scheme: str, level: str, kind: str) -> None:
    result = settled([a_line(1_000_000)], node, scheme, level, kind)
    assert 0 < yuan(result["fund"]) < 10_000
    refs = {step["article"].partition("#")[0] for step in result["steps"] if step["article"]}
    assert refs <= set(SERVICE.basis)
    own = "yff-" if node == "chongqing" else "cdzfl-"
    assert all(ref.startswith((own, "ybf-", "jbgc-")) for ref in refs)  # never the other province's paper


def test_bands_raise_the_ratio_above_their_limit_only() -> None:
    one = settled([a_line(880_00 + 60_000_00)])
    two = settled([a_line(880_00 + 60_000_00)], band_limit="50000.00", band_points="0.05")
    assert yuan(one["fund"]) == 60_000 * Fraction(85, 100)
    assert yuan(two["fund"]) == 50_000 * Fraction(85, 100) + 10_000 * Fraction(90, 100)
    at_limit = settled([a_line(880_00 + 50_000_00)], band_limit="50000.00", band_points="0.05")
    assert yuan(at_limit["fund"]) == 50_000 * Fraction(85, 100)
    assert [step["what"] for step in two["steps"]].count("band") == 1


def test_a_stay_that_is_cut_by_the_limit_says_so_on_its_lines() -> None:
    result = settled([a_line(30_000_00)], cap_employee="20000.00")
    assert {row["why"] for row in result["rows"]} == {"capped"}
    assert result["fund"] == "20000.00" and result["patient"] == "10000.00"


def test_a_bill_of_nothing() -> None:
    result = settled([a_line(0)])
    assert (result["total"], result["fund"], result["patient"]) == ("0.00", "0.00", "0.00")
    assert [row["amount"] for row in result["rows"]] == ["0.00"]


def test_the_alarms_are_where_the_parameters_are() -> None:
    p = Parameters(SERVICE.parameters, DAY, "chongqing")
    assert (p.prepayment_yellow, p.prepayment_red) == (Decimal("0.70"), Decimal("0.90"))
    posting = SERVICE.postings["fund_share"]
    assert posting.prepayment is not None
    assert (posting.prepayment.yellow, posting.prepayment.red) == ("prepayment_yellow", "prepayment_red")


def test_registration_covers_exactly_six_months_at_least() -> None:
    for start in (date(2025, 8, 31), date(2024, 2, 29), date(2025, 12, 1)):
        request = {"kind": "other", "place": "510100", "since": start.isoformat()}
        value = decide(SERVICE, "registration", {"registration_request": request}, start, "chongqing").plain()["value"]
        until = date.fromisoformat(value["until"])
        assert timedelta(days=180) <= until - start <= timedelta(days=184)
        bill = {
            "number": "B",
            "place": "510107",
            "level": "one",
            "admitted_on": value["until"],
            "discharged_on": value["until"],
            "lines": [a_line(100)],
        }
        documents = {"bill": bill, "registration": value}
        assert decide(SERVICE, "registered", documents, until, "chongqing").outcome.outcome == "accept"
        late = (until + timedelta(days=1)).isoformat()
        documents["bill"] = bill | {"admitted_on": late, "discharged_on": late}
        assert (
            decide(SERVICE, "registered", documents, until + timedelta(days=1), "chongqing").outcome.outcome == "stale"
        )
