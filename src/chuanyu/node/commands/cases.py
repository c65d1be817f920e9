"""`chuanyu cases migrate`: move running cases to the service's new declaration by a reviewed map of states."""

import argparse

from chuanyu.node import cli

HELP = "running cases: which declarations they run under, and moving them to the newest one"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`declarations`, and `migrate` with its map."""
    subs = parser.add_subparsers(dest="what", metavar="WHAT", required=True)
    listed = subs.add_parser("declarations", help="open cases of a service by declaration and state")
    listed.add_argument("service", metavar="SERVICE")
    cli.add_node(listed)
    migrate = subs.add_parser("migrate", help="move the open cases this node owns from one declaration to the newest")
    migrate.add_argument("service", metavar="SERVICE")
    migrate.add_argument(
        "--from", dest="old", required=True, metavar="HASH", help="the old declaration, 8 digits or more"
    )
    migrate.add_argument(
        "--map", action="append", default=[], metavar="OLD=NEW", help="state → state; unchanged names may be left out"
    )
    migrate.add_argument("--dry-run", action="store_true", help="say what would happen, change nothing")
    cli.add_node(migrate)


def run(options: argparse.Namespace) -> int:
    """Prints a line per state; exit 1 when a state has no counterpart, and then nothing was changed."""
    cli.django(options.at)
    from chuanyu.cases import migration

    if options.what == "declarations":
        for declaration, state, count, current in migration.open_cases(options.service):
            print(f"{declaration[:12]}{'*' if current else ' '} {state:24} {count}")
        return 0
    try:
        mapping = dict(pair.split("=", 1) for pair in options.map)
    except ValueError:
        raise cli.Stop("--map takes OLD=NEW", 2) from None
    try:
        planned = migration.plan(options.service, options.old, mapping)
    except LookupError as error:
        raise cli.Stop(str(error), 2) from None
    for move in planned:
        target = move.target or "no such state in the new declaration: add --map " + move.state + "=…"
        print(
            f"{move.state} → {target}: {len(move.cases)} here"
            + (f", {move.elsewhere} at the other node" if move.elsewhere else "")
        )
    if any(move.target is None for move in planned):
        return 1
    if not options.dry_run:
        print(f"moved {migration.carry_out(options.service, planned)}")
    return 0
