"""Cases to count, written as they would have come to be: state, end and event, without walking the procedure."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from chuanyu.cases import declarations
from chuanyu.cases.models import Case, Event
from chuanyu.core import days
from chuanyu.core.catalogue import catalogue
from chuanyu.identity.here import here, peer
from chuanyu.watch import queries

Write = Callable[..., None]


@pytest.fixture(autouse=True)
def _anew() -> Iterator[None]:
    queries.forget()
    yield
    queries.forget()


@pytest.fixture
def write(db: None) -> Write:
    """`write(7, state="refused", reason="…", origin="511602", filed=day, took=30)`: that many cases.

    `walked`: the states they were in, each with the day (counted from filing) on which it was entered.
    """

    def write(
        count: int,
        *,
        service: str = "pension_transfer",
        state: str = "closed",
        reason: str = "",
        origin: str = "",
        at: str = "",
        filed: datetime | None = None,
        took: int = 10,
        walked: tuple[tuple[int, str], ...] = (),
    ) -> None:
        declaration = declarations.keep(catalogue()[service])
        procedure = declarations.procedure(declaration)
        began = filed or datetime.now(days.SHANGHAI) - timedelta(days=90)
        final = procedure.states[state].final
        node = at or here()
        other = peer() if node == here() else here()
        for _ in range(count):
            id_ = uuid4()
            case = Case.objects.create(
                id=id_,
                reference=f"T{id_.hex[:20]}",
                service=service,
                declaration_id=declaration,
                person=uuid4(),
                parties={"receiving": f"{node}/hrss", "sending": f"{other}/hrss"},
                filed_at=node,
                origin=origin,
                filed=began,
                state=state,
                final=final,
                owner="" if final else f"{node}/hrss",
                since=began + timedelta(days=took) if final else began,
                sequence=2,
                head="",
            )
            body = {"outcome": {"outcome": "refuse", "reason": reason}} if reason else {}
            Event.objects.create(case=case, sequence=len(walked) + 2, hash="", body=body)
            for sequence, (day, target) in enumerate(walked, start=1):
                at = (began + timedelta(days=day)).astimezone(UTC).isoformat(timespec="milliseconds")
                Event.objects.create(case=case, sequence=sequence, hash="", body={"at": at, "target": target})

    return write
