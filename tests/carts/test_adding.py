"""POST /api/cart."""

import pytest

from tests.carts.shopper import Shopper
from tests.factories import SkuFactory

pytestmark = pytest.mark.django_db


def test_adding_to_a_new_cart_answers_the_whole_cart(guest: Shopper) -> None:
    sku = SkuFactory(price="149.99", original_price="199.99", stock=100)
    empty = guest.cart()

    cart = guest.add(sku, 2)

    assert empty["items"] == []
    assert cart["id"] == empty["id"]
    assert cart["totalAmount"] == 299.98
    assert cart["items"] == cart["list"]
    assert cart == guest.cart() | {"list": cart["items"]}
