"""Cards in other languages and of a bounded size; products found by codes, barcodes and merchants.

- A card holds a description's first 500 characters: a cart of long ones was as long as all of them.
- `translated` holds the card and the attributes again in each language of the product: NULL for
  almost all SKUs, so that reading carts costs nothing more.
- What products are found by has a table of its own: in the listing's row, each new price made the
  index take in all pairs of letters again. The columns `search` and `grams` stay for the release
  before, which does not find there what has come since.
- Text is folded (`products_fold`) before it is looked for: capitals, width of digits, composition of
  accents.
- Revisions are written by statements, not by rows: imports bring many.
"""

from importlib import import_module

import django.db.models.deletion
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVectorField
from django.db import migrations, models

DESCRIPTION_LENGTH = """
CREATE FUNCTION products_description_length() RETURNS integer
LANGUAGE sql STABLE PARALLEL SAFE RETURN 500
"""

MAKE_CARD = """
CREATE FUNCTION products_make_card(
    id text, name text, description text, images jsonb, status integer,
    merchant_id text, merchant_name text
) RETURNS text LANGUAGE sql STABLE PARALLEL SAFE
RETURN format(
    '"id":%s,"name":%s,"description":%s,"images":%s,"status":%s,"merchant":{"id":%s,"name":%s}',
    to_json(id), to_json(name), to_json(left(description, products_description_length())),
    images, status, to_json(merchant_id), to_json(merchant_name)
)
"""

# Names and values alike, in their order.
TRANSLATE_ATTRIBUTES = """
CREATE FUNCTION products_translate_attributes(attributes json, texts jsonb) RETURNS json
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (
    SELECT coalesce(
        json_object_agg(coalesce(texts->>key, key), coalesce(texts->>value, value) ORDER BY place),
        '{}'
    )
    FROM json_each_text(attributes) WITH ORDINALITY AS each(key, value, place)
)
"""

# The first of some languages that there is, such as {en-GB,en}, else the original.
IN_LANGUAGE = """
CREATE FUNCTION products_in_language(
    translated jsonb, languages text[], member text, original text
) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN coalesce(
    (
        SELECT translated #>> ARRAY[language, member]
        FROM unnest(languages) WITH ORDINALITY AS asked(language, place)
        WHERE translated ? language ORDER BY place LIMIT 1
    ),
    original
)
"""

FILL_SKU_CARD = """
CREATE OR REPLACE FUNCTION products_fill_sku_card() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    product products_product;
    merchant products_merchant;
BEGIN
    -- A SKU new to its product waits for changes under way, and holds off the next ones, which
    -- would not see the uncommitted SKU. Its later changes need no such lock: whatever changes the
    -- original writes to the SKU's row, too, and whoever comes last there sees both.
    IF TG_OP = 'INSERT' OR NEW.product_id IS DISTINCT FROM OLD.product_id THEN
        SELECT * INTO product FROM products_product WHERE id = NEW.product_id FOR SHARE;
        SELECT * INTO merchant FROM products_merchant WHERE id = product.merchant_id FOR SHARE;
    ELSE
        SELECT * INTO product FROM products_product WHERE id = NEW.product_id;
        SELECT * INTO merchant FROM products_merchant WHERE id = product.merchant_id;
    END IF;
    IF product.id IS NULL THEN
        RAISE foreign_key_violation USING
            MESSAGE = format('product %s of SKU %s must be inserted first', NEW.product_id, NEW.id);
    END IF;
    NEW.card := products_make_card(
        product.id, product.name, product.description, product.images, product.status,
        merchant.id, merchant.name
    );
    NEW.translated := NULL;
    IF product.translations <> '{}' THEN
        SELECT jsonb_object_agg(language, jsonb_build_object(
            'card', products_make_card(
                product.id, coalesce(texts->>'name', product.name),
                coalesce(texts->>'description', product.description),
                product.images, product.status, merchant.id, merchant.name
            ),
            'attributes',
            products_translate_attributes(NEW.attributes, coalesce(texts->'attributes', '{}'))::text
        )) INTO NEW.translated FROM jsonb_each(product.translations) AS each(language, texts);
    END IF;
    NEW.product_status := product.status;
    NEW.product_is_deleted := product.is_deleted;
    RETURN NEW;
END
$$
"""

FOLD = """
CREATE FUNCTION products_fold(content text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN upper(normalize(content, NFKC))
"""

# As before, in two thirds of the time.
SEARCH_GRAMS = """
CREATE OR REPLACE FUNCTION products_search_grams(content text) RETURNS tsvector
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN (
    SELECT coalesce(array_to_tsvector(array_agg(rtrim(letter || coalesce(next, '')))), ''::tsvector)
    FROM string_to_array(regexp_replace(left(content, 10000), '\\s', ' ', 'g'), NULL) AS letters,
        unnest(letters, letters[2:]) AS pairs(letter, next)
    WHERE letter <> ' '
)
"""

# Nothing finds what is not shown. The caller has locked what the content is made of; listings are
# locked in order here. What comes first counts where texts are long: grams are made of the first
# 10,000 letters.
DESCRIBE_LISTINGS = """
CREATE FUNCTION products_describe_listings(products text[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1 FROM products_productlisting WHERE product_id = ANY(products)
    ORDER BY product_id FOR NO KEY UPDATE;
    INSERT INTO products_productwords AS words (listing_id, content, grams)
    SELECT id, content, products_search_grams(content)
    FROM (
        SELECT p.id, coalesce(products_fold(
            p.name || ' ' || m.name || ' ' || (
                SELECT string_agg(
                    concat_ws(' ', code, nullif(barcode, '')), ' ' ORDER BY code
                ) FROM products_sku WHERE product_id = p.id AND is_active AND NOT is_deleted
            ) || concat_ws(' ', '', names, p.description, descriptions)
        ), '') AS content
        FROM unnest(products) AS wanted
        JOIN products_product AS p ON p.id = wanted AND p.status = 1 AND NOT p.is_deleted
        JOIN products_merchant AS m ON m.id = p.merchant_id,
        LATERAL (
            SELECT string_agg(texts->>'name', ' ') AS names,
                string_agg(texts->>'description', ' ') AS descriptions
            FROM jsonb_each(p.translations) AS each(language, texts)
        ) AS translated
    ) AS described
    ORDER BY id
    ON CONFLICT (listing_id) DO UPDATE SET content = excluded.content, grams = excluded.grams
    WHERE words.content <> excluded.content;
    DELETE FROM products_productwords AS words USING products_product AS p
    WHERE words.listing_id = ANY(products) AND p.id = words.listing_id
        AND (p.status <> 1 OR p.is_deleted);
END
$$
"""

# A new product has no SKU, and is found by nothing. `search` and `grams` are of the release before.
ADD_LISTINGS = """
CREATE OR REPLACE FUNCTION products_add_listings(products text[]) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1 FROM products_product WHERE id = ANY(products) ORDER BY id FOR SHARE;
    PERFORM 1 FROM products_sku WHERE product_id = ANY(products) ORDER BY id FOR SHARE;
    INSERT INTO products_productlisting
        (product_id, merchant_id, name, created_at, is_shown, in_stock, search, grams)
    SELECT id, merchant_id, name, created_at, status = 1 AND NOT is_deleted, false, '', ''
    FROM products_product
    WHERE id = ANY(products) ORDER BY id
    ON CONFLICT DO NOTHING;
    IF EXISTS (SELECT FROM products_sku WHERE product_id = ANY(products)) THEN
        PERFORM products_price_listings(products);
        PERFORM products_describe_listings(products);
    END IF;
END
$$
"""

PRICE_LISTINGS = """
CREATE OR REPLACE FUNCTION products_price_listings(products text[]) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1 FROM products_productlisting WHERE product_id = ANY(products)
    ORDER BY product_id FOR NO KEY UPDATE;
    UPDATE products_productlisting AS listing
    SET lowest_price = offered.lowest_price, in_stock = offered.in_stock
    FROM (
        SELECT asked.id, min(sku.price) AS lowest_price,
            coalesce(bool_or(sku.stock > 0 OR NOT sku.tracks_stock), false) AS in_stock
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

RENEW_LISTINGS = """
CREATE OR REPLACE FUNCTION products_renew_listings() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    changed text[] := ARRAY(
        SELECT id FROM new_products AS after JOIN old_products AS before USING (id)
        WHERE (
            after.merchant_id, after.name, after.description, after.translations,
            after.created_at, after.status, after.is_deleted
        ) IS DISTINCT FROM (
            before.merchant_id, before.name, before.description, before.translations,
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
    PERFORM products_describe_listings(changed);
    RETURN NULL;
END
$$
"""

RENEW_CARDS_OF_PRODUCTS = """
CREATE OR REPLACE FUNCTION products_renew_sku_revisions() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    changed text[] := ARRAY(
        SELECT id FROM new_products AS after JOIN old_products AS before USING (id)
        WHERE (
            after.name, after.description, after.images, after.translations,
            after.status, after.is_deleted, after.merchant_id
        ) IS DISTINCT FROM (
            before.name, before.description, before.images, before.translations,
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
CREATE OR REPLACE FUNCTION products_renew_cards_of_merchants() RETURNS trigger
LANGUAGE plpgsql AS $$
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
    PERFORM products_describe_listings(
        ARRAY(SELECT id FROM products_product WHERE merchant_id = ANY(renamed))
    );
    RETURN NULL;
END
$$
"""

PRICE_LISTINGS_OF_SKUS = """
CREATE OR REPLACE FUNCTION products_price_listings_of_skus() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    touched text[] := ARRAY(SELECT DISTINCT product_id FROM skus);
BEGIN
    PERFORM products_price_listings(touched);
    PERFORM products_describe_listings(touched);
    RETURN NULL;
END
$$
"""

# One look at what changed: a sale, which changes nothing of it, passes here, too.
FOLLOW_CHANGED_SKUS = """
CREATE FUNCTION products_follow_changed_skus() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    revised boolean;
    priced text[];
    described text[];
BEGIN
    SELECT bool_or(is_revised),
        array_agg(DISTINCT product_id) FILTER (WHERE is_priced),
        array_agg(DISTINCT product_id) FILTER (WHERE is_described)
    INTO revised, priced, described
    FROM (
        SELECT unnest(CASE WHEN before.product_id = after.product_id THEN ARRAY[after.product_id]
                ELSE ARRAY[before.product_id, after.product_id] END) AS product_id,
            after.revision IS DISTINCT FROM before.revision AS is_revised,
            (
                after.product_id, after.price, after.is_active, after.is_deleted,
                after.stock > 0, after.tracks_stock
            ) IS DISTINCT FROM (
                before.product_id, before.price, before.is_active, before.is_deleted,
                before.stock > 0, before.tracks_stock
            ) AS is_priced,
            (
                after.product_id, after.code, after.barcode, after.is_active, after.is_deleted
            ) IS DISTINCT FROM (
                before.product_id, before.code, before.barcode, before.is_active, before.is_deleted
            ) AS is_described
        FROM new_skus AS after JOIN old_skus AS before USING (id)
    ) AS changes;
    IF revised THEN
        INSERT INTO products_skurevision (id, sku_id, name, image, price, created_at)
        SELECT after.revision, after.id, p.name, coalesce(p.images->>0, ''), after.price,
            clock_timestamp()
        FROM new_skus AS after JOIN old_skus AS before USING (id)
        JOIN products_product AS p ON p.id = after.product_id
        WHERE after.revision IS DISTINCT FROM before.revision
        ON CONFLICT (id) DO NOTHING;
    END IF;
    IF priced IS NOT NULL THEN
        PERFORM products_price_listings(priced);
    END IF;
    IF described IS NOT NULL THEN
        PERFORM products_describe_listings(described);
    END IF;
    RETURN NULL;
END
$$
"""

UNLIST_PRODUCT = """
CREATE OR REPLACE FUNCTION products_unlist_product() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM products_productlisting WHERE product_id = OLD.id;
    DELETE FROM products_productwords WHERE listing_id = OLD.id;
    RETURN NULL;
END
$$
"""

# A dump's revision may have come before its SKU.
WRITE_REVISIONS_OF_NEW_SKUS = """
CREATE FUNCTION products_write_revisions_of_new_skus() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO products_skurevision (id, sku_id, name, image, price, created_at)
    SELECT sku.revision, sku.id, p.name, coalesce(p.images->>0, ''), sku.price, clock_timestamp()
    FROM new_skus AS sku JOIN products_product AS p ON p.id = sku.product_id
    ON CONFLICT (id) DO NOTHING;
    RETURN NULL;
END
$$
"""

# The WHEN clause keeps a sale, which changes the stock alone, free of any trigger.
TRIGGERS = """
DROP TRIGGER fill_card_of_changed_sku ON products_sku;
CREATE TRIGGER fill_card_of_changed_sku BEFORE UPDATE ON products_sku
FOR EACH ROW WHEN (
    NEW.card IS NULL
    OR NEW.product_id IS DISTINCT FROM OLD.product_id
    OR (OLD.translated IS NOT NULL AND NEW.attributes::text IS DISTINCT FROM OLD.attributes::text)
) EXECUTE FUNCTION products_fill_sku_card();

DROP TRIGGER write_revision_of_new_sku ON products_sku;
DROP TRIGGER write_revision_of_changed_sku ON products_sku;
DROP TRIGGER price_listings_of_changed_skus ON products_sku;
CREATE TRIGGER follow_changed_skus AFTER UPDATE ON products_sku
REFERENCING OLD TABLE AS old_skus NEW TABLE AS new_skus
FOR EACH STATEMENT EXECUTE FUNCTION products_follow_changed_skus();
CREATE TRIGGER add_revisions_of_new_skus AFTER INSERT ON products_sku
REFERENCING NEW TABLE AS new_skus
FOR EACH STATEMENT EXECUTE FUNCTION products_write_revisions_of_new_skus();
"""
TRIGGERS_BEFORE = """
DROP TRIGGER fill_card_of_changed_sku ON products_sku;
CREATE TRIGGER fill_card_of_changed_sku BEFORE UPDATE ON products_sku
FOR EACH ROW WHEN (NEW.card IS NULL OR NEW.product_id IS DISTINCT FROM OLD.product_id)
EXECUTE FUNCTION products_fill_sku_card();

DROP TRIGGER add_revisions_of_new_skus ON products_sku;
CREATE TRIGGER write_revision_of_new_sku AFTER INSERT ON products_sku
FOR EACH ROW EXECUTE FUNCTION products_write_sku_revision();
CREATE TRIGGER write_revision_of_changed_sku AFTER UPDATE ON products_sku
FOR EACH ROW WHEN (NEW.revision IS DISTINCT FROM OLD.revision)
EXECUTE FUNCTION products_write_sku_revision();
DROP TRIGGER follow_changed_skus ON products_sku;
CREATE TRIGGER price_listings_of_changed_skus AFTER UPDATE ON products_sku
REFERENCING OLD TABLE AS old_skus NEW TABLE AS new_skus
FOR EACH STATEMENT EXECUTE FUNCTION products_price_listings_of_changed_skus();
"""

_cards = import_module("products.migrations.0005_sku_cards")
_listings = import_module("products.migrations.0006_product_listings")
_restorable = import_module("products.migrations.0013_restorable")

# By signature, in the order in which they need each other.
NEW = {
    "products_description_length()": DESCRIPTION_LENGTH,
    "products_make_card(text, text, text, jsonb, integer, text, text)": MAKE_CARD,
    "products_translate_attributes(json, jsonb)": TRANSLATE_ATTRIBUTES,
    "products_in_language(jsonb, text[], text, text)": IN_LANGUAGE,
    "products_fold(text)": FOLD,
    "products_describe_listings(text[])": DESCRIBE_LISTINGS,
    "products_follow_changed_skus()": FOLLOW_CHANGED_SKUS,
    "products_write_revisions_of_new_skus()": WRITE_REVISIONS_OF_NEW_SKUS,
}
# Each with what it was before.
CHANGED = [
    (FILL_SKU_CARD, _cards.FILL_SKU_CARD),
    (PRICE_LISTINGS, _listings.PRICE_LISTINGS),
    (ADD_LISTINGS, _listings.ADD_LISTINGS),
    (RENEW_LISTINGS, _listings.RENEW_LISTINGS),
    (RENEW_CARDS_OF_PRODUCTS, _cards.RENEW_CARDS_OF_PRODUCTS),
    (RENEW_CARDS_OF_MERCHANTS, _cards.RENEW_CARDS_OF_MERCHANTS),
    (SEARCH_GRAMS, _listings.SEARCH_GRAMS),
    (UNLIST_PRODUCT, _listings.UNLIST_PRODUCT),
    (PRICE_LISTINGS_OF_SKUS, _listings.PRICE_LISTINGS_OF_SKUS),
]


def _replace(function):
    return function.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION")


class Migration(migrations.Migration):
    dependencies = [("products", "0014_goods_from_elsewhere")]

    operations = [
        migrations.CreateModel(
            name="ProductWords",
            fields=[
                (
                    "listing",
                    models.OneToOneField(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        primary_key=True,
                        related_name="words",
                        serialize=False,
                        to="products.productlisting",
                    ),
                ),
                ("content", models.TextField()),
                ("grams", SearchVectorField()),
            ],
            options={
                "default_permissions": (),
                "indexes": [
                    GinIndex(fields=["grams"], name="words_grams", gin_pending_list_limit=512)
                ],
            },
        ),
        migrations.RemoveIndex(model_name="productlisting", name="listing_search"),
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.RemoveField("productlisting", "search"),
                migrations.RemoveField("productlisting", "grams"),
            ]
        ),
        migrations.RunSQL(
            "ALTER TABLE products_sku ADD COLUMN translated jsonb",
            "ALTER TABLE products_sku DROP COLUMN translated",
        ),
        *(
            migrations.RunSQL(body, f"DROP FUNCTION {signature} CASCADE")
            for signature, body in NEW.items()
        ),
        *(migrations.RunSQL(after, _replace(before)) for after, before in CHANGED),
        migrations.RunSQL(TRIGGERS, TRIGGERS_BEFORE),
        migrations.RunSQL(
            "DROP FUNCTION products_write_sku_revision(),"
            " products_price_listings_of_changed_skus()",
            _replace(_restorable.WRITE_SKU_REVISION)
            + ";"
            + _listings.PRICE_LISTINGS_OF_CHANGED_SKUS,
        ),
        migrations.RunSQL(_restorable.KEEP_SEARCH_PATH, _restorable.KEEP_SEARCH_PATH),
    ]
