"""Sample data of one node: residents and staff who can sign in, and what the agencies hold about them.

All of it is synthetic and the same on every machine. Everyone has one password, and the keys of the second factors
follow from the names, so this is for trials only: CHUANYU_SAMPLE=0 (a node in service) refuses it.

This module needs no Django; `load`, `code` and `journey_resident` need it ready (`cli.django`).
"""

import base64
import hmac
import os

from chuanyu.core.service import NODES

PASSWORD = "chuanyu-sample"
COUNT = 200  # residents with a sign-in at each node: resident-1 … resident-200
SHOWN = ("pension_transfer", 0)  # the journey whose resident walks a newcomer through


class NoSamples(Exception):
    """This node refuses sample data."""


def check_allowed() -> None:
    """Raises `NoSamples` where CHUANYU_SAMPLE=0 marks a node in service."""
    if os.environ.get("CHUANYU_SAMPLE", "1") == "0":
        raise NoSamples("CHUANYU_SAMPLE=0: this node is in service and takes no sample data.")


def about() -> list[str]:
    """What to tell a newcomer about signing in, a line each."""
    return [
        f"Sample sign-ins, all synthetic, password {PASSWORD}",
        f"  resident   {journey_user(*SHOWN)} at sichuan moves their pension; resident-1 … resident-{COUNT} at both",
        "  counter    clerk-hrss at both; officer-hrss decides what a clerk may not; office sees the whole",
        f"  staff also need a code:  chuanyu code clerk-hrss --at {NODES[0]}",
    ]


def journey_user(service: str, index: int, run: int = 0) -> str:
    """The sign-in of a journey's resident: pension_transfer-0, in later runs pension_transfer-0-1 and so on."""
    return f"{service}-{index}-{run}" if run else f"{service}-{index}"


def totp_secret(username: str) -> str:
    """A sample user's second-factor key (base32). It follows from the name, so it protects nothing."""
    check_allowed()
    return base64.b32encode(hmac.digest(b"chuanyu sample", username.encode(), "sha1")).decode()


def load(count: int = COUNT) -> None:
    """Put this node's sample data in place; what is there already stays as it is."""
    from chuanyu.node.samples.loading import load

    load(count)


def history(count: int) -> int:
    """Put made-up cases of the past year into this node; how many it took. See `samples.past`."""
    from chuanyu.node.samples.past import load

    return load(count)


def code(username: str) -> str:
    """A code that opens the second factor of a sample user of this node now. Raises LookupError for an unknown user."""
    from chuanyu.node.samples.codes import code

    return code(username)


def journey_resident(service: str, index: int, run: int | None = None) -> str:
    """This node's part of a fresh resident for one more run of a journey; the sign-in. See `samples.journeys.resident`."""
    from chuanyu.node.samples.journeys import resident

    return resident(service, index, run).username
