"""Tests run on a real PostgreSQL 18 of their own, as the role that owns nothing; two databases stand for the two nodes."""

import atexit
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

import hypothesis
import psycopg
import pytest
from django import db
from django.conf import settings
from django.test import TransactionTestCase

from chuanyu.node import database, place, postgres
from chuanyu.node import settings as node_settings

# a busy machine is slow, which says nothing about what is tested
hypothesis.settings.register_profile("suite", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("suite")

HOME_NODE, PEER_NODE = "chongqing", "sichuan"
LIVE = ("tests/faults/", "tests/journeys/")  # whose tests share two live nodes


def _live(nodeid: str) -> bool:
    return nodeid.startswith(LIVE)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """For several workers at once: a file stays with one; what shares the live nodes stays together, and begins first.

    Not by pytest-xdist's groups: they rename items, which pytest 9.2 no longer heeds.
    """
    from xdist.scheduler import LoadScopeScheduling

    class Files(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return "live nodes" if _live(nodeid) else nodeid.partition("::")[0]

    config.option.loadscopereorder = False
    return Files(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """In a worker: the live nodes first. One after another they keep their place."""
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: not _live(item.nodeid))


def _places() -> dict[str, place.Place]:
    """Both nodes' places in a folder that lasts as long as the run; nothing starts yet."""
    var = tempfile.mkdtemp(prefix="chuanyu-tests-")
    os.chmod(var, 0o711)  # when root runs the tests, PostgreSQL is another user and must pass through
    atexit.register(shutil.rmtree, var, ignore_errors=True)
    os.environ["CHUANYU_VAR"] = var
    sockets = Path(tempfile.mkdtemp(prefix="chuanyu-", dir="/tmp"))
    sockets.rmdir()  # the server makes it, for its own user
    secrets = place.new(HOME_NODE, sockets=sockets)
    made = {}
    for node in (HOME_NODE, PEER_NODE):
        # one server for both nodes, so one set of passwords, and a database each
        data = place.new(node, sockets=sockets, port_base=18050)
        data |= {key: secrets[key] for key in secrets if key.endswith("_password")}
        data["database"] = f"{node}_test"
        place.write(node, data)
        made[node] = place.Place.load(node)
    return made


PLACES = _places()
settings.PLACE = PLACES[HOME_NODE]
settings.SECRET_KEY = PLACES[HOME_NODE].secret_key
settings.MEDIA_ROOT = PLACES[HOME_NODE].home / "files"
settings.SESSION_COOKIE_NAME = f"chuanyu_{HOME_NODE}_session"
settings.CSRF_COOKIE_NAME = f"chuanyu_{HOME_NODE}_csrf"
settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # speed: no test is about hashing


def _entry(url: str) -> dict[str, Any]:
    entry = db.connections.configure_settings({"default": node_settings.database(url)})["default"]
    entry["TEST"] |= {"NAME": entry["NAME"]}
    return entry


db.connections.settings = {"default": _entry(PLACES[HOME_NODE].database_url)}


class TwoNodes(db.utils.ConnectionHandler):
    """`connections` whose "default" is the database of the node the code acts as, in tests that ask for two nodes."""

    active = False

    def __getitem__(self, alias: str) -> Any:
        from chuanyu.identity.here import here

        if self.active and alias == "default" and here() == PEER_NODE:
            if not hasattr(self._connections, PEER_NODE):  # one per thread, as Django keeps its own
                setattr(self._connections, PEER_NODE, self.peer())
            return getattr(self._connections, PEER_NODE)
        return super().__getitem__(alias)

    def peer(self) -> Any:
        entry = _entry(PLACES[PEER_NODE].database_url)
        return db.utils.load_backend(entry["ENGINE"]).DatabaseWrapper(entry, "default")


db.connections.__class__ = TwoNodes


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[postgres.Server]:
    """A PostgreSQL 18 for this run alone. It ends with the run, even when the run is killed."""
    own = PLACES[HOME_NODE]
    server = postgres.Server(
        home=own.home.parent / "server", sockets=own.sockets, password=own.superuser_password, durable=False
    )
    server.create()
    server.start()
    yield server
    for alias in list(db.connections):
        db.connections[alias].close()
    for connection in _Tables.superuser.values():
        connection.close()
    server.stop()
    server.remove()


@pytest.fixture(scope="session")
def django_db_setup(postgres_server: postgres.Server, django_db_blocker: Any) -> None:
    """Both databases, owned by chuanyu_owner and migrated as it; tests then connect as chuanyu_node."""
    own = PLACES[HOME_NODE]
    superuser = place.socket_url("postgres", own.superuser_password, "postgres", own.sockets)
    passwords = {
        database.OWNER: node_settings.database(own.owner_url)["PASSWORD"],
        database.NODE: node_settings.database(own.database_url)["PASSWORD"],
    }
    with django_db_blocker.unblock():
        database.create(superuser, database=f"{HOME_NODE}_test", passwords=passwords)  # type: ignore[arg-type]
        database.grant(own.owner_url)
        with _as_owner():
            database.migrate()
            _identity()
        with psycopg.connect(superuser, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {PEER_NODE}_test TEMPLATE {HOME_NODE}_test OWNER {database.OWNER}")
        database.create(superuser, database=f"{PEER_NODE}_test", passwords=passwords)  # type: ignore[arg-type]
    for each in PLACES.values():
        _Tables.connect(each)


def _identity() -> None:
    """The vaults' keys at both nodes, and the agencies of both, which every test may count on."""
    from chuanyu.identity import actions, vault

    for own in PLACES.values():
        vault.make_keys(own.home)
    actions.load_agencies()


@contextmanager
def _as_owner() -> Iterator[None]:
    kept = db.connections.settings
    db.connections["default"].close()
    del db.connections["default"]
    db.connections.settings = {"default": _entry(PLACES[HOME_NODE].owner_url)}
    try:
        yield
    finally:
        db.connections["default"].close()
        del db.connections["default"]
        db.connections.settings = kept


_EMPTY = """
CREATE SCHEMA for_tests;
CREATE FUNCTION for_tests.empty_tables(kept text[]) RETURNS void LANGUAGE plpgsql SET session_replication_role = replica AS $$
DECLARE one record;
BEGIN
  FOR one IN SELECT oid, oid::regclass::text AS name FROM pg_class
              WHERE relkind = 'r' AND relnamespace::regnamespace::text NOT IN ('pg_catalog', 'information_schema')
                AND pg_relation_size(oid) > 0 AND NOT oid::regclass::text = ANY (kept) LOOP
    IF pg_relation_size(one.oid) > 1000000 THEN
      EXECUTE format('TRUNCATE %s CASCADE', one.name);
    ELSE
      EXECUTE format('DELETE FROM %s', one.name);
    END IF;
    PERFORM setval(objid::regclass, 1, false) FROM pg_depend
      WHERE refobjid = one.oid AND classid = 'pg_class'::regclass AND deptype IN ('a', 'i')
        AND (SELECT relkind FROM pg_class WHERE oid = objid) = 'S';
  END LOOP;
END $$
"""


class _Tables:
    """Emptying tables after a test that committed: the superuser may, past every rule.

    By deleting, as there are few rows: to truncate makes files anew and lets every connection forget what it knew.
    """

    reference: ClassVar[list[str]] = []  # what migrations themselves fill
    superuser: ClassVar[dict[str, psycopg.Connection[Any]]] = {}  # database → kept connection

    @classmethod
    def connect(cls, own: place.Place) -> None:
        """To a migrated database, as it is to be again after every test."""
        name = node_settings.database(own.database_url)["NAME"]
        url = place.socket_url("postgres", PLACES[HOME_NODE].superuser_password, str(name), own.sockets)
        cls.superuser[own.node] = connection = psycopg.connect(url, autocommit=True)
        connection.execute(_EMPTY)
        names = connection.execute(
            "SELECT oid::regclass::text FROM pg_class WHERE relkind = 'r' AND relnamespace <> 'pg_catalog'::regnamespace"
        ).fetchall()
        cls.reference = [name for (name,) in names if connection.execute(f"SELECT FROM {name} LIMIT 1").rowcount]

    @classmethod
    def empty(cls, node: str) -> None:
        cls.superuser[node].execute("SELECT for_tests.empty_tables(%s)", [cls.reference])


def _teardown(_self: TransactionTestCase) -> None:
    _Tables.empty(HOME_NODE)


TransactionTestCase._fixture_teardown = _teardown  # type: ignore[method-assign]


@pytest.fixture
def analysed(transactional_db: None) -> Callable[[str], None]:
    """`analysed(table)`: the planner counts its committed rows now, as autovacuum does in service."""

    def analyse(table: str) -> None:
        _Tables.superuser[HOME_NODE].execute(f"ANALYZE {table}")

    return analyse


class Nodes:
    """Both nodes in one process: `with nodes.at("sichuan"): …` acts there, on its database and with its keys."""

    places = PLACES

    @staticmethod
    def at(node: str) -> Any:
        from chuanyu.identity.here import as_node

        return as_node(node, PLACES[node].home)


@contextmanager
def _both() -> Iterator[Nodes]:
    TwoNodes.active = True
    yield Nodes()
    with Nodes.at(PEER_NODE):
        db.connections["default"].close()
    TwoNodes.active = False
    _Tables.empty(PEER_NODE)


@pytest.fixture
def two_nodes(transactional_db: None) -> Iterator[Nodes]:
    """Both databases, empty at the start and emptied at the end. `chuanyu.identity.here.as_node` switches between them too."""
    with _both() as nodes:
        yield nodes


@pytest.fixture(scope="class")
def two_nodes_of_class(django_db_setup: None, django_db_blocker: Any) -> Iterator[Nodes]:
    """As `two_nodes`, for all tests of a class together: each finds what those before it left."""
    with django_db_blocker.unblock(), _both() as nodes:
        yield nodes
        db.connections["default"].close()
        _Tables.empty(HOME_NODE)


@pytest.fixture(autouse=True)
def clock() -> Iterator[None]:
    """A test that sets the legal day or time sets it for itself alone."""
    names = ("CHUANYU_TODAY", "CHUANYU_TIME")
    kept = {name: os.environ.get(name) for name in names}
    yield
    for name, value in kept.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


@pytest.fixture
def own_place() -> place.Place:
    """The place of the node the tests run as."""
    return PLACES[HOME_NODE]


@pytest.fixture
def sign_in() -> Callable[[Any, Any], None]:
    """`sign_in(client, user)`: a session as after password and, for staff, second factor."""
    import time

    def sign_in(client: Any, user: Any) -> None:
        client.force_login(user)
        session = client.session
        session["account_authentication_methods"] = [
            {"method": method, "at": time.time()} for method in ("password", *(["mfa"] if user.kind == "staff" else []))
        ]
        session["account_authentication_methods_user"] = str(user.pk)
        session.save()

    return sign_in


@pytest.fixture(scope="session")
def live_wires() -> Iterator[Any]:
    """What lies between the two live nodes: a test can cut it (see wires.Wires)."""
    from wires import Wires

    with Wires() as wires:
        yield wires


@pytest.fixture(scope="session")
def live_nodes(live_wires: Any) -> Iterator[Any]:
    """Two real nodes on ports of their own, with sample data, shared by all tests that only use them (see live.Pair)."""
    from live import Pair

    with Pair(environment=live_wires.environment) as pair:
        live_wires.lead({node: place.ports(node, pair.port_base)["gateway_port"] for node in PLACES})
        pair.start()
        yield pair
