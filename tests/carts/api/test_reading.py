"""GET /api/cart and /api/cart/summary: the cart object."""

import json
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from redis import Redis

from tests.carts.shopper import Shopper, addition_of, item_id, line_of, new_guest, new_user
from tests.factories import MerchantFactory, ProductFactory, SkuFactory

pytestmark = pytest.mark.django_db

MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


def test_a_guests_cart_that_does_not_exist_reads_as_an_empty_one(guest: Shopper) -> None:
    cart = guest.cart()

    times = {cart.pop(name) for name in ("createdAt", "updatedAt", "expiresAt")}
    cart_id = cart.pop("id")
    assert cart == {
        "userId": None,
        "sessionId": guest.owner_id,
        "status": "ACTIVE",
        "currency": "CNY",
        "totalAmount": 0,
        "itemCount": 0,
        "selectedCount": 0,
        "selectedAmount": 0,
        "items": [],
        "unavailableItems": [],
        "version": 0,
    }
    assert re.fullmatch("[a-z][0-9a-z]{23}", cart_id)
    assert all(MOMENT.fullmatch(moment) for moment in times)


def test_a_users_cart_names_the_user_and_no_session(user: Shopper) -> None:
    empty = user.cart()
    cart = user.add(SkuFactory.create())

    assert (empty["userId"], empty["sessionId"]) == (user.owner_id, None)
    assert (cart["userId"], cart["sessionId"]) == (user.owner_id, None)


def test_the_id_of_a_cart_stays_the_same_when_its_first_line_is_added(shopper: Shopper) -> None:
    empty = shopper.cart()

    shopper.add(SkuFactory.create())

    assert shopper.cart()["id"] == empty["id"]


def test_the_ids_of_two_carts_differ() -> None:
    ids = {make().cart()["id"] for make in (new_guest, new_guest, new_user, new_user)}

    assert len(ids) == 4


@pytest.mark.parametrize("path", ["/cart", "/cart/summary", "/cart/validate"])
def test_reading_a_cart_that_does_not_exist_writes_nothing(
    shopper: Shopper, redis_server: Redis, path: str
) -> None:
    shopper.data("GET", path)

    assert redis_server.keys() == []


@pytest.mark.parametrize("path", ["/cart", "/cart/summary", "/cart/validate"])
def test_reading_a_cart_writes_nothing(shopper: Shopper, redis_server: Redis, path: str) -> None:
    shopper.add(SkuFactory.create())
    before = {key: redis_server.dump(key) for key in redis_server.scan_iter()}

    shopper.data("GET", path)

    assert {key: redis_server.dump(key) for key in redis_server.scan_iter()} == before


def test_a_cart_with_a_line_is_answered_whole(guest: Shopper) -> None:
    merchant = MerchantFactory.create(name="澄明传感")
    product = ProductFactory.create(
        merchant=merchant, name="温湿度传感器", description="±0.2 ℃", images=["/a.svg", "/b.svg"]
    )
    sku = SkuFactory.create(
        product=product, code="TH-100-WHT", price="149.99", original_price="199.99", stock=100
    )
    cart = guest.add(sku, 2)
    del cart["list"]

    again = guest.cart()

    line = again["items"][0]
    assert again == cart
    assert line == {
        "id": f"{cart['id']}_{sku.id}",
        "cartId": cart["id"],
        "productId": product.id,
        "skuId": sku.id,
        "quantity": 2,
        "price": 149.99,
        "totalPrice": 299.98,
        "selected": True,
        "product": {
            "id": product.id,
            "name": "温湿度传感器",
            "description": "±0.2 ℃",
            "price": 149.99,
            "originalPrice": 199.99,
            "stock": 100,
            "images": ["/a.svg", "/b.svg"],
            "status": 1,
            "merchant": {"id": merchant.id, "name": "澄明传感"},
        },
        "sku": {"id": sku.id, "code": "TH-100-WHT", "attributes": {"颜色": "白"}},
        "extraData": {
            "purchaseLimit": None,
            "remainingLimit": None,
            "insufficientStock": False,
            "outOfStock": False,
            "lowStock": False,
            "priceAtAdd": 149.99,
            "priceChange": None,
        },
        "createdAt": line["createdAt"],
        "updatedAt": line["updatedAt"],
    }
    assert MOMENT.fullmatch(line["createdAt"])
    assert line["createdAt"] == line["updatedAt"]


def test_totals_count_the_selected_lines_that_can_be_bought(shopper: Shopper) -> None:
    counted = [SkuFactory.create(price="200.00"), SkuFactory.create(price="99.99")]
    shopper.add(counted[0], 1)
    shopper.add(counted[1], 2)
    shopper.add(SkuFactory.create(price="5.00"), 4, selected=False)
    gone = SkuFactory.create(price="7.00")
    shopper.add(gone, 8)
    type(gone).objects.filter(pk=gone.pk).update(stock=0)

    cart = shopper.cart()

    assert (cart["totalAmount"], cart["selectedAmount"]) == (399.98, 399.98)
    assert (cart["itemCount"], cart["selectedCount"]) == (3, 2)
    assert [len(cart[name]) for name in ("items", "unavailableItems")] == [3, 1]
    assert shopper.data("GET", "/cart/summary") == {
        "totalAmount": 399.98,
        "totalItems": 3,
        "selectedItems": 2,
        "selectedAmount": 399.98,
    }


def test_the_summary_of_a_cart_that_does_not_exist_is_zero(shopper: Shopper) -> None:
    summary = shopper.data("GET", "/cart/summary")

    assert summary == {
        "totalAmount": 0,
        "totalItems": 0,
        "selectedItems": 0,
        "selectedAmount": 0,
    }


@pytest.mark.parametrize(
    ("price", "quantity", "total"),
    [
        ("0.10", 3, "0.3"),
        ("1.10", 3, "3.3"),
        ("19.99", 100, "1999.0"),
        ("0.29", 100, "29.0"),
        ("1.15", 9999, "11498.85"),
        ("4.35", 100, "435.0"),
        ("0.00", 7, "0.0"),
        ("1234567.89", 9999, "12344444332.11"),
        ("9999999.99", 999, "9989999990.01"),
    ],
)
def test_money_is_exact_to_the_cent(guest: Shopper, price: str, quantity: int, total: str) -> None:
    guest.add(SkuFactory.create(price=price, stock=9999), quantity)

    response = guest.call("GET", "/cart")

    cart = json.loads(response.content, parse_float=Decimal)["data"]
    assert cart["items"][0]["price"] == Decimal(price)
    assert cart["items"][0]["totalPrice"] == Decimal(total)
    assert cart["totalAmount"] == cart["selectedAmount"] == Decimal(total)


def test_a_sum_of_many_prices_is_exact(guest: Shopper) -> None:
    prices = [f"{number}.{number:02d}" for number in range(1, 100)]
    skus = [SkuFactory.create(price=price) for price in prices]
    guest.data("POST", "/cart/batch", {"items": [addition_of(sku, 3) for sku in skus]})

    cart = guest.cart()

    assert Decimal(repr(cart["totalAmount"])) == 3 * sum(map(Decimal, prices))
    assert (cart["itemCount"], cart["selectedCount"]) == (297, 99)


def test_lines_come_in_the_order_they_were_added_on_every_read(shopper: Shopper) -> None:
    first, second, *batch, last = SkuFactory.create_batch(13)
    shopper.add(second)
    shopper.add(first)
    shopper.data("POST", "/cart/batch", {"items": [addition_of(sku) for sku in batch]})
    shopper.add(last)
    shopper.add(second)
    shopper.data("PUT", f"/cart/item/{item_id(shopper.cart(), batch[3])}", {"quantity": 7})

    orders = [[line["skuId"] for line in shopper.cart()["items"]] for _ in range(5)]

    assert orders == [[sku.id for sku in (second, first, *batch, last)]] * 5


def test_a_line_that_was_removed_and_added_again_comes_last(shopper: Shopper) -> None:
    skus = SkuFactory.create_batch(3)
    for sku in skus:
        shopper.add(sku)

    shopper.data("DELETE", f"/cart/item/{item_id(shopper.cart(), skus[0])}")
    shopper.add(skus[0])

    order = [line["skuId"] for line in shopper.cart()["items"]]
    assert order == [skus[1].id, skus[2].id, skus[0].id]


def test_a_cart_expires_thirty_days_after_its_last_change(shopper: Shopper) -> None:
    sku = SkuFactory.create()
    first = shopper.add(sku)

    second = shopper.add(sku)

    updated, expires = (datetime.fromisoformat(second[key]) for key in ("updatedAt", "expiresAt"))
    assert expires - updated == timedelta(days=30)
    assert second["createdAt"] == first["createdAt"]
    assert second["updatedAt"] > first["updatedAt"]
    assert second["version"] > first["version"]


def test_a_guests_cart_is_gone_thirty_days_after_its_last_change_and_a_users_is_kept(
    guest: Shopper, user: Shopper, redis_server: Redis
) -> None:
    sku = SkuFactory.create()
    thirty_days_ms = 30 * 24 * 3600 * 1000

    guest.add(sku)
    user.add(sku)

    left_ms = redis_server.pttl(f"cart:guest:{guest.owner_id}")
    assert thirty_days_ms - 10_000 < left_ms <= thirty_days_ms
    assert redis_server.pttl(f"cart:user:{user.owner_id}") == -1


def test_a_cart_emptied_line_by_line_stays_empty_and_keeps_its_id(shopper: Shopper) -> None:
    sku = SkuFactory.create()
    before = shopper.add(sku)

    emptied = shopper.data("DELETE", f"/cart/item/{item_id(before, sku)}")

    assert (emptied["items"], emptied["id"]) == ([], before["id"])
    assert shopper.cart() == emptied


@pytest.mark.parametrize(
    ("stock", "expected"), [(11, False), (10, True), (1, True)], ids=["11", "10", "1"]
)
def test_a_low_stock_is_told(guest: Shopper, stock: int, expected: bool) -> None:
    sku = SkuFactory.create(stock=stock)

    cart = guest.add(sku)

    assert line_of(cart, sku)["extraData"]["lowStock"] is expected
    assert line_of(cart, sku)["product"]["stock"] == stock


def test_a_line_that_outgrew_the_stock_is_told_and_still_counts(guest: Shopper) -> None:
    sku = SkuFactory.create(price="10.00", stock=5)
    guest.add(sku, 5)
    type(sku).objects.filter(pk=sku.pk).update(stock=3)

    cart = guest.cart()

    notices = line_of(cart, sku)["extraData"]
    assert (notices["insufficientStock"], notices["outOfStock"]) == (True, False)
    assert (cart["itemCount"], cart["totalAmount"]) == (5, 50)


@pytest.mark.parametrize("make", [new_guest, new_user])
def test_carts_are_apart(make: Callable[[], Any]) -> None:
    one, other = make(), make()
    sku = SkuFactory.create()

    one.add(sku, 3)

    assert other.cart()["items"] == []
    assert one.cart()["items"][0]["quantity"] == 3
