"""Where the person of a case is registered, for flows between the provinces."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("cases", "0001_initial")]

    operations = [
        migrations.AddField(
            model_name="case",
            name="origin",
            field=models.CharField(
                blank=True,
                default="",
                help_text="county of the household registration, known where it was filed; a province elsewhere; for flows only",
                max_length=6,
            ),
        ),
    ]
