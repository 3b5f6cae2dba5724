"""What an order costs, whatever the number of its lines."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.carts.conftest import RoundTrips
from tests.carts.shopper import Shopper, addition_of
from tests.factories import SkuFactory
from tests.orders.buying import CONTACT

pytestmark = pytest.mark.django_db


def fill_cart(shopper: Shopper, lines: int) -> None:
    skus = SkuFactory.create_batch(lines, purchase_limit=50)
    shopper.data("POST", "/cart/batch", {"items": [addition_of(sku) for sku in skus]})


def count_queries(shopper: Shopper, body: Any, **headers: str) -> int:
    """Order, and count the queries but for those that only mark the transactions of this test."""
    with CaptureQueriesContext(connection) as captured:
        shopper.data("POST", "/orders", {"contact": CONTACT} | body, **headers)
    statements = [query["sql"] for query in captured.captured_queries]
    return sum("SAVEPOINT" not in statement for statement in statements)


def test_an_order_takes_the_same_queries_for_any_number_of_lines(shopper: Shopper) -> None:
    fill_cart(shopper, 2)
    count_queries(shopper, {})
    counts = []
    for lines in (1, 5, 50):
        fill_cart(shopper, lines)
        counts.append(count_queries(shopper, {}))

    assert counts == [counts[0]] * 3
    # A guest's contact takes one more, and what waits for payment two.
    assert counts[0] <= 33


def test_a_key_adds_four_queries(user: Shopper) -> None:
    fill_cart(user, 2)
    plain = count_queries(user, {})
    fill_cart(user, 2)

    assert count_queries(user, {}, idempotency_key="k1") == plain + 4


def test_an_order_takes_the_same_round_trips_to_redis_for_any_number_of_lines(
    user: Shopper, redis_round_trips: Callable[[], AbstractContextManager[RoundTrips]]
) -> None:
    fill_cart(user, 2)
    count_queries(user, {})
    counts = []
    for lines in (1, 5, 50):
        fill_cart(user, lines)
        with redis_round_trips() as trips:
            user.data("POST", "/orders")
        counts.append(trips.count)

    assert counts == [counts[0]] * 3
