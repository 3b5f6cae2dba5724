from typing import Any

from django.db import migrations, models


def forget_reuses(apps: Any, schema_editor: Any) -> None:
    """Delete what the earlier schema, of one row an event, has no place for."""
    apps.get_model("orders", "Payment").objects.filter(flag="event_reused").delete()


class Migration(migrations.Migration):
    dependencies = [("orders", "0003_amounts_bounded")]

    operations = [
        migrations.RemoveConstraint(model_name="payment", name="payment_flag_known"),
        migrations.AlterField(
            model_name="payment",
            name="event_id",
            field=models.CharField(max_length=128, verbose_name="event"),
        ),
        migrations.AlterField(
            model_name="payment",
            name="flag",
            field=models.CharField(
                blank=True,
                choices=[
                    ("", "In order"),
                    ("unknown_order", "Unknown order"),
                    ("wrong_amount", "Wrong amount"),
                    ("wrong_currency", "Wrong currency"),
                    ("order_cancelled", "Order was cancelled"),
                    ("already_paid", "Order was paid already"),
                    ("event_reused", "Event told of another payment before"),
                ],
                default="",
                max_length=20,
                verbose_name="flag",
            ),
        ),
        migrations.AddConstraint(
            model_name="payment",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("flag", ""),
                    (
                        "flag__in",
                        [
                            "unknown_order",
                            "wrong_amount",
                            "wrong_currency",
                            "order_cancelled",
                            "already_paid",
                            "event_reused",
                        ],
                    ),
                    _connector="OR",
                ),
                name="payment_flag_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="payment",
            constraint=models.UniqueConstraint(
                condition=models.Q(("flag", "event_reused"), _negated=True),
                fields=("event_id",),
                name="payment_of_event",
            ),
        ),
        migrations.AddConstraint(
            model_name="payment",
            constraint=models.UniqueConstraint(
                fields=("event_id", "order_reference", "amount", "currency"),
                name="payment_told_once",
            ),
        ),
        migrations.RunPython(migrations.RunPython.noop, forget_reuses),
    ]
