"""GET /api/cart/validate: what a buyer must be told before buying."""

from typing import Any

import pytest

from products.models import Product, PurchaseTally, Sku
from tests.carts.shopper import Shopper, line_of, unchanged
from tests.factories import ProductFactory, SkuFactory

pytestmark = pytest.mark.django_db


def change(sku: Sku, **changes: Any) -> None:
    Sku.objects.filter(pk=sku.pk).update(**changes)


def test_an_empty_cart_is_valid(shopper: Shopper) -> None:
    validation = shopper.data("GET", "/cart/validate")

    assert validation == {"isValid": True, "issues": [], "validItems": [], "invalidItemCount": 0}


def test_a_cart_without_issues_is_valid(shopper: Shopper) -> None:
    sku = SkuFactory.create(stock=2, purchase_limit=2)
    cart = shopper.add(sku, 2)

    validation = shopper.data("GET", "/cart/validate")

    assert validation == {
        "isValid": True,
        "issues": [],
        "validItems": cart["items"],
        "invalidItemCount": 0,
    }


@pytest.mark.parametrize(
    ("changes", "codes", "messages"),
    [
        ({"stock": 2}, ["insufficient_stock"], ["Insufficient stock. Available: 2"]),
        ({"price": "159.99"}, ["price_changed"], ["Price changed from 149.99 to 159.99"]),
        ({"price": "150.00"}, ["price_changed"], ["Price changed from 149.99 to 150.00"]),
        (
            {"purchase_limit": 2},
            ["purchase_limit_exceeded"],
            ["Purchase limit exceeded. Limit: 2"],
        ),
        (
            {"stock": 1, "price": "0.05", "purchase_limit": 2},
            ["insufficient_stock", "purchase_limit_exceeded", "price_changed"],
            [
                "Insufficient stock. Available: 1",
                "Purchase limit exceeded. Limit: 2",
                "Price changed from 149.99 to 0.05",
            ],
        ),
        ({"stock": 0}, ["out_of_stock"], ["Out of stock"]),
        ({"is_active": False}, ["product_not_available"], ["Product not available"]),
        ({"is_deleted": True}, ["product_not_available"], ["Product not available"]),
        ({"stock": 0, "is_active": False}, ["product_not_available"], ["Product not available"]),
    ],
)
def test_every_issue_of_a_line_is_told(
    shopper: Shopper, changes: dict[str, Any], codes: list[str], messages: list[str]
) -> None:
    good = SkuFactory.create()
    shopper.add(good)
    sku = SkuFactory.create(product=ProductFactory.create(name="温湿度传感器"), price="149.99")
    line = line_of(shopper.add(sku, 3), sku)

    change(sku, **changes)

    validation = shopper.data("GET", "/cart/validate")
    assert validation["isValid"] is False
    assert validation["issues"] == [
        {
            "itemId": line["id"],
            "productId": sku.product_id,
            "productName": "温湿度传感器",
            "issues": messages,
            "codes": codes,
        }
    ]
    assert [item["skuId"] for item in validation["validItems"]] == [good.id]
    assert validation["invalidItemCount"] == 1


def test_units_bought_before_count_against_the_limit(user: Shopper) -> None:
    sku = SkuFactory.create(purchase_limit=3)
    user.add(sku, 2)

    PurchaseTally.objects.create(sku=sku, buyer=f"user:{user.owner_id}", units=2)

    [issue] = user.data("GET", "/cart/validate")["issues"]
    assert issue["issues"] == ["Purchase limit exceeded. Limit: 3"]


def test_deselected_lines_are_checked_too(shopper: Shopper) -> None:
    sku = SkuFactory.create()
    shopper.add(sku, selected=False)

    change(sku, stock=0)

    assert shopper.data("GET", "/cart/validate")["invalidItemCount"] == 1


def test_a_line_is_named_as_its_product_is_called_now_or_was_when_it_could_be_bought(
    shopper: Shopper,
) -> None:
    here, gone = (SkuFactory.create(product=ProductFactory.create(name="Old")) for _ in range(2))
    shopper.add(here, 2)
    shopper.add(gone, 2)

    Product.objects.update(name="New")
    change(here, stock=1)
    change(gone, is_active=False)

    issues = shopper.data("GET", "/cart/validate")["issues"]
    assert [issue["productName"] for issue in issues] == ["New", "Old"]


def test_issues_and_valid_items_come_in_the_order_of_the_lines(shopper: Shopper) -> None:
    skus = SkuFactory.create_batch(6)
    for sku in skus:
        shopper.add(sku, 2)

    for sku in skus[::2]:
        change(sku, stock=1)

    validation = shopper.data("GET", "/cart/validate")
    named = [issue["productId"] for issue in validation["issues"]]
    assert named == [sku.product_id for sku in skus[::2]]
    assert [item["skuId"] for item in validation["validItems"]] == [s.id for s in skus[1::2]]


def test_validating_changes_nothing(shopper: Shopper) -> None:
    sku = SkuFactory.create()
    shopper.add(sku, 3)
    change(sku, stock=1, price="1.00")

    with unchanged(shopper):
        shopper.data("GET", "/cart/validate")


def test_what_is_mended_is_valid_again(shopper: Shopper) -> None:
    sku = SkuFactory.create(price="10.00", stock=3)
    line = line_of(shopper.add(sku, 3), sku)
    change(sku, stock=1, price="11.00")

    shopper.data("PUT", f"/cart/item/{line['id']}", {"quantity": 1})
    shopper.data("POST", "/cart/acknowledge")

    assert shopper.data("GET", "/cart/validate")["isValid"] is True
