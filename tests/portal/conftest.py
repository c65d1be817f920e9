"""People at the doors of one node, with a compact in force, so that cases can be filed and moved on."""

from collections.abc import Callable
from datetime import date

import pytest
from django.core.cache import cache
from django.test import Client

from chuanyu.clearing.actions import fund
from chuanyu.core.money import Money
from chuanyu.core.numbers import make_person_number
from chuanyu.core.service import NODES
from chuanyu.exchange import installed
from chuanyu.identity import actions, vault
from chuanyu.node.place import Place

PASSWORD = "correct horse battery"


@pytest.fixture
def house(db: None) -> None:
    """The compact of both nodes in force here, and money in the pension fund."""
    cache.clear()
    installed.establish(Place.load(node) for node in NODES)
    installed.adopt()
    fund(agency="hrss", service="pension_transfer", amount=Money.parse("1000000.00"))


@pytest.fixture
def resident(house: None, sign_in: Callable[..., None]) -> Client:
    """A signed-in resident of Chongqing, registered in Guang'an."""
    number = make_person_number("500000", date(1988, 4, 12), 7, "female")
    person = vault.enrol(number, "测试小雪", "511602")
    user = actions.create_resident(username="someone", password=PASSWORD, person=person, display="*小雪")
    client = Client()
    sign_in(client, user)
    return client


@pytest.fixture
def staff(house: None, sign_in: Callable[..., None]) -> Callable[[str], Client]:
    """`staff("clerk")`: signed in at hrss with a second factor."""

    def make(role: str) -> Client:
        client = Client()
        sign_in(client, actions.create_staff(username=f"{role}-hrss", password=PASSWORD, agency="hrss", role=role))
        return client

    return make


@pytest.fixture
def other_clerk(house: None, sign_in: Callable[..., None]) -> Client:
    """A colleague at the same agency."""
    client = Client()
    sign_in(client, actions.create_staff(username="clerk2-hrss", password=PASSWORD, agency="hrss", role="clerk"))
    return client


@pytest.fixture
def filed(resident: Client) -> str:
    """The id of a case the resident has just filed."""
    resident.post("/services/pension_transfer/apply/", {"go": "check"})
    page = resident.get("/services/pension_transfer/apply/check/")
    answer = resident.post("/services/pension_transfer/apply/check/", {"request_id": page.context["request_id"]})
    return str(answer.headers["Location"].split("/")[2])
