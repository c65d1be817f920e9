"""`chuanyu collect`: static files under names with their hash, compressed, for the portals to serve."""

import argparse
import os

from chuanyu.node import cli

HELP = "put the static files where the portals serve them from (`chuanyu up` does it by itself)"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """None."""


def run(options: argparse.Namespace) -> int:
    """Both nodes share them: they hold no data."""
    os.environ["CHUANYU_PROCESS"] = "collect"
    cli.django()
    from django.core.management import call_command

    call_command("collectstatic", interactive=False, clear=True, verbosity=0)
    return 0
