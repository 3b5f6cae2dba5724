"""POST /api/orders: what is refused, and that nothing is sold then."""

from typing import Any

import pytest
from django.test import override_settings

from orders.contacts import list_contact_marks
from orders.models import Order
from products.models import Product, Sku
from tests.carts.shopper import Shopper, item_id, new_guest, quantities_of, summary_of
from tests.factories import SkuFactory
from tests.orders.buying import CONTACT, buy, nothing_sold, place_order, refuse_order
from tests.products.rows import read_stock

pytestmark = pytest.mark.django_db

NOTHING_SELECTED = (400, "nothing_selected", "No items selected")
CART_INVALID = (409, "cart_invalid", "Cart validation failed")
PRICE_CHANGED = (409, "price_changed", "Price changed")


def test_a_cart_without_lines_has_nothing_to_order(shopper: Shopper) -> None:
    with nothing_sold(shopper):
        refusal = refuse_order(shopper)

    assert summary_of(refusal) == NOTHING_SELECTED


@pytest.mark.parametrize("body", [{}, {"itemIds": None}, {"itemIds": []}])
def test_an_order_of_nothing_is_refused(shopper: Shopper, body: Any) -> None:
    shopper.add(SkuFactory.create(), selected=False)

    with nothing_sold(shopper):
        refusal = refuse_order(shopper, body)

    assert summary_of(refusal) == NOTHING_SELECTED


def test_a_line_this_cart_lacks_is_not_found(shopper: Shopper) -> None:
    mine, other = SkuFactory.create(), SkuFactory.create()
    cart = shopper.add(mine)

    for unknown in (item_id(cart, other), "no-line", ""):
        with nothing_sold(shopper):
            refusal = refuse_order(shopper, {"itemIds": [item_id(cart, mine), unknown]})
        assert summary_of(refusal) == (404, "item_not_found", "Item not found")


def test_a_line_of_a_cart_that_does_not_exist_is_not_found(shopper: Shopper) -> None:
    line = item_id(shopper.cart(), SkuFactory.create())

    with nothing_sold(shopper):
        refusal = refuse_order(shopper, {"itemIds": [line]})

    assert summary_of(refusal) == (404, "cart_not_found", "Cart not found")


def test_a_line_of_somebody_else_is_denied(shopper: Shopper) -> None:
    sku = SkuFactory.create()
    somebody = new_guest()
    theirs = item_id(somebody.add(sku), sku)
    shopper.add(sku)

    with nothing_sold(shopper, somebody):
        refusal = refuse_order(shopper, {"itemIds": [theirs]})

    assert summary_of(refusal) == (403, "access_denied", "Access denied to cart item")


@pytest.mark.parametrize(
    "contact",
    [None, {}, {"name": "Lin"}, {"email": ""}, {"email": None, "phone": ""}],
)
def test_a_guest_must_leave_a_contact(guest: Shopper, contact: Any) -> None:
    guest.add(SkuFactory.create())

    with nothing_sold(guest):
        refusal = guest.refusal("POST", "/orders", {"contact": contact})

    assert refusal["code"] == 400
    assert refusal["error"] == {"type": "contact_required"}


@pytest.mark.parametrize(
    "contact",
    [
        {"email": "a@b.example"},
        {"email": "林@例子.中国"},
        {"email": "o'neil+shop@xn--fiqs8s.example"},
        {"phone": "0571-8888 0000"},
        {"phone": "13800138000"},
        {"phone": "+44 20 7946 0958"},
        {"phone": "(0571) 8888 0000 ext. 12"},
    ],
)
def test_one_contact_is_enough_for_a_guest(guest: Shopper, contact: Any) -> None:
    guest.add(SkuFactory.create())

    assert place_order(guest, {"contact": contact})["contact"] == contact


def test_spaces_around_a_contact_are_left_out(guest: Shopper) -> None:
    guest.add(SkuFactory.create())
    typed = {"email": " lin@example.com\t", "phone": "\u00a013800138000 ", "name": " Lin "}

    kept = place_order(guest, {"contact": typed})["contact"]

    assert kept == {"email": "lin@example.com", "phone": "13800138000", "name": " Lin "}


@override_settings(ORDER_PHONE_REGION="GB")
def test_numbers_without_a_country_code_are_of_the_shops_region(guest: Shopper) -> None:
    guest.add(SkuFactory.create())

    assert place_order(guest, {"contact": {"phone": "020 7946 0958"}})
    assert Order.objects.get().marks[0] == list_contact_marks({"phone": "+442079460958"})[0]


def test_a_user_needs_no_contact(user: Shopper) -> None:
    user.add(SkuFactory.create())

    order = user.data("POST", "/orders")

    assert (order["contact"], order["shippingAddress"], order["note"]) == (None, None, None)


HUGE = {"text": "x" * 501}
MALFORMED: list[tuple[str, Any]] = [
    ("itemIds", "c1_s1"),
    ("itemIds", [1]),
    ("itemIds", [None]),
    ("itemIds", {"0": "c1_s1"}),
    ("itemIds", ["c1_s1"] * 201),
    ("expectedTotal", "10.00"),
    ("expectedTotal", True),
    ("expectedTotal", [10]),
    ("expectedTotal", -0.01),
    ("expectedTotal", 10.001),
    ("expectedTotal", 1e-7),
    ("expectedTotal", 1e300),
    ("expectedTotal", 10**30),
    ("contact", "lin@example.com"),
    ("contact", ["lin@example.com"]),
    ("contact.email", "lin"),
    ("contact.email", 5),
    ("contact.email", False),
    ("contact.email", "a@b.example\r\nBcc: x@y.example"),
    ("contact.email", f"{'x' * 250}@b.example"),
    ("contact.email", "lin@localhost"),
    ("contact.email", "lin@[127.0.0.1]"),
    ("contact.phone", "call me"),
    ("contact.phone", "123"),
    ("contact.phone", "+123"),
    ("contact.phone", "+99 5555 55555"),
    ("contact.phone", "1" * 41),
    ("contact.phone", "12"),
    ("contact.phone", 5718888),
    ("contact.phone", "٣٣٣٣٣٣"),
    ("contact", {"email": "a@b.example", **HUGE}),
    ("shippingAddress", "1 Main Street"),
    ("shippingAddress", []),
    ("shippingAddress", HUGE),
    ("shippingAddress", {"x" * 501: 1}),
    ("shippingAddress", {str(number): number for number in range(26)}),
    ("shippingAddress", {"deep": [["x"] * 30] * 2}),
    ("shippingAddress", {"zip": 10**30}),
    ("shippingAddress", {"zip": 1e300}),
    ("note", 5),
    ("note", {}),
    ("note", "x" * 1001),
]


@pytest.mark.parametrize(("field", "value"), MALFORMED)
def test_a_malformed_field_is_refused(user: Shopper, field: str, value: Any) -> None:
    user.add(SkuFactory.create())
    name, _, inner = field.partition(".")
    body = {name: {inner: value} if inner else value}

    with nothing_sold(user):
        refusal = user.refusal("POST", "/orders", body)

    assert (refusal["code"], refusal["error"]["type"]) == (400, "invalid_field")
    assert refusal["error"]["field"] == field


def test_details_within_the_limits_are_kept_as_sent(user: Shopper) -> None:
    user.add(SkuFactory.create())
    details = {
        "name": "林" * 250,
        "zip": 310012,
        "geo": [30.2741, 120.1551],
        "gift": True,
        "floor": None,
        "parts": [{"text": str(number)} for number in range(10)],
    }

    order = place_order(user, {"shippingAddress": details, "note": "x" * 1000})

    assert user.data("GET", f"/orders/{order['id']}")["shippingAddress"] == details


def test_the_expected_total_lets_an_order_pass(user: Shopper) -> None:
    user.add(SkuFactory.create(price="149.99"), 2)

    assert place_order(user, {"expectedTotal": 299.98})["totalAmount"] == 299.98


@pytest.mark.parametrize("total", [300, 299.97, 0, 29998])
def test_another_total_than_expected_is_refused_with_the_new_figures(
    user: Shopper, total: float
) -> None:
    user.add(SkuFactory.create(price="149.99"), 2)

    with nothing_sold(user):
        refusal = refuse_order(user, {"expectedTotal": total})

    assert summary_of(refusal) == PRICE_CHANGED
    assert refusal["error"] == {
        "type": "price_changed",
        "expectedTotal": total,
        "totalAmount": 299.98,
    }


def test_a_price_changed_since_validation_is_refused_with_the_new_price(user: Shopper) -> None:
    sku = SkuFactory.create(price="149.99")
    seen = user.add(sku)["totalAmount"]
    Sku.objects.filter(pk=sku.pk).update(price="159.99")

    with nothing_sold(user):
        refusal = refuse_order(user, {"expectedTotal": seen})

    assert summary_of(refusal) == PRICE_CHANGED
    assert refusal["error"]["totalAmount"] == 159.99
    assert refusal["data"] == user.data("GET", "/cart/validate")
    assert refusal["data"]["issues"][0]["codes"] == ["price_changed"]


def change_stock(sku: Sku) -> None:
    Sku.objects.filter(pk=sku.pk).update(stock=2)


def sell_out(sku: Sku) -> None:
    Sku.objects.filter(pk=sku.pk).update(stock=0)


def take_off_shelf(sku: Sku) -> None:
    Product.objects.filter(pk=sku.product_id).update(status=0)


def deactivate(sku: Sku) -> None:
    Sku.objects.filter(pk=sku.pk).update(is_active=False)


def delete(sku: Sku) -> None:
    Product.objects.filter(pk=sku.product_id).update(is_deleted=True)


def limit(sku: Sku) -> None:
    Sku.objects.filter(pk=sku.pk).update(purchase_limit=2)


CHANGES = [
    (change_stock, "insufficient_stock", "Insufficient stock. Available: 2"),
    (sell_out, "out_of_stock", "Out of stock"),
    (take_off_shelf, "product_not_available", "Product not available"),
    (deactivate, "product_not_available", "Product not available"),
    (delete, "product_not_available", "Product not available"),
    (limit, "purchase_limit_exceeded", "Purchase limit exceeded. Limit: 2"),
]


@pytest.mark.parametrize(("change", "code", "message"), CHANGES)
def test_what_changed_between_validation_and_order_is_refused(
    shopper: Shopper, change: Any, code: str, message: str
) -> None:
    sku, other = SkuFactory.create(stock=9), SkuFactory.create()
    shopper.add(sku, 3)
    cart = shopper.add(other)
    assert shopper.data("GET", "/cart/validate")["isValid"] is True
    change(sku)

    with nothing_sold(shopper):
        refusals = [
            refuse_order(shopper),
            refuse_order(shopper, {"itemIds": [line["id"] for line in cart["items"]]}),
            refuse_order(shopper, {"expectedTotal": cart["totalAmount"]}),
        ]

    for refusal in refusals:
        assert summary_of(refusal) == CART_INVALID
        assert refusal["data"] == shopper.data("GET", "/cart/validate")
        [issue] = refusal["data"]["issues"]
        assert issue["itemId"] == item_id(cart, sku)
        assert (issue["codes"], issue["issues"]) == ([code], [message])


def test_lines_that_are_not_ordered_are_not_judged(user: Shopper) -> None:
    fine, gone = SkuFactory.create(), SkuFactory.create()
    user.add(gone)
    cart = user.add(fine)
    take_off_shelf(gone)

    order = place_order(user, {"itemIds": [item_id(cart, fine)]})

    assert [item["skuId"] for item in order["items"]] == [fine.id]


def test_a_hidden_line_stays_behind_where_the_total_shows_that_the_buyer_knows(
    shopper: Shopper,
) -> None:
    fine, gone = SkuFactory.create(price="10.00"), SkuFactory.create(price="5.00")
    shopper.add(fine, 2)
    shopper.add(gone)
    take_off_shelf(gone)
    shown = shopper.cart()["totalAmount"]

    order = place_order(shopper, {"expectedTotal": shown})

    cart = shopper.cart()
    assert (shown, order["totalAmount"]) == (20.00, 20.00)
    assert (cart["items"], cart["status"]) == ([], "ACTIVE")
    assert [line["skuId"] for line in cart["unavailableItems"]] == [gone.id]


def test_hidden_lines_alone_cannot_be_ordered(shopper: Shopper) -> None:
    gone = SkuFactory.create()
    shopper.add(gone)
    take_off_shelf(gone)

    with nothing_sold(shopper):
        refusal = refuse_order(shopper, {"expectedTotal": 0})

    assert summary_of(refusal) == CART_INVALID


def test_a_limit_counts_what_was_bought_before(shopper: Shopper) -> None:
    sku = SkuFactory.create(purchase_limit=3)
    buy(shopper, sku, 2)
    shopper.add(sku)
    Sku.objects.filter(pk=sku.pk).update(purchase_limit=2)

    with nothing_sold(shopper):
        refusal = refuse_order(shopper)

    assert refusal["data"]["issues"][0]["codes"] == ["purchase_limit_exceeded"]


def test_one_bad_line_keeps_the_others_from_being_sold(user: Shopper) -> None:
    skus = SkuFactory.create_batch(3, stock=5)
    for sku in skus:
        user.add(sku, 5)
    sell_out(skus[1])

    refusal = refuse_order(user)

    assert summary_of(refusal) == CART_INVALID
    assert read_stock(*skus) == [5, 0, 5]
    assert quantities_of(user.cart()) == {skus[0].id: 5, skus[2].id: 5}


@pytest.mark.parametrize(
    ("headers", "status", "slug"),
    [
        ({}, 400, "guest_id_required"),
        ({"X-Guest-ID": "short"}, 400, "invalid_guest_id"),
        ({"X-Guest-ID": "guest-12345678", "Authorization": "Bearer x"}, 401, "token_not_valid"),
    ],
)
def test_an_order_needs_an_identity(headers: Any, status: int, slug: str) -> None:
    nobody = Shopper("", headers)

    for method, path in [
        ("POST", "/orders"),
        ("GET", "/orders"),
        ("GET", "/orders/x"),
        ("POST", "/orders/x/cancel"),
    ]:
        refusal = nobody.refusal(method, path, {"contact": CONTACT})
        assert (refusal["code"], refusal["error"]["type"]) == (status, slug)
