"""Erase what carts hold of a user when the user's row goes, whoever deletes it.

The carts and the notes of orders are deleted; the change log stays, by nobody.
"""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

# The turn of those who drain the change streams is taken (`carts.log.rows`): what they
# have written of the user is found, and what they write later is written as nobody's.
CREATE = """
CREATE FUNCTION carts_erase_user() RETURNS trigger LANGUAGE plpgsql
SET search_path FROM CURRENT AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(7161130726856812321);
    PERFORM 1 FROM carts_cart WHERE user_id = OLD.id ORDER BY id FOR UPDATE;
    DELETE FROM carts_cartitem AS line USING carts_cart AS cart
    WHERE cart.id = line.cart_id AND cart.user_id = OLD.id;
    DELETE FROM carts_cart WHERE user_id = OLD.id;
    DELETE FROM carts_pendingsettlement WHERE owner = 'user:' || OLD.id;
    UPDATE carts_cartchange SET owner_kind = 'guest', owner_id = 'erased'
    WHERE owner_id = OLD.id AND owner_kind = 'user';
    UPDATE carts_cartchange SET actor = 'erased' WHERE actor = OLD.id AND actor <> '';
    RETURN OLD;
END
$$;
CREATE TRIGGER carts_user_erased BEFORE DELETE ON accounts_user
FOR EACH ROW EXECUTE FUNCTION carts_erase_user();
"""

DROP = """
DROP TRIGGER carts_user_erased ON accounts_user;
DROP FUNCTION carts_erase_user();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("carts", "0004_cheaper_saves"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AlterField(
            model_name="cart",
            name="user",
            field=models.ForeignKey(
                blank=True,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="carts",
                to=settings.AUTH_USER_MODEL,
                verbose_name="user",
            ),
        ),
        migrations.AddIndex(
            model_name="cartchange",
            index=models.Index(
                condition=models.Q(("actor", ""), _negated=True),
                fields=["actor"],
                name="cartchange_by_actor",
            ),
        ),
        migrations.RunSQL(CREATE, DROP),
    ]
