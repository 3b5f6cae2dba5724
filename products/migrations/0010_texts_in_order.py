"""Images and attributes hold texts alone, and attributes stay in the order they were typed in."""

from django.db import migrations, models
from django.db.models.lookups import Exact

from products.fields import HasOtherThanTexts, JSONType, OrderedJSONField, validate_attributes

ARE_AN_OBJECT = models.CheckConstraint(
    name="sku_attributes_are_an_object",
    condition=Exact(JSONType(models.F("attributes")), models.Value("object")),
)


class Migration(migrations.Migration):
    dependencies = [("products", "0009_mend_texts")]

    operations = [
        migrations.RemoveConstraint(model_name="sku", name=ARE_AN_OBJECT.name),
        migrations.AlterField(
            model_name="sku",
            name="attributes",
            field=OrderedJSONField(
                blank=True,
                default=dict,
                help_text='What tells it from its siblings, such as {"颜色": "白"}.',
                validators=[validate_attributes],
                verbose_name="attributes",
            ),
        ),
        migrations.AddConstraint(model_name="sku", constraint=ARE_AN_OBJECT),
        migrations.AddConstraint(
            model_name="product",
            constraint=models.CheckConstraint(
                name="product_images_are_texts",
                condition=Exact(
                    HasOtherThanTexts(models.F("images"), members="$[*]"), models.Value(False)
                ),
            ),
        ),
        migrations.AddConstraint(
            model_name="sku",
            constraint=models.CheckConstraint(
                name="sku_attributes_are_texts",
                condition=Exact(
                    HasOtherThanTexts(models.F("attributes"), members="$.*"), models.Value(False)
                ),
            ),
        ),
    ]
