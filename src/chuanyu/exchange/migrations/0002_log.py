"""The append-only log: the node reads it and appends by one function, as log.sql has it."""

from pathlib import Path

from django.db import migrations

SQL = (Path(__file__).parent.parent / "log.sql").read_text(encoding="utf-8")


class Migration(migrations.Migration):
    dependencies = (("exchange", "0001_first"),)
    operations = (migrations.RunSQL(SQL, "DROP FUNCTION exchange_append"),)
