"""The totals of a day are read by their index: a year of settlements costs no more than its day."""

import os
from datetime import datetime, timedelta
from typing import Any

import psycopg
import pytest
from django.db import connection

from chuanyu.clearing import purses
from chuanyu.clearing.models import Instruction
from chuanyu.core import days

DAYS = 200
A_DAY = int(os.environ.get("CHUANYU_A_DAY", "100"))  # settlements of one agency, half of them paid to it
FILL = """
INSERT INTO clearing_instruction (id, "case", sequence, service, name, side, kind, payer, payee, source, target, amount, unit,
                                  cycle, status, reason, ended, at, settled)
SELECT gen_random_uuid(), gen_random_uuid(), 1, 'medical_settlement', 'fund_share',
       CASE n %% 2 WHEN 0 THEN 'payer' ELSE 'payee' END, 'plain',
       CASE n %% 2 WHEN 0 THEN 'chongqing/nhsa' ELSE 'sichuan/nhsa' END,
       CASE n %% 2 WHEN 0 THEN 'sichuan/nhsa' ELSE 'chongqing/nhsa' END,
       'fund', 'fund', 100, 'CNY', 'gross', 'posted', '', '', at.at, at.at
  FROM generate_series(0, %(n)s - 1) n,
       LATERAL (SELECT %(first)s::timestamptz + (n / %(day)s) * interval '1 day' + (n %% %(day)s) * interval '1 minute') at(at)
"""


@pytest.fixture
def year(transactional_db: None, owner: psycopg.Connection[Any]) -> datetime:
    """Half a year of settlements; the first morning."""
    first = datetime(2025, 1, 1, 8, tzinfo=days.SHANGHAI)
    with connection.cursor() as cursor:
        cursor.execute(FILL, {"n": DAYS * A_DAY, "first": first, "day": A_DAY})
    owner.execute("ANALYZE clearing_instruction")
    return first


def test_a_days_totals_are_read_by_the_index(year: datetime) -> None:
    midnight = datetime(2025, 5, 10, tzinfo=days.SHANGHAI)
    found = purses.movements("nhsa", midnight, midnight + timedelta(days=1))
    assert len(found) == A_DAY and {row.at.astimezone(days.SHANGHAI).date() for row in found} == {midnight.date()}
    told = purses.settled("nhsa", midnight, midnight + timedelta(days=1)).explain(analyze=True, buffers=True)
    assert "instruction_day_payer" in told and "instruction_day_payee" in told and "Seq Scan" not in told, told
    assert Instruction.objects.count() == DAYS * A_DAY
