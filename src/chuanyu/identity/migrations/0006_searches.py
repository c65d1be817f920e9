"""Searches for people by number are written down; the node may add rows and read them, and can neither change nor remove them."""

import django.db.models.deletion
from django.db import migrations, models

APPEND_ONLY = """
DO $$ BEGIN
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'chuanyu_node') THEN
    REVOKE ALL ON identity_search FROM chuanyu_node;
    GRANT SELECT, INSERT ON identity_search TO chuanyu_node;
  END IF;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("identity", "0005_looks_by_day")]
    operations = [
        migrations.CreateModel(
            name="Search",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("actor", models.CharField(max_length=200)),
                ("purpose", models.CharField(max_length=100)),
                ("at", models.DateTimeField(auto_now_add=True)),
                (
                    "person",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="searches",
                        to="identity.person",
                    ),
                ),
            ],
            options={"indexes": [models.Index(fields=["actor", "at"], name="search_by_actor")]},
        ),
        migrations.RunSQL(APPEND_ONLY, migrations.RunSQL.noop),
    ]
