from decimal import Decimal

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("orders", "0002_returned_lines")]

    operations = [
        migrations.AddConstraint(
            model_name="order",
            constraint=models.CheckConstraint(
                condition=models.Q(("total_amount__lte", Decimal("70368744177664.00"))),
                name="order_total_bounded",
            ),
        ),
        migrations.AddConstraint(
            model_name="payment",
            constraint=models.CheckConstraint(
                condition=models.Q(("amount__lte", Decimal("70368744177664.00"))),
                name="payment_amount_bounded",
            ),
        ),
    ]
