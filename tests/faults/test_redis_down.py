"""Redis down or hanging: a 503 in time, never an empty cart, nothing changed, back at once.

The faults are a server that refuses, one behind a network that swallows everything, and a process
that is stopped (SIGSTOP). The application has its time-outs of production.
"""

import json
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone
from redis import Redis
from redis.exceptions import TimeoutError as RedisTimeoutError

from carts import tasks
from carts.models import Cart, CartChange, CartItem, PendingSettlement
from orders.tasks import settle
from tests.carts.api.test_store_down import UNAVAILABLE
from tests.carts.permanent.copies import let_idle, save_all, saved_units
from tests.carts.shopper import (
    Shopper,
    addition_of,
    item_id,
    new_guest,
    new_user,
    quantities_of,
    read_refusal,
    summary_of,
    unchanged,
)
from tests.factories import SkuFactory
from tests.faults.proxy import FaultyProxy
from tests.faults.servers import (
    PRODUCTION_TIMEOUT_SECONDS,
    OwnValkey,
    answer_in_time,
    use_redis,
    wait_until,
)
from tests.orders.buying import buy
from tests.steps import leave_unsettled

# Ten times what it takes, for a busy machine.
BACK_WITHIN_SECONDS = 20


@dataclass
class BreakableStore:
    """The URL of a Redis, and the fault that can be laid on it."""

    url: str
    fault: Callable[[], AbstractContextManager[None]]


@pytest.fixture(params=["refuse", "black_hole", "frozen"])
def store(request: pytest.FixtureRequest) -> BreakableStore:
    if request.param == "frozen":
        server: OwnValkey = request.getfixturevalue("own_valkey")
        return BreakableStore(server.url, server.frozen)
    proxy: FaultyProxy = request.getfixturevalue("proxy")
    url: str = request.getfixturevalue("proxy_url")
    return BreakableStore(url, getattr(proxy, request.param))


def in_production(store: BreakableStore) -> AbstractContextManager[None]:
    return use_redis(store.url, timeout_seconds=PRODUCTION_TIMEOUT_SECONDS)


def list_calls(user: Shopper, guest: Shopper) -> list[tuple[str, str, Any]]:
    """Return every call on the user's cart; each would succeed, and show or change something."""
    sku, other = SkuFactory.create_batch(2)
    user.add(other, 3)
    named = item_id(user.add(sku, 2), sku)
    guest.add(sku)
    return [
        ("GET", "/cart", None),
        ("GET", "/cart/summary", None),
        ("GET", "/cart/validate", None),
        ("POST", "/cart", addition_of(sku)),
        ("POST", "/cart/batch", {"items": [addition_of(sku)]}),
        ("PUT", f"/cart/item/{named}", {"quantity": 1}),
        ("PUT", "/cart/batch", {"items": [{"itemId": named, "quantity": 1}]}),
        ("PUT", "/cart/selection", {"all": True, "selected": False}),
        ("POST", "/cart/acknowledge", None),
        ("POST", "/cart/merge", {"guestSessionId": guest.owner_id}),
        ("DELETE", f"/cart/item/{named}", None),
        ("DELETE", "/cart/batch", {"itemIds": [named]}),
        ("DELETE", "/cart/clear", None),
    ]


@pytest.mark.django_db
def test_every_call_is_a_503_in_time_and_changes_nothing(store: BreakableStore) -> None:
    user, guest = new_user(), new_guest()
    with use_redis(store.url):
        calls = list_calls(user, guest)
        save_all()

        with unchanged(user, guest), in_production(store), store.fault():
            answers = [answer_in_time(partial(user.call, *call)) for call in calls]

    assert [summary_of(read_refusal(answer)) for answer in answers] == [UNAVAILABLE] * len(calls)
    assert {answer["Retry-After"] for answer in answers} == {"1"}


@dataclass
class Watch:
    """A shopper who looks at a cart again and again, and what each look was answered."""

    shopper: Shopper
    looks: list[tuple[float, int, dict[str, int]]] = field(default_factory=list)

    def run(self, is_over: threading.Event) -> None:
        while not is_over.is_set():
            response = self.shopper.call("GET", "/cart")
            envelope = json.loads(response.content)
            units = quantities_of(envelope["data"]) if response.status_code == 200 else {}
            self.looks.append((time.monotonic(), response.status_code, units))
        connection.close()

    def has_seen(self, status: int, *, since: float) -> bool:
        return any(moment > since and seen == status for moment, seen, _ in list(self.looks))

    def first_success_after(self, moment: float) -> float:
        return min(when for when, status, _ in self.looks if status == 200 and when > moment)


@pytest.mark.django_db(transaction=True)
def test_whoever_looks_meanwhile_sees_the_cart_or_a_503_and_the_cart_again_at_once(
    store: BreakableStore,
) -> None:
    sku, is_over = SkuFactory.create(), threading.Event()
    watches = [Watch(new_guest()) for _ in range(4)]
    with use_redis(store.url):
        for watch in watches:
            watch.shopper.add(sku, 3)

    def await_all(status: int) -> None:
        now = time.monotonic()
        wait_until(lambda: all(watch.has_seen(status, since=now) for watch in watches))

    with in_production(store), ThreadPoolExecutor(len(watches)) as pool:
        running = [pool.submit(watch.run, is_over) for watch in watches]
        try:
            await_all(200)
            with store.fault():
                await_all(503)
                await_all(503)
            returned = time.monotonic()
            await_all(200)
        finally:
            is_over.set()
        assert [run.result() for run in running] == [None] * len(watches)

    looks = [look for watch in watches for look in watch.looks]
    assert {status for _, status, _ in looks} == {200, 503}
    assert all(units == {sku.id: 3} for _, status, units in looks if status == 200)
    waits = [watch.first_success_after(returned) - returned for watch in watches]
    assert max(waits) < BACK_WITHIN_SECONDS


def read_rows() -> list[Any]:
    return [list(model.objects.order_by("pk").values()) for model in (Cart, CartItem, CartChange)]


@pytest.mark.django_db
def test_the_jobs_that_run_meanwhile_change_no_row(store: BreakableStore) -> None:
    idle, busy = new_guest(), new_guest()
    sku = SkuFactory.create()
    with use_redis(store.url):
        for shopper in (idle, busy):
            shopper.add(sku)
        save_all()
        let_idle(idle)
        busy.add(sku, 4)
        before = read_rows()

        with in_production(store), store.fault():
            tasks.save_changed_carts()
            tasks.save_unsaved_carts()
            tasks.sweep_carts()
            tasks.finish_merges()
            tasks.drain_changes()
        meanwhile = read_rows()
        tasks.save_changed_carts()

        assert meanwhile == before
        assert saved_units(busy) == quantities_of(busy.cart()) == {sku.id: 5}
        assert quantities_of(idle.cart()) == {sku.id: 1}


@pytest.mark.django_db
def test_an_order_that_is_to_be_settled_meanwhile_waits(
    store: BreakableStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    buyer, sku = new_guest(), SkuFactory.create()
    with use_redis(store.url):
        with monkeypatch.context() as patch:
            leave_unsettled(patch)
            buy(buyer, sku, 1)
        PendingSettlement.objects.update(created_at=timezone.now() - timedelta(minutes=1))

        with in_production(store), store.fault():
            settle()
        meanwhile = PendingSettlement.objects.count()
        settle()

        assert meanwhile == 1
        assert PendingSettlement.objects.count() == 0
        assert buyer.cart()["items"] == []


@pytest.mark.django_db(transaction=True)
def test_without_time_outs_a_call_to_a_store_that_hangs_is_not_answered(
    proxy: FaultyProxy, proxy_url: str
) -> None:
    guest, answered = new_guest(), threading.Event()
    guest.add(SkuFactory.create())

    def look() -> int:
        status: int = guest.call("GET", "/cart").status_code
        answered.set()
        return status

    with use_redis(proxy_url, timeout_seconds=600), ThreadPoolExecutor(1) as pool:
        with proxy.black_hole():
            call = pool.submit(look)
            assert not answered.wait(5 * PRODUCTION_TIMEOUT_SECONDS)
        assert call.result() == 503


def look_until_served(shopper: Shopper) -> dict[str, int]:
    """Return what the shopper sees; a busy machine may need more than one call for it."""
    while (response := shopper.call("GET", "/cart")).status_code == 503:
        continue
    return quantities_of(json.loads(response.content)["data"])


@pytest.mark.django_db
def test_a_reply_that_comes_too_late_is_not_taken_for_the_next_one(
    proxy: FaultyProxy, proxy_url: str
) -> None:
    guest, other, sku = new_guest(), new_guest(), SkuFactory.create()
    guest.add(sku, 2)
    other.add(sku, 5)

    with use_redis(proxy_url, timeout_seconds=PRODUCTION_TIMEOUT_SECONDS):
        look_until_served(guest)
        with proxy.delay(10 * PRODUCTION_TIMEOUT_SECONDS):
            late = guest.refusal("GET", "/cart")
        seen = look_until_served(other)

    assert summary_of(late) == UNAVAILABLE
    assert seen == {sku.id: 5}


def test_a_connection_kept_after_a_time_out_gives_the_reply_to_the_call_before(
    proxy: FaultyProxy, proxy_url: str
) -> None:
    """The twin: this is what dropping the connection prevents."""
    with Redis.from_url(proxy_url, socket_timeout=PRODUCTION_TIMEOUT_SECONDS) as client:
        connection = client.connection_pool.get_connection()
        with proxy.delay(10 * PRODUCTION_TIMEOUT_SECONDS):
            connection.send_command("ECHO", "first")
            with pytest.raises(RedisTimeoutError):
                connection.read_response(disconnect_on_error=False)

            connection.send_command("ECHO", "second")
            reply = connection.read_response(timeout=60)

        connection.disconnect()
        client.connection_pool.release(connection)
    assert reply == b"first"
