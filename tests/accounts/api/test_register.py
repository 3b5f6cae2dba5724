import re

import pytest
from django.test import override_settings

from accounts.models import User
from tests.accounts.calls import error_of, get, post
from tests.accounts.factories import UserFactory

pytestmark = pytest.mark.django_db

ACCOUNT = {"username": "lin", "email": "lin@example.com", "password": "grün tea 7 cups"}


def test_registering_creates_a_user_who_is_signed_in_at_once() -> None:
    response = post("/api/auth/register", ACCOUNT)

    data = response.json()["data"]
    user = User.objects.get()
    assert response.status_code == 200
    assert data.keys() == {"access", "refresh", "user", "cart", "merge"}
    assert data["user"] == {"id": user.pk, "username": "lin", "email": "lin@example.com"}
    assert data["merge"] is None
    assert data["cart"]["userId"] == user.pk
    assert data["cart"]["items"] == []
    assert user.check_password("grün tea 7 cups")
    assert get("/api/auth/me", authorization=f"Bearer {data['access']}").status_code == 200


def test_answers_that_carry_tokens_are_kept_by_no_cache() -> None:
    response = post("/api/auth/register", ACCOUNT)

    assert response["Cache-Control"] == "no-store"


def test_what_a_client_may_not_decide_is_ignored() -> None:
    post(
        "/api/auth/register",
        ACCOUNT | {"id": "chosen", "is_staff": True, "isStaff": True, "is_superuser": True},
    )

    user = User.objects.get()
    assert (user.is_staff, user.is_superuser, user.is_active) == (False, False, True)
    assert re.fullmatch(r"[a-z][a-z0-9]{23}", user.pk)


def test_a_name_is_spelled_one_way_however_its_characters_were_composed() -> None:
    post("/api/auth/register", ACCOUNT | {"username": "ﬁnn"})

    assert User.objects.get().username == "finn"


@pytest.mark.parametrize(
    ("change", "field", "reason"),
    [
        ({"username": 7}, "username", "Not a valid string."),
        ({"username": None}, "username", "This field may not be null."),
        ({"username": True}, "username", "Not a valid string."),
        ({"username": ["lin"]}, "username", "Not a valid string."),
        ({"username": ""}, "username", "This field may not be blank."),
        ({"username": "   "}, "username", "This field may not be blank."),
        (
            {"username": "l" * 151},
            "username",
            "Ensure this field has no more than 150 characters.",
        ),
        (
            {"username": "lin<b>"},
            "username",
            "Enter a valid username. This value may contain only letters, numbers, "
            "and @/./+/-/_ characters.",
        ),
        ({"email": "nobody"}, "email", "Enter a valid email address."),
        ({"email": {"a": "b"}}, "email", "Enter a valid email address."),
        (
            {"email": "l" * 250 + "@example.com"},
            "email",
            "Ensure this field has no more than 254 characters.",
        ),
        ({"password": 12345678}, "password", "Not a valid string."),
        (
            {"password": "a1" * 129},
            "password",
            "Ensure this field has no more than 256 characters.",
        ),
        (
            {"password": "t7#kq"},
            "password",
            "This password is too short. It must contain at least 8 characters.",
        ),
        ({"password": "password1"}, "password", "This password is too common."),
        ({"password": "83920174650"}, "password", "This password is entirely numeric."),
        (
            {"password": "lin@example.com"},
            "password",
            "The password is too similar to the email address.",
        ),
    ],
)
def test_a_bad_field_is_named_with_its_reason(
    change: dict[str, object], field: str, reason: str
) -> None:
    response = post("/api/auth/register", ACCOUNT | change)

    assert error_of(response) == (400, "invalid_field", "Invalid request")
    assert response.json()["error"]["fields"] == {field: [reason]}
    assert not User.objects.exists()


def test_all_missing_fields_are_named_at_once() -> None:
    response = post("/api/auth/register", {})

    assert response.json()["error"] == {
        "type": "invalid_field",
        "fields": {
            "username": ["This field is required."],
            "email": ["This field is required."],
            "password": ["This field is required."],
        },
    }


@pytest.mark.parametrize(
    ("body", "slug"),
    [
        ([], "invalid_body"),
        ('"text"', "invalid_body"),
        ("{", "malformed_json"),
        ('{"username": "a", "username": "b"}', "malformed_json"),
        ('{"username": "a\\u0000b"}', "malformed_json"),
        ('{"username": "\\ud800"}', "malformed_json"),
    ],
)
def test_a_body_that_is_no_plain_object_is_refused(body: object, slug: str) -> None:
    response = post("/api/auth/register", body)

    assert error_of(response)[:2] == (400, slug)
    assert not User.objects.exists()


@pytest.mark.parametrize(
    ("change", "fields"),
    [
        ({"email": "new@example.com"}, ["username"]),
        ({"username": "new"}, ["email"]),
        ({}, ["username", "email"]),
    ],
)
def test_a_taken_name_or_address_is_a_conflict_whatever_its_case(
    change: dict[str, str], fields: list[str]
) -> None:
    UserFactory.create(username="LIN", email="Lin@Example.com")

    response = post("/api/auth/register", ACCOUNT | change)

    assert error_of(response) == (
        409,
        "account_exists",
        "An account with this username or email already exists",
    )
    assert response.json()["error"]["fields"] == {
        field: [f"An account with this {field} already exists."] for field in fields
    }
    assert User.objects.count() == 1


@override_settings(RATE_LIMIT_LOGIN=2)
def test_registrations_for_one_address_are_limited() -> None:
    for _ in range(2):
        assert post("/api/auth/register", ACCOUNT).status_code in {200, 409}

    response = post("/api/auth/register", ACCOUNT | {"email": "LIN@example.com"})

    assert error_of(response)[:2] == (429, "rate_limited")
    assert 1 <= int(response["Retry-After"]) <= 60
    assert response.json()["error"]["retryAfterSeconds"] == int(response["Retry-After"])


@override_settings(RATE_LIMIT_LOGIN_PER_ADDRESS=2)
def test_registrations_from_one_client_address_are_limited() -> None:
    for number in range(2):
        account = ACCOUNT | {"username": f"lin{number}", "email": f"lin{number}@example.com"}
        assert post("/api/auth/register", account).status_code == 200

    assert error_of(post("/api/auth/register", ACCOUNT))[:2] == (429, "rate_limited")
    assert User.objects.count() == 2


def test_only_post_is_known() -> None:
    assert error_of(get("/api/auth/register"))[:2] == (405, "method_not_allowed")
