"""`chuanyu tour`: the journeys of the services, walked over HTTP at two running nodes."""

import argparse
import json
import sys

import msgspec

from chuanyu.core.service import NODES
from chuanyu.node import cli

HELP = "walk the services' journeys over HTTP at both running nodes, and check what people see"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which services; all by default."""
    parser.add_argument("services", metavar="SERVICE", nargs="*")
    parser.add_argument("--json", action="store_true", help="one JSON array of the steps taken")


def run(options: argparse.Namespace) -> int:
    """Exit 0 when every step was as its examples.yaml says, 1 at the first that was not."""
    from chuanyu.node.place import Place
    from chuanyu.node.tour import Lost, Skipped, Step, Tour, services

    steps: list[Step | Skipped] = []
    try:
        tour = Tour({node: Place.load(node) for node in NODES})
        for service in services(options.services):
            for step in tour.walk(service):
                steps.append(step)
                if isinstance(step, Skipped):
                    said = f"- {step.journey}  only from {step.opens} to {step.closes}, legal time: skipped"
                    print(said, file=sys.stderr if options.json else sys.stdout, flush=True)
                elif not options.json:
                    print(
                        f"✓ {step.journey}  {step.reference}  {step.at} {step.who} {step.do} → {step.state}  {step.seconds:.1f} s",
                        flush=True,
                    )
    except (Lost, OSError) as error:
        raise cli.Stop(f"the tour got lost: {error}") from None
    finally:
        if options.json:
            print(json.dumps(msgspec.to_builtins(steps), ensure_ascii=False, indent=1))
    return 0
