"""What the compact allows, and what a refusal tells the asker."""

import timeit
from pathlib import Path
from typing import Any

import msgspec
import pair
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chuanyu.exchange.authorise import Allowed, authorise
from chuanyu.exchange.compact import Compact
from chuanyu.exchange.errors import Refusal


@pytest.fixture(scope="module")
def compact(tmp_path_factory: pytest.TempPathFactory) -> Compact:
    services = tuple(pair.service(name) for name in ("moving", "another"))
    return pair.make(tmp_path_factory.mktemp("pair"), services).compact


GRANT = "moving:sichuan/hrss>chongqing/hrss"


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"fields": ()},
        {"basis": ("act-1#4", "act-2")},
        {"action": "case.request"},
        {"fields": ("application", "record", "attachment")},
    ],
)
def test_what_is_granted_passes(compact: Compact, change: dict[str, Any]) -> None:
    assert authorise(compact, pair.envelope(**change)) == Allowed(GRANT)


@pytest.mark.parametrize(
    ("change", "code", "line", "would_allow"),
    [
        (
            {"from_agency": "sichuan/mint"},
            "unknown_agency",
            "agencies: sichuan/mint",
            "a compact that lists sichuan/mint",
        ),
        (
            {"to_agency": "chongqing/mint"},
            "unknown_agency",
            "agencies: chongqing/mint",
            "a compact that lists chongqing/mint",
        ),
        ({"service": "alchemy"}, "unknown_service", "grants: alchemy", "a compact with a grant for alchemy"),
        (
            {"from_agency": "sichuan/edu"},
            "not_granted",
            "grants: sichuan/edu → chongqing/hrss, moving",
            "a grant sichuan/edu → chongqing/hrss, moving, signed by both nodes",
        ),
        (
            {"action": "case.delete"},
            "not_granted",
            f"{GRANT} actions",
            "actions: case.attachment, case.events, case.request, returned",
        ),
        ({"purpose": "marketing"}, "not_granted", f"{GRANT} purpose", "purpose: moving"),
        ({"purpose": "another"}, "not_granted", f"{GRANT} purpose", "purpose: moving"),
        ({"basis": ("act-9",)}, "not_granted", f"{GRANT} basis", "basis: act-1, act-2"),
        ({"basis": ()}, "not_granted", f"{GRANT} basis", "basis: act-1, act-2"),
        ({"basis": ("act-1", "consent:7")}, "not_granted", f"{GRANT} basis", "basis: act-1, act-2"),
        (
            {"fields": ("application", "diagnosis")},
            "not_granted",
            f"{GRANT} fields",
            "fields: application, attachment, person, receipt, record",
        ),
    ],
)
def test_a_refusal_names_the_line_and_what_would_allow_it(
    compact: Compact, change: dict[str, Any], code: str, line: str, would_allow: str
) -> None:
    refused = authorise(compact, pair.envelope(**change))
    assert isinstance(refused, Refusal)
    assert (refused.code, refused.line, refused.would_allow) == (code, line, would_allow)
    assert refused.status == 403 and refused.final
    body = refused.body(node="chongqing", trace="t-1")
    assert body["node"] == "chongqing" and body["text"]["zh"] and body["text"]["en"]
    wrong = next(
        value
        for name, value in change.items()
        if name in ("service", "action", "purpose", "from_agency", "to_agency", "basis", "fields")
    )
    if isinstance(wrong, str):
        assert wrong in body["text"]["en"] and wrong in body["text"]["zh"]


def test_a_grant_by_consent_takes_any_consent_but_nothing_else(tmp_path: Path) -> None:
    two = pair.make(tmp_path)

    grants = tuple(msgspec.structs.replace(grant, basis=("consent",)) for grant in two.compact.grants)
    compact = two.next(grants=grants)
    assert isinstance(authorise(compact, pair.envelope(basis=("consent:0198",))), Allowed)
    assert isinstance(authorise(compact, pair.envelope(basis=("act-1",))), Refusal)


words = st.sampled_from(
    ["moving", "another", "own_data", "case.events", "returned", "application", "record", "act-1", "act-2", "x"]
)
agencies = st.sampled_from([*pair.AGENCIES, "sichuan/x"])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    from_agency=agencies, to_agency=agencies, service=words, action=words, purpose=words,
    basis=st.lists(words, max_size=3).map(tuple), fields=st.lists(words, max_size=3).map(tuple),
)  # fmt: skip
def test_nothing_passes_that_no_line_lists(compact: Compact, **parts: Any) -> None:
    """The fast index decides exactly as reading the grants one by one would."""
    found = [
        grant
        for grant in compact.grants
        if (grant.from_, grant.to, grant.service, grant.purpose)
        == (parts["from_agency"], parts["to_agency"], parts["service"], parts["purpose"])
        and parts["action"] in grant.actions
        and parts["basis"]
        and set(parts["basis"]) <= set(grant.basis)
        and set(parts["fields"]) <= set(grant.fields)
    ]
    decided = authorise(compact, pair.envelope(**parts))
    assert isinstance(decided, Allowed) == bool(found)
    if isinstance(decided, Refusal):
        assert decided.line and decided.would_allow


def test_it_takes_microseconds(tmp_path: Path) -> None:
    compact = pair.make(tmp_path, tuple(pair.service(f"service_{n}") for n in range(92))).compact
    asked = pair.envelope(service="service_50", purpose="service_50")
    assert isinstance(authorise(compact, asked), Allowed)
    best = min(timeit.repeat(lambda: authorise(compact, asked), number=1000, repeat=5)) / 1000
    assert best < 10e-6, f"{best * 1e6:.1f} µs"
