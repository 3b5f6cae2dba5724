"""What other systems know of goods: their own ids, barcodes, rules of quantity, translations.

A code and an external id are unique among what is not deleted, so that they may be used again.
Columns have defaults in the database: servers of the release before write rows without them.
"""

import django.core.validators
import django.db.models.lookups
from django.db import migrations, models

import products.fields

# A column that a trigger names cannot change meanwhile.
DROP_TRIGGER = "DROP TRIGGER refuse_revision_change ON products_skurevision"
CREATE_TRIGGER = """
CREATE TRIGGER refuse_revision_change BEFORE UPDATE ON products_skurevision
FOR EACH ROW WHEN (
    NEW.created_at > OLD.created_at
    OR (NEW.id, NEW.sku_id, NEW.name, NEW.image, NEW.price)
        IS DISTINCT FROM (OLD.id, OLD.sku_id, OLD.name, OLD.image, OLD.price)
) EXECUTE FUNCTION products_refuse_revision_change()
"""


class Migration(migrations.Migration):
    dependencies = [
        ("products", "0013_restorable"),
    ]

    operations = [
        migrations.AddField(
            model_name="merchant",
            name="external_id",
            field=models.CharField(
                blank=True,
                help_text="The id in the shop's own system, by which imports find it again.",
                max_length=128,
                null=True,
                verbose_name="external id",
            ),
        ),
        migrations.AddField(
            model_name="product",
            name="external_id",
            field=models.CharField(
                blank=True,
                help_text="The id in the shop's own system, by which imports find it again.",
                max_length=128,
                null=True,
                verbose_name="external id",
            ),
        ),
        migrations.AddField(
            model_name="product",
            name="translations",
            field=models.JSONField(
                blank=True,
                db_default=models.Value({}, output_field=models.JSONField()),
                default=dict,
                validators=[products.fields.validate_translations],
                verbose_name="translations",
            ),
        ),
        migrations.AddField(
            model_name="sku",
            name="barcode",
            field=models.CharField(
                blank=True,
                db_default="",
                default="",
                help_text="GTIN, EAN, UPC or ISBN.",
                max_length=64,
                verbose_name="barcode",
            ),
        ),
        migrations.AddField(
            model_name="sku",
            name="external_id",
            field=models.CharField(
                blank=True,
                help_text="The id in the shop's own system, by which imports find it again.",
                max_length=128,
                null=True,
                verbose_name="external id",
            ),
        ),
        migrations.AddField(
            model_name="sku",
            name="min_quantity",
            field=models.IntegerField(
                blank=True,
                help_text="The fewest units of a line; empty for one.",
                null=True,
                validators=[
                    django.core.validators.MinValueValidator(1),
                    django.core.validators.MaxValueValidator(9999),
                ],
                verbose_name="minimum quantity",
            ),
        ),
        migrations.AddField(
            model_name="sku",
            name="quantity_step",
            field=models.IntegerField(
                blank=True,
                help_text="By how many units a line grows above its minimum; empty for one.",
                null=True,
                validators=[
                    django.core.validators.MinValueValidator(1),
                    django.core.validators.MaxValueValidator(9999),
                ],
                verbose_name="quantity step",
            ),
        ),
        migrations.AddField(
            model_name="sku",
            name="tracks_stock",
            field=models.BooleanField(
                db_default=True,
                default=True,
                help_text="Without it the SKU is never out of stock, and orders take none.",
                verbose_name="tracks stock",
            ),
        ),
        migrations.AlterField(
            model_name="product",
            name="name",
            field=models.CharField(max_length=255, verbose_name="name"),
        ),
        migrations.AlterField(
            model_name="productlisting",
            name="name",
            field=models.CharField(max_length=255),
        ),
        migrations.AlterField(
            model_name="sku",
            name="code",
            field=models.CharField(
                max_length=64, validators=[products.fields.validate_code], verbose_name="code"
            ),
        ),
        migrations.RunSQL(DROP_TRIGGER, CREATE_TRIGGER),
        migrations.AlterField(
            model_name="skurevision",
            name="name",
            field=models.CharField(max_length=255, verbose_name="name"),
        ),
        migrations.RunSQL(CREATE_TRIGGER, DROP_TRIGGER),
        migrations.AddIndex(
            model_name="product",
            index=models.Index(fields=["updated_at"], name="product_by_change"),
        ),
        migrations.AddIndex(
            model_name="sku",
            index=models.Index(fields=["updated_at"], name="sku_by_change"),
        ),
        migrations.AddConstraint(
            model_name="merchant",
            constraint=models.UniqueConstraint(
                fields=("external_id",), name="merchant_external_id_unique"
            ),
        ),
        migrations.AddConstraint(
            model_name="product",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    django.db.models.lookups.Exact(
                        products.fields.JSONType(models.F("translations")), models.Value("object")
                    ),
                    django.db.models.lookups.Exact(
                        products.fields.HasOtherThanObjects(
                            models.F("translations"), members="$.*"
                        ),
                        models.Value(False),
                    ),
                ),
                name="product_translations_are_objects",
            ),
        ),
        migrations.AddConstraint(
            model_name="product",
            constraint=models.UniqueConstraint(
                condition=models.Q(("is_deleted", False)),
                fields=("external_id",),
                name="product_external_id_unique",
            ),
        ),
        migrations.AddConstraint(
            model_name="sku",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("min_quantity__isnull", True),
                        ("min_quantity__range", (1, 9999)),
                        _connector="OR",
                    ),
                    models.Q(
                        ("quantity_step__isnull", True),
                        ("quantity_step__range", (1, 9999)),
                        _connector="OR",
                    ),
                ),
                name="sku_quantity_rule_bounded",
            ),
        ),
        migrations.AddConstraint(
            model_name="sku",
            constraint=models.UniqueConstraint(
                condition=models.Q(("is_deleted", False)),
                fields=("code",),
                name="sku_code_unique",
                violation_error_message="Another SKU has this code.",
            ),
        ),
    ]
