"""What the other node knows of a person, fetched on the person's consent: the consent bounds it, and both logs have it."""

from datetime import date
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest

from chuanyu.core.catalogue import catalogue
from chuanyu.core.numbers import make_person_number
from chuanyu.exchange import actions, known_facts, queries
from chuanyu.exchange.actions import NotGranted
from chuanyu.exchange.errors import AskRefused, Unreachable
from chuanyu.identity import consents, vault
from chuanyu.identity.actor import Actor
from chuanyu.identity.consents import ConsentView, NoConsent
from chuanyu.identity.models import Reveal
from link import Link

NUMBER = make_person_number("500000", date(1991, 4, 5), 21, "female")


@pytest.fixture
def person(link: Link) -> UUID:
    """Somebody Chongqing knows whole; Sichuan lacks the household. The id is Sichuan's."""
    with link.at("chongqing"):
        vault.enrol(NUMBER, "冉小溪", "500112")
    with link.at("sichuan"):
        return vault.enrol(NUMBER, "冉小溪")


def agreed(
    person: UUID, *, fields: tuple[str, ...] = ("person.household",), agency: str = "sichuan/hrss"
) -> ConsentView:
    who = Actor(kind="resident", user="r", node="sichuan", person=person, roles=frozenset({"resident"}))
    return consents.give(who, service="pension_transfer", agency=agency, fields=fields, period=30)


def test_what_was_agreed_to_is_answered_and_nothing_else(link: Link, person: UUID) -> None:
    with link.at("sichuan"):
        assert known_facts.fetch(person, consent=agreed(person)) == {"household": "500112"}
        both = agreed(person, fields=("person.birth", "person.household"))
        assert known_facts.fetch(person, consent=both) == {"birth": "1991-04-05", "household": "500112"}
    with link.at("chongqing"):
        look = Reveal.objects.filter(actor="sichuan/hrss", purpose="pension_transfer")
        assert look.count() == 2  # the one who looked and what for are written down


def test_both_logs_show_it_under_the_consent(link: Link, person: UUID) -> None:
    with link.at("sichuan"):
        consent = agreed(person)
        known_facts.fetch(person, consent=consent)
        (access,) = queries.used(person).accesses
    assert access.basis == (f"consent:{consent.id}",) and access.fields == ("person",)
    assert access.here and access.there and access.from_agency == "sichuan/hrss"


def test_without_a_link_the_person_is_told(link: Link, person: UUID) -> None:
    link.up = False
    with link.at("sichuan"), pytest.raises(Unreachable):
        known_facts.fetch(person, consent=agreed(person))


def test_nobody_known_and_no_valid_consent_are_one_answer(link: Link, person: UUID) -> None:
    with link.at("sichuan"):
        stranger = vault.enrol(make_person_number("510000", date(1980, 1, 2), 3, "male"), "无人")
        codes = set()
        for who, change in (
            (stranger, {}),
            (person, {"until": "2020-01-01"}),  # it has run out
            (person, {"agency": "sichuan/edu"}),  # given to somebody else
            (person, {"service": "unemployment_transfer"}),
            (person, {"id": str(uuid4())}),  # another one than the basis cites
            (person, {"more": "x"}),
        ):
            with pytest.raises(AskRefused) as caught:
                ask(who, agreed(who), **change)
            codes.add((caught.value.code, caught.value.text.zh))
    assert len(codes) == 1


def ask(person: UUID, consent: ConsentView, **change: Any) -> Any:
    statement = known_facts.Statement(
        id=str(consent.id), service=consent.service, purpose=consent.purpose, agency=consent.agency,
        fields=consent.fields, until=consent.until,
    )  # fmt: skip
    return actions.ask(
        to_agency="chongqing/portal", from_agency="sichuan/hrss", service="pension_transfer", action="known_facts",
        person=person, purpose="pension_transfer", basis=(f"consent:{consent.id}",),
        document=msgspec.to_builtins(statement) | change, fields=("person",),
    )  # fmt: skip


@pytest.mark.parametrize(
    "change", [{"basis": ("gbf-2009-66",)}, {"fields": ("account_record",)}, {"from_agency": "sichuan/edu"}]
)
def test_the_compact_grants_this_question_on_consent_alone(link: Link, person: UUID, change: dict[str, Any]) -> None:
    parts: dict[str, Any] = {
        "to_agency": "chongqing/portal", "from_agency": "sichuan/hrss", "service": "pension_transfer",
        "action": "known_facts", "person": person, "purpose": "pension_transfer", "basis": ("consent:1",),
        "document": {}, "fields": ("person",),
    }  # fmt: skip
    with link.at("sichuan"), pytest.raises(NotGranted):
        actions.ask(**(parts | change))


def test_an_answer_beyond_the_consent_is_cut_to_it(link: Link, person: UUID, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(actions, "ask", lambda **_: {"person": {"household": "500112", "birth": "1991-04-05"}})
    with link.at("sichuan"):
        assert known_facts.fetch(person, consent=agreed(person)) == {"household": "500112"}
        monkeypatch.setattr(actions, "ask", lambda **_: {"something": "else"})
        with pytest.raises(Unreachable):
            known_facts.fetch(person, consent=agreed(person))


def test_withdrawn_is_withdrawn_at_once(link: Link, person: UUID) -> None:
    with link.at("sichuan"):
        consent = agreed(person)
        assert consents.use(consent.id).used == 1
        who = Actor(kind="resident", user="r", node="sichuan", person=person)
        consents.withdraw(who, consent.id)
        with pytest.raises(NoConsent):
            consents.use(consent.id)


def test_who_asks_is_the_agency_that_takes_the_case(link: Link) -> None:
    with link.at("sichuan"):
        assert known_facts.asks(catalogue()["pension_transfer"]) == "sichuan/hrss"
        assert known_facts.asks(catalogue()["service_rating"]) == ""
