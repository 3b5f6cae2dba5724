"""Lists are read from listings from here on: nobody else writes there, and products need no indexes.

What comes from elsewhere, such as a dump of the table or a fixture, is left out without an error: the
triggers on products and SKUs have written, or will write, the same.
"""

from django.db import migrations

IGNORE_LISTING_WRITE = """
CREATE FUNCTION products_ignore_listing_write() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RETURN NULL;
END
$$
"""
TRIGGER = """
CREATE TRIGGER ignore_listing_write BEFORE INSERT OR UPDATE OR DELETE ON products_productlisting
FOR EACH ROW WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION products_ignore_listing_write()
"""


class Migration(migrations.Migration):
    dependencies = [("products", "0007_fill_product_listings")]

    operations = [
        migrations.RunSQL(
            IGNORE_LISTING_WRITE, "DROP FUNCTION products_ignore_listing_write() CASCADE"
        ),
        migrations.RunSQL(TRIGGER, migrations.RunSQL.noop),
        migrations.RemoveIndex(model_name="product", name="product_newest"),
        migrations.RemoveIndex(model_name="product", name="product_by_name"),
        migrations.RemoveIndex(model_name="product", name="product_of_merchant"),
        migrations.RemoveIndex(model_name="product", name="product_search"),
    ]
