"""Where sign-in limits and used one-time codes are counted: the table of Django's database cache.

Unlogged: after a crash it is empty, which costs nothing but the counts of the last minutes.
"""

from django.db import migrations

TABLE = """
CREATE UNLOGGED TABLE identity_cache (
  cache_key varchar(255) PRIMARY KEY,
  value text NOT NULL,
  expires timestamptz NOT NULL
);
CREATE INDEX identity_cache_expires ON identity_cache (expires);
"""


class Migration(migrations.Migration):
    dependencies = [("identity", "0002_privileges")]
    operations = [migrations.RunSQL(TABLE, "DROP TABLE identity_cache")]
