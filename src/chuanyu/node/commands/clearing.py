"""`chuanyu clearing`: is the ledger whole, what do the two nodes owe each other, and what do the banks say.

chuanyu clearing audit --at sichuan
chuanyu clearing windows
chuanyu clearing close medical_settlement/2025-03/sichuan/nhsa
chuanyu clearing statement hrss/pension_transfer fund --csv > fund.csv
chuanyu clearing bank answers.csv
chuanyu clearing upload taps.csv --service transit_card --at sichuan
chuanyu clearing fund --agency nhsa --service medical_settlement --amount 3000000.00 --why "…" --at sichuan
"""

import argparse
import sys
from datetime import datetime
from pathlib import Path

from chuanyu.node import cli
from chuanyu.node.commands import _byhand, _files

# those that change something, or give a token away
WRITING = (
    *("close", "differences", "bank", "token", "upload", "held", "retry", "pay", "adjust-row"),
    *("fund", "prepay", "close-account", "pay-again"),
)
HELP = "money between the nodes: audit, windows, statements of account, the banks' answers, files of rows"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """One sub-command each."""
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    lint = verbs.add_parser("lint", help="the ledger's tables are fit for Citus and closed to the node's role")
    audit = verbs.add_parser(
        "audit", help="prove that every sum, entry, limit, window and mirror holds; exit 1 with the lines if not"
    )
    audit.add_argument("--alone", action="store_true", help="do not ask the other node for its mirrors")
    windows = verbs.add_parser("windows", help="windows and their payment orders")
    windows.add_argument("--all", action="store_true", help="also those that are reconciled")
    close = verbs.add_parser("close", help="close a window now, without waiting for its timetable")
    close.add_argument("window", metavar="WINDOW", help="its name, as `windows` prints it")
    differences = verbs.add_parser(
        "differences", help="lines that two nodes do not have alike; the other node is asked anew"
    )
    differences.add_argument("window", metavar="WINDOW", nargs="?", help="of one window only")
    statement = verbs.add_parser(
        "statement", help="an account: its entries newest first, or its balance as of a moment"
    )
    statement.add_argument("book", metavar="BOOK", help='e.g. "hrss/pension_transfer"')
    statement.add_argument("account", metavar="ACCOUNT", nargs="?", help="without one, the book's accounts")
    statement.add_argument("--csv", action="store_true", help="all of it, as CSV")
    statement.add_argument(
        "--since", type=datetime.fromisoformat, metavar="TIME", help="not older than this (with a time zone)"
    )
    statement.add_argument(
        "--as-of", type=datetime.fromisoformat, metavar="TIME", help="only the balance at this moment"
    )
    bank = verbs.add_parser(
        "bank", help="take the bank's answers: CSV with reference, number, direction (out or in), amount, day"
    )
    bank.add_argument("file", type=Path, metavar="FILE")
    token = verbs.add_parser("token", help="what an agency's own system shows to post to its books over HTTP")
    token.add_argument("agency", metavar="AGENCY", help="its code, e.g. transport")
    for verb in (lint, audit, windows, close, differences, statement, bank, token):
        cli.add_node(verb)
    _files.add_arguments(verbs)
    _byhand.add_arguments(verbs)


def run(options: argparse.Namespace) -> int:
    """0 when all is well; 1 and the lines when not."""
    cli.django(options.at)
    if options.verb in WRITING:
        _record(options)
    if options.verb in _files.VERBS:
        return _files.run(options)
    if options.verb in _byhand.VERBS:
        return _byhand.run(options)
    verbs = {
        "lint": _lint,
        "audit": _audit,
        "windows": _windows,
        "close": _close,
        "differences": _differences,
        "statement": _statement,
        "bank": _bank,
        "token": _token,
    }
    return verbs[options.verb](options)


def _record(options: argparse.Namespace) -> None:
    """A line in the log that names whose account gave the command; so do all lines that come of it."""
    import structlog

    from chuanyu.identity.actor import OPERATOR

    structlog.contextvars.bind_contextvars(by=OPERATOR(options.at).id)
    structlog.get_logger("chuanyu.clearing").info("command", verb=options.verb)


def _lint(options: argparse.Namespace) -> int:
    from chuanyu.clearing import lint

    found = list(lint.problems())
    print(
        *(found or ["every key begins with book; no triggers; the node's role can only read and call the functions"]),
        sep="\n",
    )
    return 1 if found else 0


def _audit(options: argparse.Namespace) -> int:
    from chuanyu.clearing import audit

    found = audit.whole(lambda line: print(f"on its way: {line}"), alone=options.alone)
    print(*found, sep="\n", end="\n" if found else "")
    if not found:
        checks = ", ".join([*audit.INSIDE, *(() if options.alone else ("mirrors",))])
        print(f"{options.at}: all of it holds: {checks}")
    return 1 if found else 0


def _windows(options: argparse.Namespace) -> int:
    from chuanyu.clearing import queries, sheet
    from chuanyu.clearing.statements import shown

    for window in queries.windows(unfinished=not options.all):
        out_count, out, back_count, back = window.out_count, window.out, window.back_count, window.back or 0
        if out is None:  # nobody has signed: what the ledger has now
            out_count, out, back_count, back = sheet.so_far(window)
        so_far = "" if window.signed else " so far"
        paid = f"{shown(out, window.unit)} in {out_count}", f"{shown(back, window.unit)} in {back_count}"
        sums = f"we pay {paid[0]}, they pay {paid[1]}{so_far}"
        late = f", {window.differences} differences" if window.differences else ""
        print(f"{window.name:<50} {window.state:<10} {sums}{late}")
        for order in window.orders:
            print(
                f"    {order.number}  {order.payer} → {order.payee}  {shown(order.amount, order.unit)}  {order.state}"
            )
    return 0


def _close(options: argparse.Namespace) -> int:
    from chuanyu.clearing import windows

    window = _named(options.window)
    windows.begin(window)
    window = windows.advance(window)
    print(f"{window.name}: {window.state}")
    return 0


def _differences(options: argparse.Namespace) -> int:
    from chuanyu.clearing import differences, queries
    from chuanyu.clearing.models import Window
    from chuanyu.clearing.statements import shown
    from chuanyu.exchange.errors import ExchangeError

    asked = [_named(options.window)] if options.window else Window.objects.filter(state=Window.State.CLOSING)
    try:
        for window in asked:
            differences.compare(window)
    except ExchangeError as error:
        print(f"The other node could not be asked ({error.code}); this is what was known.", file=sys.stderr)
    found = queries.differences(window=asked[0].pk if options.window else None)
    for line in found:
        ours, theirs = (
            "missing" if amount is None else shown(amount, line.unit) for amount in (line.ours, line.theirs)
        )
        print(f"{line.id}  {line.name}  {line.transfer}  here {ours}, there {theirs}")
    return 1 if found else 0


def _statement(options: argparse.Namespace) -> int:
    from chuanyu.clearing import queries, statements

    try:
        if options.account is None:
            for account in queries.accounts(options.book):
                print(
                    f"{account.name:<40} {statements.shown(account.balance, account.unit):>20} {account.unit}  {account.entries} entries"
                )
            return 0
        if options.as_of:
            at = _aware(options.as_of)
            unit = statements.page(book=options.book, account=options.account, size=1).unit
            print(statements.shown(statements.balance(book=options.book, account=options.account, at=at), unit))
            return 0
        since = _aware(options.since) if options.since else None
        lines = statements.lines(book=options.book, account=options.account, since=since)
        for number, line in enumerate(lines):
            if number > statements.PAGE and not options.csv:
                print("… (--csv shows all)")
                break
            sys.stdout.write(line)
    except LookupError as error:
        raise cli.Stop(f"{str(error).strip(chr(39)).capitalize()}.") from None
    return 0


def _bank(options: argparse.Namespace) -> int:
    from chuanyu.clearing import actions, bankfile
    from chuanyu.identity.actor import OPERATOR

    try:
        lines = bankfile.read(bankfile.decoded(options.file.read_bytes()))
    except OSError as error:
        raise cli.Stop(f"{options.file} can't be read: {error.strerror}.") from None
    except bankfile.Unreadable as error:
        raise cli.Stop(f"{options.file}: {error}") from None
    taken = actions.bank_answers(lines, actor=OPERATOR(options.at))
    for line, problem, again in taken:
        if problem or again:
            said = problem or "already there"
            print(f"{line['reference']}: order {line['number']}: {said}", file=sys.stderr if problem else sys.stdout)
    problems, known = sum(bool(one.problem) for one in taken), sum(one.again for one in taken)
    print(f"{len(taken)} lines, {problems} with a problem" + (f", {known} already there" if known else ""))
    return 1 if problems else 0


def _token(options: argparse.Namespace) -> int:
    from django.conf import settings

    from chuanyu.clearing import door
    from chuanyu.identity.queries import agency

    try:
        agency(options.at, options.agency)
    except LookupError:
        raise cli.Stop(f"There is no agency {options.agency} at {options.at}.") from None
    print(door.token(settings.PLACE.local_token, options.agency))
    return 0


def _named(name: str):  # type: ignore[no-untyped-def]  # models are only there once Django is
    from chuanyu.clearing.models import Window

    found = list(Window.objects.filter(name=name))
    if len(found) != 1:
        raise cli.Stop(f"There is no window {name} here." if not found else f"More than one book has a window {name}.")
    return found[0]


def _aware(moment: datetime) -> datetime:
    from chuanyu.core.days import SHANGHAI

    return moment if moment.tzinfo else moment.replace(tzinfo=SHANGHAI)
