from django.db import migrations, models

# Tokens of users who are inactive now are never to live again; they are of generation 0.
END_INACTIVE = """
DELETE FROM accounts_accesschange WHERE NOT is_revoked;
UPDATE accounts_user SET generation = 1 WHERE NOT is_active;
"""

# Where the tables are is kept in the functions: a restore of data runs without a search path.
CREATE_TRIGGERS = """
DROP TRIGGER accounts_user_deleted ON accounts_user;
DROP TRIGGER accounts_user_access_changed ON accounts_user;
DROP FUNCTION accounts_note_access_change();

CREATE FUNCTION accounts_raise_generation() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- A row that was read before it rose may be written back.
    NEW.generation := GREATEST(NEW.generation, OLD.generation);
    -- A hash that is only renewed is told beforehand, in its transaction.
    IF OLD.is_active AND NOT NEW.is_active
       OR NEW.password IS DISTINCT FROM OLD.password
          AND NEW.password IS DISTINCT FROM current_setting('accounts.renewed_hash', true)
    THEN
        NEW.generation := GREATEST(
            NEW.generation,
            OLD.generation + 1,
            (extract(epoch FROM clock_timestamp()) * 1000)::bigint
        );
    END IF;
    RETURN NEW;
END
$$;

-- An account that is made again under its old id goes on from where it ended.
CREATE FUNCTION accounts_resume_generation() RETURNS trigger LANGUAGE plpgsql
SET search_path FROM CURRENT AS $$
BEGIN
    NEW.generation := GREATEST(
        NEW.generation,
        (SELECT generation FROM accounts_accesschange WHERE user_id = NEW.id)
    );
    RETURN NEW;
END
$$;

CREATE FUNCTION accounts_note_generation() RETURNS trigger LANGUAGE plpgsql
SET search_path FROM CURRENT AS $$
BEGIN
    INSERT INTO accounts_accesschange (user_id, generation, changed_at)
    VALUES (
        OLD.id,
        CASE TG_OP WHEN 'DELETE' THEN GREATEST(
            OLD.generation + 1, (extract(epoch FROM clock_timestamp()) * 1000)::bigint
        ) ELSE NEW.generation END,
        clock_timestamp()
    )
    ON CONFLICT (user_id) DO UPDATE
    SET generation = GREATEST(accounts_accesschange.generation, excluded.generation),
        changed_at = excluded.changed_at;
    RETURN NULL;
END
$$;

CREATE TRIGGER accounts_user_resumed BEFORE INSERT ON accounts_user
FOR EACH ROW EXECUTE FUNCTION accounts_resume_generation();
CREATE TRIGGER accounts_user_ending BEFORE UPDATE OF password, is_active, generation
ON accounts_user FOR EACH ROW EXECUTE FUNCTION accounts_raise_generation();
CREATE TRIGGER accounts_user_ended AFTER UPDATE ON accounts_user
FOR EACH ROW WHEN (OLD.generation IS DISTINCT FROM NEW.generation)
EXECUTE FUNCTION accounts_note_generation();
CREATE TRIGGER accounts_user_deleted AFTER DELETE ON accounts_user
FOR EACH ROW EXECUTE FUNCTION accounts_note_generation();
"""

DROP_TRIGGERS = """
DROP TRIGGER accounts_user_deleted ON accounts_user;
DROP TRIGGER accounts_user_ended ON accounts_user;
DROP TRIGGER accounts_user_ending ON accounts_user;
DROP TRIGGER accounts_user_resumed ON accounts_user;
DROP FUNCTION accounts_note_generation();
DROP FUNCTION accounts_resume_generation();
DROP FUNCTION accounts_raise_generation();

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


class Migration(migrations.Migration):
    dependencies = [("accounts", "0003_role_grants")]

    operations = [
        migrations.AddField(
            model_name="user",
            name="generation",
            field=models.BigIntegerField(db_default=0, default=0, editable=False),
        ),
        migrations.RunSQL(END_INACTIVE, migrations.RunSQL.noop),
        migrations.AddField(
            model_name="accesschange",
            name="generation",
            # Until now whoever had a row was refused: every token is below 1.
            field=models.BigIntegerField(default=1),
            preserve_default=False,
        ),
        # For the way back: what has ended must not live again there.
        migrations.AlterField(
            model_name="accesschange",
            name="is_revoked",
            field=models.BooleanField(default=True),
        ),
        migrations.RemoveField(model_name="accesschange", name="is_revoked"),
        migrations.RunSQL(CREATE_TRIGGERS, DROP_TRIGGERS),
    ]
