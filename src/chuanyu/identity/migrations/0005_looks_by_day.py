"""Looks of one day are found by when they happened."""

import django.contrib.postgres.indexes
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("identity", "0004_residents"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="agency",
            options={"ordering": ("node", "id")},
        ),
        migrations.AddIndex(
            model_name="reveal",
            index=django.contrib.postgres.indexes.BrinIndex(autosummarize=True, fields=["at"], name="reveal_day"),
        ),
    ]
