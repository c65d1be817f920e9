"""Putting one node's sample data in place."""

from collections.abc import Sequence
from uuid import UUID

from django.db import transaction

from chuanyu.clearing.actions import fund, prepay
from chuanyu.clearing.queries import accounts
from chuanyu.core.catalogue import catalogue
from chuanyu.core.days import today
from chuanyu.core.documents import Person, Sex
from chuanyu.core.money import Money
from chuanyu.core.parameters import Parameters
from chuanyu.identity import actions, vault
from chuanyu.identity.here import here, peer
from chuanyu.identity.models import Agency, Staff, User
from chuanyu.node.samples import COUNT, check_allowed, documents, journeys, totp_secret
from chuanyu.node.samples.password import shared_password
from chuanyu.node.samples.people import Resident, residents

PREPAID = Money.yuan(10_000_000)  # of it, put in before with the other side where a service wants that
OPENING = Money.yuan(1_000_000_000)  # in each fund, so that a sample transfer has something to come from
TITLES = {"clerk": "窗口", "officer": "经办负责人", "office": "专班"}


def load(count: int = COUNT) -> None:
    """This node's residents and staff, the register documents of its agencies, and the residents of all journeys.

    Every second resident of the other node lived here before: this node knows them and keeps their records. `newcomer`
    has just come from there: the counter here took down a number and a name, and no more.
    Safe to repeat; a second run adds only what is missing.
    """
    check_allowed()
    with transaction.atomic():
        actions.load_agencies()
        password = shared_password()
        _staff(password)
        known = _sign_ins(residents(here(), count), password)
        known |= _enrolled(residents(peer(), count)[::2])
        _newcomer(residents(peer(), 2)[1], password)
        documents.fill_register(known)
    for service in catalogue().values():
        for index in range(len(service.examples.get("journeys", ()))):
            journeys.resident(service.key, index, 0)
    _funds()


def _funds() -> None:
    """Money in the fund of every agency that can come to pay for a service."""
    there = {account.book for account in accounts() if account.entries}
    for service in catalogue().values():
        for posting in service.postings.values():
            if service.batch is not None and service.batch.posts == posting.name:
                if f"{service.batch.agency}/{service.key}" not in there:
                    fund(agency=service.batch.agency, service=service.key, amount=OPENING, unit=posting.unit)
                continue
            assert service.procedure is not None
            payer = service.procedure.parties.get(posting.payer)  # none: it comes from the applicant's own account
            if payer is None:
                continue
            agency = payer.agency
            if f"{agency}/{service.key}" in there:
                continue
            fund(agency=agency, service=service.key, amount=OPENING, unit=posting.unit)
            if posting.prepayment:
                day, alarms = today(), posting.prepayment
                prepay(
                    service=service.key,
                    payer=f"{here()}/{agency}",
                    payee=f"{peer()}/{service.procedure.parties[posting.payee].agency}",
                    amount=PREPAID,
                    unit=posting.unit,
                    yellow=getattr(Parameters(service.parameters, day, here()), alarms.yellow),
                    red=getattr(Parameters(service.parameters, day, here()), alarms.red),
                )


def _staff(password: str) -> None:
    """clerk-… and officer-… at each agency that takes part in a service, and the office (专班) at the commission."""
    jobs = [("office", "dev", "office")]
    jobs += [(f"{role}-{code}", code, role) for code in sorted(documents.agencies()) for role in ("clerk", "officer")]
    known = set(User.objects.filter(kind=User.Kind.STAFF).values_list("username", flat=True))
    units = {unit.code: unit for unit in Agency.objects.filter(node=here())}
    for username, code, role in jobs:
        if username in known or code not in units:
            continue
        user = User.objects.create(
            username=username,
            password=password,
            kind=User.Kind.STAFF,
            display=f"{units[code].name_zh} {TITLES[role]}",
        )
        Staff.objects.create(user=user, agency=units[code], role=role)
        actions.set_totp(user, totp_secret(username))


def _sign_ins(people: Sequence[Resident], password: str) -> dict[UUID, tuple[str, Person]]:
    """resident-1 … for these people, in order."""
    names = User.objects.filter(kind=User.Kind.RESIDENT, username__startswith="resident-")
    known = dict(names.values_list("username", "person_id"))
    made, found = [], {}
    for index, each in enumerate(people, 1):
        username = f"resident-{index}"
        person = known.get(username)
        if person is None:
            person = vault.enrol(each.number, each.name, each.household)
            made.append(
                User(
                    username=username,
                    password=password,
                    kind=User.Kind.RESIDENT,
                    person_id=person,
                    display=vault.masked(each.name),
                )
            )
        found[person] = (f"{here()} {username}", _facts(each))
    User.objects.bulk_create(made)
    return found


def _newcomer(each: Resident, password: str) -> None:
    """The other node's resident-2, signed in here: their household is known over there alone."""
    if not User.objects.filter(username="newcomer").exists():
        person = vault.enrol(each.number, each.name)
        User.objects.create(
            username="newcomer",
            password=password,
            kind=User.Kind.RESIDENT,
            person_id=person,
            display=vault.masked(each.name),
        )


def _enrolled(people: Sequence[Resident]) -> dict[UUID, tuple[str, Person]]:
    """These people in the vault, without a sign-in here."""
    return {
        vault.find(each.number) or vault.enrol(each.number, each.name, each.household): (
            f"{here()} guest {index}",
            _facts(each),
        )
        for index, each in enumerate(people)
    }


def _facts(each: Resident) -> Person:
    return Person(birth=each.birth, sex=Sex[each.sex], household=each.household)
