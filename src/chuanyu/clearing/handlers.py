"""Where cases tell clearing what to do with the ledger's answers. Clearing imports no cases: they register here.

@settled
def money_settled(transfer: Transfer) -> None: ...
"""

from collections.abc import Callable

from chuanyu.clearing.queries import Transfer

Handler = Callable[[Transfer], None]
_settled: list[Handler] = []
_expired: list[Handler] = []


def settled(handler: Handler) -> Handler:
    """Register `handler(transfer)` for transfers of cases; it runs in the transaction that stores the ledger's answer."""
    _settled.append(handler)
    return handler


def expired(handler: Handler) -> Handler:
    """Register `handler(transfer)` for a case's reservation that ran out of time; it runs when that is stored."""
    _expired.append(handler)
    return handler


def tell_settled(transfer: Transfer) -> None:
    """For the poster."""
    for handler in _settled:
        handler(transfer)


def tell_expired(transfer: Transfer) -> None:
    """For the poster."""
    for handler in _expired:
        handler(transfer)
