"""Decisions of the provident fund transfer. The day that counts is the day of the act: both places look at their records then."""

from datetime import date

from chuanyu.core.money import Money
from chuanyu.core.outcomes import Outcome, accept, ask, hold, refuse
from chuanyu.core.parameters import Parameters
from chuanyu.core.rules import rule
from chuanyu.services.living.provident_fund_transfer.documents import Joined, Moved, NewAccount, OldAccount


@rule(outcomes="accept refuse", on="event")
def may_transfer(p: Parameters, new_account: NewAccount | None = None) -> Outcome:
    """The new place's review: an account there, paid for half a year (jj-2014-148)."""
    if new_account is None:
        return refuse("no_account_here", "jj-2014-148")
    if new_account.months < p.least_months:
        return refuse("too_short", "jj-2014-148")
    return accept("jj-2014-148")


@rule(outcomes="accept refuse ask hold", on="event")
def may_release(old_account: OldAccount, moved: Moved | None = None) -> Outcome:
    """The old place's review: an account, not moved already, no loan on it, not frozen, and sealed (jj-2014-148)."""
    if not old_account.months and not old_account.balance:
        return refuse("no_account_there", "jj-2014-148")
    if moved is not None and (moved.balance, moved.months) == (old_account.balance, old_account.months):
        return refuse("moved_already", "jj-platform")
    if old_account.loan:
        return refuse("loan", "jj-2014-148")
    if old_account.frozen:
        return hold("frozen", "jj-2014-148")
    if not old_account.sealed:
        return ask("seal", "jj-2014-148")
    return accept("jj-2014-148")


@rule(outcomes="value", on="event")
def transfer_amount(old_account: OldAccount) -> Money:
    """The whole account: the balance and the interest accrued up to the transfer (jj-2014-148)."""
    return old_account.balance + old_account.interest


@rule(outcomes="value", on="event")
def moved(old_account: OldAccount, day: date) -> Moved:
    """What left the old place, for its own register: nobody moves it twice."""
    return Moved(balance=old_account.balance, interest=old_account.interest, months=old_account.months, moved_on=day)


@rule(outcomes="value", on="event")
def joined(new_account: NewAccount, old_account: OldAccount) -> Joined:
    """What arrived, and the months of both places: they count together for a loan (jj-2014-148)."""
    return Joined(moved=old_account.balance + old_account.interest, months=total_months(new_account, old_account))


@rule(outcomes="value", on="event")
def total_months(new_account: NewAccount, old_account: OldAccount) -> int:
    """Months paid at both places."""
    return old_account.months + new_account.months
