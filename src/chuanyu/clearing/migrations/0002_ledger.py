"""The ledger's tables and functions, as ledger.sql has them."""

from pathlib import Path

from django.db import migrations

SQL = (Path(__file__).parent.parent / "ledger.sql").read_text(encoding="utf-8")


class Migration(migrations.Migration):
    dependencies = (("clearing", "0001_initial"),)
    operations = (migrations.RunSQL(SQL, "DROP SCHEMA ledger CASCADE"),)
