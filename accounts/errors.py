"""What can go wrong with an account.

Failures of credentials are DRF's, so that their 401 carries WWW-Authenticate.
"""

from dataclasses import dataclass
from typing import ClassVar

from rest_framework.exceptions import AuthenticationFailed

from config.errors import ServiceError


class TokenNotValid(AuthenticationFailed):
    """A token was sent, and it is not a living one of the kind asked for, or its user is gone."""

    default_detail = "Token is invalid or expired"
    default_code = "token_not_valid"


class InvalidCredentials(AuthenticationFailed):
    """No active user has this name and this password. Which of the two is wrong is not told."""

    default_detail = "Invalid username or password"
    default_code = "invalid_credentials"


@dataclass(eq=False)
class AccountExists(ServiceError):
    """The name or the address is taken; `fields` says which, in the shape of a validation error."""

    code: ClassVar[str] = "account_exists"
    message: ClassVar[str] = "An account with this username or email already exists"

    fields: dict[str, list[str]]


@dataclass(eq=False)
class ServiceKeyExists(Exception):
    """There is a service key of this name, or there has been one."""

    name: str
