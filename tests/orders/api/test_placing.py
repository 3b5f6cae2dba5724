"""POST /api/orders: what is bought, for how much, and what stays in the cart."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import override_settings
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from redis import Redis

from orders.lifecycle import cancel_expired_orders
from orders.models import Order, OrderEvent
from products.models import Product, Sku
from tests.carts.shopper import Shopper, item_id, quantities_of
from tests.factories import MerchantFactory, ProductFactory, SkuFactory
from tests.orders.buying import CONTACT, buyer_of, place_order
from tests.products.rows import read_stock, read_tallies

pytestmark = pytest.mark.django_db


def test_an_order_answers_what_was_sold(shopper: Shopper) -> None:
    product = ProductFactory.create(
        name="温湿度传感器 TH-100",
        merchant=MerchantFactory.create(name="澄明传感"),
        images=["https://img.example/th-100.jpg", "https://img.example/back.jpg"],
    )
    sku = SkuFactory.create(product=product, code="TH-100-WHT", price="149.99", stock=100)
    shopper.add(sku, 2)

    order = place_order(
        shopper,
        {
            "shippingAddress": {"name": "林", "city": "杭州", "lines": ["文三路 100 号"]},
            "contact": {"email": "lin@example.com", "phone": "+86 571 8888 0000"},
            "note": "Ring twice.",
        },
    )

    created, expires = parse_datetime(order["createdAt"]), parse_datetime(order["expiresAt"])
    assert created is not None
    assert expires is not None
    assert (expires - created).total_seconds() == 30 * 60
    assert order == {
        "id": Order.objects.get().id,
        "orderNumber": Order.objects.get().number,
        "status": "PENDING",
        "totalAmount": 299.98,
        "currency": "CNY",
        "itemCount": 2,
        "items": [
            {
                "id": f"{order['id']}_{sku.id}",
                "productId": product.id,
                "skuId": sku.id,
                "skuCode": "TH-100-WHT",
                "name": "温湿度传感器 TH-100",
                "image": "https://img.example/th-100.jpg",
                "price": 149.99,
                "quantity": 2,
                "totalPrice": 299.98,
                "merchant": {"id": product.merchant_id, "name": "澄明传感"},
            }
        ],
        "shippingAddress": {"name": "林", "city": "杭州", "lines": ["文三路 100 号"]},
        "contact": {"email": "lin@example.com", "phone": "+86 571 8888 0000"},
        "note": "Ring twice.",
        "createdAt": order["createdAt"],
        "paidAt": None,
        "cancelledAt": None,
        "expiresAt": order["expiresAt"],
        "returned": None,
    }
    assert shopper.data("GET", f"/orders/{order['id']}") == order


def test_an_order_takes_stock_and_allowance(shopper: Shopper) -> None:
    sku = SkuFactory.create(stock=10, purchase_limit=5)
    shopper.add(sku, 3)

    place_order(shopper)

    assert read_stock(sku) == [7]
    assert read_tallies() == {(sku.id, buyer_of(shopper)): 3}


def test_only_selected_lines_are_bought_and_the_others_stay(shopper: Shopper) -> None:
    bought, kept = SkuFactory.create(price="10.00"), SkuFactory.create(price="1.00")
    shopper.add(bought, 2)
    before = shopper.add(kept, 3, selected=False)

    order = place_order(shopper)

    cart = shopper.cart()
    assert (order["totalAmount"], order["itemCount"]) == (20.00, 2)
    assert quantities_of(cart) == {kept.id: 3}
    assert (cart["id"], cart["status"]) == (before["id"], "ACTIVE")
    assert cart["version"] > before["version"]


def test_the_lines_named_are_bought_selected_or_not(shopper: Shopper) -> None:
    selected, unselected = SkuFactory.create(), SkuFactory.create()
    shopper.add(selected)
    cart = shopper.add(unselected, selected=False)
    named = item_id(cart, unselected)

    order = place_order(shopper, {"itemIds": [named, named]})

    assert [item["skuId"] for item in order["items"]] == [unselected.id]
    assert quantities_of(shopper.cart()) == {selected.id: 1}


def test_items_come_in_the_order_of_the_cart(user: Shopper) -> None:
    skus = SkuFactory.create_batch(5)
    for sku in reversed(skus):
        user.add(sku)

    order = place_order(user)

    assert [item["skuId"] for item in order["items"]] == [sku.id for sku in reversed(skus)]
    assert user.data("GET", f"/orders/{order['id']}")["items"] == order["items"]


def test_a_cart_whose_last_line_is_bought_ends_and_the_next_add_starts_another(
    shopper: Shopper,
) -> None:
    sku = SkuFactory.create()
    before = shopper.add(sku)

    place_order(shopper)
    ended = shopper.cart()
    started = shopper.add(sku, 2)

    assert (ended["id"], ended["status"], ended["items"]) == (before["id"], "CHECKEDOUT", [])
    assert started["id"] != before["id"]
    assert (started["status"], quantities_of(started)) == ("ACTIVE", {sku.id: 2})


def test_prices_are_those_of_the_moment_of_sale(user: Shopper) -> None:
    sku = SkuFactory.create(price="10.00")
    user.add(sku, 3)
    Sku.objects.filter(pk=sku.pk).update(price="0.29")

    order = place_order(user)

    assert (order["items"][0]["price"], order["totalAmount"]) == (0.29, 0.87)


def test_what_was_sold_stays_as_it_was_sold(user: Shopper) -> None:
    sku = SkuFactory.create(price="10.00")
    user.add(sku)
    order = place_order(user)

    Sku.objects.filter(pk=sku.pk).update(price="99.00", code="NEW", is_deleted=True)
    Product.objects.filter(pk=sku.product_id).update(name="New", images=[], is_deleted=True)
    sku.product.merchant.name = "New"
    sku.product.merchant.save(update_fields=["name"])

    assert user.data("GET", f"/orders/{order['id']}") == order


def test_a_product_without_image_is_sold_with_an_empty_one(user: Shopper) -> None:
    user.add(SkuFactory.create(product__images=[]))

    assert place_order(user)["items"][0]["image"] == ""


def test_a_body_cannot_set_what_the_shop_decides(user: Shopper) -> None:
    sku = SkuFactory.create(price="10.00")
    user.add(sku)
    claims: dict[str, Any] = {
        "price": 0.01,
        "totalAmount": 0.01,
        "userId": "somebody",
        "status": "PAID",
        "items": [{"skuId": sku.id, "price": 0.01, "quantity": 9}],
        "createdAt": "2000-01-01T00:00:00.000Z",
    }

    order = place_order(user, claims)

    row = Order.objects.get()
    assert (order["status"], order["totalAmount"], order["itemCount"]) == ("PENDING", 10.00, 1)
    assert (row.user_id, row.buyer) == (user.owner_id, f"user:{user.owner_id}")


def test_the_answer_is_kept_by_no_cache(shopper: Shopper) -> None:
    shopper.add(SkuFactory.create())

    response = shopper.call("POST", "/orders", {"contact": CONTACT})

    assert response["Cache-Control"] == "no-store"
    assert "Authorization, X-Guest-ID" in response["Vary"]


def test_an_order_over_nothing_is_paid_when_it_is_placed(shopper: Shopper) -> None:
    sku = SkuFactory.create(price="0.00", stock=5)
    shopper.add(sku, 2)

    order = place_order(shopper, idempotency_key="k1")

    assert (order["status"], order["totalAmount"]) == ("PAID", 0)
    assert order["paidAt"] == order["createdAt"]
    assert shopper.data("GET", f"/orders/{order['id']}") == order
    assert place_order(shopper, idempotency_key="k1") == order
    assert shopper.cart()["status"] == "CHECKEDOUT"
    events = OrderEvent.objects.values_list("from_status", "to_status", "actor")
    buyer = Order.objects.get().actor
    assert list(events) == [("", "PENDING", buyer), ("PENDING", "PAID", "system")]


def test_an_order_over_nothing_is_never_cancelled_by_time(shopper: Shopper) -> None:
    sku = SkuFactory.create(price="0.00", stock=5)
    shopper.add(sku, 2)
    order = place_order(shopper)

    assert cancel_expired_orders(now=timezone.now() + timedelta(days=1)) == 0

    assert shopper.data("GET", f"/orders/{order['id']}") == order
    assert read_stock(sku) == [3]
    assert read_tallies() == {(sku.id, buyer_of(shopper)): 2}


def test_what_left_the_cart_is_in_the_change_log_as_an_order(
    user: Shopper, redis_server: Redis
) -> None:
    sku = SkuFactory.create()
    user.add(sku, 2)

    place_order(user)

    changes: Any = redis_server.xrevrange("cart:changes", count=1)
    _, entry = changes[0]
    logged = {name: entry[name] for name in (b"source", b"sku", b"before", b"after")}
    assert logged == {
        b"source": b"order",
        b"sku": sku.id.encode(),
        b"before": b"2",
        b"after": b"0",
    }


@override_settings(RATE_LIMIT_ORDERS=2)
def test_orders_are_limited_for_each_buyer(user: Shopper, guest: Shopper) -> None:
    sku = SkuFactory.create(stock=10)
    for _ in range(2):
        user.add(sku)
        place_order(user)
    user.add(sku)

    refusal = user.refusal("POST", "/orders", {})

    guest.add(sku)
    place_order(guest)
    assert (refusal["code"], refusal["error"]["type"]) == (429, "rate_limited")
    assert read_stock(sku) == [7]
