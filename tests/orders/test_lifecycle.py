"""Which status may follow which."""

from collections.abc import Callable
from itertools import product

import pytest
from django.utils import timezone

from orders.errors import InvalidTransition, OrderNotFound
from orders.lifecycle import (
    cancel_order,
    cancel_order_for_return,
    complete_order,
    pay_order,
    ship_order,
)
from orders.models import Order, OrderEvent, OrderStatus
from tests.carts.shopper import Shopper
from tests.factories import SkuFactory
from tests.orders.buying import buy
from tests.products.rows import read_stock

pytestmark = pytest.mark.django_db

Change = Callable[..., Order]

PATHS: dict[str, list[Change]] = {
    "PENDING": [],
    "PAID": [pay_order],
    "SHIPPED": [pay_order, ship_order],
    "COMPLETED": [pay_order, ship_order, complete_order],
    "CANCELLED": [cancel_order],
}
CHANGES: dict[Change, str] = {
    pay_order: "PAID",
    ship_order: "SHIPPED",
    complete_order: "COMPLETED",
    cancel_order: "CANCELLED",
    cancel_order_for_return: "CANCELLED",
}
ALLOWED = {
    ("PENDING", "PAID"),
    ("PENDING", "CANCELLED"),
    ("PAID", "SHIPPED"),
    ("SHIPPED", "COMPLETED"),
}


@pytest.mark.parametrize(("start", "change"), list(product(OrderStatus.values, CHANGES)))
def test_every_status_allows_only_what_follows_it(
    user: Shopper, start: str, change: Change
) -> None:
    sku = SkuFactory.create(stock=5)
    order_id = buy(user, sku, 2)["id"]
    for earlier in PATHS[start]:
        earlier(order_id=order_id, actor="staff:x", now=timezone.now())
    before = Order.objects.values().get(), OrderEvent.objects.count(), read_stock(sku)

    if (start, CHANGES[change]) not in ALLOWED:
        with pytest.raises(InvalidTransition) as refusal:
            change(order_id=order_id, actor="staff:y", now=timezone.now())
        assert (refusal.value.status, refusal.value.wanted) == (start, CHANGES[change])
        assert (Order.objects.values().get(), OrderEvent.objects.count(), read_stock(sku)) == before
        return
    change(order_id=order_id, actor="staff:y", now=timezone.now())

    event = OrderEvent.objects.last()
    assert event is not None
    assert (event.from_status, event.to_status, event.actor) == (
        start,
        CHANGES[change],
        "staff:y",
    )
    assert Order.objects.get().status == CHANGES[change]
    assert read_stock(sku) == [5 if CHANGES[change] == "CANCELLED" else 3]


def test_an_order_that_does_not_exist_changes_nothing() -> None:
    for change in CHANGES:
        with pytest.raises(OrderNotFound):
            change(order_id="missing", actor="staff:x", now=timezone.now())
