"""Who may send what to whom: derived from the services' procedures, so a new service brings its own grants.

A grant names two agencies at different nodes, a service, what may be done, for which purpose, on which legal basis, and
which documents may be carried. There is no wildcard: what is not listed is refused.
"""

from collections.abc import Iterable, Iterator, Mapping

import msgspec

from chuanyu.core.service import NODES, Batch, Party, Service
from chuanyu.core.text import Text

# the actions two agencies need to carry a case together; `returned` tells a sender that its message was refused
CASE_ACTIONS = ("case.attachment", "case.events", "case.request", "returned")
# and, where money or points move between them, to close the books on it together
CLEARING_ACTIONS = ("clearing.difference", "clearing.order", "clearing.prepaid", "clearing.window")
# where files are uploaded: pages of rows, what was accepted of them, what both have of a window
FILE_ACTIONS = ("clearing.page", "clearing.page_answer", "clearing.row_adjusted", "clearing.rows")
ATTACHMENT = "attachment"  # the field a message with a resident's file names

# The agency that speaks for a resident at each node: the portal asks the other node what it did with their data.
PORTAL = "portal"
PORTALS: Mapping[str, Text] = {
    "chongqing/portal": Text("重庆市政务服务平台", "Chongqing government service portal"),
    "sichuan/portal": Text("四川省政务服务平台", "Sichuan government service portal"),
}
OWN_DATA = "own_data"  # service, action and purpose of a resident's question about their own data
OWN_DATA_BASIS = "pipl-45"  # 个人信息保护法 art. 45: the right to consult and copy one's personal information

KNOWN_FACTS = "known_facts"  # action of a question for what the other node knows of a person, who agreed to it
CONSENT = "consent"  # a basis that accepts any "consent:<id>"; who is asked judges the consent itself

# services exchange itself offers, beside those of the catalogue
BUILT_IN: Mapping[str, Text] = {OWN_DATA: Text("谁用过我的数据", "Who used my data")}


class Grant(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One line of the compact. `from_` and `to` are "node/agency"; lists are sorted; `fields` are document names."""

    id: str
    from_: str = msgspec.field(name="from")
    to: str
    service: str
    actions: tuple[str, ...]
    purpose: str
    basis: tuple[str, ...]
    fields: tuple[str, ...]


def of_services(services: Iterable[Service]) -> tuple[Grant, ...]:
    """Every grant the services and exchange itself need, sorted by id."""
    found = [*_built_in(), *(grant for service in services for grant in of_service(service))]
    return tuple(sorted(found, key=lambda grant: grant.id))


def of_service(service: Service) -> Iterator[Grant]:
    """The grants of one service: each ordered pair of agencies of its procedure, or of its files, at different nodes."""
    if service.batch is not None and service.batch.posts is not None:
        yield from _of_files(service, service.batch)
    if service.procedure is None:
        return
    parties = tuple(service.procedure.parties.values())
    fields: dict[tuple[str, str], set[str]] = {}
    for filed_at in NODES:  # the procedure may be filed at either node
        place = {party.name: _node_of(party, filed_at) for party in parties}
        for sender in parties:
            for receiver in parties:
                if place[sender.name] == place[receiver.name]:
                    continue
                pair = (f"{place[sender.name]}/{sender.agency}", f"{place[receiver.name]}/{receiver.agency}")
                at_sender = {name for name, node in place.items() if node == place[sender.name]}
                # what the applicant handed in, what the node knows, and what parties at the sender's node made
                fields.setdefault(pair, set()).update(
                    spec.name
                    for spec in service.documents.values()
                    if spec.by in ("applicant", "node") or spec.by in at_sender
                )
    yield from _facts(service)
    for (from_, to), names in fields.items():
        yield Grant(
            id=f"{service.key}:{from_}>{to}",
            from_=from_,
            to=to,
            service=service.key,
            actions=tuple(sorted(CASE_ACTIONS + (CLEARING_ACTIONS if service.postings else ()))),
            purpose=service.key,
            basis=tuple(sorted(service.basis)),
            fields=tuple(sorted({*names, ATTACHMENT})),
        )


def _facts(service: Service) -> Iterator[Grant]:
    """A service that rests on what a node knows may ask the other node for it, where the person agrees."""
    assert service.procedure is not None
    known = tuple(sorted(spec.name for spec in service.documents.values() if spec.by == "node"))
    parties = service.procedure.parties.values()
    for filed_at in NODES if known else ():
        agencies = [party.agency for party in parties if party.node in ("filed_at", filed_at)]
        if agencies:
            from_, to = f"{filed_at}/{agencies[0]}", f"{NODES[1 - NODES.index(filed_at)]}/{PORTAL}"
            yield Grant(
                id=f"{service.key}:{KNOWN_FACTS}:{from_}>{to}",
                from_=from_,
                to=to,
                service=service.key,
                actions=(KNOWN_FACTS,),
                purpose=service.key,
                basis=(CONSENT,),
                fields=known,
            )


def _of_files(service: Service, batch: Batch) -> Iterator[Grant]:
    for node in NODES:
        from_, to = f"{node}/{batch.agency}", f"{NODES[1 - NODES.index(node)]}/{batch.agency}"
        yield Grant(
            id=f"{service.key}.files:{from_}>{to}",
            from_=from_,
            to=to,
            service=service.key,
            actions=tuple(sorted(FILE_ACTIONS + CLEARING_ACTIONS)),
            purpose=service.key,
            basis=tuple(sorted(service.basis)),
            fields=(batch.document,),
        )


def _built_in() -> Iterator[Grant]:
    for node in NODES:
        from_, to = f"{node}/{PORTAL}", f"{NODES[1 - NODES.index(node)]}/{PORTAL}"
        yield Grant(
            id=f"{OWN_DATA}:{from_}>{to}",
            from_=from_,
            to=to,
            service=OWN_DATA,
            actions=(OWN_DATA,),
            purpose=OWN_DATA,
            basis=(OWN_DATA_BASIS,),
            fields=(),
        )


def _node_of(party: Party, filed_at: str) -> str:
    if party.node == "filed_at":
        return filed_at
    if party.node == "other":
        return NODES[1 - NODES.index(filed_at)]
    return party.node
