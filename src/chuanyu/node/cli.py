"""The `chuanyu` command. Each module of `chuanyu.node.commands` is one sub-command: HELP, add_arguments, run."""

import argparse
import importlib
import os
import pkgutil
import sys
import traceback
from collections.abc import Callable, Sequence
from typing import Protocol, cast

from chuanyu.core.catalogue import CatalogueError
from chuanyu.core.service import NODES
from chuanyu.node import commands
from chuanyu.node.logs import redact
from chuanyu.node.place import PlaceError
from chuanyu.node.postgres import PostgresError
from chuanyu.node.setup import StepFailed
from chuanyu.node.supervisor import NotReady


class Command(Protocol):
    """A module of `chuanyu.node.commands`."""

    HELP: str
    add_arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int]


class Stop(Exception):
    """Ends a command with a sentence for the person at the keyboard and an exit code."""

    def __init__(self, sentence: str, code: int = 1) -> None:
        super().__init__(sentence)
        self.code = code


SENTENCES = (
    Stop,
    CatalogueError,
    PlaceError,
    PostgresError,
    NotReady,
    StepFailed,
)  # their message is written for people


def names() -> list[str]:
    """The sub-commands there are."""
    return sorted(found.name for found in pkgutil.iter_modules(commands.__path__) if not found.name.startswith("_"))


def load(name: str) -> Command:
    """The module of one sub-command."""
    return cast(Command, importlib.import_module(f"chuanyu.node.commands.{name}"))


def django(node: str | None = None, *, process: str = "command") -> None:
    """Make Django ready as `node` (default: CHUANYU_NODE, else chongqing). Call before importing any model."""
    os.environ["CHUANYU_NODE"] = node or os.environ.get("CHUANYU_NODE") or NODES[0]
    os.environ.setdefault("CHUANYU_PROCESS", process)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "chuanyu.node.settings")
    import django

    django.setup()


def add_node(parser: argparse.ArgumentParser) -> None:
    """`--at NODE` for commands that act on one node."""
    parser.add_argument(
        "--at",
        choices=NODES,
        default=os.environ.get("CHUANYU_NODE") or NODES[0],
        help="which node (default: %(default)s)",
    )


def parser(only: str | None = None) -> argparse.ArgumentParser:
    """The parser of all sub-commands; `only` loads the arguments of that one, so that one command starts quickly."""
    top = argparse.ArgumentParser(
        prog="chuanyu", description="Public services across a border: run a node and look into it."
    )
    top.add_argument("--debug", action="store_true", help="show the whole traceback of an error")
    subs = top.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name in names():
        if only in (None, name):
            command = load(name)
            sub = subs.add_parser(name, help=command.HELP, description=command.HELP)
            command.add_arguments(sub)
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Run one sub-command; its exit code. An error is one sentence on stderr, unless --debug."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    first = next((word for word in arguments if not word.startswith("-")), None)
    options = parser(first if first in names() else None).parse_args(arguments)
    try:
        return load(options.command).run(options)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # `chuanyu services | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        if options.debug:
            traceback.print_exc()
        else:
            for_people = isinstance(error, SENTENCES)
            words = str(error).strip() or type(error).__name__
            print(
                f"chuanyu {options.command}: {redact(words if for_people else words.splitlines()[0])}", file=sys.stderr
            )
            if not for_people:
                print("(`chuanyu --debug …` shows where.)", file=sys.stderr)
        return error.code if isinstance(error, Stop) else 1


if __name__ == "__main__":  # by its own name, or `Stop` would be two classes: this module's and the commands'
    sys.exit(importlib.import_module("chuanyu.node.cli").main())
