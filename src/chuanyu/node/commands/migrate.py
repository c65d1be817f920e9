"""`chuanyu migrate`: bring the tables of a node up to date, as the owner of its database."""

import argparse
import os

from chuanyu.node import cli

HELP = "apply migrations to a node's database, as its owner (`chuanyu up` does it by itself)"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`--at NODE`."""
    cli.add_node(parser)


def run(options: argparse.Namespace) -> int:
    """Grants first: default privileges apply to tables made after them."""
    os.environ["CHUANYU_PROCESS"] = "migrate"
    cli.django(options.at)
    from django.conf import settings

    from chuanyu.node import database

    database.grant(settings.PLACE.owner_url)
    database.migrate()
    return 0
