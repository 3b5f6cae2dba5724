"""Every SKU carries a copy of what a cart shows of its product and merchant: its card.

So a cart is priced from the rows of its SKUs alone, without looking up a product and a merchant for
each. Triggers keep the copy, in the transaction of whatever changes the original: it is as current
as the original itself. The columns are no fields of the model, which therefore cannot write to them.
"""

from importlib import import_module

from django.db import migrations

# The members of a JSON object, for the reader to go on with those that are the SKU's own.
FILL_SKU_CARD = """
CREATE FUNCTION products_fill_sku_card() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- A SKU new to its product waits for changes under way, and holds off the next ones, which
    -- would not see the uncommitted SKU. Its later changes need no such lock: whatever changes the
    -- original writes to the SKU's row, too, and whoever comes last there sees both.
    IF TG_OP = 'INSERT' OR NEW.product_id IS DISTINCT FROM OLD.product_id THEN
        PERFORM 1 FROM products_product WHERE id = NEW.product_id FOR SHARE;
        PERFORM 1 FROM products_merchant WHERE id = (
            SELECT merchant_id FROM products_product WHERE id = NEW.product_id
        ) FOR SHARE;
    END IF;
    SELECT
        format(
            '"id":%s,"name":%s,"description":%s,"images":%s,"status":%s,'
            '"merchant":{"id":%s,"name":%s}',
            to_json(p.id), to_json(p.name), to_json(p.description), p.images, p.status,
            to_json(m.id), to_json(m.name)
        ),
        p.status,
        p.is_deleted
    INTO NEW.card, NEW.product_status, NEW.product_is_deleted
    FROM products_product p JOIN products_merchant m ON m.id = p.merchant_id
    WHERE p.id = NEW.product_id;
    IF NOT FOUND THEN
        RAISE foreign_key_violation USING
            MESSAGE = format('product %s of SKU %s must be inserted first', NEW.product_id, NEW.id);
    END IF;
    RETURN NEW;
END
$$
"""

# Rows are locked in id order first: an UPDATE alone would lock them in any order, and deadlock
# with a checkout of two of them. Merchants are locked before SKUs here as in their own trigger.
RENEW_CARDS_OF_PRODUCTS = """
CREATE OR REPLACE FUNCTION products_renew_sku_revisions() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    changed text[] := ARRAY(
        SELECT id FROM new_products AS after JOIN old_products AS before USING (id)
        WHERE (
            after.name, after.description, after.images,
            after.status, after.is_deleted, after.merchant_id
        ) IS DISTINCT FROM (
            before.name, before.description, before.images,
            before.status, before.is_deleted, before.merchant_id
        )
    );
    renamed text[] := ARRAY(
        SELECT id FROM new_products AS after JOIN old_products AS before USING (id)
        WHERE (after.name, after.images->>0) IS DISTINCT FROM (before.name, before.images->>0)
    );
BEGIN
    IF cardinality(changed) = 0 THEN
        RETURN NULL;
    END IF;
    PERFORM 1 FROM products_merchant
    WHERE id IN (SELECT merchant_id FROM new_products WHERE id = ANY(changed))
    ORDER BY id FOR SHARE;
    PERFORM 1 FROM products_sku WHERE product_id = ANY(changed) ORDER BY id FOR NO KEY UPDATE;
    UPDATE products_sku
    SET card = NULL,
        revision = CASE WHEN product_id = ANY(renamed) THEN NULL ELSE revision END
    WHERE product_id = ANY(changed);
    RETURN NULL;
END
$$
"""

RENEW_CARDS_OF_MERCHANTS = """
CREATE FUNCTION products_renew_cards_of_merchants() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    renamed text[] := ARRAY(
        SELECT id FROM new_merchants AS after JOIN old_merchants AS before USING (id)
        WHERE after.name IS DISTINCT FROM before.name
    );
BEGIN
    IF cardinality(renamed) = 0 THEN
        RETURN NULL;
    END IF;
    PERFORM 1 FROM products_sku s JOIN products_product p ON p.id = s.product_id
    WHERE p.merchant_id = ANY(renamed) ORDER BY s.id FOR NO KEY UPDATE OF s;
    UPDATE products_sku s SET card = NULL
    FROM products_product p WHERE p.id = s.product_id AND p.merchant_id = ANY(renamed);
    RETURN NULL;
END
$$
"""

# The card's trigger has taken the lock, and refused a SKU without a product.
WRITE_SKU_REVISION = """
CREATE OR REPLACE FUNCTION products_write_sku_revision() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO products_skurevision (id, sku_id, name, image, price, created_at)
    SELECT NEW.revision, NEW.id, name, coalesce(images->>0, ''), NEW.price, clock_timestamp()
    FROM products_product WHERE id = NEW.product_id;
    RETURN NULL;
END
$$
"""

ADD_COLUMNS = """
ALTER TABLE products_sku
    ADD COLUMN card text NOT NULL DEFAULT '',
    ADD COLUMN product_status smallint NOT NULL DEFAULT 0,
    ADD COLUMN product_is_deleted boolean NOT NULL DEFAULT false
"""
DROP_COLUMNS = """
ALTER TABLE products_sku
    DROP COLUMN card, DROP COLUMN product_status, DROP COLUMN product_is_deleted
"""

# The WHEN clause keeps a sale, which changes the stock alone, free of any trigger.
TRIGGERS = [
    """
    CREATE TRIGGER fill_card_of_new_sku BEFORE INSERT ON products_sku
    FOR EACH ROW EXECUTE FUNCTION products_fill_sku_card()
    """,
    """
    CREATE TRIGGER fill_card_of_changed_sku BEFORE UPDATE ON products_sku
    FOR EACH ROW WHEN (NEW.card IS NULL OR NEW.product_id IS DISTINCT FROM OLD.product_id)
    EXECUTE FUNCTION products_fill_sku_card()
    """,
    """
    CREATE TRIGGER renew_cards_of_merchants AFTER UPDATE ON products_merchant
    REFERENCING OLD TABLE AS old_merchants NEW TABLE AS new_merchants
    FOR EACH STATEMENT EXECUTE FUNCTION products_renew_cards_of_merchants()
    """,
]

_revisions = import_module("products.migrations.0002_sku_revisions")
_shelf = import_module("products.migrations.0003_shelf_changes_wait_for_sales")


class Migration(migrations.Migration):
    dependencies = [("products", "0004_stock_changes")]

    operations = [
        migrations.RunSQL(ADD_COLUMNS, DROP_COLUMNS),
        migrations.RunSQL(FILL_SKU_CARD, "DROP FUNCTION products_fill_sku_card() CASCADE"),
        migrations.RunSQL(
            RENEW_CARDS_OF_MERCHANTS, "DROP FUNCTION products_renew_cards_of_merchants() CASCADE"
        ),
        migrations.RunSQL(RENEW_CARDS_OF_PRODUCTS, _shelf.LOCK_SKUS_OF_CHANGED_PRODUCTS),
        migrations.RunSQL(
            WRITE_SKU_REVISION,
            _revisions.WRITE_SKU_REVISION.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION"),
        ),
        *(migrations.RunSQL(trigger, migrations.RunSQL.noop) for trigger in TRIGGERS),
        migrations.RunSQL("UPDATE products_sku SET card = NULL", migrations.RunSQL.noop),
    ]
