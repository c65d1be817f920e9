"""Residents for the journeys a service declares in its examples.yaml: the declared birth, sex, household and documents.

Run 0 is part of the sample data. Every further run of a tour takes a fresh resident, since a finished case changes what
a second one may do. Both nodes make the same person from (service, index, run), each its own part: everyone is enrolled
at both, has a sign-in where their steps are, and documents where the journey's register has them.
"""

import zlib
from dataclasses import dataclass
from datetime import date
from itertools import count
from random import Random
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from chuanyu.clearing.actions import fund
from chuanyu.core.catalogue import catalogue
from chuanyu.core.money import Money
from chuanyu.core.numbers import Sex, make_person_number
from chuanyu.identity import vault
from chuanyu.identity.here import here
from chuanyu.identity.models import User
from chuanyu.node.samples import PASSWORD, check_allowed, documents, journey_user
from chuanyu.node.samples.password import shared_password
from chuanyu.node.samples.people import AREAS, name_for

_AREAS = tuple(AREAS.values())
_FIRST, _SLOTS = 100, 400  # sequences 100 to 499 of each area; people.py has those below

PURSE = Money.yuan(20_000)


class NoJourney(LookupError):
    """No such service, or it declares no such journey."""


@dataclass(frozen=True)
class Traveller:
    """A journey's resident: `password` opens `username` at every node where the resident takes a step."""

    username: str
    run: int
    password: str = PASSWORD


def resident(service: str, index: int, run: int | None = None) -> Traveller:
    """This node's part of the resident of one run; made if missing. Without `run`: the first run nobody has taken here.

    Raises `NoJourney`, `NoSamples` and, when all numbers of that day of birth are taken, RuntimeError.
    """
    check_allowed()
    journey = declared(service, index)
    if run is not None:
        return _make(service, index, run, journey)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(hashtext('chuanyu sample journeys'))"
        )  # tours may run side by side
        free = next(run for run in count(1) if vault.find(number(service, index, run)) is None)
        return _make(service, index, free, journey)


def declared(service: str, index: int) -> Any:
    """The journey as examples.yaml has it. Raises `NoJourney`."""
    found = catalogue().get(service)
    journeys = found.examples.get("journeys", ()) if found else ()
    if not 0 <= index < len(journeys):
        raise NoJourney(f"{service} declares no journey {index}" if found else f"there is no service “{service}”")
    return journeys[index]


def number(service: str, index: int, run: int) -> str:
    """The number of the resident of that run: of the declared birth and sex, scattered so that runs don't meet."""
    birth, sex, _ = described(service, index)
    slots = _SLOTS * len(_AREAS)
    slot = (
        zlib.crc32(f"{service}/{index}".encode()) + run * 7919
    ) % slots  # a prime: passes every slot before any twice
    if run >= slots:
        raise RuntimeError(f"{service} {index}: all {slots} sample numbers of this day of birth are taken")
    return make_person_number(_AREAS[slot // _SLOTS], birth, _FIRST + slot % _SLOTS, sex)


def described(service: str, index: int) -> tuple[date, Sex, str | None]:
    """Birth, sex and household of a journey's resident, as declared."""
    described = declared(service, index)["resident"]
    birth, household = described["birth"], described.get("household")
    return (
        birth if isinstance(birth, date) else date.fromisoformat(birth),
        described["sex"],
        None if household is None else str(household),
    )


def nodes(journey: Any) -> set[str]:
    """Where the resident needs a sign-in: where they take a step, and where the journey begins."""
    return {step["at"] for step in journey["steps"] if step["as"] == "resident"} | {journey["steps"][0]["at"]}


def _make(service: str, index: int, run: int, journey: Any) -> Traveller:
    username = journey_user(service, index, run)
    _, sex, household = described(service, index)
    name = name_for(Random(f"chuanyu {username}"), sex)
    digits = number(service, index, run)
    with transaction.atomic():
        known = vault.find(digits)
        new, person = known is None, known or vault.enrol(digits, name, household)
        if here() in nodes(journey) and not User.objects.filter(username=username).exists():
            User.objects.create(
                username=username,
                password=shared_password(),
                kind=User.Kind.RESIDENT,
                person_id=person,
                display=vault.masked(name),
            )
        have = documents.held(person=person)
        for entry in journey.get("register", ()):
            name = entry["document"] if "." in entry["document"] else f"{service}.{entry['document']}"
            if entry["at"] == here() and (entry["agency"], name, person) not in have:
                documents.enter(entry["agency"], name, person, entry["body"])
        if new:
            _purse(service, person)
    return Traveller(username, run)


def _purse(key: str, person: UUID) -> None:
    """Money in a new resident's own account, where the service pays from it."""
    service = catalogue()[key]
    for posting in service.postings.values():
        if posting.source == "person" and service.procedure is not None:
            agency = next(iter(service.procedure.parties.values())).agency
            fund(agency=agency, service=key, amount=PURSE, unit=posting.unit, account=f"person/{person}")
