"""What a node does by itself: when, and after what."""

from datetime import datetime
from uuid import uuid4

import pytest

from chuanyu.cases import declarations, steps
from chuanyu.cases.models import Case
from chuanyu.core.catalogue import catalogue
from chuanyu.core.days import SHANGHAI
from chuanyu.identity.here import here, peer


@pytest.mark.parametrize("service", ["chronic_outpatient", "medical_settlement"])
def test_a_settlement_can_be_reversed_on_the_day_it_was_paid_though_it_was_computed_before(
    service: str, db: None
) -> None:
    declaration = declarations.keep(catalogue()[service])
    paid = datetime(2025, 6, 11, 9, 30, tzinfo=SHANGHAI)
    case = Case.objects.create(
        id=uuid4(), reference="T-1", service=service, declaration_id=declaration, person=uuid4(),
        parties={"care_place": f"{here()}/nhsa", "insured_place": f"{peer()}/nhsa"}, filed_at=here(),
        filed=datetime(2025, 6, 10, 17, tzinfo=SHANGHAI), state="settled", owner=f"{here()}/nhsa",
        since=paid, received=paid, sequence=5, head="",
    )  # fmt: skip
    close = declarations.procedure(declaration).states["settled"].does["close"]
    stands = datetime(2025, 6, 12, tzinfo=SHANGHAI)
    for now in (paid, stands):  # asked again at that moment, it is the same
        assert steps.moment(case, close, now) == stands
