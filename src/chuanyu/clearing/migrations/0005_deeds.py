"""What is done with money by hand is written down; the node may add rows and read them, and can neither change nor remove them."""

from django.db import migrations, models

APPEND_ONLY = """
DO $$ BEGIN
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'chuanyu_node') THEN
    REVOKE ALL ON clearing_deed FROM chuanyu_node;
    GRANT SELECT, INSERT ON clearing_deed TO chuanyu_node;
  END IF;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("clearing", "0004_set_aside_and_day_totals"),
    ]

    operations = [
        migrations.CreateModel(
            name="Deed",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "what",
                    models.CharField(
                        choices=[("fund", "Fund"), ("prepay", "Prepay"), ("close", "Close"), ("again", "Again")],
                        max_length=8,
                    ),
                ),
                ("own", models.CharField(help_text='whose book: "chongqing/nhsa"', max_length=64)),
                ("service", models.CharField(max_length=64)),
                ("account", models.CharField(max_length=160)),
                ("transfer", models.UUIDField(help_text="what was posted, or is to be", null=True)),
                ("amount", models.BigIntegerField(default=0, help_text="in the unit's smallest part: fen")),
                ("unit", models.CharField(max_length=16)),
                ("by", models.CharField(max_length=160)),
                ("why", models.TextField()),
                ("at", models.DateTimeField(auto_now_add=True)),
            ],
            options={
                "indexes": [models.Index(fields=["own", "at"], name="deed_of_agency")],
            },
        ),
        migrations.RunSQL(APPEND_ONLY, migrations.RunSQL.noop),
    ]
