"""Two sample nodes with keys in folders and a compact both signed: what the tests of exchange begin with."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from chuanyu.core.ids import uuid7
from chuanyu.core.service import NODES, DocumentSpec, Party, Procedure, Service
from chuanyu.core.text import Text
from chuanyu.exchange import compact as agreement
from chuanyu.exchange import grants, keys
from chuanyu.exchange.compact import Compact, Node, Signed
from chuanyu.exchange.envelope import Envelope

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
NOW = BEGIN + timedelta(days=30)
HRSS = {f"{node}/hrss": Text(f"{node} 人社", f"{node} social security") for node in NODES}
EDU = {"sichuan/edu": Text("四川省教育厅", "Sichuan education")}
AGENCIES = {**HRSS, **EDU, **grants.PORTALS}


def service(key: str = "moving", *, agency: str = "hrss") -> Service:
    """A service in which one office asks another for a record."""
    made_by = {"application": "applicant", "person": "node", "record": "sending", "receipt": "receiving"}
    documents = {  # grants look at who makes a document, not at its class
        name: DocumentSpec(name=name, class_name="", by=by, title=Text(name, name), cls=None)  # type: ignore[arg-type]
        for name, by in made_by.items()
    }
    parties = {
        "receiving": Party("receiving", agency, "filed_at"),
        "sending": Party("sending", agency, "other"),
    }
    text = Text(key, key)
    return Service(
        key=key, chapter="employment", folder=Path(), name=text, summary=text, clause=15, leads={}, mode="online",
        life=(), basis={"act-1": None, "act-2": None}, parameters={}, documents=documents, reasons={}, rules={},  # type: ignore[dict-item]
        procedure=Procedure(parties, "applied", (), {}), postings={}, promise=None, examples={}, declaration={}, hash="",
    )  # fmt: skip


@dataclass
class Pair:
    """Both homes, their keys, and the compact in force."""

    homes: dict[str, Path]
    compact: Compact

    def held(self, node: str) -> keys.Keys:
        return keys.load(self.homes[node], node)

    def sign(self, compact: Compact, *, now: datetime = NOW) -> Signed:
        """Signed by both, each with the key of the compact in force that counts now."""
        return Signed(
            compact=compact,
            signatures={node: agreement.sign(compact, self.held(node).signer(self.compact, now)) for node in NODES},
        )

    def next(self, **change: Any) -> Compact:
        """The next version, with some parts changed."""
        parts = {
            "nodes": self.compact.nodes,
            "agencies": self.compact.agencies,
            "grants": self.compact.grants,
            "issued": NOW,
        }
        return agreement.propose(self.compact, **(parts | change))


def make(folder: Path, services: tuple[Service, ...] | None = None) -> Pair:
    """Fresh keys for both nodes under `folder` and compact 1."""
    nodes, homes = {}, {}
    for port, name in enumerate(NODES, start=8150):
        homes[name] = folder / name
        signing = keys.add_signing_key(homes[name], name, not_before=BEGIN)
        sealing = keys.add_agreement_key(homes[name], name, not_before=BEGIN)
        nodes[name] = Node(gateway=f"http://127.0.0.1:{port}", keys=(signing,), agreement=(sealing,))
    made = agreement.propose(
        None, nodes=nodes, agencies=AGENCIES, grants=grants.of_services(services or (service(),)), issued=BEGIN
    )
    return Pair(homes, made)


def envelope(**change: Any) -> Envelope:
    """A message the sample compact grants, with some parts changed."""
    parts: dict[str, Any] = {
        "id": str(uuid7()),
        "from_agency": "sichuan/hrss",
        "to_agency": "chongqing/hrss",
        "service": "moving",
        "action": "case.events",
        "purpose": "moving",
        "basis": ("act-1",),
        "sent": NOW,
        "fields": ("application",),
    }
    return Envelope(**(parts | change))
