"""Which accounts of a book a movement touches. Pure names; the poster opens them on first use.

A payer's book                              A payee's book
  fund              floor 0                   fund              floor 0
  person/<uuid>     floor 0                   person/<uuid>     floor 0: the applicant's, or a holder's
  prepaid/<payee>   floor 0, lies with them   prepayment/<payer>  the payer's floor guards it
  due_to/<payee>    what we owe               due_from/<payer>  what they owe
  topup/<payee>     what the prepayment lacks returns/<payer>   what a reversal took and the target did not have
  bank              the outside world         bank, treasury    the outside world
"""

from dataclasses import dataclass

FUND, PREPAYMENT, BANK, TREASURY = "fund", "prepayment", "bank", "treasury"
OUTSIDE = (BANK, TREASURY)
MOST = 10**15  # that one transfer may move, in the unit's smallest part; ledger.post insists
# accounts that only postings between the nodes and their settlement may touch
BETWEEN = ("due_to/", "due_from/", "prepaid/", "prepayment/", "topup/", "returns/")
PERSON = "person/"
CANNOT_LEND = ("prepaid/", PERSON)


@dataclass(frozen=True)
class Leg:
    """One account to debit or credit: `name` in its book, and its floor if it is not there yet (None: no limit)."""

    name: str
    floor: int | None


def leg(base: str, unit: str) -> Leg:
    """An account by its base name. Each account has one unit: another one than CNY stands in the name ("fund:points")."""
    floor = 0 if base == FUND or base.startswith(CANNOT_LEND) else None
    return Leg(base if unit == "CNY" else f"{base}:{unit}", floor)


def paid(*, payee: str, source: str, unit: str) -> tuple[Leg, Leg]:
    """(debit, credit) in the payer's book: from the fund, a person or the prepayment, to what is owed."""
    if source == PREPAYMENT:
        return leg(f"prepaid/{payee}", unit), leg(f"topup/{payee}", unit)
    return leg(source, unit), leg(f"due_to/{payee}", unit)


def debited(*, payer: str, payee: str, source: str, unit: str) -> Leg:
    """What a payment takes the money from, in the payer's book."""
    return leg(source, unit) if payer == payee else paid(payee=payee, source=source, unit=unit)[0]


def received(*, payer: str, source: str, target: str, unit: str) -> tuple[Leg, Leg]:
    """(debit, credit) in the payee's book. A claim has no floor: what the payer has posted can always be mirrored."""
    claim = f"prepayment/{payer}" if source == PREPAYMENT else f"due_from/{payer}"
    return leg(claim, unit), leg(target, unit)


def returned(*, payer: str, unit: str) -> Leg:
    """What a mirrored reversal debits, so that it can't be refused when the target has spent the money meanwhile."""
    return leg(f"returns/{payer}", unit)


def nameless(account: str) -> str:
    """An account as those may read it who answer for the book but not for the person: whose it is stays out of it."""
    return PERSON.rstrip("/") if account.startswith(PERSON) else account
