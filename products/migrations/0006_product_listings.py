"""A row for each product with what lists are filtered, sorted and searched by, kept by triggers.

It is a table of its own, and not the product's row, for the order of locks: a product's change locks
the product, then its SKUs; a SKU's change locks the SKU, then what is kept of it for the list. Were
that the product's row, the two would deadlock. A sale writes here only where it takes a SKU's last
unit, or a cancelled order brings the first one back.
"""

import django.contrib.postgres.indexes
import django.contrib.postgres.search
import django.db.models.deletion
from django.db import migrations, models

# Each letter with the next one, the last of a word alone: words are found by any two of their
# letters, in any script. Trigrams would leave out words of two letters, which is most of Chinese,
# and in some locales all that is not ASCII. A SQL body is bound to what it names when it is made.
SEARCH_GRAMS = """
CREATE FUNCTION products_search_grams(content text) RETURNS tsvector
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN (
    SELECT coalesce(array_to_tsvector(array_agg(rtrim(gram))), ''::tsvector)
    FROM (
        SELECT letter || lead(letter, 1, '') OVER (ORDER BY place) AS gram
        FROM string_to_table(regexp_replace(left(content, 10000), '\\s', ' ', 'g'), NULL)
            WITH ORDINALITY AS letters(letter, place)
    ) AS grams
    WHERE left(gram, 1) <> ' '
)
"""

# Every second gram of a word covers it, with the last one; a word of one letter asks for all grams
# that begin with it. Words are put in capitals as `icontains` does.
SEARCH_QUERY = """
CREATE FUNCTION products_search_query(words text) RETURNS tsquery
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN (
    SELECT string_agg(
        '''' || replace(replace(substr(word, place, 2), '\\', '\\\\'), '''', '''''') || ''''
            || CASE WHEN letters = 1 THEN ':*' ELSE '' END,
        ' & '
    )::tsquery
    FROM string_to_table(upper(words), ' ') AS word,
        char_length(word) AS letters,
        generate_series(1, greatest(letters - 1, 1)) AS place
    WHERE place % 2 = 1 OR place = letters - 1
)
"""

# Locks in the order of all who change the catalogue: products, SKUs by id, listings by product.
ADD_LISTINGS = """
CREATE FUNCTION products_add_listings(products text[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1 FROM products_product WHERE id = ANY(products) ORDER BY id FOR SHARE;
    PERFORM 1 FROM products_sku WHERE product_id = ANY(products) ORDER BY id FOR SHARE;
    INSERT INTO products_productlisting
        (product_id, merchant_id, name, created_at, is_shown, in_stock, search, grams)
    SELECT id, merchant_id, name, created_at, status = 1 AND NOT is_deleted, false, content,
        products_search_grams(content)
    FROM products_product, upper(name || ' ' || description) AS content
    WHERE id = ANY(products) ORDER BY id
    ON CONFLICT DO NOTHING;
    PERFORM products_price_listings(products);
END
$$
"""

# The rows are locked first: of two changes at once, each would else see the other's SKU as it was.
# The UPDATE is a statement of its own, and sees what was committed while the lock was waited for.
PRICE_LISTINGS = """
CREATE FUNCTION products_price_listings(products text[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1 FROM products_productlisting WHERE product_id = ANY(products)
    ORDER BY product_id FOR NO KEY UPDATE;
    UPDATE products_productlisting AS listing
    SET lowest_price = offered.lowest_price, in_stock = offered.in_stock
    FROM (
        SELECT asked.id, min(sku.price) AS lowest_price,
            coalesce(bool_or(sku.stock > 0), false) AS in_stock
        FROM unnest(products) AS asked(id) LEFT JOIN products_sku AS sku
            ON sku.product_id = asked.id AND sku.is_active AND NOT sku.is_deleted
        GROUP BY asked.id
    ) AS offered
    WHERE listing.product_id = offered.id
        AND (listing.lowest_price, listing.in_stock)
            IS DISTINCT FROM (offered.lowest_price, offered.in_stock);
END
$$
"""

LIST_NEW_PRODUCTS = """
CREATE FUNCTION products_list_new_products() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM products_add_listings(ARRAY(SELECT id FROM new_products));
    RETURN NULL;
END
$$
"""

RENEW_LISTINGS = """
CREATE FUNCTION products_renew_listings() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    changed text[] := ARRAY(
        SELECT id FROM new_products AS after JOIN old_products AS before USING (id)
        WHERE (
            after.merchant_id, after.name, after.description,
            after.created_at, after.status, after.is_deleted
        ) IS DISTINCT FROM (
            before.merchant_id, before.name, before.description,
            before.created_at, before.status, before.is_deleted
        )
    );
BEGIN
    IF cardinality(changed) = 0 THEN
        RETURN NULL;
    END IF;
    PERFORM 1 FROM products_productlisting WHERE product_id = ANY(changed)
    ORDER BY product_id FOR NO KEY UPDATE;
    UPDATE products_productlisting AS listing
    SET merchant_id = p.merchant_id, name = p.name, created_at = p.created_at,
        is_shown = p.status = 1 AND NOT p.is_deleted
    FROM new_products AS p WHERE listing.product_id = p.id AND p.id = ANY(changed);
    UPDATE products_productlisting AS listing
    SET search = content, grams = products_search_grams(content)
    FROM new_products AS p, upper(p.name || ' ' || p.description) AS content
    WHERE listing.product_id = p.id AND p.id = ANY(changed)
        AND listing.search IS DISTINCT FROM content;
    RETURN NULL;
END
$$
"""

UNLIST_PRODUCT = """
CREATE FUNCTION products_unlist_product() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM products_productlisting WHERE product_id = OLD.id;
    RETURN NULL;
END
$$
"""

PRICE_LISTINGS_OF_SKUS = """
CREATE FUNCTION products_price_listings_of_skus() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM products_price_listings(ARRAY(SELECT DISTINCT product_id FROM skus));
    RETURN NULL;
END
$$
"""

PRICE_LISTINGS_OF_CHANGED_SKUS = """
CREATE FUNCTION products_price_listings_of_changed_skus() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    touched text[] := ARRAY(
        SELECT DISTINCT unnest(ARRAY[before.product_id, after.product_id])
        FROM new_skus AS after JOIN old_skus AS before USING (id)
        WHERE (
            after.product_id, after.price, after.is_active, after.is_deleted, after.stock > 0
        ) IS DISTINCT FROM (
            before.product_id, before.price, before.is_active, before.is_deleted, before.stock > 0
        )
    );
BEGIN
    IF cardinality(touched) > 0 THEN
        PERFORM products_price_listings(touched);
    END IF;
    RETURN NULL;
END
$$
"""

# By signature, in the order in which they need each other.
FUNCTIONS = {
    "products_search_grams(text)": SEARCH_GRAMS,
    "products_search_query(text)": SEARCH_QUERY,
    "products_price_listings(text[])": PRICE_LISTINGS,
    "products_add_listings(text[])": ADD_LISTINGS,
    "products_list_new_products()": LIST_NEW_PRODUCTS,
    "products_renew_listings()": RENEW_LISTINGS,
    "products_unlist_product()": UNLIST_PRODUCT,
    "products_price_listings_of_skus()": PRICE_LISTINGS_OF_SKUS,
    "products_price_listings_of_changed_skus()": PRICE_LISTINGS_OF_CHANGED_SKUS,
}

# Statements, not rows: what many SKUs change is worked out once, and locked in order. Triggers fire
# in the order of their names: "update_listings" after "renew_revisions", which locks the SKUs.
TRIGGERS = [
    """
    CREATE TRIGGER list_new_products AFTER INSERT ON products_product
    REFERENCING NEW TABLE AS new_products
    FOR EACH STATEMENT EXECUTE FUNCTION products_list_new_products()
    """,
    """
    CREATE TRIGGER update_listings_of_products AFTER UPDATE ON products_product
    REFERENCING OLD TABLE AS old_products NEW TABLE AS new_products
    FOR EACH STATEMENT EXECUTE FUNCTION products_renew_listings()
    """,
    """
    CREATE TRIGGER unlist_product AFTER DELETE ON products_product
    FOR EACH ROW EXECUTE FUNCTION products_unlist_product()
    """,
    """
    CREATE TRIGGER price_listings_of_new_skus AFTER INSERT ON products_sku
    REFERENCING NEW TABLE AS skus
    FOR EACH STATEMENT EXECUTE FUNCTION products_price_listings_of_skus()
    """,
    """
    CREATE TRIGGER price_listings_of_changed_skus AFTER UPDATE ON products_sku
    REFERENCING OLD TABLE AS old_skus NEW TABLE AS new_skus
    FOR EACH STATEMENT EXECUTE FUNCTION products_price_listings_of_changed_skus()
    """,
    """
    CREATE TRIGGER price_listings_of_removed_skus AFTER DELETE ON products_sku
    REFERENCING OLD TABLE AS skus
    FOR EACH STATEMENT EXECUTE FUNCTION products_price_listings_of_skus()
    """,
]


class Migration(migrations.Migration):
    dependencies = [("products", "0005_sku_cards")]

    operations = [
        migrations.CreateModel(
            name="ProductListing",
            fields=[
                (
                    "product",
                    models.OneToOneField(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        primary_key=True,
                        related_name="listing",
                        serialize=False,
                        to="products.product",
                        verbose_name="product",
                    ),
                ),
                ("merchant_id", models.CharField(max_length=32)),
                ("name", models.CharField(max_length=200)),
                ("created_at", models.DateTimeField()),
                ("is_shown", models.BooleanField()),
                ("lowest_price", models.DecimalField(decimal_places=2, max_digits=12, null=True)),
                ("in_stock", models.BooleanField()),
                ("search", models.TextField()),
                ("grams", django.contrib.postgres.search.SearchVectorField()),
            ],
            options={"default_permissions": ()},
        ),
        migrations.AddIndex(
            model_name="productlisting",
            index=models.Index(
                condition=models.Q(("is_shown", True), ("lowest_price__isnull", False)),
                fields=["created_at", "product"],
                include=("merchant_id", "in_stock"),
                name="listing_by_age",
            ),
        ),
        migrations.AddIndex(
            model_name="productlisting",
            index=models.Index(
                condition=models.Q(("is_shown", True), ("lowest_price__isnull", False)),
                fields=["name", "product"],
                include=("merchant_id", "in_stock"),
                name="listing_by_name",
            ),
        ),
        migrations.AddIndex(
            model_name="productlisting",
            index=models.Index(
                condition=models.Q(("is_shown", True), ("lowest_price__isnull", False)),
                fields=["lowest_price", "product"],
                include=("merchant_id", "in_stock"),
                name="listing_by_price",
            ),
        ),
        migrations.AddIndex(
            model_name="productlisting",
            index=models.Index(
                condition=models.Q(("is_shown", True), ("lowest_price__isnull", False)),
                fields=["merchant_id", "created_at", "product"],
                include=("in_stock",),
                name="listing_of_merchant",
            ),
        ),
        migrations.AddIndex(
            model_name="productlisting",
            index=django.contrib.postgres.indexes.GinIndex(
                models.F("grams"),
                condition=models.Q(("is_shown", True), ("lowest_price__isnull", False)),
                fastupdate=False,
                name="listing_search",
            ),
        ),
        *(
            migrations.RunSQL(body, f"DROP FUNCTION {signature} CASCADE")
            for signature, body in FUNCTIONS.items()
        ),
        *(migrations.RunSQL(trigger, migrations.RunSQL.noop) for trigger in TRIGGERS),
    ]
