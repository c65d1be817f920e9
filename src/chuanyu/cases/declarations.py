"""The declaration a case began under, by its hash: the graph, the parameters and the texts, without needing the folder."""

from functools import lru_cache
from typing import Any

from chuanyu.cases import errors
from chuanyu.cases.models import Declaration
from chuanyu.core.canonical import digest
from chuanyu.core.catalogue import catalogue
from chuanyu.core.declaration import declared
from chuanyu.core.service import Declared, Procedure, Service
from chuanyu.core.text import Text
from chuanyu.identity import sql


def keep(service: Service) -> str:
    """Store the service's declaration as it is today; returns its hash."""
    if not exists(service.hash):
        keep_plain(service.key, dict(service.declaration), service.hash)
    return service.hash


def keep_plain(service: str, body: dict[str, Any], hash_: str) -> str:
    """Store a declaration that came with a case. Raises ValueError when it is unsound or has not the hash it claims."""
    if digest(body) != hash_:
        raise ValueError("the declaration does not have the hash it claims")
    if not exists(hash_):
        declared(body)
    Declaration.objects.get_or_create(pk=hash_, defaults={"service": service, "body": body})
    return hash_


@lru_cache(maxsize=256)
def by_hash(hash_: str) -> Declared:
    """The declaration with this hash; it never changes, so it is read once.

    One that is today's comes from its folder: the order of a state's acts says which is the main one, and jsonb forgets it.
    """
    row = Declaration.objects.get(pk=hash_)
    service = catalogue().get(row.service)
    return service if service is not None and service.hash == hash_ else declared(row.body)


def procedure(hash_: str) -> Procedure:
    """Its procedure; a case can't exist without one."""
    found = by_hash(hash_).procedure
    if found is None:
        raise LookupError(f"declaration {hash_} has no procedure")
    return found


def body_of(hash_: str) -> dict[str, Any]:
    """The declaration as plain data, to send along."""
    return dict(by_hash(hash_).declaration)


def exists(hash_: str) -> bool:
    """True if this node has it."""
    return bool(sql.rows("SELECT 1 FROM cases_declaration WHERE hash = %s", [hash_]))


def reason(declared: Declared, key: str) -> tuple[Text | None, Text | None]:
    """The sentence behind a reason's key and what to do about it: the service's own, else one that every case can have."""
    if key in declared.reasons:
        return declared.reasons[key].text, declared.reasons[key].remedy
    return errors.REASONS.get(key, errors.REASONS["posting_failed"] if key.startswith("posting_") else None), None
