"""Replies of Redis that are lost after it has done what was asked: was the change made or not?

A client that sends its request again with the same Idempotency-Key need not know.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from django_redis import get_redis_connection
from pytest_django import Settings
from redis import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from orders.models import Order
from orders.settlement import settle_orders
from products.models import Sku
from tests.carts.shopper import Shopper, addition_of, new_guest, new_user, quantities_of
from tests.factories import SkuFactory
from tests.faults.proxy import FaultyProxy
from tests.faults.servers import use_redis
from tests.orders.buying import CONTACT
from tests.products.rows import read_stock
from tests.products.threads import PATIENCE_SECONDS, run_together
from tests.steps import wait_for_answers

DEVICES = 16
ADDITIONS = 25
LOST_EVERY = 12
REPEATED = 15

# The headers of a device's addition, told by the numbers of both.
Headers = Callable[[int, int], dict[str, str]]


@pytest.fixture
def _store_behind_proxy(proxy_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    # A request whose reply is lost fails at once here, so a repeat need not wait for it as long.
    wait_for_answers(monkeypatch, milliseconds=200)
    with use_redis(proxy_url):
        yield


@pytest.fixture
def _lossy_store(_store_behind_proxy: None, proxy: FaultyProxy) -> Iterator[None]:
    with proxy.drop_replies(every=LOST_EVERY):
        yield


def post_until_done(
    shopper: Shopper, path: str, body: dict[str, Any], **headers: str
) -> Counter[int]:
    """Send a request again until it succeeds; return the statuses on the way."""
    statuses: Counter[int] = Counter()
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not statuses[200]:
        assert time.monotonic() < deadline
        response = shopper.call("POST", path, body, **headers)
        assert response.status_code in {200, 409, 503}, response.content
        statuses[response.status_code] += 1
        if response.status_code == 409:
            # The first request with this key may still be under way.
            time.sleep(0.05)
    return statuses


def add_from_all_devices(guest: Shopper, sku: Sku, headers: Headers) -> Counter[int]:
    """Add a unit from each device again and again, all at once; return the statuses."""

    def add_many(number: int) -> Counter[int]:
        device = Shopper(guest.owner_id, guest.headers)
        statuses = (
            post_until_done(device, "/cart", addition_of(sku), **headers(number, addition))
            for addition in range(ADDITIONS)
        )
        return sum(statuses, Counter())

    total: Counter[int] = Counter()
    for outcome in run_together(add_many, range(DEVICES), threads=DEVICES):
        assert isinstance(outcome, Counter), outcome
        total += outcome
    return total


def units_in_store(shopper: Shopper) -> dict[str, int]:
    while (response := shopper.call("GET", "/cart")).status_code == 503:
        continue
    return quantities_of(response.json()["data"])


@pytest.mark.usefixtures("_no_limits", "_lossy_store")
@pytest.mark.django_db(transaction=True)
def test_additions_repeated_with_their_keys_are_counted_once() -> None:
    guest, sku = new_guest(), SkuFactory.create(stock=10_000)

    statuses = add_from_all_devices(
        guest, sku, lambda device, addition: {"Idempotency_Key": f"{device}-{addition}"}
    )

    assert statuses[200] == DEVICES * ADDITIONS
    assert statuses[503] > 0
    assert units_in_store(guest) == {sku.id: DEVICES * ADDITIONS}


@pytest.mark.usefixtures("_no_limits", "_lossy_store")
@pytest.mark.django_db(transaction=True)
def test_additions_repeated_without_a_key_are_counted_too_often() -> None:
    guest, sku = new_guest(), SkuFactory.create(stock=10_000)

    statuses = add_from_all_devices(guest, sku, lambda *_: {})

    assert statuses[200] == DEVICES * ADDITIONS
    assert DEVICES * ADDITIONS < units_in_store(guest)[sku.id] <= statuses.total()


@pytest.mark.usefixtures("_no_limits", "_store_behind_proxy")
@pytest.mark.django_db(transaction=True)
def test_merges_repeated_until_they_are_acknowledged_move_every_unit_once(
    proxy: FaultyProxy, settings: Settings
) -> None:
    settings.RATE_LIMIT_MERGE = 0
    user, sku = new_user(), SkuFactory.create(stock=10_000)
    guests = [new_guest() for _ in range(REPEATED)]
    for guest in guests:
        guest.add(sku, 3)

    with proxy.drop_replies(every=LOST_EVERY):
        statuses = [
            post_until_done(user, "/cart/merge", {"guestSessionId": guest.owner_id})
            for guest in guests
        ]

    assert sum(statuses, Counter())[503] > 0
    assert quantities_of(user.cart()) == {sku.id: 3 * REPEATED}
    assert [guest.cart()["items"] for guest in guests] == [[]] * REPEATED


@pytest.mark.usefixtures("_no_limits", "_store_behind_proxy")
@pytest.mark.django_db(transaction=True)
def test_orders_repeated_with_their_keys_are_placed_and_settled_once(
    proxy: FaultyProxy, settings: Settings
) -> None:
    settings.RATE_LIMIT_ORDERS = settings.RATE_LIMIT_ORDERS_PER_ADDRESS = 0
    settings.ORDER_MAX_PENDING_PER_ADDRESS = 0
    sku = SkuFactory.create(stock=1_000)
    buyers = [new_user() for _ in range(REPEATED)]
    for buyer in buyers:
        buyer.add(sku, 3)

    with proxy.drop_replies(every=LOST_EVERY):
        statuses = [
            post_until_done(buyer, "/orders", {"contact": CONTACT}, Idempotency_Key="once")
            for buyer in buyers
        ]
    settle_orders(now=timezone.now() + timedelta(minutes=1))

    assert sum(statuses, Counter())[503] > 0
    assert list(Order.objects.values_list("item_count", flat=True)) == [3] * REPEATED
    assert read_stock(sku) == [1_000 - 3 * REPEATED]
    assert [buyer.cart()["items"] for buyer in buyers] == [[]] * REPEATED


INCREMENTS = 100


def increment(client: Any) -> int:
    """Ask for so many increments of a counter; return how many of them were acknowledged."""
    acknowledged = 0
    for _ in range(INCREMENTS):
        with suppress(RedisConnectionError):
            client.hincrby("counted", "increments", 1)
            acknowledged += 1
    return acknowledged


@pytest.mark.usefixtures("_lossy_store")
def test_the_applications_client_sends_nothing_twice(redis_server: Redis) -> None:
    acknowledged = increment(get_redis_connection("carts"))

    assert acknowledged < INCREMENTS
    assert acknowledged <= int(redis_server.hget("counted", "increments") or 0) <= INCREMENTS


@pytest.mark.usefixtures("_lossy_store")
def test_a_client_with_its_own_retries_sends_some_changes_twice(
    redis_server: Redis, proxy: FaultyProxy
) -> None:
    database = redis_server.connection_pool.connection_kwargs["db"]
    with Redis("127.0.0.1", proxy.port, db=database) as client:
        acknowledged = increment(client)

    assert acknowledged == INCREMENTS
    assert int(redis_server.hget("counted", "increments") or 0) > INCREMENTS
