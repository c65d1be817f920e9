"""`chuanyu django makemigrations …`: Django's own management commands, for developers."""

import argparse
import os
import warnings

HELP = "a management command of Django (makemigrations, sqlmigrate, …); name a node with CHUANYU_NODE"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Everything after the name goes to Django."""
    parser.add_argument("words", nargs=argparse.REMAINDER, metavar="…", help="command and its arguments")


def run(options: argparse.Namespace) -> int:
    """Without CHUANYU_NODE the settings have no database, which is enough for makemigrations."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "chuanyu.node.settings")
    from django.core.management import execute_from_command_line

    warnings.filterwarnings("ignore", message="Got an error checking a consistent migration history")
    execute_from_command_line(["chuanyu django", *options.words])
    return 0
