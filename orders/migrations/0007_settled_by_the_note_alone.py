"""Mark orders settled no more: the note of what must leave the cart is gone once it has left."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("orders", "0006_erased_users")]

    operations = [
        # The column and its index stay for processes of the release before, which read and write
        # them; they may be dropped when those have ended.
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.RemoveIndex("order", "order_unsettled"),
                migrations.RemoveField("order", "settled_at"),
            ]
        )
    ]
