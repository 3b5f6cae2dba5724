"""Dumps go back into a migrated database: `pg_dump --data-only` of some tables, and fixtures.

- `pg_dump` clears the search path, so functions keep the one that they were made under.
- A SKU that comes with the number of its revision keeps it, and the revision that its trigger writes
  makes way for the one in the dump, which says the same and has the time.
- Writing a revision or a stock change as it stands already is no change of it.
"""

from importlib import import_module

from django.db import migrations

# The number is taken back where another SKU has it: a copy of an object in memory brings that along.
NUMBER_SKU_REVISION = """
CREATE OR REPLACE FUNCTION products_number_sku_revision() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' AND NEW.revision > 0 AND NOT EXISTS (
        SELECT FROM products_skurevision WHERE id = NEW.revision AND sku_id <> NEW.id
    ) THEN
        PERFORM setval('products_skurevision_id_seq', NEW.revision)
        FROM products_skurevision_id_seq WHERE last_value < NEW.revision;
    ELSIF TG_OP = 'INSERT'
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

# A dump's revision may have come before its SKU.
WRITE_SKU_REVISION = """
CREATE OR REPLACE FUNCTION products_write_sku_revision() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO products_skurevision (id, sku_id, name, image, price, created_at)
    SELECT NEW.revision, NEW.id, name, coalesce(images->>0, ''), NEW.price, clock_timestamp()
    FROM products_product WHERE id = NEW.product_id
    ON CONFLICT (id) DO NOTHING;
    RETURN NULL;
END
$$
"""

MAKE_WAY_FOR_RESTORED_REVISION = """
CREATE FUNCTION products_make_way_for_restored_revision() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM products_skurevision AS written
    WHERE written.id = NEW.id AND written.created_at >= NEW.created_at
        AND (written.sku_id, written.name, written.image, written.price)
            = (NEW.sku_id, NEW.name, NEW.image, NEW.price);
    RETURN NEW;
END
$$
"""

# By whom a statement is not sent, it is a trigger's.
TRIGGERS = """
DROP TRIGGER refuse_revision_change ON products_skurevision;
CREATE TRIGGER refuse_revision_change BEFORE UPDATE ON products_skurevision
FOR EACH ROW WHEN (
    NEW.created_at > OLD.created_at
    OR (NEW.id, NEW.sku_id, NEW.name, NEW.image, NEW.price)
        IS DISTINCT FROM (OLD.id, OLD.sku_id, OLD.name, OLD.image, OLD.price)
) EXECUTE FUNCTION products_refuse_revision_change();
CREATE TRIGGER refuse_revision_removal BEFORE DELETE ON products_skurevision
FOR EACH ROW WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION products_refuse_revision_change();
CREATE TRIGGER make_way_for_restored_revision BEFORE INSERT ON products_skurevision
FOR EACH ROW WHEN (pg_trigger_depth() = 0)
EXECUTE FUNCTION products_make_way_for_restored_revision();

DROP TRIGGER refuse_stock_change_edit ON products_stockchange;
CREATE TRIGGER refuse_stock_change_edit BEFORE UPDATE ON products_stockchange
FOR EACH ROW WHEN (OLD.* IS DISTINCT FROM NEW.*)
EXECUTE FUNCTION products_refuse_stock_change_edit();
CREATE TRIGGER refuse_stock_change_removal BEFORE DELETE ON products_stockchange
FOR EACH ROW EXECUTE FUNCTION products_refuse_stock_change_edit();
"""
TRIGGERS_BEFORE = """
DROP TRIGGER refuse_revision_change ON products_skurevision;
DROP TRIGGER refuse_revision_removal ON products_skurevision;
CREATE TRIGGER refuse_revision_change BEFORE UPDATE OR DELETE ON products_skurevision
FOR EACH ROW EXECUTE FUNCTION products_refuse_revision_change();

DROP TRIGGER refuse_stock_change_edit ON products_stockchange;
DROP TRIGGER refuse_stock_change_removal ON products_stockchange;
CREATE TRIGGER refuse_stock_change_edit BEFORE UPDATE OR DELETE ON products_stockchange
FOR EACH ROW EXECUTE FUNCTION products_refuse_stock_change_edit();
"""

# Whatever schema the tables are in. Those with a body in SQL are bound to what they name already.
KEEP_SEARCH_PATH = """
DO $$
DECLARE
    name regprocedure;
BEGIN
    FOR name IN
        SELECT p.oid FROM pg_proc AS p JOIN pg_language AS l ON l.oid = p.prolang
        WHERE p.pronamespace = current_schema()::regnamespace
            AND p.proname LIKE 'products\\_%' AND l.lanname = 'plpgsql'
    LOOP
        EXECUTE format('ALTER FUNCTION %s SET search_path FROM CURRENT', name);
    END LOOP;
END
$$
"""

_revisions = import_module("products.migrations.0002_sku_revisions")
_cards = import_module("products.migrations.0005_sku_cards")


class Migration(migrations.Migration):
    dependencies = [("products", "0012_bounded_prices_and_wide_stock")]

    operations = [
        migrations.RunSQL(
            NUMBER_SKU_REVISION,
            _revisions.NUMBER_SKU_REVISION.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION"),
        ),
        migrations.RunSQL(WRITE_SKU_REVISION, _cards.WRITE_SKU_REVISION),
        migrations.RunSQL(
            MAKE_WAY_FOR_RESTORED_REVISION,
            "DROP FUNCTION products_make_way_for_restored_revision() CASCADE",
        ),
        migrations.RunSQL(TRIGGERS, TRIGGERS_BEFORE),
        migrations.RunSQL(KEEP_SEARCH_PATH, migrations.RunSQL.noop),
    ]
