"""Erase what orders hold of a user when the user's row goes, whoever deletes it.

The orders stay with all their figures, as those of a guest whom nobody is: with their units, which
a cancelled order gives back. So do the hashes by which purchases count for a contact.
"""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

# The orders first: whoever cancels one locks it before the allowances. And the allowances in the
# order of their SKUs, as checkouts take them.
CREATE = """
CREATE FUNCTION orders_erase_user() RETURNS trigger LANGUAGE plpgsql
SET search_path FROM CURRENT AS $$
DECLARE
    buyer_key text := 'user:' || OLD.id;
    nobody text := 'guest:erased-' || gen_random_uuid();
    skus text[];
BEGIN
    PERFORM 1 FROM orders_order WHERE user_id = OLD.id ORDER BY id FOR UPDATE;
    skus := ARRAY(
        SELECT DISTINCT item.sku_id FROM orders_orderitem AS item
        JOIN orders_order AS sold ON sold.id = item.order_id WHERE sold.user_id = OLD.id
    );
    PERFORM 1 FROM products_purchasetally
    WHERE buyer = buyer_key AND sku_id = ANY(skus) ORDER BY sku_id FOR UPDATE;
    UPDATE products_purchasetally SET buyer = nobody
    WHERE buyer = buyer_key AND sku_id = ANY(skus);
    UPDATE orders_orderevent AS event SET actor = 'guest' FROM orders_order AS sold
    WHERE sold.id = event.order_id AND sold.user_id = OLD.id AND event.actor = buyer_key;
    DELETE FROM orders_reply WHERE buyer = buyer_key;
    UPDATE orders_order
    SET user_id = NULL, buyer = nobody, contact = NULL, shipping_address = NULL, note = '',
        line_return = CASE line_return WHEN 'DUE' THEN '' ELSE line_return END,
        marks = ARRAY(SELECT mark FROM unnest(marks) AS mark WHERE mark LIKE 'contact:%')
    WHERE user_id = OLD.id;
    RETURN OLD;
END
$$;
CREATE TRIGGER orders_user_erased BEFORE DELETE ON accounts_user
FOR EACH ROW EXECUTE FUNCTION orders_erase_user();
"""

DROP = """
DROP TRIGGER orders_user_erased ON accounts_user;
DROP FUNCTION orders_erase_user();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("orders", "0005_pending_marks"),
        ("products", "0001_initial"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AlterField(
            model_name="order",
            name="user",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="orders",
                to=settings.AUTH_USER_MODEL,
                verbose_name="user",
            ),
        ),
        migrations.RunSQL(CREATE, DROP),
    ]
