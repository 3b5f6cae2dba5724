"""Who is calling: a buyer, told from the access token alone, or a program, by its service key."""

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar, cast

from django.conf import settings
from django.utils import timezone
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request
from rest_framework_simplejwt.exceptions import TokenBackendError
from rest_framework_simplejwt.settings import api_settings
from rest_framework_simplejwt.tokens import AccessToken, Token

from accounts.errors import TokenNotValid
from accounts.keys import find_key
from accounts.signing import get_backend
from carts.domain.cart import Access, is_id
from config.http.ratelimit import (
    Charge,
    RateLimit,
    client_address,
    client_network,
    enforce_limits_if_counted,
)

logger = logging.getLogger(__name__)

# About 1 KB each in every worker process.
_REMEMBERED_TOKENS = 4096


@dataclass(frozen=True, slots=True)
class TokenBearer:
    """The user an access token names. Whether that user still exists has not been looked up.

    `expires_at` is in seconds since the epoch; `access` tells whether the token has been ended.
    """

    id: str
    expires_at: float
    access: Access

    is_authenticated: ClassVar[bool] = True
    is_anonymous: ClassVar[bool] = False

    @property
    def pk(self) -> str:
        return self.id


class StatelessJWTAuthentication(BaseAuthentication):
    """Read `Authorization: Bearer <access token>`.

    Without the header the caller is nobody. A header with anything but a living access token is
    answered 401, and never served as if it were not there.
    """

    def authenticate(self, request: Request) -> tuple[TokenBearer, str] | None:
        header = request.META.get("HTTP_AUTHORIZATION")
        if header is None:
            return None
        scheme, _, token = header.partition(" ")
        if scheme.lower() != "bearer":
            raise TokenNotValid
        return read_access_token(token), token

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="api"'


def read_access_token(token: str) -> TokenBearer:
    """Return whom a living access token names: in 1 microsecond if seen before, else in 50.

    Raises TokenNotValid for any other text.
    """
    bearer = _verify_access_token(token)
    if bearer.expires_at <= time.time():
        raise TokenNotValid
    return bearer


# Remembering is safe: nothing about a signed token changes except that it ends, and that is checked
# on every use. Refused tokens raise, and so are not remembered.
@lru_cache(maxsize=_REMEMBERED_TOKENS)
def _verify_access_token(token: str) -> TokenBearer:
    try:
        claims = get_backend().decode(cast("Token", token))
    except TokenBackendError as error:
        raise TokenNotValid from error
    # The backend checks signature, algorithm and time, but lets any claim be absent.
    user_id = claims.get(api_settings.USER_ID_CLAIM)
    expires_at = claims.get("exp")
    if claims.get(api_settings.TOKEN_TYPE_CLAIM) != AccessToken.token_type:
        raise TokenNotValid
    if not isinstance(user_id, str) or not is_id(user_id) or not isinstance(expires_at, int):
        raise TokenNotValid
    # Tokens of releases without these claims are of the first generation.
    access = Access(claims.get("generation", 0), claims.get("family", ""))
    return TokenBearer(user_id, expires_at, access)


@dataclass(frozen=True, slots=True)
class KeyBearer:
    """The program that calls by a living service key. `actor` is what logs call it."""

    actor: str
    scopes: Sequence[str]

    is_authenticated: ClassVar[bool] = True
    is_anonymous: ClassVar[bool] = False


class ServiceKeyAuthentication(BaseAuthentication):
    """Read `Authorization: Bearer sk_…`, on calls that nobody else may make.

    Anything but a living key is 401, and 429 where one address has tried too many. Nobody guesses a
    key, so this only bounds noise: a good key works from such an address, too.
    """

    def authenticate(self, request: Request) -> tuple[KeyBearer, None] | None:
        header = request.META.get("HTTP_AUTHORIZATION")
        if header is None:
            return None
        scheme, _, secret = header.partition(" ")
        key = find_key(secret, timezone.now()) if scheme.lower() == "bearer" else None
        if key is None:
            logger.warning("wrong service key from %s", client_address(request))
            limit = RateLimit("service-keys", settings.RATE_LIMIT_SERVICE_KEYS_PER_ADDRESS)
            enforce_limits_if_counted([Charge(limit, client_network(request))])
            raise TokenNotValid
        return KeyBearer(f"key:{key.name}", tuple(key.scopes)), None

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="api"'


class BearerScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """Tell drf-spectacular how to describe the authentication."""

    target_class = StatelessJWTAuthentication
    name = "bearer"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}


class ServiceKeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """Tell drf-spectacular of service keys."""

    target_class = ServiceKeyAuthentication
    name = "serviceKey"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:
        return {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "sk_…",
            "description": "A service key, made in admin or by `manage.py service_key add`.",
        }
