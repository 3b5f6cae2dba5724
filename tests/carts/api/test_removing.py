"""DELETE /api/cart/item/{itemId}, /api/cart/batch and /api/cart/clear."""

from typing import Any

import pytest

from products.models import Sku
from tests.carts.shopper import (
    Shopper,
    item_id,
    new_guest,
    quantities_of,
    summary_of,
    unchanged,
)
from tests.factories import SkuFactory

pytestmark = pytest.mark.django_db


def test_a_line_is_removed_and_the_others_stay(shopper: Shopper) -> None:
    gone, kept = SkuFactory.create_batch(2)
    shopper.add(gone, 2)
    before = shopper.add(kept, 3)

    response = shopper.call("DELETE", f"/cart/item/{item_id(before, gone)}")

    envelope = response.json()
    assert (envelope["code"], envelope["message"]) == (
        200,
        "Product removed from cart successfully",
    )
    assert quantities_of(envelope["data"]) == {kept.id: 3}
    assert envelope["data"] == shopper.cart()
    assert envelope["data"]["version"] > before["version"]


@pytest.mark.parametrize(
    "fate", [{"stock": 0}, {"is_active": False}, {"is_deleted": True}], ids=str
)
def test_an_unavailable_line_can_be_removed(shopper: Shopper, fate: dict[str, Any]) -> None:
    sku = SkuFactory.create()
    named = item_id(shopper.add(sku), sku)
    Sku.objects.filter(pk=sku.pk).update(**fate)

    cart = shopper.data("DELETE", f"/cart/item/{named}")

    assert (cart["items"], cart["unavailableItems"]) == ([], [])


def test_a_line_that_is_not_there_cannot_be_removed(shopper: Shopper) -> None:
    sku = SkuFactory.create()
    named = item_id(shopper.add(sku), sku)
    shopper.data("DELETE", f"/cart/item/{named}")

    with unchanged(shopper):
        refusals = [
            shopper.refusal("DELETE", f"/cart/item/{missing}") for missing in (named, "garbage")
        ]

    assert [summary_of(refusal) for refusal in refusals] == [
        (404, "item_not_found", "Item not found")
    ] * 2


def test_nothing_can_be_removed_from_a_cart_that_does_not_exist(shopper: Shopper) -> None:
    named = item_id(shopper.cart(), SkuFactory.create())

    with unchanged(shopper):
        refusal = shopper.refusal("DELETE", f"/cart/item/{named}")

    assert summary_of(refusal) == (404, "cart_not_found", "Cart not found")


def test_somebody_elses_line_cannot_be_removed(shopper: Shopper) -> None:
    sku, owner = SkuFactory.create(), new_guest()
    named = item_id(owner.add(sku), sku)
    shopper.add(sku)

    with unchanged(shopper, owner):
        refusal = shopper.refusal("DELETE", f"/cart/item/{named}")

    assert summary_of(refusal) == (403, "access_denied", "Access denied to cart item")


def test_clearing_removes_every_line_and_keeps_the_cart(shopper: Shopper) -> None:
    skus = SkuFactory.create_batch(3)
    for sku in skus:
        before = shopper.add(sku)
    Sku.objects.filter(pk=skus[0].pk).update(stock=0)

    response = shopper.call("DELETE", "/cart/clear")

    envelope = response.json()
    cart = envelope["data"]
    assert (envelope["code"], envelope["message"]) == (200, "Cart cleared successfully")
    assert (cart["items"], cart["unavailableItems"], cart["itemCount"]) == ([], [], 0)
    assert cart["id"] == before["id"]
    assert cart["version"] > before["version"]
    assert cart == shopper.cart()


def test_clearing_an_empty_cart_changes_nothing(shopper: Shopper) -> None:
    shopper.add(SkuFactory.create())
    shopper.data("DELETE", "/cart/clear")

    with unchanged(shopper):
        cart = shopper.data("DELETE", "/cart/clear")

    assert cart["items"] == []


def test_clearing_a_cart_that_does_not_exist_makes_none(shopper: Shopper) -> None:
    with unchanged(shopper):
        cart = shopper.data("DELETE", "/cart/clear")

    assert (cart["items"], cart["version"]) == ([], 0)


def test_a_batch_of_lines_is_removed(shopper: Shopper) -> None:
    one, two, kept = SkuFactory.create_batch(3)
    for sku in (one, two, kept):
        cart = shopper.add(sku)
    ids = [item_id(cart, one), item_id(cart, two)]

    response = shopper.call("DELETE", "/cart/batch", {"itemIds": ids})

    envelope = response.json()
    assert (envelope["code"], envelope["message"]) == (200, "Success")
    assert quantities_of(envelope["data"]) == {kept.id: 1}
    assert envelope["data"] == shopper.cart()


def test_a_batch_removes_what_it_can_and_tells_of_the_rest(shopper: Shopper) -> None:
    one, two, kept, never = SkuFactory.create_batch(4)
    foreign = item_id(new_guest().add(one), one)
    for sku in (one, two, kept):
        cart = shopper.add(sku)
    ids = [item_id(cart, one), item_id(cart, never), foreign, "garbage", item_id(cart, two)]

    refusal = shopper.refusal("DELETE", "/cart/batch", {"itemIds": ids})

    assert (refusal["code"], refusal["message"]) == (400, "Failed to remove 3 out of 5 items")
    assert refusal["data"] == {
        "results": [
            {"itemId": ids[0], "success": True, "message": "Removed successfully"},
            {"itemId": ids[1], "success": False, "message": "Item not found"},
            {"itemId": ids[2], "success": False, "message": "Access denied"},
            {"itemId": ids[3], "success": False, "message": "Item not found"},
            {"itemId": ids[4], "success": True, "message": "Removed successfully"},
        ],
        "cart": shopper.cart(),
        "failedCount": 3,
        "successCount": 2,
    }
    assert quantities_of(shopper.cart()) == {kept.id: 1}
    assert refusal["error"] == {
        "type": "batch_failed",
        "failedCount": 3,
        "successCount": 2,
        "codes": ["access_denied", "item_not_found"],
    }


def test_a_line_named_twice_is_removed_once(shopper: Shopper) -> None:
    sku = SkuFactory.create()
    named = item_id(shopper.add(sku), sku)

    refusal = shopper.refusal("DELETE", "/cart/batch", {"itemIds": [named, named]})

    assert refusal["message"] == "Failed to remove 1 out of 2 items"
    assert [result["success"] for result in refusal["data"]["results"]] == [True, False]
    assert shopper.cart()["items"] == []


def test_a_batch_on_a_cart_that_does_not_exist_fails_for_every_line(shopper: Shopper) -> None:
    named = item_id(shopper.cart(), SkuFactory.create())

    with unchanged(shopper):
        refusal = shopper.refusal("DELETE", "/cart/batch", {"itemIds": [named]})

    assert refusal["message"] == "Failed to remove 1 out of 1 items"
    assert refusal["data"]["results"] == [
        {"itemId": named, "success": False, "message": "Cart not found"}
    ]
