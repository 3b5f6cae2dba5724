from copy import deepcopy
from typing import Any, ClassVar

import pytest
from django.conf import settings
from django.contrib.auth.hashers import MD5PasswordHasher, make_password
from django.test import override_settings
from django.utils import timezone

from accounts.errors import InvalidCredentials
from accounts.services import check_credentials
from tests.accounts.calls import bearer, error_of, get, log_in, post
from tests.accounts.factories import PASSWORD, UserFactory

pytestmark = pytest.mark.django_db

REFUSAL = (401, "invalid_credentials", "Invalid username or password")


def without_redis(alias: str) -> Any:
    """Return settings under which the connection of this name leads nowhere."""
    caches = deepcopy(settings.CACHES)
    caches[alias]["LOCATION"] = "redis://127.0.0.1:1/0"
    return override_settings(CACHES=caches)


@pytest.mark.parametrize(
    "identity",
    [
        {"username": "Lin"},
        {"username": "lIN"},
        {"username": " Lin "},
        {"email": "lin@example.com"},
        {"email": "LIN@EXAMPLE.COM"},
    ],
)
def test_a_user_logs_in_by_name_or_address_whatever_the_case(identity: dict[str, str]) -> None:
    user = UserFactory.create(username="Lin", email="lin@example.com")
    before = timezone.now()

    response = post("/api/auth/login", identity | {"password": PASSWORD})

    data = response.json()["data"]
    assert response.status_code == 200
    assert response["Cache-Control"] == "no-store"
    assert data["user"] == {"id": user.pk, "username": "Lin", "email": "lin@example.com"}
    assert (data["cart"]["userId"], data["cart"]["items"], data["merge"]) == (user.pk, [], None)
    assert get("/api/auth/me", authorization=f"Bearer {data['access']}").status_code == 200
    user.refresh_from_db()
    assert user.last_login is not None
    assert user.last_login >= before


@pytest.mark.parametrize("name", ["lin@home", "LIN@HOME", "lin＠home"])  # noqa: RUF001
def test_a_name_with_an_at_sign_may_be_sent_as_an_address(name: str) -> None:
    user = UserFactory.create(username="lin@home", email="lin@example.com")

    response = post("/api/auth/login", {"email": name, "password": PASSWORD})

    assert response.json()["data"]["user"]["id"] == user.pk


def test_an_address_is_its_owners_though_it_is_the_name_of_another() -> None:
    namesake = UserFactory.create(username="lin@example.com", password=make_password("other"))
    owner = UserFactory.create(email="lin@example.com")

    by_address = post("/api/auth/login", {"email": "lin@example.com", "password": PASSWORD})
    as_namesake = post("/api/auth/login", {"email": "lin@example.com", "password": "other"})
    by_name = post("/api/auth/login", {"username": "lin@example.com", "password": "other"})

    assert by_address.json()["data"]["user"]["id"] == owner.pk
    assert error_of(as_namesake) == REFUSAL
    assert by_name.json()["data"]["user"]["id"] == namesake.pk


@pytest.mark.parametrize("email", ["lin@example.com", "lin@home", "nobody@example.com"])
def test_an_address_is_looked_up_by_one_query_whoever_has_it(
    email: str, django_assert_num_queries: Any
) -> None:
    UserFactory.create(username="lin@home", email="lin@example.com")

    with django_assert_num_queries(1), pytest.raises(InvalidCredentials):
        check_credentials(username=None, email=email, password="wrong", address="192.0.2.1")


@pytest.mark.parametrize(
    "attempt",
    [
        {"username": "lin", "password": "wrong"},
        {"username": "lin", "password": PASSWORD + " "},
        {"username": "lin", "password": PASSWORD.upper()},
        {"username": "nobody", "password": PASSWORD},
        {"email": "nobody@example.com", "password": PASSWORD},
        {"username": "lin@example.com", "password": PASSWORD},
        {"email": "lin", "password": PASSWORD},
        {"username": "inactive", "password": PASSWORD},
        {"username": "passwordless", "password": PASSWORD},
    ],
)
def test_a_wrong_password_an_unknown_and_an_inactive_user_are_told_the_same(
    attempt: dict[str, str],
) -> None:
    UserFactory.create(username="lin", email="lin@example.com")
    UserFactory.create(username="inactive", is_active=False)
    UserFactory.create(username="passwordless", password="!")

    response = post("/api/auth/login", attempt)

    assert error_of(response) == REFUSAL
    assert response["WWW-Authenticate"] == "Bearer"
    assert response.json()["data"] is None
    assert response.json()["error"] == {"type": "invalid_credentials"}


class CountingHasher(MD5PasswordHasher):
    """Counts how often a password is hashed."""

    hashed: ClassVar[list[str]] = []

    def encode(self, password: str, salt: str) -> str:
        self.hashed.append(password)
        return super().encode(password, salt)


@pytest.mark.parametrize("username", ["lin", "nobody", "inactive", "passwordless"])
def test_a_refused_attempt_costs_one_hash_whoever_it_names(username: str) -> None:
    UserFactory.create(username="lin")
    UserFactory.create(username="inactive", is_active=False)
    UserFactory.create(username="passwordless", password="!")
    CountingHasher.hashed.clear()

    with override_settings(PASSWORD_HASHERS=[f"{__name__}.CountingHasher"]):
        post("/api/auth/login", {"username": username, "password": "wrong"})

    assert len(CountingHasher.hashed) == 1


def test_a_dead_access_token_does_not_stand_in_the_way() -> None:
    assert log_in(UserFactory.create(), authorization="Bearer dead").status_code == 200


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        (
            {},
            {"password": ["This field is required."]},
        ),
        ({"password": "x"}, {"username": ["Send either username or email."]}),
        (
            {"username": "a", "email": "b", "password": "x"},
            {"username": ["Send either username or email."]},
        ),
        ({"username": 1, "password": "x"}, {"username": ["Not a valid string."]}),
        ({"email": ["a"], "password": "x"}, {"email": ["Not a valid string."]}),
        ({"username": "a", "password": False}, {"password": ["Not a valid string."]}),
        ({"username": "a", "password": None}, {"password": ["This field may not be null."]}),
        (
            {"username": "a" * 151, "password": "x"},
            {"username": ["Ensure this field has no more than 150 characters."]},
        ),
        (
            {"username": "a", "password": "x" * 257},
            {"password": ["Ensure this field has no more than 256 characters."]},
        ),
    ],
)
def test_a_body_that_is_no_attempt_is_explained(
    body: dict[str, object], fields: dict[str, list[str]]
) -> None:
    response = post("/api/auth/login", body)

    assert error_of(response)[:2] == (400, "invalid_field")
    assert response.json()["error"]["fields"] == fields


@override_settings(RATE_LIMIT_LOGIN=2)
def test_attempts_on_one_account_are_limited_whatever_the_case_of_its_name() -> None:
    user = UserFactory.create(username="lin")
    for name in ("lin", "LIN"):
        assert error_of(post("/api/auth/login", {"username": name, "password": "x"})) == REFUSAL

    limited = log_in(user)

    assert error_of(limited)[:2] == (429, "rate_limited")
    assert 1 <= int(limited["Retry-After"]) <= 60
    assert log_in(UserFactory.create()).status_code == 200


@override_settings(RATE_LIMIT_LOGIN_PER_ADDRESS=2)
def test_attempts_from_one_client_address_are_limited() -> None:
    for number in range(2):
        attempt = {"username": f"guess{number}", "password": "x"}
        assert error_of(post("/api/auth/login", attempt)) == REFUSAL

    assert error_of(log_in(UserFactory.create()))[:2] == (429, "rate_limited")


@pytest.mark.parametrize("path", ["login", "register"])
def test_without_its_limiter_nobody_gets_to_guess(path: str) -> None:
    user = UserFactory.create(username="lin")
    body = {"username": "lin", "email": "new@example.com", "password": PASSWORD}
    if path == "login":
        del body["email"]

    with without_redis("default"):
        response = post(f"/api/auth/{path}", body)

    assert error_of(response)[:2] == (503, "rate_limiter_unavailable")
    assert response["Retry-After"] == "1"
    user.refresh_from_db()
    assert user.last_login is None


def test_without_the_cart_store_a_login_still_succeeds() -> None:
    user = UserFactory.create()

    with without_redis("carts"):
        response = log_in(user, x_guest_id="guest-12345678")

    data = response.json()["data"]
    assert response.status_code == 200
    assert (data["user"]["id"], data["cart"]) == (user.pk, None)
    assert data["merge"]["skippedReason"] == "cart_store_unavailable"


def test_me_tells_who_is_signed_in() -> None:
    user = UserFactory.create(username="lin", email="lin@example.com")

    response = get("/api/auth/me", authorization=bearer(user))

    assert response.status_code == 200
    assert response["Cache-Control"] == "no-store"
    assert response.json()["data"] == {
        "id": user.pk,
        "username": "lin",
        "email": "lin@example.com",
    }


def test_nothing_private_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    account = {"username": "shy", "email": "shy@example.com", "password": "grün tea 7 cups"}
    guest_id = "guest-of-the-shy-one"

    signed_in = post("/api/auth/register", account, x_guest_id=guest_id).json()["data"]
    post("/api/auth/register", account)
    post("/api/auth/login", {"email": account["email"], "password": "grün tea 8 cups"})
    post("/api/auth/login", {"email": account["email"], "password": 8}, x_guest_id="*bad guest*")
    post("/api/auth/refresh", {"refresh": signed_in["refresh"]})
    post("/api/auth/refresh", {"refresh": signed_in["refresh"]})
    get("/api/auth/me", authorization=f"Bearer {signed_in['access']}x")
    with without_redis("carts"):
        post("/api/auth/login", account | {"email": "x"}, x_guest_id=guest_id)
        body = {"username": "shy", "password": account["password"]}
        post("/api/auth/login", body, x_guest_id=guest_id)

    assert "not merged" in caplog.text
    for secret in (
        "shy@example.com",
        "grün tea",
        signed_in["refresh"],
        signed_in["access"],
        guest_id,
        "*bad guest*",
    ):
        assert secret not in caplog.text
