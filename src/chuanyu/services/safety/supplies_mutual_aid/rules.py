"""Decisions about supplies lent across the border: use first, settle later."""

from chuanyu.core.money import Money
from chuanyu.core.outcomes import Outcome, accept, ask, refuse
from chuanyu.core.rules import rule
from chuanyu.services.safety.supplies_mutual_aid.documents import (
    Inspection,
    Loan,
    Request,
    Return,
    Settlement,
    Stock,
)


@rule(outcomes="accept refuse ask", on="event")
def may_lend(request: Request, stock: Stock) -> Outcome:
    """Lent is what is above the lender's own reserve; the rest of the request is refused."""
    if stock.kind is not request.kind:
        return ask("other_kind", "yf-law")
    if free_stock(stock) == 0:
        return refuse("nothing_free", "yf-law")
    return accept("yf-law")


@rule(outcomes="value", on="event")
def free_stock(stock: Stock) -> int:
    """What may be lent: the stock above the lender's own reserve."""
    return max(0, stock.stock - stock.floor)


@rule(outcomes="value", on="event")
def loan(request: Request, stock: Stock) -> Loan:
    """As many as asked for, or as many as are free; what is short is said."""
    lent = min(request.quantity, free_stock(stock))
    return Loan(kind=request.kind, lent=lent, short=request.quantity - lent, book_value=stock.book_value)


@rule(outcomes="accept ask", on="event")
def may_give_back(loan: Loan, back: Return) -> Outcome:
    """Nobody brings back more than was lent."""
    if back.returned + back.replaced > loan.lent:
        return ask("more_than_lent", "huji")
    return accept("huji")


@rule(outcomes="accept ask", on="event")
def may_settle(back: Return, inspection: Inspection) -> Outcome:
    """No more can be fit than came."""
    if inspection.fit > back.returned + back.replaced:
        return ask("more_than_came", "huji")
    return accept("huji")


@rule(outcomes="value", on="event")
def settlement(loan: Loan, inspection: Inspection) -> Settlement:
    """What did not come back, or is not fit, at book value."""
    missing = max(0, loan.lent - inspection.fit)
    return Settlement(
        lent=loan.lent,
        fit=inspection.fit,
        missing=missing,
        book_value=loan.book_value,
        owed=loan.book_value * missing,
    )


@rule(outcomes="value", on="event")
def owed(settlement: Settlement) -> Money:
    """What the borrowing side pays."""
    return settlement.owed
