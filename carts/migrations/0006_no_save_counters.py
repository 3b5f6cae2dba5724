"""Count saves no more: carts that came from an older file are found by comparing them in turn."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("carts", "0005_erased_users")]

    operations = [
        # The table stays for processes of the release before, which cannot save without it; it may
        # be dropped when those have ended.
        migrations.SeparateDatabaseAndState(
            state_operations=[migrations.DeleteModel("SaveCounter")]
        )
    ]
