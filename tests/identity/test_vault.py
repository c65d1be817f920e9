"""The vault: one row per number, sealed at rest, opened only with an audit row."""

import ast
import inspect
import logging
import os
import threading
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from uuid import UUID, uuid4

import pytest
import structlog
from allauth.mfa.models import Authenticator
from django import db
from django.db import connection, transaction
from hypothesis import given
from hypothesis import strategies as st

from chuanyu.core.numbers import NumberError, make_person_number
from chuanyu.identity import actions, vault
from chuanyu.identity.here import as_node, here, home
from chuanyu.identity.models import Person, Reveal, User

NUMBER = make_person_number("510000", date(1985, 6, 15), 4, "female")
NAME = "测试小明"


def looked(person: UUID) -> vault.Revealed:
    return vault.reveal(person, purpose="test", by="chongqing/tester")


@pytest.mark.django_db
class TestEnrol:
    def test_one_person_per_number_however_it_is_typed(self) -> None:
        made = (make_person_number("500000", date(1985, 6, 15), each, "female") for each in range(100))
        number = next(each for each in made if each.endswith("X"))
        person = vault.enrol(number)
        assert vault.enrol(f" {number.lower()} ") == vault.find(number.lower()) == person
        assert Person.objects.count() == 1
        assert person.version == 4

    def test_blanks_are_filled_and_nothing_is_overwritten(self) -> None:
        person = vault.enrol(NUMBER)
        vault.enrol(NUMBER, NAME)
        vault.enrol(NUMBER, "别的名字", "511623")
        vault.enrol(NUMBER, household="500157")
        opened = looked(person)
        assert (opened.number, opened.name, opened.household) == (NUMBER, NAME, "511623")
        assert (opened.birth, opened.sex) == (date(1985, 6, 15), "female")

    def test_a_correction_changes_what_it_says_and_is_written_down(self) -> None:
        person = vault.enrol(NUMBER, NAME, "511623")
        mend = {"by": "chongqing/clerk-hrss", "purpose": "counter.correct"}
        assert vault.amend(person, name="测试小铭", household=None, **mend) == ("name",)
        assert vault.amend(person, name="", household="500157", **mend) == ("household",)
        assert vault.amend(person, name="测试小铭", household="500157", **mend) == ()
        opened = looked(person)
        assert (opened.number, opened.name, opened.household) == (NUMBER, "测试小铭", "500157")
        assert vault.find(NUMBER) == person
        assert Reveal.objects.filter(trace="amend", purpose="counter.correct").count() == 3
        with pytest.raises(ValueError, match="division code"):
            vault.amend(person, name="x", household="5001", **mend)

    @pytest.mark.parametrize(
        ("number", "reason"),
        [
            ("500000190002290014", "id_date"),
            ("50000019850615004X", "id_check"),
            ("5000001985061500", "id_length"),
            ("50000019850615O044", "id_chars"),
        ],
    )
    def test_a_number_that_can_not_be_one_is_refused_with_its_reason(self, number: str, reason: str) -> None:
        for act in (vault.enrol, vault.find):
            with pytest.raises(NumberError) as refused:
                act(number)
            assert refused.value.reason == reason
            assert number not in str(refused.value)
        assert not Person.objects.exists()

    def test_a_household_is_a_division_code(self) -> None:
        with pytest.raises(ValueError, match="household"):
            vault.enrol(NUMBER, household="广安")

    def test_an_unknown_number_is_nobody(self) -> None:
        assert vault.find(NUMBER) is None


@pytest.mark.django_db(transaction=True)
def test_enrolling_at_once_makes_one_person() -> None:
    found: list[UUID] = []
    ready = threading.Barrier(4)

    def enrol() -> None:
        try:
            ready.wait()
            found.append(vault.enrol(NUMBER, NAME, "511623"))
        finally:
            db.connections.close_all()

    threads = [threading.Thread(target=enrol) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    assert set(found) == {vault.find(NUMBER)}
    assert Person.objects.count() == 1


@pytest.mark.django_db
class TestReveal:
    def test_writes_down_who_looked_and_why(self) -> None:
        person = vault.enrol(NUMBER, NAME)
        vault.reveal(person, purpose="pension_transfer", by="chongqing/clerk-hrss", trace="case 7")
        row = Reveal.objects.get()
        assert (row.person_id, row.actor, row.purpose, row.trace) == (
            person,
            "chongqing/clerk-hrss",
            "pension_transfer",
            "case 7",
        )

    def test_the_audit_row_shares_the_transaction(self) -> None:
        person = vault.enrol(NUMBER)
        with pytest.raises(RuntimeError), transaction.atomic():
            looked(person)
            raise RuntimeError
        assert not Reveal.objects.exists()

    def test_without_purpose_or_asker_nothing_opens(self) -> None:
        person = vault.enrol(NUMBER)
        for purpose, by in (("", "someone"), ("test", "")):
            with pytest.raises(ValueError, match="purpose"):
                vault.reveal(person, purpose=purpose, by=by)

    def test_facts_are_what_rules_may_know(self) -> None:
        facts = vault.facts(vault.enrol(NUMBER, NAME, "511623"), purpose="test", by="system")
        assert (facts.birth, facts.sex, facts.household) == (date(1985, 6, 15), "female", "511623")
        assert Reveal.objects.count() == 1

    def test_nobody_opens_for_an_unknown_person(self) -> None:
        with pytest.raises(Person.DoesNotExist):
            looked(uuid4())
        assert not Reveal.objects.exists()

    def test_the_node_can_neither_change_nor_remove_the_audit(self) -> None:
        looked(vault.enrol(NUMBER))
        for statement in ("UPDATE identity_reveal SET actor = 'x'", "DELETE FROM identity_reveal"):
            with pytest.raises(db.ProgrammingError, match="permission denied"), transaction.atomic():
                connection.cursor().execute(statement)

    def test_only_reveal_and_resealing_decrypt_people(self) -> None:
        tree = ast.parse(inspect.getsource(vault))
        callers = {
            function.name
            for function in tree.body
            if isinstance(function, ast.FunctionDef)
            for node in ast.walk(function)
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "_open"
        }
        assert callers == {"reveal", "reseal"}


@pytest.mark.django_db
class TestAtRest:
    def test_a_record_copied_to_another_row_does_not_open(self) -> None:
        one, two = vault.enrol(NUMBER), vault.enrol(make_person_number("510000", date(1990, 1, 1), 0, "male"))
        Person.objects.filter(pk=two).update(sealed=Person.objects.get(pk=one).sealed)
        with pytest.raises(vault.VaultError, match=str(two)):
            looked(two)

    @pytest.mark.parametrize("at", [1, 20, -1])
    def test_a_changed_record_does_not_open(self, at: int) -> None:
        person = vault.enrol(NUMBER)
        sealed = bytearray(Person.objects.get(pk=person).sealed)
        sealed[at] ^= 1
        Person.objects.filter(pk=person).update(sealed=bytes(sealed))
        with pytest.raises(vault.VaultError, match="does not open"):
            looked(person)

    @given(name=st.text(max_size=30), household=st.none() | st.from_regex(r"[0-9]{6}", fullmatch=True))
    def test_what_is_sealed_comes_back_and_never_looks_the_same_twice(self, name: str, household: str | None) -> None:
        record = vault._pack(NUMBER, name, household)
        person = uuid4()
        first, second = vault._seal(person, record), vault._seal(person, record)
        assert first != second
        assert vault._open(Person(id=person, sealed=first)) == vault._open(Person(id=person, sealed=second)) == record

    def test_no_number_or_name_in_tables_logs_texts_or_errors(
        self, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
    ) -> None:
        caplog.set_level(logging.DEBUG)
        logging.getLogger("django.db.backends").setLevel(logging.DEBUG)
        person = vault.enrol(NUMBER, NAME, "511623")
        actions.create_resident(username="someone", password="x", person=person, display=vault.masked(NAME))
        opened = looked(person)
        structlog.get_logger().warning("shown", opened=opened, person=Person.objects.get(pk=person))
        logging.getLogger("test").warning("%s %r", opened, opened)
        said = [caplog.text, *capsys.readouterr(), repr(opened), str(Reveal.objects.get())]
        for secret in (NUMBER, NUMBER[6:14], NAME):
            assert not any(secret in text for text in said)
            assert secret.encode() not in _dump()
        assert b"someone" in _dump()


def _dump() -> bytes:
    """All rows of all our tables, byte columns as they are."""
    lines = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            if table == "django_migrations":
                continue
            cursor.execute(f'SELECT * FROM "{table}"')
            for row in cursor.fetchall():
                lines += [bytes(v) if isinstance(v, memoryview | bytes) else str(v).encode() for v in row]
    return b"\n".join(lines)


@pytest.mark.django_db
class TestKeys:
    @pytest.fixture(autouse=True)
    def own_keys(self, tmp_path: Path) -> Iterator[None]:
        vault.make_keys(tmp_path)
        with as_node(here(), tmp_path):
            yield

    def test_are_files_of_the_node_alone_and_made_once(self) -> None:
        keys = home() / "keys"
        before = {path.name: path.read_bytes() for path in keys.iterdir()}
        assert set(before) == {"vault.key", "lookup.key"}
        assert all(path.stat().st_mode & 0o777 == 0o600 for path in keys.iterdir())
        vault.make_keys(home())
        assert {path.name: path.read_bytes() for path in keys.iterdir()} == before

    def test_are_refused_when_others_can_read_them(self) -> None:
        os.chmod(home() / "keys" / "lookup.key", 0o644)
        with pytest.raises(vault.VaultError, match="0600"):
            vault.find(NUMBER)

    def test_missing_says_so(self) -> None:
        (home() / "keys" / "vault.key").unlink()
        with pytest.raises(vault.VaultError, match="missing"):
            vault.enrol(NUMBER)

    def test_rotate_without_losing_anyone(self) -> None:
        old = vault.enrol(NUMBER, NAME)
        user = actions.create_resident(username="someone", password="x", person=old)
        actions.set_totp(user, "JBSWY3DPEHPK3PXP")
        assert vault.add_key(home()) == 2
        new = vault.enrol(make_person_number("510000", date(1990, 1, 1), 0, "male"))
        assert [bytes(Person.objects.get(pk=pk).sealed)[0] for pk in (old, new)] == [1, 2]
        assert looked(old).name == NAME

        assert actions.reseal() == 2  # the person and the second factor
        assert actions.reseal() == 0
        lines = (home() / "keys" / "vault.key").read_text().splitlines()
        (home() / "keys" / "vault.key").write_text(lines[1] + "\n")  # the old key is gone for good
        assert looked(old).name == NAME
        assert vault.open_secret(Authenticator.objects.get(user=user).data["secret"]) == "JBSWY3DPEHPK3PXP"

    def test_a_key_that_is_gone_is_named(self) -> None:
        person = vault.enrol(NUMBER)
        path = home() / "keys" / "vault.key"
        path.write_text("7" + path.read_text()[1:])
        with pytest.raises(vault.VaultError, match="version 1"):
            looked(person)

    def test_lookups_of_two_nodes_can_not_be_joined(self, tmp_path: Path) -> None:
        one = vault.lookup(NUMBER)
        (home() / "keys" / "lookup.key").unlink()
        vault.make_keys(home())
        assert vault.lookup(NUMBER) != one


@pytest.mark.django_db
def test_a_resident_has_a_person_and_staff_have_none() -> None:
    for kind, person in (("resident", None), ("staff", vault.enrol(NUMBER))):
        with pytest.raises(db.IntegrityError), transaction.atomic():
            User.objects.create(username=kind, kind=kind, person_id=person)
