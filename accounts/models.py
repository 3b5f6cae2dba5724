"""Users, and the record of when each one's access was last taken away or given back."""

from typing import Any, ClassVar, Self

from cuid2 import create_id
from django.contrib.auth.hashers import check_password, make_password
from django.contrib.auth.models import AbstractUser, UserManager
from django.db import models, transaction
from django.db.models.functions import Lower
from django.dispatch import Signal
from django.utils.translation import gettext_lazy as _

# What Django has no signal for: a bulk update may have changed whether `user_ids` are active.
# Sent inside the transaction of the update.
users_updated = Signal()


class UserQuerySet(models.QuerySet["User"]):
    """Users, found without regard to case, whose changes of access never go unnoticed."""

    def with_username(self, username: str) -> Self:
        """Keep the one user of this name, whatever its case."""
        return self.alias(_name=Lower("username")).filter(_name=Lower(models.Value(username)))

    def with_email(self, email: str) -> Self:
        """Keep the one user of this address, whatever its case."""
        return self.alias(_email=Lower("email")).filter(_email=Lower(models.Value(email)))

    def with_address(self, text: str) -> Self:
        """Keep the user of this e-mail address, before the one whose name looks like it.

        One query whoever there is, so that its time tells nothing.
        """
        name = User.normalize_username(text)
        is_email = models.Q(_email=Lower(models.Value(text)))
        is_name = models.Q(_name=Lower(models.Value(name)), username__contains="@")
        lowered = self.alias(_email=Lower("email"), _name=Lower("username"))
        return lowered.filter(is_email | is_name).order_by(
            models.Case(models.When(is_email, then=0), default=1)
        )

    def update(self, **changes: Any) -> int:
        if "is_active" not in changes:
            return super().update(**changes)
        with transaction.atomic(using=self.db):
            user_ids = list(self.values_list("pk", flat=True))
            changed = super().update(**changes)
            users_updated.send(User, user_ids=user_ids)
        return changed


_UserManager = UserManager.from_queryset(UserQuerySet)


class AccountManager(_UserManager["User"]):
    """Creates users, and finds them by name whatever its case."""

    use_in_migrations = False

    def get_by_natural_key(self, username: str | None) -> "User":
        return self.with_username(username or "").get()


class User(AbstractUser):
    """A buyer or a member of staff. Neither two names nor two addresses differ by case alone."""

    id = models.CharField(primary_key=True, max_length=24, default=create_id, editable=False)
    email = models.EmailField(_("email address"))

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

        Unlike Django's, the renewal writes over no password that was set meanwhile.
        """

        def renew(raw_password: str) -> None:
            renewed = make_password(raw_password)
            User.objects.filter(pk=self.pk, password=self.password).update(password=renewed)
            self.password = renewed

        return check_password(raw_password, self.password, renew)


class AccessChange(models.Model):
    """When a user was last deactivated, reactivated or deleted.

    The database writes these rows itself (a trigger on the users' table), so they also tell of
    changes no Python code has seen. Access tokens live on without a query: a row younger than
    one token lifetime says which of them must be refused. Older rows mean nothing.
    """

    user_id = models.CharField(primary_key=True, max_length=24)
    is_revoked = models.BooleanField()
    changed_at = models.DateTimeField()

    class Meta:
        verbose_name = _("access change")
        verbose_name_plural = _("access changes")

    def __str__(self) -> str:
        return self.user_id


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
