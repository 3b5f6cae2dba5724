"""The pair of tokens a signed-in user holds: a short-lived access token and its refresh token.

A refresh token works once: it is blacklisted when it is exchanged, and at logout.
"""

from dataclasses import dataclass
from typing import cast

from django.db import transaction
from rest_framework_simplejwt.exceptions import TokenError
from rest_framework_simplejwt.settings import api_settings
from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken
from rest_framework_simplejwt.tokens import RefreshToken

from accounts.errors import TokenNotValid
from accounts.models import User


@dataclass(frozen=True, slots=True)
class TokenPair:
    """Both tokens, encoded."""

    access: str
    refresh: str


def issue_tokens(user: User) -> TokenPair:
    """Sign a new pair for a user who is known to be active."""
    refresh = RefreshToken.for_user(user)
    return TokenPair(access=str(refresh.access_token), refresh=str(refresh))


@transaction.atomic
def rotate_tokens(refresh_token: str) -> TokenPair:
    """Exchange a refresh token for a new pair, once; raises TokenNotValid.

    Of two exchanges at once, only the one which adds the row to the blacklist goes on.
    """
    refresh = _read_refresh_token(refresh_token)
    user = User.objects.filter(pk=_user_id(refresh), is_active=True).first()
    if user is None:
        raise TokenNotValid
    _blacklist(refresh)
    return issue_tokens(user)


def revoke_tokens(refresh_token: str) -> str:
    """Make a refresh token worthless and return its user's id; raises TokenNotValid.

    The access token issued with it lives on until it expires.
    """
    refresh = _read_refresh_token(refresh_token)
    _blacklist(refresh)
    return _user_id(refresh)


def _read_refresh_token(text: str) -> RefreshToken:
    try:
        return RefreshToken(text)  # type: ignore[arg-type]
    except TokenError as error:
        raise TokenNotValid from error


def _user_id(refresh: RefreshToken) -> str:
    return str(refresh.payload.get(api_settings.USER_ID_CLAIM, ""))


def _blacklist(refresh: RefreshToken) -> None:
    # Annotated as the row alone, it returns what get_or_create does.
    _, is_new = cast("tuple[BlacklistedToken, bool]", refresh.blacklist())
    if not is_new:
        raise TokenNotValid
