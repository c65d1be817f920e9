"""Answers to questions are blanked after an hour: which ones still hold something is asked every ten minutes."""

from django.db import migrations

# the condition is the one of the gateway's statement: only answers that still hold a document are in the index
SQL = """
CREATE INDEX answer_to_forget ON exchange_answer (at) WHERE substring(body, 1, 10) = '{"answers"'::bytea
"""


class Migration(migrations.Migration):
    dependencies = (("exchange", "0002_log"),)
    operations = (migrations.RunSQL(SQL, "DROP INDEX answer_to_forget"),)
