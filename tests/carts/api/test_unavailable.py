"""Lines that cannot be bought now: shown apart, counted nowhere, back by themselves."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from django.db import connection

from products.models import Product, Sku
from tests.carts.shopper import Shopper, line_of
from tests.factories import ProductFactory, SkuFactory

pytestmark = pytest.mark.django_db


def _product(**changes: object) -> Callable[[Sku], None]:
    def change(sku: Sku) -> None:
        Product.objects.filter(pk=sku.product_id).update(**changes)

    return change


def _sku(**changes: object) -> Callable[[Sku], None]:
    def change(sku: Sku) -> None:
        Sku.objects.filter(pk=sku.pk).update(**changes)

    return change


def _raw(statement: str) -> Callable[[Sku], None]:
    def change(sku: Sku) -> None:
        with connection.cursor() as cursor:
            cursor.execute(statement, [sku.pk])

    return change


@dataclass
class Fate:
    """How a SKU becomes unavailable, what the cart says of it, and how it returns."""

    go: Callable[[Sku], None]
    reason: str
    come_back: Callable[[Sku], None]


FATES = {
    "product off shelf": Fate(_product(status=0), "off_shelf", _product(status=1)),
    "product deleted": Fate(_product(is_deleted=True), "deleted", _product(is_deleted=False)),
    "SKU inactive": Fate(_sku(is_active=False), "off_shelf", _sku(is_active=True)),
    "SKU deleted": Fate(_sku(is_deleted=True), "deleted", _sku(is_deleted=False)),
    "out of stock": Fate(_sku(stock=0), "out_of_stock", _sku(stock=100)),
    "out of stock by raw SQL": Fate(
        _raw("UPDATE products_sku SET stock = 0 WHERE id = %s"),
        "out_of_stock",
        _raw("UPDATE products_sku SET stock = 100 WHERE id = %s"),
    ),
}


@pytest.mark.parametrize("fate", FATES)
def test_what_cannot_be_bought_is_shown_apart_and_counts_nowhere(
    shopper: Shopper, fate: str
) -> None:
    product = ProductFactory.create(name="温湿度传感器", images=["/front.svg", "/back.svg"])
    sku, other = SkuFactory.create(product=product, price="149.99"), SkuFactory.create(price="1")
    shopper.add(sku, 3)
    before = shopper.add(other, 2)

    FATES[fate].go(sku)

    cart = shopper.cart()
    [line] = cart["unavailableItems"]
    assert [item["skuId"] for item in cart["items"]] == [other.id]
    assert line == {
        "id": line_of(before, sku)["id"],
        "productId": product.id,
        "skuId": sku.id,
        "quantity": 3,
        "selected": True,
        "reason": FATES[fate].reason,
        "snapshot": {"name": "温湿度传感器", "image": "/front.svg", "price": 149.99},
        "extraData": line["extraData"],
        "createdAt": line_of(before, sku)["createdAt"],
        "updatedAt": line_of(before, sku)["updatedAt"],
    }
    assert line["extraData"].keys() == line_of(before, sku)["extraData"].keys()
    assert line["extraData"]["outOfStock"] is (FATES[fate].reason == "out_of_stock")
    assert (cart["itemCount"], cart["selectedCount"]) == (2, 1)
    assert (cart["totalAmount"], cart["selectedAmount"]) == (2, 2)


@pytest.mark.parametrize("fate", FATES)
def test_it_returns_by_itself_to_its_old_place(shopper: Shopper, fate: str) -> None:
    skus = SkuFactory.create_batch(3)
    for sku in skus:
        before = shopper.add(sku)
    del before["list"]

    FATES[fate].go(skus[1])
    FATES[fate].come_back(skus[1])

    assert shopper.cart() == before


def test_it_keeps_the_name_image_and_price_it_had_when_added(shopper: Shopper) -> None:
    product = ProductFactory.create(name="Old", images=["/old.svg"])
    sku = SkuFactory.create(product=product, price="10.00")
    shopper.add(sku)

    Product.objects.filter(pk=product.pk).update(name="New", images=["/new.svg"], status=0)
    Sku.objects.filter(pk=sku.pk).update(price="20.00")

    [line] = shopper.cart()["unavailableItems"]
    assert line["snapshot"] == {"name": "Old", "image": "/old.svg", "price": 10}
    assert line["extraData"]["priceChange"] == {"from": 10, "to": 20, "direction": "up"}


def test_a_product_without_an_image_has_an_empty_one(shopper: Shopper) -> None:
    sku = SkuFactory.create(product=ProductFactory.create(images=[]), stock=1)
    shopper.add(sku)

    Sku.objects.filter(pk=sku.pk).update(stock=0)

    assert shopper.cart()["unavailableItems"][0]["snapshot"]["image"] == ""


def test_the_worst_reason_is_told(shopper: Shopper) -> None:
    sku = SkuFactory.create()
    shopper.add(sku)

    Sku.objects.filter(pk=sku.pk).update(stock=0)
    sold_out = shopper.cart()["unavailableItems"][0]["reason"]
    Product.objects.filter(pk=sku.product_id).update(status=0)
    off_shelf = shopper.cart()["unavailableItems"][0]["reason"]
    Sku.objects.filter(pk=sku.pk).update(is_deleted=True)
    deleted = shopper.cart()["unavailableItems"][0]["reason"]

    assert (sold_out, off_shelf, deleted) == ("out_of_stock", "off_shelf", "deleted")


def test_unavailable_lines_come_in_the_order_they_were_added(shopper: Shopper) -> None:
    skus = SkuFactory.create_batch(4)
    for sku in (skus[2], skus[0], skus[3], skus[1]):
        shopper.add(sku)

    Sku.objects.update(stock=0)

    orders = [[line["skuId"] for line in shopper.cart()["unavailableItems"]] for _ in range(3)]
    assert orders == [[skus[2].id, skus[0].id, skus[3].id, skus[1].id]] * 3
