"""Triggers which keep an append-only history of what SKUs were called, looked like and cost.

They live in the database so that no route around the application, be it a bulk update, an import
or raw SQL, changes a price without leaving a revision.
"""

from django.db import migrations

# A number is taken before the row is written, and the revision itself written after it, because
# `INSERT … ON CONFLICT` runs BEFORE triggers even for rows it then leaves out. Setting revision
# to NULL asks for a new number; any other value written to it is ignored.
NUMBER_SKU_REVISION = """
CREATE FUNCTION products_number_sku_revision() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT'
        OR NEW.revision IS NULL
        OR NEW.price IS DISTINCT FROM OLD.price
        OR NEW.product_id IS DISTINCT FROM OLD.product_id
    THEN
        NEW.revision := nextval('products_skurevision_id_seq');
    ELSE
        NEW.revision := OLD.revision;
    END IF;
    RETURN NEW;
END
$$
"""

# A SKU new to its product waits for a rename under way, and holds off the next one, which would
# not see the uncommitted SKU. Its later changes need no such lock: renames update its row, too.
WRITE_SKU_REVISION = """
CREATE FUNCTION products_write_sku_revision() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' OR NEW.product_id IS DISTINCT FROM OLD.product_id THEN
        PERFORM 1 FROM products_product WHERE id = NEW.product_id FOR SHARE;
    END IF;
    INSERT INTO products_skurevision (id, sku_id, name, image, price, created_at)
    SELECT NEW.revision, NEW.id, name, coalesce(images->>0, ''), NEW.price, clock_timestamp()
    FROM products_product WHERE id = NEW.product_id;
    IF NOT FOUND THEN
        RAISE foreign_key_violation USING
            MESSAGE = format('product %s of SKU %s must be inserted first', NEW.product_id, NEW.id);
    END IF;
    RETURN NULL;
END
$$
"""

# Rows are locked in id order first: an UPDATE alone would lock them in any order, and deadlock
# with a checkout of two of them.
RENEW_SKU_REVISIONS = """
CREATE FUNCTION products_renew_sku_revisions() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    changed text[] := ARRAY(
        SELECT id FROM new_products AS after JOIN old_products AS before USING (id)
        WHERE (after.name, after.images->>0) IS DISTINCT FROM (before.name, before.images->>0)
    );
BEGIN
    IF cardinality(changed) = 0 THEN
        RETURN NULL;
    END IF;
    PERFORM 1 FROM products_sku WHERE product_id = ANY(changed) ORDER BY id FOR NO KEY UPDATE;
    UPDATE products_sku SET revision = NULL WHERE product_id = ANY(changed);
    RETURN NULL;
END
$$
"""

REFUSE_REVISION_CHANGE = """
CREATE FUNCTION products_refuse_revision_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE restrict_violation USING MESSAGE = 'SKU revisions are append-only';
END
$$
"""

FUNCTIONS = {
    "products_number_sku_revision": NUMBER_SKU_REVISION,
    "products_write_sku_revision": WRITE_SKU_REVISION,
    "products_renew_sku_revisions": RENEW_SKU_REVISIONS,
    "products_refuse_revision_change": REFUSE_REVISION_CHANGE,
}

# The WHEN clauses keep a sale, which changes the stock alone, free of any trigger.
TRIGGERS = [
    """
    CREATE TRIGGER number_revision_of_new_sku BEFORE INSERT ON products_sku
    FOR EACH ROW EXECUTE FUNCTION products_number_sku_revision()
    """,
    """
    CREATE TRIGGER number_revision_of_changed_sku BEFORE UPDATE ON products_sku
    FOR EACH ROW WHEN (
        NEW.revision IS DISTINCT FROM OLD.revision
        OR NEW.price IS DISTINCT FROM OLD.price
        OR NEW.product_id IS DISTINCT FROM OLD.product_id
    ) EXECUTE FUNCTION products_number_sku_revision()
    """,
    """
    CREATE TRIGGER write_revision_of_new_sku AFTER INSERT ON products_sku
    FOR EACH ROW EXECUTE FUNCTION products_write_sku_revision()
    """,
    """
    CREATE TRIGGER write_revision_of_changed_sku AFTER UPDATE ON products_sku
    FOR EACH ROW WHEN (NEW.revision IS DISTINCT FROM OLD.revision)
    EXECUTE FUNCTION products_write_sku_revision()
    """,
    """
    CREATE TRIGGER renew_revisions_of_skus AFTER UPDATE ON products_product
    REFERENCING OLD TABLE AS old_products NEW TABLE AS new_products
    FOR EACH STATEMENT EXECUTE FUNCTION products_renew_sku_revisions()
    """,
    """
    CREATE TRIGGER refuse_revision_change BEFORE UPDATE OR DELETE ON products_skurevision
    FOR EACH ROW EXECUTE FUNCTION products_refuse_revision_change()
    """,
]


class Migration(migrations.Migration):
    dependencies = [("products", "0001_initial")]

    operations = [
        *(
            migrations.RunSQL(body, f"DROP FUNCTION {name}() CASCADE")
            for name, body in FUNCTIONS.items()
        ),
        *(migrations.RunSQL(trigger, migrations.RunSQL.noop) for trigger in TRIGGERS),
    ]
