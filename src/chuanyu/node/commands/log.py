"""`chuanyu log`: the message log, verified whole; a message in it, proven; a proof, checked by anyone without a node.

chuanyu log verify --at sichuan
chuanyu log prove 0193a0e2-… --at sichuan > proof.json
chuanyu log check proof.json
"""

import argparse
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec

from chuanyu.node import cli

HELP = "the log of messages: verify it whole, prove one message, check a proof"
HEAD = "log-head.json"  # in the node's home: what the last verification saw; growth is proven from it
CHUNK = 2000  # rows fetched at a time


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """One sub-command each."""
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    verify = verbs.add_parser("verify", help="recompute every leaf, and show that the log only grew since last time")
    cli.add_node(verify)
    prove = verbs.add_parser("prove", help="proof that a message is in the log, as JSON for `log check`")
    prove.add_argument("message", metavar="MESSAGE_ID", help="the message's id")
    cli.add_node(prove)
    check = verbs.add_parser("check", help="check a proof: needs neither node nor network")
    check.add_argument("file", type=Path, help='what `log prove` printed ("-": standard input)')
    check.add_argument("--root", default="", metavar="HEX", help="the root it must lead to, from a source you trust")


def run(options: argparse.Namespace) -> int:
    """0 when everything is in order; 1 with a sentence when not."""
    from chuanyu.exchange.log import LogError

    try:
        if options.verb == "check":
            return _check(options)
        cli.django(options.at)
        return _verify() if options.verb == "verify" else _prove(options)
    except LogError as error:
        raise cli.Stop(str(error)) from None


def _verify() -> int:
    from chuanyu.exchange import log
    from chuanyu.identity.here import here, home

    file = home() / HEAD
    last = log.read_head(file)
    head, _ = log.verify(_rows(), last, now=datetime.now(UTC))
    log.keep_head(file, head)
    grown = f", {head.size - last.size} more than on {last.at}" if last else ""
    print(f"{here()}: {head.size} rows, no gap, every leaf right{grown}\nroot {head.root}")
    return 0


def _prove(options: argparse.Namespace) -> int:
    from chuanyu.exchange import compact as agreement
    from chuanyu.exchange import log
    from chuanyu.exchange.models import Compact, Log
    from chuanyu.exchange.trust import uri
    from chuanyu.identity.here import here

    try:
        message = str(UUID(options.message))
    except ValueError:
        raise cli.Stop(f"“{options.message}” is no message id") from None
    compacts = [agreement.parse(body) for body in Compact.objects.order_by("-version").values_list("body", flat=True)]

    def key(id: str) -> log.PublicKey | None:
        node = id.rpartition("-")[0]
        found = next((one for each in compacts if (one := each.signing_key(node, id))), None)
        return log.PublicKey(suite=found.suite, public=found.public) if found else None

    _, tree = log.verify(_rows(), None, now=datetime.now(UTC))
    evidence = log.prove(
        tree,
        Log.objects.filter(message=message, idx__lt=len(tree)).order_by("idx").values(),
        node=here(),
        message=message,
        uris={name: tuple({uri(each, name): None for each in compacts}) for name in compacts[0].nodes},
        key=key,
    )
    sys.stdout.buffer.write(msgspec.json.format(msgspec.json.encode(evidence), indent=2) + b"\n")
    return 0


def _check(options: argparse.Namespace) -> int:
    from chuanyu.exchange import log

    try:
        content = sys.stdin.buffer.read() if str(options.file) == "-" else options.file.read_bytes()
        evidence = msgspec.json.decode(content, type=log.Evidence)
    except OSError as error:
        raise cli.Stop(f"{options.file} can't be read: {error.strerror}") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise cli.Stop(f"{options.file} is no proof: {error}") from None
    if options.root and options.root.lower() != evidence.root:
        raise cli.Stop(f"the proof leads to root {evidence.root}, not to the one given")
    lines = log.check(evidence)
    print(f"message {evidence.message} in the log of {evidence.node}, {evidence.size} rows, root {evidence.root}")
    print(*lines, sep="\n")
    print("The rows are in that log and their signatures are right, if the keys in the file are the compact's.")
    return 0


def _rows() -> Iterator[Any]:
    """Every row of this node's log in order, a chunk at a time."""
    from chuanyu.exchange.models import Log

    return Log.objects.order_by("idx").values().iterator(chunk_size=CHUNK)
