"""`chuanyu down`: stop nodes that a `chuanyu up` elsewhere runs."""

import argparse
import os
import signal
import time

from chuanyu.core.service import NODES
from chuanyu.node import cli, running

HELP = "stop the nodes that `chuanyu up` runs in another terminal"
PATIENCE = 120.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which node."""
    parser.add_argument("--node", choices=NODES, help="only this one, if it runs by itself")


def run(options: argparse.Namespace) -> int:
    """0 when nothing runs any more."""
    wanted = (options.node,) if options.node else NODES
    holders: dict[int, tuple[str, ...]] = dict(found for node in wanted if (found := running.holder(node)))
    if not holders:
        print("nothing runs")
        return 0
    for pid, nodes in holders.items():
        if options.node and len(nodes) > 1:
            raise cli.Stop(f"{' and '.join(nodes)} run together; `chuanyu down` stops both.")
        os.kill(pid, signal.SIGTERM)
    until = time.monotonic() + PATIENCE
    while any(running.holder(node) for node in wanted):
        if time.monotonic() > until:
            raise cli.Stop(f"it did not stop within {PATIENCE:g} seconds; see the logs in var/.")
        time.sleep(0.1)
    for nodes in holders.values():
        print(f"stopped {' and '.join(nodes)}")
    return 0
