from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("cases", "0005_automatic"),
    ]

    operations = [
        migrations.AddField(
            model_name="attachment",
            name="actor",
            field=models.CharField(
                blank=True, db_default="", default="", help_text="who added it, at this node", max_length=160
            ),
        ),
        migrations.AddField(
            model_name="attachment",
            name="removed",
            field=models.DateTimeField(
                help_text="when who added it took it back, before any event: its bytes are gone, that it was there is not",
                null=True,
            ),
        ),
    ]
