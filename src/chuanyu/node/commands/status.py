"""`chuanyu status`: what runs and what answers."""

import argparse

from chuanyu.core.service import NODES
from chuanyu.node import place, running, supervisor

HELP = "what runs, where, and whether it answers"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """None."""


def run(options: argparse.Namespace) -> int:
    """0 when both nodes answer, 1 otherwise."""
    well = True
    for node in NODES:
        try:
            here = place.Place.load(node)
        except place.PlaceError:
            print(f"{node:<10} not set up")
            well = False
            continue
        portal = supervisor.responds(here.portal_port, "/health")
        gateway = supervisor.responds(here.gateway_port, "/exchange/v1/health")
        held = running.holder(node)
        who = f"process {held[0]}" if held else "no process"
        print(
            f"{node:<10} {who:<15} portal {here.portal_url} {_word(portal)}, gateway {here.gateway_url} {_word(gateway)}"
        )
        well = well and portal and gateway
    return 0 if well else 1


def _word(answers: bool) -> str:
    return "answers" if answers else "does not answer"
