"""Prices end at 9,999,999.99, so that every total is exact in JSON; stock has room for all returns.

A stock near the column's end could not take back the units of a cancelled order. Where a price is higher
the migration stops and names the SKU.
"""

from decimal import Decimal

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import migrations, models
from django.db.models import Q

MAX_PRICE = Decimal("9999999.99")


class RowsInTheWay(Exception):
    """Rows must be changed by hand before the migration can go on."""


def refuse_higher_prices(apps, schema_editor):
    skus = apps.get_model("products", "Sku").objects
    dear = skus.filter(Q(price__gt=MAX_PRICE) | Q(original_price__gt=MAX_PRICE))
    if codes := list(dear.values_list("code", flat=True)[:20]):
        raise RowsInTheWay(f"prices are at most {MAX_PRICE}; SKUs with higher ones: {codes}")


def price(**options):
    return models.DecimalField(
        decimal_places=2,
        max_digits=12,
        validators=[MinValueValidator(0), MaxValueValidator(MAX_PRICE)],
        **options,
    )


class Migration(migrations.Migration):
    dependencies = [("products", "0011_plain_ids")]

    operations = [
        migrations.RunPython(refuse_higher_prices, migrations.RunPython.noop),
        migrations.AlterField(model_name="sku", name="price", field=price(verbose_name="price")),
        migrations.AlterField(
            model_name="sku",
            name="original_price",
            field=price(
                blank=True,
                help_text="Shown struck through beside the price.",
                null=True,
                verbose_name="original price",
            ),
        ),
        migrations.AlterField(
            model_name="sku",
            name="stock",
            field=models.BigIntegerField(
                default=0,
                validators=[MinValueValidator(0), MaxValueValidator(1_000_000_000)],
                verbose_name="stock",
            ),
        ),
        migrations.AlterField(
            model_name="stockchange",
            name="before",
            field=models.BigIntegerField(verbose_name="stock before"),
        ),
        migrations.AlterField(
            model_name="stockchange",
            name="after",
            field=models.BigIntegerField(verbose_name="stock after"),
        ),
        migrations.AddConstraint(
            model_name="sku",
            constraint=models.CheckConstraint(
                name="sku_price_bounded", condition=Q(price__lte=MAX_PRICE)
            ),
        ),
        migrations.AddConstraint(
            model_name="sku",
            constraint=models.CheckConstraint(
                name="sku_original_price_bounded",
                condition=Q(original_price__isnull=True) | Q(original_price__lte=MAX_PRICE),
            ),
        ),
    ]
