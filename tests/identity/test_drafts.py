"""Drafts: sealed, kept over sign-out, gone when filed or old; and consents, which nobody gives for another."""

from datetime import date, timedelta
from uuid import UUID, uuid4

import pytest
from django.db import connection
from django.utils import timezone

from chuanyu.core import days
from chuanyu.core.numbers import make_person_number
from chuanyu.identity import actions, consents, drafts, vault
from chuanyu.identity.actor import Actor
from chuanyu.identity.consents import NoConsent
from chuanyu.identity.here import here, home
from chuanyu.identity.models import Consent, Draft
from chuanyu.identity.vault import VaultError

pytestmark = pytest.mark.django_db

CONTENT = {"typed": {"application-remark": "原单位在绵阳"}, "ready": False}


@pytest.fixture
def who() -> Actor:
    person = vault.enrol(make_person_number("510000", date(1985, 6, 15), 7, "male"), "测试小明")
    actions.create_resident(username="someone", password="x", person=person)
    return Actor(kind="resident", user="someone", node=here(), person=person, roles=frozenset({"resident"}))


def person(who: Actor) -> UUID:
    assert who.person
    return who.person


def test_kept_changed_listed_and_dropped(who: Actor) -> None:
    assert drafts.read(who, person=person(who), service="pension_transfer") is None
    assert drafts.keep(who, person=person(who), service="pension_transfer", content=CONTENT)
    assert drafts.keep(who, person=person(who), service="pension_transfer", content=CONTENT | {"ready": True})
    kept = drafts.read(who, person=person(who), service="pension_transfer")
    assert kept and kept.content == CONTENT | {"ready": True} and kept.changed <= timezone.now()
    assert [one.service for one in drafts.of(who, person=person(who))] == ["pension_transfer"]
    drafts.drop(who, person=person(who), service="pension_transfer")
    assert Draft.objects.count() == 0


def test_what_is_typed_for_a_step_is_of_that_step_of_that_case(who: Actor) -> None:
    one, two = uuid4(), uuid4()
    for case, act in ((one, "accept"), (one, "send_back"), (two, "accept")):
        drafts.keep(who, person=person(who), service=drafts.of_step(case, act), content={"note": f"{case} {act}"})
    found = drafts.of_case(who, person=person(who), case=one)
    assert {act: kept.content["note"] for act, kept in found.items()} == {
        "accept": f"{one} accept",
        "send_back": f"{one} send_back",
    }
    drafts.drop_case(who, person=person(who), case=one)
    assert not drafts.of_case(who, person=person(who), case=one)
    assert list(drafts.of_case(who, person=person(who), case=two)) == ["accept"]


def test_what_was_typed_is_not_in_the_database(who: Actor) -> None:
    drafts.keep(who, person=person(who), service="pension_transfer", content=CONTENT)
    with connection.cursor() as cursor:
        cursor.execute("SELECT sealed FROM identity_draft")
        sealed = bytes(cursor.fetchone()[0])
    assert "绵阳".encode() not in sealed and b"application" not in sealed
    row = Draft.objects.get()
    with pytest.raises(VaultError):
        vault.open_bytes(sealed, about=uuid4().bytes)  # bound to its row
    with pytest.raises(VaultError):
        vault.open_bytes(sealed[:-1] + bytes([sealed[-1] ^ 1]), about=row.pk.bytes)


def test_one_ones_draft_is_nobody_elses(who: Actor) -> None:
    drafts.keep(who, person=person(who), service="pension_transfer", content=CONTENT)
    other = Actor(kind="resident", user="other", node=here(), person=who.person)
    assert drafts.read(other, person=person(who), service="pension_transfer") is None


def test_after_thirty_days_it_is_gone(who: Actor) -> None:
    drafts.keep(who, person=person(who), service="pension_transfer", content=CONTENT)
    assert drafts.forget() == 0
    Draft.objects.update(changed=timezone.now() - drafts.KEPT - timedelta(minutes=1))
    assert drafts.read(who, person=person(who), service="pension_transfer") is None
    assert drafts.of(who, person=person(who)) == []
    assert drafts.forget() == 1 and Draft.objects.count() == 0


def test_what_is_too_long_is_not_kept(who: Actor) -> None:
    assert not drafts.keep(who, person=person(who), service="x", content={"typed": {"a": "字" * drafts.LIMIT}})
    assert Draft.objects.count() == 0


def test_a_new_vault_key_reseals_drafts(who: Actor) -> None:
    drafts.keep(who, person=person(who), service="pension_transfer", content=CONTENT)
    kept = (home() / "keys" / "vault.key").read_text()
    try:
        vault.add_key(home())
        assert drafts.reseal() == 1 and drafts.reseal() == 0
        kept_on = drafts.read(who, person=person(who), service="pension_transfer")
        assert kept_on and kept_on.content == CONTENT
    finally:
        (home() / "keys" / "vault.key").write_text(kept)


def give(who: Actor, period: int = 30, fields: tuple[str, ...] = ("person.household",)) -> consents.ConsentView:
    return consents.give(who, service="pension_transfer", agency="chongqing/hrss", fields=fields, period=period)


def test_a_consent_stands_until_its_day(who: Actor) -> None:
    made = give(who)
    assert made.until == days.today() + timedelta(days=30) and made.status == "in_force"
    found = consents.standing(person(who), service="pension_transfer", fields=["person.household"])
    assert found and found.id == made.id
    assert consents.standing(person(who), service="unemployment_transfer", fields=["person.household"]) is None
    assert consents.standing(person(who), service="pension_transfer", fields=["person.birth"]) is None
    Consent.objects.update(until=days.today() - timedelta(days=1))
    assert consents.standing(person(who), service="pension_transfer", fields=["person.household"]) is None
    assert consents.of(person(who))[0].status == "expired"
    with pytest.raises(NoConsent):
        consents.use(made.id)


def test_nobody_gives_or_withdraws_it_for_another(who: Actor) -> None:
    made = give(who)
    acting = Actor(kind="resident", user="d", node=here(), person=who.person, mandate=uuid4())
    stranger = Actor(
        kind="resident",
        user="s",
        node=here(),
        person=vault.enrol(make_person_number("510000", date(1990, 1, 1), 1, "male")),
    )
    for other in (acting, Actor(kind="staff", user="c", node=here())):
        with pytest.raises(NoConsent):
            give(other)
        with pytest.raises(NoConsent):
            consents.withdraw(other, made.id)
    with pytest.raises(NoConsent):
        consents.withdraw(stranger, made.id)
    consents.withdraw(who, made.id)
    consents.withdraw(who, made.id)  # harmless to repeat
    assert consents.of(person(who))[0].status == "withdrawn"


@pytest.mark.parametrize("period", [0, 366])
def test_a_consent_has_a_bounded_time(who: Actor, period: int) -> None:
    with pytest.raises(ValueError, match="days"):
        give(who, period)
