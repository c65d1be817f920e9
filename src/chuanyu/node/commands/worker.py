"""`chuanyu worker`: does what has become due at a node: apply messages, post instructions, escalate silence."""

import argparse
import signal
import time
from collections.abc import Callable
from types import FrameType
from typing import Self

import psycopg

from chuanyu.node import cli

HELP = "do what is due at a node, until stopped (`chuanyu up` runs one per node)"
POLL_SECONDS = 1.0
EXPIRE_EVERY = 2.0  # how much longer than promised a reservation may hold
WINDOWS_EVERY = 5.0  # the timetable counts in days, but a closing window waits for messages
DIFFERENCES_EVERY = 60.0  # it asks the other node
FORGET_EVERY = 3600.0  # drafts are kept for days
SWEEP_EVERY = 3600.0  # of what a kill left of uploads; at the start too
ESCALATE_EVERY = 60.0  # terms are counted in working days: a minute is soon enough


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`--at NODE`, `--once`."""
    cli.add_node(parser)
    parser.add_argument("--once", action="store_true", help="do what is due now and end")


def run(options: argparse.Namespace) -> int:
    """0 after SIGTERM."""
    cli.django(options.at, process="worker")
    import structlog
    from django import db

    from chuanyu.cases.actions import act_due, escalate
    from chuanyu.clearing import differences, posting, windows
    from chuanyu.clearing.files import intake, judging, paying, reconcile
    from chuanyu.exchange import inbox
    from chuanyu.identity import drafts

    log = structlog.get_logger("chuanyu.worker")
    jobs: list[tuple[str, Callable[[], object], float]] = [
        ("inbox", inbox.work, 0.0),
        ("posting", posting.work, 0.0),
        ("automatic steps", act_due, 0.0),
        ("files", judging.work, 0.0),
        ("pages", paying.work, 0.0),
        ("adjusted rows", reconcile.tell, WINDOWS_EVERY),
        ("rows of windows", reconcile.work, WINDOWS_EVERY),
        ("expiry", posting.expire, EXPIRE_EVERY),
        ("windows", windows.work, WINDOWS_EVERY),
        ("differences", differences.work, DIFFERENCES_EVERY),
        ("escalate", escalate, ESCALATE_EVERY),
        ("drafts", drafts.forget, FORGET_EVERY),
        ("abandoned uploads", intake.sweep, SWEEP_EVERY),
    ]
    stopping = False

    def stop(_signal: int, _frame: FrameType | None) -> None:
        nonlocal stopping
        stopping = True

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    last: dict[str, float] = {}
    log.info("worker started", at=options.at)
    with Wake() as wake:
        while not stopping:
            for name, job, every in jobs:
                if time.monotonic() - last.get(name, float("-inf")) < every:
                    continue
                last[name] = time.monotonic()
                try:
                    job()
                except Exception:
                    log.exception("work failed; it is tried again", job=name)
                    db.close_old_connections()
            if options.once:
                break
            wake.wait(POLL_SECONDS)
    log.info("worker stopped")
    return 0


class Wake:
    """Listens for notices of new work on a connection of its own; without the database it is only a pause."""

    CHANNELS = ("chuanyu_wake", "chuanyu_inbox")

    def __enter__(self) -> Self:
        self.connection: psycopg.Connection | None = None
        return self

    def __exit__(self, *_: object) -> None:
        if self.connection is not None:
            self.connection.close()

    def wait(self, seconds: float) -> None:
        """Until a notice comes, at most `seconds`."""
        from django.conf import settings

        try:
            if self.connection is None:
                self.connection = psycopg.connect(settings.PLACE.database_url, autocommit=True)
                for channel in self.CHANNELS:
                    self.connection.execute(f"LISTEN {channel}")
            for _ in self.connection.notifies(timeout=seconds, stop_after=1):
                pass
        except psycopg.Error:
            if self.connection is not None:
                self.connection.close()
            self.connection = None
            time.sleep(seconds)
