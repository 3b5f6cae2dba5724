"""Make the cards and listings that were there before anew, some hundred products at a time.

Each batch is a transaction of its own and holds only its products' rows, so that the shop goes on
selling meanwhile, and no statement comes near the time-out. From then on nobody else writes there.
"""

from django.db import migrations, transaction

BATCH = 200

NEXT_BATCH = """
SELECT coalesce(array_agg(id ORDER BY id), '{}') FROM (
    SELECT id FROM products_product WHERE id > %s ORDER BY id LIMIT %s
) AS batch
"""
# Locked in the order of all who change the catalogue.
LOCK_PRODUCTS = "SELECT FROM products_product WHERE id = ANY(%s) ORDER BY id FOR SHARE"
LOCK_SKUS = "SELECT FROM products_sku WHERE product_id = ANY(%s) ORDER BY id FOR NO KEY UPDATE"
RENEW_CARDS = "UPDATE products_sku SET card = NULL WHERE product_id = ANY(%s)"
DESCRIBE = "SELECT products_describe_listings(%s)"

IGNORE_OTHERS = """
CREATE TRIGGER ignore_words_write BEFORE INSERT OR UPDATE OR DELETE ON products_productwords
FOR EACH ROW WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION products_ignore_listing_write()
"""


def renew(apps, schema_editor):
    last = ""
    while batch := _renew_batch(schema_editor.connection, last):
        last = batch[-1]


def _renew_batch(connection, last):
    with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
        cursor.execute(NEXT_BATCH, [last, BATCH])
        [batch] = cursor.fetchone()
        if batch:
            for statement in (LOCK_PRODUCTS, LOCK_SKUS, RENEW_CARDS, DESCRIBE):
                cursor.execute(statement, [batch])
        return batch


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("products", "0015_translated_cards_and_codes_found")]

    operations = [
        migrations.RunPython(renew, migrations.RunPython.noop),
        migrations.RunSQL(
            IGNORE_OTHERS, "DROP TRIGGER ignore_words_write ON products_productwords"
        ),
    ]
