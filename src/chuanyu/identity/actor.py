"""Who acts: what every action takes, and what it may ask about them."""

import os
import pwd
from typing import Literal
from uuid import UUID

import msgspec

FOR = "~"  # between who acts and the delegation they act under; no sign-in name has it


class Actor(msgspec.Struct, frozen=True, kw_only=True):
    """One resident, one member of staff, or the node itself ("system"); no personal data but the display name."""

    kind: Literal["resident", "staff", "system"]
    user: str  # the sign-in name; "system" for the node itself, "system:anna" where an account gave it a command
    node: str
    person: UUID | None = None  # residents only
    agency: str | None = None  # staff only: the agency's code at `node`
    roles: frozenset[str] = frozenset()  # resident | clerk | officer | office
    name: str = ""
    mandate: UUID | None = None  # the delegation a resident acts under; `person` is then the one they act for
    scope: frozenset[str] | None = None  # the services the delegation covers; None: every one
    present: UUID | None = None  # clerks only: the person who stands at their counter

    @property
    def id(self) -> str:
        """A name for logs and audit rows, unique over both nodes: "sichuan/clerk-hrss".

        Someone who acts for another is named with the delegation that lets them: "sichuan/resident-2~0199…".
        """
        return f"{self.node}/{self.user}" + (f"{FOR}{self.mandate.hex}" if self.mandate else "")

    @property
    def is_system(self) -> bool:
        """True for the node itself (worker, escalation, commands)."""
        return self.kind == "system"

    @property
    def acts_for_another(self) -> bool:
        """True for a resident who acts under a delegation."""
        return self.mandate is not None

    def covers(self, service: str) -> bool:
        """True unless a delegation keeps this actor to other services."""
        return self.scope is None or service in self.scope

    def is_person(self, person: UUID, service: str) -> bool:
        """True if this actor is the resident `person`, or acts for them in this service."""
        return self.kind == "resident" and self.person == person and self.covers(service)

    def assists(self, person: UUID) -> bool:
        """True if this actor is a clerk and `person` stands at their counter: what they file or do is that person's wish."""
        return "clerk" in self.roles and self.present == person

    def serves(self, agency: str, node: str) -> bool:
        """True if this actor is staff (clerk or officer) of that agency at that node."""
        return (
            self.kind == "staff"
            and self.node == node
            and self.agency == agency
            and not self.roles.isdisjoint({"clerk", "officer"})
        )


def SYSTEM(node: str) -> Actor:
    """The node itself as an actor."""
    return Actor(kind="system", user="system", node=node, name=node)


def OPERATOR(node: str) -> Actor:
    """The node itself on the command of somebody at its machine, named with their account of the operating system."""
    return Actor(kind="system", user=f"system:{account()}", node=node, name=node)


def account() -> str:
    """Whose command this process carries out: its account, or for root's the one that became root by sudo."""
    uid = os.getuid()
    try:
        name = pwd.getpwuid(uid).pw_name
    except KeyError:  # an account of a container without a name
        name = str(uid)
    return (os.environ.get("SUDO_USER") or name if uid == 0 else name)[:40]
