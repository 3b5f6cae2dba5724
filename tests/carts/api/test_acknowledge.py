"""POST /api/cart/acknowledge: the live price becomes the price at which a line was added."""

from typing import Any

import pytest

from products.models import Sku
from tests.carts.shopper import (
    Shopper,
    item_id,
    line_of,
    new_guest,
    summary_of,
    unchanged,
)
from tests.factories import SkuFactory

pytestmark = pytest.mark.django_db


def reprice(*skus: Sku) -> None:
    Sku.objects.filter(pk__in=[sku.pk for sku in skus]).update(price="7.00")


def notices_of(cart: Any, sku: Sku) -> tuple[float, Any]:
    data = line_of(cart, sku)["extraData"]
    return data["priceAtAdd"], data["priceChange"]


CHANGED: tuple[float, Any] = (5, {"from": 5, "to": 7, "direction": "up"})


@pytest.mark.parametrize("body", [None, {}, {"itemIds": None}])
def test_every_line_is_acknowledged_by_default(shopper: Shopper, body: Any) -> None:
    one, two = SkuFactory.create_batch(2, price="5.00")
    shopper.add(one, 2)
    shopper.add(two)
    reprice(one, two)
    before = shopper.cart()

    response = shopper.call("POST", "/cart/acknowledge", body)

    envelope = response.json()
    cart = envelope["data"]
    assert (envelope["code"], envelope["message"]) == (200, "Success")
    assert notices_of(before, one) == CHANGED
    assert [notices_of(cart, sku) for sku in (one, two)] == [(7, None)] * 2
    assert cart["version"] > before["version"]
    assert cart == shopper.cart()


def test_only_the_lines_named_are_acknowledged(shopper: Shopper) -> None:
    one, two = SkuFactory.create_batch(2, price="5.00")
    shopper.add(one)
    cart = shopper.add(two)
    reprice(one, two)

    cart = shopper.data("POST", "/cart/acknowledge", {"itemIds": [item_id(cart, two)]})

    assert notices_of(cart, one) == CHANGED
    assert notices_of(cart, two) == (7, None)


def test_acknowledging_leaves_quantity_selection_and_order(shopper: Shopper) -> None:
    skus = SkuFactory.create_batch(3, price="5.00")
    for number, sku in enumerate(skus, start=1):
        shopper.add(sku, number, selected=number == 2)
    reprice(skus[0])

    cart = shopper.data("POST", "/cart/acknowledge")

    lines = [(line["skuId"], line["quantity"], line["selected"]) for line in cart["items"]]
    assert lines == [(skus[0].id, 1, False), (skus[1].id, 2, True), (skus[2].id, 3, False)]


def test_a_later_price_is_told_against_the_acknowledged_one(shopper: Shopper) -> None:
    sku = SkuFactory.create(price="5.00")
    shopper.add(sku)
    reprice(sku)
    shopper.data("POST", "/cart/acknowledge")

    Sku.objects.update(price="6.00")

    assert notices_of(shopper.cart(), sku) == (7, {"from": 7, "to": 6, "direction": "down"})


def test_acknowledging_what_has_not_changed_changes_nothing(shopper: Shopper) -> None:
    shopper.add(SkuFactory.create())

    with unchanged(shopper):
        shopper.data("POST", "/cart/acknowledge")


def test_acknowledging_without_a_cart_makes_none(shopper: Shopper) -> None:
    with unchanged(shopper):
        cart = shopper.data("POST", "/cart/acknowledge")

    assert cart["version"] == 0


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("foreign", (403, "access_denied", "Access denied to cart item")),
        ("never added", (404, "item_not_found", "Item not found")),
        ("malformed", (404, "item_not_found", "Item not found")),
    ],
)
def test_one_line_that_is_not_there_and_nothing_is_acknowledged(
    shopper: Shopper, kind: str, expected: tuple[int, str, str]
) -> None:
    sku, never = SkuFactory.create_batch(2, price="5.00")
    owner = new_guest()
    cart = shopper.add(sku)
    wrong = {
        "foreign": item_id(owner.add(sku), sku),
        "never added": item_id(cart, never),
        "malformed": "garbage",
    }[kind]
    reprice(sku)

    with unchanged(shopper, owner):
        refusal = shopper.refusal(
            "POST", "/cart/acknowledge", {"itemIds": [item_id(cart, sku), wrong]}
        )

    assert summary_of(refusal) == expected


def test_a_line_of_a_cart_that_does_not_exist_cannot_be_acknowledged(shopper: Shopper) -> None:
    named = item_id(shopper.cart(), SkuFactory.create())

    refusal = shopper.refusal("POST", "/cart/acknowledge", {"itemIds": [named]})

    assert summary_of(refusal) == (404, "cart_not_found", "Cart not found")
