"""Events of one day are found by when they were stored: what a clerk did today, how an agency keeps its terms."""

import django.contrib.postgres.indexes
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("cases", "0003_many"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="event",
            index=django.contrib.postgres.indexes.BrinIndex(autosummarize=True, fields=["stored"], name="event_day"),
        ),
    ]
