"""The cart store is down: 503 in the envelope within bounded time, never an empty cart."""

import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from copy import deepcopy
from typing import Any

import pytest
from django.conf import settings
from django.test import override_settings
from redis import Redis

from carts.live.keys import cart_key
from tests.carts.conftest import RoundTrips
from tests.carts.permanent.copies import owner_of
from tests.carts.shopper import (
    Shopper,
    addition_of,
    item_id,
    quantities_of,
    read_refusal,
    summary_of,
    unchanged,
)
from tests.factories import SkuFactory

pytestmark = pytest.mark.django_db

UNAVAILABLE = (503, "cart_store_unavailable", "Cart service is temporarily unavailable")


def _with_store_at(port: int) -> Any:
    caches = deepcopy(settings.CACHES)
    caches["carts"]["LOCATION"] = f"redis://127.0.0.1:{port}/0"
    pool = caches["carts"]["OPTIONS"]["CONNECTION_POOL_KWARGS"]
    pool["socket_timeout"] = pool["socket_connect_timeout"] = 0.3
    return override_settings(CACHES=caches)


@contextmanager
def without_store() -> Iterator[None]:
    """Have the carts' Redis refuse connections."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        with _with_store_at(unused.getsockname()[1]):
            yield


@contextmanager
def with_silent_store() -> Iterator[None]:
    """Have the carts' Redis take connections, and say nothing."""
    with socket.create_server(("127.0.0.1", 0)) as silent, _with_store_at(silent.getsockname()[1]):
        yield


CALLS: list[tuple[str, str, Any]] = [
    ("GET", "/cart", None),
    ("GET", "/cart/summary", None),
    ("GET", "/cart/validate", None),
    ("POST", "/cart", {"productId": "x", "quantity": 1}),
    ("POST", "/cart/batch", {"items": [{"productId": "x", "quantity": 1}]}),
    ("PUT", "/cart/item/x", {"quantity": 1}),
    ("DELETE", "/cart/item/x", None),
    ("PUT", "/cart/batch", {"items": [{"itemId": "x", "quantity": 1}]}),
    ("DELETE", "/cart/batch", {"itemIds": ["x"]}),
    ("DELETE", "/cart/clear", None),
    ("PUT", "/cart/selection", {"all": True, "selected": True}),
    ("POST", "/cart/acknowledge", None),
]


Fault = Callable[[], AbstractContextManager[None]]


@pytest.mark.parametrize("fault", [without_store, with_silent_store])
@pytest.mark.parametrize(("method", "path", "body"), CALLS)
def test_every_call_is_a_503_after_one_wait(
    shopper: Shopper,
    fault: Fault,
    redis_round_trips: Callable[[], AbstractContextManager[RoundTrips]],
    method: str,
    path: str,
    body: Any,
) -> None:
    with fault(), redis_round_trips() as trips:
        response = shopper.call(method, path, body)

    # No longer than the time-out of one.
    assert trips.count <= 1

    refusal = read_refusal(response)
    assert summary_of(refusal) == UNAVAILABLE
    assert refusal["data"] is None
    assert response["Retry-After"] == "1"
    assert response["Cache-Control"] == "no-store"


def spoil_version(redis: Redis, key: str) -> None:
    redis.hset(key, "@version", "none")


def spoil_line(redis: Redis, key: str) -> None:
    redis.hset(key, "c" * 24, "no line")


def spoil_type(redis: Redis, key: str) -> None:
    redis.delete(key)
    redis.set(key, "no hash at all")


Spoil = Callable[[Redis, str], None]
SPOILS = [spoil_version, spoil_line, spoil_type]


@pytest.mark.parametrize("spoil", SPOILS)
@pytest.mark.parametrize(("method", "path", "body"), CALLS)
def test_what_is_no_cart_is_a_503_until_it_is_repaired(
    shopper: Shopper, spoil: Spoil, method: str, path: str, body: Any, redis_server: Redis
) -> None:
    shopper.add(SkuFactory.create())
    key = cart_key(owner_of(shopper))
    spoil(redis_server, key)
    before = redis_server.dump(key)

    refusal = shopper.refusal(method, path, body)

    assert summary_of(refusal) == UNAVAILABLE
    assert redis_server.dump(key) == before


@pytest.mark.parametrize("spoil", SPOILS)
@pytest.mark.parametrize("whose", ["guest", "user"])
def test_a_merge_of_what_is_no_cart_is_a_503(
    guest: Shopper, user: Shopper, whose: str, spoil: Spoil, redis_server: Redis
) -> None:
    sku = SkuFactory.create()
    guest.add(sku)
    user.add(sku)
    spoil(redis_server, cart_key(owner_of(guest if whose == "guest" else user)))

    refusal = user.refusal("POST", "/cart/merge", {"guestSessionId": guest.owner_id})

    assert summary_of(refusal) == UNAVAILABLE


@pytest.mark.parametrize("fault", [without_store, with_silent_store])
def test_a_merge_is_a_503_and_changes_nothing(guest: Shopper, user: Shopper, fault: Fault) -> None:
    guest.add(SkuFactory.create())

    with unchanged(guest, user), fault():
        refusal = user.refusal("POST", "/cart/merge", {"guestSessionId": guest.owner_id})

    assert summary_of(refusal) == UNAVAILABLE


@pytest.mark.parametrize("fault", [without_store, with_silent_store])
def test_afterwards_the_cart_is_as_it_was_and_can_be_changed_at_once(
    shopper: Shopper, fault: Fault
) -> None:
    sku = SkuFactory.create()
    named = item_id(shopper.add(sku, 2), sku)

    with unchanged(shopper), fault():
        shopper.refusal("DELETE", f"/cart/item/{named}")

    assert quantities_of(shopper.add(sku)) == {sku.id: 3}


def test_a_key_sent_while_the_store_was_down_can_be_sent_again(shopper: Shopper) -> None:
    sku = SkuFactory.create()
    with without_store():
        shopper.refusal("POST", "/cart", addition_of(sku, 2), Idempotency_Key="once")

    first = shopper.call("POST", "/cart", addition_of(sku, 2), Idempotency_Key="once")
    second = shopper.call("POST", "/cart", addition_of(sku, 2), Idempotency_Key="once")

    assert (first.status_code, second["Idempotent-Replayed"]) == (200, "true")
    assert quantities_of(shopper.cart()) == {sku.id: 2}


def test_what_needs_no_cart_goes_on(guest: Shopper) -> None:
    with without_store():
        statuses = [
            guest.call(method, path).status_code
            for method, path in [("GET", "/products"), ("POST", "/auth/guest"), ("GET", "/schema")]
        ]

    assert statuses == [200, 200, 200]


def test_a_request_that_is_wrong_in_itself_is_told_so(guest: Shopper) -> None:
    with without_store():
        refusal = guest.refusal("POST", "/cart", {})

    assert refusal["code"] == 400
