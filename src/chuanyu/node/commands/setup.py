"""`chuanyu setup`: what a node needs in its database and key folder before it starts. `chuanyu up` does it by itself."""

import argparse
import os

from chuanyu.core.service import NODES
from chuanyu.node import cli, place

HELP = "keys, agencies, the compact and sample data of a node (`chuanyu up` does it by itself)"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`--at NODE`."""
    cli.add_node(parser)
    parser.add_argument("--no-samples", action="store_true", help="no sample residents, staff and histories")


def run(options: argparse.Namespace) -> int:
    """Safe to repeat: what is there stays."""
    cli.django(options.at)
    from chuanyu.exchange import installed
    from chuanyu.identity import actions, vault
    from chuanyu.node import samples

    here = place.Place.load(options.at)
    vault.make_keys(here.home)
    actions.load_agencies()
    if all((place.var() / node / "node.json").exists() for node in NODES):
        # both nodes are this machine's: one hand may sign for both. Elsewhere: `chuanyu compact propose, sign, install`
        installed.establish([place.Place.load(node) for node in NODES])
    if (here.home / installed.FILE).exists():
        installed.adopt()
    if not options.no_samples and os.environ.get("CHUANYU_SAMPLE") != "0":
        samples.load()
    return 0
