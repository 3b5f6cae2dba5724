"""POST and PUT /api/cart/batch: many entries in one request, and partial failure."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.carts.shopper import (
    Shopper,
    addition_of,
    item_id,
    line_of,
    new_guest,
    quantities_of,
    summary_of,
    unchanged,
)
from tests.factories import ProductFactory, SkuFactory

pytestmark = pytest.mark.django_db


def test_a_batch_is_added_in_its_order(shopper: Shopper) -> None:
    skus = SkuFactory.create_batch(3)
    items = [addition_of(sku, number) for number, sku in enumerate(skus, start=1)]
    del items[1]["skuId"]

    response = shopper.call("POST", "/cart/batch", {"items": items})

    envelope = response.json()
    assert (envelope["code"], envelope["message"]) == (200, "Success")
    assert list(quantities_of(envelope["data"]).items()) == [
        (sku.id, number) for number, sku in enumerate(skus, start=1)
    ]
    assert envelope["data"] == shopper.cart()


def test_what_cannot_be_added_is_told_and_the_rest_is_done(shopper: Shopper) -> None:
    good, scarce, limited = (
        SkuFactory.create(),
        SkuFactory.create(stock=1),
        SkuFactory.create(purchase_limit=1),
    )
    withdrawn = SkuFactory.create(is_active=False)
    several = SkuFactory.create_batch(2, product=ProductFactory.create())[0]
    items = [
        addition_of(scarce, 2),
        addition_of(good, 2),
        addition_of(limited, 2),
        addition_of(withdrawn),
        {"productId": several.product_id, "quantity": 1},
        {"productId": "nothing", "quantity": 1},
        addition_of(good, 0),
        addition_of(good) | {"quantity": "1"},
        {"quantity": 1},
    ]

    refusal = shopper.refusal("POST", "/cart/batch", {"items": items})

    assert (refusal["code"], refusal["message"]) == (400, "Failed to add 8 items")
    messages = [
        "Insufficient stock",
        None,
        "Purchase limit exceeded",
        "Product not available",
        "SKU is required",
        "Failed to add item to cart: nothing",
        "Quantity must be greater than 0",
        "Invalid product ID or quantity",
        "Product ID is required",
    ]
    names = [{k: item[k] for k in ("productId", "skuId") if k in item} for item in items]
    assert refusal["data"] == [
        name | ({"success": False, "message": message} if message else {"success": True})
        for name, message in zip(names, messages, strict=True)
    ]
    assert quantities_of(shopper.cart()) == {good.id: 2}


def test_the_failure_of_a_batch_is_counted_by_kind(shopper: Shopper) -> None:
    good, scarce = SkuFactory.create(), SkuFactory.create(stock=1)
    items = [addition_of(good), addition_of(scarce, 2), {"productId": "nothing", "quantity": 1}]

    refusal = shopper.refusal("POST", "/cart/batch", {"items": items})

    assert refusal["error"] == {
        "type": "batch_failed",
        "failedCount": 2,
        "successCount": 1,
        "codes": ["insufficient_stock", "product_not_found"],
    }


def test_one_sku_twice_is_judged_by_the_sum(shopper: Shopper) -> None:
    enough, scarce = SkuFactory.create(stock=5), SkuFactory.create(stock=5)
    by_product = addition_of(scarce, 3)
    del by_product["skuId"]
    items = [
        addition_of(enough, 2),
        addition_of(scarce, 3),
        addition_of(enough, 3),
        by_product,
    ]

    refusal = shopper.refusal("POST", "/cart/batch", {"items": items})

    assert refusal["message"] == "Failed to add 2 items"
    assert [result["success"] for result in refusal["data"]] == [True, False, True, False]
    assert quantities_of(shopper.cart()) == {enough.id: 5}


def test_a_batch_fills_the_cart_and_refuses_what_has_no_place(shopper: Shopper) -> None:
    *skus, last, one_too_many = SkuFactory.create_batch(201, product=ProductFactory.create())
    for part in (skus[:100], skus[100:]):
        shopper.data("POST", "/cart/batch", {"items": [addition_of(sku) for sku in part]})
    items = [addition_of(last), addition_of(one_too_many), addition_of(skus[0])]

    refusal = shopper.refusal("POST", "/cart/batch", {"items": items})

    assert [result.get("message") for result in refusal["data"]] == [None, "Cart is full", None]
    cart = shopper.cart()
    assert (len(cart["items"]), line_of(cart, skus[0])["quantity"]) == (200, 2)


@pytest.mark.parametrize("name", ["items", "list"])
def test_a_batch_is_updated_under_either_name(shopper: Shopper, name: str) -> None:
    one, two, three = SkuFactory.create_batch(3)
    for sku in (one, two, three):
        cart = shopper.add(sku)
    entries = [
        {"itemId": item_id(cart, one), "quantity": 5},
        {"itemId": item_id(cart, two), "selected": False},
        {"itemId": item_id(cart, three), "quantity": 7, "selected": False},
    ]

    response = shopper.call("PUT", "/cart/batch", {name: entries})

    envelope = response.json()
    assert (envelope["code"], envelope["message"]) == (200, "Success")
    lines = [(line["quantity"], line["selected"]) for line in envelope["data"]["items"]]
    assert lines == [(5, True), (1, False), (7, False)]
    assert envelope["data"] == shopper.cart()


def test_what_cannot_be_updated_is_told_and_the_rest_is_done(shopper: Shopper) -> None:
    good, scarce, never = (
        SkuFactory.create(),
        SkuFactory.create(stock=1),
        SkuFactory.create(),
    )
    foreign = item_id(new_guest().add(good), good)
    shopper.add(good)
    cart = shopper.add(scarce)
    entries: list[dict[str, Any]] = [
        {"itemId": item_id(cart, scarce), "quantity": 2},
        {"itemId": item_id(cart, good), "quantity": 3},
        {"itemId": foreign, "quantity": 3},
        {"itemId": item_id(cart, never), "quantity": 3},
        {"itemId": item_id(cart, good)},
        {"itemId": item_id(cart, good), "quantity": 0},
    ]

    refusal = shopper.refusal("PUT", "/cart/batch", {"items": entries})

    assert (refusal["code"], refusal["message"]) == (400, "Failed to update 5 items")
    messages = [
        "Insufficient stock",
        None,
        "Access denied",
        "Item not found",
        "Provide quantity or selected",
        "Quantity must be greater than 0",
    ]
    assert refusal["data"] == [
        {"itemId": entry["itemId"]}
        | ({"success": False, "message": message} if message else {"success": True})
        for entry, message in zip(entries, messages, strict=True)
    ]
    assert quantities_of(shopper.cart()) == {good.id: 3, scarce.id: 1}


def test_of_two_updates_of_one_line_the_later_counts(shopper: Shopper) -> None:
    sku = SkuFactory.create()
    named = item_id(shopper.add(sku), sku)

    cart = shopper.data(
        "PUT",
        "/cart/batch",
        {"items": [{"itemId": named, "quantity": 5}, {"itemId": named, "quantity": 3}]},
    )

    assert quantities_of(cart) == {sku.id: 3}


def test_a_batch_on_a_cart_that_does_not_exist_fails_for_every_line(shopper: Shopper) -> None:
    named = item_id(shopper.cart(), SkuFactory.create())

    with unchanged(shopper):
        refusal = shopper.refusal(
            "PUT", "/cart/batch", {"items": [{"itemId": named, "quantity": 1}]}
        )

    assert refusal["message"] == "Failed to update 1 items"
    assert refusal["data"] == [{"itemId": named, "success": False, "message": "Cart not found"}]


def test_a_batch_in_which_everything_fails_changes_nothing(shopper: Shopper) -> None:
    sku = SkuFactory.create(stock=1)
    shopper.add(sku)

    with unchanged(shopper):
        refusal = shopper.refusal("POST", "/cart/batch", {"items": [addition_of(sku)]})

    assert refusal["message"] == "Failed to add 1 items"


def add(entries: Any) -> tuple[str, str, Any]:
    return "POST", "/cart/batch", {"items": entries}


def update(entries: Any) -> tuple[str, str, Any]:
    return "PUT", "/cart/batch", {"items": entries}


def remove(entries: Any) -> tuple[str, str, Any]:
    return "DELETE", "/cart/batch", {"itemIds": entries}


def select(entries: Any) -> tuple[str, str, Any]:
    return "PUT", "/cart/selection", {"itemIds": entries, "selected": False}


def acknowledge(entries: Any) -> tuple[str, str, Any]:
    return "POST", "/cart/acknowledge", {"itemIds": entries}


Call = Callable[[Any], tuple[str, str, Any]]
# A well-formed entry of each call, given a line and its id.
ENTRIES: dict[Call, Callable[[dict[str, Any], str], Any]] = {
    add: lambda addition, _: addition,
    update: lambda _, named: {"itemId": named, "quantity": 9},
    remove: lambda _, named: named,
    select: lambda _, named: named,
    acknowledge: lambda _, named: named,
}


@pytest.mark.parametrize("call", ENTRIES)
@pytest.mark.parametrize("size", [0, 101])
def test_a_batch_holds_1_to_100_entries(shopper: Shopper, call: Call, size: int) -> None:
    sku = SkuFactory.create(stock=1000)
    entry = ENTRIES[call](addition_of(sku), item_id(shopper.add(sku), sku))

    with unchanged(shopper):
        refusal = shopper.refusal(*call([entry] * size))

    assert (refusal["code"], refusal["error"]["type"]) == (400, "invalid_batch")
    assert refusal["error"]["maxEntries"] == 100
    assert refusal["data"] is None


@pytest.mark.parametrize("call", [add, update, select, acknowledge])
def test_a_batch_of_100_entries_is_done(shopper: Shopper, call: Call) -> None:
    sku = SkuFactory.create(stock=1000)
    entry = ENTRIES[call](addition_of(sku), item_id(shopper.add(sku), sku))

    cart = shopper.data(*call([entry] * 100))

    assert quantities_of(cart) == {sku.id: 101 if call is add else 9 if call is update else 1}


@pytest.mark.parametrize("call", ENTRIES)
@pytest.mark.parametrize("entries", [{}, "x", 7, True, [7], [None], [[]], ["x", 7], [{}, 7]])
def test_what_is_no_batch_is_refused_before_any_work(
    shopper: Shopper, call: Call, entries: Any
) -> None:
    shopper.add(SkuFactory.create())

    with unchanged(shopper):
        refusal = shopper.refusal(*call(entries))

    assert (refusal["code"], refusal["error"]["type"]) == (400, "invalid_batch")


@pytest.mark.parametrize("call", [add, update, remove])
def test_a_batch_must_be_given(shopper: Shopper, call: Call) -> None:
    method, path, _ = call([])
    shopper.add(SkuFactory.create())

    with unchanged(shopper):
        refusals = [shopper.refusal(method, path, body) for body in ({}, {"items": None})]

    assert [refusal["error"]["type"] for refusal in refusals] == ["invalid_batch"] * 2


@pytest.mark.parametrize("entry", [{"quantity": 1}, {"itemId": 7, "quantity": 1}])
def test_an_update_without_the_id_of_a_line_refuses_the_whole_batch(
    shopper: Shopper, entry: dict[str, Any]
) -> None:
    sku = SkuFactory.create()
    named = item_id(shopper.add(sku), sku)

    with unchanged(shopper):
        refusal = shopper.refusal(*update([{"itemId": named, "quantity": 5}, entry]))

    assert summary_of(refusal) == (400, "invalid_batch", "Every entry needs an itemId")
