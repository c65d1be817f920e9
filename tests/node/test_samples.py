"""Sample data: the same everywhere, nobody real, whole at both nodes, and a fresh resident for every run of a journey."""

import json
import time
from datetime import date
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.core.cache import cache

from chuanyu.core import divisions
from chuanyu.core.catalogue import catalogue
from chuanyu.core.days import today
from chuanyu.core.numbers import person_number
from chuanyu.exchange import queries as exchange
from chuanyu.exchange.models import RegisterEntry
from chuanyu.identity import vault
from chuanyu.identity.models import Person, Reveal, Staff, User
from chuanyu.node import cli, samples
from chuanyu.node.samples import journeys, people

EVERYONE = [
    (service.key, index)
    for service in catalogue().values()
    for index in range(len(service.examples.get("journeys", ())))
]

# each agency that takes part in a service has a counter and an officer; the office is one
AGENCIES = {
    *(party.agency for each in catalogue().values() if each.procedure for party in each.procedure.parties.values()),
    *(each.batch.agency for each in catalogue().values() if each.batch),
}
STAFF = {"office"} | {f"{role}-{agency}" for agency in AGENCIES for role in ("clerk", "officer")}


class TestResidents:
    @pytest.mark.parametrize("node", ["chongqing", "sichuan"])
    def test_are_the_same_every_time_and_nobody_real(self, node: str) -> None:
        made = people.residents(node, 300)
        assert made[:200] == people.residents(node, 200)
        assert len({each.number for each in made}) == 300
        for each in made:
            read = person_number(each.number)
            assert (read.birth, read.sex) == (each.birth, each.sex)
            assert read.division == people.AREAS[node]  # province-level codes: nobody's place of registration
            assert 18 <= 2025 - each.birth.year <= 90
            assert divisions.division(each.household, on=today())
            assert divisions.node_of(each.household) == node
            assert each.number not in repr(each)

    def test_live_where_people_live(self) -> None:
        made = people.residents("sichuan", 2000)
        chengdu = sum(each.household.startswith("5101") for each in made) / 2000
        assert 0.21 < chengdu < 0.29  # 20.9 of 83.7 million at the census
        assert len({each.household for each in made}) > 150
        old = sum(each.birth.year <= 1959 for each in made) / 2000
        assert 0.15 < old < 0.30

    def test_follow_mergers_since_the_census(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("CHUANYU_TODAY", "2026-11-01")
        assert people.current("500105") == "500157"
        monkeypatch.setenv("CHUANYU_TODAY", "2025-03-03")
        assert people.current("500105") == "500105"


def test_no_two_journeys_share_a_resident() -> None:
    numbers = [journeys.number(*each, run) for each in EVERYONE for run in range(20)]
    assert len(set(numbers)) == len(numbers)
    residents = {each.number for node in people.AREAS for each in people.residents(node, samples.COUNT)}
    assert residents.isdisjoint(numbers)


@pytest.fixture(scope="class")
def loaded(two_nodes_of_class: Any) -> Any:
    for node in ("chongqing", "sichuan"):
        with two_nodes_of_class.at(node):
            samples.load()
    return two_nodes_of_class


class TestLoaded:
    """Both nodes, loaded once for all of these; each finds what those before it left."""

    def test_once_or_twice_everyone_is_there_once(self, loaded: Any) -> None:
        counts: dict[str, Any] = {}
        for again in (False, True):
            for node in ("chongqing", "sichuan"):
                with loaded.at(node):
                    if again:
                        samples.load()
                    found = (
                        User.objects.count(),
                        Person.objects.count(),
                        RegisterEntry.objects.count(),
                        Authenticator.objects.count(),
                        Reveal.objects.count(),
                    )
                    assert counts.setdefault(node, found) == found
                    assert set(Staff.objects.values_list("user__username", flat=True)) == STAFF
                    assert User.objects.filter(username__startswith="resident-").count() == samples.COUNT
                    assert User.objects.get(username=f"resident-{samples.COUNT}").check_password(samples.PASSWORD)
                    # our own, half of the other node's, the newcomer (of the other half) and the journeys' residents
                    assert Person.objects.count() == samples.COUNT + samples.COUNT // 2 + 1 + len(EVERYONE)
                    assert Reveal.objects.count() == 0

    def test_half_of_the_other_node_have_their_records_here(self, loaded: Any) -> None:
        with loaded.at("sichuan"):
            number = people.residents("sichuan", 1)[0].number
            assert vault.find(number) == User.objects.get(username="resident-1").person_id
        with loaded.at("chongqing"):
            person = vault.find(number)
            assert person is not None
            assert not User.objects.filter(person=person).exists()
            record = exchange.register("hrss", "pension_transfer.account_record", person, date(2025, 3, 3))
            assert record
            assert record["years"]

    def test_the_resident_of_the_walk_through(self, loaded: Any) -> None:
        user = samples.journey_user(*samples.SHOWN)
        assert user in "\n".join(samples.about())
        with loaded.at("sichuan"):
            person = User.objects.get(username=user).person_id
            assert person
            number = vault.reveal(person, purpose="test", by="test").number
            assert exchange.register("hrss", "pension_transfer.account_record", person, date(2025, 3, 3)) is None
        with loaded.at("chongqing"):
            assert not User.objects.filter(username=user).exists()
            there = vault.find(number)
            assert there
            record = exchange.register("hrss", "pension_transfer.account_record", there, date(2025, 3, 3))
            assert record
            assert record["personal_balance"] == "16900.37"

    def test_every_run_of_a_journey_has_a_fresh_resident(self, loaded: Any) -> None:
        service, index = samples.SHOWN
        seen = []
        for run in (1, 2):
            numbers = []
            for node in ("sichuan", "chongqing"):
                with loaded.at(node):
                    made = journeys.resident(service, index)  # each node finds the next run by itself
                    assert made.run == run
                    assert made.username == f"{service}-{index}-{run}"
                    again = journeys.resident(service, index, run)
                    assert again == made
                    numbers.append(journeys.number(service, index, run))
                    person = vault.find(numbers[-1])
                    assert person
                    assert RegisterEntry.objects.filter(person=person).count() == (node == "chongqing")
                    assert User.objects.filter(username=made.username).count() == (node == "sichuan")
            assert numbers[0] == numbers[1]
            seen.append(numbers[0])
        assert seen[0] != seen[1]


@pytest.mark.django_db
class TestCode:
    @pytest.fixture(autouse=True)
    def clerk(self) -> User:
        from chuanyu.identity import actions

        cache.clear()
        user = actions.create_staff(username="clerk-hrss", password=samples.PASSWORD, agency="hrss", role="clerk")
        actions.set_totp(user, samples.totp_secret("clerk-hrss"))
        return user

    def sign_in(self) -> int:
        from django.test import Client

        client = Client()
        client.post("/accounts/login/", {"login": "clerk-hrss", "password": samples.PASSWORD})
        answer = client.post("/accounts/2fa/authenticate/", {"code": samples.code("clerk-hrss")})
        return int(answer.status_code)

    def test_opens_three_times_in_a_row_although_each_opens_once(self) -> None:
        assert [self.sign_in() for _ in range(3)] == [302] * 3

    def test_waits_when_all_are_used(self, monkeypatch: pytest.MonkeyPatch) -> None:
        start, slept = time.time(), []
        monkeypatch.setattr(time, "time", lambda: start + sum(slept))
        monkeypatch.setattr(time, "sleep", slept.append)
        assert [self.sign_in() for _ in range(4)] == [302] * 4
        assert len(slept) == 1

    def test_is_refused_in_service(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("CHUANYU_SAMPLE", "0")
        for act in (lambda: samples.code("clerk-hrss"), samples.load, lambda: samples.journey_resident("x", 0)):
            with pytest.raises(samples.NoSamples):
                act()

    def test_nobody_has_none(self) -> None:
        with pytest.raises(LookupError, match="nobody"):
            samples.code("nobody")


@pytest.mark.django_db
class TestCommands:
    @pytest.fixture(autouse=True)
    def no_setup(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(cli, "django", lambda node: None)

    def test_journey_prints_the_sign_in(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert cli.main(["sample", "journey", "pension_transfer", "0", "--at", "chongqing"]) == 0
        assert json.loads(capsys.readouterr().out) == {
            "username": "pension_transfer-0-1",
            "password": samples.PASSWORD,
            "run": 1,
        }

    @pytest.mark.parametrize(
        ("words", "said"),
        [
            (["sample", "journey", "nothing", "0", "--at", "sichuan"], "no service “nothing”"),
            (["sample", "journey", "pension_transfer", "99", "--at", "sichuan"], "no journey 99"),
            (["code", "nobody"], "nobody"),
        ],
    )
    def test_errors_are_one_sentence(self, words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
        assert cli.main(words) == 1
        err = capsys.readouterr().err
        assert said in err
        assert len(err.splitlines()) == 1


def test_a_journey_of_a_service_nobody_declares() -> None:
    with pytest.raises(journeys.NoJourney):
        journeys.declared("nothing", 0)
