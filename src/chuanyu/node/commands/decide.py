"""`chuanyu decide SERVICE RULE < given.json`: one decision, as it would be made at a node on a day."""

import argparse
import json
import sys
from datetime import date
from typing import Any

from chuanyu.core.catalogue import catalogue
from chuanyu.core.days import today
from chuanyu.core.documents import DocumentError
from chuanyu.core.parameters import NoParameter
from chuanyu.core.rules import decide
from chuanyu.core.service import NODES

HELP = "decide by one rule on documents given as JSON, {name: document}"
LARGEST = 4 * 1024 * 1024  # bytes, as at the gateway


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("service", metavar="SERVICE", help="the service's key, e.g. pension_transfer")
    parser.add_argument("rule", metavar="RULE", help="the rule's name, e.g. transfer_amount")
    parser.add_argument("--on", type=_day, default=None, metavar="DATE", help="the day that counts (default: today)")
    parser.add_argument("--at", choices=NODES, default=NODES[0], help="whose parameters (default: %(default)s)")


def run(args: argparse.Namespace) -> int:
    """The decision as JSON on stdout and 0; what doesn't fit as "path: reason" on stderr and 2."""
    services = catalogue()
    service = services.get(args.service)
    if service is None:
        return _refuse(f"there is no service {args.service!r}; there are: {', '.join(sorted(services))}")
    if args.rule not in service.rules:
        return _refuse(f"{service.key} has no rule {args.rule!r}; it has: {', '.join(service.rules)}")
    try:
        given = _given()
        decision = decide(service, args.rule, given, args.on or today(), args.at)
    except DocumentError as error:
        return _refuse(*(f"{one.path}: {one.message.en} {one.message.zh}" for one in error.errors))
    except (_NotRead, NoParameter) as error:
        return _refuse(str(error))
    print(json.dumps(decision.plain(), ensure_ascii=False))
    return 0


class _NotRead(Exception):
    pass


def _given() -> dict[str, Any]:
    raw = sys.stdin.buffer.read(LARGEST + 1)
    if len(raw) > LARGEST:
        raise _NotRead(f"the input is larger than {LARGEST} bytes")
    try:
        given = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise _NotRead(f"the input is not JSON: {error}") from None
    if not isinstance(given, dict):
        raise _NotRead("the input must be an object: documents by their names")
    return given


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no date like 2025-03-03") from None


def _refuse(*lines: str) -> int:
    for line in lines:
        print(line, file=sys.stderr)
    return 2
