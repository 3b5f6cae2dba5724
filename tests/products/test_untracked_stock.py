"""SKUs whose stock is not tracked: never sold out, and orders take none."""

import pytest
from django.test import Client
from django.utils import timezone

from orders.lifecycle import cancel_order
from orders.models import OrderItem
from products.models import PurchaseTally, Sku
from tests.carts.shopper import Shopper, new_guest
from tests.factories import SkuFactory
from tests.orders.buying import place_order

pytestmark = pytest.mark.django_db


@pytest.fixture
def sku() -> Sku:
    return SkuFactory.create(tracks_stock=False, stock=0)


@pytest.fixture
def guest(sku: Sku) -> Shopper:
    shopper = new_guest()
    shopper.add(sku, 500)
    return shopper


def test_it_can_be_added_and_shows_no_stock(guest: Shopper) -> None:
    [line] = guest.cart()["items"]

    assert (line["quantity"], line["product"]["stock"]) == (500, None)
    notices = line["extraData"]
    assert (notices["outOfStock"], notices["lowStock"], notices["insufficientStock"]) == (
        False,
        False,
        False,
    )
    assert guest.data("GET", "/cart/validate")["isValid"]


def test_lists_show_it_in_stock(client: Client, sku: Sku) -> None:
    shown = client.get("/api/products", {"inStock": "true"}).json()["data"]["items"]
    product = client.get(f"/api/products/{sku.product_id}").json()["data"]

    assert [item["stock"] for item in shown] == [None]
    assert product["skus"][0]["stock"] is None


def test_an_order_takes_none_and_gives_none_back_even_if_it_is_tracked_by_then(
    guest: Shopper, sku: Sku
) -> None:
    order = place_order(guest)
    Sku.objects.update(tracks_stock=True, stock=3)

    assert OrderItem.objects.get().took_stock is False
    assert PurchaseTally.objects.filter(units=500).exists()
    cancel(order["id"])

    assert Sku.objects.get(pk=sku.pk).stock == 3
    assert not PurchaseTally.objects.exclude(units=0).exists()


def test_a_tracked_one_gives_back_what_it_took_even_if_it_is_not_tracked_by_then() -> None:
    sku = SkuFactory.create(stock=10)
    shopper = new_guest()
    shopper.add(sku, 4)
    order = place_order(shopper)
    Sku.objects.update(tracks_stock=False)

    cancel(order["id"])

    assert Sku.objects.get(pk=sku.pk).stock == 10


def cancel(order_id: str) -> None:
    cancel_order(order_id=order_id, actor="system", now=timezone.now())
