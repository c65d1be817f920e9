"""The verbs of `chuanyu clearing` that move money by hand: fund, prepay, close-account, deeds. Who did it and why is kept."""

import argparse
import sys
from collections.abc import Callable
from typing import Any

from chuanyu.node import cli

VERBS = ("fund", "prepay", "close-account", "pay-again", "deeds")


def add_arguments(verbs: Any) -> None:
    """One sub-command each."""
    fund = verbs.add_parser("fund", help="money an agency was given for a service: from the treasury into its fund")
    prepay = verbs.add_parser(
        "prepay", help="put money in advance where the rule gives no figure (the first year), or at the red alarm"
    )
    close = verbs.add_parser("close-account", help="close an empty account for good")
    deeds = verbs.add_parser("deeds", help="what was done with money by hand, newest first: who, what, why")
    for verb in (fund, prepay, close):
        verb.add_argument("--agency", required=True, metavar="AGENCY", help="its code, e.g. nhsa")
        verb.add_argument("--service", required=True, metavar="KEY")
        verb.add_argument("--why", required=True, help="the reason and the paper it rests on; kept")
    for verb in (fund, prepay):
        verb.add_argument(
            "--amount", required=True, metavar="YUAN", help='e.g. "3000000.00"; whole numbers of other units'
        )
        verb.add_argument("--unit", default="CNY", metavar="UNIT")
    close.add_argument("--account", required=True, metavar="ACCOUNT", help="as `statement` prints it")
    again = verbs.add_parser(
        "pay-again", help="pay anew what a case had paid, the other node never had, and was adjusted"
    )
    again.add_argument("line", type=int, metavar="LINE", help="number of the difference, as `differences` prints it")
    again.add_argument("--why", required=True, help="the reason; kept")
    for verb in (fund, prepay, close, again, deeds):
        cli.add_node(verb)


def run(options: argparse.Namespace) -> int:
    """0 when the ledger took it; 1 with the reason when not."""
    from chuanyu.clearing.actions import ClearingError
    from chuanyu.core.money import MoneyError

    verbs: dict[str, Callable[[argparse.Namespace], int]] = {
        "fund": _fund, "prepay": _prepay, "close-account": _close, "pay-again": _again, "deeds": _deeds,
    }  # fmt: skip
    try:
        return verbs[options.verb](options)
    except (ClearingError, MoneyError) as error:
        print(error.text.en if isinstance(error, ClearingError) else error, file=sys.stderr)
        return 1
    except LookupError as error:
        raise cli.Stop(f"{str(error).strip(chr(39)).capitalize()}.") from None


def _fund(options: argparse.Namespace) -> int:
    from chuanyu.clearing import byhand

    deed = byhand.fund(
        agency=options.agency, service=options.service, amount=_amount(options), unit=options.unit,
        actor=_operator(options), why=options.why,
    )  # fmt: skip
    print(f"{_shown(deed)} into {options.agency}/{options.service}")
    return 0


def _prepay(options: argparse.Namespace) -> int:
    """The ledger is asked at once, so that a refusal is seen by whoever gave the command."""
    from chuanyu.clearing import byhand, posting
    from chuanyu.clearing.actions import refusal
    from chuanyu.identity.here import peer

    deed = byhand.prepay(
        service=options.service, payer=f"{options.at}/{options.agency}", payee=f"{peer()}/{options.agency}",
        amount=_amount(options), unit=options.unit, actor=_operator(options), why=options.why,
    )  # fmt: skip
    posting.work()
    status, reason = byhand.outcome(deed.transfer)  # type: ignore[arg-type]  # a prepayment has one
    if status == "refused":
        raise refusal(reason)
    waits = ", waits for the worker" if status == "waiting" else ""
    print(f"{_shown(deed)} to {deed.account}{waits}")
    return 0


def _close(options: argparse.Namespace) -> int:
    from chuanyu.clearing import byhand

    deed = byhand.close_account(
        agency=options.agency, service=options.service, account=options.account, actor=_operator(options),
        why=options.why,
    )  # fmt: skip
    print(f"{deed.account} is closed")
    return 0


def _again(options: argparse.Namespace) -> int:
    from chuanyu.clearing import byhand, posting
    from chuanyu.clearing.actions import refusal
    from chuanyu.clearing.models import Difference

    if not Difference.objects.filter(pk=options.line).exists():
        raise LookupError(f"there is no difference {options.line} here")
    deed = byhand.pay_again(difference=options.line, actor=_operator(options), why=options.why)
    posting.work()
    status, reason = byhand.outcome(deed.transfer)  # type: ignore[arg-type]
    if status == "refused":
        raise refusal(reason)
    print(f"{_shown(deed)} paid anew as {deed.transfer}")
    return 0


def _deeds(options: argparse.Namespace) -> int:
    from chuanyu.clearing import byhand
    from chuanyu.core.days import SHANGHAI

    for deed in byhand.deeds():
        amount = _shown(deed) if deed.amount else ""
        came = "" if deed.status == "posted" else f"  {deed.status} {deed.reason}".rstrip()
        at = deed.at.astimezone(SHANGHAI).isoformat(sep=" ", timespec="minutes")
        print(f"{at}  {deed.by}  {deed.what}  {deed.own}/{deed.service} {deed.account}  {amount}{came}  {deed.why}")
    return 0


def _shown(deed: Any) -> str:
    from chuanyu.clearing.statements import shown

    return f"{shown(deed.amount, deed.unit)} {deed.unit}"


def _amount(options: argparse.Namespace):  # type: ignore[no-untyped-def]  # Money, known once the node is set up
    from chuanyu.core.money import Money, MoneyError

    if options.unit == "CNY":
        return Money.parse(options.amount)
    if not options.amount.isascii() or not options.amount.isdigit() or len(options.amount) > 15:
        raise MoneyError(f"{options.amount[:40]!r} is not a whole number")
    return Money(int(options.amount))


def _operator(options: argparse.Namespace):  # type: ignore[no-untyped-def]
    from chuanyu.identity.actor import OPERATOR

    return OPERATOR(options.at)
