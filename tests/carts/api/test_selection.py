"""PUT /api/cart/selection."""

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
from tests.factories import ProductFactory, SkuFactory

pytestmark = pytest.mark.django_db

REFUSED = (
    400,
    "invalid_selection",
    "Provide itemIds, merchantId or all, and selected as true or false",
)


def selections(cart: Any) -> dict[str, bool]:
    lines = [*cart["items"], *cart["unavailableItems"]]
    return {line["skuId"]: line["selected"] for line in lines}


def test_some_lines_are_deselected(shopper: Shopper) -> None:
    one, two, three = SkuFactory.create_batch(3)
    for sku in (one, two, three):
        cart = shopper.add(sku)

    response = shopper.call(
        "PUT",
        "/cart/selection",
        {"itemIds": [item_id(cart, one), item_id(cart, three)], "selected": False},
    )

    envelope = response.json()
    assert (envelope["code"], envelope["message"]) == (200, "Success")
    assert selections(envelope["data"]) == {one.id: False, two.id: True, three.id: False}
    assert envelope["data"]["selectedCount"] == 1
    assert envelope["data"] == shopper.cart()


def test_one_merchants_lines_are_deselected(shopper: Shopper) -> None:
    theirs, others = ProductFactory.create_batch(2)
    one, two = SkuFactory.create_batch(2, product=theirs)
    other = SkuFactory.create(product=others)
    for sku in (one, two, other):
        shopper.add(sku)
    Sku.objects.filter(pk=two.pk).update(stock=0)

    cart = shopper.data(
        "PUT", "/cart/selection", {"merchantId": theirs.merchant_id, "selected": False}
    )

    assert selections(cart) == {one.id: False, two.id: False, other.id: True}


def test_every_line_is_deselected_and_selected_the_unavailable_too(shopper: Shopper) -> None:
    one, two = SkuFactory.create_batch(2)
    shopper.add(one, selected=False)
    shopper.add(two)
    Sku.objects.filter(pk=two.pk).update(stock=0)

    selected = shopper.data("PUT", "/cart/selection", {"all": True, "selected": True})
    deselected = shopper.data("PUT", "/cart/selection", {"all": True, "selected": False})

    assert selections(selected) == {one.id: True, two.id: True}
    assert selections(deselected) == {one.id: False, two.id: False}
    assert (deselected["itemCount"], deselected["totalAmount"]) == (0, 0)


def test_a_selection_leaves_quantities_and_order(shopper: Shopper) -> None:
    skus = SkuFactory.create_batch(3)
    for number, sku in enumerate(skus, start=1):
        shopper.add(sku, number)

    cart = shopper.data("PUT", "/cart/selection", {"all": True, "selected": False})

    lines = [(line["skuId"], line["quantity"]) for line in cart["items"]]
    assert lines == [(sku.id, number) for number, sku in enumerate(skus, start=1)]


@pytest.mark.parametrize("which", [{"all": True}, {"merchantId": "nobody"}])
def test_a_selection_that_is_there_already_changes_nothing(
    shopper: Shopper, which: dict[str, Any]
) -> None:
    sku = SkuFactory.create()
    shopper.add(sku)

    with unchanged(shopper):
        cart = shopper.data("PUT", "/cart/selection", which | {"selected": True})

    assert line_of(cart, sku)["selected"] is True


@pytest.mark.parametrize("which", [{"all": True}, {"merchantId": "nobody"}])
def test_selecting_in_a_cart_that_does_not_exist_makes_none(
    shopper: Shopper, which: dict[str, Any]
) -> None:
    with unchanged(shopper):
        cart = shopper.data("PUT", "/cart/selection", which | {"selected": True})

    assert (cart["items"], cart["version"]) == ([], 0)


def test_what_cannot_be_selected_is_told_and_the_rest_is_done(shopper: Shopper) -> None:
    one, never = SkuFactory.create_batch(2)
    foreign = item_id(new_guest().add(one), one)
    cart = shopper.add(one)
    ids = [foreign, item_id(cart, one), item_id(cart, never)]

    refusal = shopper.refusal("PUT", "/cart/selection", {"itemIds": ids, "selected": False})

    assert (refusal["code"], refusal["message"]) == (400, "Failed to update 2 items")
    assert refusal["data"] == [
        {"itemId": ids[0], "success": False, "message": "Access denied"},
        {"itemId": ids[1], "success": True},
        {"itemId": ids[2], "success": False, "message": "Item not found"},
    ]
    assert selections(shopper.cart()) == {one.id: False}


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"selected": True},
        {"all": True},
        {"all": False, "selected": True},
        {"all": "true", "selected": True},
        {"all": True, "selected": "true"},
        {"all": True, "selected": 1},
        {"all": True, "selected": None},
        {"merchantId": "", "selected": True},
        {"merchantId": 7, "selected": True},
    ],
)
def test_a_selection_must_say_which_lines_and_whether(
    shopper: Shopper, body: dict[str, Any]
) -> None:
    shopper.add(SkuFactory.create(), selected=False)

    with unchanged(shopper):
        refusal = shopper.refusal("PUT", "/cart/selection", body)

    assert summary_of(refusal) == REFUSED
