"""Accounts: making one, and proving to be its owner."""

from django.contrib.auth.hashers import make_password
from django.db import IntegrityError, transaction
from django.db.models import Exists
from django.utils import timezone

from accounts.attempts import Attempt, counted
from accounts.errors import AccountExists, InvalidCredentials
from accounts.models import RefreshFamily, User
from carts.domain.cart import Access


def register_user(*, username: str, email: str, password: str) -> User:
    """Create a user. The values have been validated; raises AccountExists."""
    _refuse_taken(username=username, email=email)
    try:
        with transaction.atomic():
            return User.objects.create_user(username, email, password)
    except IntegrityError:
        # Somebody took the name or the address between the look and the insert.
        _refuse_taken(username=username, email=email)
        raise


def check_credentials(
    *, username: str | None, email: str | None, password: str, address: str
) -> User:
    """Return the active user of this name, or else of this e-mail, if the password is theirs.

    Names may look like addresses: where nobody has the e-mail, it is taken for a name. `address` is
    the client's. Raises InvalidCredentials, after the same work whether or not there is such a
    user; RateLimited and RateLimiterUnavailable, before any.
    """
    users = User.objects.all()
    named = users.with_address(email or "") if username is None else users.with_username(username)
    user = named.first()
    with counted(Attempt.on(user, name=username or email or "", address=address)):
        if user is None:
            make_password(password)
            raise InvalidCredentials
        if not user.check_password(password) or not user.is_active:
            raise InvalidCredentials
    User.objects.filter(pk=user.pk).update(last_login=timezone.now())
    return user


def confirm_password(user: User, password: str, *, address: str) -> None:
    """Return if this is the password of a user who is signed in; raises as above."""
    with counted(Attempt.on(user, name="", address=address)):
        if not user.check_password(password):
            raise InvalidCredentials


def read_living_user(user_id: str, access: Access | None) -> User | None:
    """Return the user of a token if the account is active and the token has not been ended."""
    if access is None:
        return None
    ended = RefreshFamily.objects.filter(pk=access.family, ended_at__isnull=False)
    users = User.objects.filter(pk=user_id, is_active=True, generation=access.generation)
    return users.exclude(Exists(ended)).first()


def _refuse_taken(*, username: str, email: str) -> None:
    users = User.objects.all()
    found = {
        "username": users.with_username(User.normalize_username(username)),
        "email": users.with_email(email),
    }
    taken = [field for field, others in found.items() if others.exists()]
    if taken:
        told = {field: [f"An account with this {field} already exists."] for field in taken}
        raise AccountExists(fields=told)
