"""The ledger's functions as ledger.sql has them now, for ledgers that were made before. Owner and privileges stay."""

import re
from pathlib import Path

from django.db import migrations

SQL = (Path(__file__).parent.parent / "ledger.sql").read_text(encoding="utf-8")
FUNCTIONS = re.findall(r"^CREATE (FUNCTION .*?^(?:END \$\$|RETURN [^;]*);)$", SQL, re.DOTALL | re.MULTILINE)
REPLACED = "\n".join(f"CREATE OR REPLACE {each}" for each in FUNCTIONS)


class Migration(migrations.Migration):
    dependencies = (("clearing", "0006_orders"),)
    operations = (migrations.RunSQL(REPLACED, migrations.RunSQL.noop),)
