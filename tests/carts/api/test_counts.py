"""What a call costs: round trips to Redis and queries, whatever the size of the cart.

Every call is made once before it is measured: the first one of a process opens connections, and
the first use of a script sends the server its text.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from products.models import Sku
from tests.carts.conftest import RoundTrips
from tests.carts.shopper import Shopper, addition_of, new_guest, new_user
from tests.factories import ProductFactory, SkuFactory

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("_no_limits")]


@dataclass
class Cost:
    """Round trips to Redis and SQL queries of a block."""

    round_trips: int = -1
    queries: int = -1


Measure = Callable[[], AbstractContextManager[Cost]]


@pytest.fixture
def measure(redis_round_trips: Callable[[], AbstractContextManager[RoundTrips]]) -> Measure:
    """A maker of meters."""

    @contextmanager
    def run() -> Iterator[Cost]:
        cost = Cost()
        with redis_round_trips() as trips, CaptureQueriesContext(connection) as queries:
            yield cost
        cost.round_trips, cost.queries = trips.count, len(queries)

    return run


def fill(shopper: Shopper, size: int) -> list[Sku]:
    """Give the shopper a cart of this many lines."""
    skus: list[Sku] = SkuFactory.create_batch(size, product=ProductFactory.create())
    for start in range(0, size, 100):
        items = [addition_of(sku) for sku in skus[start : start + 100]]
        shopper.data("POST", "/cart/batch", {"items": items})
    return skus


@pytest.mark.parametrize("path", ["/cart", "/cart/summary", "/cart/validate"])
@pytest.mark.parametrize("size", [1, 5, 50, 200])
def test_reading_costs_one_round_trip_and_one_query_whatever_the_size(
    shopper: Shopper, measure: Measure, size: int, path: str
) -> None:
    fill(shopper, size)
    shopper.data("GET", path)

    with measure() as cost:
        shopper.data("GET", path)

    assert cost == Cost(round_trips=1, queries=1)


@pytest.mark.parametrize("size", [1, 5, 50, 200])
def test_adding_costs_two_round_trips_and_one_query_whatever_the_size(
    shopper: Shopper, measure: Measure, size: int
) -> None:
    sku = fill(shopper, size)[0]
    shopper.add(sku)

    with measure() as cost:
        shopper.add(sku)

    assert cost == Cost(round_trips=2, queries=1)


@pytest.mark.parametrize("path", ["/cart", "/cart/batch"])
def test_an_idempotency_key_adds_one_round_trip(
    shopper: Shopper, measure: Measure, path: str
) -> None:
    addition = addition_of(fill(shopper, 5)[0])
    body = addition if path == "/cart" else {"items": [addition]}
    shopper.data("POST", path, body, Idempotency_Key="warm-up")

    with measure() as cost:
        shopper.data("POST", path, body, Idempotency_Key="first")
    with measure() as replay:
        shopper.data("POST", path, body, Idempotency_Key="first")

    assert cost == Cost(round_trips=3, queries=1)
    assert replay == Cost(round_trips=2, queries=1)


def add_batch(shopper: Shopper, lines: list[Any]) -> None:
    names = ("productId", "skuId", "quantity")
    items = [{name: line[name] for name in names} for line in lines]
    shopper.data("POST", "/cart/batch", {"items": items})


def set_quantity(shopper: Shopper, lines: list[Any]) -> None:
    shopper.data("PUT", f"/cart/item/{lines[0]['id']}", {"quantity": lines[0]["quantity"] + 1})


def set_quantities(shopper: Shopper, lines: list[Any]) -> None:
    items = [{"itemId": line["id"], "quantity": line["quantity"] + 1} for line in lines]
    shopper.data("PUT", "/cart/batch", {"items": items})


def remove_line(shopper: Shopper, lines: list[Any]) -> None:
    shopper.data("DELETE", f"/cart/item/{lines[0]['id']}")


def remove_lines(shopper: Shopper, lines: list[Any]) -> None:
    shopper.data("DELETE", "/cart/batch", {"itemIds": [line["id"] for line in lines[:2]]})


def select_lines(shopper: Shopper, lines: list[Any]) -> None:
    _select(shopper, lines, itemIds=[line["id"] for line in lines])


def select_merchant(shopper: Shopper, lines: list[Any]) -> None:
    _select(shopper, lines, merchantId=lines[0]["product"]["merchant"]["id"])


def select_all(shopper: Shopper, lines: list[Any]) -> None:
    _select(shopper, lines, all=True)


def _select(shopper: Shopper, lines: list[Any], **which: Any) -> None:
    shopper.data("PUT", "/cart/selection", which | {"selected": not lines[0]["selected"]})


def acknowledge(shopper: Shopper, lines: list[Any]) -> None:
    shopper.data("POST", "/cart/acknowledge", {"itemIds": [line["id"] for line in lines]})


WRITES = [
    add_batch,
    set_quantity,
    set_quantities,
    remove_line,
    remove_lines,
    select_lines,
    select_merchant,
    select_all,
    acknowledge,
]


@pytest.mark.parametrize("size", [5, 100])
@pytest.mark.parametrize("write", WRITES)
def test_other_writes_cost_two_round_trips_and_one_query(
    shopper: Shopper, measure: Measure, write: Callable[[Shopper, list[Any]], None], size: int
) -> None:
    fill(shopper, size)
    write(shopper, shopper.cart()["items"])
    lines = shopper.cart()["items"]

    with measure() as cost:
        write(shopper, lines)

    assert cost == Cost(round_trips=2, queries=1)


def test_clearing_costs_two_round_trips_and_no_query(shopper: Shopper, measure: Measure) -> None:
    fill(shopper, 5)
    shopper.data("DELETE", "/cart/clear")

    with measure() as cost:
        shopper.data("DELETE", "/cart/clear")

    assert cost == Cost(round_trips=2, queries=0)


def test_a_price_that_has_changed_costs_one_query_more_to_read(
    shopper: Shopper, measure: Measure
) -> None:
    fill(shopper, 5)
    Sku.objects.update(price="1.00")
    shopper.cart()

    with measure() as cost:
        shopper.cart()

    assert cost == Cost(round_trips=1, queries=2)


def test_merging_costs_the_same_whatever_the_size_of_the_carts(measure: Measure) -> None:
    """Both carts are saved on the way; the first merge of the test warms up."""
    costs = []
    for size in (5, 5, 90):
        guest, user = new_guest(), new_user()
        fill(guest, size)
        fill(user, size)
        with measure() as cost:
            user.data("POST", "/cart/merge", {"guestSessionId": guest.owner_id})
        costs.append(cost)

    assert costs[1] == costs[2]
