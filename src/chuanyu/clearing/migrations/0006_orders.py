from django.db import migrations, models

# a line that fitted was its own agency's: what went out is the payer's, what came in the payee's
ACCOUNTS = """
UPDATE clearing_bankline b SET account = CASE b.direction WHEN 'out' THEN o.payer ELSE o.payee END
  FROM clearing_order o WHERE o.id = b.order_id
"""


class Migration(migrations.Migration):
    dependencies = [
        ("clearing", "0005_deeds"),
    ]

    operations = [
        migrations.AlterField(
            model_name="bankline",
            name="reference",
            field=models.CharField(help_text="the bank's own", max_length=64),
        ),
        migrations.AddField(
            model_name="bankline",
            name="account",
            field=models.CharField(
                blank=True,
                default="",
                help_text="whose: the order's agency of this node; blank: no order",
                max_length=64,
            ),
            preserve_default=False,
        ),
        migrations.AlterField(
            model_name="bankline",
            name="problem",
            field=models.CharField(
                blank=True,
                help_text="unknown_order | amount_differs | wrong_direction | twice | reference_used",
                max_length=32,
            ),
        ),
        migrations.RunSQL(ACCOUNTS, ""),
        migrations.AddConstraint(
            model_name="bankline",
            constraint=models.UniqueConstraint(
                fields=("reference", "number", "direction", "amount", "day"), name="bank_line_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="bankline",
            constraint=models.UniqueConstraint(
                condition=models.Q(("problem", "")), fields=("account", "day", "reference"), name="bank_reference_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="order",
            constraint=models.UniqueConstraint(fields=("window", "payer"), name="order_once"),
        ),
    ]
