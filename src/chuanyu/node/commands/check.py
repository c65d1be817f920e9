"""`chuanyu check`: every service folder, held to the design. Silent when all is well."""

import argparse
import sys
from pathlib import Path

from chuanyu.core.checks import check

HELP = "check every service: one line per problem, with file and line"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "folder", nargs="?", type=Path, help="chapters, a chapter or a service (default: all installed)"
    )


def run(args: argparse.Namespace) -> int:
    """0 and silent when all is well; 1 with a line per problem; 2 where there is no service."""
    if args.folder is not None and next(args.folder.glob("**/service.yaml"), None) is None:
        print(f"chuanyu check: there is no service in {args.folder}", file=sys.stderr)
        return 2
    problems = check(args.folder)
    for problem in problems:
        print(f"{problem} [{problem.code}]")
    return 1 if problems else 0
