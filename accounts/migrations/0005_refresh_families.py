import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

# Where tokens were kept before. Whoever is signed in stays so: a living token is a family of its
# own. The tables stay for processes of the release before, without the tokens' text, and without
# standing in the way of users that are deleted; they may be dropped when those have ended.
TAKE_OVER = """
DO $$
DECLARE
    reference record;
BEGIN
    IF to_regclass('token_blacklist_outstandingtoken') IS NULL THEN
        RETURN;
    END IF;
    INSERT INTO accounts_refreshfamily (id, user_id, token_id, previous_id, expires_at)
    SELECT jti, user_id, jti, '', expires_at
    FROM token_blacklist_outstandingtoken AS token
    WHERE user_id IS NOT NULL AND expires_at > now() AND length(jti) <= 32
      AND NOT EXISTS (
        SELECT FROM token_blacklist_blacklistedtoken AS ended WHERE ended.token_id = token.id
      );
    UPDATE token_blacklist_outstandingtoken SET token = '';
    FOR reference IN
        SELECT conname FROM pg_constraint
        WHERE contype = 'f'
          AND conrelid = 'token_blacklist_outstandingtoken'::regclass
          AND confrelid = 'accounts_user'::regclass
    LOOP
        EXECUTE format(
            'ALTER TABLE token_blacklist_outstandingtoken DROP CONSTRAINT %I', reference.conname
        );
    END LOOP;
END
$$
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0004_generations")]

    operations = [
        migrations.CreateModel(
            name="RefreshFamily",
            fields=[
                (
                    "id",
                    models.CharField(
                        editable=False, max_length=32, primary_key=True, serialize=False
                    ),
                ),
                ("token_id", models.CharField(max_length=32)),
                ("previous_id", models.CharField(default="", max_length=32)),
                ("rotated_at", models.DateTimeField(null=True)),
                ("expires_at", models.DateTimeField(db_index=True)),
                ("ended_at", models.DateTimeField(null=True)),
                (
                    "user",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="families",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={"verbose_name": "sign-in", "verbose_name_plural": "sign-ins"},
        ),
        migrations.AddIndex(
            model_name="refreshfamily",
            index=models.Index(
                condition=models.Q(("ended_at__isnull", False)),
                fields=["ended_at"],
                name="refreshfamily_ended",
            ),
        ),
        migrations.RunSQL(TAKE_OVER, migrations.RunSQL.noop),
    ]
