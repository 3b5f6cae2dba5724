"""Rows that somebody keeps locked: who needs them is told so in time, and all others are served."""

import http.client
import json
import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from typing import Any

import pytest
from django.db import connection, transaction
from pytest_django import Settings

from carts import tasks
from orders.models import Order
from products.models import Sku
from tests.carts.permanent.copies import save_all
from tests.carts.shopper import Shopper, new_guest
from tests.config.development.test_up import find_free_port
from tests.config.project import finish, name_stores, start_python
from tests.factories import SkuFactory
from tests.faults.servers import find_children, wait_until
from tests.faults.test_worker_killed import run_worker
from tests.orders.buying import CONTACT, place_order, refuse_order

pytestmark = pytest.mark.django_db(transaction=True)

ORDERS = 6


def fetch(port: int, shopper: Shopper, path: str, body: Any = None) -> tuple[int, str, str | None]:
    """Ask the real server; return status, slug and Retry-After."""
    server = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    content = None if body is None else json.dumps(body)
    headers = shopper.headers | {"Content-Type": "application/json"}
    with closing(server):
        server.request("GET" if body is None else "POST", f"/api{path}", content, headers)
        answer = server.getresponse()
        slug = json.load(answer).get("error", {}).get("type", "")
        return answer.status, slug, answer.headers["Retry-After"]


@contextmanager
def serve() -> Iterator[int]:
    """Run the web server as production does, on the stores of this test; yield its port."""
    port = find_free_port()
    server = start_python(
        "-m", "config.server", PORT=str(port), DATABASE_LOCK_TIMEOUT_MS="500", **name_stores()
    )
    with server:
        try:
            wait_until(lambda: is_serving(port))
            yield port
        finally:
            finish(server, signal.SIGTERM)


def is_serving(port: int) -> bool:
    try:
        return fetch(port, new_guest(), "/cart")[0] == 200
    except OSError:
        return False


def test_orders_of_a_locked_sku_are_refused_in_time_while_others_are_served() -> None:
    sku, buyers, other = SkuFactory.create(), [new_guest() for _ in range(ORDERS)], new_guest()
    for buyer in (*buyers, other):
        buyer.add(sku)

    with serve() as port, ThreadPoolExecutor(ORDERS) as pool:
        with transaction.atomic():
            Sku.objects.select_for_update().get(pk=sku.pk)
            orders = [
                pool.submit(fetch, port, buyer, "/orders", {"contact": CONTACT}) for buyer in buyers
            ]
            carts = [fetch(port, other, "/cart")[0] for _ in range(3)]
            refused = [order.result() for order in orders]
        afterwards = fetch(port, buyers[0], "/orders", {"contact": CONTACT})

    assert refused == [(503, "database_busy", "1")] * ORDERS
    assert carts == [200] * 3
    assert afterwards[0] == 200
    assert Order.objects.count() == 1


@contextmanager
def saver_stopped_in_mid_save(**variables: str) -> Iterator[None]:
    """Stop a worker's process (SIGSTOP) that saves carts, and holds the locks of their rows."""
    tasks.save_changed_carts.delay()
    with run_worker(DATABASE_LOCK_TIMEOUT_MS="0", **variables) as worker:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("LOCK TABLE carts_cartitem IN EXCLUSIVE MODE")
            wait_until(is_anybody_waiting)
            [child] = find_children(worker.pid)
            os.kill(child, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(child, signal.SIGCONT)


def is_anybody_waiting() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_locks "
            "WHERE relation = 'carts_cartitem'::regclass AND NOT granted"
        )
        return bool(cursor.fetchone()[0])


@pytest.fixture
def shopper() -> Shopper:
    """A shopper whose cart has been saved, and has changed since."""
    shopper = new_guest()
    shopper.add(SkuFactory.create())
    save_all()
    shopper.add(SkuFactory.create())
    return shopper


def test_a_stopped_worker_loses_the_cart_it_was_saving(shopper: Shopper) -> None:
    with saver_stopped_in_mid_save(DATABASE_IDLE_TIMEOUT_MS="3000"):
        order = place_order(shopper)

    assert order["itemCount"] == 2


def test_without_a_bound_it_keeps_the_cart_from_being_ordered(
    shopper: Shopper, settings: Settings
) -> None:
    """The twin; the order is told so in time all the same."""
    settings.DATABASE_LOCK_TIMEOUT_MS = 200

    with saver_stopped_in_mid_save(DATABASE_IDLE_TIMEOUT_MS="0"):
        refusal = refuse_order(shopper)

    assert refusal["error"]["type"] == "database_busy"
    assert Order.objects.count() == 0
