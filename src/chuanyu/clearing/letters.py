"""What clearing says to the other node: about windows, differences, payment orders and prepayments. About nobody in person."""

from typing import Any

from chuanyu.core.catalogue import catalogue
from chuanyu.exchange import actions as exchange

WINDOW = "clearing.window"  # a node's signed statement of a window
DIFFERENCE = "clearing.difference"  # a question: which transfers of a window do you have?
ORDER = "clearing.order"  # a payment order was issued, paid, or has arrived
PREPAID = "clearing.prepaid"  # money was put in advance


def send(*, own: str, peer: str, service: str, action: str, document: Any, stream: str) -> None:
    """A message, in the caller's transaction. Those of one stream arrive in order."""
    exchange.send(document=document, stream=stream, **_between(own=own, peer=peer, service=service, action=action))


def ask(*, own: str, peer: str, service: str, action: str, document: Any) -> dict[str, Any]:
    """The other node's answer, now. Raises exchange's errors (Unreachable, AskRefused, NotGranted)."""
    return exchange.ask(document=document, **_between(own=own, peer=peer, service=service, action=action))


def _between(*, own: str, peer: str, service: str, action: str) -> dict[str, Any]:
    return {
        "to_agency": peer,
        "from_agency": own,
        "service": service,
        "action": action,
        "person": None,
        "purpose": service,
        "basis": sorted(catalogue()[service].basis),
    }
