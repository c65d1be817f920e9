"""Tests run on a real PostgreSQL 18 of their own, as the role that owns nothing; two databases stand for the two nodes."""

import atexit
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

import psycopg
import pytest
from django import db
from django.conf import settings
from django.test import TransactionTestCase

from chuanyu.node import database, place, postgres
from chuanyu.node import settings as node_settings

HOME_NODE, PEER_NODE = "chongqing", "sichuan"


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
    _Tables.reference = set(_Tables.filled(own.owner_url))


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


class _Tables:
    """Emptying tables after a test that committed: only the owner may, and some tables even the node can't delete from."""

    reference: ClassVar[set[str]] = set()  # what migrations themselves fill

    @staticmethod
    def filled(owner_url: str) -> list[str]:
        """Names of tables with rows, all schemas of ours."""
        with psycopg.connect(owner_url) as connection:
            names = connection.execute(
                "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables"
                " WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
            ).fetchall()
            return [name for (name,) in names if connection.execute(f"SELECT 1 FROM {name} LIMIT 1").fetchone()]

    @classmethod
    def empty(cls, owner_url: str) -> None:
        if names := [name for name in cls.filled(owner_url) if name not in cls.reference]:
            with psycopg.connect(owner_url) as connection:
                connection.execute(f"TRUNCATE {', '.join(names)} RESTART IDENTITY CASCADE")


def _teardown(_self: TransactionTestCase) -> None:
    _Tables.empty(PLACES[HOME_NODE].owner_url)


TransactionTestCase._fixture_teardown = _teardown  # type: ignore[method-assign]


class Nodes:
    """Both nodes in one process: `with nodes.at("sichuan"): …` acts there, on its database and with its keys."""

    places = PLACES

    @staticmethod
    def at(node: str) -> Any:
        from chuanyu.identity.here import as_node

        return as_node(node, PLACES[node].home)


@pytest.fixture
def two_nodes(transactional_db: None) -> Iterator[Nodes]:
    """Both databases, empty at the start and emptied at the end. `chuanyu.identity.here.as_node` switches between them too."""
    TwoNodes.active = True
    yield Nodes()
    with Nodes.at(PEER_NODE):
        db.connections["default"].close()
    TwoNodes.active = False
    _Tables.empty(PLACES[PEER_NODE].owner_url)


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
