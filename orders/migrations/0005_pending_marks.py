import django.contrib.postgres.fields
import django.contrib.postgres.indexes
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("orders", "0004_reused_payment_events"),
    ]

    operations = [
        migrations.AddField(
            model_name="order",
            name="marks",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(max_length=160),
                db_default=[],
                default=list,
                editable=False,
                size=None,
            ),
        ),
        migrations.AddIndex(
            model_name="order",
            index=django.contrib.postgres.indexes.GinIndex(
                condition=models.Q(("status", "PENDING")),
                fields=["marks"],
                name="order_pending_marks",
            ),
        ),
    ]
