"""The pair of tokens a signed-in user holds: a short-lived access token and its refresh token.

Each sign-in begins a family of refresh tokens, of which one is current; exchanging it makes the
next one current. An older one that comes again has been copied, and ends the family. Within ten
seconds of the exchange it comes from another tab, or from a client that lost the answer, and gets
the current one, too. So of two who hold a copied token, one is found out at the next exchange.

Both tokens carry the user's generation (see `accounts.models.User`).
"""

import logging
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import uuid4

from django.db import transaction
from django.db.models import BooleanField, ExpressionWrapper, Q
from django.db.models.functions import Now
from rest_framework_simplejwt.exceptions import TokenError
from rest_framework_simplejwt.settings import api_settings
from rest_framework_simplejwt.utils import datetime_from_epoch

from accounts.errors import TokenNotValid
from accounts.models import RefreshFamily, User
from accounts.revocation import apply_ended_family
from accounts.signing import SignedRefreshToken
from carts.domain.cart import is_id

logger = logging.getLogger(__name__)

REPEAT_WITHIN = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class TokenPair:
    """Both tokens, encoded."""

    access: str
    refresh: str


@dataclass(frozen=True, slots=True)
class _Claims:
    """What a refresh token says; a token of a release without families is a family of its own."""

    id: str
    user_id: str
    generation: int
    family: str


def issue_tokens(user: User) -> TokenPair:
    """Begin a family, and sign its first pair for a user who is known to be active."""
    token = SignedRefreshToken()
    token_id = _new_id()
    family = RefreshFamily.objects.create(
        id=token_id, user=user, token_id=token_id, expires_at=_expiry(token)
    )
    return _sign(token, user, family)


def rotate_tokens(refresh_token: str) -> TokenPair:
    """Exchange a refresh token for a new pair of its family; raises TokenNotValid."""
    pair = _exchange(_read(refresh_token))
    if pair is None:
        raise TokenNotValid
    return pair


def revoke_tokens(refresh_token: str) -> str:
    """End a refresh token's family and return its user's id; raises TokenNotValid.

    The access tokens issued with it live on until they expire.
    """
    claims = _read(refresh_token)
    families = RefreshFamily.objects.filter(pk=claims.family, user_id=claims.user_id)
    deleted, _ = families.filter(ended_at=None).delete()
    if not deleted:
        raise TokenNotValid
    return claims.user_id


@transaction.atomic
def _exchange(claims: _Claims) -> TokenPair | None:
    """Return the new pair; None for a token that gets none.

    An exchange waits for another one of the same family.
    """
    family = _lock_family(claims)
    user = User.objects.filter(
        pk=claims.user_id, is_active=True, generation=claims.generation
    ).first()
    if family is None or user is None:
        return None
    if claims.id == family.token_id:
        return _advance(user, family)
    if claims.id == family.previous_id and family.is_fresh:
        return _sign(SignedRefreshToken(), user, family)
    _end(family)
    return None


def _lock_family(claims: _Claims) -> Any:
    """Return the living family, locked; `is_fresh` tells whether it was advanced just now."""
    fresh = Q(rotated_at__gte=Now() - REPEAT_WITHIN)
    families = RefreshFamily.objects.select_for_update().annotate(
        is_fresh=ExpressionWrapper(fresh, output_field=BooleanField())
    )
    return families.filter(pk=claims.family, user_id=claims.user_id, ended_at=None).first()


def _advance(user: User, family: RefreshFamily) -> TokenPair:
    token = SignedRefreshToken()
    family.previous_id, family.token_id = family.token_id, _new_id()
    RefreshFamily.objects.filter(pk=family.pk).update(
        token_id=family.token_id,
        previous_id=family.previous_id,
        rotated_at=Now(),
        expires_at=_expiry(token),
    )
    return _sign(token, user, family)


def _end(family: RefreshFamily) -> None:
    logger.warning("a refresh token of user %s came again: its family is ended", family.user_id)
    RefreshFamily.objects.filter(pk=family.pk).update(ended_at=Now())
    transaction.on_commit(partial(apply_ended_family, family.user_id, family.pk))


def _sign(refresh: SignedRefreshToken, user: User, family: RefreshFamily) -> TokenPair:
    refresh[api_settings.USER_ID_CLAIM] = user.pk
    refresh[api_settings.JTI_CLAIM] = family.token_id
    refresh["generation"] = user.generation
    refresh["family"] = family.pk
    return TokenPair(access=str(refresh.access_token), refresh=str(refresh))


def _read(text: str) -> _Claims:
    try:
        claims = SignedRefreshToken(text).payload  # type: ignore[arg-type]
    except TokenError as error:
        raise TokenNotValid from error
    token_id = str(claims[api_settings.JTI_CLAIM])
    user_id = str(claims.get(api_settings.USER_ID_CLAIM, ""))
    family = str(claims.get("family", token_id))
    # Signed is not sane: the database takes no NUL, and no half of a surrogate pair.
    if not all(map(is_id, (token_id, user_id, family))):
        raise TokenNotValid
    return _Claims(
        id=token_id,
        user_id=user_id,
        generation=int(claims.get("generation", 0)),
        family=family,
    )


def _expiry(token: SignedRefreshToken) -> Any:
    return datetime_from_epoch(token.payload["exp"])


def _new_id() -> str:
    return uuid4().hex
