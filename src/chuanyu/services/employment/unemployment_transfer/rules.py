"""Decisions of the unemployment insurance transfer."""

from chuanyu.core.documents import Person
from chuanyu.core.money import Amount, Money
from chuanyu.core.outcomes import Outcome, accept, ask, elsewhere, hold, refuse
from chuanyu.core.parameters import Parameters
from chuanyu.core.rules import rule
from chuanyu.services.employment.unemployment_transfer.documents import Application, InsuranceRecord, Status


@rule(outcomes="accept refuse ask elsewhere")
def may_move(person: Person, application: Application, p: Parameters) -> Outcome:
    """The new place's review: the employed bring their relation, the jobless may bring it home (rsth-2021-85)."""
    if application.drawing_pension:
        return refuse("drawing_pension", "sil#51")
    if application.status is Status.employed:
        return accept("sil#52")
    household = application.household or person.household
    if household is None:
        return ask("household", "rsth-2021-85")
    if household[:2] + "0000" not in p.own_province:
        return elsewhere("claim_at_old_place", "rsth-2021-85")
    return accept("rsth-2021-85")


@rule(outcomes="accept refuse hold")
def may_hand_over(insurance_record: InsuranceRecord) -> Outcome:
    """The old place's review: contributions on record, nothing overpaid and open."""
    if insurance_record.paid_months == 0:
        return refuse("no_record", "sil#52")
    if insurance_record.drawn_while_employed > 0:
        return hold("drawn_while_employed", "sil#51")
    return accept("sil#52")


@rule(outcomes="value")
def benefit_months(insurance_record: InsuranceRecord, p: Parameters) -> int:
    """The longest benefit in months for the time paid; each band begins on its full year (Social Insurance Law, art. 46)."""
    if insurance_record.paid_months >= p.third_months:
        return int(p.third_benefit)
    if insurance_record.paid_months >= p.second_months:
        return int(p.second_benefit)
    if insurance_record.paid_months >= p.first_months:
        return int(p.first_benefit)
    return 0


@rule(outcomes="value")
def transfer_amount(application: Application, insurance_record: InsuranceRecord, p: Parameters) -> Amount | Money:
    """The benefit still to come, by the old place's rate, and half of it for medical aid and training (ldbz-8, art. 22).

    The relation alone moves, with 0 yuan, for the employed, those who left by their own will, those who paid for less
    than a year, and those who have drawn everything.
    """
    if application.status is Status.employed or insurance_record.left_by_own_will:
        return Money(0)
    left = max(0, benefit_months(insurance_record, p) - insurance_record.drawn_months)
    benefit: Money = p.monthly_benefit * left
    return benefit + benefit * p.extra_share
