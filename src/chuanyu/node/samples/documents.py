"""What agencies hold about sample residents: made by the services' own `samples.py`, put into the front register."""

import importlib.util
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from random import Random
from typing import Any
from uuid import UUID

from chuanyu.core.catalogue import catalogue
from chuanyu.core.documents import Document, Person, encode
from chuanyu.core.service import Service
from chuanyu.exchange import actions
from chuanyu.exchange.models import RegisterEntry

SOURCE = "sample"
SINCE = date(2010, 1, 1)  # held, and valid, on any day a trial may choose


@dataclass(frozen=True)
class Kept:
    """One document an agency of a node keeps."""

    agency: str
    document: str  # "pension_transfer.account_record"
    make: Callable[[Random, Person], Document]


def fill_register(people: Mapping[UUID, tuple[str, Person]]) -> int:
    """A document of each kind for each person ((seed, facts) by id), unless they have one. Returns how many."""
    have = held()
    missing = [
        (person, kept) for person in people for kept in made_up() if (kept.agency, kept.document, person) not in have
    ]

    def made(person: UUID, kept: Kept) -> tuple[str, str, UUID, Any]:
        seed, facts = people[person]
        document = kept.make(Random(f"{kept.document} {seed}"), facts)
        return kept.agency, kept.document, person, plain(encode(document))

    documents = [made(*each) for each in missing]
    return actions.put_first(documents, valid_from=SINCE, source=SOURCE)


def held(**only: Any) -> set[tuple[str, str, UUID]]:
    """(agency, document, person) of every sample entry in this node's register."""
    entries = RegisterEntry.objects.filter(source=SOURCE, **only)
    return set(entries.values_list("agency", "document", "person"))


def enter(agency: str, document: str, person: UUID, body: Any) -> None:
    """Put one sample document into this node's register. Raises DocumentError."""
    actions.put(agency=agency, document=document, person=person, body=plain(body), valid_from=SINCE, source=SOURCE)


def plain(value: Any) -> Any:
    """YAML's dates as the strings documents have."""
    match value:
        case date():
            return value.isoformat()
        case dict():
            return {key: plain(item) for key, item in value.items()}
        case list() | tuple():
            return [plain(item) for item in value]
        case _:
            return value


def agencies() -> set[str]:
    """Codes of the agencies that take part in a service."""
    files = {service.batch.agency for service in catalogue().values() if service.batch}
    return files | {
        party.agency
        for service in catalogue().values()
        if service.procedure
        for party in service.procedure.parties.values()
    }


@cache
def made_up() -> tuple[Kept, ...]:
    """The kinds of register documents that services have sample makers for."""
    return tuple(kept for service in catalogue().values() for kept in _of(service))


def _of(service: Service) -> Iterator[Kept]:
    file = service.folder / "samples.py"
    if service.procedure is None or not file.exists():
        return
    spec = importlib.util.spec_from_file_location(f"chuanyu_samples_{service.key}", file)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for name, document in service.documents.items():
        if document.register and (make := getattr(module, name, None)):
            yield Kept(service.procedure.parties[document.by].agency, f"{service.key}.{name}", make)
