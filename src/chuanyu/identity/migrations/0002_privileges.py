"""The node may add rows to the reveal log and read it; it can neither change nor remove them."""

from django.db import migrations

APPEND_ONLY = """
DO $$ BEGIN
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'chuanyu_node') THEN
    REVOKE ALL ON identity_reveal FROM chuanyu_node;
    GRANT SELECT, INSERT ON identity_reveal TO chuanyu_node;
  END IF;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("identity", "0001_initial")]
    operations = [migrations.RunSQL(APPEND_ONLY, migrations.RunSQL.noop)]
