"""Signing in with an X-Guest-ID merges that guest's cart."""

from collections.abc import Callable
from typing import Any

import pytest
from redis import Redis

from accounts.api import carts
from products.models import Sku
from tests.accounts.api.test_login import without_redis
from tests.accounts.calls import Response, bearer, error_of, get, log_in, post, sign_in
from tests.accounts.factories import UserFactory
from tests.factories import SkuFactory

pytestmark = pytest.mark.django_db

GUEST = "guest-12345678"
ACCOUNT = {"username": "lin", "email": "lin@example.com", "password": "grün tea 7 cups"}


def register(**headers: str) -> Response:
    return post("/api/auth/register", ACCOUNT, **headers)


def log_in_somebody(**headers: str) -> Response:
    return log_in(UserFactory.create(), **headers)


def add(sku: Sku, quantity: int, **headers: str) -> None:
    body = {"productId": sku.product_id, "skuId": sku.pk, "quantity": quantity}
    assert post("/api/cart", body, **headers).status_code == 200


def units_of(cart: dict[str, Any]) -> dict[str, int]:
    return {item["skuId"]: item["quantity"] for item in cart["items"]}


def read_cart(**headers: str) -> dict[str, Any]:
    cart: dict[str, Any] = get("/api/cart", **headers).json()["data"]
    return cart


def skipped(reason: str) -> dict[str, Any]:
    """Return the report of a merge that was not made."""
    nothing: dict[str, Any] = {"mergedItems": 0, "capped": [], "skipped": []}
    return {"strategy": "sum", **nothing, "skippedReason": reason}


@pytest.mark.parametrize("enter", [register, log_in_somebody])
def test_signing_in_takes_the_guests_cart_over(enter: Callable[..., Response]) -> None:
    sku = SkuFactory.create()
    add(sku, 2, x_guest_id=GUEST)

    data = enter(x_guest_id=GUEST).json()["data"]

    assert data["merge"] == {
        "strategy": "sum",
        "mergedItems": 1,
        "capped": [],
        "skipped": [],
        "ordersClaimed": 0,
    }
    assert data["cart"] == read_cart(authorization=f"Bearer {data['access']}")
    assert (data["cart"]["userId"], data["cart"]["sessionId"]) == (data["user"]["id"], None)
    assert units_of(data["cart"]) == {sku.pk: 2}
    assert units_of(read_cart(x_guest_id=GUEST)) == {}


def test_a_login_adds_the_guests_units_to_the_users_own_once() -> None:
    user, shared, capped = UserFactory.create(), SkuFactory.create(), SkuFactory.create(stock=5)
    for sku in (shared, capped):
        add(sku, 3, authorization=bearer(user))
        add(sku, 4, x_guest_id=GUEST)

    first = log_in(user, x_guest_id=GUEST).json()["data"]
    second = log_in(user, x_guest_id=GUEST).json()["data"]

    assert first["merge"]["capped"] == [
        {"skuId": capped.pk, "requested": 7, "quantity": 5, "reason": "insufficient_stock"}
    ]
    assert second["merge"] == {
        "strategy": "sum",
        "mergedItems": 0,
        "capped": [],
        "skipped": [],
        "ordersClaimed": 0,
    }
    assert units_of(first["cart"]) == units_of(second["cart"]) == {shared.pk: 7, capped.pk: 5}


@pytest.mark.parametrize("headers", [{}, {"x_guest_id": ""}])
def test_without_a_guest_id_the_users_own_cart_is_answered(headers: dict[str, str]) -> None:
    user, sku = UserFactory.create(), SkuFactory.create()
    add(sku, 3, authorization=bearer(user))

    data = log_in(user, **headers).json()["data"]

    assert (units_of(data["cart"]), data["merge"]) == ({sku.pk: 3}, None)


BAD_GUEST_IDS = [
    "short", "null", "undefined", "Undefined", "*", "../../etc/passwd", "user:12345678", "a" * 129,
    "guest 12345678",
]  # fmt: skip


@pytest.mark.parametrize("enter", [register, log_in_somebody])
@pytest.mark.parametrize("guest_id", BAD_GUEST_IDS)
def test_a_bad_guest_id_keeps_nobody_from_signing_in(
    guest_id: str, enter: Callable[..., Response], redis_server: Redis
) -> None:
    response = enter(x_guest_id=guest_id)

    data = response.json()["data"]
    assert response.status_code == 200
    assert data["merge"] == skipped("invalid_guest_id")
    assert data["cart"]["userId"] == data["user"]["id"]
    assert redis_server.keys("cart:*") == []


@pytest.mark.parametrize("guest_id", BAD_GUEST_IDS)
def test_a_bad_guest_id_keeps_nobody_signed_in_from_going_on(guest_id: str) -> None:
    refresh = sign_in(UserFactory.create()).refresh

    renewed = post("/api/auth/refresh", {"refresh": refresh}, x_guest_id=guest_id)

    tokens = renewed.json()["data"]
    body = {"refresh": tokens["refresh"]}
    assert post("/api/auth/logout", body, x_guest_id=guest_id).status_code == 200


@pytest.mark.parametrize("guest_id", ["undefined", "UNDEFINED", "Undefined"])
def test_undefined_is_nobodys_cart(guest_id: str) -> None:
    user = bearer(UserFactory.create())
    merge = {"guestSessionId": guest_id}

    answers = [
        get("/api/cart", x_guest_id=guest_id),
        get("/api/orders", x_guest_id=guest_id),
        post("/api/cart/merge", merge, authorization=user),
    ]

    refusal = (400, "invalid_guest_id", "Invalid guest ID")
    assert [error_of(answer) for answer in answers] == [refusal] * 3


def test_a_merge_that_failed_at_one_login_is_made_at_the_next() -> None:
    user, sku = UserFactory.create(), SkuFactory.create()
    add(sku, 2, x_guest_id=GUEST)

    with without_redis("carts"):
        failed = log_in(user, x_guest_id=GUEST).json()["data"]
    data = log_in(user, x_guest_id=GUEST).json()["data"]

    assert (failed["cart"], failed["merge"]) == (None, skipped("cart_store_unavailable"))
    assert data["merge"]["mergedItems"] == 1
    assert units_of(data["cart"]) == {sku.pk: 2}


def test_a_broken_guest_cart_keeps_nobody_from_signing_in(
    redis_server: Redis, caplog: pytest.LogCaptureFixture
) -> None:
    user, sku = UserFactory.create(), SkuFactory.create()
    add(sku, 3, authorization=bearer(user))
    redis_server.set(f"cart:guest:{GUEST}", "not a cart")

    response = log_in(user, x_guest_id=GUEST)

    data = response.json()["data"]
    reason = "cart_store_unavailable"
    assert (response.status_code, data["merge"]) == (200, skipped(reason))
    assert units_of(data["cart"]) == {sku.pk: 3}
    assert f"cart of user {user.pk} not merged: {reason}" in caplog.text
    assert GUEST not in caplog.text


def test_an_error_nobody_thought_of_keeps_nobody_from_signing_in(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    user, sku = UserFactory.create(), SkuFactory.create()
    add(sku, 3, authorization=bearer(user))

    def fail(**_options: object) -> None:
        raise ZeroDivisionError(GUEST)

    monkeypatch.setattr(carts, "merge_carts", fail)

    response = log_in(user, x_guest_id=GUEST)

    data = response.json()["data"]
    assert (response.status_code, data["merge"]) == (200, skipped("internal_error"))
    assert units_of(data["cart"]) == {sku.pk: 3}
    assert f"cart of user {user.pk} not merged: ZeroDivisionError" in caplog.text
    assert "accounts/api/carts.py" in caplog.text
    assert GUEST not in caplog.text
