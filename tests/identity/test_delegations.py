"""Acting for another: offered without telling who is known, accepted, bounded to services, ended at once."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.http import HttpRequest
from django.test import Client

from chuanyu.core import days
from chuanyu.core.numbers import make_person_number
from chuanyu.identity import actions, delegations, vault
from chuanyu.identity.access import ACTING, actor
from chuanyu.identity.actor import Actor
from chuanyu.identity.delegations import DelegationError
from chuanyu.identity.here import here
from chuanyu.identity.models import Delegation, User
from chuanyu.identity.roles import ONESELF, answer

pytestmark = pytest.mark.django_db

MOTHER = make_person_number("510000", date(1958, 2, 3), 8, "female")
DAUGHTER = make_person_number("510000", date(1986, 9, 1), 4, "female")
NEXT_YEAR = days.today() + timedelta(days=300)


@pytest.fixture
def mother() -> Actor:
    return resident("mother", MOTHER, "陈秀兰")


@pytest.fixture
def daughter() -> Actor:
    return resident("daughter", DAUGHTER, "李·小雨")


def resident(username: str, number: str, name: str) -> Actor:
    person = vault.enrol(number, name)
    actions.create_resident(username=username, password="x", person=person, display=vault.masked(name))
    return Actor(kind="resident", user=username, node=here(), person=person, roles=frozenset({"resident"}))


def offer(who: Actor, **change: Any) -> delegations.DelegationView:
    parts: dict[str, Any] = {"number": DAUGHTER, "name": "李小雨", "relation": "child",
                             "services": ["pension_transfer"], "until": NEXT_YEAR}  # fmt: skip
    return delegations.offer(who, **(parts | change))


def test_offered_accepted_and_in_force(mother: Actor, daughter: Actor) -> None:
    made = offer(mother)
    assert (made.status, made.name) == ("waiting", "*小雨")
    (seen,) = delegations.received(daughter.person, by=daughter.id)  # type: ignore[arg-type]
    assert (seen.name, seen.status, seen.services) == ("陈秀兰", "waiting", ("pension_transfer",))
    assert delegations.in_force(made.id, delegate=daughter.person) is None  # type: ignore[arg-type]
    delegations.accept(daughter, made.id)
    mandate = delegations.in_force(made.id, delegate=daughter.person)  # type: ignore[arg-type]
    assert mandate and (mandate.principal, mandate.name) == (mother.person, "*秀兰")
    assert mandate.services == {"pension_transfer"}
    assert delegations.in_force(made.id, delegate=mother.person) is None  # type: ignore[arg-type]
    (given,) = delegations.given(mother.person)  # type: ignore[arg-type]
    assert given.status == "in_force"


@pytest.mark.parametrize("by", ["mother", "daughter"])
def test_either_ends_it_at_once(mother: Actor, daughter: Actor, by: str) -> None:
    made = offer(mother)
    delegations.accept(daughter, made.id)
    delegations.end({"mother": mother, "daughter": daughter}[by], made.id)
    assert delegations.in_force(made.id, delegate=daughter.person) is None  # type: ignore[arg-type]
    assert delegations.given(mother.person)[0].status == "ended"  # type: ignore[arg-type]
    with pytest.raises(DelegationError):
        delegations.accept(daughter, made.id)


def test_declined_and_run_out(mother: Actor, daughter: Actor) -> None:
    delegations.end(daughter, offer(mother).id)
    old = offer(mother)
    delegations.accept(daughter, old.id)
    Delegation.objects.filter(pk=old.id).update(until=days.today() - timedelta(days=1))
    assert delegations.in_force(old.id, delegate=daughter.person) is None  # type: ignore[arg-type]
    assert {one.status for one in delegations.given(mother.person)} == {"declined", "expired"}  # type: ignore[arg-type]
    assert delegations.received(daughter.person, by="x") == []  # type: ignore[arg-type]


def test_an_offer_tells_nobody_who_is_known(mother: Actor, daughter: Actor) -> None:
    """A number of nobody, a name that is not theirs, the right one: all look alike to who offers."""
    nobody = make_person_number("500000", date(1970, 1, 1), 9, "male")
    looks = [
        offer(mother, number=n, name=name)
        for n, name in ((nobody, "李小雨"), (DAUGHTER, "李大雨"), (DAUGHTER, "李小雨"))
    ]
    assert len({(one.status, one.relation, one.services, one.until) for one in looks}) == 1
    assert {one.name for one in looks} == {"*小雨", "*大雨"}
    assert delegations.waiting(daughter.person) == 1  # type: ignore[arg-type]
    assert vault.find(nobody) is None  # and nobody is made known by it


def test_what_is_wrong_is_said_at_its_field(mother: Actor) -> None:
    def wrong(**change: Any) -> set[str]:
        with pytest.raises(DelegationError) as caught:
            offer(mother, **change)
        return {error.path for error in caught.value.errors}

    assert wrong(number=DAUGHTER[:-1] + ("0" if DAUGHTER[-1] != "0" else "1")) == {"number"}
    assert wrong(number=MOTHER, name="陈秀兰") == {"number"}
    assert wrong(until=days.today()) == {"until"}
    assert wrong(until=days.add_months(days.today(), delegations.LONGEST) + timedelta(days=1)) == {"until"}
    assert wrong(services=[]) == {"services"}
    assert wrong(number="1", until=days.today(), services=[]) == {"number", "until", "services"}


def test_offers_that_wait_are_few(mother: Actor) -> None:
    for _ in range(delegations.WAITING):
        offer(mother)
    with pytest.raises(DelegationError):
        offer(mother)


def test_what_was_delegated_is_not_passed_on(mother: Actor, daughter: Actor) -> None:
    made = offer(mother)
    delegations.accept(daughter, made.id)
    acting = Actor(kind="resident", user="daughter", node=here(), person=mother.person, mandate=made.id)
    for attempt in (
        lambda: offer(acting),
        lambda: delegations.accept(acting, made.id),
        lambda: delegations.end(acting, made.id),
    ):
        with pytest.raises(DelegationError):
            attempt()


def test_only_the_two_may_touch_it(mother: Actor, daughter: Actor) -> None:
    made, stranger = (
        offer(mother),
        resident("stranger", make_person_number("510000", date(1990, 1, 1), 1, "male"), "某人"),
    )
    for attempt in (lambda: delegations.accept(stranger, made.id), lambda: delegations.end(stranger, made.id),
                    lambda: delegations.accept(mother, made.id), lambda: delegations.end(mother, uuid4())):  # fmt: skip
        with pytest.raises(DelegationError):
            attempt()


class TestActing:
    """The session of somebody who acts for another."""

    @pytest.fixture
    def made(self, mother: Actor, daughter: Actor) -> UUID:
        found = offer(mother)
        delegations.accept(daughter, found.id)
        return found.id

    def request(self, made: UUID, username: str = "daughter") -> HttpRequest:
        request = HttpRequest()
        request.user = User.objects.get(username=username)
        request.session = {ACTING: str(made)}  # type: ignore[assignment]
        request._messages = type("Kept", (list,), {"add": lambda *_: None})()  # type: ignore[attr-defined]
        return request

    def test_the_actor_is_the_principal_named_with_the_delegation(self, made: UUID, mother: Actor) -> None:
        found = actor(self.request(made))
        assert found.person == mother.person and found.acts_for_another and found.name == "*秀兰"
        assert found.id == f"{here()}/daughter~{made.hex}" and len(found.id) <= 160
        assert mother.person and found.is_person(mother.person, "pension_transfer")
        assert not found.is_person(mother.person, "unemployment_transfer")

    def test_its_end_ends_the_acting(self, made: UUID, mother: Actor, daughter: Actor) -> None:
        delegations.end(mother, made)
        request = self.request(made)
        assert actor(request).person == daughter.person
        assert ACTING not in request.session

    def test_another_ones_delegation_gives_nothing(self, made: UUID) -> None:
        resident("stranger", make_person_number("510000", date(1990, 1, 1), 1, "male"), "某人")
        assert not actor(self.request(made, "stranger")).acts_for_another

    def test_what_concerns_the_person_alone_is_closed(self, made: UUID) -> None:
        acting = actor(self.request(made))
        for name in ONESELF:
            assert answer(name, acting, verified=True) == "oneself", name
        assert answer("portal:my_cases", acting, verified=True) == "allow"

    def test_the_pages_say_so(self, made: UUID, sign_in: Callable[[Client, User], None]) -> None:
        client = Client()
        sign_in(client, User.objects.get(username="daughter"))
        assert client.post("/delegates/act/", {"delegation": str(made)}).headers["Location"] == "/me/"
        page = client.get("/me/").content.decode()
        assert "您正在代" in page and "*秀兰" in page
        assert client.get("/consents/").headers["Location"] == "/delegates/"
        assert client.get("/api/accesses").status_code == 403
        client.post("/delegates/act/", {})
        assert 'class="acting"' not in client.get("/me/").content.decode()
        for wrong in (str(uuid4()), "x"):
            assert client.post("/delegates/act/", {"delegation": wrong}, follow=True).status_code == 200


def test_a_sign_in_name_leaves_room_for_the_delegation() -> None:
    person = vault.enrol(MOTHER, "陈秀兰")
    with pytest.raises(ValueError, match="at most"):
        actions.create_resident(username="x" * 101, password="x", person=person)
