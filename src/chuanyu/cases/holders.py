"""Who money of a case is for, where that is not the applicant: the holder of an account at the payee's, by its register.

The case says only which wallet; whose it is stands in the register of the wallet's own place of insurance, and stays there.
"""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from chuanyu.cases import declarations
from chuanyu.cases.models import Case, CaseDocument
from chuanyu.core import days
from chuanyu.core.catalogue import catalogue
from chuanyu.core.documents import fields
from chuanyu.core.service import Posting, Service
from chuanyu.exchange import queries as exchange
from chuanyu.identity.here import here


def account(case: Case, name: str) -> str:
    """The payee's account for a posting of the case: that of the one holder, or its fund where the register knows none."""
    declared = declarations.by_hash(case.declaration_id)
    holder = declared.postings[name].holder if name in declared.postings else None
    service = catalogue().get(case.service)
    document = service.documents.get(holder.document) if service and holder else None
    if holder is None or document is None:
        return "fund"
    said = CaseDocument.objects.filter(case=case, name=holder.of).order_by("-sequence").first()
    keys = [field.name for field in fields(document.cls)]
    if said is None or not all(key in said.body for key in keys):
        return "fund"
    agency = case.parties[declared.postings[name].payee].partition("/")[2]
    wanted = {key: said.body[key] for key in keys}
    people = exchange.registered(agency, f"{case.service}.{holder.document}", wanted, days.today())
    return f"person/{people[0]}" if len(people) == 1 else "fund"


def coming(person: UUID, service: Service, posting: Posting) -> Iterator[Case]:
    """Open cases at this node whose money is for this person, by what the register has about them."""
    own = _own(person, service, posting)
    if own is None or posting.holder is None or service.procedure is None:
        return
    agency = f"{here()}/{service.procedure.parties[posting.payee].agency}"
    asked = CaseDocument.objects.filter(
        name=posting.holder.of, body__contains=own, case__service=service.key, case__final=False,
        **{f"case__parties__{posting.payee}": agency},
    )  # fmt: skip
    yield from Case.objects.filter(pk__in=asked.values("case")).order_by("since")


def _own(person: UUID, service: Service, posting: Posting) -> dict[str, Any] | None:
    assert posting.holder is not None and service.procedure is not None
    agency = service.procedure.parties[posting.payee].agency
    return exchange.register(agency, f"{service.key}.{posting.holder.document}", person, days.today())
