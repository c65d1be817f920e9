"""`chuanyu sample …`: sample data by hand."""

import argparse
import json
import os
import subprocess
import sys
from datetime import date
from pathlib import Path

from chuanyu.core.service import NODES
from chuanyu.node import cli

HELP = "sample data: `load` it, a made-up `history`, a fresh resident for a `journey`, files of synthetic `taps` or `bills`"


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
    taps = subs.add_parser("taps", help="a CSV file of synthetic taps: one operator's day; no card in it exists")
    bills = subs.add_parser(
        "bills", help="JSON lines of synthetic hospital bills, line by line; no stay in it happened"
    )
    for maker in (taps, bills):
        maker.add_argument("--rows", type=int, default=10_000, metavar="N", help="how many (default: %(default)s)")
        maker.add_argument("--out", type=Path, required=True, metavar="FILE")
        maker.add_argument("--seed", type=int, default=20250610, help="the same one gives the same file")
    taps.add_argument("--operator", choices=NODES, default=NODES[1], help="whose terminals (default: %(default)s)")
    taps.add_argument("--day", type=date.fromisoformat, help="default: today, the legal day")
    taps.add_argument("--away", type=float, default=0.2, help="share of the other city's cards (default: %(default)s)")
    taps.add_argument("--faults", type=float, default=0.0, help="share of rows that will not count (default: none)")


def run(options: argparse.Namespace) -> int:
    """`journey` prints {"username", "password", "run"} as JSON."""
    if options.what in ("taps", "bills"):
        return _file(options)
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


def _file(options: argparse.Namespace) -> int:
    from chuanyu.core import days
    from chuanyu.node.samples import volume

    if options.rows < 1:
        raise cli.Stop("--rows must be 1 or more", 2)
    if options.what == "bills":
        lines = volume.bills(rows=options.rows, seed=options.seed)
    else:
        lines = volume.taps(
            rows=options.rows,
            operator=options.operator,
            day=options.day or days.today(),
            away=options.away,
            faults=options.faults,
            seed=options.seed,
        )
    try:
        volume.write(lines, options.out, total=options.rows, progress=sys.stderr)
    except OSError as error:
        raise cli.Stop(f"{options.out} can't be written: {error.strerror}.") from None
    print(f"{options.out}: {options.rows:,} synthetic {options.what}, made up by a program; nobody's data.")
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
