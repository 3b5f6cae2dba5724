"""PUT /api/cart/item/{itemId}."""

from typing import Any

import pytest

from products.models import PurchaseTally, Sku
from tests.carts.shopper import (
    Shopper,
    item_id,
    line_of,
    new_guest,
    new_user,
    quantities_of,
    summary_of,
    unchanged,
)
from tests.factories import SkuFactory
from tests.orders.buying import place_order
from tests.steps import SET_LINES, act_before_next

pytestmark = pytest.mark.django_db


def test_a_quantity_is_set_absolutely(shopper: Shopper) -> None:
    sku, other = SkuFactory.create_batch(2)
    shopper.add(other, 4)
    before = shopper.add(sku, 5)

    response = shopper.call("PUT", f"/cart/item/{item_id(before, sku)}", {"quantity": 2})

    envelope = response.json()
    assert (envelope["code"], envelope["message"]) == (200, "Cart item updated successfully")
    assert quantities_of(envelope["data"]) == {other.id: 4, sku.id: 2}
    assert envelope["data"] == shopper.cart()
    assert "list" not in envelope["data"]


def test_a_selection_is_set_and_leaves_the_quantity(shopper: Shopper) -> None:
    sku = SkuFactory.create(price="10.00")
    path = f"/cart/item/{item_id(shopper.add(sku, 3), sku)}"

    deselected = shopper.data("PUT", path, {"selected": False})
    selected = shopper.data("PUT", path, {"selected": True})

    assert (line_of(deselected, sku)["selected"], deselected["totalAmount"]) == (False, 0)
    assert (line_of(selected, sku)["selected"], selected["totalAmount"]) == (True, 30)
    assert quantities_of(selected) == {sku.id: 3}


def test_both_may_be_set_at_once(shopper: Shopper) -> None:
    sku = SkuFactory.create()
    path = f"/cart/item/{item_id(shopper.add(sku, 3), sku)}"

    cart = shopper.data("PUT", path, {"quantity": 7, "selected": False})

    assert (line_of(cart, sku)["quantity"], line_of(cart, sku)["selected"]) == (7, False)


def test_an_update_moves_the_times_of_the_line_and_not_its_place(shopper: Shopper) -> None:
    skus = SkuFactory.create_batch(3)
    for sku in skus:
        before = shopper.add(sku)

    cart = shopper.data("PUT", f"/cart/item/{item_id(before, skus[0])}", {"quantity": 9})

    assert list(quantities_of(cart)) == [sku.id for sku in skus]
    assert line_of(cart, skus[0])["createdAt"] == line_of(before, skus[0])["createdAt"]
    assert line_of(cart, skus[0])["updatedAt"] > line_of(before, skus[0])["updatedAt"]
    assert line_of(cart, skus[1]) == line_of(before, skus[1])


def test_an_update_to_what_is_there_already_changes_nothing(shopper: Shopper) -> None:
    sku = SkuFactory.create()
    before = shopper.add(sku, 3)
    del before["list"]

    cart = shopper.data(
        "PUT", f"/cart/item/{item_id(before, sku)}", {"quantity": 3, "selected": True}
    )

    assert cart == before


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, (400, "invalid_update", "Provide quantity or selected")),
        ({"price": 1}, (400, "invalid_update", "Provide quantity or selected")),
        ({"selected": None}, (400, "invalid_update", "Provide quantity or selected")),
        ({"selected": "yes"}, (400, "invalid_update", "Provide quantity or selected")),
        ({"selected": 1}, (400, "invalid_update", "Provide quantity or selected")),
        (
            {"quantity": 2, "selected": 0},
            (400, "invalid_update", "Provide quantity or selected"),
        ),
        ({"quantity": 0}, (400, "invalid_quantity", "Quantity must be greater than 0")),
        ({"quantity": -3}, (400, "invalid_quantity", "Quantity must be greater than 0")),
        (
            {"quantity": 10_000},
            (400, "invalid_product_or_quantity", "Invalid product ID or quantity"),
        ),
        (
            {"quantity": None, "selected": False},
            (400, "invalid_product_or_quantity", "Invalid product ID or quantity"),
        ),
        (
            {"quantity": "2"},
            (400, "invalid_product_or_quantity", "Invalid product ID or quantity"),
        ),
    ],
)
def test_a_body_that_says_nothing_sensible_is_refused(
    shopper: Shopper, body: dict[str, Any], expected: tuple[int, str, str]
) -> None:
    sku = SkuFactory.create(stock=20_000)
    path = f"/cart/item/{item_id(shopper.add(sku), sku)}"

    with unchanged(shopper):
        refusal = shopper.refusal("PUT", path, body)

    assert summary_of(refusal) == expected


def test_more_than_the_stock_is_refused(shopper: Shopper) -> None:
    sku = SkuFactory.create(stock=5)
    path = f"/cart/item/{item_id(shopper.add(sku, 3), sku)}"

    with unchanged(shopper):
        refusal = shopper.refusal("PUT", path, {"quantity": 6, "selected": False})

    assert (refusal["code"], refusal["message"]) == (409, "Insufficient stock")
    assert refusal["error"] == {
        "type": "insufficient_stock",
        "available": 5,
        "inCart": 3,
        "requested": 6,
    }
    assert quantities_of(shopper.data("PUT", path, {"quantity": 5})) == {sku.id: 5}


def test_more_than_the_purchase_limit_is_refused(user: Shopper) -> None:
    sku = SkuFactory.create(purchase_limit=5)
    PurchaseTally.objects.create(sku=sku, buyer=f"user:{user.owner_id}", units=2)
    path = f"/cart/item/{item_id(user.add(sku, 1), sku)}"

    with unchanged(user):
        refusal = user.refusal("PUT", path, {"quantity": 4})

    assert (refusal["code"], refusal["message"]) == (409, "Purchase limit exceeded")
    assert refusal["error"] == {
        "type": "purchase_limit_exceeded",
        "limit": 5,
        "remaining": 3,
        "inCart": 1,
        "requested": 4,
    }
    assert quantities_of(user.data("PUT", path, {"quantity": 3})) == {sku.id: 3}


def test_a_line_that_outgrew_the_stock_can_only_shrink_to_it(shopper: Shopper) -> None:
    sku = SkuFactory.create(stock=9)
    path = f"/cart/item/{item_id(shopper.add(sku, 9), sku)}"
    Sku.objects.filter(pk=sku.pk).update(stock=4)

    with unchanged(shopper):
        refusal = shopper.refusal("PUT", path, {"quantity": 5})
    cart = shopper.data("PUT", path, {"quantity": 4})

    assert refusal["error"]["available"] == 4
    assert quantities_of(cart) == {sku.id: 4}


def test_a_quantity_of_what_is_off_shelf_is_refused_and_its_selection_is_not(
    shopper: Shopper,
) -> None:
    sku = SkuFactory.create()
    path = f"/cart/item/{item_id(shopper.add(sku, 2), sku)}"
    Sku.objects.filter(pk=sku.pk).update(is_active=False)

    with unchanged(shopper):
        refusal = shopper.refusal("PUT", path, {"quantity": 1})
    cart = shopper.data("PUT", path, {"selected": False})

    assert summary_of(refusal) == (400, "product_not_available", "Product not available")
    assert line_of(cart, sku)["selected"] is False


def test_a_quantity_of_what_is_sold_out_is_refused(shopper: Shopper) -> None:
    sku = SkuFactory.create(stock=3)
    path = f"/cart/item/{item_id(shopper.add(sku, 2), sku)}"
    Sku.objects.filter(pk=sku.pk).update(stock=0)

    with unchanged(shopper):
        refusal = shopper.refusal("PUT", path, {"quantity": 1})

    assert refusal["error"] == {
        "type": "insufficient_stock",
        "available": 0,
        "inCart": 2,
        "requested": 1,
    }


@pytest.mark.parametrize("make_owner", [new_guest, new_user])
def test_somebody_elses_line_is_refused(shopper: Shopper, make_owner: Any) -> None:
    sku = SkuFactory.create()
    owner = make_owner()
    path = f"/cart/item/{item_id(owner.add(sku), sku)}"
    shopper.add(sku)

    with unchanged(shopper, owner):
        refusal = shopper.refusal("PUT", path, {"quantity": 2})

    assert summary_of(refusal) == (403, "access_denied", "Access denied to cart item")


def test_somebody_elses_line_is_told_by_its_id_alone(shopper: Shopper) -> None:
    nobodys = f"c{'0' * 23}_{SkuFactory.create().id}"

    refusal = shopper.refusal("PUT", f"/cart/item/{nobodys}", {"quantity": 2})

    assert refusal["error"]["type"] == "access_denied"


@pytest.mark.parametrize("kind", ["never added", "removed", "malformed"])
def test_a_line_this_cart_does_not_have_is_not_found(shopper: Shopper, kind: str) -> None:
    kept, sku = SkuFactory.create_batch(2)
    cart = shopper.add(kept)
    if kind == "removed":
        shopper.data("DELETE", f"/cart/item/{item_id(shopper.add(sku), sku)}")
    named = "garbage" if kind == "malformed" else item_id(cart, sku)

    with unchanged(shopper):
        refusal = shopper.refusal("PUT", f"/cart/item/{named}", {"quantity": 2})

    assert summary_of(refusal) == (404, "item_not_found", "Item not found")


def test_on_a_cart_that_does_not_exist_there_is_no_cart_to_find(shopper: Shopper) -> None:
    own = item_id(shopper.cart(), SkuFactory.create())

    with unchanged(shopper):
        refusals = [
            shopper.refusal("PUT", f"/cart/item/{named}", {"quantity": 2})
            for named in (own, "garbage")
        ]

    assert [summary_of(refusal) for refusal in refusals] == [
        (404, "cart_not_found", "Cart not found")
    ] * 2


def test_on_an_emptied_cart_the_line_is_what_is_missing(shopper: Shopper) -> None:
    sku = SkuFactory.create()
    named = item_id(shopper.add(sku), sku)
    shopper.data("DELETE", "/cart/clear")

    refusal = shopper.refusal("PUT", f"/cart/item/{named}", {"quantity": 2})

    assert summary_of(refusal) == (404, "item_not_found", "Item not found")


def test_an_update_does_not_reach_the_next_cart_begun_meanwhile(
    shopper: Shopper, monkeypatch: pytest.MonkeyPatch
) -> None:
    sku = SkuFactory.create()
    cart = shopper.add(sku, 2)

    def begin_the_next_cart() -> None:
        place_order(shopper)
        shopper.add(sku, 1)

    act_before_next(monkeypatch, SET_LINES, begin_the_next_cart)

    refusal = shopper.refusal("PUT", f"/cart/item/{item_id(cart, sku)}", {"quantity": 7})

    assert summary_of(refusal) == (403, "access_denied", "Access denied to cart item")
    assert quantities_of(shopper.cart()) == {sku.id: 1}
