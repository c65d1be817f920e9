"""The verbs of `chuanyu clearing` about files: upload, files, results, held, retry, pay, adjust-row.

Who gave the command is kept with what it decided: the account of the operating system.
"""

import argparse
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

from chuanyu.node import cli

CHUNK = 1024 * 1024


def add_arguments(verbs: Any) -> None:
    """One sub-command each."""
    upload = verbs.add_parser("upload", help="take in a file of rows (CSV in UTF-8 or JSON lines; may be gzipped)")
    upload.add_argument("file", type=Path, metavar="FILE")
    files = verbs.add_parser(
        "files", help="uploads, pages that are not paid, and how closed windows compare row by row"
    )
    results = verbs.add_parser("results", help="what became of every line of an upload, as CSV")
    results.add_argument("upload", type=UUID, metavar="UPLOAD")
    held = verbs.add_parser("held", help="rows that wait for an officer; --release or --drop decides, with --reason")
    decision = held.add_mutually_exclusive_group()
    decision.add_argument("--release", type=int, nargs="+", metavar="ROW", help="let these count")
    decision.add_argument("--drop", type=int, nargs="+", metavar="ROW", help="these never count")
    held.add_argument("--reason", default="", help="why; kept, and told to the payer")
    retry = verbs.add_parser("retry", help="try what was set aside of an upload, or a page, anew")
    retry.add_argument("id", type=UUID, metavar="ID", help="of the upload or the page, as `files` prints it")
    pay = verbs.add_parser("pay", help="pay a page that the ledger had refused, now that the fund has the money")
    pay.add_argument("page", type=UUID, metavar="PAGE")
    adjust = verbs.add_parser("adjust-row", help="pay what one row of a page differs by, or a row that was disputed")
    adjust.add_argument("page", type=UUID, metavar="PAGE")
    adjust.add_argument("key", metavar="KEY", help="of the row, as `files` prints it")
    adjust.add_argument("--reason", required=True, help="why; kept at both nodes")
    for verb in (upload, files, held):
        verb.add_argument("--service", metavar="KEY", help="a service that takes files", required=verb is not files)
    for verb in (upload, files, results, held, retry, pay, adjust):
        cli.add_node(verb)


def _upload(options: argparse.Namespace) -> int:
    from chuanyu.clearing.files import intake
    from chuanyu.identity.actor import OPERATOR

    try:
        taken, new = intake.upload(
            service=options.service, actor=OPERATOR(options.at), name=options.file.name, chunks=_chunks(options.file)
        )
    except OSError as error:
        raise cli.Stop(f"{options.file} can't be read: {error.strerror}.") from None
    print(
        f"{taken.pk}: {taken.rows:,} rows{'' if new else f'; the same file was uploaded on {taken.received:%Y-%m-%d %H:%M}'}"
    )
    return 0


def _chunks(file: Path) -> Iterator[bytes]:
    with file.open("rb") as source:
        while chunk := source.read(CHUNK):
            yield chunk


def _files(options: argparse.Namespace) -> int:
    """Exit code 1 when something is not alike at both nodes."""
    from chuanyu.clearing.files import queries
    from chuanyu.clearing.statements import shown
    from chuanyu.identity.actor import OPERATOR

    for one in queries.uploads(OPERATOR(options.at), service=options.service):
        unit = queries.unit(one.service)
        print(
            f"{one.id}  {one.service}  {one.name}  {one.state}: {one.rows:,} rows, {one.counted:,} count,"
            f" {one.duplicates:,} duplicates, {one.refused:,} refused, {one.held:,} held; {shown(one.total, unit)}"
        )
        for part in one.setbacks:
            print(f"    part {part.part} of {one.parts}, {part.rows:,} rows: {_setback(part)}")
    failing = queries.setbacks()
    for page in queries.pages(service=options.service, unfinished=True):
        why = f" ({page.reason})" if page.reason else ""
        why = f" ({_setback(failing[page.id])})" if page.id in failing else why
        amount = shown(page.amount or page.total, queries.unit(page.service))
        print(f"page {page.id}  {page.side}: {page.rows:,} rows, {amount}, {page.state}{why}")
    for row, code in queries.disputed():
        print(f"disputed: page {row.page}  {row.key}  {shown(row.amount or 0, queries.unit(row.service))}  {code}")
    unlike = 0
    for one_ in queries.reconciliations():
        unit = queries.unit(one_.service)
        said = "the same at both nodes" if one_.equal else "NOT THE SAME"
        print(
            f"{one_.service} {one_.period}, paid by {one_.payer}: {one_.rows:,} rows, {shown(one_.total, unit)},"
            f" {one_.sha256[:16]}; there {one_.their_rows:,}, {shown(one_.their_total, unit)}, {one_.their_sha256[:16]}: {said}"
        )
    for line in queries.differences():
        unlike += 1
        ours, theirs = ("missing" if amount is None else str(amount) for amount in (line.ours, line.theirs))
        print(f"differs: page {line.page}  {line.key}  here {ours}, there {theirs}")
    return 1 if unlike else 0


def _setback(one: Any) -> str:
    said = "set aside; `chuanyu clearing retry` tries it anew" if one.again is None else "tried again soon"
    return f"failed {one.tries} times, {said}: {one.reason}"


def _results(options: argparse.Namespace) -> int:
    from chuanyu.clearing.files import queries
    from chuanyu.identity.actor import OPERATOR

    sys.stdout.writelines(queries.results(options.upload, OPERATOR(options.at)))
    return 0


def _held(options: argparse.Namespace) -> int:
    from chuanyu.clearing.files import judging, queries
    from chuanyu.identity.actor import OPERATOR

    actor = OPERATOR(options.at)
    rows = options.release or options.drop
    if rows:
        release = options.release is not None
        decided = judging.decide(
            service=options.service, rows=rows, release=release, actor=actor, reason=options.reason
        )
        print(", ".join(f"{name}: {count}" for name, count in decided.items()))
        return 0
    for row in queries.held(options.service, actor):
        print(f"{row.id}  line {row.line} of {row.upload}  {row.key}  {row.day}")
    return 0


def _retry(options: argparse.Namespace) -> int:
    from chuanyu.clearing.files import setbacks
    from chuanyu.identity.actor import OPERATOR

    print(f"{options.id}: {setbacks.retry(options.id, actor=OPERATOR(options.at))} tried anew by the worker")
    return 0


def _pay(options: argparse.Namespace) -> int:
    from chuanyu.clearing.files import paying
    from chuanyu.identity.actor import OPERATOR

    page = paying.pay(page=options.page, actor=OPERATOR(options.at))
    print(f"{page.id}: {page.state}")
    return 0


def _adjust(options: argparse.Namespace) -> int:
    from chuanyu.clearing.files import reconcile
    from chuanyu.identity.actor import OPERATOR

    made = reconcile.adjust(page=options.page, key=options.key, actor=OPERATOR(options.at), note=options.reason)
    print(f"{made.pk}: {made.amount}, in the window {made.period}")
    return 0


VERBS: dict[str, Callable[[argparse.Namespace], int]] = {
    "upload": _upload,
    "files": _files,
    "results": _results,
    "held": _held,
    "retry": _retry,
    "pay": _pay,
    "adjust-row": _adjust,
}


def run(options: argparse.Namespace) -> int:
    """Run the verb; what is refused is one sentence, with the columns that are wrong."""
    from chuanyu.clearing.actions import ClearingError
    from chuanyu.core.documents import DocumentError

    try:
        return VERBS[options.verb](options)
    except ClearingError as error:
        raise cli.Stop(f"{error.text.zh} / {error.text.en}") from None
    except DocumentError as error:
        raise cli.Stop("; ".join(f"{one.message.zh} / {one.message.en}" for one in error.errors)) from None
