"""List the products that were there before, some hundred at a time.

Each batch is a transaction of its own and holds only its products' rows, so that the shop goes on
selling meanwhile, and no statement comes near the time-out. Begun again, it goes on where it stopped.
"""

from django.db import migrations

BATCH = 500

NEXT_BATCH = """
SELECT coalesce(array_agg(id), '{}') FROM (
    SELECT id FROM products_product
    WHERE NOT EXISTS (SELECT FROM products_productlisting WHERE product_id = id)
    ORDER BY id LIMIT %s
) AS missing
"""


def list_products(apps, schema_editor):
    with schema_editor.connection.cursor() as cursor:
        while True:
            cursor.execute(NEXT_BATCH, [BATCH])
            [missing] = cursor.fetchone()
            if not missing:
                return
            cursor.execute("SELECT products_add_listings(%s)", [missing])


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("products", "0006_product_listings")]

    operations = [migrations.RunPython(list_products, migrations.RunPython.noop)]
