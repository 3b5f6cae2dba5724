"""Erase what goes with an account when its row is deleted, whoever does it.

The log of the staff site stays as far as others acted on the account, without the account's name.
"""

from django.db import migrations

CREATE = """
CREATE FUNCTION accounts_erase_user() RETURNS trigger LANGUAGE plpgsql
SET search_path FROM CURRENT AS $$
BEGIN
    DELETE FROM accounts_refreshfamily WHERE user_id = OLD.id;
    DELETE FROM accounts_user_groups WHERE user_id = OLD.id;
    DELETE FROM accounts_user_user_permissions WHERE user_id = OLD.id;
    DELETE FROM django_admin_log WHERE user_id = OLD.id;
    UPDATE django_admin_log SET object_repr = OLD.id, change_message = ''
    WHERE object_id = OLD.id AND content_type_id = (
        SELECT id FROM django_content_type WHERE app_label = 'accounts' AND model = 'user'
    );
    RETURN OLD;
END
$$;
CREATE TRIGGER accounts_user_erased BEFORE DELETE ON accounts_user
FOR EACH ROW EXECUTE FUNCTION accounts_erase_user();
"""

DROP = """
DROP TRIGGER accounts_user_erased ON accounts_user;
DROP FUNCTION accounts_erase_user();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0005_refresh_families"),
        ("admin", "0003_logentry_add_action_flag_choices"),
    ]

    operations = [migrations.RunSQL(CREATE, DROP)]
