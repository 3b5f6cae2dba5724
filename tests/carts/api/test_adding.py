"""POST /api/cart."""

from typing import Any

import pytest

from products.models import PurchaseTally, Sku
from tests.carts.shopper import (
    Shopper,
    addition_of,
    line_of,
    quantities_of,
    summary_of,
    unchanged,
)
from tests.factories import ProductFactory, SkuFactory

pytestmark = pytest.mark.django_db


def test_adding_to_a_new_cart_answers_the_whole_cart(shopper: Shopper) -> None:
    sku = SkuFactory.create(price="149.99", original_price="199.99", stock=100)
    empty = shopper.cart()

    response = shopper.call("POST", "/cart", addition_of(sku, 2))

    envelope = response.json()
    cart = envelope["data"]
    assert (response.status_code, envelope["code"]) == (200, 200)
    assert envelope["message"] == "Product added to cart successfully"
    assert cart["id"] == empty["id"]
    assert cart["totalAmount"] == 299.98
    assert cart["items"] == cart["list"]
    assert cart == shopper.cart() | {"list": cart["items"]}


def test_adding_grows_the_line_of_the_sku(shopper: Shopper) -> None:
    sku = SkuFactory.create()
    first = shopper.add(sku, 2)

    second = shopper.add(sku, 3)

    assert quantities_of(second) == {sku.id: 5}
    assert line_of(second, sku)["id"] == line_of(first, sku)["id"]
    assert line_of(second, sku)["createdAt"] == line_of(first, sku)["createdAt"]


def test_skus_of_one_product_have_lines_of_their_own(shopper: Shopper) -> None:
    white, black = SkuFactory.create_batch(2, product=ProductFactory.create())

    shopper.add(white, 1)
    cart = shopper.add(black, 2)

    assert quantities_of(cart) == {white.id: 1, black.id: 2}


@pytest.mark.parametrize("sku_id", [{}, {"skuId": None}, {"skuId": ""}])
def test_the_sku_may_be_left_out_where_the_product_has_one(
    shopper: Shopper, sku_id: dict[str, Any]
) -> None:
    sku = SkuFactory.create()

    cart = shopper.data("POST", "/cart", {"productId": sku.product_id, "quantity": 1} | sku_id)

    assert quantities_of(cart) == {sku.id: 1}


def test_without_a_sku_a_product_with_several_is_refused(shopper: Shopper) -> None:
    skus = SkuFactory.create_batch(2, product=ProductFactory.create())
    shopper.add(skus[0])

    with unchanged(shopper):
        refusal = shopper.refusal("POST", "/cart", {"productId": skus[0].product_id, "quantity": 1})

    assert (refusal["code"], refusal["message"]) == (400, "SKU is required")
    assert refusal["error"] == {
        "type": "sku_required",
        "skuIds": sorted(sku.id for sku in skus),
    }


def test_withdrawn_skus_are_no_choice(shopper: Shopper) -> None:
    product = ProductFactory.create()
    sold = SkuFactory.create(product=product)
    SkuFactory.create(product=product, is_active=False)
    SkuFactory.create(product=product, is_deleted=True)

    cart = shopper.data("POST", "/cart", {"productId": product.id, "quantity": 1})

    assert quantities_of(cart) == {sold.id: 1}


@pytest.mark.parametrize("selected", [True, False])
def test_a_new_line_is_selected_as_asked(shopper: Shopper, selected: bool) -> None:
    sku = SkuFactory.create()

    cart = shopper.add(sku, selected=selected)

    assert line_of(cart, sku)["selected"] is selected


@pytest.mark.parametrize(("asked", "then"), [(None, False), (True, True), (False, False)])
def test_an_existing_line_is_selected_as_asked_or_as_it_was(
    shopper: Shopper, asked: bool | None, then: bool
) -> None:
    sku = SkuFactory.create()
    shopper.add(sku, selected=False)

    cart = shopper.add(sku, selected=asked)

    assert line_of(cart, sku)["selected"] is then
    assert line_of(cart, sku)["quantity"] == 2


def test_a_price_and_other_unknown_fields_have_no_effect(shopper: Shopper) -> None:
    sku = SkuFactory.create(price="149.99")

    cart = shopper.add(
        sku,
        price=0.01,
        totalPrice=0.01,
        userId="somebody",
        sessionId="guest-somebody",
        status="CHECKEDOUT",
        version=1,
        currency="USD",
        nonsense={"a": [1]},
    )

    assert cart["totalAmount"] == line_of(cart, sku)["price"] == 149.99
    assert cart["status"] == "ACTIVE"
    assert cart["currency"] == "CNY"
    assert cart["version"] > 1
    assert shopper.owner_id in {cart["userId"], cart["sessionId"]}


@pytest.mark.parametrize("body", [{}, {"productId": None}, {"productId": ""}])
def test_a_product_must_be_named(shopper: Shopper, body: dict[str, Any]) -> None:
    with unchanged(shopper):
        refusal = shopper.refusal("POST", "/cart", {"quantity": 1} | body)

    assert summary_of(refusal) == (400, "product_id_required", "Product ID is required")
    assert refusal["data"] is None


@pytest.mark.parametrize("quantity", [0, -1])
def test_a_quantity_of_nothing_is_refused(shopper: Shopper, quantity: int) -> None:
    sku = SkuFactory.create()

    with unchanged(shopper):
        refusal = shopper.refusal("POST", "/cart", addition_of(sku, quantity))

    assert summary_of(refusal) == (
        400,
        "invalid_quantity",
        "Quantity must be greater than 0",
    )


@pytest.mark.parametrize(
    "wrong",
    [
        {"quantity": 10_000},
        {"quantity": True},
        {"quantity": 1.0},
        {"quantity": "1"},
        {"quantity": None},
        {"quantity": [1]},
        {"productId": 7},
        {"productId": ["x"]},
        {"skuId": 7},
        {"skuId": False},
        {"selected": "yes"},
        {"selected": 1},
    ],
)
def test_a_value_of_the_wrong_type_is_refused(shopper: Shopper, wrong: dict[str, Any]) -> None:
    sku = SkuFactory.create(stock=20_000)

    with unchanged(shopper):
        refusal = shopper.refusal("POST", "/cart", addition_of(sku) | wrong)

    assert summary_of(refusal) == (
        400,
        "invalid_product_or_quantity",
        "Invalid product ID or quantity",
    )


def test_a_quantity_must_be_given(shopper: Shopper) -> None:
    body = addition_of(SkuFactory.create())
    del body["quantity"]

    with unchanged(shopper):
        refusal = shopper.refusal("POST", "/cart", body)

    assert refusal["error"] == {"type": "invalid_product_or_quantity"}


@pytest.mark.parametrize("kind", ["product", "sku", "sku of another product", "absurd"])
def test_what_the_catalogue_does_not_have_is_refused(shopper: Shopper, kind: str) -> None:
    sku = SkuFactory.create()
    shopper.add(sku)
    wrong: dict[str, dict[str, Any]] = {
        "product": {"productId": "c" * 24, "skuId": None},
        "sku": {"skuId": "c" * 24},
        "sku of another product": {"skuId": SkuFactory.create().id},
        "absurd": {"productId": "no/such id", "skuId": "../*"},
    }
    body = addition_of(sku) | wrong[kind]

    with unchanged(shopper):
        refusal = shopper.refusal("POST", "/cart", body)

    named = body["productId"]
    assert summary_of(refusal) == (
        400,
        "product_not_found",
        f"Failed to add item to cart: {named}",
    )
    assert refusal["error"]["productId"] == named


@pytest.mark.parametrize("sku_id_is_sent", [True, False])
@pytest.mark.parametrize(
    "how", [{"status": 0}, {"is_deleted": True}, {"sku_active": False}, {"sku_deleted": True}]
)
def test_what_is_not_on_sale_is_refused(
    shopper: Shopper, how: dict[str, Any], sku_id_is_sent: bool
) -> None:
    product = ProductFactory.create(
        status=how.get("status", 1), is_deleted=how.get("is_deleted", False)
    )
    sku = SkuFactory.create_batch(
        2,
        product=product,
        is_active=how.get("sku_active", True),
        is_deleted=how.get("sku_deleted", False),
    )[0]
    body = addition_of(sku)
    if not sku_id_is_sent:
        del body["skuId"]

    with unchanged(shopper):
        refusal = shopper.refusal("POST", "/cart", body)

    assert summary_of(refusal) == (400, "product_not_available", "Product not available")


def test_more_than_the_stock_is_refused(shopper: Shopper) -> None:
    sku = SkuFactory.create(stock=5)
    shopper.add(sku, 3)

    with unchanged(shopper):
        refusal = shopper.refusal("POST", "/cart", addition_of(sku, 4))

    assert (refusal["code"], refusal["message"]) == (409, "Insufficient stock")
    assert refusal["error"] == {
        "type": "insufficient_stock",
        "available": 5,
        "inCart": 3,
        "requested": 4,
    }


def test_the_whole_stock_may_be_added(shopper: Shopper) -> None:
    sku = SkuFactory.create(stock=5)
    shopper.add(sku, 3)

    cart = shopper.add(sku, 2)

    assert quantities_of(cart) == {sku.id: 5}


def test_what_is_sold_out_is_refused_as_insufficient_stock(shopper: Shopper) -> None:
    sku = SkuFactory.create(stock=0)

    with unchanged(shopper):
        refusal = shopper.refusal("POST", "/cart", addition_of(sku, 1))

    assert refusal["code"] == 409
    assert refusal["error"] == {
        "type": "insufficient_stock",
        "available": 0,
        "inCart": 0,
        "requested": 1,
    }


def test_more_than_the_purchase_limit_is_refused(shopper: Shopper) -> None:
    sku = SkuFactory.create(purchase_limit=5)
    buyer = f"{'guest' if 'X-Guest-ID' in shopper.headers else 'user'}:{shopper.owner_id}"
    PurchaseTally.objects.create(sku=sku, buyer=buyer, units=2)
    shopper.add(sku, 1)

    with unchanged(shopper):
        refusal = shopper.refusal("POST", "/cart", addition_of(sku, 3))

    assert (refusal["code"], refusal["message"]) == (409, "Purchase limit exceeded")
    assert refusal["error"] == {
        "type": "purchase_limit_exceeded",
        "limit": 5,
        "remaining": 3,
        "inCart": 1,
        "requested": 3,
    }


def test_the_whole_allowance_may_be_added_and_is_told(shopper: Shopper) -> None:
    sku = SkuFactory.create(purchase_limit=5)
    PurchaseTally.objects.create(sku=sku, buyer="user:somebody-else", units=5)

    cart = shopper.add(sku, 5)

    notices = line_of(cart, sku)["extraData"]
    assert (notices["purchaseLimit"], notices["remainingLimit"]) == (5, 5)


def test_a_line_holds_9999_units_at_the_most(shopper: Shopper) -> None:
    sku = SkuFactory.create(stock=20_000)
    shopper.add(sku, 9_999)

    with unchanged(shopper):
        refusal = shopper.refusal("POST", "/cart", addition_of(sku, 1))

    assert refusal["error"] == {"type": "invalid_product_or_quantity"}


def test_a_cart_holds_200_lines_at_the_most(shopper: Shopper) -> None:
    *skus, one_too_many = SkuFactory.create_batch(201, product=ProductFactory.create())
    for half in (skus[:100], skus[100:]):
        shopper.data("POST", "/cart/batch", {"items": [addition_of(sku) for sku in half]})

    with unchanged(shopper):
        refusal = shopper.refusal("POST", "/cart", addition_of(one_too_many))

    assert summary_of(refusal) == (400, "cart_full", "Cart is full")
    grown = shopper.add(skus[7])
    assert (len(grown["items"]), line_of(grown, skus[7])["quantity"]) == (200, 2)


def test_a_refused_first_addition_makes_no_cart(shopper: Shopper) -> None:
    sku = SkuFactory.create(stock=1)

    refusal = shopper.refusal("POST", "/cart", addition_of(sku, 2))

    assert refusal["error"]["type"] == "insufficient_stock"
    assert shopper.cart()["version"] == 0


def test_stock_that_shrank_leaves_the_line_as_it_is(shopper: Shopper) -> None:
    sku = SkuFactory.create(stock=5)
    shopper.add(sku, 5)
    Sku.objects.filter(pk=sku.pk).update(stock=2)

    with unchanged(shopper):
        refusal = shopper.refusal("POST", "/cart", addition_of(sku, 1))

    assert refusal["error"]["available"] == 2
    assert quantities_of(shopper.cart()) == {sku.id: 5}
