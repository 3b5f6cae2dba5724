"""Rows for tests."""

from decimal import Decimal
from typing import Any

import factory
from factory.django import DjangoModelFactory

from products.models import Merchant, Product, Sku


class MerchantFactory(DjangoModelFactory[Merchant]):
    """A merchant."""

    class Meta:
        model = Merchant

    name = factory.Sequence(lambda n: f"Merchant {n}")


class ProductFactory(DjangoModelFactory[Product]):
    """A product on shelf, without any SKU."""

    class Meta:
        model = Product

    merchant = factory.SubFactory(MerchantFactory)
    name = factory.Sequence(lambda n: f"Product {n}")
    description = "What it is good for."
    images = factory.LazyFunction(lambda: ["/static/front.svg", "/static/back.svg"])


class SkuFactory(DjangoModelFactory[Sku]):
    """An active SKU at 149.99 with a stock of 100 and no limit, on shelf."""

    class Meta:
        model = Sku

    product = factory.SubFactory(ProductFactory)
    code = factory.Sequence(lambda n: f"SKU-{n}")
    attributes = factory.LazyFunction(lambda: {"颜色": "白"})
    price = Decimal("149.99")
    stock = 100

    @classmethod
    def _after_postgeneration(cls, instance: Sku, create: bool, results: Any = None) -> None:
        if create:
            # The database gave it its first revision.
            instance.refresh_from_db(fields=["revision"])
