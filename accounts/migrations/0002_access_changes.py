from django.db import migrations, models

CREATE_TRIGGER = """
CREATE FUNCTION accounts_note_access_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO accounts_accesschange (user_id, is_revoked, changed_at)
    VALUES (OLD.id, TG_OP = 'DELETE' OR NOT NEW.is_active, clock_timestamp())
    ON CONFLICT (user_id) DO UPDATE
    SET is_revoked = excluded.is_revoked, changed_at = excluded.changed_at;
    RETURN NULL;
END
$$;
CREATE TRIGGER accounts_user_access_changed
AFTER UPDATE OF is_active ON accounts_user
FOR EACH ROW WHEN (OLD.is_active IS DISTINCT FROM NEW.is_active)
EXECUTE FUNCTION accounts_note_access_change();
CREATE TRIGGER accounts_user_deleted
AFTER DELETE ON accounts_user
FOR EACH ROW EXECUTE FUNCTION accounts_note_access_change();
"""

DROP_TRIGGER = """
DROP TRIGGER accounts_user_deleted ON accounts_user;
DROP TRIGGER accounts_user_access_changed ON accounts_user;
DROP FUNCTION accounts_note_access_change();
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0001_initial")]

    operations = [
        migrations.CreateModel(
            name="AccessChange",
            fields=[
                (
                    "user_id",
                    models.CharField(max_length=24, primary_key=True, serialize=False),
                ),
                ("is_revoked", models.BooleanField()),
                ("changed_at", models.DateTimeField()),
            ],
            options={
                "verbose_name": "access change",
                "verbose_name_plural": "access changes",
            },
        ),
        migrations.RunSQL(CREATE_TRIGGER, DROP_TRIGGER),
    ]
