"""Prices are live, however the catalogue was changed, and the cart tells what they were."""

from collections.abc import Callable
from decimal import Decimal

import pytest
from django.db import connection

from products.models import Product, Sku
from tests.carts.shopper import Shopper, item_id, line_of
from tests.factories import SkuFactory

pytestmark = pytest.mark.django_db


def by_orm(sku: Sku, price: str) -> None:
    fresh = Sku.objects.get(pk=sku.pk)
    fresh.price = Decimal(price)
    fresh.save()


def by_update(sku: Sku, price: str) -> None:
    Sku.objects.filter(pk=sku.pk).update(price=price)


def by_bulk_update(sku: Sku, price: str) -> None:
    fresh = Sku.objects.get(pk=sku.pk)
    fresh.price = Decimal(price)
    Sku.objects.bulk_update([fresh], ["price"])


def by_raw_sql(sku: Sku, price: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE products_sku SET price = %s WHERE id = %s", [price, sku.pk])


SetPrice = Callable[[Sku, str], None]
WAYS = [by_orm, by_update, by_bulk_update, by_raw_sql]


@pytest.mark.parametrize("set_price", WAYS)
@pytest.mark.parametrize(
    ("price", "direction"), [("159.99", "up"), ("149.98", "down")], ids=["up", "down"]
)
def test_a_new_price_shows_at_once_whichever_way_it_came(
    shopper: Shopper, set_price: SetPrice, price: str, direction: str
) -> None:
    sku = SkuFactory.create(price="149.99")
    before = shopper.add(sku, 2)

    set_price(sku, price)

    cart = shopper.cart()
    line, now = line_of(cart, sku), float(price)
    assert (line["price"], line["product"]["price"]) == (now, now)
    assert line["totalPrice"] == cart["totalAmount"] == float(2 * Decimal(price))
    assert line["extraData"]["priceAtAdd"] == 149.99
    assert line["extraData"]["priceChange"] == {
        "from": 149.99,
        "to": now,
        "direction": direction,
    }
    assert cart["version"] == before["version"]


@pytest.mark.parametrize("set_price", WAYS)
def test_a_price_that_returns_is_no_change(shopper: Shopper, set_price: SetPrice) -> None:
    sku = SkuFactory.create(price="149.99")
    shopper.add(sku)

    set_price(sku, "10.00")
    set_price(sku, "149.99")

    notices = line_of(shopper.cart(), sku)["extraData"]
    assert (notices["priceAtAdd"], notices["priceChange"]) == (149.99, None)


def test_every_answer_of_a_change_shows_live_prices(shopper: Shopper) -> None:
    sku, other = SkuFactory.create(price="5.00"), SkuFactory.create(price="1.00")
    shopper.add(sku)
    by_raw_sql(sku, "7.00")

    added = shopper.add(other)
    updated = shopper.data("PUT", f"/cart/item/{item_id(added, other)}", {"quantity": 2})
    removed = shopper.data("DELETE", f"/cart/item/{item_id(added, other)}")

    amounts = [cart["totalAmount"] for cart in (added, updated, removed)]
    assert amounts == [8, 9, 7]
    assert line_of(removed, sku)["extraData"]["priceChange"]["from"] == 5


def test_adding_more_keeps_the_price_at_which_the_line_was_added(shopper: Shopper) -> None:
    sku = SkuFactory.create(price="5.00")
    shopper.add(sku)
    by_raw_sql(sku, "7.00")

    line = line_of(shopper.add(sku), sku)

    assert (line["price"], line["extraData"]["priceAtAdd"]) == (7, 5)


def test_a_line_added_after_the_change_knows_no_other_price(shopper: Shopper) -> None:
    sku = SkuFactory.create(price="5.00")
    by_raw_sql(sku, "7.00")

    line = line_of(shopper.add(sku), sku)

    assert (line["extraData"]["priceAtAdd"], line["extraData"]["priceChange"]) == (7, None)


def test_names_stock_and_original_price_are_live_too(shopper: Shopper) -> None:
    sku = SkuFactory.create(original_price=None, stock=100)
    shopper.add(sku)

    Product.objects.filter(pk=sku.product_id).update(name="新名", images=["/new.svg"])
    Sku.objects.filter(pk=sku.pk).update(original_price="999.90", stock=42)

    product = line_of(shopper.cart(), sku)["product"]
    assert (product["name"], product["images"]) == ("新名", ["/new.svg"])
    assert (product["originalPrice"], product["stock"]) == (999.9, 42)


def test_a_rename_is_no_price_change(shopper: Shopper) -> None:
    sku = SkuFactory.create()
    shopper.add(sku)

    Product.objects.filter(pk=sku.product_id).update(name="Renamed")

    assert line_of(shopper.cart(), sku)["extraData"]["priceChange"] is None
