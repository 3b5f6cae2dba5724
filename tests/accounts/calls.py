"""Calling the account endpoints as a storefront does."""

from typing import TYPE_CHECKING, Any, TypeAlias

from django.http import HttpResponse
from django.test import Client

from accounts.models import User
from accounts.tokens import TokenPair, issue_tokens
from tests.accounts.factories import PASSWORD

if TYPE_CHECKING:
    # What the test client adds to a response, json() for one, has a name for type checkers only.
    from django.test.client import _MonkeyPatchedWSGIResponse

    Response: TypeAlias = _MonkeyPatchedWSGIResponse
else:
    Response = HttpResponse


def post(path: str, body: Any = None, **headers: str) -> Response:
    """POST a JSON body; header names as in Python (`x_guest_id`)."""
    return Client().post(
        path, data={} if body is None else body, content_type="application/json", headers=headers
    )


def get(path: str, **headers: str) -> Response:
    return Client().get(path, headers=headers)


def log_in(user: User, **headers: str) -> Response:
    body = {"username": user.username, "password": PASSWORD}
    return post("/api/auth/login", body, **headers)


def bearer(user: User) -> str:
    """Return the Authorization header of a signed-in user."""
    return f"Bearer {sign_in(user).access}"


def sign_in(user: User) -> TokenPair:
    return issue_tokens(user)


def error_of(response: Response) -> tuple[int, str, str]:
    """Return status, slug and message of a failure, having checked its envelope."""
    envelope = response.json()
    assert envelope["success"] is False
    assert envelope["code"] == response.status_code
    return response.status_code, envelope["error"]["type"], envelope["message"]
