"""The person vault: who a person is, sealed; found by number, opened only by the one audited `reveal`.

A row is a random UUID; `lookup` = HMAC-SHA256 of the number under a key of its own, so a number can be found but rows
can't be read back from it; `sealed` = key version (1 byte), nonce (12 bytes), AES-256-GCM of number, name and household
with the person's id as associated data, so a sealed record copied to another row doesn't open. The keys are files of
the node outside the database: a copy of the database alone says nothing about anyone.
"""

import base64
import hmac
import json
import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from pathlib import Path
from uuid import UUID, uuid4

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.db import transaction
from django.views.decorators.debug import sensitive_variables

from chuanyu.core.documents import Person as PersonFacts
from chuanyu.core.documents import Sex as SexFact
from chuanyu.core.numbers import Sex, person_number
from chuanyu.identity import sql
from chuanyu.identity.here import home
from chuanyu.identity.models import Person

ID_TYPE = "resident_id"  # 居民身份证; other papers (passport, residence permit) would be further types
_NONCE = 12
# the record and the note of who looked at it, in one statement: there is no way to do the first without the second
_REVEAL = """
WITH looked AS (
  INSERT INTO identity_reveal (person_id, actor, purpose, trace, at)
  SELECT id, %s, %s, %s, clock_timestamp() FROM identity_person WHERE id = %s RETURNING person_id
)
SELECT sealed FROM identity_person JOIN looked ON id = person_id
"""
# associated data: what was sealed as one kind of thing does not open as another
_SECRET = b"second factor"
_TYPED = b"draft"


class VaultError(RuntimeError):
    """The vault can't be used or a record doesn't open. Says which file or person, never what is inside."""


@dataclass(frozen=True, slots=True, repr=False)
class Revealed:
    """A person, opened. Keep it short-lived: don't store it, log it or put it in a URL."""

    person: UUID
    number: str
    name: str
    household: str | None  # division code of the household registration (户籍)
    birth: date
    sex: Sex

    def __repr__(self) -> str:
        return f"Revealed({self.person})"


@sensitive_variables()
def enrol(number: str, name: str = "", household: str | None = None) -> UUID:
    """The person with this number, made if new. `name` and `household` fill what was blank and overwrite nothing.

    Safe to repeat and to race. Raises `NumberError` for a number that can't be one, ValueError for a household that
    is no division code.
    """
    _check_household(household)
    number = person_number(number).number
    person = uuid4()
    row = Person(id=person, lookup=lookup(number), sealed=_seal(person, _pack(number, name, household)))
    Person.objects.bulk_create([row], ignore_conflicts=True)  # the unique lookup decides a race
    known = Person.objects.values_list("id", flat=True).get(lookup=row.lookup)
    if known != person and (name or household):
        _fill(known, name, household)
    return known


@sensitive_variables()
def enrol_all(people: Sequence[tuple[str, str, str | None]]) -> list[UUID]:
    """`enrol` for many (number, name, household) at once, in their order; who is known already stays as they are."""
    rows: dict[bytes, Person] = {}
    for number, name, household in people:
        person = uuid4()
        blind = lookup(person_number(number).number)
        rows.setdefault(blind, Person(id=person, lookup=blind, sealed=_seal(person, _pack(number, name, household))))
    Person.objects.bulk_create(rows.values(), ignore_conflicts=True)
    known = {bytes(b): i for b, i in Person.objects.filter(lookup__in=list(rows)).values_list("lookup", "id")}
    return [known[lookup(person_number(number).number)] for number, _, _ in people]


@sensitive_variables()
def find(number: str) -> UUID | None:
    """The person with this number, if this node knows one. Raises `NumberError`."""
    return Person.objects.filter(lookup=lookup(person_number(number).number)).values_list("id", flat=True).first()


@sensitive_variables()
def reveal(person: UUID, *, purpose: str, by: str, trace: str = "") -> Revealed:
    """Open one person's record, and write down who looked, what for and in which case or message (`trace`).

    The audit row commits or falls with the caller's transaction. Raises `Person.DoesNotExist` and `VaultError`.
    """
    if not purpose or not by:
        raise ValueError("a reveal needs a purpose and someone who asks")
    found = sql.row(_REVEAL, [by, purpose, trace, person])
    if found is None:
        raise Person.DoesNotExist
    row = Person(id=person, sealed=found[0])
    record = json.loads(_open(row))
    facts = person_number(record["number"], on=date.max)
    return Revealed(row.id, facts.number, record["name"], record["household"], facts.birth, facts.sex)


def facts(person: UUID, *, purpose: str, by: str, trace: str = "") -> PersonFacts:
    """What rules may know (birth, sex, household): the built-in document `person`. Audited like `reveal`."""
    opened = reveal(person, purpose=purpose, by=by, trace=trace)
    return PersonFacts(birth=opened.birth, sex=SexFact[opened.sex], household=opened.household)


@sensitive_variables()
def amend(person: UUID, *, name: str, household: str | None, by: str, purpose: str) -> tuple[str, ...]:
    """Correct a record from papers a clerk has seen; returns what changed ("name", "household"). A blank leaves what is there.

    The number never changes. Written down as a look with the trace "amend". Raises ValueError for a household that is no
    division code.
    """
    _check_household(household)
    with transaction.atomic():
        row = Person.objects.select_for_update().get(pk=person)
        old = reveal(person, purpose=purpose, by=by, trace="amend")
        new = {"name": name or old.name, "household": household or old.household}
        changed = tuple(key for key, value in new.items() if value != getattr(old, key))
        if changed:
            row.sealed = _seal(person, _pack(old.number, name or old.name, household or old.household))
            row.save(update_fields=["sealed"])
    return changed


def masked(name: str) -> str:
    """A name for a page header: 张小明 → *小明."""
    return "*" + name[1:] if name else ""


# ---- keys -----------------------------------------------------------------------------------------------------------


def make_keys(home: Path) -> None:
    """Make the vault's two key files under `home`/keys (0700, files 0600), unless they are there already."""
    folder = home / "keys"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    _write_once(folder / "lookup.key", _b64(secrets.token_bytes(32)) + "\n")
    _write_once(folder / "vault.key", f"1 {_b64(secrets.token_bytes(32))}\n")


def add_key(home: Path) -> int:
    """Add a sealing key; it seals from now on, older ones only open. Returns its version. `reseal` moves old rows."""
    path = home / "keys" / "vault.key"
    version = max(_sealing_keys(home)) + 1
    if version > 255:
        raise VaultError(f"{path}: no version left; reseal and start a new file")
    with path.open("a") as file:
        file.write(f"{version} {_b64(secrets.token_bytes(32))}\n")
    return version


@sensitive_variables()
def reseal() -> int:
    """Seal every record that an older key sealed under the newest one; returns how many. Nobody gets to see them."""
    newest, count = max(_sealing_keys(home())), 0
    for person in Person.objects.values_list("id", flat=True).iterator():
        with transaction.atomic():
            row = Person.objects.select_for_update().get(pk=person)
            if bytes(row.sealed)[0] != newest:
                row.sealed = _seal(row.id, _open(row))
                row.save(update_fields=["sealed"])
                count += 1
    return count


@sensitive_variables()
def seal_secret(text: str) -> str:
    """Seal a sign-in secret (the key of a second factor) under the vault's key; base64."""
    version, key = max(_sealing_keys(home()).items())
    nonce = os.urandom(_NONCE)
    return _b64(bytes([version]) + nonce + AESGCM(key).encrypt(nonce, text.encode(), _SECRET))


@sensitive_variables()
def open_secret(token: str) -> str:
    """What `seal_secret` sealed. Raises `VaultError`."""
    return _decrypt(base64.b64decode(token), _SECRET, "a second factor's secret").decode()


@sensitive_variables()
def seal_bytes(plain: bytes, *, about: bytes) -> bytes:
    """Seal what somebody has typed, bound to the row it stands in (`about`: the id of the row)."""
    version, key = max(_sealing_keys(home()).items())
    nonce = os.urandom(_NONCE)
    return bytes([version]) + nonce + AESGCM(key).encrypt(nonce, plain, _TYPED + about)


@sensitive_variables()
def open_bytes(sealed: bytes, *, about: bytes) -> bytes:
    """What `seal_bytes` sealed. Raises `VaultError`."""
    return _decrypt(sealed, _TYPED + about, "a draft")


def is_old(token: str) -> bool:
    """True if an older key sealed this secret."""
    return is_old_seal(base64.b64decode(token))


def is_old_seal(sealed: bytes) -> bool:
    """True if an older key sealed these bytes."""
    return sealed[0] != max(_sealing_keys(home()))


# ---- inside ---------------------------------------------------------------------------------------------------------


@sensitive_variables()
def _fill(person: UUID, name: str, household: str | None) -> None:
    """Complete a record that was made before the name or household was known."""
    with transaction.atomic():
        row = Person.objects.select_for_update().get(pk=person)
        old = reveal(person, purpose="identity.enrol", by="system")
        name, household = old.name or name, old.household or household
        if (name, household) != (old.name, old.household):
            row.sealed = _seal(person, _pack(old.number, name, household))
            row.save(update_fields=["sealed"])


def _check_household(household: str | None) -> None:
    if household is not None and not (len(household) == 6 and household.isascii() and household.isdigit()):
        raise ValueError("household is not a division code of six digits")


def _pack(number: str, name: str, household: str | None) -> bytes:
    return json.dumps({"number": number, "name": name, "household": household}, ensure_ascii=False).encode()


@sensitive_variables()
def lookup(number: str) -> bytes:
    """The blind index of a checked number: what `Person.lookup` holds, for a reader that asks the database itself."""
    return hmac.digest(_lookup_key(home()), f"{ID_TYPE}|{number}".encode(), "sha256")


def _seal(person: UUID, record: bytes) -> bytes:
    version, key = max(_sealing_keys(home()).items())
    nonce = os.urandom(_NONCE)
    return bytes([version]) + nonce + AESGCM(key).encrypt(nonce, record, person.bytes)


def _open(row: Person) -> bytes:
    return _decrypt(bytes(row.sealed), row.id.bytes, f"person {row.id}")


def _decrypt(sealed: bytes, associated: bytes, what: str) -> bytes:
    key = _sealing_keys(home()).get(sealed[0])
    if key is None:
        raise VaultError(f"{what}: sealed with key version {sealed[0]}, which this node's vault.key does not have")
    try:
        return AESGCM(key).decrypt(sealed[1 : 1 + _NONCE], sealed[1 + _NONCE :], associated)
    except InvalidTag:
        raise VaultError(f"{what}: the record was changed or belongs elsewhere; it does not open") from None


def _lookup_key(home: Path) -> bytes:
    path = home / "keys" / "lookup.key"
    return _read_lookup_key(path, _stamp(path))


def _sealing_keys(home: Path) -> dict[int, bytes]:
    path = home / "keys" / "vault.key"
    return _read_sealing_keys(path, _stamp(path))


def _stamp(path: Path) -> tuple[int, int]:
    """What changes when the file does; so that a running node takes up a new key without a restart."""
    try:
        stat = path.stat()
    except FileNotFoundError:
        raise VaultError(f"{path} is missing: run the set-up, or restore it from its backup") from None
    if stat.st_mode & 0o077:
        raise VaultError(f"{path} can be read by others: its mode must be 0600")
    return stat.st_mtime_ns, stat.st_size


@lru_cache(maxsize=8)
def _read_lookup_key(path: Path, stamp: tuple[int, int]) -> bytes:
    return base64.b64decode(path.read_text())


@lru_cache(maxsize=8)
def _read_sealing_keys(path: Path, stamp: tuple[int, int]) -> dict[int, bytes]:
    lines = (line.split() for line in path.read_text().splitlines())
    return {int(version): base64.b64decode(key) for version, key in lines}


def _write_once(path: Path, text: str) -> None:
    """The file, whole or not at all, and never over one that is there: a lost key can't be made again."""
    fresh = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
        out.write(text)
        out.flush()
        os.fsync(out.fileno())
    try:
        os.link(fresh, path)
    except FileExistsError:
        pass
    finally:
        fresh.unlink()


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()
