"""Users, their sign-ins, and the record of when tokens were ended."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, ClassVar, Self

from cuid2 import create_id
from django.contrib.auth.hashers import check_password, make_password
from django.contrib.auth.models import AbstractUser, UserManager
from django.core.validators import RegexValidator
from django.db import connections, models, transaction
from django.db.models.functions import Lower
from django.dispatch import Signal
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext_lazy as _

# What Django has no signal for: a bulk update may have ended tokens of `user_ids`. Sent inside the
# transaction of the update.
users_updated = Signal()

# A change of one of these may end tokens.
ENDING_FIELDS = frozenset({"password", "is_active", "generation"})


class UserQuerySet(models.QuerySet["User"]):
    """Users, found in any case, with a signal for each change that may end tokens."""

    def with_username(self, username: str) -> Self:
        """Keep the one user of this name, whatever its case."""
        return self.alias(_name=Lower("username")).filter(_name=Lower(models.Value(username)))

    def with_email(self, email: str) -> Self:
        """Keep the one user of this address, whatever its case."""
        return self.alias(_email=Lower("email")).filter(_email=Lower(models.Value(email)))

    def with_address(self, text: str) -> Self:
        """Keep the user of this e-mail address, then the one who has it as a name.

        One query in every case, so that its time tells nothing.
        """
        name = User.normalize_username(text)
        is_email = models.Q(_email=Lower(models.Value(text)))
        is_name = models.Q(_name=Lower(models.Value(name)), username__contains="@")
        lowered = self.alias(_email=Lower("email"), _name=Lower("username"))
        return lowered.filter(is_email | is_name).order_by(
            models.Case(models.When(is_email, then=0), default=1)
        )

    def update(self, **changes: Any) -> int:
        if ENDING_FIELDS.isdisjoint(changes):
            return super().update(**changes)
        with transaction.atomic(using=self.db):
            user_ids = list(self.values_list("pk", flat=True))
            changed = super().update(**changes)
            users_updated.send(User, user_ids=user_ids)
        return changed

    def renew_hash(self, *, old: str, renewed: str) -> None:
        """Replace the hash by another one of the same password; no token ends."""
        with transaction.atomic(using=self.db), connections[self.db].cursor() as cursor:
            # The trigger on the table looks for it.
            cursor.execute("SELECT set_config('accounts.renewed_hash', %s, true)", [renewed])
            models.QuerySet.update(self.filter(password=old), password=renewed)


class _AccountManager(UserManager["User"]):
    """Creates users, and finds them by name whatever its case."""

    use_in_migrations = False

    def get_by_natural_key(self, username: str | None) -> "User":
        return UserQuerySet(self.model, using=self._db).with_username(username or "").get()


AccountManager = _AccountManager.from_queryset(UserQuerySet)


class User(AbstractUser):
    """A buyer or a member of staff. Neither two names nor two addresses differ by case alone.

    Tokens and sessions carry the `generation` of their user, and are worthless once it has risen.
    The database raises it itself (a trigger): when the password changes, unless its hash is only
    renewed, and when the user is deactivated. It is never lowered, and rises at least to the time
    in ms, so that a database restored from a backup gives no number out again.
    """

    id = models.CharField(primary_key=True, max_length=24, default=create_id, editable=False)
    email = models.EmailField(_("email address"))
    generation = models.BigIntegerField(default=0, db_default=0, editable=False)

    objects: ClassVar[AccountManager] = AccountManager()

    class Meta(AbstractUser.Meta):
        constraints = (
            models.UniqueConstraint(
                Lower("username"),
                name="accounts_user_username_ci_unique",
                violation_error_message=_("A user with that username already exists."),
            ),
            models.UniqueConstraint(
                Lower("email"),
                name="accounts_user_email_ci_unique",
                violation_error_message=_("A user with that email address already exists."),
            ),
        )

    def check_password(self, raw_password: str | None) -> bool:
        """Tell whether this is the password; a hash of an older kind is then renewed.

        Unlike Django's, the renewal never overwrites a password that was set meanwhile.
        """

        def renew(raw_password: str) -> None:
            renewed = make_password(raw_password)
            User.objects.filter(pk=self.pk).renew_hash(old=self.password, renewed=renewed)
            self.password = renewed

        return check_password(raw_password, self.password, renew)

    def save(self, *args: Any, update_fields: Iterable[str] | None = None, **options: Any) -> None:
        """Save, and learn the generation where the database may have raised it."""
        is_new = self._state.adding
        super().save(*args, update_fields=update_fields, **options)
        if not is_new and (update_fields is None or not ENDING_FIELDS.isdisjoint(update_fields)):
            self.refresh_from_db(fields=["generation"])

    def _get_session_auth_hash(self, secret: str | None = None) -> str:
        salt = "accounts.models.User.session"
        generation = f"{self.pk}|{self.generation}"
        return salted_hmac(salt, generation, secret=secret, algorithm="sha256").hexdigest()


class AccessChange(models.Model):
    """When a user's generation last rose, or the user was deleted.

    The database writes these rows itself (a trigger on the users' table), so they also tell of
    changes no Python code has seen. Access tokens live on without a query: a row younger than
    one token lifetime says that those below its generation must be refused. Older rows mean
    nothing.
    """

    user_id = models.CharField(primary_key=True, max_length=24)
    generation = models.BigIntegerField()
    changed_at = models.DateTimeField()

    class Meta:
        verbose_name = _("access change")
        verbose_name_plural = _("access changes")

    def __str__(self) -> str:
        return self.user_id


class RefreshFamily(models.Model):
    """A sign-in: the refresh tokens that follow one another, of which one is current.

    `ended_at` is when an exchanged one came again. Signing out deletes the row.
    """

    id = models.CharField(primary_key=True, max_length=32, editable=False)
    # Without a constraint, so that raw SQL can delete a user; the row expires by itself.
    user = models.ForeignKey(
        User, on_delete=models.CASCADE, related_name="families", db_constraint=False
    )
    token_id = models.CharField(max_length=32)
    previous_id = models.CharField(max_length=32, default="")
    rotated_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField(db_index=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("sign-in")
        verbose_name_plural = _("sign-ins")
        indexes = (
            models.Index(
                fields=["ended_at"],
                condition=models.Q(ended_at__isnull=False),
                name="refreshfamily_ended",
            ),
        )

    def __str__(self) -> str:
        return self.id


class RoleGrant(models.Model):
    """A permission that a ready-made role has been given once (see `accounts.roles`).

    Whether its group still has it is up to the operators; it is not given a second time.
    """

    role = models.CharField(_("role"), max_length=150)
    permission = models.CharField(_("permission"), max_length=200)

    class Meta:
        verbose_name = _("role grant")
        verbose_name_plural = _("role grants")
        constraints = (
            models.UniqueConstraint(fields=("role", "permission"), name="rolegrant_once"),
        )

    def __str__(self) -> str:
        return f"{self.role}: {self.permission}"


class ServiceKey(models.Model):
    """A key by which a program of the shop calls the API (see `accounts.keys`).

    Logs name it, so a name is given once and rows stay for ever. `prefix` is how people tell keys
    apart; `last_used_at` is right to a minute.
    """

    id = models.CharField(primary_key=True, max_length=24, default=create_id, editable=False)
    name = models.CharField(
        _("name"),
        max_length=64,
        unique=True,
        validators=[
            RegexValidator(
                r"^\w[\w.-]*\Z", _("A name has letters, digits, and . _ - after the first.")
            )
        ],
        help_text=_("What uses it. Logs name it, so a name cannot be used again."),
    )
    prefix = models.CharField(_("begins with"), max_length=12, editable=False)
    key_hash = models.CharField(max_length=64, unique=True, editable=False)
    # A list of values of `accounts.scopes.Scope`.
    scopes = models.JSONField(_("scopes"))
    created_at = models.DateTimeField(_("created"), editable=False)
    expires_at = models.DateTimeField(_("expires"), null=True, blank=True)
    last_used_at = models.DateTimeField(_("last used"), null=True, editable=False)
    revoked_at = models.DateTimeField(_("revoked"), null=True, editable=False)

    # The key itself: no column, and only there on one that has just been made.
    secret = ""

    class Meta:
        ordering = ("-created_at", "-id")
        verbose_name = _("service key")
        verbose_name_plural = _("service keys")
        default_permissions = ("view",)
        permissions = (("issue_servicekey", "Can make and revoke service keys"),)

    def __str__(self) -> str:
        return self.name

    def is_living(self, now: datetime) -> bool:
        """Tell whether it is neither revoked nor expired."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)
