"""`chuanyu code USER`: the current code of a sample user's second factor."""

import argparse

from chuanyu.node import cli

HELP = "the current one-time code of a sample staff sign-in, e.g. clerk-hrss"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Who, and at which node."""
    parser.add_argument("user", metavar="USER")
    cli.add_node(parser)


def run(options: argparse.Namespace) -> int:
    """Print six digits that are valid now and unused; each opens once."""
    cli.django(options.at)
    from chuanyu.node import samples

    try:
        print(samples.code(options.user))
    except (LookupError, samples.NoSamples) as error:
        raise cli.Stop(str(error)) from None
    return 0
