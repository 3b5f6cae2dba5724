"""Images and attributes that hold other than texts are mended, before a constraint forbids them.

What is no text becomes the text of it, and null is left out: `images: [null]` was shown in carts, and
failed when it was ordered.
"""

from django.db import migrations

MEND_IMAGES = """
UPDATE products_product SET images = (
    SELECT coalesce(jsonb_agg(image #>> '{}' ORDER BY place), '[]')
    FROM jsonb_array_elements(images) WITH ORDINALITY AS each(image, place)
    WHERE image <> 'null'
)
WHERE jsonb_path_exists(images, 'strict $[*] ? (@.type() != "string")', '{}', true)
"""
MEND_ATTRIBUTES = """
UPDATE products_sku SET attributes = (
    SELECT coalesce(jsonb_object_agg(name, value #>> '{}'), '{}')
    FROM jsonb_each(attributes) AS each(name, value)
    WHERE value <> 'null'
)
WHERE jsonb_path_exists(attributes, 'strict $.* ? (@.type() != "string")', '{}', true)
"""


class Migration(migrations.Migration):
    dependencies = [("products", "0008_lists_from_listings")]

    operations = [
        migrations.RunSQL(MEND_IMAGES, migrations.RunSQL.noop),
        migrations.RunSQL(MEND_ATTRIBUTES, migrations.RunSQL.noop),
    ]
