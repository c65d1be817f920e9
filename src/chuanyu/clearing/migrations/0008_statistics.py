"""How closely, and how often, the server looks at the ledger's two long tables, for ledgers that were made before."""

import re
from pathlib import Path

from django.db import migrations

SQL = (Path(__file__).parent.parent / "ledger.sql").read_text(encoding="utf-8")
ALTERED = re.findall(r"^ALTER TABLE ledger\.[^;]*;$", SQL, re.DOTALL | re.MULTILINE)


class Migration(migrations.Migration):
    dependencies = (("clearing", "0007_functions"),)
    operations = (migrations.RunSQL("\n".join(ALTERED), migrations.RunSQL.noop),)
