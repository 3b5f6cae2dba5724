"""Calls by programs of the shop: each needs a service key with a scope of its own.

The views of such calls are below the accounts, which know the keys. So a setting names the class
that identifies the caller, and the views know only what stands here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol, runtime_checkable

from django.conf import settings
from django.utils.module_loading import import_string
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import NotAuthenticated
from rest_framework.request import Request
from rest_framework.views import APIView

from config.errors import ServiceError


@runtime_checkable
class Program(Protocol):
    """Who calls by a service key; `actor` is what logs call it, "key:<name>"."""

    actor: str
    scopes: Sequence[str]


@dataclass(eq=False)
class InsufficientScope(ServiceError):
    """The service key is good, but not for this call."""

    code: ClassVar[str] = "insufficient_scope"
    message: ClassVar[str] = "The service key lacks the scope"

    scope: str

    def __str__(self) -> str:
        return f"The service key lacks the scope {self.scope}"


class ServiceView(APIView):
    """Base of the calls that only service keys may make."""

    def get_authenticators(self) -> list[BaseAuthentication]:
        return [import_string(settings.SERVICE_KEY_AUTHENTICATION)()]


def require_scope(request: Request, scope: str) -> str:
    """Return the actor who calls, if its key has the scope.

    Raises NotAuthenticated without a key, what the authentication raises for a bad one, and
    InsufficientScope.
    """
    caller = request.user
    if not isinstance(caller, Program):
        raise NotAuthenticated
    if scope not in caller.scopes:
        raise InsufficientScope(scope=scope)
    return caller.actor
