"""A row that must wait for the ledger is not written before the ledger has answered, so none is ever held."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = (("exchange", "0003_forget"),)
    operations = (
        migrations.RemoveIndex(model_name="outbox", name="outbox_held"),
        migrations.RemoveField(model_name="outbox", name="held_by"),
    )
