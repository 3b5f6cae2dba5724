"""Holding SKUs: what a sale has read does not change before it is over."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import OperationalError, connection, transaction
from pytest_django import DjangoAssertNumQueries

from products.models import Merchant, Product, Sku
from products.stock import hold_offers
from tests.factories import SkuFactory
from tests.products.rows import take_units
from tests.products.threads import run_together

BUYER = "user:u1"

CHANGES: dict[str, Callable[[Sku], Any]] = {
    "price": lambda sku: Sku.objects.filter(pk=sku.pk).update(price=1),
    "stock": lambda sku: Sku.objects.filter(pk=sku.pk).update(stock=1),
    "limit": lambda sku: Sku.objects.filter(pk=sku.pk).update(purchase_limit=1),
    "active": lambda sku: Sku.objects.filter(pk=sku.pk).update(is_active=False),
    "name": lambda sku: Product.objects.filter(pk=sku.product_id).update(name="New"),
    "shelf": lambda sku: Product.objects.filter(pk=sku.product_id).update(status=0),
    "deleted": lambda sku: Product.objects.filter(pk=sku.product_id).update(is_deleted=True),
    "description": lambda sku: Product.objects.filter(pk=sku.product_id).update(description="New"),
    "merchant's name": lambda sku: Merchant.objects.update(name="New"),
    "all on shelf": lambda sku: Product.objects.update(status=0),
}


def try_to_change(change: Callable[[Sku], Any], sku: Sku) -> str:
    """Change in a transaction of another connection, which waits 200 ms at the most."""

    def run(_: int) -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL lock_timeout = '200ms'")
            change(sku)

    [outcome] = run_together(run, [0], threads=1)
    return "waits" if isinstance(outcome, OperationalError) else "done"


@pytest.mark.django_db
def test_offers_are_held_in_two_queries(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    skus = SkuFactory.create_batch(3, purchase_limit=5)
    take_units(buyer=BUYER, units={skus[0].id: 2})

    with django_assert_num_queries(2):
        offers = hold_offers(sku_ids=[sku.id for sku in skus], buyer=BUYER)

    assert {sku_id: offer.bought for sku_id, offer in offers.items()} == {
        skus[0].id: 2,
        skus[1].id: 0,
        skus[2].id: 0,
    }
    assert offers[skus[0].id].stock == 98


@pytest.mark.django_db
def test_unknown_skus_are_left_out() -> None:
    assert hold_offers(sku_ids=["missing"], buyer=BUYER) == {}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("name", CHANGES)
def test_what_is_held_changes_only_afterwards(name: str) -> None:
    sku = SkuFactory.create()

    with transaction.atomic():
        hold_offers(sku_ids=[sku.id], buyer=BUYER)
        meanwhile = try_to_change(CHANGES[name], sku)
    afterwards = try_to_change(CHANGES[name], sku)

    assert (meanwhile, afterwards) == ("waits", "done")


@pytest.mark.django_db(transaction=True)
def test_what_is_not_held_may_change() -> None:
    held, other = SkuFactory.create(), SkuFactory.create()

    with transaction.atomic():
        hold_offers(sku_ids=[held.id], buyer=BUYER)
        outcomes = [
            try_to_change(CHANGES["price"], other),
            try_to_change(CHANGES["shelf"], other),
            try_to_change(lambda sku: SkuFactory.create(product=sku.product), held),
        ]

    assert outcomes == ["done", "done", "done"]
