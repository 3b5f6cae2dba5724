"""Lines of SKUs whose stock is not tracked took none, and give none back."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("orders", "0008_longer_names"),
    ]

    operations = [
        migrations.AddField(
            model_name="orderitem",
            name="took_stock",
            field=models.BooleanField(
                db_default=True, default=True, verbose_name="taken from stock"
            ),
        ),
    ]
