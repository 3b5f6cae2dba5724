"""An order's line has room for the name that a product may have."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("orders", "0007_settled_by_the_note_alone"),
    ]

    operations = [
        migrations.AlterField(
            model_name="orderitem",
            name="name",
            field=models.CharField(max_length=255, verbose_name="name"),
        ),
    ]
