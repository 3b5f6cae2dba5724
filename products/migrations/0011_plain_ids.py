"""Products and SKUs have ids which the API takes: others were listed, and could not be added to a cart.

Where such rows exist, the migration stops and names them. Nothing can have been sold of them by a
storefront; give them other ids, or delete them.
"""

import cuid2.generator
from django.db import migrations, models

from products.bounds import ID_PATTERN
from products.fields import validate_id


class RowsInTheWay(Exception):
    """Rows must be changed by hand before the migration can go on."""


def refuse_other_ids(apps, schema_editor):
    for name in ("Product", "Sku"):
        rows = apps.get_model("products", name).objects.exclude(id__regex=ID_PATTERN)
        if ids := list(rows.values_list("id", flat=True)[:20]):
            raise RowsInTheWay(f"{name}: ids have letters a to z, digits and hyphens alone: {ids}")


def field():
    return models.CharField(
        default=cuid2.generator.create_id,
        editable=False,
        max_length=32,
        primary_key=True,
        serialize=False,
        validators=[validate_id],
    )


class Migration(migrations.Migration):
    dependencies = [("products", "0010_texts_in_order")]

    operations = [
        migrations.RunPython(refuse_other_ids, migrations.RunPython.noop),
        migrations.AlterField(model_name="product", name="id", field=field()),
        migrations.AlterField(model_name="sku", name="id", field=field()),
        migrations.AddConstraint(
            model_name="product",
            constraint=models.CheckConstraint(
                name="product_id_plain", condition=models.Q(id__regex=ID_PATTERN)
            ),
        ),
        migrations.AddConstraint(
            model_name="sku",
            constraint=models.CheckConstraint(
                name="sku_id_plain", condition=models.Q(id__regex=ID_PATTERN)
            ),
        ),
    ]
