"""A job whose entry somebody else holds the rows of goes on with the others."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event

import pytest
from django.db import OperationalError, connection, transaction
from django.utils import timezone
from pytest_django import Settings

from carts import jobs
from orders.lifecycle import cancel_expired_orders
from orders.models import Order
from products.models import Sku
from tests.carts.shopper import new_guest
from tests.config.admin.figures import grows
from tests.factories import SkuFactory
from tests.orders.buying import buy
from tests.products.rows import read_stock
from tests.products.threads import PATIENCE_SECONDS

pytestmark = pytest.mark.django_db(transaction=True)


@contextmanager
def held(sku: Sku) -> Iterator[None]:
    """Hold the row of a SKU in an open transaction of another connection."""
    is_held, may_end = Event(), Event()

    def hold() -> None:
        with transaction.atomic():
            Sku.objects.select_for_update().get(pk=sku.pk)
            is_held.set()
            may_end.wait(PATIENCE_SECONDS)
        connection.close()

    with ThreadPoolExecutor(1) as pool:
        holding = pool.submit(hold)
        try:
            assert is_held.wait(PATIENCE_SECONDS)
            yield
        finally:
            may_end.set()
        holding.result()


@pytest.fixture
def skus(settings: Settings) -> list[Sku]:
    """Return two SKUs, of each of which an order was not paid in time."""
    settings.DATABASE_LOCK_TIMEOUT_MS = 100
    skus = SkuFactory.create_batch(2, stock=9)
    for sku in skus:
        buy(new_guest(), sku)
    Order.objects.update(expires_at=timezone.now())
    return skus


@pytest.mark.parametrize("index", [0, 1], ids=["first", "second"])
def test_an_order_whose_sku_is_locked_does_not_hold_up_the_others(
    skus: list[Sku], index: int
) -> None:
    with held(skus[index]), grows("cart_job_failures_total", job="cancel_unpaid_orders", by=1):
        cancelled = cancel_expired_orders(now=timezone.now())

    assert cancelled == 1
    assert read_stock(skus[index], skus[1 - index]) == [8, 9]


def test_without_isolation_a_locked_sku_ends_the_run(
    skus: list[Sku], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "_concerns_all", lambda error: True)

    with held(skus[0]), held(skus[1]), pytest.raises(OperationalError):
        cancel_expired_orders(now=timezone.now())
