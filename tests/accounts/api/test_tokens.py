import base64
import json
import re
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import jwt
import pytest
from django.conf import settings
from django.db import connection
from rest_framework_simplejwt.tokens import AccessToken, RefreshToken

from tests.accounts.calls import bearer, error_of, get, post, sign_in
from tests.accounts.factories import UserFactory

NOT_VALID = (401, "token_not_valid", "Token is invalid or expired")
USER_ID = "k3v9mz0q8w2r7t1y5u4x6abc"


def claims(**changes: Any) -> dict[str, Any]:
    token = AccessToken()
    token["user_id"] = USER_ID
    merged = token.payload | changes
    return {name: value for name, value in merged.items() if value is not ...}


def signed(algorithm: str = "HS256", key: str = settings.SECRET_KEY, **changes: Any) -> str:
    return jwt.encode(claims(**changes), key, algorithm=algorithm)


def unsigned() -> str:
    return jwt.encode(claims(), "", algorithm="none")


def tampered() -> str:
    head, _, signature = signed().split(".")
    payload = json.dumps(claims(user_id="somebody-else")).encode()
    return f"{head}.{base64.urlsafe_b64encode(payload).decode().rstrip('=')}.{signature}"


def refresh_token() -> str:
    token = RefreshToken()
    token["user_id"] = USER_ID
    return str(token)


DEAD_HEADERS: dict[str, Callable[[], str]] = {
    "alg none": lambda: f"Bearer {unsigned()}",
    "alg none without its last dot": lambda: f"Bearer {unsigned().rstrip('.')}",
    "another algorithm": lambda: f"Bearer {signed('HS512', key=settings.SECRET_KEY * 2)}",
    "another key": lambda: f"Bearer {signed(key='another-key-of-thirty-two-bytes-!')}",
    "tampered": lambda: f"Bearer {tampered()}",
    "cut short": lambda: f"Bearer {signed()[:-1]}",
    "a refresh token": lambda: f"Bearer {refresh_token()}",
    "expired": lambda: f"Bearer {signed(exp=1_700_000_000)}",
    "without exp": lambda: f"Bearer {signed(exp=...)}",
    "exp is text": lambda: f"Bearer {signed(exp='99999999999')}",
    "without a type": lambda: f"Bearer {signed(token_type=...)}",
    "without a user": lambda: f"Bearer {signed(user_id=...)}",
    "the user is null": lambda: f"Bearer {signed(user_id=None)}",
    "the user is a number": lambda: f"Bearer {signed(user_id=7)}",
    "the user is empty": lambda: f"Bearer {signed(user_id='')}",
    "the user is a NUL": lambda: f"Bearer {signed(user_id=chr(0))}",
    "the user is half a pair": lambda: f"Bearer {signed(user_id=chr(0xD800))}",
    "the user is long": lambda: f"Bearer {signed(user_id='a' * 10_000)}",
    "not yet issued": lambda: f"Bearer {signed(nbf=32_503_680_000)}",
    "garbage": lambda: "Bearer garbage",
    "many dots": lambda: "Bearer a.b.c.d",
    "not ASCII": lambda: "Bearer tökén",
    "nothing after Bearer": lambda: "Bearer",
    "a space after Bearer": lambda: "Bearer ",
    "two tokens": lambda: f"Bearer {signed()} {signed()}",
    "another scheme": lambda: "Basic bGluOnBhc3N3b3Jk",
    "no scheme": signed,
    "empty": lambda: "",
}


@pytest.mark.django_db
@pytest.mark.parametrize("headers", [{}, {"x_guest_id": "guest-12345678"}])
@pytest.mark.parametrize("path", ["/api/auth/me", "/api/cart"])
@pytest.mark.parametrize("form", DEAD_HEADERS)
def test_a_dead_token_is_a_401_and_never_a_guest(
    form: str, path: str, headers: dict[str, str]
) -> None:
    response = get(path, authorization=DEAD_HEADERS[form](), **headers)

    assert error_of(response) == NOT_VALID
    assert response["WWW-Authenticate"] == 'Bearer realm="api"'


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
@pytest.mark.django_db
def test_the_scheme_is_read_whatever_its_case(scheme: str) -> None:
    user = UserFactory.create()

    response = get("/api/auth/me", authorization=f"{scheme} {sign_in(user).access}")

    assert response.status_code == 200


@pytest.mark.django_db
def test_no_token_where_one_is_needed_is_a_401() -> None:
    response = get("/api/auth/me", x_guest_id="guest-12345678")

    assert error_of(response) == (
        401,
        "not_authenticated",
        "Authentication credentials were not provided.",
    )
    assert response["WWW-Authenticate"] == 'Bearer realm="api"'


@pytest.mark.django_db
def test_a_token_that_was_accepted_before_dies_at_its_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    user = UserFactory.create()
    token = AccessToken()
    token["user_id"] = user.pk
    header = f"Bearer {token}"
    assert get("/api/auth/me", authorization=header).status_code == 200

    monkeypatch.setattr(time, "time", lambda: float(token["exp"]))

    assert error_of(get("/api/auth/me", authorization=header)) == NOT_VALID


@pytest.mark.django_db
def test_access_tokens_live_fifteen_minutes_and_name_their_user() -> None:
    user = UserFactory.create()

    payload = jwt.decode(sign_in(user).access, settings.SECRET_KEY, algorithms=["HS256"])

    assert payload["exp"] - payload["iat"] == timedelta(minutes=15).total_seconds()
    assert payload["user_id"] == user.pk
    assert payload["generation"] == user.generation
    assert payload.keys() == {
        "token_type", "exp", "iat", "jti", "user_id", "generation", "family"
    }  # fmt: skip


@pytest.mark.django_db
@pytest.mark.parametrize("route", ["deactivated", "deleted"])
def test_me_knows_at_once_that_a_user_is_gone(route: str) -> None:
    user = UserFactory.create()
    header = bearer(user)

    with connection.cursor() as cursor:
        if route == "deleted":
            cursor.execute("DELETE FROM accounts_user WHERE id = %s", [user.pk])
        else:
            cursor.execute("UPDATE accounts_user SET is_active = false")

    assert error_of(get("/api/auth/me", authorization=header)) == NOT_VALID


@pytest.mark.django_db
@pytest.mark.parametrize("call", ["refresh", "logout"])
@pytest.mark.parametrize("form", ["garbage", "access", "unsigned", "expired", "another key"])
def test_what_is_no_living_refresh_token_is_refused(form: str, call: str) -> None:
    user = UserFactory.create()
    refresh = {"token_type": "refresh", "user_id": user.pk}
    text = {
        "garbage": "garbage",
        "access": sign_in(user).access,
        "unsigned": jwt.encode(claims(**refresh), "", algorithm="none"),
        "expired": signed(**refresh, exp=1_700_000_000),
        "another key": signed(key="another-key-of-thirty-two-bytes-!", **refresh),
    }[form]

    assert error_of(post(f"/api/auth/{call}", {"refresh": text})) == NOT_VALID


@pytest.mark.django_db
@pytest.mark.parametrize("call", ["refresh", "logout"])
@pytest.mark.parametrize("claim", ["user_id", "jti", "family"])
@pytest.mark.parametrize("value", ["\0", "\ud800", "a" * 1_000])
def test_a_signed_refresh_token_of_what_no_row_can_hold_is_refused(
    value: str, claim: str, call: str
) -> None:
    refresh = {"token_type": "refresh", "user_id": "nobody", "jti": "x", claim: value}

    assert error_of(post(f"/api/auth/{call}", {"refresh": signed(**refresh)})) == NOT_VALID


@pytest.mark.django_db
@pytest.mark.parametrize("call", ["refresh", "logout"])
@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({}, "This field is required."),
        ({"refresh": None}, "This field may not be null."),
        ({"refresh": 7}, "Not a valid string."),
        ({"refresh": ""}, "This field may not be blank."),
        ({"refresh": "a" * 4097}, "Ensure this field has no more than 4096 characters."),
    ],
)
def test_a_body_without_a_refresh_token_is_explained(
    body: dict[str, object], reason: str, call: str
) -> None:
    response = post(f"/api/auth/{call}", body)

    assert error_of(response)[:2] == (400, "invalid_field")
    assert response.json()["error"]["fields"] == {"refresh": [reason]}


@pytest.mark.django_db
def test_a_deleted_users_refresh_token_is_refused() -> None:
    user = UserFactory.create()
    refresh = sign_in(user).refresh

    user.delete()

    assert error_of(post("/api/auth/refresh", {"refresh": refresh})) == NOT_VALID


@pytest.mark.django_db
def test_logging_out_ends_the_refresh_token_and_no_other() -> None:
    user = UserFactory.create()
    here, elsewhere = sign_in(user).refresh, sign_in(user).refresh

    response = post("/api/auth/logout", {"refresh": here}, authorization="Bearer dead")

    assert (response.status_code, response.json()["data"]) == (200, None)
    assert error_of(post("/api/auth/refresh", {"refresh": here})) == NOT_VALID
    assert error_of(post("/api/auth/logout", {"refresh": here})) == NOT_VALID
    assert post("/api/auth/refresh", {"refresh": elsewhere}).status_code == 200


@pytest.mark.django_db
def test_guest_ids_are_random_and_valid() -> None:
    ids = {post("/api/auth/guest").json()["data"]["guestId"] for _ in range(20)}

    assert len(ids) == 20
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{22}", guest_id) for guest_id in ids)
