"""What caches and browsers are told."""

import pytest
from django.test import Client, override_settings

from tests.carts.shopper import Shopper, addition_of
from tests.factories import SkuFactory

pytestmark = pytest.mark.django_db

SHOP, EVIL = "https://shop.example", "https://evil.example"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/cart", 200),
        ("GET", "/cart/summary", 200),
        ("GET", "/cart/validate", 200),
        ("POST", "/cart", 400),
        ("DELETE", "/cart/clear", 200),
        ("DELETE", "/cart/item/x", 404),
        ("PUT", "/cart", 405),
        ("POST", "/cart/merge", 401),
    ],
)
def test_no_cache_keeps_a_cart_or_takes_it_for_another(
    guest: Shopper, method: str, path: str, status: int
) -> None:
    response = guest.call(method, path)

    assert response.status_code == status
    assert response["Cache-Control"] == "no-store"
    assert {"Authorization", "X-Guest-ID"} <= set(response["Vary"].split(", "))


def test_the_api_sets_no_cookie(guest: Shopper, user: Shopper) -> None:
    body = addition_of(SkuFactory.create())

    responses = [shopper.call("POST", "/cart", body) for shopper in (guest, user)]

    assert [dict(response.cookies) for response in responses] == [{}, {}]


@override_settings(CORS_ALLOWED_ORIGINS=[SHOP])
def test_a_known_origin_may_call_and_read_the_headers_it_needs(guest: Shopper) -> None:
    response = guest.call("GET", "/cart", Origin=SHOP)

    assert response["Access-Control-Allow-Origin"] == SHOP
    exposed = set(response["Access-Control-Expose-Headers"].split(", "))
    assert {"ETag", "Idempotent-Replayed", "Retry-After", "X-Request-ID"} <= exposed
    assert "origin" in response["Vary"].lower()
    assert "Access-Control-Allow-Credentials" not in response


@override_settings(CORS_ALLOWED_ORIGINS=[SHOP])
@pytest.mark.parametrize("origin", [EVIL, "null", f"{SHOP}.evil.example", "http://shop.example"])
def test_another_origin_is_told_nothing(guest: Shopper, origin: str) -> None:
    response = guest.call("GET", "/cart", Origin=origin)

    assert "Access-Control-Allow-Origin" not in response


def preflight(origin: str, method: str, headers: str) -> dict[str, str]:
    response = Client().options(
        "/api/cart",
        headers={
            "Origin": origin,
            "Access-Control-Request-Method": method,
            "Access-Control-Request-Headers": headers,
        },
    )
    assert response.status_code == 200
    return {name.lower(): value for name, value in response.items()}


@override_settings(CORS_ALLOWED_ORIGINS=[SHOP])
def test_a_known_origin_may_send_every_header_and_method_of_the_contract() -> None:
    asked = [
        "authorization", "content-type", "x-guest-id", "idempotency-key", "if-match",
        "if-none-match", "x-request-id",
    ]  # fmt: skip

    allowed = preflight(SHOP, "PUT", ", ".join(asked))

    assert allowed["access-control-allow-origin"] == SHOP
    assert set(asked) <= set(allowed["access-control-allow-headers"].split(", "))
    methods = allowed["access-control-allow-methods"].split(", ")
    assert {"GET", "POST", "PUT", "DELETE"} <= set(methods)


@override_settings(CORS_ALLOWED_ORIGINS=[SHOP])
def test_another_origin_gets_no_leave_beforehand() -> None:
    allowed = preflight(EVIL, "POST", "x-guest-id")

    assert "access-control-allow-origin" not in allowed
