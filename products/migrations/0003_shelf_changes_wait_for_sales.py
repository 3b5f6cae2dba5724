"""Taking a product off shelf, or deleting it, waits for the sales of its SKUs that are under way.

A sale locks SKUs, not products: bulk changes of products, which lock them in any order, would
deadlock with it. So a change of what the sale has read of the product locks the SKUs as well, in
id order as sales do.
"""

from importlib import import_module

from django.db import migrations

LOCK_SKUS_OF_CHANGED_PRODUCTS = """
CREATE OR REPLACE FUNCTION products_renew_sku_revisions() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    changed text[] := ARRAY(
        SELECT id FROM new_products AS after JOIN old_products AS before USING (id)
        WHERE (after.name, after.images->>0) IS DISTINCT FROM (before.name, before.images->>0)
    );
    moved text[] := ARRAY(
        SELECT id FROM new_products AS after JOIN old_products AS before USING (id)
        WHERE (after.status, after.is_deleted) IS DISTINCT FROM (before.status, before.is_deleted)
    );
BEGIN
    IF cardinality(changed || moved) = 0 THEN
        RETURN NULL;
    END IF;
    PERFORM 1 FROM products_sku WHERE product_id = ANY(changed || moved)
    ORDER BY id FOR NO KEY UPDATE;
    UPDATE products_sku SET revision = NULL WHERE product_id = ANY(changed);
    RETURN NULL;
END
$$
"""

_before = import_module("products.migrations.0002_sku_revisions").RENEW_SKU_REVISIONS


class Migration(migrations.Migration):
    dependencies = [("products", "0002_sku_revisions")]

    operations = [
        migrations.RunSQL(
            LOCK_SKUS_OF_CHANGED_PRODUCTS,
            _before.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION"),
        ),
    ]
