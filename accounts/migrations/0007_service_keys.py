import cuid2.generator
import django.core.validators
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0006_erased_users"),
    ]

    operations = [
        migrations.CreateModel(
            name="ServiceKey",
            fields=[
                (
                    "id",
                    models.CharField(
                        default=cuid2.generator.create_id,
                        editable=False,
                        max_length=24,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                (
                    "name",
                    models.CharField(
                        help_text="What uses it. Logs name it, so a name cannot be used again.",
                        max_length=64,
                        unique=True,
                        validators=[
                            django.core.validators.RegexValidator(
                                "^\\w[\\w.-]*\\Z",
                                "A name has letters, digits, and . _ - after the first.",
                            )
                        ],
                        verbose_name="name",
                    ),
                ),
                (
                    "prefix",
                    models.CharField(editable=False, max_length=12, verbose_name="begins with"),
                ),
                ("key_hash", models.CharField(editable=False, max_length=64, unique=True)),
                ("scopes", models.JSONField(verbose_name="scopes")),
                ("created_at", models.DateTimeField(editable=False, verbose_name="created")),
                ("expires_at", models.DateTimeField(blank=True, null=True, verbose_name="expires")),
                (
                    "last_used_at",
                    models.DateTimeField(editable=False, null=True, verbose_name="last used"),
                ),
                (
                    "revoked_at",
                    models.DateTimeField(editable=False, null=True, verbose_name="revoked"),
                ),
            ],
            options={
                "verbose_name": "service key",
                "verbose_name_plural": "service keys",
                "ordering": ("-created_at", "-id"),
                "permissions": (("issue_servicekey", "Can make and revoke service keys"),),
                "default_permissions": ("view",),
            },
        ),
    ]
