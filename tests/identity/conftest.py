"""People to test with: a resident and one member of staff per role, at the node the tests run as."""

from collections.abc import Callable, Iterator
from datetime import date

import pytest
from django.core.cache import cache
from someone import PASSWORD, SECRET

from chuanyu.core.numbers import make_person_number
from chuanyu.identity import actions, vault
from chuanyu.identity.models import User


@pytest.fixture(autouse=True)
def no_counts(request: pytest.FixtureRequest) -> Iterator[None]:
    """Limits and used codes of one test don't reach the next."""
    if request.node.get_closest_marker("django_db"):
        request.getfixturevalue("db")
        cache.clear()
    yield


@pytest.fixture
def resident(db: None) -> User:
    person = vault.enrol(make_person_number("510000", date(1985, 6, 15), 7, "male"), "测试小明", "511623")
    return actions.create_resident(username="someone", password=PASSWORD, person=person, display="*小明")


@pytest.fixture
def staff(db: None) -> Callable[..., User]:
    """`staff("clerk")`: a sign-in at hrss with a second factor, or without."""

    def make(role: str, *, second_factor: bool = True) -> User:
        user = actions.create_staff(username=f"{role}-hrss", password=PASSWORD, agency="hrss", role=role)
        if second_factor:
            actions.set_totp(user, SECRET)
        return user

    return make
