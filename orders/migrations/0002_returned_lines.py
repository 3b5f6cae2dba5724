from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("orders", "0001_initial"),
    ]

    operations = [
        migrations.AddField(
            model_name="order",
            name="returned",
            field=models.JSONField(blank=True, null=True, verbose_name="returned to cart"),
        ),
        migrations.AddField(
            model_name="orderitem",
            name="selected",
            field=models.BooleanField(
                db_default=True, default=True, verbose_name="selected in the cart"
            ),
        ),
    ]
