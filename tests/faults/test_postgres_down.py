"""PostgreSQL stopped, killed or hanging: a 503 in time, nothing lost, and saved once it is back."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from typing import Any

import pytest
from django.db import close_old_connections, connection
from django.test import Client
from pytest_django import Settings
from redis import Redis

from carts import tasks
from tests.carts.permanent.copies import lose_hash, save_all, saved_units
from tests.carts.shopper import (
    Shopper,
    addition_of,
    new_guest,
    new_user,
    quantities_of,
    read_refusal,
    summary_of,
)
from tests.factories import SkuFactory
from tests.faults.servers import OwnPostgres, answer_in_time, use_database

pytestmark = pytest.mark.usefixtures("database")

UNAVAILABLE = (503, "database_unavailable", "Service is temporarily unavailable")
STATEMENT_SECONDS = 2
UNBOUNDED_SECONDS = 4


class ServedClient(Client):
    """A client whose requests begin and end as on a server: without connections that failed."""

    def generic(self, *args: Any, **kwargs: Any) -> Any:
        close_old_connections()
        try:
            return super().generic(*args, **kwargs)
        finally:
            close_old_connections()


def serve(shopper: Shopper) -> Shopper:
    return Shopper(shopper.owner_id, shopper.headers, ServedClient())


@pytest.fixture
def database(transactional_db: None, own_postgres: OwnPostgres) -> Iterator[OwnPostgres]:
    timeout_ms = STATEMENT_SECONDS * 1_000
    with use_database(own_postgres.url, statement_timeout_ms=timeout_ms):
        yield own_postgres


@contextmanager
def stopped(server: OwnPostgres) -> Iterator[None]:
    server.stop()
    try:
        yield
    finally:
        server.start()


@contextmanager
def killed(server: OwnPostgres) -> Iterator[None]:
    server.kill()
    try:
        yield
    finally:
        server.start()


Fault = Callable[[OwnPostgres], AbstractContextManager[None]]


@pytest.mark.parametrize("fault", [stopped, killed, OwnPostgres.frozen])
def test_calls_are_a_503_in_time_and_nothing_is_lost(
    database: OwnPostgres, redis_server: Redis, fault: Fault
) -> None:
    sku, late = SkuFactory.create_batch(2)
    shopper, lost = serve(new_user()), serve(new_guest())
    for each in (shopper, lost):
        each.add(sku, 2)
    save_all()
    lose_hash(redis_server, lost)
    shopper.add(late, 3)
    before = shopper.cart()
    calls = [
        partial(shopper.call, "GET", "/cart"),
        partial(shopper.call, "POST", "/cart", addition_of(sku)),
        # It must not look as if there were no cart, either.
        partial(lost.call, "GET", "/cart"),
    ]

    with fault(database):
        answers = [answer_in_time(call) for call in calls]
        tasks.save_changed_carts()
    close_old_connections()

    assert [summary_of(read_refusal(answer)) for answer in answers] == [UNAVAILABLE] * len(calls)
    assert {answer["Retry-After"] for answer in answers} == {"1"}
    assert shopper.cart() == before
    assert quantities_of(lost.cart()) == saved_units(lost) == {sku.id: 2}
    assert saved_units(shopper) == {sku.id: 2}
    tasks.save_changed_carts()
    assert saved_units(shopper) == {sku.id: 2, late.id: 3}
    assert redis_server.zcard("cart:dirty") == 0


def test_without_a_bound_a_call_to_a_database_that_hangs_is_not_answered(
    database: OwnPostgres, settings: Settings
) -> None:
    """The twin: the server's own limit on statements hangs with it."""
    shopper, answered = new_guest(), threading.Event()
    shopper.add(SkuFactory.create())
    settings.DATABASE_STATEMENT_TIMEOUT_MS = 0

    def look() -> None:
        shopper.call("GET", "/cart")
        answered.set()

    with ThreadPoolExecutor(1) as pool:
        pool.submit(shopper.cart).result()
        with database.frozen():
            call = pool.submit(look)
            assert not answered.wait(UNBOUNDED_SECONDS)
        call.result()
        pool.submit(lambda: connection.close()).result()
