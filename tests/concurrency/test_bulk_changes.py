"""Prices and stocks changed in bulk beside buyers of the same SKUs: nobody is refused for it.

Others write their jobs as they like: the price job locks in an order of its own, and deadlocks.
"""

import random
from collections import Counter
from collections.abc import Callable, Sequence
from decimal import Decimal
from itertools import count
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone
from psycopg.errors import DeadlockDetected

from carts.domain.cart import Cart
from carts.models import PendingSettlement
from config.stores.database import change_rows, in_transaction
from orders.models import Order
from orders.selling import OrderDraft, sell
from products.models import Product, Sku, StockReason
from products.stock import Cause, adjust
from tests.accounts.programs import new_program
from tests.concurrency.test_checkout_scarcity import count_deadlocks, fill_cart, save_empty_carts
from tests.factories import SkuFactory
from tests.products.threads import run_together
from tests.steps import begin_at_most

pytestmark = pytest.mark.django_db(transaction=True)

BUYERS = 3
ORDERS = 25
STOCK = 10_000
DELIVERY = Cause(StockReason.DELIVERY, "", "staff:1")


@pytest.fixture(autouse=True)
def _begins_again_until_it_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no bad luck end what begins again; a shop gives up earlier."""
    begin_at_most(monkeypatch, times=50)


def buy(cart: Cart, skus: Sequence[Sku]) -> None:
    dice = random.Random(cart.id)
    for _ in range(ORDERS):
        sell(cart=fill_cart(cart, skus, dice), draft=OrderDraft(), now=timezone.now())
        PendingSettlement.objects.filter(owner=cart.owner.key).delete()


# Each differs from all before it, so that every one is a change.
PRICES = count(1_000)


@in_transaction
def change_prices(skus: Sequence[Sku]) -> None:
    for sku in reversed(skus):
        Sku.objects.filter(pk=sku.pk).update(price=Decimal(random.randint(100, 999)))


def deliver(skus: Sequence[Sku]) -> None:
    for sku in reversed(skus):
        adjust(sku_id=sku.pk, units=1, cause=DELIVERY, now=timezone.now())


def rename_products(skus: Sequence[Sku]) -> None:
    """Have the triggers renew what the SKUs show of their products."""
    change_rows(Product.objects.all(), name=f"Product {random.random()}")


def limit_purchases(skus: Sequence[Sku]) -> None:
    change_rows(Sku.objects.order_by("-id"), purchase_limit=random.choice([None, STOCK]))


def write_stocks(skus: Sequence[Sku]) -> None:
    call("stock", {"deltas": [{"code": sku.code, "units": 1} for sku in reversed(skus)]})


def write_prices(skus: Sequence[Sku]) -> None:
    prices = [{"code": sku.code, "price": next(PRICES)} for sku in reversed(skus)]
    call("prices", {"prices": prices})


def write_products(skus: Sequence[Sku]) -> None:
    """Rename products and give their SKUs prices, as one that knows no stock does."""
    products = [
        {
            "externalId": sku.product.external_id,
            "name": f"Product {random.random()}",
            "skus": [{"code": sku.code, "price": next(PRICES)}],
        }
        for sku in reversed(skus)
    ]
    call("products", {"products": products})


def call(what: str, body: Any) -> None:
    data = new_program().data("PUT", f"/catalogue/{what}", body)
    assert [each["outcome"] for each in data["results"]] == ["changed"] * len(data["results"])


def run_beside(job: Callable[[Sequence[Sku]], None], skus: Sequence[Sku]) -> list[Any]:
    """Let the buyers order beside a job that is repeated until they are done."""
    carts = save_empty_carts()[:BUYERS]
    buying = Counter(carts)

    def take_part(cart: Cart | None) -> None:
        # A deadlock would last a second otherwise.
        run("SET deadlock_timeout = '30ms'")
        if cart is None:
            while buying:
                job(skus)
            return
        try:
            buy(cart, skus)
        finally:
            del buying[cart]

    return run_together(take_part, [*carts, None], threads=BUYERS + 1)


@pytest.fixture
def skus() -> list[Sku]:
    made = [SkuFactory.create(stock=STOCK, product__external_id=f"p-{n}") for n in range(5)]
    return sorted(made, key=lambda sku: sku.pk)


def test_orders_beside_price_changes_begin_again_and_are_all_placed(skus: list[Sku]) -> None:
    deadlocks = count_deadlocks()

    outcomes = run_beside(change_prices, skus)

    assert outcomes == [None] * (BUYERS + 1)
    assert Order.objects.count() == BUYERS * ORDERS
    assert count_deadlocks() > deadlocks


def test_without_a_second_beginning_they_are_refused(
    skus: list[Sku], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The twin."""
    begin_at_most(monkeypatch, times=1)

    outcomes = run_beside(change_prices, skus)

    assert DeadlockDetected in {type(outcome.__cause__) for outcome in outcomes if outcome}


@pytest.mark.parametrize(
    "job",
    [deliver, rename_products, limit_purchases, write_stocks, write_prices, write_products],
)
def test_what_locks_in_id_order_deadlocks_with_no_order(
    skus: list[Sku], job: Callable[[Sequence[Sku]], None]
) -> None:
    deadlocks = count_deadlocks()

    outcomes = run_beside(job, skus)

    assert outcomes == [None] * (BUYERS + 1)
    assert Order.objects.count() == BUYERS * ORDERS
    assert count_deadlocks() == deadlocks


def run(sql: str, *parameters: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
