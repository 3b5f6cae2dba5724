"""How often a cart may be changed: 429 with Retry-After, and nothing changes."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import override_settings

from tests.carts.shopper import (
    Shopper,
    addition_of,
    new_guest,
    new_user,
    quantities_of,
    read_refusal,
    summary_of,
    unchanged,
)
from tests.factories import SkuFactory

pytestmark = pytest.mark.django_db

LIMITED = (429, "rate_limited", "Too many requests")


@override_settings(RATE_LIMIT_CART_WRITES=3)
def test_an_owner_may_change_the_cart_so_often_a_minute(shopper: Shopper) -> None:
    sku = SkuFactory.create()
    for _ in range(3):
        shopper.add(sku)

    with unchanged(shopper):
        response = shopper.call("POST", "/cart", addition_of(sku))

    refusal = read_refusal(response)
    assert summary_of(refusal) == LIMITED
    assert 1 <= int(response["Retry-After"]) <= 60
    assert refusal["error"]["retryAfterSeconds"] == int(response["Retry-After"])


@override_settings(RATE_LIMIT_CART_WRITES=1)
@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/cart/batch", {"items": [{"productId": "x", "quantity": 1}]}),
        ("PUT", "/cart/item/x", {"quantity": 1}),
        ("DELETE", "/cart/item/x", None),
        ("PUT", "/cart/batch", {"items": [{"itemId": "x", "quantity": 1}]}),
        ("DELETE", "/cart/batch", {"itemIds": ["x"]}),
        ("DELETE", "/cart/clear", None),
        ("PUT", "/cart/selection", {"all": True, "selected": False}),
        ("POST", "/cart/acknowledge", None),
    ],
)
def test_every_kind_of_change_counts(
    shopper: Shopper, method: str, path: str, body: dict[str, Any] | None
) -> None:
    shopper.add(SkuFactory.create())

    with unchanged(shopper):
        refusal = shopper.refusal(method, path, body)

    assert summary_of(refusal) == LIMITED


@override_settings(RATE_LIMIT_CART_WRITES=1)
def test_reading_is_not_limited(shopper: Shopper) -> None:
    shopper.add(SkuFactory.create())

    for path in ("/cart", "/cart/summary", "/cart/validate") * 2:
        shopper.data("GET", path)


@override_settings(RATE_LIMIT_CART_WRITES=1)
def test_refused_changes_count_as_well(shopper: Shopper) -> None:
    sku = SkuFactory.create(stock=0)

    first, second = (shopper.refusal("POST", "/cart", addition_of(sku)) for _ in range(2))

    assert (first["code"], second["code"]) == (409, 429)


@override_settings(RATE_LIMIT_CART_WRITES=1)
def test_everybody_has_a_limit_of_their_own() -> None:
    sku = SkuFactory.create()

    carts = [make().add(sku) for make in (new_guest, new_guest, new_user, new_user)]

    assert [quantities_of(cart) for cart in carts] == [{sku.id: 1}] * 4


@override_settings(RATE_LIMIT_CART_WRITES_PER_ADDRESS=2)
def test_an_address_has_a_limit_however_many_guests_it_claims_to_be(
    another_guest: Callable[[], Shopper],
) -> None:
    sku = SkuFactory.create()
    for _ in range(2):
        another_guest().add(sku)

    refusal = another_guest().refusal("POST", "/cart", addition_of(sku))

    assert summary_of(refusal) == LIMITED


@override_settings(RATE_LIMIT_CART_WRITES_PER_ADDRESS=1, TRUSTED_PROXIES=0)
def test_an_address_is_not_what_the_client_says_it_is(
    another_guest: Callable[[], Shopper],
) -> None:
    sku = SkuFactory.create()
    another_guest().add(sku)

    refused = another_guest().call("POST", "/cart", addition_of(sku), X_Forwarded_For="192.0.2.7")

    assert refused.status_code == 429


@override_settings(RATE_LIMIT_CART_WRITES_PER_ADDRESS=1, TRUSTED_PROXIES=1)
def test_behind_a_proxy_it_is_what_the_proxy_says(another_guest: Callable[[], Shopper]) -> None:
    sku = SkuFactory.create()

    statuses = [
        another_guest().call("POST", "/cart", addition_of(sku), X_Forwarded_For=hops).status_code
        for hops in ("192.0.2.1", "192.0.2.2", "spoofed, 192.0.2.1")
    ]

    assert statuses == [200, 200, 429]


@override_settings(RATE_LIMIT_MERGE=1, RATE_LIMIT_CART_WRITES=100)
def test_merges_have_a_limit_of_their_own(guest: Shopper, user: Shopper) -> None:
    guest.add(SkuFactory.create())
    user.data("POST", "/cart/merge", {"guestSessionId": new_guest().owner_id})

    with unchanged(guest, user):
        refusal = user.refusal("POST", "/cart/merge", {"guestSessionId": guest.owner_id})

    assert summary_of(refusal) == LIMITED


@override_settings(RATE_LIMIT_CART_WRITES=0, RATE_LIMIT_CART_WRITES_PER_ADDRESS=0)
def test_a_limit_of_zero_is_none(shopper: Shopper) -> None:
    sku = SkuFactory.create()

    for _ in range(20):
        cart = shopper.add(sku)

    assert quantities_of(cart) == {sku.id: 20}
