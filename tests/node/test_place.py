"""A node's place: written for its owner only, and opened to what comes from outside."""

import stat
from pathlib import Path

import pytest

from chuanyu.node import place


@pytest.fixture
def var(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CHUANYU_VAR", str(tmp_path / "my var"))
    return tmp_path / "my var"


def test_secrets_are_the_owners_only(var: Path) -> None:
    home = place.write("sichuan", place.new("sichuan"))
    assert home == var / "sichuan"
    assert stat.S_IMODE((home / "node.json").stat().st_mode) == 0o600
    assert stat.S_IMODE((home / "keys").stat().st_mode) == 0o700
    assert stat.S_IMODE((home / "logs").stat().st_mode) == 0o700


def test_ports_and_addresses(var: Path) -> None:
    place.write("sichuan", place.new("sichuan"))
    here = place.Place.load("sichuan")
    assert (here.peer, here.portal_port, here.gateway_port) == ("chongqing", 8051, 8151)
    assert here.portal_url == "http://127.0.0.1:8051"
    assert here.database_url.startswith("postgresql://chuanyu_node:")
    assert here.owner_url.startswith("postgresql://chuanyu_owner:")
    assert here.embedded


def test_a_database_from_outside(var: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHUANYU_SICHUAN_DATABASE_URL", "postgresql://n:p@db.example/chuanyu")
    monkeypatch.setenv("CHUANYU_SICHUAN_OWNER_URL", "postgresql://o:p@db.example/chuanyu")
    place.write("sichuan", place.new("sichuan"))
    here = place.Place.load("sichuan")
    assert not here.embedded
    assert here.database_url == "postgresql://n:p@db.example/chuanyu"
    assert here.owner_url == "postgresql://o:p@db.example/chuanyu"
    place.write("chongqing", place.new("chongqing"))
    assert place.Place.load("chongqing").embedded


def test_an_address_from_outside(var: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Behind a TLS proxy the other node comes by another address than this node's own programs."""
    monkeypatch.setenv("CHUANYU_SICHUAN_GATEWAY_URL", "https://gateway.example")
    place.write("sichuan", place.new("sichuan"))
    here = place.Place.load("sichuan")
    assert here.gateway_url == "https://gateway.example"
    assert here.door_url == "http://127.0.0.1:8151"


def test_repr_tells_no_secret(var: Path) -> None:
    data = place.new("sichuan")
    place.write("sichuan", data)
    shown = repr(place.Place.load("sichuan"))
    assert not [key for key in data if key.endswith(("password", "key", "token")) and data[key] in shown]


def test_sentences_for_what_is_missing_or_broken(var: Path) -> None:
    with pytest.raises(place.PlaceError, match=r"not set up yet.*chuanyu up"):
        place.Place.load("sichuan")
    with pytest.raises(place.PlaceError, match="no node “guizhou”"):
        place.Place.load("guizhou")
    place.write("sichuan", place.new("sichuan"))
    (var / "sichuan" / "node.json").write_text("{")
    with pytest.raises(place.PlaceError, match="can't be read"):
        place.Place.load("sichuan")
