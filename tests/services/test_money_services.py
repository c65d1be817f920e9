"""The other money services beyond their examples: any fare, any visit, any hour of the day, any month."""

from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chuanyu.core.catalogue import catalogue
from chuanyu.core.money import Money
from chuanyu.core.rules import decide

DAY = date(2025, 9, 15)
fen = st.integers(min_value=0, max_value=10**7)
seconds = st.integers(min_value=0, max_value=86_399)


def yuan(text: str) -> Fraction:
    return Fraction(text)


def text(amount: int) -> str:
    return str(Money(amount))


def clock(second: int) -> str:
    return (datetime.min + timedelta(seconds=second)).strftime("%H:%M:%S")


# ---- chronic diseases

disease = st.sampled_from((None, "M03900", "M01600", "M05400"))
visit_lines = st.lists(
    st.fixed_dictionaries(
        {
            "name": st.just("药品"),
            "amount": fen.map(text),
            "disease": disease,
            "list_class": st.sampled_from("abc"),
            "self_share": st.sampled_from(("0", "0.1", "0.35")),
        }
    ).map(lambda line: line if line["list_class"] == "b" else line | {"self_share": "0"}),
    min_size=1,
    max_size=8,
)


@settings(max_examples=150, deadline=None)
@given(
    visit_lines,
    st.lists(st.sampled_from(("M03900", "M01600")), unique=True),
    st.sampled_from(("employee", "resident")),
    st.sampled_from(("chongqing", "sichuan")),
    fen,
    fen,
)
def test_a_visit_is_on_two_tracks_and_adds_up(
    lines: list[dict[str, Any]], known: list[str], scheme: str, node: str, chronic: int, ordinary: int
) -> None:
    service = catalogue()["chronic_outpatient"]
    documents = {
        "insurance": {"scheme": scheme},
        "qualification": {"diseases": [{"disease": code, "since": "2024-01-01"} for code in known]},
        "spending": {"year": 2025, "chronic_fund": text(chronic), "ordinary_fund": text(ordinary)},
        "bill": {
            "number": "OP",
            "place": "510107",
            "seen_on": DAY.isoformat(),
            "lines": lines,
            "opened": [{"disease": code} for code in known],
        },
    }
    result = decide(service, "settlement", documents, DAY, node).plain()["value"]
    assert yuan(result["fund"]) + yuan(result["patient"]) == yuan(result["total"])
    assert yuan(result["total"]) == sum(yuan(line["amount"]) for line in lines)
    assert sum(yuan(row["amount"]) for row in result["rows"]) == yuan(result["total"])
    assert sum(yuan(row["fund"]) for row in result["rows"]) == yuan(result["fund"])
    assert all(yuan(row["fund"]) >= 0 and yuan(row["patient"]) >= 0 for row in result["rows"])
    for share in result["shares"]:
        assert yuan(share["fund"]) <= yuan(share["cap_left"])
    tracks = decide(service, "tracks", documents, DAY, node).plain()["value"]
    assert yuan(tracks["chronic"]) == sum(yuan(line["amount"]) for line in lines if line["disease"] in known)
    assert yuan(tracks["chronic"]) + yuan(tracks["ordinary"]) == yuan(result["total"])
    before = documents["spending"]
    after = decide(service, "spending", {"settlement": result, "spending": before}, DAY, node).plain()["value"]
    undo = {"settlement": result, "spending": after, "reversal": {"bill": "OP", "cause": "退药"}}
    undone = decide(service, "spending", undo, DAY, node).plain()["value"]
    assert {key: undone[key] for key in before} == before


# ---- the wallet


@settings(max_examples=200, deadline=None)
@given(seconds, st.integers(min_value=0, max_value=400_000), st.integers(min_value=0, max_value=5))
def test_a_gift_goes_by_the_clock_the_amount_and_the_count(second: int, amount: int, sent: int) -> None:
    service = catalogue()["family_wallet"]
    documents = {
        "gift": {"wallet": "CQ20250001", "amount": text(amount)},
        "moment": {"day": DAY.isoformat(), "time": clock(second)},
        "insurance": {"employee": True},
        "kinship": {"relatives": [{"wallet": "CQ20250001", "relation": "parent"}]},
        "tally": {"sent": [{"day": DAY.isoformat(), "wallet": "CQ20250001"}] * sent},
    }
    outcome = decide(service, "may_send", documents, DAY, "sichuan").outcome
    right = 0 < amount <= 200_000, 6 * 3600 <= second < 22 * 3600, sent < 3
    wrong = [key for key, holds in zip(("limit", "hours", "count"), right, strict=True) if not holds]
    assert (outcome.outcome, outcome.reason) == (("refuse", wrong[0]) if wrong else ("accept", ""))


@settings(max_examples=100, deadline=None)
@given(st.dates(min_value=date(2025, 1, 1), max_value=date(2027, 12, 31)), seconds, st.integers(0, 3 * 86_400))
def test_an_offer_is_either_accepted_or_gone_back(day: date, second: int, later: int) -> None:
    service = catalogue()["family_wallet"]
    gift = {"wallet": "CQ20250001", "amount": "1.00"}
    sent = {"day": day.isoformat(), "time": clock(second)}
    offer = decide(service, "offer", {"gift": gift, "moment": sent}, day, "sichuan").plain()["value"]
    back = decide(service, "returns_at", {"offer": offer}, day, "sichuan").outcome.value
    assert back == datetime(day.year, day.month, day.day, 6) + timedelta(days=1)
    now = datetime(day.year, day.month, day.day) + timedelta(seconds=second + later)
    moment = {"day": now.date().isoformat(), "time": now.strftime("%H:%M:%S")}
    documents = {"offer": offer, "acceptance": {"wallet": "CQ20250001"}, "moment": moment}
    outcome = decide(service, "may_accept", documents, now.date(), "chongqing").outcome.outcome
    assert outcome == ("accept" if now < back else "stale")


# ---- the card

rides = st.lists(st.tuples(seconds, st.integers(min_value=0, max_value=2000)), max_size=10)


@settings(max_examples=200, deadline=None)
@given(rides, seconds, st.integers(min_value=0, max_value=2000), st.randoms())
def test_a_fare_is_never_more_than_printed_and_never_negative(
    before: list[tuple[int, int]], second: int, fare: int, rng: Any
) -> None:
    service = catalogue()["transit_card"]
    history = [
        {"terminal": "T-1", "counter": n, "day": DAY.isoformat(), "time": clock(at), "fare": text(paid)}
        for n, (at, paid) in enumerate(before)
    ]
    tap = {"card": "8A01F0C3", "issuer": "sichuan", "operator": "chongqing", "terminal": "T-2", "counter": 1}
    tap |= {"day": DAY.isoformat(), "time": clock(second), "fare": text(fare)}
    documents = {"tap": tap, "history": {"rides": history}}
    paid = decide(service, "fare", documents, DAY, "chongqing").outcome.value
    assert Money(0) <= paid <= Money(fare)
    # an independent reading: walk the day in order, opening a new hour whenever the last one is over
    opened = None
    for at, _, first in sorted((at, n, first) for n, (at, first) in enumerate(before) if at <= second):
        if opened is None or at - opened[0] > 3600:
            opened = (at, first)
    if opened is None or second - opened[0] > 3600:
        expected = (Money(fare) * Decimal("0.9")).to_fen()
    else:
        expected = Money(0) if fare <= 200 and fare <= opened[1] else Money(max(0, fare - 200))
    assert paid == expected
    rng.shuffle(history)
    assert decide(service, "fare", documents, DAY, "chongqing").outcome.value == paid


@given(fen, fen)
def test_a_day_nets_to_one_order_or_none(chongqing: int, sichuan: int) -> None:
    takings = {"day": DAY.isoformat(), "chongqing_cards": text(chongqing), "sichuan_cards": text(sichuan)}
    net = decide(catalogue()["transit_card"], "net", {"takings": takings}, DAY, "chongqing").plain()["value"]
    assert yuan(net["amount"]) * 100 == abs(chongqing - sichuan)
    assert net.get("payer") == ("chongqing" if chongqing > sichuan else "sichuan" if sichuan > chongqing else None)


@given(fen, fen)
def test_gross_orders_are_the_whole_sums(chongqing: int, sichuan: int) -> None:
    window = {"month": DAY.isoformat(), "chongqing_owes": text(chongqing), "sichuan_owes": text(sichuan)}
    orders = decide(catalogue()["medical_settlement"], "orders", {"window": window}, DAY, "chongqing").plain()["value"]
    assert {order["payer"]: yuan(order["amount"]) * 100 for order in orders["orders"]} == {
        payer: amount for payer, amount in (("chongqing", chongqing), ("sichuan", sichuan)) if amount
    }
    assert yuan(orders["net"]) * 100 == abs(chongqing - sichuan)


# ---- what is lent, and the pilot


@given(st.integers(1, 10**6), st.integers(0, 10**6), st.integers(0, 10**6), st.data())
def test_what_is_lent_comes_back_or_is_paid(asked: int, stock: int, floor: int, data: Any) -> None:
    service = catalogue()["supplies_mutual_aid"]
    request = {"event": "示例洪水", "site": "511602", "kind": "tent", "quantity": asked}
    held = {"kind": "tent", "stock": stock, "floor": floor, "book_value": "1200.00"}
    loan = decide(service, "loan", {"request": request, "stock": held}, DAY, "chongqing").plain()["value"]
    assert loan["lent"] + loan["short"] == asked
    assert loan["lent"] == 0 or stock - loan["lent"] >= floor
    fit = data.draw(st.integers(0, loan["lent"]))
    documents = {"loan": loan, "inspection": {"fit": fit}}
    result = decide(service, "settlement", documents, DAY, "chongqing").plain()["value"]
    assert yuan(result["owed"]) == (loan["lent"] - fit) * 1200


@given(
    st.sampled_from(("care", "meals", "travel")),
    st.sampled_from(("chongqing", "sichuan")),
    st.dates(min_value=date(2024, 1, 1), max_value=date(2026, 12, 31)),
    st.dates(min_value=date(2024, 1, 1), max_value=date(2026, 12, 31)),
)
def test_the_pilot_never_takes_anything_away(item: str, node: str, since: date, until: date) -> None:
    service = catalogue()["gaozhu_pilot"]
    documents = {
        "application": {"item": item, "month": "2025-09-01"},
        "residence": {"grid": "GZ-1", "since": since.isoformat(), "until": until.isoformat(), "verified": True},
    }
    result = decide(service, "entitlement", documents, DAY, node).plain()["value"]
    assert yuan(result["own"]) + yuan(result["pilot"]) == yuan(result["total"])
    assert yuan(result["pilot"]) >= 0
    lives = since <= date(2025, 9, 30) and until >= date(2025, 9, 1)
    assert lives or yuan(result["pilot"]) == 0


def changed(service: str, **values: list[tuple[str, Any]]) -> dict[str, Any]:
    """The service's parameters, some of them with other values: `key=[(since, value), …]`."""
    parameters = dict(catalogue()[service].parameters)
    for key, dated in values.items():
        first = parameters[key].values[0]
        new = [msgspec.structs.replace(first, since=date.fromisoformat(since), value=value) for since, value in dated]
        parameters[key] = msgspec.structs.replace(parameters[key], values=tuple(new))
    return parameters


@pytest.mark.parametrize(
    ("month", "chongqing", "mode", "pilot", "total"),
    [
        ("2025-05-31", "750.00", "TAKE_HIGHER", "50.00", "750.00"),
        ("2025-06-01", "800.00", "TAKE_HIGHER", "100.00", "800.00"),  # applied for in July like the one before
        ("2025-05-01", "700.00", "TAKE_HIGHER", "0.00", "700.00"),  # equal: nothing to add
        ("2025-05-01", "650.00", "TAKE_HIGHER", "0.00", "700.00"),  # the other pays less
        ("2025-05-01", "750.00", "HOME", "0.00", "700.00"),
    ],
)
def test_a_month_is_paid_by_what_held_in_that_month(
    month: str, chongqing: str, mode: str, pilot: str, total: str
) -> None:
    parameters = changed(
        "gaozhu_pilot",
        care_chongqing=[("2025-01-26", chongqing if month < "2025-06" else "750.00"), ("2025-06-01", chongqing)],
        care_mode=[("2025-01-26", [mode]), ("2025-07-01", ["HOME"])],
    )
    documents = {
        "application": {"item": "care", "month": month},
        "person": {"birth": "1942-03-08", "sex": "female", "household": "511623"},
        "residence": {"grid": "GZ-1", "since": "2023-03-01", "verified": True},
    }
    service = catalogue()["gaozhu_pilot"]
    result = decide(service, "entitlement", documents, date(2025, 7, 5), "sichuan", parameters=parameters).plain()
    assert (result["value"]["pilot"], result["value"]["total"]) == (pilot, total)
    july = documents | {"application": {"item": "care", "month": "2025-07-01"}}
    after = decide(service, "top_up", july, date(2025, 8, 5), "sichuan", parameters=parameters).plain()["value"]
    assert after == "0.00"


def test_each_item_has_its_own_rule_of_exit_and_its_own_bearer() -> None:
    parameters = changed(
        "gaozhu_pilot",
        meals_leaving_month_kept=[("2025-01-26", False)],
        meals_bearer=[("2025-01-26", ["示例承担方"])],
    )
    service = catalogue()["gaozhu_pilot"]
    found = {}
    for item in ("care", "meals"):
        documents = {
            "application": {"item": item, "month": "2025-05-01"},
            "residence": {"grid": "GZ-1", "since": "2023-03-01", "until": "2025-05-15", "verified": True},
        }
        value = decide(service, "entitlement", documents, DAY, "sichuan", parameters=parameters).plain()["value"]
        found[item] = (value["pilot"], value["bearer"])
    assert found == {"care": ("50.00", "高竹新区试点资金"), "meals": ("0.00", "示例承担方")}
