"""`chuanyu sample …`: sample data by hand."""

import argparse
import json
import os
import subprocess
import sys

from chuanyu.core.service import NODES
from chuanyu.node import cli

HELP = "sample data: `load` it at a node, a made-up `history`, or a fresh resident for a `journey` of a service"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`load`, `history` and `journey`."""
    subs = parser.add_subparsers(dest="what", metavar="WHAT", required=True)
    load = subs.add_parser("load", help="residents, staff and their documents at one node")
    cli.add_node(load)
    history = subs.add_parser("history", help="made-up cases of the past year at one node, for figures and charts")
    history.add_argument("--count", type=int, default=3000, metavar="N", help="how many (default: %(default)s)")
    cli.add_node(history)
    journey = subs.add_parser("journey", help="a fresh resident, at both nodes unless --at or CHUANYU_NODE names one")
    journey.add_argument("service", metavar="SERVICE")
    journey.add_argument("index", metavar="INDEX", type=int, help="which journey of its examples.yaml, from 0")
    journey.add_argument("--run", type=int, metavar="N", help="which run's resident; 0 is the one of the sample data")
    journey.add_argument("--at", choices=NODES, default=os.environ.get("CHUANYU_NODE"))


def run(options: argparse.Namespace) -> int:
    """`journey` prints {"username", "password", "run"} as JSON."""
    from chuanyu.node import samples

    try:
        samples.check_allowed()
        if options.what == "load":
            cli.django(options.at)
            samples.load()
        elif options.what == "history":
            cli.django(options.at)
            print(f"{samples.history(options.count)} cases")
        elif options.at:
            cli.django(options.at)
            print(json.dumps(_part(options.service, options.index, options.run)))
        else:
            print(json.dumps(_at_both(options.service, options.index, options.run)))
    except (LookupError, samples.NoSamples) as error:
        raise cli.Stop(str(error)) from None
    return 0


def _part(service: str, index: int, run: int | None) -> dict[str, object]:
    from chuanyu.node.samples import journeys

    made = journeys.resident(service, index, run)
    return {"username": made.username, "password": made.password, "run": made.run}


def _at_both(service: str, index: int, run: int | None) -> dict[str, object]:
    """One node chooses the run, the other one follows."""
    made: dict[str, object] = {}
    for node in NODES:
        words = [sys.executable, "-m", "chuanyu.node.cli", "sample", "journey", service, str(index), "--at", node]
        chosen = made.get("run", run)
        words += [] if chosen is None else ["--run", str(chosen)]
        env = {**os.environ, "CHUANYU_NODE": node}
        done = subprocess.run(words, env=env, capture_output=True, text=True, stdin=subprocess.DEVNULL)
        if done.returncode:
            raise cli.Stop(f"{node}: {done.stderr.strip() or 'no message'}", done.returncode)
        made = json.loads(done.stdout)
    return made
