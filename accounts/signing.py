"""The keys of tokens: the newest signs, and any verifies, so that a key can be changed quietly."""

from functools import cache
from typing import Any

from django.conf import settings
from rest_framework_simplejwt.backends import TokenBackend
from rest_framework_simplejwt.exceptions import TokenBackendError
from rest_framework_simplejwt.settings import api_settings
from rest_framework_simplejwt.tokens import AccessToken, RefreshToken, Token


class RotatingBackend(TokenBackend):
    """Signs with the first key, and takes what any of the keys has signed."""

    def __init__(self, algorithm: str, keys: tuple[str, ...]) -> None:
        super().__init__(algorithm, keys[0])
        self._older = [TokenBackend(algorithm, key) for key in keys[1:]]

    def decode(self, token: Token, verify: bool = True) -> dict[str, Any]:
        """Return the claims of a living token; raises TokenBackendError."""
        try:
            return super().decode(token, verify)
        except TokenBackendError as error:
            for backend in self._older:
                try:
                    return backend.decode(token, verify)
                except TokenBackendError:
                    continue
            raise error


def get_backend() -> RotatingBackend:
    """Return the backend of JWT_SIGNING_KEY and its fallbacks."""
    keys = (settings.SIMPLE_JWT["SIGNING_KEY"], *settings.JWT_SIGNING_KEY_FALLBACKS)
    return _build_backend(api_settings.ALGORITHM, keys)


@cache
def _build_backend(algorithm: str, keys: tuple[str, ...]) -> RotatingBackend:
    return RotatingBackend(algorithm, keys)


class SignedAccessToken(AccessToken):
    """Lets a user act for some minutes."""

    @property
    def token_backend(self) -> TokenBackend:
        return get_backend()


class SignedRefreshToken(RefreshToken):
    """Lets a user stay signed in for some weeks."""

    access_token_class = SignedAccessToken

    @property
    def token_backend(self) -> TokenBackend:
        return get_backend()
