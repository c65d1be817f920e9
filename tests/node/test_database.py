"""The node's role uses tables and owns nothing; the second database of a test is a database of its own."""

import psycopg
import pytest
from django.db import connection, transaction

from chuanyu.identity.here import as_node
from chuanyu.node import place

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE mine (a int)",
        "CREATE TEMPORARY TABLE mine (a int)",
        "CREATE SCHEMA mine",
        "DROP TABLE identity_person",
        "ALTER TABLE identity_person ADD COLUMN a int",
        "TRUNCATE identity_person",
        "CREATE INDEX mine ON identity_person (created)",
        "CREATE FUNCTION public.mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "CREATE TRIGGER mine BEFORE UPDATE ON identity_person EXECUTE FUNCTION suppress_redundant_updates_trigger()",
        "ALTER ROLE chuanyu_node SUPERUSER",
        "CREATE ROLE mine",
        "CREATE DATABASE mine",
        "SET ROLE chuanyu_owner",
        "DELETE FROM django_migrations",
        "UPDATE identity_reveal SET actor = 'x'",
        "DELETE FROM identity_reveal",
        "COPY identity_person TO PROGRAM 'cat'",
    ],
)
def test_node_role_may_not(statement: str, own_place: place.Place) -> None:
    with psycopg.connect(own_place.database_url, autocommit=True) as node, pytest.raises(psycopg.Error) as refused:
        node.execute(statement)
    assert isinstance(refused.value, psycopg.errors.InsufficientPrivilege), f"{statement}: {refused.value}"


def test_node_role_owns_nothing() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT current_user, rolsuper, rolcreatedb, rolcreaterole FROM pg_roles WHERE rolname = current_user"
        )
        assert cursor.fetchone() == ("chuanyu_node", False, False, False)
        cursor.execute(
            "SELECT count(*) FROM pg_shdepend JOIN pg_roles r ON refobjid = r.oid"
            " WHERE r.rolname = 'chuanyu_node' AND deptype = 'o'"
        )
        assert cursor.fetchone() == (0,)


def test_passwords_are_asked_on_the_socket(own_place: place.Place) -> None:
    url = place.socket_url("chuanyu_node", "wrong", "chongqing_test", own_place.sockets)
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(url)


def test_two_nodes_have_a_database_each(two_nodes: object) -> None:
    from chuanyu.identity.models import Person

    with transaction.atomic():
        Person.objects.create(lookup=b"a", sealed=b"b")
    with as_node("sichuan"):
        assert Person.objects.count() == 0
        with transaction.atomic():
            Person.objects.create(lookup=b"c", sealed=b"d")
            Person.objects.create(lookup=b"e", sealed=b"f")
        assert Person.objects.count() == 2
    assert Person.objects.count() == 1


def test_both_are_empty_again(two_nodes: object) -> None:
    from chuanyu.identity.models import Person

    assert Person.objects.count() == 0
    with as_node("sichuan"):
        assert Person.objects.count() == 0


def test_inside_a_plain_test_transaction_nothing_stays() -> None:
    from chuanyu.identity.models import Person

    Person.objects.create(lookup=b"a", sealed=b"b")
    assert Person.objects.count() == 1
