"""Service keys: what is kept of them, who is let in, and when they end."""

import logging
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import pytest
from django.test import Client, override_settings
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from accounts.errors import ServiceKeyExists
from accounts.keys import add_key, find_key, revoke_key
from accounts.models import ServiceKey
from accounts.scopes import Scope
from tests.accounts.calls import bearer, error_of
from tests.accounts.factories import UserFactory
from tests.accounts.programs import Program, new_program
from tests.carts.shopper import new_guest, new_user

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
NOT_VALID = (401, "token_not_valid", "Token is invalid or expired")


def make_key(**values: Any) -> tuple[ServiceKey, str]:
    key = add_key(
        **{"name": "erp", "scopes": [Scope.STOCK_WRITE], "expires_at": None, "now": NOW} | values
    )
    return key, key.secret


def read_feed(program: Program) -> Any:
    return program.call("GET", "/catalogue/products")


def test_a_key_is_kept_as_its_hash_alone() -> None:
    key, secret = make_key(scopes=[Scope.STOCK_WRITE, Scope.CATALOGUE_READ])

    assert len(secret) == 46
    row = ServiceKey.objects.values().get()
    assert row == {
        "id": key.pk,
        "name": "erp",
        "prefix": secret[:9],
        "key_hash": sha256(secret.encode()).hexdigest(),
        "scopes": ["catalogue:read", "stock:write"],
        "created_at": NOW,
        "expires_at": None,
        "last_used_at": None,
        "revoked_at": None,
    }


def test_a_name_is_given_once_even_after_its_key_was_revoked() -> None:
    key, _ = make_key()
    revoke_key(key, NOW)

    with pytest.raises(ServiceKeyExists):
        make_key()

    assert ServiceKey.objects.count() == 1


@pytest.mark.parametrize(
    ("moment", "is_found"),
    [(NOW + timedelta(days=1, microseconds=-1), True), (NOW + timedelta(days=1), False)],
)
def test_a_key_ends_when_it_says(moment: datetime, is_found: bool) -> None:
    _, secret = make_key(expires_at=NOW + timedelta(days=1))

    assert (find_key(secret, moment) is not None) is is_found


def test_the_last_use_is_noted_once_a_minute(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    key, secret = make_key()

    for second, queries, noted in [(0, 2, 0), (60, 1, 0), (61, 2, 61), (62, 1, 61)]:
        with django_assert_num_queries(queries):
            find_key(secret, NOW + timedelta(seconds=second))
        key.refresh_from_db()
        assert key.last_used_at == NOW + timedelta(seconds=noted)


@pytest.mark.parametrize(
    "text", ["", "sk_", "sk_short", f"sk_{'a' * 43}\n", f"sk_{'é' * 43}", f"pk_{'a' * 43}"]
)
def test_what_is_no_key_by_its_form_is_not_looked_for(
    text: str, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(0):
        assert find_key(text, NOW) is None


def test_a_key_with_the_scope_is_let_in() -> None:
    response = read_feed(new_program("catalogue:read"))

    assert (response.status_code, response["Cache-Control"]) == (200, "no-store")


def test_a_key_without_the_scope_is_told_which_one_is_missing() -> None:
    program = new_program("catalogue:write", "stock:write", "orders:read")

    response = read_feed(program)

    assert error_of(response) == (
        403,
        "insufficient_scope",
        "The service key lacks the scope catalogue:read",
    )
    assert response.json()["error"]["scope"] == "catalogue:read"


def test_a_revoked_key_is_refused_at_its_next_call() -> None:
    program = new_program()
    assert read_feed(program).status_code == 200

    assert revoke_key(program.key, timezone.now())

    assert error_of(read_feed(program)) == NOT_VALID
    assert not revoke_key(program.key, timezone.now())


def test_an_expired_key_is_refused() -> None:
    program = new_program(expires_at=timezone.now())

    assert error_of(read_feed(program)) == NOT_VALID


def test_an_unknown_key_and_a_buyers_token_are_refused() -> None:
    for header in (f"Bearer sk_{'a' * 43}", "Basic c2s6", bearer(UserFactory.create()), ""):
        response = Client().get("/api/catalogue/products", headers={"Authorization": header})
        assert error_of(response) == NOT_VALID, header
        assert response["WWW-Authenticate"] == 'Bearer realm="api"'


def test_without_a_key_nobody_is_let_in() -> None:
    response = Client().get("/api/catalogue/products", headers={"X-Guest-ID": "guest-0001"})

    assert error_of(response)[:2] == (401, "not_authenticated")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/cart"),
        ("POST", "/cart"),
        ("GET", "/cart/summary"),
        ("POST", "/cart/merge"),
        ("GET", "/orders"),
        ("POST", "/orders"),
        ("GET", "/auth/me"),
    ],
)
def test_a_key_opens_nobodys_cart_or_orders(method: str, path: str) -> None:
    program, guest = new_program(), new_guest()
    guest.cart()

    response = program.client.generic(
        method,
        f"/api{path}",
        b"{}",
        "application/json",
        headers={**program.headers, **guest.headers},
    )

    assert error_of(response) == NOT_VALID


@override_settings(RATE_LIMIT_SERVICE_KEYS_PER_ADDRESS=2)
def test_too_many_wrong_keys_from_an_address_are_429_and_a_good_one_works_on() -> None:
    wrong, good = Program("none", f"sk_{'a' * 43}"), new_program()

    answers = [read_feed(wrong) for _ in range(3)]

    assert [each.status_code for each in answers] == [401, 401, 429]
    assert int(answers[2]["Retry-After"]) >= 1
    assert read_feed(good).status_code == 200


def test_logs_name_the_key_and_never_hold_it(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    good, ended = new_program(name="erp"), new_program(name="old", expires_at=timezone.now())

    good.call("PUT", "/catalogue/stock", {"levels": [{"code": "x", "stock": 1}]})
    read_feed(ended)
    read_feed(Program("none", f"sk_{'a' * 43}"))

    lines = [record.getMessage() for record in caplog.records]
    assert "key:erp wrote 1 entries by code, and 1 failed" in lines
    assert "service key old was used after its end" in lines
    assert "wrong service key from 127.0.0.1" in lines
    assert any("PUT catalogue-stock 400" in line and line.endswith("for key") for line in lines)
    for secret in (good.secret, ended.secret, "a" * 43):
        assert not any(secret in line or secret[3:] in line for line in lines)


def test_a_buyers_call_is_still_logged_as_one(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)

    new_user().cart()

    assert any(record.getMessage().endswith("for user") for record in caplog.records)
