"""Rows of carts for tests."""

import factory
from factory.django import DjangoModelFactory

from carts.models import CartChange


class CartChangeFactory(DjangoModelFactory[CartChange]):
    """A unit of a SKU that a guest added through the shop; `at` has to be given."""

    class Meta:
        model = CartChange

    stream_id = factory.Sequence(lambda n: f"{n}-0")
    cart_id = "c" * 24
    owner_kind = "guest"
    owner_id = "g" * 24
    action = "add"
    sku_id = "s" * 24
    before = 0
    after = 1
    version = 1
    source = "api"
    request_id = "r" * 16
